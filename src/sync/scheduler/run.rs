//! One claimed run, from its lease to its saved end, and then the run that waited for the record.

use std::borrow::Cow;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, field};

use crate::domain::answer::{SyncResult, WrittenResult};
use crate::domain::outcome::{ErrorCode, Failure, RunOutcome, SyncStatus};
use crate::domain::run::{RunTask, RunTry};
use crate::store::{Claim, ClaimedRun, EndedTry, StoreError};
use crate::sync::clock::now;
use crate::sync::closing::record_status::write_record_status;
use crate::sync::context::RunContext;
use crate::sync::context::callouts::callouts;
use crate::sync::context::report::answered;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::end_dating::EndDating;
use crate::sync::job::SyncJob;
use crate::sync::scheduler::portions::{Earlier, Portion};
use crate::sync::scheduler::slots::Slot;
use crate::sync::settings::SyncMode;
use crate::sync::shared::Shared;
use crate::telemetry::{ErrorChain, metrics, trace};
use crate::transport::{Budget, Class, Lease, Turn};

/// Processes that may die over a run before it is no longer tried: it may be the run that kills
/// them.
const MAX_TAKEOVERS: u32 = 3;
/// Between two tries to save an end while the database is away.
const SAVE_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Between two log lines about that.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Tries to hand over a run; after that its lease runs out.
const RELEASE_TRIES: u32 = 3;

/// Whether something that lasts is told now: at once, and then from time to time.
fn is_due(told_at: &mut Option<Instant>) -> bool {
    let is_due = told_at.is_none_or(|told| told.elapsed() >= TELL_AGAIN_AFTER);
    if is_due {
        *told_at = Some(Instant::now());
    }
    is_due
}

/// How the work on a run ended.
enum Work {
    /// It came to its end.
    Ended(Box<RunOutcome>),
    /// Somebody else has the run.
    Lost,
    /// This process stops; the run continues elsewhere.
    Stopped,
}

impl Shared {
    /// Works on a run that was claimed at `asked_at`, in a task of its own, and then on those that
    /// waited for its record, as long as nobody waits for the slot.
    pub(crate) fn begin(self: &Arc<Self>, run: ClaimedRun, asked_at: Instant, slot: Slot) {
        let shared = Arc::clone(self);
        let lease = self.claims.hold(&run, asked_at);
        self.tasks.spawn(async move {
            let (mut next, mut slot) = (Some((run, lease)), Some(slot));
            while let Some((run, lease)) = next {
                let turn = turn(&run);
                if let Some(slot) = &mut slot {
                    slot.pass_to(turn.caller.clone());
                }
                let span = tracing::info_span!(
                    parent: None, "sync", sync_run_id = %run.claim.run, parent_record_id = %run.parent_record_id,
                    kind = kind(&run), dry_run = run.dry_run, trace_id = field::Empty, sync_status = field::Empty,
                    error_code = field::Empty, otel.status_code = field::Empty
                );
                let above = run.trace.as_deref().and_then(|text| text.parse().ok());
                let trace = trace::begin(&span, above.as_ref());
                let budget = Budget::new(shared.limits.time, shared.limits.callouts).with_reserve().under(lease.clone());
                let budget = budget.in_turn(turn).traced(span.clone(), trace);
                next = Box::pin(shared.work(run, lease, budget, &mut slot)).instrument(span).await;
            }
        });
    }

    async fn work(
        &self,
        mut run: ClaimedRun,
        lease: Lease,
        mut budget: Budget,
        slot: &mut Option<Slot>,
    ) -> Option<(ClaimedRun, Lease)> {
        // What this run has begun belongs to it: all is saved before the run is given back.
        let (tasks, claim) = (TaskTracker::new(), run.claim);
        let work = tokio::select! {
            biased;
            outcome = self.in_portions(&mut run, &lease, &mut budget, &tasks, slot) => Work::Ended(Box::new(outcome)),
            () = lease.lost() => Work::Lost,
            () = lease.at_rest() => Work::Stopped,
            never = self.settle_before_writing(claim, &lease) => match never {},
        };
        tasks.close();
        let next = match work {
            Work::Ended(outcome) => self.save_end(&run, &outcome, &lease, &budget).await,
            Work::Lost => {
                self.tell_lost(&run, &lease).await;
                None
            }
            Work::Stopped => {
                tasks.wait().await;
                self.give_back(&run).await;
                None
            }
        };
        self.claims.let_go(run.claim);
        self.waiting.look_again();
        next
    }

    /// Puts a run on the disk once something is to be written, however long the database is away.
    async fn settle_before_writing(&self, claim: Claim, lease: &Lease) -> Infallible {
        lease.must_be_settled().await;
        let mut told_at: Option<Instant> = None;
        while let Err(error) = self.claims.settle(claim.run, &self.store).await {
            if is_due(&mut told_at) {
                tracing::warn!(sync_run_id = %claim.run, error = %ErrorChain(&error), "a run that is to write is not on the disk yet");
            }
            tokio::time::sleep(SAVE_AGAIN_AFTER).await;
        }
        std::future::pending().await
    }

