//! The admission of a request: its run begins at once, waits for its turn, or joins one that does
//! the same and has not begun.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::slots::{Caller, Slot};
use super::{Shared, SyncMode, Syncs, now};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::SyncResult;
use crate::domain::plan::PlanHash;
use crate::domain::run::RunTask;
use crate::store::{Admission, ClaimedRun, NewRun, QueueFull, StoreError};
use crate::telemetry::metrics;
use crate::telemetry::trace::TraceContext;
use crate::transport::Class;

/// What is asked for: a task for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// The record.
    pub record: SalesforceId,
    /// What is to be done with it.
    pub task: RunTask,
    /// The plan of a dry run that it is to carry out, and nothing else.
    pub expected_plan: Option<PlanHash>,
    /// Whether it writes.
    pub mode: SyncMode,
    /// The run that it repeats.
    pub replay_of: Option<SyncRunId>,
    /// Who asks, where callers have names.
    pub requested_by: Option<String>,
    /// The Salesforce user as whom it is asked, if the request says so.
    pub salesforce_user: Option<SalesforceId>,
    /// How long whoever asks waits for the answer: until then the run goes before those that nobody
    /// waits for. Zero: not at all.
    pub waits: Duration,
}

impl RunRequest {
    /// A sync of a record that nobody in particular asks for, nor waits for.
    pub fn sync(record: SalesforceId, mode: SyncMode) -> Self {
        Self {
            record,
            task: RunTask::Sync,
            expected_plan: None,
            mode,
            replay_of: None,
            requested_by: None,
            salesforce_user: None,
            waits: Duration::ZERO,
        }
    }
}

/// A run whose row is committed and which goes on: in this process, or in another one.
#[derive(Debug, Clone)]
pub struct StartedRun {
    /// The run's id; that of another request's run if this one shares it.
    pub id: SyncRunId,
    /// Holds the result once the run has ended. It closes without one only if the process ends; the
    /// run goes on elsewhere then.
    pub ended: watch::Receiver<Option<Arc<SyncResult>>>,
    /// Whether its record will say by itself how the run ended, as far as is known now.
    pub tells_record: bool,
    /// Whether it waits because the service is paused.
    pub is_paused: bool,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The service takes no new syncs.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// As many runs wait as may; nothing was recorded.
    #[error("too many runs wait for their turn")]
    QueueFull(QueueFull),
    /// The run's row could not be committed.
    #[error("the run could not be recorded")]
    Store(#[source] StoreError),
}

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

/// How many runs are recorded at one moment: thousands of requests that come at once would each
/// hold what recording one takes.
pub(super) const ADMITTED_AT_ONCE: usize = 64;

/// What two dry runs have in common that may be one: record, kind and parameters.
type DryRunKey = (SalesforceId, &'static str, String);

/// Dry runs of this process that are being recorded: whoever asks for the same meanwhile has their
/// answer, because none has begun to read.
#[derive(Default)]
pub(super) struct DryRuns(Mutex<HashMap<DryRunKey, watch::Receiver<Option<Shareable>>>>);

/// A run that was recorded, and who asked for it.
#[derive(Clone)]
struct Shareable {
    run: StartedRun,
    requested_by: Option<String>,
    is_awaited: bool,
}

/// The first one of those who ask for the same.
struct Leader<'a> {
    dry_runs: &'a DryRuns,
    key: DryRunKey,
    sender: watch::Sender<Option<Shareable>>,
}

impl DryRuns {
    /// Whose run is to be waited for; or, where nobody has asked for the same, the right to be
    /// waited for.
    fn lead_or_join(&self, run: &NewRun) -> Result<Leader<'_>, watch::Receiver<Option<Shareable>>> {
        let key = (
            run.parent_record_id.clone(),
            run.task.kind(),
            run.task.parameters(run.expected_plan.as_ref()),
        );
        let mut dry_runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leading) = dry_runs.get(&key) {
            return Err(leading.clone());
        }
        let (sender, receiver) = watch::channel(None);
        dry_runs.insert(key.clone(), receiver);
        Ok(Leader { dry_runs: self, key, sender })
    }
}

impl Leader<'_> {
    /// Tells those who have asked for the same meanwhile; whoever comes later has a run of his own.
    fn tell(self, run: &StartedRun, new: &NewRun) {
        let (requested_by, is_awaited) = (new.requested_by.clone(), new.awaited_until.is_some());
        self.sender.send_replace(Some(Shareable { run: run.clone(), requested_by, is_awaited }));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.dry_runs.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
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
        let (id, claimed) = match admission.map_err(StartError::Store)? {
            Admission::Claimed(claimed) => (run.id, slot.map(|slot| (claimed, slot))),
            Admission::Waits(id) => (id, self.begin_shared(id, &run, slot).await),
            Admission::Refused(full) => {
                metrics::run_refused(full.bound());
                return Err(StartError::QueueFull(full));
            }
        };
        let tells_record = run.task == RunTask::Sync
            && !run.dry_run
            && self.knowledge.keeps_status(&run.parent_record_id);
        let mut started =
            StartedRun { id, ended: self.waiting.for_answer(id), tells_record, is_paused: false };
        if let Some(leader) = leader {
            leader.tell(&started, &run);
        }
        if let Some((claimed, slot)) = claimed {
            self.slots.had_turn(class, &caller);
            self.begin(claimed, asked_at, slot);
            return Ok(started);
        }
        started.is_paused =
            !run.dry_run && self.store.load_pause().await.map_err(StartError::Store)?.is_some();
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
            self.store.join(run.id, new).await.map_err(StartError::Store)?;
        }
        Ok(run)
    }
}
