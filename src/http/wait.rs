//! Starting a sync and waiting for its result, at most as long as the caller asked for.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::time::Instant;

use super::body::SyncParameters;
use super::fault::Fault;
use super::notes;
use crate::callers::Caller;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{ErrorCode, Failure, SyncResult};
use crate::sync::{RunRequest, StartError, StartedRun, StoreError, SyncMode, Syncs};
use crate::telemetry::ErrorChain;

/// Salesforce gives up at 120 s; the sync itself at 100 s.
pub(super) const LONGEST_WAIT_SECONDS: u64 = 105;
/// When a caller should come again after a 503.
const RETRY_AFTER_SECONDS: u32 = 5;

/// What is answered about one record.
#[derive(Debug)]
pub(super) enum Reply {
    /// Its result.
    Result(SyncResult),
    /// Nobody waits: where its run can be looked up.
    Accepted(AcceptedRun),
}

/// A run that was begun without waiting for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AcceptedRun {
    pub(super) sync_run_id: SyncRunId,
    parent_record_id: String,
}

impl AcceptedRun {
    pub(super) fn new(run: SyncRunId, record: &SalesforceId) -> Self {
        Self { sync_run_id: run, parent_record_id: record.to_string() }
    }
}

impl Reply {
    /// The answer to an operation about one record.
    pub(super) fn one(self) -> Response {
        match self {
            Self::Result(result) => Json(result).into_response(),
            Self::Accepted(run) => run.into_response(),
        }
    }

    /// The answer to an operation that takes a list: a list of as many.
    pub(super) fn list(self) -> Response {
        match self {
            Self::Result(result) => Json([result]).into_response(),
            Self::Accepted(run) => {
                let location = format!("/sync-runs/{}", run.sync_run_id);
                (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json([run])).into_response()
            }
        }
    }
}

/// The name of whoever asks.
pub(super) fn asker(request: &Request) -> Option<String> {
    request.extensions().get::<Caller>().map(|caller| caller.name.to_string())
}

/// The record that is asked for, if the request comes from the org that the service is for, or says nothing of it.
pub(super) async fn record_of(syncs: &Syncs, id: Option<&str>, organization: Option<&str>) -> Result<SalesforceId, (ErrorCode, String)> {
    let record = record_id(id)?;
    if let Some(organization) = organization.filter(|id| !id.trim().is_empty()) {
        syncs.check_organization(organization).await.map_err(|Failure { code, reason }| (code, reason))?;
    }
    Ok(record)
}

/// The answer about one id: of its sync, or why there was none.
pub(super) async fn answer_for(
    syncs: &Syncs,
    (id, organization): (Option<&str>, Option<&str>),
    parameters: SyncParameters,
    asker: Option<String>,
    arrived: Instant,
) -> Result<Reply, Fault> {
    match record_of(syncs, id, organization).await {
        Err((code, reason)) => Ok(Reply::Result(failed(code, reason, id, parameters.mode))),
        Ok(record) => {
            let request = RunRequest { requested_by: asker, ..RunRequest::sync(record.clone(), parameters.mode) };
            answer_of(syncs.start(request).await, &record, parameters, arrived).await
        }
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

/// A run that could not be begun.
pub(super) fn not_started(error: &StartError) -> Fault {
    match error {
        StartError::ShuttingDown => Fault::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", "The service is shutting down; try again")
            .retry_after(RETRY_AFTER_SECONDS),
        StartError::Store(cause) => database_unavailable(cause),
    }
}

/// The answer about a run: its result, that there is none yet, or where to look for it.
pub(super) async fn answer_of(
    started: Result<StartedRun, StartError>,
    record: &SalesforceId,
    parameters: SyncParameters,
    arrived: Instant,
) -> Result<Reply, Fault> {
    let mut run = started.map_err(|error| not_started(&error))?;
    notes::set_run(&run.id);
    if parameters.wait_seconds == 0 {
        return Ok(Reply::Accepted(AcceptedRun::new(run.id, record)));
    }
    let until = arrived + Duration::from_secs(parameters.wait_seconds);
    let waited = tokio::time::timeout_at(until, run.ended.wait_for(Option::is_some)).await;
    let (code, reason) = match waited {
        Ok(Ok(result)) => match result.as_ref() {
            Some(result) => return Ok(Reply::Result(result.as_ref().clone())),
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
    Ok(Reply::Result(result))
}
