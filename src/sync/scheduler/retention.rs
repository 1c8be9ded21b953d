//! How much of what was done is kept: runs of some days, dry runs of one, and never more than so
//! many; changes of some years.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use crate::store::{OldRuns, StoreError};
use crate::sync::shared::Shared;
use crate::telemetry::ErrorChain;

/// Runs that are deleted in one transaction, and the pause after it: requests go first.
const DELETED_AT_ONCE: u32 = 200;
const DELETE_PAUSE: Duration = Duration::from_millis(100);

/// Deletes what is older than it may be, and what is too much, and measures what is left.
pub(crate) async fn keep_small(shared: &Shared) {
    match delete_changes(shared).await {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(deleted, "old changes were deleted"),
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "old changes could not be deleted");
        }
    }
    match delete(shared).await {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(deleted, "old runs were deleted"),
        Err(error) => tracing::warn!(error = %ErrorChain(&error), "old runs could not be deleted"),
    }
}

/// What was changed is asked for longer than what ran: it is outside of the bound on runs.
async fn delete_changes(shared: &Shared) -> Result<u64, StoreError> {
    let kept = shared.settings.change_retention;
    let Some(moment) = kept.and_then(|age| Timestamp::now().checked_sub(age).ok()) else {
        return Ok(0);
    };
    until_none_is_left(|| shared.store.delete_changes(moment, DELETED_AT_ONCE)).await
}

async fn delete(shared: &Shared) -> Result<u64, StoreError> {
    let settings = &shared.settings;
    let before = |age: Duration| Timestamp::now().checked_sub(age).ok();
    let mut deleted = 0;
    if let Some(moment) = settings.retention.and_then(before) {
        deleted += delete_all(shared, OldRuns::EndedBefore(moment)).await?;
        shared.store.delete_verifications(moment).await?;
    }
    if let Some(moment) = before(settings.dry_run_retention) {
        deleted += delete_all(shared, OldRuns::DryRunsEndedBefore(moment)).await?;
    }
    loop {
        // Measured again before each: other processes delete as well.
        let size = shared.store.measure_history().await?;
        *shared.history.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
        let excess = settings.history_rows.map_or(0, |most| size.runs.saturating_sub(most));
        if excess == 0 {
            return Ok(deleted);
        }
        let at_once = u32::try_from(excess).unwrap_or(u32::MAX).min(DELETED_AT_ONCE);
        deleted += shared.store.delete_runs(OldRuns::Any, at_once).await?;
        tokio::time::sleep(DELETE_PAUSE).await;
    }
}

async fn delete_all(shared: &Shared, which: OldRuns) -> Result<u64, StoreError> {
    until_none_is_left(|| shared.store.delete_runs(which, DELETED_AT_ONCE)).await
}

/// Deletes [`DELETED_AT_ONCE`] after the other, until fewer are found; how many were deleted.
async fn until_none_is_left<D>(delete: impl Fn() -> D) -> Result<u64, StoreError>
where
    D: Future<Output = Result<u64, StoreError>>,
{
    let mut deleted = 0;
    loop {
        let count = delete().await?;
        deleted += count;
        if count < u64::from(DELETED_AT_ONCE) {
            return Ok(deleted);
        }
        tokio::time::sleep(DELETE_PAUSE).await;
    }
}
