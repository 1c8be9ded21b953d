//! Keeps what a sync has done soon after it is known, off the critical path.
//!
//! A task of its own takes what is known from a queue and saves it in batches; the sync waits for
//! it only at its end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::changeset::adoption::is_to_confirm;
use crate::changeset::planned::{of_creation, of_taking_over};
use crate::changeset::{Change, KnownIds, Step};
use crate::domain::answer::ObjectResult;
use crate::domain::change::{ChangeAction, ChangeId, ChangedField, NewChange};
use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{IdMap, M3terId, SalesforceId};
use crate::domain::outcome::{Action, ErrorCode, Failure, FieldChange, ObjectOutcome};
use crate::store::{ChangeFate, Changes, Link, LinkRelation, Progress, StoreError};
use crate::sync::actual::ActualState;
use crate::sync::clock::now;
use crate::sync::context::RunContext;
use crate::sync::context::callouts::callouts;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::execute::applied::Applied;
use crate::telemetry::ErrorChain;

/// What waits to be saved at most, and what is saved together; a sync that is further ahead waits
/// for the store.
const QUEUED_ENTRIES: usize = 256;
/// What nobody waits for is saved at most so often: a commit writes whole pages, of each index as
/// well, however little of them is new.
const SAVED_EACH: Duration = Duration::from_millis(100);
/// All callouts so far are one text: they are saved at most so often, and at the end of the run.
const CALLOUTS_EACH: Duration = Duration::from_secs(1);

/// Takes what is to be saved.
pub(crate) struct Recorder<'a> {
    context: RunContext<'a>,
    /// What the links of earlier syncs say, so that an unchanged object costs no write.
    linked: IdMap<ObjectKey, Link>,
    /// What other records have linked: it is nobody's to adopt.
    elsewhere: Vec<M3terId>,
    /// The sObject of the record.
    root_object: &'a str,
    /// The m3ter Account of the record, once it is there.
    account: OnceLock<M3terId>,
    /// Begun by the first entry: a sync that changes nothing has none.
    recording: OnceLock<Recording>,
}

struct Recording {
    sender: mpsc::Sender<Entry>,
    task: JoinHandle<bool>,
}

/// What is to be saved.
enum Entry {
    /// What became of an object, with the changes that it stands for.
    Object { position: u32, result: Box<ObjectResult>, link: Option<Link>, changes: Vec<NewChange> },
    /// A change that is about to be made; its write waits until it is saved.
    Intended { change: Box<NewChange>, saved: oneshot::Sender<()> },
    /// What became of that.
    Settled(ChangeId, ChangeFate),
}

/// Entries that are saved together.
#[derive(Default)]
struct Batch {
    results: Vec<(u32, ObjectResult)>,
    links: Vec<Link>,
    changes: Vec<NewChange>,
    settled: Vec<(ChangeId, ChangeFate)>,
    saved: Vec<oneshot::Sender<()>>,
    entries: usize,
}

impl Batch {
    /// Waits for what is to be saved next, until `due` for what can be saved with it, but not where
    /// somebody waits; `None` if nothing comes any more.
    async fn next(receiver: &mut mpsc::Receiver<Entry>, due: Instant) -> Option<Self> {
        let mut batch = Self::default();
        batch.add(receiver.recv().await?);
        while batch.has_room() && batch.saved.is_empty() {
            let Ok(Some(entry)) = tokio::time::timeout_at(due, receiver.recv()).await else {
                break;
            };
            batch.add(entry);
        }
        // What has come by now goes with it.
        while batch.has_room() {
            let Ok(entry) = receiver.try_recv() else { break };
            batch.add(entry);
        }
        Some(batch)
    }

    fn has_room(&self) -> bool {
        self.entries < QUEUED_ENTRIES
    }

    fn add(&mut self, entry: Entry) {
        self.entries += 1;
        match entry {
            Entry::Object { position, result, link, changes } => {
                self.results.push((position, *result));
                self.links.extend(link);
                self.changes.extend(changes);
            }
            Entry::Intended { change, saved } => {
                self.changes.push(*change);
                self.saved.push(saved);
            }
            Entry::Settled(id, fate) => self.settled.push((id, fate)),
        }
    }
}

impl<'a> Recorder<'a> {
    /// Records what the run does, in a task of its own. A run that is somebody else's by then loses
    /// its lease.
    pub(crate) fn new(context: RunContext<'a>, state: &ActualState, root_object: &'a str) -> Self {
        let links = state.links();
        Self {
            context,
            linked: links.iter().map(|link| (link.object.clone(), link.clone())).collect(),
            elsewhere: state.linked_elsewhere().cloned().collect(),
            root_object,
            account: OnceLock::new(),
            recording: OnceLock::new(),
        }
    }

    fn start(&self) -> Recording {
        let (sender, mut receiver) = mpsc::channel::<Entry>(QUEUED_ENTRIES);
        let RunContext { run, store: RetryingStore { store, until }, budget, lease, tasks, .. } =
            self.context;
        let (store, lease, journal) = (store.clone(), lease.clone(), Arc::clone(budget.journal()));
        let (claim, earlier) = (run.claim, run.callouts.clone());
        let root_object = self.root_object.to_owned();
        let task = tasks.spawn(async move {
            let store = RetryingStore { store: &store, until };
            let mut all_saved = true;
            let (mut due, mut callouts_due) = (Instant::now(), Instant::now());
            while let Some(batch) = Batch::next(&mut receiver, due).await {
                let saved_at = Instant::now();
                due = saved_at + SAVED_EACH;
                let is_time = callouts_due <= saved_at;
                let callouts = is_time.then(|| callouts(&earlier, &journal));
                if is_time {
                    callouts_due = saved_at + CALLOUTS_EACH;
                }
                let changes = Changes {
                    root_object: Some(&root_object),
                    new: &batch.changes,
                    settled: &batch.settled,
                };
                let progress = Progress { results: &batch.results, links: &batch.links, changes, callouts: callouts.as_deref() };
                match store.retry(|store| store.save_progress(claim, &progress)).await {
                    // Who has gone away meanwhile sends nothing.
                    Ok(()) => {
                        lease.settle();
                        for saved in batch.saved {
                            let _ = saved.send(());
                        }
                    }
                    Err(error) => {
                        if matches!(error, StoreError::ClaimLost(_)) {
                            lease.lose();
                        }
                        tracing::error!(sync_run_id = %claim.run, error = %ErrorChain(&error), "what a sync has done could not be saved");
                        all_saved = false;
                    }
                }
            }
            all_saved
        });
        Recording { sender, task }
    }

