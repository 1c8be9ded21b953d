//! The database as a run uses it: while it is away the run waits, within its time.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::outcome::Failure;
use crate::store::{Store, StoreError};
use crate::telemetry::ErrorChain;
use crate::transport::Budget;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// The store, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryingStore<'a> {
    pub(crate) store: &'a Store,
    pub(crate) until: Instant,
}

impl<'a> RetryingStore<'a> {
    /// Waits as long as the budget has time.
    pub(crate) fn new(store: &'a Store, budget: &Budget) -> Self {
        Self { store, until: Instant::now() + budget.remaining() }
    }

    /// Carries out an operation. Why it failed at last is in the log, here and nowhere else.
    pub(crate) async fn with<T, F>(
        self,
        operation: impl FnMut(&'a Store) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.retry(operation).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "a database operation failed during a sync");
            error.into()
        })
    }

    /// Carries out an operation, again and again as long as what stops it may pass.
    pub(crate) async fn retry<T, F>(
        self,
        mut operation: impl FnMut(&'a Store) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match operation(self.store).await {
                Err(error) if error.is_passing() && Instant::now() + PAUSE < self.until => {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}
