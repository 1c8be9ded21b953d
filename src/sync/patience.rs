//! Waiting for a database that is away: a sync that is under way goes on when it is back, within
//! its time.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::StoreError;
use crate::transport::Budget;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the database is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    until: Instant,
}

impl Patience {
    /// As long as the sync has time.
    pub(super) fn of(budget: &Budget) -> Self {
        Self { until: Instant::now() + budget.remaining() }
    }

    /// Carries out an operation of the store, again and again as long as what stops it may pass.
    pub(super) async fn with<T, F>(self, mut operation: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match operation().await {
                Err(error) if error.is_passing() && Instant::now() + PAUSE < self.until => {
                    tokio::time::sleep(PAUSE).await
                }
                outcome => return outcome,
            }
        }
    }
}