    async fn send(&self, entry: Entry) {
        // The task ends only after the sender is dropped: a closed queue is impossible here.
        let _ = self.recording.get_or_init(|| self.start()).sender.send(entry).await;
    }

    /// Notes what became of one object, and takes what was changed by making it.
    pub(crate) async fn object_ended(
        &self,
        position: usize,
        change: &Change,
        applied: &mut Applied,
    ) {
        if let (EntityKind::Account, Some(id)) = (change.desired.kind(), &applied.id) {
            // The first one is the record's own.
            let _ = self.account.set(id.clone());
        }
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
        let adopted = link.as_ref().and_then(|link| self.adopted(change, applied, link));
        let entry = Entry::Object {
            position: u32::try_from(position).unwrap_or(u32::MAX),
            result: Box::new(ObjectResult::new(&applied.result.for_history())),
            link,
            changes: applied.created.take().into_iter().chain(adopted).collect(),
        };
        self.send(entry).await;
    }

    /// The change that is in a link to an object that was there: it is the record's from now on. An
    /// object that a try made which was interrupted before it could say so is remembered with this.
    fn adopted(&self, change: &Change, applied: &Applied, link: &Link) -> Option<NewChange> {
        let before = self.linked.get(&link.object);
        let is_known = applied.created.is_some()
            || before.is_some_and(|before| before.m3ter_id == link.m3ter_id)
            || self.elsewhere.contains(&link.m3ter_id)
            // What follows a price is remembered by who made it.
            || matches!(change.step, Step::Supersede { .. });
        let fields = match link.relation {
            LinkRelation::Referred => return None,
            LinkRelation::Owned => of_taking_over(&change.desired),
            // It is left as it is.
            LinkRelation::Unconfirmed => Vec::new(),
        };
        let change = self.change(&change.desired, &link.m3ter_id, ChangeAction::Adopted, fields);
        (!is_known).then_some(NewChange { is_made: true, ..change })
    }

    /// The change that is the creation of an object.
    pub(crate) fn creation(
        &self,
        desired: &DesiredObject,
        known: &KnownIds,
        id: &M3terId,
    ) -> NewChange {
        let fields = of_creation(desired, known);
        let change = self.change(desired, id, ChangeAction::Created, fields);
        NewChange { is_made: true, ..change }
    }

    /// Remembers the creation of an object that no link tells of yet.
    pub(crate) async fn created(&self, desired: &DesiredObject, known: &KnownIds, id: &M3terId) {
        let intended = Box::new(self.creation(desired, known, id));
        self.send(Entry::Intended { change: intended, saved: oneshot::channel().0 }).await;
    }

    /// A change of an object that the record asks for, which is about to be made.
    pub(crate) fn change(
        &self,
        desired: &DesiredObject,
        id: &M3terId,
        action: ChangeAction,
        fields: Vec<FieldChange>,
    ) -> NewChange {
        let kind = desired.kind();
        let said = fields.iter().find(|change| change.field == "accountId");
        let said = said.and_then(|change| M3terId::parse(change.new_value.as_ref()?).ok());
        let change = self.change_of(kind, &desired.key.row, id, fields);
        let account = if kind == EntityKind::Account { Some(id.clone()) } else { said };
        NewChange { action, account: account.or(change.account), ..change }
    }

    /// An update of any object, which is about to be made.
    pub(crate) fn change_of(
        &self,
        kind: EntityKind,
        row: &SalesforceId,
        id: &M3terId,
        fields: Vec<FieldChange>,
    ) -> NewChange {
        let kind = kind.into();
        NewChange {
            id: ChangeId(Uuid::now_v7()),
            kind,
            row: row.clone(),
            m3ter_id: id.clone(),
            account: self.account.get().cloned(),
            action: ChangeAction::Updated,
            version: None,
            fields: fields.into_iter().map(|change| ChangedField::kept(kind, change)).collect(),
            at: now(),
            is_made: false,
        }
    }

    /// Remembers a change that is about to be made; nothing may be sent before. What is to be
    /// remembered at the same moment is saved in one transaction.
    pub(crate) async fn intend(&self, change: NewChange) -> Result<(), Failure> {
        let (saved, is_saved) = oneshot::channel();
        self.send(Entry::Intended { change: Box::new(change), saved }).await;
        is_saved.await.map_err(|_| {
            let reason = "The database did not answer, so that a change could not be remembered; it was not sent";
            Failure::new(ErrorCode::InternalError, reason)
        })
    }

    /// Notes what became of a change that was about to be made.
    pub(crate) async fn settle(&self, id: ChangeId, fate: ChangeFate) {
        self.send(Entry::Settled(id, fate)).await;
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
    pub(crate) async fn finish(self) -> bool {
        let Some(Recording { sender, task }) = self.recording.into_inner() else { return true };
        drop(sender);
        task.await.unwrap_or(false)
    }
}
