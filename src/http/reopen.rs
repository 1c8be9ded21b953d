//! `POST /reopen-billing-entities/{parentRecordId}`: ends of end dating are taken back, so that the
//! next sync follows Salesforce.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::body::NoBody;
use super::fault::Fault;
use super::log_fields;
use super::permit::Requester;
use super::query::DryRun;
use super::record::PathId;
use crate::domain::excerpt;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::instant;
use crate::domain::made_end::MadeEnd;
use crate::sync::{NotReopened, Reopening, SyncMode, Syncs};

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
    #[serde(serialize_with = "instant::serialize")]
    ended_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    PathId(id): PathId,
    _: NoBody,
) -> Result<Json<ReopenAnswer>, Fault> {
    let record = SalesforceId::parse(id.as_deref().unwrap_or_default()).map_err(|invalid| {
        Fault::new(StatusCode::NOT_FOUND, "NOTHING_ENDED", invalid.to_string())
    })?;
    log_fields::set_record(&record);
    let reopening = syncs.reopen(&record, mode, asker.name()).await??;
    log_fields::set_outcome(format!(
        "{} {}",
        if mode == SyncMode::DryRun { "dry run of" } else { "reopened" },
        reopening.ends.len()
    ));
    if let Some((_, run)) = reopening.runs.iter().find(|(concerned, _)| *concerned == record) {
        log_fields::set_run(run);
    }
    Ok(Json(ReopenAnswer::new(record, mode, reopening)))
}

impl ReopenAnswer {
    fn new(record: SalesforceId, mode: SyncMode, reopening: Reopening) -> Self {
        Self {
            parent_record_id: record,
            dry_run: mode == SyncMode::DryRun,
            reopened: reopening.ends.into_iter().map(ReopenedEntity::from).collect(),
            sync_run_ids: reopening.runs.into_iter().map(|(_, run)| run).collect(),
        }
    }
}

impl From<MadeEnd> for ReopenedEntity {
    fn from(end: MadeEnd) -> Self {
        Self {
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
}

impl From<NotReopened> for Fault {
    fn from(refused: NotReopened) -> Self {
        let sentence = excerpt::sentence(&refused.to_string());
        match refused {
            NotReopened::NothingEnded(_) => Fault::new(
                StatusCode::NOT_FOUND,
                "NOTHING_ENDED",
                format!("There is nothing to reopen: {sentence}"),
            ),
            NotReopened::Busy(_) => Fault::new(
                StatusCode::CONFLICT,
                "RECORD_BUSY",
                format!("Nothing was reopened: {sentence}"),
            )
            .retry_after(BUSY_SECONDS),
        }
    }
}
