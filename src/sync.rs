//! The syncs: each brings one Salesforce record into m3ter, in a task of its own.
//!
//! [`Syncs::start`] commits the run's row, spawns the task and returns at once; whoever asked may wait on the receiver or go away,
//! the sync goes on either way. It must never run inside the task of a request, nor hold a transaction of the store.

mod apply;
mod blocker;
mod end_dating;
mod end_one;
mod failure;
mod knowledge;
mod matching;
mod read;
mod recorder;
mod removed;
mod replace;
mod walk;
mod write;
mod write_back;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::domain::ending::EndDateOrder;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{ErrorCode, Failure, SyncResult};
use crate::mapping::Mappings;
use crate::store::{NewRun, Store, StoreError};
use crate::telemetry::ErrorChain;
use crate::transport::Budget;
use crate::{m3ter, salesforce};
use end_dating::EndDating;
use knowledge::Knowledge;
pub(crate) use knowledge::describe;
use walk::Walk;

/// Whether a sync writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// It writes what differs.
    Apply,
    /// It only says what it would write.
    DryRun,
}

/// What a run does with its record.
#[derive(Debug, Clone)]
enum RunTask {
    /// Brings it into m3ter.
    Sync,
    /// Ends what m3ter bills for it.
    EndDate(EndDateOrder),
}

/// What one sync may spend.
#[derive(Debug, Clone, Copy)]
pub struct SyncLimits {
    /// Time from its start.
    pub time: Duration,
    /// Callouts to both vendors.
    pub callouts: u32,
}

/// A run whose row is committed and whose task goes on.
#[derive(Debug, Clone)]
pub struct StartedRun {
    /// The run's id.
    pub id: SyncRunId,
    /// Holds the result once the run has ended. It closes without one only if the process ends.
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
    readiness: Mutex<Readiness>,
    /// One sync of a record at a time in this process.
    under_way: Mutex<HashMap<SalesforceId, Weak<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for Syncs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncs").field("readiness", &self.readiness()).finish_non_exhaustive()
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
        tasks: TaskTracker,
    ) -> Self {
        let readiness = Mutex::new(Readiness::NotReady(vec!["The service has not spoken to Salesforce and m3ter yet".to_owned()]));
        let knowledge = Knowledge::new(salesforce, m3ter, mappings);
        Self { shared: Arc::new(Shared { store, tasks, knowledge, limits, readiness, under_way: Mutex::default() }) }
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
    pub fn readiness(&self) -> Readiness {
        if self.shared.tasks.is_closed() {
            return Readiness::NotReady(vec!["The service is shutting down".to_owned()]);
        }
        self.shared.readiness.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records the sync of a record and begins it.
    pub async fn start(&self, record: SalesforceId, mode: SyncMode) -> Result<StartedRun, StartError> {
        self.begin(record, RunTask::Sync, mode).await
    }

    /// Records the end dating of a record and begins it.
    pub async fn start_end_date(&self, record: SalesforceId, order: EndDateOrder, mode: SyncMode) -> Result<StartedRun, StartError> {
        self.begin(record, RunTask::EndDate(order), mode).await
    }

    async fn begin(&self, record: SalesforceId, task: RunTask, mode: SyncMode) -> Result<StartedRun, StartError> {
        if self.shared.tasks.is_closed() {
            return Err(StartError::ShuttingDown);
        }
        let run = NewRun {
            id: SyncRunId(Uuid::now_v7()),
            parent_record_id: record,
            dry_run: mode == SyncMode::DryRun,
            started_at: Timestamp::now(),
        };
        self.shared.store.save_run_started(&run).await.map_err(StartError::Store)?;
        let id = run.id;
        let (sender, ended) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            let result = shared.run(&run, &task, mode).await;
            sender.send_replace(Some(Arc::new(result)));
        });
        Ok(StartedRun { id, ended })
    }
}

impl Shared {
    /// One run from its turn to its saved end.
    async fn run(&self, run: &NewRun, task: &RunTask, mode: SyncMode) -> SyncResult {
        let turn = self.turn_of(&run.parent_record_id);
        let _turn = turn.lock().await;
        let (now, budget) = (Timestamp::now(), Budget::new(self.limits.time, self.limits.callouts));
        let (knowledge, store, record) = (&self.knowledge, &self.store, &run.parent_record_id);
        let walk = async {
            match task {
                RunTask::Sync => {
                    let walk = Walk { knowledge, store, tasks: &self.tasks, run: run.id, root: record, mode, now, budget: &budget };
                    walk.to_the_end().await
                }
                RunTask::EndDate(order) => {
                    EndDating { knowledge, store, run: run.id, record, order, mode, now, budget: &budget }.to_the_end().await
                }
            }
        };
        // A panic is a fault of ours; whoever waits gets an answer all the same.
        let result = std::panic::AssertUnwindSafe(walk).catch_unwind().await;
        let result = result.unwrap_or_else(|_| internal_error(run));
        if let Err(error) = self.store.save_run_ended(run.id, &result, Timestamp::now()).await {
            tracing::error!(sync_run_id = %run.id, error = %ErrorChain(&error), "the end of a run was not saved");
        }
        let callouts = budget.callouts_made();
        tracing::info!(
            sync_run_id = %run.id, parent_record_id = %run.parent_record_id, dry_run = run.dry_run, sync_status = %result.sync_status,
            error_code = result.error_code, objects = result.object_results.len(), callouts, "a sync ended"
        );
        result
    }

    fn turn_of(&self, record: &SalesforceId) -> Arc<tokio::sync::Mutex<()>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = under_way.get(record).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        under_way.insert(record.clone(), Arc::downgrade(&turn));
        turn
    }
}

fn internal_error(run: &NewRun) -> SyncResult {
    let failure = Failure { code: ErrorCode::InternalError, reason: format!("An internal error occurred (request {})", run.id) };
    SyncResult {
        parent_record_id: Some(run.parent_record_id.to_string()),
        sync_run_id: Some(run.id.to_string()),
        dry_run: run.dry_run,
        ..SyncResult::failed(&failure, Vec::new(), Vec::new())
    }
}
