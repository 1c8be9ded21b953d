//! The answer about one record: the result of its run, where to look for it, or why there is none.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::body::RequestList;
use super::failed_request::{FailedRequest, RequestCode};
use super::fault::Fault;
use super::log_fields;
use super::places::WaitingRequest;
use super::record::RecordRequest;
use crate::domain::answer::{AnsweredRun, SyncResult, WrittenResult};
use crate::domain::excerpt;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{ErrorCode, Failure, RunOutcome};
use crate::domain::run::AcceptedRun;
use crate::sync::{QueueWait, RunRequest, StartedRun, SyncMode, Syncs};

/// What is answered about one record.
#[derive(Debug)]
pub(super) enum Reply {
    /// Its result.
    Result(Arc<WrittenResult>),
    /// Nobody waits: where its run can be looked up.
    Accepted(AcceptedRun),
}

/// How long a caller waits for an answer.
#[derive(Debug)]
pub(super) struct Wait {
    seconds: u64,
    until: Instant,
    /// The place of who waits; `None` if all were taken.
    place: Option<WaitingRequest>,
}

impl IntoResponse for Reply {
    /// The answer to an operation about one record.
    fn into_response(self) -> Response {
        match self {
            Self::Result(result) => json(String::clone(result.json())),
            Self::Accepted(run) => run.into_response(),
        }
    }
}

impl Reply {
    /// The answer to an operation that takes a list: a list of as many.
    pub(super) fn list(self) -> Response {
        match self {
            Self::Result(result) => json(format!("[{}]", result.json())),
            Self::Accepted(run) => accepted(run.location(), Json([run])),
        }
    }
}

impl AcceptedRun {
    pub(super) fn new(run: SyncRunId, record: &SalesforceId) -> Self {
        log_fields::set_run(&run);
        log_fields::set_outcome("accepted".to_owned());
        Self { sync_run_id: run, parent_record_id: record.to_string() }
    }

    /// Where the run can be looked up.
    fn location(&self) -> String {
        format!("/sync-runs/{}", self.sync_run_id)
    }
}

impl IntoResponse for AcceptedRun {
    fn into_response(self) -> Response {
        accepted(self.location(), Json(self))
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn accepted(location: String, body: impl IntoResponse) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response()
}

impl Wait {
    /// Waits for so many seconds from `arrived` on, in its place.
    pub(super) fn new(seconds: u64, arrived: Instant, place: Option<WaitingRequest>) -> Self {
        Self { seconds, until: arrived + Duration::from_secs(seconds), place }
    }

