//! Starting a sync and waiting for its result, at most as long as the caller asked for.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::time::Instant;

use super::body::{SyncParameters, SyncRequest};
use super::fault::Fault;
use super::notes;
use super::permit::{Asker, Denied};
use super::places::WaitingRequest;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{ErrorCode, Failure, SyncResult};
use crate::domain::plan::{InvalidPlanHash, PlanHash};
use crate::domain::shown;
use crate::sync::{
    QueueFull, QueueWait, RunRequest, StartError, StartedRun, StoreError, SyncMode, Syncs,
};
use crate::telemetry::ErrorChain;

/// Salesforce gives up at 120 s; the sync itself at 100 s.
pub(super) const LONGEST_WAIT_SECONDS: u64 = 105;
/// When a caller should come again after a 503.
pub(super) const RETRY_AFTER_SECONDS: u32 = 5;

/// When a caller should come again whose run could not be recorded because too many wait: some of
/// his have ended by then.
const FULL_RETRY_AFTER_SECONDS: u32 = 10;

/// Ids of users begin so.
const USER_PREFIX: &str = "005";

/// What is answered about one record.
#[derive(Debug)]
pub(super) enum Reply {
    /// Its result.
    Result(Box<SyncResult>),
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

/// The Salesforce user who asks, if the request names one.
pub(super) fn user_id(id: Option<&str>) -> Result<Option<SalesforceId>, (ErrorCode, String)> {
    let Some(id) = id.filter(|id| !id.trim().is_empty()) else { return Ok(None) };
    let user = SalesforceId::parse(id).ok().filter(|id| id.key_prefix() == USER_PREFIX).ok_or_else(|| {
        let message = format!(
            "`salesforceUserId` is `{}`, which is not the ID of a Salesforce user (they begin with {USER_PREFIX})",
            shown::word(id)
        );
        (ErrorCode::InvalidUserId, message)
    })?;
    notes::set_salesforce_user(&user);
    Ok(Some(user))
}

/// The answer about one id: of its sync, or why there was none.
pub(super) async fn answer_for(
    syncs: &Syncs,
    request: &SyncRequest,
    parameters: SyncParameters,
    asker: Asker,
    arrived: Instant,
) -> Result<Reply, Fault> {
    let id = request.parent_record_id.as_deref();
    // Of what is refused as well.
    notes::set_parameters(shown_parameters(parameters.mode, None));
    let read = Box::pin(asker.record(syncs, id, &request.origin(), parameters.mode)).await;
    let read = read.and_then(|(record, user)| {
        let plan = expected_plan(request.expected_plan.as_deref(), parameters.mode);
        Ok((record, user, plan.map_err(|(code, reason)| Denied::Failed(code, reason))?))
    });
    match read {
        Err(Denied::Refused(fault)) => Err(fault),
        Err(Denied::Failed(code, reason)) => {
            Ok(Reply::Result(Box::new(failed(code, reason, id, parameters.mode))))
        }
        Ok((record, salesforce_user, expected_plan)) => {
            notes::set_parameters(shown_parameters(parameters.mode, expected_plan.as_ref()));
            let sync = RunRequest::sync(record.clone(), parameters.mode);
            let waiting = asker.wait(parameters.wait_seconds);
            let waits = time_of(waiting.as_ref(), parameters);
            let request = RunRequest {
                expected_plan,
                requested_by: asker.name(),
                salesforce_user,
                waits,
                ..sync
            };
            answer_of(syncs, syncs.start(request).await, &record, parameters, waiting, arrived)
                .await
        }
    }
}

/// How long somebody waits, if there is room to.
pub(super) fn time_of(waiting: Option<&WaitingRequest>, parameters: SyncParameters) -> Duration {
    waiting.map_or(Duration::ZERO, |_| Duration::from_secs(parameters.wait_seconds))
}

/// The record that is asked for, or what is wrong with its id.
pub(super) fn record_id(id: Option<&str>) -> Result<SalesforceId, (ErrorCode, String)> {
    let id = id.filter(|id| !id.trim().is_empty());
    let id =
        id.ok_or_else(|| (ErrorCode::MissingRecordId, "`parentRecordId` is required".to_owned()))?;
    let record = SalesforceId::parse(id)
        .map_err(|invalid| (ErrorCode::InvalidRecordId, invalid.to_string()))?;
    notes::set_record(&record);
    Ok(record)
}

/// How the audit log has what is asked for.
pub(super) fn shown_parameters(mode: SyncMode, expected_plan: Option<&PlanHash>) -> String {
    let plan = expected_plan.map_or_else(String::new, |plan| format!(" expectedPlan={plan}"));
    format!("dryRun={}{plan}", mode == SyncMode::DryRun)
}

/// The plan that is to be carried out, or what is wrong with it. One that is blank is not taken for
/// none: whoever sends it means one.
pub(super) fn expected_plan(
    text: Option<&str>,
    mode: SyncMode,
) -> Result<Option<PlanHash>, (ErrorCode, String)> {
    let Some(text) = text else { return Ok(None) };
    let invalid = |reason: String| (ErrorCode::InvalidExpectedPlan, reason);
    if mode == SyncMode::DryRun {
        return Err(invalid(
            "`expectedPlan` is for a call that writes; with `dryRun=true` the answer has the `planHash` for it".to_owned(),
        ));
    }
    text.parse()
        .map(Some)
        .map_err(|problem: InvalidPlanHash| invalid(format!("`expectedPlan`: {problem}")))
}

/// A result of a request that is answered without a sync.
pub(super) fn failed(
    code: ErrorCode,
    reason: String,
    id: Option<&str>,
    mode: SyncMode,
) -> SyncResult {
    let mut result = SyncResult::failed(&Failure::new(code, reason), Vec::new(), Vec::new());
    result.parent_record_id = id.map(shown::echo);
    result.dry_run = mode == SyncMode::DryRun;
    note_outcome(&result);
    result
}

/// Tells the audit log how what was asked for ended.
fn note_outcome(result: &SyncResult) {
    let code = result.error_code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    notes::set_outcome(format!("{}{code}", result.sync_status));
}

/// The store could not do what a request needs.
pub(super) fn database_unavailable(error: &StoreError) -> Fault {
    tracing::error!(error = %ErrorChain(error), "a request could not use the database");
    let message = format!("The request was not carried out: {}; try again", error.in_words());
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE", message)
        .retry_after(RETRY_AFTER_SECONDS)
}

/// A run that could not be begun.
pub(super) fn not_started(error: &StartError) -> Fault {
    match error {
        StartError::ShuttingDown => Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SHUTTING_DOWN",
            "The service is shutting down; try again",
        )
        .retry_after(RETRY_AFTER_SECONDS),
        StartError::QueueFull(full) => {
            let whose = match full {
                QueueFull::OfCaller(bound) => {
                    format!(
                        "{bound} runs of this caller wait for their turn, as many as one caller may have waiting"
                    )
                }
                QueueFull::All(bound) => {
                    format!("{bound} runs wait for their turn, as many as may")
                }
            };
            let message =
                format!("{whose} (RUNS_WAITING); nothing was recorded, send it again later");
            Fault::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_RUNS", message)
                .retry_after(FULL_RETRY_AFTER_SECONDS)
        }
        StartError::Store(cause) => database_unavailable(cause),
    }
}

