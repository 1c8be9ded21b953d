//! Step 5 of a sync: the changeset is applied, as parallel as the dependencies allow.
//!
//! Every change runs at once and waits on the board for the objects that it refers to. What m3ter
//! has already is on the board from the start, so that only a create makes its dependants wait, an
//! update does not.

use futures::future::join_all;
use tokio::sync::{Semaphore, watch};

use crate::changeset::{
    Absence, Availability, Change, Changeset, KnownIds, Step, flagged, invalid, not_attempted,
};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::IdMap;
use crate::domain::outcome::Action;
use crate::sync::applied::Applied;
use crate::sync::progress::{Meter, SyncProgress, SyncStep};
use crate::sync::write::{Write, Writer};
use crate::sync::write_outcome::{WriteOutcome, Written};

/// Changes that are written at the same time: more than m3ter's limit lets through in a second, so
/// that nobody waits for a place, and few enough that a deal of hundreds of lines does not hold the
/// requests of all of them in memory.
const WRITTEN_AT_ONCE: usize = 64;

/// Where changes find the objects that they refer to, and a place for their own requests.
struct Board {
    objects: IdMap<ObjectKey, watch::Sender<Availability>>,
    /// Whether what makes room for others is written, or will not be.
    ended: IdMap<ObjectKey, watch::Sender<bool>>,
    places: Semaphore,
}

/// Applies all changes; the outcomes come in their order.
pub(super) async fn apply(changeset: &Changeset, writer: &Writer<'_>) -> Vec<Applied> {
    let object =
        |change: &Change| (change.desired.key.clone(), watch::Sender::new(change.availability()));
    let awaited = changeset.write_order.values().flatten();
    let board = Board {
        objects: changeset.changes.iter().map(object).collect(),
        ended: awaited.map(|key| (key.clone(), watch::Sender::new(false))).collect(),
        places: Semaphore::new(WRITTEN_AT_ONCE),
    };
    let meter = writer.context.meter;
    meter.note(|progress| {
        let objects = changeset.changes.len();
        *progress = SyncProgress { step: SyncStep::Writing, objects, ..SyncProgress::default() };
    });
    join_all(changeset.changes.iter().enumerate().map(|(position, change)| {
        let board = &board;
        async move {
            board.room(changeset.write_order.get(&change.desired.key)).await;
            let mut applied = apply_one(change, board, writer).await;
            meter.note(|progress| progress.done += 1);
            if let Some(ended) = board.ended.get(&change.desired.key) {
                ended.send_replace(true);
            }
            if let Some(sender) = board.objects.get(&change.desired.key) {
                let availability = match (&applied.id, change.availability()) {
                    (Some(id), _) => Availability::There(id.clone()),
                    (None, Availability::ToCome) => Availability::Absent(Absence::Failed),
                    (None, before) => before,
                };
                sender.send_replace(availability);
            }
            Box::pin(writer.recorder.object_ended(position, change, &mut applied)).await;
            applied
        }
    }))
    .await
}

async fn apply_one(change: &Change, board: &Board, writer: &Writer<'_>) -> Applied {
    let key = &change.desired.key;
    let mut applied = match &change.step {
        Step::Unchanged { id } => Applied::done(key, Action::Unchanged, id.clone(), Vec::new()),
        Step::Flagged { existing } => Applied::without_write(flagged(key), existing.as_ref()),
        Step::Kept { id, finding } => {
            Applied::without_write(invalid(key, std::slice::from_ref(finding)), Some(id))
        }
        Step::Invalid { findings, existing } => {
            Applied::without_write(invalid(key, findings), existing.as_ref())
        }
        Step::Create => board.apply(writer, change, Write::Create).await,
        Step::Update { actual, .. } => board.apply(writer, change, Write::Update(actual)).await,
        Step::Supersede { actual, from, .. } => {
            board.apply(writer, change, Write::Supersede(actual, *from)).await
        }
    };
    let mut warnings = change.warnings.clone();
    warnings.append(&mut applied.result.warnings);
    applied.result.warnings = warnings;
    applied
}

impl Board {
    /// Writes a change once everything that it refers to is there.
    async fn apply(&self, writer: &Writer<'_>, change: &Change, write: Write<'_>) -> Applied {
        let key = &change.desired.key;
        let meter = writer.context.meter;
        let known = match self.arrivals(change, meter).await {
            Ok(known) => known,
            Err((kind, absence)) => {
                return Applied::without_write(not_attempted(key, kind, absence), None);
            }
        };
        // Until there is a place nothing of the request is there.
        let place = self.places.acquire().await;
        meter.note(|progress| progress.being_written += 1);
        let outcome = Box::pin(writer.write(change, write, &known)).await;
        meter.note(|progress| progress.being_written -= 1);
        drop(place);
        match outcome {
            Ok(WriteOutcome::Done(Written { id, action, warnings })) => {
                let created = (action == Action::Created)
                    .then(|| writer.recorder.creation(&change.desired, &known, &id));
                Applied { created, ..Applied::done(key, action, id, warnings) }
            }
            Ok(WriteOutcome::Refused(finding)) => {
                Applied::without_write(invalid(key, &[finding]), None)
            }
            Err(failure) => Applied::unsettled(key, failure),
        }
    }

    /// Waits for what makes room, whatever becomes of it.
    async fn room(&self, first: Option<&Vec<ObjectKey>>) {
        for ended in first.into_iter().flatten().filter_map(|key| self.ended.get(key)) {
            // An error would say that the board is gone, which holds the sender.
            let _ = ended.subscribe().wait_for(|ended| *ended).await;
        }
    }

    /// The ids of everything that a change refers to, once they are there.
    async fn arrivals(
        &self,
        change: &Change,
        meter: &Meter,
    ) -> Result<KnownIds, (EntityKind, Absence)> {
        let mut known = KnownIds::new();
        for key in change.desired.dependencies() {
            let Some(sender) = self.objects.get(key) else {
                return Err((key.kind, Absence::Failed));
            };
            let mut receiver = sender.subscribe();
            meter.note(|progress| *progress.waiting_for.entry(key.kind).or_default() += 1);
            let availability =
                receiver.wait_for(|availability| *availability != Availability::ToCome).await;
            meter.note(|progress| {
                progress.waiting_for.entry(key.kind).and_modify(|waiting| *waiting -= 1);
            });
            match availability.as_deref() {
                Ok(Availability::There(id)) => known.insert(key.clone(), id.clone()),
                Ok(Availability::Absent(absence)) => return Err((key.kind, *absence)),
                Ok(Availability::ToCome) | Err(_) => return Err((key.kind, Absence::Failed)),
            };
        }
        Ok(known)
    }
}
