//! The syncs: each brings one Salesforce record into m3ter, in a task of its own.
//!
//! [`Syncs::start`] commits the run's row, spawns the task and returns at once; whoever asked may wait on the receiver or go away,
//! the sync goes on either way, if need be in another process. It must never run inside the task of a request, nor hold a
//! transaction of the store.

mod apply;
mod blocker;
mod claims;
mod end_dating;
mod end_one;
mod failure;
mod knowledge;
mod leftovers;
mod matching;
mod organization;
mod organization_config;
mod patience;
mod read;
mod recorder;
mod removed;
mod replace;
mod runs;
mod upkeep;
mod waiting;
mod walk;
mod write;
mod write_back;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::SyncResult;
use crate::domain::run::{RunTask, SyncRun};
use crate::mapping::Mappings;
use crate::store::{Admission, NewRun, Store};
use crate::telemetry::trace::TraceContext;
use crate::transport::Budget;
use crate::{m3ter, salesforce};
use claims::Claims;
use knowledge::Knowledge;
use waiting::Waiting;

pub use crate::store::{OpenRuns, RunFilter, StoreError};
pub(crate) use knowledge::describe;
pub use upkeep::Scope;

/// Whether a sync writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// It writes what differs.
    Apply,
    /// It only says what it would write.
    DryRun,
}

/// What one sync may spend.
#[derive(Debug, Clone, Copy)]
pub struct SyncLimits {
    /// Time from its start.
    pub time: Duration,
    /// Callouts to both vendors.
    pub callouts: u32,
}

/// How runs are kept.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// How long a claim is good without a renewal: as long goes by until a run is taken over whose process has died.
    pub lease: Duration,
    /// After which times a run that failed is tried again by itself; none: never.
    pub retry_after: Vec<Duration>,
    /// How long runs are kept that have ended; `None`: for ever.
    pub retention: Option<Duration>,
    /// How long syncs and connections may take to end after the service was told to stop.
    pub shutdown_grace: Duration,
    /// How long m3ter's `OrganizationConfig` is believed: what somebody switches there counts so soon.
    pub organization_config_for: Duration,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            retry_after: [1, 5, 15, 60].map(Duration::from_mins).to_vec(),
            retention: Some(Duration::from_hours(90 * 24)),
            shutdown_grace: Duration::from_secs(25),
            organization_config_for: Duration::from_mins(1),
        }
    }
}

/// Between the runs of a replay of many: half of what m3ter's limit allows is left to the others.
pub const REPLAY_EVERY: Duration = Duration::from_millis(400);

/// What is asked for: a task for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// The record.
    pub record: SalesforceId,
    /// What is to be done with it.
    pub task: RunTask,
    /// Whether it writes.
    pub mode: SyncMode,
    /// The run that it repeats.
    pub replay_of: Option<SyncRunId>,
    /// Who asks, where callers have names.
    pub requested_by: Option<String>,
}

impl RunRequest {
    /// A sync of a record that nobody in particular asks for.
    pub fn sync(record: SalesforceId, mode: SyncMode) -> Self {
        Self { record, task: RunTask::Sync, mode, replay_of: None, requested_by: None }
    }
}

/// A run whose row is committed and which goes on: in this process, or in another one.
#[derive(Debug, Clone)]
pub struct StartedRun {
    /// The run's id; that of another request's run if this one shares it.
    pub id: SyncRunId,
    /// Holds the result once the run has ended. It closes without one only if the process ends; the run goes on elsewhere then.
    pub ended: watch::Receiver<Option<Arc<SyncResult>>>,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The service takes no new syncs.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The run's row could not be committed.
    #[error("the run could not be recorded")]
    Store(#[source] StoreError),
}

/// Whether syncs can be started with a prospect of success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Logged in on both sides, plan templates loaded.
    Ready,
    /// What is still missing, one sentence each.
    NotReady(Vec<String>),
}

/// Starts syncs; a clone is another handle.
#[derive(Clone)]
pub struct Syncs {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    tasks: TaskTracker,
    knowledge: Knowledge,
    limits: SyncLimits,
    settings: RunSettings,
    readiness: Mutex<Readiness>,
    claims: Claims,
    waiting: Waiting,
    /// No run begins any more in this process.
    stopping: CancellationToken,
    /// Nothing is held any more, or nothing can be waited for.
    ended: CancellationToken,
}

impl fmt::Debug for Syncs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncs").field("readiness", &self.shared.readiness).finish_non_exhaustive()
    }
}

impl Syncs {
    /// Syncs that are recorded in `store` and whose tasks belong to `tasks`; closing `tasks` ends the taking of new ones.
    pub fn new(
        salesforce: salesforce::Client,
        m3ter: m3ter::Client,
        mappings: Mappings,
        store: Store,
        limits: SyncLimits,
        settings: RunSettings,
        tasks: TaskTracker,
    ) -> Self {
        let readiness = Mutex::new(Readiness::NotReady(vec!["The service has not spoken to Salesforce and m3ter yet".to_owned()]));
        let knowledge = Knowledge::new(salesforce, m3ter, mappings, store.clone(), settings.organization_config_for);
        let claims = Claims::new(settings.lease);
        let (waiting, stopping, ended) = (Waiting::default(), CancellationToken::new(), CancellationToken::new());
        Self { shared: Arc::new(Shared { store, tasks, knowledge, limits, settings, readiness, claims, waiting, stopping, ended }) }
    }

