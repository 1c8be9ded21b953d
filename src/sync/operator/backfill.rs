//! The sync of what a verification named, as people ask for it.

use crate::domain::backfill::{Backfill, BackfilledRecord};
use crate::domain::ids::SalesforceId;
use crate::domain::verification::{VerifiedRecord, VerifiedStatus};
use crate::store::StoreError;
use crate::sync::scheduler::maintenance::REPLAY_EVERY;
use crate::sync::syncs::Syncs;

impl Syncs {
    /// The records that [`Syncs::backfill`] would sync.
    pub async fn plan_backfill(
        &self,
        verification: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
    ) -> Result<Vec<VerifiedRecord>, StoreError> {
        self.shared.store.plan_backfill(verification, statuses, limit).await
    }

    /// Plans a sync of each record that a verification found with these statuses and that it has
    /// not planned before, at most so many, one every [`REPLAY_EVERY`]; how many.
    pub async fn backfill(
        &self,
        verification: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
        requested_by: Option<&str>,
    ) -> Result<u64, StoreError> {
        let store = &self.shared.store;
        store.schedule_backfill(verification, statuses, limit, REPLAY_EVERY, requested_by).await
    }

    /// Takes back the planned syncs that have not begun; how many.
    pub async fn cancel_backfill(&self, verification: &str) -> Result<u64, StoreError> {
        self.shared.store.cancel_backfill(verification).await
    }

    /// What has become of the planned syncs.
    pub async fn backfill_of(&self, verification: &str) -> Result<Backfill, StoreError> {
        self.shared.store.load_backfill(verification).await
    }

    /// The records whose syncs were tried and are not `Completed`, in the order of their ids.
    pub async fn list_backfilled(
        &self,
        verification: &str,
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<BackfilledRecord>, StoreError> {
        self.shared.store.list_backfilled(verification, after, limit).await
    }
}
