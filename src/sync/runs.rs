//! One claimed run, from its lease to its saved end, and then the run that waited for the record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, field};

use super::Shared;
use crate::domain::outcome::{ErrorCode, Failure, SyncResult, SyncStatus};
use crate::domain::run::{RunCallout, RunTask, RunTry};
use crate::store::{ClaimedRun, EndedTry, StoreError};
use crate::sync::SyncMode;
use crate::sync::end_dating::EndDating;
use crate::sync::walk::Walk;
use crate::telemetry::{ErrorChain, metrics, trace};
use crate::transport::{Budget, Callout, Effect, Journal, Lease};

/// Processes that may die over a run before it is no longer tried: it may be the run that kills them.
const MOST_TAKEOVERS: u32 = 3;
/// Between two tries to save an end while the database is away.
const SAVE_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Tries to give a run back; after that its lease runs out.
const RELEASE_TRIES: u32 = 3;

/// How the work on a run ended.
enum Work {
    /// With an answer.
    Ended(SyncResult),
    /// Somebody else has the run.
    Lost,
    /// This process stops; the run goes on elsewhere.
    Stopped,
}

impl Shared {
    /// Works on a run that was claimed at `asked_at`, in a task of its own, and then on those that waited for its record.
    pub(super) fn begin(self: &Arc<Self>, run: ClaimedRun, asked_at: Instant) {
        let shared = Arc::clone(self);
        let lease = self.claims.hold(run.held, asked_at);
        self.tasks.spawn(async move {
            let mut next = Some((run, lease));
            while let Some((run, lease)) = next {
                let span = tracing::info_span!(
                    parent: None, "sync", sync_run_id = %run.held.run, parent_record_id = %run.parent_record_id,
                    kind = kind(&run), dry_run = run.dry_run, trace_id = field::Empty, sync_status = field::Empty,
                    error_code = field::Empty, otel.status_code = field::Empty
                );
                let above = run.trace.as_deref().and_then(|text| text.parse().ok());
                let trace = trace::begin(&span, above.as_ref());
                let budget = Budget::new(shared.limits.time, shared.limits.callouts).under(lease.clone()).traced(span.clone(), trace);
                next = Box::pin(shared.work(run, lease, budget)).instrument(span).await;
            }
        });
    }

    async fn work(&self, run: ClaimedRun, lease: Lease, budget: Budget) -> Option<(ClaimedRun, Lease)> {
        // What this run has begun belongs to it: all is saved before the run is given back.
        let tasks = TaskTracker::new();
        let work = tokio::select! {
            biased;
            result = self.result_of(&run, &lease, &budget, &tasks) => Work::Ended(result),
            () = lease.lost() => Work::Lost,
            () = lease.at_rest() => Work::Stopped,
        };
        tasks.close();
        let next = match work {
            Work::Ended(result) => self.save_end(&run, result, &lease, &budget).await,
            Work::Lost => {
                tracing::warn!(sync_run_id = %run.held.run, "another process has taken over a run of this one");
                None
            }
            Work::Stopped => {
                tasks.wait().await;
                self.give_back(&run).await;
                None
            }
        };
        self.claims.let_go(run.held);
        self.waiting.look_again();
        next
    }

    async fn result_of(&self, run: &ClaimedRun, lease: &Lease, budget: &Budget, tasks: &TaskTracker) -> SyncResult {
        if run.takeovers > MOST_TAKEOVERS {
            let reason =
                format!("The processes that worked on the sync ended before it did, {} times; see the service's log", run.takeovers);
            return failed(run, ErrorCode::Interrupted, reason);
        }
        let mode = if run.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
        let (now, knowledge, store, record) = (Timestamp::now(), &self.knowledge, &self.store, &run.parent_record_id);
        let work = async {
            match &run.task {
                Some(RunTask::Sync) => Walk { knowledge, store, tasks, run, lease, root: record, mode, now, budget }.to_the_end().await,
                Some(RunTask::EndDate(order)) => EndDating { knowledge, store, run, record, order, mode, now, budget }.to_the_end().await,
                None => failed(run, ErrorCode::InternalError, "The run was asked for by another version of the service".to_owned()),
            }
        };
        // A panic is a fault of ours; whoever waits gets an answer all the same.
        let result = AssertUnwindSafe(work).catch_unwind().await;
        result.unwrap_or_else(|_| failed(run, ErrorCode::InternalError, format!("An internal error occurred (request {})", run.held.run)))
    }

