//! The runs that this process holds, each with the lease under which it makes its callouts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::ids::SyncRunId;
use crate::store::{Claim, Claimant, ClaimedRun, Store, StoreError};
use crate::transport::Lease;

/// What this process holds.
pub(crate) struct Claims {
    claimant: Claimant,
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    held: HashMap<SyncRunId, (Claim, Lease)>,
    is_stopping: bool,
}

impl Claims {
    pub(crate) fn new(lease: Duration) -> Self {
        let claimant = Claimant { owner: Uuid::now_v7().to_string(), lease };
        Self { claimant, state: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// This process, to the store.
    pub(crate) fn claimant(&self) -> &Claimant {
        &self.claimant
    }

    /// Notes a run that this process has claimed; `asked_at` is when it asked for it, from where
    /// its lease counts.
    pub(crate) fn hold(&self, run: &ClaimedRun, asked_at: Instant) -> Lease {
        let claim = run.claim;
        let lease = Lease::new(asked_at, self.claimant.lease);
        let lease = if run.is_provisional { lease.provisional() } else { lease };
        let mut state = self.state();
        if state.is_stopping {
            lease.stop();
        }
        if let Some((_, earlier)) = state.held.insert(claim.run, (claim, lease.clone())) {
            earlier.lose();
        }
        self.count.send_replace(state.held.len());
        lease
    }

    /// This process no longer works on a run.
    pub(crate) fn let_go(&self, claim: Claim) {
        let mut state = self.state();
        if state.held.get(&claim.run).is_some_and(|(present, _)| *present == claim) {
            state.held.remove(&claim.run);
        }
        self.count.send_replace(state.held.len());
    }

    pub(crate) fn holds(&self, run: SyncRunId) -> bool {
        self.state().held.contains_key(&run)
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Puts a run on the disk, if it is not there yet: from then on something outside may rely on
    /// it.
    pub(crate) async fn settle(&self, run: SyncRunId, store: &Store) -> Result<(), StoreError> {
        let held = self.state().held.get(&run).cloned();
        let (claim, lease) = match held {
            Some((_, lease)) if lease.is_settled() => return Ok(()),
            Some(held) => held,
            // It may have ended here a moment ago.
            None => return store.settle_ended(run).await,
        };
        let asked_at = Instant::now();
        match store.settle(claim, &self.claimant).await {
            Ok(()) => {
                lease.renew(asked_at);
                lease.settle();
                Ok(())
            }
            Err(lost @ StoreError::ClaimLost(_)) => {
                lease.lose();
                // It was given back, or somebody else has claimed it: both are on the disk. Or a
                // database that crashed does not know of it any more.
                store.load_run(run).await?.map(drop).ok_or(lost)
            }
            Err(error) => Err(error),
        }
    }

    /// Prolongs all leases, in one statement. A run that somebody else has claimed is lost.
    pub(crate) async fn renew(&self, store: &Store) -> Result<(), StoreError> {
        let held: Vec<(Claim, Lease)> = self.state().held.values().cloned().collect();
        if held.is_empty() {
            return Ok(());
        }
        let runs: Vec<SyncRunId> = held.iter().map(|(claim, _)| claim.run).collect();
        let asked_at = Instant::now();
        let kept = store.renew(&runs, &self.claimant).await?;
        for (claim, lease) in held {
            if kept.contains(&claim) {
                lease.renew(asked_at);
            } else {
                lease.lose();
            }
        }
        Ok(())
    }

    /// Lets no run begin another callout, nor those that come.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        state.held.values().for_each(|(_, lease)| lease.stop());
    }

    /// Waits until nothing is held.
    pub(crate) async fn none_left(&self) {
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
