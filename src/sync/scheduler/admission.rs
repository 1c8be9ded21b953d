//! The admission of a request: its run begins at once, waits for its turn, or joins one that does
//! the same and has not begun.

use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::ids::SyncRunId;
use crate::domain::run::RunTask;
use crate::store::{Admission, ClaimedRun, NewRun};
use crate::sync::clock::now;
use crate::sync::request::{RunRequest, StartError, StartedRun};
use crate::sync::scheduler::dry_runs::Shareable;
use crate::sync::scheduler::slots::{Caller, Slot};
use crate::sync::settings::SyncMode;
use crate::sync::shared::Shared;
use crate::sync::syncs::Syncs;
use crate::telemetry::metrics;
use crate::telemetry::trace::TraceContext;
use crate::transport::Class;

impl Syncs {
    /// Records a run and begins it, at once or in its turn, or joins one that does the same and has
    /// not begun.
    pub async fn start(&self, request: RunRequest) -> Result<StartedRun, StartError> {
        if self.is_stopping() {
            return Err(StartError::ShuttingDown);
        }
        let shared = Arc::clone(&self.shared);
        let trace = TraceContext::current().map(|trace| trace.to_string());
        let requested_at = now();
        let run = NewRun {
            id: SyncRunId(Uuid::now_v7()),
            parent_record_id: request.record,
            task: request.task,
            expected_plan: request.expected_plan,
            dry_run: request.mode == SyncMode::DryRun,
            requested_at,
            awaited_until: Some(request.waits)
                .filter(|waits| !waits.is_zero())
                .and_then(|waits| requested_at.checked_add(waits).ok()),
            replay_of: request.replay_of,
            requested_by: request.requested_by,
            salesforce_user: request.salesforce_user,
            trace,
        };
        // Nobody closes it.
        let Ok(_admitting) = self.shared.admitting.acquire().await else {
            return Err(StartError::ShuttingDown);
        };
        // In a task: a caller that hangs up now does not leave a run behind that nobody works on.
        let starting = self.shared.tasks.spawn(async move { shared.admit(run).await });
        starting.await.unwrap_or(Err(StartError::ShuttingDown))
    }
}

impl Shared {
    async fn admit(self: &Arc<Self>, run: NewRun) -> Result<StartedRun, StartError> {
        let leader = match run.dry_run.then(|| self.dry_runs.lead_or_join(&run)) {
            None => None,
            Some(Ok(leader)) => Some(leader),
            Some(Err(mut leading)) => {
                // Where that one could not be recorded, this one is tried by itself.
                let shareable = leading
                    .wait_for(Option::is_some)
                    .await
                    .ok()
                    .and_then(|shareable| shareable.clone());
                match shareable {
                    Some(shareable) => return self.share(shareable, &run).await,
                    None => None,
                }
            }
        };
        let caller: Caller = run.requested_by.as_deref().map(Arc::from);
        let class = if run.awaited_until.is_some() { Class::Awaited } else { Class::Accepted };
        let asked_at = Instant::now();
        let slot = self.slots.try_take(class, &caller);
        let admission = match &slot {
            Some(_) => self.store.admit(&run, self.claims.claimant()).await,
            None => self.store.enqueue(&run).await,
        };
        let (id, claimed) = match admission? {
            Admission::Claimed(claimed) => (run.id, slot.map(|slot| (claimed, slot))),
            Admission::Waits(id) => (id, self.begin_shared(id, &run, slot).await),
            Admission::Refused(full) => {
                metrics::run_refused(full.bound());
                return Err(StartError::QueueFull(full));
            }
        };
        let tells_record = run.task == RunTask::Sync
            && !run.dry_run
            && self.metadata.keeps_status(&run.parent_record_id);
        let mut started =
            StartedRun { id, ended: self.waiting.for_answer(id), tells_record, is_paused: false };
        if let Some(leader) = leader {
            leader.announce(&started, &run);
        }
        if let Some((claimed, slot)) = claimed {
            self.slots.had_turn(class, &caller);
            self.begin(claimed, asked_at, slot);
            return Ok(started);
        }
        started.is_paused = !run.dry_run && self.store.load_pause().await?.is_some();
        Ok(started)
    }

    /// A run that waits. A dry run waits for a slot alone: if whoever joins it has one, it begins
    /// now.
    async fn begin_shared(
        self: &Arc<Self>,
        id: SyncRunId,
        run: &NewRun,
        slot: Option<Slot>,
    ) -> Option<(ClaimedRun, Slot)> {
        let Some(slot) = slot else {
            let class = if run.awaited_until.is_some() { Class::Awaited } else { Class::Accepted };
            self.slots.queued(class, &run.requested_by.as_deref().map(Arc::from));
            return None;
        };
        if !run.dry_run {
            return None;
        }
        // If that fails it has its turn later.
        let claimed =
            self.store.claim_waiting(id, now(), self.claims.claimant()).await.ok().flatten();
        claimed.map(|claimed| (claimed, slot))
    }

    /// The answer of another request's run, which has not begun.
    async fn share(
        &self,
        Shareable { run, requested_by, is_awaited }: Shareable,
        new: &NewRun,
    ) -> Result<StartedRun, StartError> {
        let is_known = requested_by == new.requested_by
            && new.salesforce_user.is_none()
            && (is_awaited || new.awaited_until.is_none());
        if !is_known {
            self.store.join(run.id, new).await?;
        }
        if new.awaited_until.is_none() {
            self.claims.settle(run.id, &self.store).await?;
        }
        Ok(run)
    }
}
