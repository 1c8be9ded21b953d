//! `POST /reopen-billing-entities/{parentRecordId}`: ends of end dating are taken back, so that the
//! next sync follows Salesforce.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::NoBody;
use super::fault::{BUSY_SECONDS, Fault};
use super::log_fields;
use super::permit::Requester;
use super::query::DryRun;
use super::record::PathId;
use crate::domain::excerpt;
use crate::domain::ids::SalesforceId;
use crate::domain::made_end::ReopenAnswer;
use crate::sync::{NotReopened, SyncMode, Syncs};

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
    Ok(Json(reopening.answer(record, mode == SyncMode::DryRun)))
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
