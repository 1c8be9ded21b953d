//! Those who wait for the answer of a run, whichever process works on it.
//!
//! A run of this process answers them itself. For all others together one statement asks the store,
//! often enough that nobody waits a tenth of a second too long; `LISTEN` would need a session of
//! its own, which `PgBouncer` does not give.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::answer::WrittenResult;
use crate::domain::ids::SyncRunId;
use crate::store::Store;
use crate::sync::scheduler::claims::Claims;
use crate::telemetry::ErrorChain;

/// Between two looks at the runs of other processes.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// The same for each of them: a thousand that wait for their turn are not asked for 25 times a
/// second.
const LOOK_EVERY_FOR_EACH: Duration = Duration::from_micros(500);

/// The answer of a run, once there is one.
pub(crate) type Answer = Option<Arc<WrittenResult>>;

#[derive(Default)]
pub(crate) struct Waiting {
    senders: Mutex<HashMap<SyncRunId, watch::Sender<Answer>>>,
    added: Notify,
}

impl Waiting {
    /// Holds the answer of a run once it is there; closes without one when this process ends first.
    pub(crate) fn for_answer(&self, run: SyncRunId) -> watch::Receiver<Answer> {
        let receiver =
            self.senders().entry(run).or_insert_with(|| watch::Sender::new(None)).subscribe();
        self.added.notify_one();
        receiver
    }

    /// Answers all who wait for a run.
    pub(crate) fn answer(&self, run: SyncRunId, result: Arc<WrittenResult>) {
        if let Some(sender) = self.senders().remove(&run) {
            sender.send_replace(Some(result));
        }
    }

    /// A run that somebody may wait for is no longer this process's: its answer comes from
    /// elsewhere.
    pub(crate) fn look_again(&self) {
        self.added.notify_one();
    }

    /// Nobody will be answered any more.
    pub(crate) fn give_up(&self) {
        self.senders().clear();
    }

    /// Looks for the answers of runs of other processes until `ended`.
    pub(crate) async fn look_elsewhere(
        &self,
        store: &Store,
        claims: &Claims,
        ended: &CancellationToken,
    ) {
        loop {
            let runs = self.elsewhere(claims);
            let pause = async {
                if runs.is_empty() {
                    self.added.notified().await;
                }
                let for_all = LOOK_EVERY_FOR_EACH
                    .saturating_mul(u32::try_from(runs.len()).unwrap_or(u32::MAX));
                tokio::time::sleep(LOOK_EVERY.max(for_all)).await;
            };
            if ended.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let runs = self.elsewhere(claims);
            if runs.is_empty() {
                continue;
            }
            match store.load_answers(&runs).await {
                Ok(answers) => {
                    for (run, result) in answers {
                        self.answer(run, Arc::new(result.into()));
                    }
                }
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "the answers of other processes could not be read");
                }
            }
        }
    }

    /// Runs that somebody waits for and this process does not hold.
    fn elsewhere(&self, claims: &Claims) -> Vec<SyncRunId> {
        let mut senders = self.senders();
        senders.retain(|_, sender| sender.receiver_count() > 0);
        senders.keys().copied().filter(|run| !claims.holds(*run)).collect()
    }

    /// How many runs somebody waits for.
    pub(crate) fn count(&self) -> usize {
        self.senders().values().filter(|sender| sender.receiver_count() > 0).count()
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<SyncRunId, watch::Sender<Answer>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