    /// Saves the end and tells all who wait. Returns the run that begins now.
    async fn save_end(&self, run: &ClaimedRun, mut result: SyncResult, lease: &Lease, budget: &Budget) -> Option<(ClaimedRun, Lease)> {
        let ended_at = Timestamp::now();
        let mut tries = run.tries.clone();
        tries.push(RunTry {
            started_at: run.started_at,
            ended_at,
            sync_status: result.sync_status,
            error_code: result.error_code.clone(),
            message: result.message.clone(),
        });
        let is_tried_again = result.sync_status == SyncStatus::Failed && result.retryable == Some(true) && !run.dry_run;
        if let Some(delay) = self.settings.retry_after.get(tries.len() - 1).filter(|_| is_tried_again) {
            result.next_try_at = ended_at.checked_add(*delay).ok();
        }
        let callouts = callouts(&run.callouts, budget.journal());
        let kept = result.for_history();
        let ended = EndedTry { result: &kept, tries: &tries, callouts: &callouts, ended_at };
        let next = self.save_end_at_last(run, &ended, lease).await?;
        let run_id = run.held.run;
        note(run, &result);
        tracing::info!(
            sync_run_id = %run_id, parent_record_id = %run.parent_record_id, dry_run = run.dry_run, sync_status = %result.sync_status,
            error_code = result.error_code, objects = result.object_results.len(), callouts = budget.callouts_made(), "a sync ended"
        );
        self.waiting.answer(run_id, Arc::new(result));
        next
    }

    /// Saves the end, however long the database is away; `None` if the run is somebody else's by then.
    async fn save_end_at_last(&self, run: &ClaimedRun, ended: &EndedTry<'_>, lease: &Lease) -> Option<Option<(ClaimedRun, Lease)>> {
        loop {
            let asked_at = Instant::now();
            // A process that stops begins nothing: the next run is free for the others.
            let next = Some(self.claims.claimant()).filter(|_| !self.stopping.is_cancelled());
            let error = match self.store.end(run, ended, next).await {
                Ok(next) => return Some(next.map(|next| (next.clone(), self.claims.hold(next.held, asked_at)))),
                Err(error) => error,
            };
            match error {
                StoreError::ClaimLost(_) => return None,
                error if error.is_passing() => {
                    tracing::warn!(sync_run_id = %run.held.run, error = %ErrorChain(&error), "the end of a run is not saved yet");
                    let pause = tokio::time::sleep(SAVE_AGAIN_AFTER);
                    tokio::select! {
                        () = pause => {}
                        () = lease.lost() => return None,
                    }
                }
                error => {
                    tracing::error!(sync_run_id = %run.held.run, error = %ErrorChain(&error), "the end of a run was not saved");
                    return Some(None);
                }
            }
        }
    }

    async fn give_back(&self, run: &ClaimedRun) {
        for _ in 0..RELEASE_TRIES {
            match self.store.release(run.held).await {
                Ok(()) => return tracing::info!(sync_run_id = %run.held.run, "a run was given back; it goes on elsewhere"),
                Err(error) => tracing::warn!(sync_run_id = %run.held.run, error = %ErrorChain(&error), "a run could not be given back"),
            }
        }
    }
}

/// All callouts of a run: those of who worked on it before, and those of now.
pub(super) fn callouts(earlier: &[RunCallout], journal: &Journal) -> Vec<RunCallout> {
    let callout = |callout: &Callout| RunCallout {
        vendor: callout.vendor.to_string(),
        operation: callout.operation.to_owned(),
        status: callout.status,
        outcome: match callout.failed {
            None => "done",
            Some(Effect::Refused) => "refused",
            Some(Effect::None) => "notDone",
            Some(Effect::Unknown) => "unknown",
        }
        .to_owned(),
        attempts: callout.attempts,
        started_at: Timestamp::try_from(callout.started_at).unwrap_or(Timestamp::UNIX_EPOCH),
        elapsed_ms: u64::try_from(callout.elapsed.as_millis()).unwrap_or(u64::MAX),
    };
    earlier.iter().cloned().chain(journal.callouts().iter().map(callout)).collect()
}

/// Counts a sync that ended, and its objects.
fn note(run: &ClaimedRun, result: &SyncResult) {
    let span = Span::current();
    if let Some(status) = trace::for_export(|| result.sync_status.to_string()) {
        span.record("sync_status", status);
        span.record("error_code", result.error_code.as_deref());
    }
    if result.sync_status == SyncStatus::Failed {
        trace::failed(&span);
    }
    metrics::sync_ended(kind(run), &result.sync_status.to_string(), result.error_code.as_deref(), run.dry_run);
    for object in &result.object_results {
        metrics::object_ended(&object.object_name, object.action.as_str(), run.dry_run);
    }
}

fn kind(run: &ClaimedRun) -> &'static str {
    run.task.as_ref().map_or("unknown", RunTask::kind)
}

fn failed(run: &ClaimedRun, code: ErrorCode, reason: String) -> SyncResult {
    SyncResult {
        parent_record_id: Some(run.parent_record_id.to_string()),
        sync_run_id: Some(run.held.run.to_string()),
        dry_run: run.dry_run,
        ..SyncResult::failed(&Failure { code, reason }, Vec::new(), Vec::new())
    }
}
