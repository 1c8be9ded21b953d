//! Keeps what a sync has done as soon as it is known, off the critical path.
//!
//! A task of its own takes what is known from a queue and saves it in batches; the sync waits for it only at its end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::changeset::Change;
use crate::domain::desired::OnFound;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{Action, ObjectResult};
use crate::store::{ClaimedRun, Link, LinkRelation, Progress, Store, StoreError};
use crate::sync::apply::Applied;
use crate::sync::patience::Patience;
use crate::sync::runs::callouts;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, Lease};

/// What waits to be saved at most; a sync that is further ahead waits for the store.
const QUEUED_ENTRIES: usize = 256;

/// Takes what is to be saved.
pub(super) struct Recorder {
    root: SalesforceId,
    /// What the links of earlier syncs say, so that an unchanged object costs no write.
    linked: Vec<Link>,
    sender: mpsc::Sender<Entry>,
    task: JoinHandle<bool>,
}

struct Entry {
    position: u32,
    result: ObjectResult,
    link: Option<Link>,
}

impl Recorder {
    /// Begins to record what `run` does. A run that is somebody else's by then loses its lease.
    pub(super) fn start(store: Store, run: &ClaimedRun, lease: Lease, linked: Vec<Link>, budget: &Budget, tracker: &TaskTracker) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Entry>(QUEUED_ENTRIES);
        let (held, earlier, root) = (run.held, run.callouts.clone(), run.parent_record_id.clone());
        let (journal, patience) = (Arc::clone(budget.journal()), Patience::of(budget));
        let task = tracker.spawn(async move {
            let mut all_saved = true;
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, QUEUED_ENTRIES).await > 0 {
                let links: Vec<Link> = batch.iter().filter_map(|entry| entry.link.clone()).collect();
                let results: Vec<(u32, ObjectResult)> = batch.drain(..).map(|entry| (entry.position, entry.result)).collect();
                let callouts = callouts(&earlier, &journal);
                let progress = Progress { results: &results, links: &links, callouts: &callouts };
                if let Err(error) = patience.with(|| store.save_progress(held, &progress)).await {
                    if matches!(error, StoreError::ClaimLost(_)) {
                        lease.lose();
                    }
                    tracing::error!(sync_run_id = %held.run, error = %ErrorChain(&error), "what a sync has done could not be saved");
                    all_saved = false;
                }
            }
            all_saved
        });
        Self { root, linked, sender, task }
    }

    /// Notes what became of one object.
    pub(super) async fn object_ended(&self, position: usize, change: &Change, applied: &Applied) {
        let link = applied.id.as_ref().filter(|_| applied.result.success).map(|id| Link {
            root: self.root.clone(),
            object: change.desired.key.clone(),
            m3ter_id: id.clone(),
            relation: self.relation(change, applied.result.action),
        });
        let link = link.filter(|link| !self.linked.contains(link));
        if link.is_none() && applied.result.action == Action::Unchanged {
            return;
        }
        // The task ends only after the sender is dropped: a closed queue is impossible here.
        let _ = self
            .sender
            .send(Entry { position: u32::try_from(position).unwrap_or(u32::MAX), result: applied.result.for_history(), link })
            .await;
    }

    fn relation(&self, change: &Change, action: Action) -> LinkRelation {
        let was_owned = self.linked.iter().any(|link| link.object == change.desired.key && link.relation == LinkRelation::Owned);
        match change.desired.on_found {
            OnFound::Refer if action == Action::Unchanged && !was_owned => LinkRelation::Referred,
            _ => LinkRelation::Owned,
        }
    }

    /// Waits until everything is saved; whether it was.
    pub(super) async fn finish(self) -> bool {
        drop(self.sender);
        self.task.await.unwrap_or(false)
    }
}
