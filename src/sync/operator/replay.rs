//! Running again what ran before, and forgetting the ends that end dating made.

use std::time::Duration;

use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::RunTask;
use crate::store::{NotReopened, Reopening, Replay, RunFilter, StoreError};
use crate::sync::clock::now;
use crate::sync::request::{RunRequest, StartError, StartedRun};
use crate::sync::scheduler::maintenance::REPLAY_EVERY;
use crate::sync::settings::SyncMode;
use crate::sync::syncs::Syncs;

impl Syncs {
    /// Runs the same again as a run of its own that names the first one; its record, and the run.
    /// `None` if there is no such run.
    pub async fn replay(
        &self,
        id: SyncRunId,
        requested_by: Option<String>,
    ) -> Result<Option<(SalesforceId, StartedRun)>, StartError> {
        let Some(request) = self.shared.store.load_request(id).await? else { return Ok(None) };
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

    /// What a run was asked to do; `None` if there is no such run, or nobody can ask for it again.
    pub async fn task_of(&self, id: SyncRunId) -> Result<Option<RunTask>, StoreError> {
        Ok(self.shared.store.load_request(id).await?.map(|request| request.task))
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
        Ok(match mode {
            SyncMode::DryRun => store.plan_replays(filter).await?,
            SyncMode::Apply if self.is_stopping() => return Err(StartError::ShuttingDown),
            SyncMode::Apply => store.schedule_replays(filter, REPLAY_EVERY, requested_by).await?,
        })
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
        Ok(match mode {
            SyncMode::DryRun => store.plan_reopening(record).await?,
            SyncMode::Apply => store.reopen(record, requested_by.as_deref(), now()).await?,
        })
    }
}
