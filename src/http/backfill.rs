//! `/verifications/{verificationId}/backfill`: the sync of what a verification named, for operators;
//! viewers look at what became of it.

use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::body::{NoBody, Object, Presence, invalid_body, json_bytes, parse};
use super::fault::Fault;
use super::log_fields;
use super::permit::Requester;
use super::query::{DryRun, limit_of, query_parameters, record_of, unknown};
use super::verifications::{ON_A_PAGE, find, page_size, sees_all};
use crate::domain::backfill::{
    BackfillCancelled, BackfillPage, BackfillPlan, MAX_BACKFILLED, SYNCED_UNASKED, syncable,
};
use crate::domain::excerpt;
use crate::domain::page;
use crate::domain::verification::VerifiedStatus;
use crate::sync::{SyncMode, Syncs};

/// Which records are synced.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct BackfillRequest {
    statuses: Vec<String>,
    max_records: Option<u32>,
}

/// A backfill that can be planned.
#[derive(Debug)]
pub(super) struct Planning {
    statuses: Vec<VerifiedStatus>,
    max_records: u32,
}

impl<S: Sync> FromRequest<S> for Planning {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let bytes = json_bytes(request, Presence::Required).await?;
        let Object::<BackfillRequest>(request) = parse(&bytes)?;
        let statuses = request.statuses.iter().map(|word| {
            syncable(word).map_err(|known| {
                invalid_body(format!("`statuses` has `{}`; {known}", excerpt::word(word)))
            })
        });
        let statuses: Vec<VerifiedStatus> = statuses.collect::<Result<_, _>>()?;
        let statuses = if statuses.is_empty() { SYNCED_UNASKED.to_vec() } else { statuses };
        let most = Some(request.max_records.unwrap_or(MAX_BACKFILLED));
        Ok(Self { statuses, max_records: limit_of("maxRecords", most, MAX_BACKFILLED)? })
    }
}

/// `POST /verifications/{verificationId}/backfill`: a sync of each record is planned, or it is only
/// told which would be.
pub(super) async fn plan(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Path(id): Path<String>,
    Planning { statuses, max_records }: Planning,
) -> Result<Response, Fault> {
    sees_all(&asker, &syncs).await?;
    let id = find(&syncs, &id).await?.verification_id;
    let words: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    log_fields::set_parameters(format!("verification={id} status={}", words.join(",")));
    let (status, plan) = match mode {
        SyncMode::DryRun => {
            let records = syncs.plan_backfill(&id, &statuses, max_records).await?;
            let planned = records.len() as u64;
            (StatusCode::OK, BackfillPlan { dry_run: true, planned, records })
        }
        SyncMode::Apply => {
            let asker = asker.name();
            let planned = syncs.backfill(&id, &statuses, max_records, asker.as_deref()).await?;
            let records = Vec::new();
            (StatusCode::ACCEPTED, BackfillPlan { dry_run: false, planned, records })
        }
    };
    let done = if plan.dry_run { "dry run of" } else { "planned" };
    log_fields::set_outcome(format!("{done} {}", plan.planned));
    Ok((status, Json(plan)).into_response())
}

/// `GET /verifications/{verificationId}/backfill`: how far it is, and what is not in m3ter.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<BackfillPage>, Fault> {
    sees_all(&asker, &syncs).await?;
    let (mut limit, mut after) = (ON_A_PAGE, None);
    for (name, value) in query_parameters(uri.query())? {
        match name.as_ref() {
            "limit" => limit = page_size(&value)?,
            "cursor" => after = Some(record_of(&value)?),
            other => return Err(unknown(other, "there are `limit` and `cursor`")),
        }
    }
    let id = find(&syncs, &id).await?.verification_id;
    let counts = syncs.backfill_of(&id).await?;
    let mut records = syncs.list_backfilled(&id, after.as_ref(), limit + 1).await?;
    let last = page::cut(&mut records, limit);
    let next_cursor = last.map(|record| record.record_id.to_string());
    Ok(Json(BackfillPage { counts, records, next_cursor }))
}

/// `POST /verifications/{verificationId}/backfill/cancel`: what has not begun is taken back.
pub(super) async fn cancel(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<BackfillCancelled>, Fault> {
    sees_all(&asker, &syncs).await?;
    let id = find(&syncs, &id).await?.verification_id;
    log_fields::set_parameters(format!("verification={id}"));
    let cancelled = syncs.cancel_backfill(&id).await?;
    log_fields::set_outcome(format!("took back {cancelled}"));
    Ok(Json(BackfillCancelled { cancelled }))
}