    /// Loads what every sync needs of both vendors; a sync that comes earlier loads it itself.
    pub async fn load(&self) -> Readiness {
        let limits = self.shared.limits;
        let readiness = match self.shared.knowledge.load(&Budget::new(limits.time, limits.callouts)).await {
            Ok(()) => Readiness::Ready,
            Err(failure) => Readiness::NotReady(vec![failure.reason]),
        };
        *self.shared.readiness.lock().unwrap_or_else(PoisonError::into_inner) = readiness.clone();
        readiness
    }

    /// Whether syncs can be started with a prospect of success.
    pub async fn readiness(&self) -> Readiness {
        if self.is_stopping() {
            return Readiness::NotReady(vec!["The service is shutting down".to_owned()]);
        }
        let mut readiness = self.shared.readiness.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = self.shared.store.ping().await {
            let problem = format!("{}: no sync can be recorded", sentence(error.in_words()));
            readiness = match readiness {
                Readiness::Ready => Readiness::NotReady(vec![problem]),
                Readiness::NotReady(problems) => Readiness::NotReady(std::iter::once(problem).chain(problems).collect()),
            };
        }
        readiness
    }

    /// Fields and relationships that syncs need and that cannot be read now, though they could be before.
    pub fn unreadable(&self) -> Vec<String> {
        self.shared.knowledge.unreadable().into_iter().collect()
    }

    /// How many runs this process holds a lease of, and how many its callers wait for.
    pub fn standing(&self) -> (usize, usize) {
        (self.shared.claims.count(), self.shared.waiting.count())
    }

    /// How many runs are not over, in all processes together.
    pub async fn open_runs(&self) -> Result<OpenRuns, StoreError> {
        self.shared.store.count_open_runs().await
    }

    /// Whether no run begins any more in this process.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.is_cancelled() || self.shared.tasks.is_closed()
    }

    /// Records a run and begins it, or joins one that does the same and has not begun.
    pub async fn start(&self, request: RunRequest) -> Result<StartedRun, StartError> {
        if self.is_stopping() {
            return Err(StartError::ShuttingDown);
        }
        let shared = Arc::clone(&self.shared);
        let trace = TraceContext::current().map(|trace| trace.to_string());
        // In a task: a caller that hangs up now does not leave a run behind that nobody works on.
        let starting = self.shared.tasks.spawn(async move {
            let run = NewRun {
                id: SyncRunId(Uuid::now_v7()),
                parent_record_id: request.record,
                task: request.task,
                dry_run: request.mode == SyncMode::DryRun,
                requested_at: Timestamp::now(),
                replay_of: request.replay_of,
                requested_by: request.requested_by,
                trace,
            };
            let asked_at = Instant::now();
            match shared.store.admit(&run, shared.claims.claimant()).await.map_err(StartError::Store)? {
                Admission::Claimed(claimed) => {
                    let ended = shared.waiting.for_answer(run.id);
                    shared.begin(claimed, asked_at);
                    Ok(StartedRun { id: run.id, ended })
                }
                Admission::Waits(id) => Ok(StartedRun { id, ended: shared.waiting.for_answer(id) }),
            }
        });
        starting.await.unwrap_or(Err(StartError::ShuttingDown))
    }

    /// One run with everything about it.
    pub async fn run(&self, id: SyncRunId) -> Result<Option<SyncRun>, StoreError> {
        self.shared.store.load_run(id).await
    }

    /// Runs without their results and callouts, newest first.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<SyncRun>, StoreError> {
        self.shared.store.list_runs(filter).await
    }

    /// Runs the same again as a run of its own that names the first one; its record, and the run. `None` if there is no such run.
    pub async fn replay(&self, id: SyncRunId, requested_by: Option<String>) -> Result<Option<(SalesforceId, StartedRun)>, StartError> {
        let Some(request) = self.shared.store.load_request(id).await.map_err(StartError::Store)? else { return Ok(None) };
        let record = request.parent_record_id.clone();
        let started = self.start(RunRequest {
            record: request.parent_record_id,
            task: request.task,
            mode: if request.dry_run { SyncMode::DryRun } else { SyncMode::Apply },
            replay_of: Some(id),
            requested_by,
        });
        Ok(Some((record, started.await?)))
    }

    /// Runs the failed runs that `filter` names again, a few each second, by any process; the runs that will do it.
    pub async fn replay_many(&self, filter: &RunFilter, requested_by: Option<String>) -> Result<Vec<SyncRunId>, StartError> {
        if self.is_stopping() {
            return Err(StartError::ShuttingDown);
        }
        self.shared.store.schedule_replays(filter, REPLAY_EVERY, requested_by).await.map_err(StartError::Store)
    }

    /// Prolongs leases, goes on with what other processes left, and looks for the answers of their runs, until [`Syncs::stop`].
    pub async fn keep_up(&self, scope: Scope) {
        let shared = &self.shared;
        tokio::join!(
            upkeep::keep_up(Arc::clone(shared), scope),
            shared.waiting.look_elsewhere(&shared.store, &shared.claims, &shared.ended)
        );
    }

    /// Begins nothing any more. Runs may end within half of `grace`; those that have not are stopped before their next callout and
    /// given back, so that another process goes on with them at once.
    pub async fn stop(&self, grace: Duration) {
        let shared = &self.shared;
        shared.stopping.cancel();
        if tokio::time::timeout(grace / 2, shared.claims.none_left()).await.is_err() {
            shared.claims.stop();
            if tokio::time::timeout(grace / 2, shared.claims.none_left()).await.is_err() {
                tracing::warn!(
                    runs = shared.claims.count(),
                    "the service stops although runs have not; they go on when their leases have run out"
                );
            }
        }
        shared.claims.stop();
        shared.waiting.give_up();
        shared.ended.cancel();
    }
}

fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