    /// How long somebody waits, if there is room to.
    pub(super) fn time(&self) -> Duration {
        self.place.as_ref().map_or(Duration::ZERO, |_| Duration::from_secs(self.seconds))
    }
}

/// The only request of a list, or the results of a list that has none or several.
pub(super) fn only<T: RecordRequest>(
    RequestList(mut requests): RequestList<T>,
    mode: SyncMode,
) -> Result<T, Vec<SyncResult>> {
    if requests.len() == 1
        && let Some(only) = requests.pop()
    {
        return Ok(only);
    }
    if requests.is_empty() {
        let reason = "The request holds no record; send exactly one";
        let none = FailedRequest::new(RequestCode::EmptyRequest, reason);
        return Err(vec![failed(&none, None, mode)]);
    }
    let reason =
        format!("Only one record can be synced per request, but {} were sent", requests.len());
    let several = FailedRequest::new(RequestCode::MultipleRequests, reason);
    Err(requests.iter().map(|request| failed(&several, request.record().id, mode)).collect())
}

/// Begins a run, and waits for its answer as long as the caller does.
pub(super) async fn run(syncs: &Syncs, request: RunRequest, wait: Wait) -> Result<Reply, Fault> {
    let (record, mode) = (request.record.clone(), request.mode);
    let mut run = syncs.start(request).await?;
    log_fields::set_run(&run.id);
    if wait.seconds == 0 {
        return Ok(Reply::Accepted(AcceptedRun::new(run.id, &record)));
    }
    let result = match ended(syncs, &mut run, wait).await {
        Ok(result) => result,
        Err(failure) => {
            syncs.settle(run.id).await.map_err(Fault::unsaved)?;
            Arc::new(unfinished(failure, &run, &record, mode).into())
        }
    };
    note_outcome(&result);
    Ok(Reply::Result(result))
}

/// The result of a run that ends while its caller waits, or why there is none yet.
async fn ended(
    syncs: &Syncs,
    run: &mut StartedRun,
    wait: Wait,
) -> Result<Arc<WrittenResult>, Failure> {
    let goes_on = |reason: String| Failure::new(ErrorCode::TimeLimitExceeded, reason);
    if run.is_paused {
        let reason = "The service is paused by its operator; the run is recorded, and begins by itself after the pause";
        return Err(Failure::new(ErrorCode::ServicePaused, reason));
    }
    if wait.place.is_none() {
        return Err(goes_on(
            "Too many requests are waiting for an answer; the sync goes on".to_owned(),
        ));
    }
    let ended = tokio::time::timeout_at(wait.until, run.ended.wait_for(Option::is_some)).await;
    match ended.map(|answer| answer.map(|answer| answer.clone())) {
        Ok(Ok(Some(result))) => Ok(result),
        Ok(Ok(None)) => {
            let reason = format!("An internal error occurred (request {})", run.id);
            Err(Failure::new(ErrorCode::InternalError, reason))
        }
        Ok(Err(_)) => Err(goes_on(
            "The service stopped before the sync ended; the sync goes on in another replica, or when the service is back".to_owned(),
        )),
        Err(_) => {
            let why = Box::pin(why_not_begun(syncs, run.id)).await;
            Err(goes_on(format!(
                "The sync did not end within the {} s that the caller waits{why}; the sync goes on",
                wait.seconds
            )))
        }
    }
}

/// What a run waits for that has not begun, as a part of a sentence.
async fn why_not_begun(syncs: &Syncs, run: SyncRunId) -> String {
    match syncs.wait_of(run).await {
        Ok(Some(QueueWait::Turn { waiting })) => {
            format!(": it is waiting for its turn ({waiting} runs are waiting)")
        }
        Ok(Some(QueueWait::Record)) => ": it is waiting for another run of its record".to_owned(),
        // It has begun, or the database is away, which is no reason for another answer.
        Ok(None) | Err(_) => String::new(),
    }
}

/// The answer about a run that has none of its own yet.
fn unfinished(
    failure: Failure,
    run: &StartedRun,
    record: &SalesforceId,
    mode: SyncMode,
) -> SyncResult {
    // What the caller would write now would be older than what the run writes at its end.
    let goes_on = matches!(failure.code, ErrorCode::TimeLimitExceeded | ErrorCode::ServicePaused);
    let outcome =
        RunOutcome { status_written: goes_on && run.tells_record, ..RunOutcome::failed(failure) };
    let answered = AnsweredRun {
        parent_record_id: Some(record.to_string()),
        sync_run_id: Some(run.id),
        dry_run: mode == SyncMode::DryRun,
        next_try_at: None,
    };
    SyncResult::new(&outcome, answered)
}

/// The result of a request that is answered without a run.
pub(super) fn failed(request: &FailedRequest, id: Option<&str>, mode: SyncMode) -> SyncResult {
    let answered = AnsweredRun {
        parent_record_id: id.map(excerpt::echo),
        dry_run: mode == SyncMode::DryRun,
        ..AnsweredRun::default()
    };
    let FailedRequest { code, is_retryable, reason } = request;
    let result = SyncResult::refused(code, *is_retryable, reason, answered);
    note_outcome(&result);
    result
}

/// Tells the audit log how what was asked for ended.
fn note_outcome(result: &SyncResult) {
    let code = result.error_code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    log_fields::set_outcome(format!("{}{code}", result.sync_status));
}
