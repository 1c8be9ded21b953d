//! `POST /pause`, `POST /resume` and `GET /pauses`: the switch for an incident, for operators.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

use super::body::{Object, Presence, json_bytes, parse};
use super::fault::Fault;
use super::notes;
use super::permit::asker;
use super::wait::database_unavailable;
use crate::domain::shown;
use crate::sync::{Pause, Syncs};

/// Characters of a reason.
const LONGEST_REASON: usize = 500;

/// Why.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PauseRequest {
    #[serde(default, deserialize_with = "a_text")]
    reason: Option<String>,
}

/// What is there is a text, and not null.
fn a_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Whether the service is paused, and the pause that this is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PauseAnswer {
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<Pause>,
}

/// The last pauses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PauseList {
    paused: bool,
    pauses: Vec<Pause>,
}

/// `POST /pause`: no run begins any more.
pub(super) async fn pause(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Json<PauseAnswer>, Fault> {
    let asker = asker(&request);
    let reason = reason(&json_bytes(request, Presence::Required).await?)?;
    let missing = || {
        invalid(
            "`reason` is missing; say why, for whoever reads it later: {\"reason\": \"…\"}"
                .to_owned(),
        )
    };
    let reason = reason.ok_or_else(missing)?;
    notes::set_parameters(format!("reason={reason}"));
    let pause = syncs
        .pause(asker.name().as_deref(), &reason)
        .await
        .map_err(|error| database_unavailable(&error))?;
    Ok(Json(PauseAnswer { paused: true, pause: Some(pause) }))
}

/// `POST /resume`: runs begin again.
pub(super) async fn resume(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Json<PauseAnswer>, Fault> {
    let asker = asker(&request);
    let reason = reason(&json_bytes(request, Presence::Optional).await?)?;
    notes::set_parameters(
        reason.as_ref().map_or_else(String::new, |reason| format!("reason={reason}")),
    );
    let pause = syncs
        .resume(asker.name().as_deref(), reason.as_deref())
        .await
        .map_err(|error| database_unavailable(&error))?;
    Ok(Json(PauseAnswer { paused: false, pause }))
}

/// `GET /pauses`: the newest first.
pub(super) async fn list(State(syncs): State<Syncs>) -> Result<Json<PauseList>, Fault> {
    let pauses = syncs.pauses().await.map_err(|error| database_unavailable(&error))?;
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
        Some(reason) if reason.chars().count() > LONGEST_REASON => {
            Err(invalid(format!("`reason` has more than {LONGEST_REASON} characters; shorten it")))
        }
        // Whoever reads it reads it at a terminal, or in the log.
        reason => Ok(reason.map(|reason| shown::sentence(&reason))),
    }
}

fn invalid(message: String) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", message)
}
