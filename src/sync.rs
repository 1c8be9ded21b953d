//! The syncs: each brings one Salesforce record into m3ter, in a task of its own.
//!
//! [`Syncs::start`] commits the run's row and returns at once; the run begins then, or in its turn.
//! Whoever asked may wait on the receiver or go away, the sync goes on either way, if need be in
//! another process. It must never run inside the task of a request, nor hold a transaction of the
//! store.

mod actual;
mod admission;
mod applied;
mod apply;
mod approval;
mod billing_choice;
mod blocker;
mod callouts;
mod claims;
mod closing;
mod compare;
mod context;
mod end_dating;
mod end_one;
mod ends;
mod execute;
mod failure;
mod fetch;
mod identify;
mod job;
mod knowledge;
mod leftovers;
mod load;
mod merges;
mod organization;
mod organization_config;
mod pause;
mod plan;
mod portions;
mod preview;
mod queue;
mod read;
mod read_again;
mod recorder;
mod referred;
mod removed;
mod replace;
mod report;
mod retention;
mod retrying_store;
mod running;
mod runs;
mod safety;
mod shares;
mod sharing;
mod slots;
mod tell;
mod upkeep;
mod waiting;
mod write;
mod write_back;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::SyncRun;
use crate::mapping::Mappings;
use crate::store::Store;
use crate::transport::Budget;
use crate::{m3ter, salesforce};
use admission::{ADMITTED_AT_ONCE, DryRuns};
use claims::Claims;
use knowledge::Knowledge;
use slots::Slots;
use waiting::Waiting;

pub use crate::changeset::unusual::Usual;
pub use crate::store::{
    HistorySize, NotReopened, OpenRuns, Pause, QueueBounds, QueueFull, QueueWait, Reopening,
    Replay, RunFilter, StoreError,
};
pub use crate::transport::Standing;
pub use admission::{RunRequest, StartError, StartedRun};
pub(crate) use knowledge::describe;
pub use safety::Safety;
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
    /// How long a claim is good without a renewal: as long goes by until a run is taken over whose
    /// process has died.
    pub lease: Duration,
    /// After which times a run that failed is tried again by itself; none: never.
    pub retry_after: Vec<Duration>,
    /// How long runs are kept that have ended; `None`: for ever.
    pub retention: Option<Duration>,
    /// How long dry runs are kept, whatever the others are: they write nothing that anybody would
    /// ask about later.
    pub dry_run_retention: Duration,
    /// How many ended runs are kept at most, of all kinds; `None`: as many as there are.
    pub history_rows: Option<u64>,
    /// How many runs may be under way in this process at once; a caller may have as many as are
    /// free then, alone half of them.
    pub at_once: u32,
    /// How many runs may wait for their turn in all processes together; half of them of one caller.
    pub waiting: u32,
    /// How long syncs and connections may take to end after the service was told to stop.
    pub shutdown_grace: Duration,
    /// How much of that goes by before no connection is taken any more: whoever sends requests sees
    /// that this process is not ready.
    pub shutdown_drain: Duration,
    /// How long m3ter's `OrganizationConfig` is believed: what somebody switches there counts so
    /// soon.
    pub organization_config_for: Duration,
    /// Whether who waits for a run that is worked off in portions is answered after the last one,
    /// not after the first one.
    pub answers_at_the_end: bool,
    /// What keeps a run from doing more than somebody meant.
    pub safety: Safety,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            retry_after: [1, 5, 15, 60].map(Duration::from_mins).to_vec(),
            retention: Some(Duration::from_hours(90 * 24)),
            dry_run_retention: Duration::from_hours(24),
            history_rows: Some(500_000),
            at_once: 64,
            waiting: 10_000,
            shutdown_grace: Duration::from_secs(25),
            shutdown_drain: Duration::ZERO,
            organization_config_for: Duration::from_mins(1),
            answers_at_the_end: false,
            safety: Safety::default(),
        }
    }
}

impl RunSettings {
    /// How many runs may wait.
    pub fn queue_bounds(&self) -> QueueBounds {
        QueueBounds { of_caller: self.waiting.div_ceil(2), all: self.waiting }
    }
}