/// The answer about a run: its result, that there is none yet, or where to look for it.
pub(super) async fn answer_of(
    syncs: &Syncs,
    started: Result<StartedRun, StartError>,
    record: &SalesforceId,
    parameters: SyncParameters,
    waiting: Option<WaitingRequest>,
    arrived: Instant,
) -> Result<Reply, Fault> {
    let mut run = started.map_err(|error| not_started(&error))?;
    notes::set_run(&run.id);
    if parameters.wait_seconds == 0 {
        notes::set_outcome("accepted".to_owned());
        return Ok(Reply::Accepted(AcceptedRun::new(run.id, record)));
    }
    if run.is_paused {
        let reason = "The service is paused by its operator; the run is recorded, and begins by itself when the service goes on";
        return Ok(unfinished(
            ErrorCode::ServicePaused,
            reason.to_owned(),
            &run,
            record,
            parameters,
        ));
    }
    let Some(_waiting) = waiting else {
        let reason = "As many requests wait for an answer as may; the sync goes on";
        return Ok(unfinished(
            ErrorCode::TimeLimitExceeded,
            reason.to_owned(),
            &run,
            record,
            parameters,
        ));
    };
    let until = arrived + Duration::from_secs(parameters.wait_seconds);
    let ended = tokio::time::timeout_at(until, run.ended.wait_for(Option::is_some)).await;
    let ended = ended.map(|answer| answer.map(|answer| answer.clone()));
    let (code, reason) = match ended {
        Ok(Ok(result)) => match result {
            Some(result) => {
                note_outcome(&result);
                return Ok(Reply::Result(Box::new(result.as_ref().clone())));
            }
            None => (
                ErrorCode::InternalError,
                format!("An internal error occurred (request {})", run.id),
            ),
        },
        Ok(Err(_)) => {
            let reason = "The service stopped before the sync ended; the sync goes on when the service is there again, or in another replica";
            (ErrorCode::TimeLimitExceeded, reason.to_owned())
        }
        Err(_) => {
            let why = Box::pin(why_not_begun(syncs, run.id)).await;
            let reason = format!(
                "The sync did not end within the {} s that the caller waits{why}; the sync goes on",
                parameters.wait_seconds
            );
            (ErrorCode::TimeLimitExceeded, reason)
        }
    };
    Ok(unfinished(code, reason, &run, record, parameters))
}

/// What a run waits for that has not begun, as a part of a sentence.
async fn why_not_begun(syncs: &Syncs, run: SyncRunId) -> String {
    match syncs.wait_of(run).await {
        Ok(Some(QueueWait::Turn { waiting })) => {
            format!(": it waits for its turn (runs that wait: {waiting})")
        }
        Ok(Some(QueueWait::Record)) => ": it waits for another run of its record".to_owned(),
        // It has begun, or the database is away, which is no reason for another answer.
        Ok(None) | Err(_) => String::new(),
    }
}

/// The answer about a run that has none of its own yet.
fn unfinished(
    code: ErrorCode,
    reason: String,
    run: &StartedRun,
    record: &SalesforceId,
    parameters: SyncParameters,
) -> Reply {
    let mut result = failed(code, reason, Some(record.as_str()), parameters.mode);
    result.sync_run_id = Some(run.id.to_string());
    // What the caller would write now would be older than what the run writes at its end.
    result.status_written =
        matches!(code, ErrorCode::TimeLimitExceeded | ErrorCode::ServicePaused) && run.tells_record;
    Reply::Result(Box::new(result))
}
