//! Pausing the service: what is asked for is recorded and waits, in all processes, until the
//! service continues.
//!
//! What runs already continues to its end, also in another process if this one dies: half of a deal
//! in m3ter is worse than all of it.

use crate::store::{Pause, Said, StoreError};
use crate::sync::clock::now;
use crate::sync::syncs::Syncs;

impl Syncs {
    /// Lets no run begin any more; the pause that is in force, which may be an earlier one.
    pub async fn pause(&self, by: Option<&str>, reason: &str) -> Result<Pause, StoreError> {
        let said = Said { by, reason: Some(reason), at: now() };
        let (pause, is_new) = self.shared.store.pause(said).await?;
        if is_new {
            tracing::info!(target: "audit", operation = "pause", caller = by, reason, "the service is paused");
        }
        Ok(pause)
    }

    /// Lets runs begin again, those that wait in their order; the pause that is over, or `None` if
    /// there was none.
    pub async fn resume(
        &self,
        by: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Option<Pause>, StoreError> {
        let pause = self.shared.store.resume(Said { by, reason, at: now() }).await?;
        if pause.is_some() {
            tracing::info!(target: "audit", operation = "resume", caller = by, reason, "the service is resumed");
        }
        Ok(pause)
    }

    /// The pause that is in force.
    pub async fn paused(&self) -> Result<Option<Pause>, StoreError> {
        self.shared.store.load_pause().await
    }

    /// The last pauses, the newest first.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.shared.store.list_pauses().await
    }
}
