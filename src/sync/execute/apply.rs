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
use crate::domain::ids::{IdMap, IdSet};
use crate::domain::outcome::Action;
use crate::sync::context::progress::{Meter, SyncProgress, SyncStep};
use crate::sync::execute::applied::Applied;
use crate::sync::execute::write::{Write, Writer};
use crate::sync::execute::write_outcome::{WriteOutcome, Written};

/// Changes that are written at the same time: more than m3ter's limit lets through in a second, so
/// that nobody waits for a place, and few enough that a deal of hundreds of lines does not hold the
/// requests of all of them in memory.
const WRITTEN_AT_ONCE: usize = 64;

/// Where changes find the objects that they refer to, and a place for their own requests.
struct Board<'c> {
    referred: IdMap<&'c ObjectKey, Referred>,
    /// Whether what makes room for others is written, or will not be.
    ended: IdMap<&'c ObjectKey, watch::Sender<bool>>,
    places: Semaphore,
}

/// An object that others refer to.
enum Referred {
    /// It is known before anything is written whether it can serve them.
    Known(Availability),
    /// It is to be created.
    ToCome(watch::Sender<Availability>),
}

/// Applies all changes; the outcomes come in their order.
pub(crate) async fn apply(changeset: &Changeset, writer: &Writer<'_>) -> Vec<Applied> {
    let awaited = changeset.write_order.values().flatten();
    let board = Board {
        referred: referred(changeset),
        ended: awaited.map(|key| (key, watch::Sender::new(false))).collect(),
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
            let mut applied = Box::pin(apply_one(change, board, writer)).await;
            meter.note(|progress| progress.done += 1);
            if let Some(ended) = board.ended.get(&change.desired.key) {
                ended.send_replace(true);
            }
            if let Some(Referred::ToCome(sender)) = board.referred.get(&change.desired.key) {
                let failed = Availability::Absent(Absence::Failed);
                sender.send_replace(applied.id.clone().map_or(failed, Availability::There));
            }
            Box::pin(writer.recorder.object_ended(position, change, &mut applied)).await;
            applied
        }
    }))
    .await
}

fn referred(changeset: &Changeset) -> IdMap<&ObjectKey, Referred> {
    let changes = changeset.changes.iter();
    let keys: IdSet<&ObjectKey> =
        changes.clone().flat_map(|change| change.desired.dependencies()).collect();
    let object = |change: &Change| match change.availability() {
        Availability::ToCome => Referred::ToCome(watch::Sender::new(Availability::ToCome)),
        known => Referred::Known(known),
    };
    changes
        .filter(|change| keys.contains(&change.desired.key))
        .map(|change| (&change.desired.key, object(change)))
        .collect()
}

async fn apply_one(change: &Change, board: &Board<'_>, writer: &Writer<'_>) -> Applied {
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

impl Board<'_> {
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
        let mut known = KnownIds::default();
        for key in change.desired.dependencies() {
            let availability = match self.referred.get(key) {
                Some(Referred::Known(known)) => known.clone(),
                Some(Referred::ToCome(sender)) => arrival(key.kind, sender, meter).await,
                None => Availability::Absent(Absence::Failed),
            };
            match availability {
                Availability::There(id) => known.insert(key.clone(), id),
                Availability::Absent(absence) => return Err((key.kind, absence)),
                Availability::ToCome => return Err((key.kind, Absence::Failed)),
            };
        }
        Ok(known)
    }
}

/// Waits until it is known what became of an object that is to be created.
async fn arrival(
    kind: EntityKind,
    sender: &watch::Sender<Availability>,
    meter: &Meter,
) -> Availability {
    let mut receiver = sender.subscribe();
    meter.note(|progress| *progress.waiting_for.entry(kind).or_default() += 1);
    let is_known = |availability: &Availability| *availability != Availability::ToCome;
    let availability = receiver.wait_for(is_known).await.map(|availability| availability.clone());
    meter.note(|progress| {
        progress.waiting_for.entry(kind).and_modify(|waiting| *waiting -= 1);
    });
    // An error would say that the board is gone, which holds the sender.
    availability.unwrap_or(Availability::Absent(Absence::Failed))
}