    /// Works on a run until its budget is spent.
    pub(crate) async fn outcome_of(
        &self,
        run: &ClaimedRun,
        lease: &Lease,
        budget: &Budget,
        tasks: &TaskTracker,
        earlier: &Earlier,
    ) -> Portion {
        let metadata = &self.metadata;
        let metered = self.meters.begin(run.claim.run, budget.journal());
        let context = RunContext {
            run,
            record: &run.parent_record_id,
            mode: if run.dry_run { SyncMode::DryRun } else { SyncMode::Apply },
            safety: &self.settings.safety,
            now: now(),
            metadata,
            salesforce: &metadata.salesforce,
            m3ter: &metadata.m3ter,
            store: RetryingStore::new(&self.store, budget),
            budget,
            lease,
            tasks,
            ahead: None,
            meter: &metered.meter,
        };
        if run.takeovers > MAX_TAKEOVERS {
            let reason = format!(
                "The service stopped {} times during this sync; see its log",
                run.takeovers
            );
            return failed(&context, Failure::new(ErrorCode::Interrupted, reason)).await.into();
        }
        // In a place of its own: whoever waits for it moves what it has of it several times.
        let work = Box::pin(async {
            match &run.task {
                Some(RunTask::Sync) => SyncJob { context, earlier }.run().await,
                Some(RunTask::EndDate(order)) => EndDating { context, order }.run().await.into(),
                None => {
                    let reason = "The run was requested by another version of the service";
                    let failure = Failure::new(ErrorCode::InternalError, reason);
                    RunOutcome::failed(failure).into()
                }
            }
        });
        // A panic is a fault of ours; those who wait get an answer anyway.
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(portion) => portion,
            Err(_) => {
                let reason = format!("An internal error occurred (request {})", run.claim.run);
                failed(&context, Failure::new(ErrorCode::InternalError, reason)).await.into()
            }
        }
    }

    /// Saves the end and tells all who wait. Returns the run that begins now.
    async fn save_end(
        &self,
        run: &ClaimedRun,
        outcome: &RunOutcome,
        lease: &Lease,
        budget: &Budget,
    ) -> Option<(ClaimedRun, Lease)> {
        let ended_at = now().max(run.started_at);
        let is_tried_again = outcome.is_retryable() && !run.dry_run;
        let delay = self.settings.retry_after.get(run.tries.len()).filter(|_| is_tried_again);
        if is_tried_again && delay.is_none() {
            metrics::run_given_up();
        }
        let about = answered(run, delay.and_then(|delay| ended_at.checked_add(*delay).ok()));
        let result = Arc::new(WrittenResult::from(SyncResult::new(outcome, about.clone())));
        let kept = match outcome.for_history() {
            Cow::Borrowed(_) => Arc::clone(&result),
            Cow::Owned(kept) => Arc::new(SyncResult::new(&kept, about).into()),
        };
        let mut tries = run.tries.clone();
        tries.push(RunTry {
            started_at: run.started_at,
            ended_at,
            sync_status: result.sync_status,
            error_code: result.error_code.clone(),
            message: kept.message.clone(),
        });
        let callouts = callouts(&run.callouts, budget.journal());
        // It has found all as it should be: what a crash of the machine loses is that it looked.
        let is_provisional = !lease.is_settled() && result.success && result.attention.is_empty();
        let ended = EndedTry {
            result: &kept,
            tries: &tries,
            callouts: &callouts,
            ended_at,
            is_provisional,
        };
        let Some(next) = self.save_end_at_last(run, &ended, lease).await else {
            self.tell_lost(run, lease).await;
            return None;
        };
        let run_id = run.claim.run;
        note(run, outcome);
        tracing::info!(
            sync_run_id = %run_id, parent_record_id = %run.parent_record_id, dry_run = run.dry_run, sync_status = %result.sync_status,
            error_code = result.error_code, objects = result.object_results.len(), callouts = budget.callouts_made(), "a sync ended"
        );
        self.waiting.answer(run_id, result);
        next
    }

    /// A run is not this process's any more: another one has it, or nobody, as a database that
    /// crashes may lose what it has not put on the disk yet. Then nobody else answers who waits.
    async fn tell_lost(&self, run: &ClaimedRun, lease: &Lease) {
        let id = run.claim.run;
        let mut told_at: Option<Instant> = None;
        loop {
            match self.store.load_run(id).await {
                Ok(None) => break,
                Ok(Some(_)) => {
                    return tracing::warn!(sync_run_id = %id, "another process has taken over a run of this one");
                }
                Err(error) if error.is_passing() => {
                    if is_due(&mut told_at) {
                        tracing::warn!(sync_run_id = %id, error = %ErrorChain(&error), "what became of a run is not known yet");
                    }
                }
                Err(error) => {
                    return tracing::error!(sync_run_id = %id, error = %ErrorChain(&error), "what became of a run cannot be found out");
                }
            }
            let pause = tokio::time::sleep(SAVE_AGAIN_AFTER);
            if self.draining.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
        let reason = if lease.is_settled() {
            "The database lost this sync, with what it had recorded of it; sync the record again"
        } else {
            "The database crashed and lost this sync before it wrote anything; sync the record again"
        };
        tracing::warn!(sync_run_id = %id, parent_record_id = %run.parent_record_id, "the database lost a run in a crash");
        let failure = RunOutcome::failed(Failure::new(ErrorCode::Interrupted, reason));
        self.waiting.answer(id, Arc::new(SyncResult::new(&failure, answered(run, None)).into()));
    }

    /// Saves the end, however long the database is away; `None` if the run is somebody else's by
    /// then.
    async fn save_end_at_last(
        &self,
        run: &ClaimedRun,
        ended: &EndedTry<'_>,
        lease: &Lease,
    ) -> Option<Option<(ClaimedRun, Lease)>> {
        let mut told_at: Option<Instant> = None;
        loop {
            let asked_at = Instant::now();
            // A process that stops begins nothing. Where others wait as well, who waits for this
            // record comes in his turn.
            let next = Some(self.claims.claimant())
                .filter(|_| !self.draining.is_cancelled() && !self.slots.has_queue());
            let error = match self.store.end(run, ended, next).await {
                Ok(next) => {
                    // Where the first answer was lost, this process may have begun it by now as one
                    // that waited for its turn.
                    let next = next.filter(|next| !self.claims.holds(next.claim.run));
                    return Some(next.map(|next| {
                        let lease = self.claims.hold(&next, asked_at);
                        (next, lease)
                    }));
                }
                Err(error) => error,
            };
            match error {
                StoreError::ClaimLost(_) => return None,
                error if error.is_passing() => {
                    if is_due(&mut told_at) {
                        tracing::warn!(sync_run_id = %run.claim.run, error = %ErrorChain(&error), "the end of a run is not saved yet");
                    }
                    let pause = tokio::time::sleep(SAVE_AGAIN_AFTER);
                    tokio::select! {
                        () = pause => {}
                        () = lease.lost() => return None,
                    }
                }
                error => {
                    tracing::error!(sync_run_id = %run.claim.run, error = %ErrorChain(&error), "the end of a run was not saved");
                    return Some(None);
                }
            }
        }
    }

    async fn give_back(&self, run: &ClaimedRun) {
        for _ in 0..RELEASE_TRIES {
            match self.store.release(run.claim).await {
                Ok(()) => {
                    return tracing::info!(sync_run_id = %run.claim.run, "a run was handed over; another process continues it");
                }
                Err(error) => {
                    tracing::warn!(sync_run_id = %run.claim.run, error = %ErrorChain(&error), "a run could not be handed over");
                }
            }
        }
    }
}

