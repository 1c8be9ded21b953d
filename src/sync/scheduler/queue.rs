//! Beginning what waits: whenever a slot gets free, the run whose turn it is, of those that wait in
//! the database and those of this process that wait for another slot.
//!
//! One task does it, so that a process never chooses twice at once. Of several processes that
//! choose the same run the first one has it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::ids::SalesforceId;
use crate::store::{ClaimedRun, QueueClass, QueueHead, StoreError};
use crate::sync::clock::now;
use crate::sync::scheduler::maintenance::Scope;
use crate::sync::shared::Shared;
use crate::telemetry::ErrorChain;

/// Rounds in which others had all that was chosen, before it is left to them until the next look.
const MAX_MISSED: u32 = 3;

impl Shared {
    /// Goes on until this process begins nothing any more.
    pub(crate) async fn take_turns(self: &Arc<Self>, scope: &Scope) {
        if !scope.has_runs() {
            return;
        }
        while self.stopping.run_until_cancelled(self.slots.changed()).await.is_some() {
            while self.slots.begin_choosing() {
                let left = self.begin_next(scope.record().as_ref()).await;
                if let Err(error) = &left {
                    // The next look finds what waits.
                    tracing::debug!(error = %ErrorChain(error), "no waiting run could be begun");
                }
                if !self.slots.end_choosing(*left.as_ref().unwrap_or(&true))
                    || left.is_err()
                    || self.stopping.is_cancelled()
                {
                    break;
                }
            }
        }
    }

    /// Begins what may begin; whether something is left that may not yet.
    async fn begin_next(
        self: &Arc<Self>,
        record: Option<&SalesforceId>,
    ) -> Result<bool, StoreError> {
        if self.draining.is_cancelled() {
            // What waits is for the other processes; what this one holds continues.
            self.slots.choose(&mut Vec::new());
            return Ok(true);
        }
        self.take_over(record).await?;
        let mut missed = 0;
        loop {
            let loaded = self.store.load_queue_heads(record, now()).await;
            let mut heads = loaded.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
            // A process whose login is refused leaves what is tried again to those whose is not.
            let is_refused = self.metadata.tokens().iter().any(|tokens| tokens.is_refused());
            heads.retain(|head| {
                !is_refused || matches!(head.class, QueueClass::Awaited | QueueClass::Accepted)
            });
            let (mut chosen, mut begun) = (0, 0);
            while let Some((head, slot)) = self.slots.choose(&mut heads) {
                chosen += 1;
                let asked_at = Instant::now();
                match self.claim(&head).await {
                    Ok(Some(run)) => {
                        begun += 1;
                        self.begin(run, asked_at, slot);
                    }
                    Ok(None) => slot.unused(),
                    Err(error) => {
                        slot.unused();
                        return Err(error);
                    }
                }
                if self.draining.is_cancelled() {
                    return Ok(true);
                }
            }
            loaded?;
            missed = if chosen > 0 && begun == 0 { missed + 1 } else { 0 };
            if chosen == 0 || missed == MAX_MISSED {
                return Ok(missed > 0 || !heads.is_empty());
            }
        }
    }

    /// What other processes left goes first: nothing else can begin at its records.
    async fn take_over(self: &Arc<Self>, record: Option<&SalesforceId>) -> Result<(), StoreError> {
        while let Some(slot) = self.slots.try_take_over() {
            let asked_at = Instant::now();
            let claimed = self.store.claim_abandoned(record, self.claims.claimant()).await;
            let Ok(Some(run)) = claimed else {
                slot.unused();
                self.slots.nothing_to_take_over();
                return claimed.map(drop);
            };
            tracing::warn!(sync_run_id = %run.claim.run, takeovers = run.takeovers, "this process has taken over a run of another process");
            self.begin(run, asked_at, slot);
        }
        Ok(())
    }

    async fn claim(&self, head: &QueueHead) -> Result<Option<ClaimedRun>, StoreError> {
        match head.class {
            QueueClass::Awaited | QueueClass::Accepted => {
                self.store.claim_waiting(head.run, now(), self.claims.claimant()).await
            }
            QueueClass::Retry | QueueClass::Replay => {
                self.store.claim_due(head.run, now(), self.claims.claimant()).await
            }
        }
    }
}
