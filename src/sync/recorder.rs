//! Keeps what a sync has done as soon as it is known, off the critical path.
//!
//! A task of its own takes what is known from a queue and saves it in batches; the sync waits for it only at its end.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::changeset::Change;
use crate::domain::desired::OnFound;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{Action, ObjectResult};
use crate::store::{Link, LinkRelation, Store};
use crate::sync::apply::Applied;
use crate::telemetry::ErrorChain;

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
    pub(super) fn start(store: Store, run: SyncRunId, root: SalesforceId, linked: Vec<Link>, tracker: &TaskTracker) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Entry>(QUEUED_ENTRIES);
        let task = tracker.spawn(async move {
            let mut all_saved = true;
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, QUEUED_ENTRIES).await > 0 {
                let links: Vec<Link> = batch.iter().filter_map(|entry| entry.link.clone()).collect();
                let results: Vec<(u32, ObjectResult)> = batch.drain(..).map(|entry| (entry.position, entry.result)).collect();
                if let Err(error) = store.save_progress(run, &results, &links).await {
                    tracing::error!(sync_run_id = %run, error = %ErrorChain(&error), "what a sync has done could not be saved");
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
        let _ =
            self.sender.send(Entry { position: u32::try_from(position).unwrap_or(u32::MAX), result: applied.result.clone(), link }).await;
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
