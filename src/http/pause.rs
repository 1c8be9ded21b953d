//! `POST /pause`, `POST /resume` and `GET /pauses`: the switch for an incident, for operators.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use serde::{Deserialize, Serialize};

use super::body::{Object, Presence, a_text, invalid_body, json_bytes, parse};
use super::fault::Fault;
use super::log_fields;
use super::permit::Requester;
use crate::domain::excerpt;
use crate::sync::{Pause, PauseAnswer, Syncs};

/// Characters of a reason.
const MAX_REASON_CHARACTERS: usize = 500;

/// Why.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PauseRequest {
    #[serde(default, deserialize_with = "a_text")]
    reason: Option<String>,
}

/// The last pauses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PauseList {
    paused: bool,
    pauses: Vec<Pause>,
}

/// Why the service is paused: no pause without a reason.
#[derive(Debug)]
pub(super) struct PauseReason(String);

/// Why it continues, if somebody says so.
#[derive(Debug)]
pub(super) struct ResumeReason(Option<String>);

impl<S: Sync> FromRequest<S> for PauseReason {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let reason = reason(&json_bytes(request, Presence::Required).await?)?;
        let missing =
            "`reason` is missing; say why, for those who read it later: {\"reason\": \"…\"}";
        reason.map(Self).ok_or_else(|| invalid_body(missing))
    }
}

impl<S: Sync> FromRequest<S> for ResumeReason {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        reason(&json_bytes(request, Presence::Optional).await?).map(Self)
    }
}

/// `POST /pause`: no run begins any more.
pub(super) async fn pause(
    State(syncs): State<Syncs>,
    asker: Requester,
    PauseReason(reason): PauseReason,
) -> Result<Json<PauseAnswer>, Fault> {
    log_fields::set_parameters(format!("reason={reason}"));
    let pause = syncs.pause(asker.name().as_deref(), &reason).await?;
    Ok(Json(PauseAnswer { paused: true, pause: Some(pause) }))
}

/// `POST /resume`: runs begin again.
pub(super) async fn resume(
    State(syncs): State<Syncs>,
    asker: Requester,
    ResumeReason(reason): ResumeReason,
) -> Result<Json<PauseAnswer>, Fault> {
    log_fields::set_parameters(
        reason.as_ref().map_or_else(String::new, |reason| format!("reason={reason}")),
    );
    let pause = syncs.resume(asker.name().as_deref(), reason.as_deref()).await?;
    Ok(Json(PauseAnswer { paused: false, pause }))
}

/// `GET /pauses`: the newest first.
pub(super) async fn list(State(syncs): State<Syncs>) -> Result<Json<PauseList>, Fault> {
    let pauses = syncs.pauses().await?;
    Ok(Json(PauseList { paused: pauses.iter().any(|pause| pause.resumed_at.is_none()), pauses }))
}

/// The reason in a body; a blank one is none.
fn reason(bytes: &[u8]) -> Result<Option<String>, Fault> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Object(PauseRequest { reason }) = parse(bytes)?;
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    match reason {
        Some(reason) if reason.chars().count() > MAX_REASON_CHARACTERS => Err(invalid_body(
            format!("`reason` has more than {MAX_REASON_CHARACTERS} characters; shorten it"),
        )),
        // It is read at a terminal or in the log.
        reason => Ok(reason.map(|reason| excerpt::sentence(&reason))),
    }
}