/// Between the runs of a replay of many: half of what m3ter's limit allows is left to the others.
pub const REPLAY_EVERY: Duration = Duration::from_millis(400);

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
    slots: Arc<Slots>,
    dry_runs: DryRuns,
    /// Places for runs that are being recorded.
    admitting: Semaphore,
    /// How large the history was when it was measured last.
    history: Mutex<Option<HistorySize>>,
    /// This process begins only what it is asked for: another one begins what waits.
    draining: CancellationToken,
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
    /// Syncs that are recorded in `store` and whose tasks belong to `tasks`; closing `tasks` ends
    /// the taking of new ones.
    pub fn new(
        salesforce: salesforce::Client,
        m3ter: m3ter::Client,
        mappings: Mappings,
        store: Store,
        limits: SyncLimits,
        settings: RunSettings,
        tasks: TaskTracker,
    ) -> Self {
        let readiness = Mutex::new(Readiness::NotReady(vec![
            "The service has not spoken to Salesforce and m3ter yet".to_owned(),
        ]));
        let knowledge = Knowledge::new(
            salesforce,
            m3ter,
            mappings,
            store.clone(),
            settings.organization_config_for,
        );
        shares::wait_for_share(knowledge.m3ter.limiter());
        let claims = Claims::new(settings.lease);
        let (waiting, history) = (Waiting::default(), Mutex::default());
        let [draining, stopping, ended] = std::array::from_fn(|_| CancellationToken::new());
        let (slots, dry_runs) = (Slots::new(settings.at_once), DryRuns::default());
        let admitting = Semaphore::new(ADMITTED_AT_ONCE);
        let store = store.bounded(settings.queue_bounds());
        let shared = Shared {
            store,
            tasks,
            knowledge,
            limits,
            settings,
            readiness,
            claims,
            waiting,
            slots,
            dry_runs,
            admitting,
            history,
            draining,
            stopping,
            ended,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Loads what every sync needs of both vendors; a sync that comes earlier loads it itself.
    pub async fn load(&self) -> Readiness {
        let limits = self.shared.limits;
        let readiness =
            match self.shared.knowledge.load(&Budget::new(limits.time, limits.callouts)).await {
                Ok(()) => Readiness::Ready,
                Err(failure) => Readiness::NotReady(vec![failure.reason]),
            };
        *self.shared.readiness.lock().unwrap_or_else(PoisonError::into_inner) = readiness.clone();
        readiness
    }

    /// Whether syncs can be started with a prospect of success.
    pub async fn readiness(&self) -> Readiness {
        if self.shared.draining.is_cancelled() || self.is_stopping() {
            return Readiness::NotReady(vec!["The service is shutting down".to_owned()]);
        }
        let mut readiness =
            self.shared.readiness.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = self.shared.store.ping().await {
            let problem = format!("{}: no sync can be recorded", sentence(error.in_words()));
            readiness = match readiness {
                Readiness::Ready => Readiness::NotReady(vec![problem]),
                Readiness::NotReady(problems) => {
                    Readiness::NotReady(std::iter::once(problem).chain(problems).collect())
                }
            };
        }
        readiness
    }

    /// Fields and relationships that syncs need and that cannot be read now, though they could be
    /// before.
    pub fn unreadable(&self) -> Vec<String> {
        self.shared.knowledge.unreadable().into_iter().collect()
    }

    /// How many runs this process holds a lease of, and how many its callers wait for.
    pub fn standing(&self) -> (usize, usize) {
        (self.shared.claims.count(), self.shared.waiting.count())
    }

    /// How the limiter toward m3ter stands.
    pub fn rate_limit(&self) -> Standing {
        self.shared.knowledge.m3ter.limiter().standing()
    }

    /// How many runs are under way in this process, and how many may be.
    pub fn slots(&self) -> (usize, usize) {
        self.shared.slots.standing()
    }

    /// How many runs may wait, in all processes together.
    pub fn queue_bounds(&self) -> QueueBounds {
        self.shared.settings.queue_bounds()
    }

    /// How large the history of runs was when it was measured last, and how many runs it may have;
    /// nothing before the first time.
    pub fn history(&self) -> Option<(HistorySize, Option<u64>)> {
        let size = *self.shared.history.lock().unwrap_or_else(PoisonError::into_inner);
        size.map(|size| (size, self.shared.settings.history_rows))
    }

    /// How many runs are not over, in all processes together.
    pub async fn open_runs(&self) -> Result<OpenRuns, StoreError> {
        self.shared.store.count_open_runs().await
    }

    /// Whether no run begins any more in this process.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.is_cancelled() || self.shared.tasks.is_closed()
    }

    /// What a run waits for; `None` if it has begun.
    pub async fn wait_of(&self, run: SyncRunId) -> Result<Option<QueueWait>, StoreError> {
        self.shared.store.load_wait(run).await
    }

    /// One run with everything about it.
    pub async fn run(&self, id: SyncRunId) -> Result<Option<SyncRun>, StoreError> {
        self.shared.store.load_run(id).await
    }

    /// Runs without their results and callouts, newest first.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<SyncRun>, StoreError> {
        self.shared.store.list_runs(filter).await
    }

    /// Runs the same again as a run of its own that names the first one; its record, and the run.
    /// `None` if there is no such run.
    pub async fn replay(
        &self,
        id: SyncRunId,
        requested_by: Option<String>,
    ) -> Result<Option<(SalesforceId, StartedRun)>, StartError> {
        let Some(request) = self.shared.store.load_request(id).await.map_err(StartError::Store)?
        else {
            return Ok(None);
        };
        let record = request.parent_record_id.clone();
        let started = self.start(RunRequest {
            record: request.parent_record_id,
            task: request.task,
            expected_plan: request.expected_plan,
            mode: if request.dry_run { SyncMode::DryRun } else { SyncMode::Apply },
            replay_of: Some(id),
            requested_by,
            salesforce_user: None,
            waits: Duration::ZERO,
        });
        Ok(Some((record, started.await?)))
    }

    /// Runs the failed runs that `filter` names again, a few each second, by any process; a dry run
    /// only says which.
    pub async fn replay_many(
        &self,
        filter: &RunFilter,
        mode: SyncMode,
        requested_by: Option<String>,
    ) -> Result<Vec<Replay>, StartError> {
        let store = &self.shared.store;
        match mode {
            SyncMode::DryRun => store.plan_replays(filter).await.map_err(StartError::Store),
            SyncMode::Apply if self.is_stopping() => Err(StartError::ShuttingDown),
            SyncMode::Apply => store
                .schedule_replays(filter, REPLAY_EVERY, requested_by)
                .await
                .map_err(StartError::Store),
        }
    }

    /// Forgets the ends that end dating made of a record, so that its next sync follows Salesforce;
    /// a dry run only says which.
    pub async fn reopen(
        &self,
        record: &SalesforceId,
        mode: SyncMode,
        requested_by: Option<String>,
    ) -> Result<Result<Reopening, NotReopened>, StartError> {
        let store = &self.shared.store;
        let reopening = match mode {
            SyncMode::DryRun => store.plan_reopening(record).await,
            SyncMode::Apply => store.reopen(record, requested_by.as_deref(), now()).await,
        };
        reopening.map_err(StartError::Store)
    }

    /// Prolongs leases, goes on with what other processes left, looks for the answers of their
    /// runs, and keeps a share of m3ter's limit, until [`Syncs::stop`].
    pub async fn keep_up(&self, scope: Scope) {
        let shared = &self.shared;
        tokio::join!(
            upkeep::keep_up(Arc::clone(shared), scope.clone()),
            Box::pin(shares::keep(Arc::clone(shared))),
            Box::pin(shared.take_turns(&scope)),
            shared.waiting.look_elsewhere(&shared.store, &shared.claims, &shared.ended)
        );
    }

    /// Is not ready any more, and leaves to other processes what waits. What this one is asked for
    /// is still recorded and begun.
    pub fn drain(&self) {
        self.shared.draining.cancel();
    }

    /// Begins nothing any more. Runs may end within half of `grace`; those that have not are
    /// stopped before their next callout and given back, so that another process goes on with them
    /// at once.
    pub async fn stop(&self, grace: Duration) {
        let shared = &self.shared;
        shared.draining.cancel();
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

/// The present instant as runs keep it: to the millisecond, in the database as in the tries of a
/// run.
fn now() -> Timestamp {
    to_millisecond(Timestamp::now())
}

fn to_millisecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}

fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
