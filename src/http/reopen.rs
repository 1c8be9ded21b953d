//! `POST /reopen-billing-entities/{parentRecordId}`: ends of end dating are taken back, so that the
//! next sync follows Salesforce.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::body::{Presence, check_nothing, dry_run_parameter, json_bytes};
use super::fault::Fault;
use super::notes;
use super::permit::asker;
use super::wait::not_started;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::made_end::MadeEnd;
use crate::domain::shown;
use crate::sync::{NotReopened, SyncMode, Syncs};

/// When to ask again while a run is under way.
const BUSY_SECONDS: u32 = 10;

/// What was reopened, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReopenAnswer {
    parent_record_id: SalesforceId,
    dry_run: bool,
    reopened: Vec<ReopenedEntity>,
    sync_run_ids: Vec<SyncRunId>,
}

/// One end that is taken back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReopenedEntity {
    object_name: &'static str,
    m3ter_id: String,
    end_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salesforce_end_date: Option<String>,
    parent_record_id: SalesforceId,
    sync_run_id: SyncRunId,
    ended_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<ReopenAnswer>, Fault> {
    let asker = asker(&request);
    let mode = dry_run_parameter(request.uri().query())?;
    let id = id.map_or_else(
        |_| request.uri().path().rsplit('/').next().unwrap_or_default().to_owned(),
        |Path(id)| id,
    );
    check_nothing(&json_bytes(request, Presence::Optional).await?)?;
    let record = SalesforceId::parse(&id).map_err(|invalid| {
        Fault::new(StatusCode::NOT_FOUND, "NOTHING_ENDED", invalid.to_string())
    })?;
    notes::set_record(&record);
    let reopening = syncs
        .reopen(&record, mode, asker.name())
        .await
        .map_err(|error| not_started(&error))?
        .map_err(|reason| refused(&reason))?;
    notes::set_outcome(format!(
        "{} {}",
        if mode == SyncMode::DryRun { "dry run of" } else { "reopened" },
        reopening.ends.len()
    ));
    if let Some((_, run)) = reopening.runs.iter().find(|(concerned, _)| *concerned == record) {
        notes::set_run(run);
    }
    Ok(Json(ReopenAnswer {
        parent_record_id: record,
        dry_run: mode == SyncMode::DryRun,
        reopened: reopening.ends.into_iter().map(reopened).collect(),
        sync_run_ids: reopening.runs.into_iter().map(|(_, run)| run).collect(),
    }))
}

fn reopened(end: MadeEnd) -> ReopenedEntity {
    ReopenedEntity {
        object_name: end.entity.object_name(),
        m3ter_id: end.m3ter_id.to_string(),
        end_date: end.end,
        former_end_date: end.former_end,
        salesforce_end_date: end.said.end,
        parent_record_id: end.record,
        sync_run_id: end.run,
        ended_at: end.at,
        ended_by: end.by,
    }
}

fn refused(refused: &NotReopened) -> Fault {
    let sentence = shown::sentence(&refused.to_string());
    match refused {
        NotReopened::NothingEnded(_) => Fault::new(
            StatusCode::NOT_FOUND,
            "NOTHING_ENDED",
            format!("Nothing is to be reopened: {sentence}"),
        ),
        NotReopened::Busy(_) => Fault::new(
            StatusCode::CONFLICT,
            "RECORD_BUSY",
            format!("Nothing was reopened: {sentence}"),
        )
        .retry_after(BUSY_SECONDS),
    }
}
