//! Keeps what a sync has done as soon as it is known, off the critical path.
//!
//! A task of its own takes what is known from a queue and saves it in batches; the sync waits for
//! it only at its end.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::changeset::Change;
use crate::changeset::adoption::is_to_confirm;
use crate::domain::answer::ObjectResult;
use crate::domain::desired::OnFound;
use crate::domain::entity::ObjectKey;
use crate::domain::outcome::{Action, ObjectOutcome};
use crate::store::{Link, LinkRelation, Progress, StoreError};
use crate::sync::applied::Applied;
use crate::sync::callouts::callouts;
use crate::sync::context::RunContext;
use crate::sync::retrying_store::RetryingStore;
use crate::telemetry::ErrorChain;

/// What waits to be saved at most; a sync that is further ahead waits for the store.
const QUEUED_ENTRIES: usize = 256;
/// All callouts so far are one text: they are saved at most so often, and at the end of the run.
const CALLOUTS_EACH: Duration = Duration::from_secs(1);

/// Takes what is to be saved.
pub(super) struct Recorder<'a> {
    context: RunContext<'a>,
    /// What the links of earlier syncs say, so that an unchanged object costs no write.
    linked: HashMap<ObjectKey, Link>,
    /// Begun by the first entry: a sync that changes nothing has none.
    recording: OnceLock<Recording>,
}

struct Recording {
    sender: mpsc::Sender<Entry>,
    task: JoinHandle<bool>,
}

struct Entry {
    position: u32,
    result: ObjectResult,
    link: Option<Link>,
}

impl<'a> Recorder<'a> {
    /// Records what the run does, in a task of its own. A run that is somebody else's by then loses
    /// its lease.
    pub(super) fn new(context: RunContext<'a>, links: &[Link]) -> Self {
        let linked = links.iter().map(|link| (link.object.clone(), link.clone())).collect();
        Self { context, linked, recording: OnceLock::new() }
    }

    fn start(&self) -> Recording {
        let (sender, mut receiver) = mpsc::channel::<Entry>(QUEUED_ENTRIES);
        let RunContext { run, store: RetryingStore { store, until }, budget, lease, tasks, .. } =
            self.context;
        let (store, lease, journal) = (store.clone(), lease.clone(), Arc::clone(budget.journal()));
        let (held, earlier) = (run.held, run.callouts.clone());
        let task = tasks.spawn(async move {
            let store = RetryingStore { store: &store, until };
            let (mut all_saved, mut saved_at) = (true, None);
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, QUEUED_ENTRIES).await > 0 {
                let links: Vec<Link> = batch.iter().filter_map(|entry| entry.link.clone()).collect();
                let results: Vec<(u32, ObjectResult)> = batch.drain(..).map(|entry| (entry.position, entry.result)).collect();
                let is_time = saved_at.is_none_or(|at: Instant| at.elapsed() >= CALLOUTS_EACH);
                let callouts = is_time.then(|| callouts(&earlier, &journal));
                if is_time {
                    saved_at = Some(Instant::now());
                }
                let progress =
                    Progress { results: &results, links: &links, callouts: callouts.as_deref() };
                if let Err(error) = store.retry(|store| store.save_progress(held, &progress)).await {
                    if matches!(error, StoreError::ClaimLost(_)) {
                        lease.lose();
                    }
                    tracing::error!(sync_run_id = %held.run, error = %ErrorChain(&error), "what a sync has done could not be saved");
                    all_saved = false;
                }
            }
            all_saved
        });
        Recording { sender, task }
    }

    /// Notes what became of one object.
    pub(super) async fn object_ended(&self, position: usize, change: &Change, applied: &Applied) {
        let link = applied.id.as_ref().filter(|_| applied.result.is_success()).map(|id| Link {
            root: self.context.record.clone(),
            object: change.desired.key.clone(),
            m3ter_id: id.clone(),
            relation: self.relation(change, &applied.result),
            source_key: change.remembered_key.clone(),
        });
        let link = link.filter(|link| self.linked.get(&link.object) != Some(link));
        if link.is_none() && applied.result.action == Action::Unchanged {
            return;
        }
        let entry = Entry {
            position: u32::try_from(position).unwrap_or(u32::MAX),
            result: ObjectResult::new(&applied.result.for_history()),
            link,
        };
        // The task ends only after the sender is dropped: a closed queue is impossible here.
        let _ = self.recording.get_or_init(|| self.start()).sender.send(entry).await;
    }

    fn relation(&self, change: &Change, result: &ObjectOutcome) -> LinkRelation {
        let before = self.linked.get(&change.desired.key);
        let was_owned = before.is_some_and(|link| link.relation == LinkRelation::Owned);
        match change.desired.on_found {
            OnFound::Refer if result.action == Action::Unchanged && !was_owned => {
                LinkRelation::Referred
            }
            _ if is_to_confirm(&result.warnings) => LinkRelation::Unconfirmed,
            _ => LinkRelation::Owned,
        }
    }

    /// Waits until everything is saved; whether it was.
    pub(super) async fn finish(self) -> bool {
        let Some(Recording { sender, task }) = self.recording.into_inner() else { return true };
        drop(sender);
        task.await.unwrap_or(false)
    }
}
