//! The syncs of this process: what they stand at, and their end.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::domain::change::{ErasedValues, ObjectChange};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::SyncRun;
use crate::mapping::Mappings;
use crate::store::{
    ChangeFilter, HistorySize, OpenRuns, QueueBounds, QueueWait, RunFilter, Store, StoreError,
};
use crate::sync::context::progress::HeldByOthers;
use crate::sync::scheduler::maintenance::Scope;
use crate::sync::scheduler::{maintenance, shares};
use crate::sync::settings::{RunSettings, SyncLimits};
use crate::sync::shared::{Readiness, Shared};
use crate::sync::verify;
use crate::transport::{Budget, LimiterGauges};
use crate::{m3ter, salesforce};

/// Starts syncs; a clone is another handle.
#[derive(Clone)]
pub struct Syncs {
    pub(super) shared: Arc<Shared>,
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
        shares::wait_for_share(m3ter.limiter());
        let shared = Shared::new(salesforce, m3ter, mappings, store, limits, settings, tasks);
        Self { shared: Arc::new(shared) }
    }

    /// Loads what every sync needs of both vendors; a sync that comes earlier loads it itself.
    pub async fn load(&self) -> Readiness {
        let limits = self.shared.limits;
        let readiness =
            match self.shared.metadata.load(&Budget::new(limits.time, limits.callouts)).await {
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
        if let Readiness::NotReady(problems) = &mut readiness
            && let Some(held) = self.held_by_others()
        {
            problems.push(format!("The service waits for a share of m3ter's limit: {held}"));
        }
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
        self.shared.metadata.unreadable().into_iter().collect()
    }

    /// How many runs this process holds a lease of, and how many its callers wait for.
    pub fn gauges(&self) -> (usize, usize) {
        (self.shared.claims.count(), self.shared.waiting.count())
    }

    /// How the limiter toward m3ter stands.
    pub fn rate_limit(&self) -> LimiterGauges {
        self.shared.metadata.m3ter.limiter().gauges()
    }

    /// How many runs are under way in this process, and how many may be.
    pub fn slots(&self) -> (usize, usize) {
        self.shared.slots.gauges()
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

    /// Puts a run on the disk whose caller is told that it goes on, and will not hear how it ends.
    pub async fn settle(&self, run: SyncRunId) -> Result<(), StoreError> {
        self.shared.claims.settle(run, &self.shared.store).await
    }

    /// How far a sync is that this process works on, in words; `None` if it does not.
    pub fn progress(&self, run: SyncRunId) -> Option<String> {
        let requests_waiting = self.rate_limit().waiting.iter().map(|(_, count)| count).sum();
        Some(self.shared.meters.progress(run)?.in_words(requests_waiting, self.held_by_others()))
    }

    /// Who has all of m3ter's limit, while this process has none of it for that reason.
    fn held_by_others(&self) -> Option<HeldByOthers> {
        *self.shared.held_by_others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One run with everything about it.
    pub async fn run(&self, id: SyncRunId) -> Result<Option<SyncRun>, StoreError> {
        self.shared.store.load_run(id).await
    }

    /// Runs without their results and callouts, newest first.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<SyncRun>, StoreError> {
        self.shared.store.list_runs(filter).await
    }

    /// What was changed in m3ter, newest first.
    pub async fn list_changes(
        &self,
        filter: &ChangeFilter,
    ) -> Result<Vec<ObjectChange>, StoreError> {
        self.shared.store.list_changes(filter).await
    }

    /// Removes the values of what was changed for a record from the history.
    pub async fn erase(&self, record: &SalesforceId) -> Result<ErasedValues, StoreError> {
        self.shared.store.erase(record).await
    }

    /// Prolongs leases, continues with what other processes left, looks for the answers of their
    /// runs, and keeps a share of m3ter's limit, until [`Syncs::stop`].
    pub async fn maintain(&self, scope: Scope) {
        let shared = &self.shared;
        tokio::join!(
            maintenance::maintain(Arc::clone(shared), scope.clone()),
            Box::pin(shares::keep(Arc::clone(shared))),
            Box::pin(shared.take_turns(&scope)),
            Box::pin(verify::work(shared, &scope)),
            shared.waiting.look_elsewhere(&shared.store, &shared.claims, &shared.ended)
        );
    }

    /// Is not ready any more, and leaves to other processes what waits. What this one is asked for
    /// is still recorded and begun.
    pub fn drain(&self) {
        self.shared.draining.cancel();
    }

    /// Begins nothing any more, and gives back what runs: each run is stopped before its next
    /// callout, and waits at most `grace` for those that are under way.
    pub async fn give_back(&self, grace: Duration) {
        let shared = &self.shared;
        shared.draining.cancel();
        shared.stopping.cancel();
        shared.claims.stop();
        if tokio::time::timeout(grace, shared.claims.none_left()).await.is_err() {
            tracing::warn!(
                runs = shared.claims.count(),
                "shutting down with runs still active; they continue elsewhere when their leases expire"
            );
        }
        shared.waiting.give_up();
        shared.ended.cancel();
    }

    /// Begins nothing any more. Runs may end within half of `grace`; those that have not are
    /// stopped before their next callout and given back, so that another process takes them over
    /// at once.
    pub async fn stop(&self, grace: Duration) {
        let shared = &self.shared;
        shared.draining.cancel();
        shared.stopping.cancel();
        let _ = tokio::time::timeout(grace / 2, shared.claims.none_left()).await;
        self.give_back(grace / 2).await;
    }
}

fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