/// The outcome of a sync that did not come to its end, after its record was told.
async fn failed(context: &RunContext<'_>, failure: Failure) -> RunOutcome {
    let mut outcome = RunOutcome::failed(failure);
    if context.run.task == Some(RunTask::Sync) && context.mode == SyncMode::Apply {
        let budget = context.budget.for_the_end();
        let context = RunContext { budget: &budget, ..*context };
        // Whatever ended the sync may end this as well; there is an answer all the same.
        let _ = AssertUnwindSafe(write_record_status(&context, &mut outcome)).catch_unwind().await;
    }
    outcome
}

/// Counts a sync that ended, and its objects.
fn note(run: &ClaimedRun, outcome: &RunOutcome) {
    let span = Span::current();
    let (status, error_code) = (outcome.status().as_str(), outcome.error_code());
    if let Some(status) = trace::for_export(|| status) {
        span.record("sync_status", status);
        span.record("error_code", error_code);
    }
    if outcome.status() == SyncStatus::Failed {
        trace::failed(&span);
    }
    metrics::sync_ended(kind(run), status, error_code, run.dry_run);
    for attention in outcome.attention() {
        metrics::attention_raised(attention.as_str(), run.dry_run);
    }
    for object in &outcome.objects {
        metrics::object_ended(object.kind.name(), object.action.as_str(), run.dry_run);
        if let Some(finding) = object.finding {
            metrics::finding_reported(finding.as_str(), run.dry_run);
        }
    }
}

/// Whose turn it is at the limit of callouts.
fn turn(run: &ClaimedRun) -> Turn {
    let class = match run {
        run if !run.tries.is_empty() => Class::Retry,
        run if run.awaited_until.is_some_and(|until| until > now()) => Class::Awaited,
        run if run.is_planned => Class::Replay,
        _ => Class::Accepted,
    };
    Turn { class, caller: run.requested_by.as_deref().map(Arc::from), run: run.claim.run.0 }
}

fn kind(run: &ClaimedRun) -> &'static str {
    run.task.as_ref().map_or("unknown", RunTask::kind)
}
