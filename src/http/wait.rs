//! Starting a sync and waiting for its result, at most as long as the caller asked for.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::Instant;

use super::body::SyncParameters;
use super::fault::Fault;
use super::notes;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure, SyncResult};
use crate::sync::{RunRequest, StartError, StartedRun, StoreError, SyncMode, Syncs};
use crate::telemetry::ErrorChain;

/// Salesforce gives up at 120 s; the sync itself at 100 s.
pub(super) const LONGEST_WAIT_SECONDS: u64 = 105;
/// When a caller should come again after a 503.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The result about one id: of its sync, or why there was none.
pub(super) async fn result_for(syncs: &Syncs, id: Option<&str>, parameters: SyncParameters, arrived: Instant) -> Result<SyncResult, Fault> {
    match record_id(id) {
        Err((code, reason)) => Ok(failed(code, reason, id, parameters.mode)),
        Ok(record) => result_of(syncs.start(RunRequest::sync(record.clone(), parameters.mode)).await, &record, parameters, arrived).await,
    }
}

/// The record that is asked for, or what is wrong with its id.
pub(super) fn record_id(id: Option<&str>) -> Result<SalesforceId, (ErrorCode, String)> {
    let id = id.filter(|id| !id.trim().is_empty());
    let id = id.ok_or_else(|| (ErrorCode::MissingRecordId, "`parentRecordId` is required".to_owned()))?;
    let record = SalesforceId::parse(id).map_err(|invalid| (ErrorCode::InvalidRecordId, invalid.to_string()))?;
    notes::set_record(&record);
    Ok(record)
}

/// A result of a request that is answered without a sync.
pub(super) fn failed(code: ErrorCode, reason: String, id: Option<&str>, mode: SyncMode) -> SyncResult {
    let mut result = SyncResult::failed(&Failure { code, reason }, Vec::new(), Vec::new());
    result.parent_record_id = id.map(|id| id.chars().take(100).collect());
    result.dry_run = mode == SyncMode::DryRun;
    result
}

/// The store could not do what a request needs.
pub(super) fn database_unavailable(error: &StoreError) -> Fault {
    tracing::error!(error = %ErrorChain(error), "a request could not use the database");
    let message = format!("The request was not carried out: {}; try again", error.in_words());
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE", message).retry_after(RETRY_AFTER_SECONDS)
}

/// The result of a run, or that there is none yet.
pub(super) async fn result_of(
    started: Result<StartedRun, StartError>,
    record: &SalesforceId,
    parameters: SyncParameters,
    arrived: Instant,
) -> Result<SyncResult, Fault> {
    let mut run = started.map_err(|error| match &error {
        StartError::ShuttingDown => Fault::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", "The service is shutting down; try again")
            .retry_after(RETRY_AFTER_SECONDS),
        StartError::Store(cause) => database_unavailable(cause),
    })?;
    notes::set_run(&run.id);
    let until = arrived + Duration::from_secs(parameters.wait_seconds);
    let waited = tokio::time::timeout_at(until, run.ended.wait_for(Option::is_some)).await;
    let (code, reason) = match waited {
        Ok(Ok(result)) => match result.as_ref() {
            Some(result) => return Ok(result.as_ref().clone()),
            None => (ErrorCode::InternalError, format!("An internal error occurred (request {})", run.id)),
        },
        Ok(Err(_)) => {
            let reason =
                "The service stopped before the sync ended; the sync goes on when the service is there again, or in another replica";
            (ErrorCode::TimeLimitExceeded, reason.to_owned())
        }
        Err(_) => {
            let reason = format!("The sync did not end within the {} s that the caller waits; the sync goes on", parameters.wait_seconds);
            (ErrorCode::TimeLimitExceeded, reason)
        }
    };
    let mut result = failed(code, reason, Some(record.as_str()), parameters.mode);
    result.sync_run_id = Some(run.id.to_string());
    Ok(result)
}
