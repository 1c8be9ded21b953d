//! How far the runs of this process are, for whoever looks on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::entity::EntityKind;
use crate::domain::ids::SyncRunId;
use crate::transport::{Journal, Setback};

/// What a sync does at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SyncStep {
    /// It reads both sides.
    #[default]
    Reading,
    /// It looks for what differs.
    Comparing,
    /// It writes to m3ter.
    Writing,
    /// It writes back to Salesforce and saves the rest.
    Closing,
}

/// How far a sync is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncProgress {
    /// What it does.
    pub step: SyncStep,
    /// How many objects the record asks for; 0 before it is known.
    pub objects: usize,
    /// How many of them have come to their end, whichever.
    pub done: usize,
    /// How many are being written.
    pub being_written: usize,
    /// How many wait for an object that is not there yet, by its kind.
    pub waiting_for: BTreeMap<EntityKind, usize>,
    /// What the last callout met that is sent again.
    pub setback: Option<Setback>,
}

/// Where the steps of one sync note how far it is.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<SyncProgress>);

impl Meter {
    /// The sync goes on to this.
    pub(super) fn step(&self, step: SyncStep) {
        self.note(|progress| progress.step = step);
    }

    /// Notes something.
    pub(super) fn note(&self, change: impl FnOnce(&mut SyncProgress)) {
        change(&mut locked(&self.0));
    }
}

/// The meters of the syncs that this process works on.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<HashMap<SyncRunId, Readings>>);

/// What is known of one sync.
type Readings = (Arc<Meter>, Arc<Journal>);

/// The meter of one sync, until this is dropped.
pub(super) struct Metered<'a> {
    pub(super) meter: Arc<Meter>,
    meters: &'a Meters,
    run: SyncRunId,
}

impl Meters {
    /// A meter for a sync whose callouts are in `journal`.
    pub(super) fn begin(&self, run: SyncRunId, journal: &Arc<Journal>) -> Metered<'_> {
        let meter = Arc::new(Meter::default());
        locked(&self.0).insert(run, (Arc::clone(&meter), Arc::clone(journal)));
        Metered { meter, meters: self, run }
    }

    /// How far a sync of this process is; `None` if it does not work on it.
    pub(super) fn progress(&self, run: SyncRunId) -> Option<SyncProgress> {
        let (meter, journal) = locked(&self.0).get(&run).cloned()?;
        let progress = locked(&meter.0).clone();
        Some(SyncProgress { setback: journal.setback(), ..progress })
    }
}

impl Drop for Metered<'_> {
    fn drop(&mut self) {
        locked(&self.meters.0).remove(&self.run);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
