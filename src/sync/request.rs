//! What is asked for, and what is answered: a run, or why there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::answer::WrittenResult;
use crate::domain::ids::{SalesforceId, SyncRunId};

use crate::domain::plan::PlanHash;
use crate::domain::run::RunTask;
use crate::store::{QueueFull, StoreError};
use crate::sync::settings::SyncMode;

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
    /// How long the caller waits for the answer. Until then the run comes before those that nobody
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

/// A run whose row is committed and which continues: in this process, or in another one.
#[derive(Debug, Clone)]
pub struct StartedRun {
    /// The run's ID; that of another request's run if this one shares it.
    pub id: SyncRunId,
    /// Holds the result once the run has ended. It closes without one only if the process ends; the
    /// run continues elsewhere then.
    pub ended: watch::Receiver<Option<Arc<WrittenResult>>>,
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
    #[error("too many runs are waiting for their turn")]
    QueueFull(QueueFull),
    /// The run's row could not be committed.
    #[error("the run could not be recorded")]
    Store(#[from] StoreError),
}
