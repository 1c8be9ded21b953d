//! How far the runs of this process are, for those who watch.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::entity::EntityKind;
use crate::domain::ids::SyncRunId;
use crate::transport::{Journal, Setback};

/// What a sync does at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SyncStep {
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
pub(crate) struct SyncProgress {
    /// What it does.
    pub(crate) step: SyncStep,
    /// How many objects the record asks for; 0 before it is known.
    pub(crate) objects: usize,
    /// How many of them have come to their end, whichever.
    pub(crate) done: usize,
    /// How many are being written.
    pub(crate) being_written: usize,
    /// How many wait for an object that is not there yet, by its kind.
    pub(crate) waiting_for: BTreeMap<EntityKind, usize>,
    /// What the last callout met that is sent again.
    pub(crate) setback: Option<Setback>,
}

impl SyncProgress {
    /// `18 objects: 7 done, 3 being written, 8 waiting for the Account`.
    ///
    /// `held` says who has the whole limit that requests wait for, if others do.
    pub(crate) fn in_words(&self, requests_waiting: u32, held: Option<HeldByOthers>) -> String {
        let mut words = match self.step {
            SyncStep::Reading => "reading Salesforce and m3ter".to_owned(),
            SyncStep::Comparing => "comparing with m3ter".to_owned(),
            SyncStep::Writing if self.objects == 0 => "writing to m3ter".to_owned(),
            SyncStep::Writing => self.objects_in_words(),
            SyncStep::Closing => "writing back to Salesforce".to_owned(),
        };
        match self.setback {
            Some(Setback { vendor, status: Some(status) }) => {
                let _ = write!(words, "; {vendor} answered {status} and is asked again");
            }
            Some(Setback { vendor, status: None }) => {
                let _ = write!(words, "; {vendor} did not answer and is asked again");
            }
            None if requests_waiting > 0 => {
                let _ =
                    write!(words, "; {requests_waiting} requests are waiting for m3ter's limit");
                if let Some(held) = held {
                    let _ = write!(words, ": {held}");
                }
            }
            None => {}
        }
        words
    }

    fn objects_in_words(&self) -> String {
        let SyncProgress { objects, done, being_written, waiting_for, .. } = self;
        let mut parts = vec![format!("{done} done")];
        if *being_written > 0 {
            parts.push(format!("{being_written} being written"));
        }
        for (kind, waiting) in waiting_for.iter().filter(|(_, waiting)| **waiting > 0) {
            parts.push(format!("{waiting} waiting for the {kind}"));
        }
        let plural = if *objects == 1 { "" } else { "s" };
        format!("{objects} object{plural}: {}", parts.join(", "))
    }
}

/// All of m3ter's limit is other replicas', as far as their rows say: of those that live, until
/// they have given a part of it, and of those that have died, until that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldByOthers {
    /// How many.
    pub(crate) replicas: u32,
    /// How long a row is believed that does not change.
    pub(crate) free_after: Duration,
}

/// Where the steps of one sync note how far it is.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<SyncProgress>);

impl Meter {
    /// The sync continues with this.
    pub(crate) fn step(&self, step: SyncStep) {
        self.note(|progress| progress.step = step);
    }

    /// Notes something.
    pub(crate) fn note(&self, change: impl FnOnce(&mut SyncProgress)) {
        change(&mut locked(&self.0));
    }
}

/// The meters of the syncs that this process works on.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<HashMap<SyncRunId, Readings>>);

/// What is known of one sync.
type Readings = (Arc<Meter>, Arc<Journal>);

/// The meter of one sync, until this is dropped.
pub(crate) struct Metered<'a> {
    pub(crate) meter: Arc<Meter>,
    meters: &'a Meters,
    run: SyncRunId,
}

impl Meters {
    /// A meter for a sync whose callouts are in `journal`.
    pub(crate) fn begin(&self, run: SyncRunId, journal: &Arc<Journal>) -> Metered<'_> {
        let meter = Arc::new(Meter::default());
        locked(&self.0).insert(run, (Arc::clone(&meter), Arc::clone(journal)));
        Metered { meter, meters: self, run }
    }

    /// How far a sync of this process is; `None` if it does not work on it.
    pub(crate) fn progress(&self, run: SyncRunId) -> Option<SyncProgress> {
        let (meter, journal) = locked(&self.0).get(&run).cloned()?;
        let progress = locked(&meter.0).clone();
        Some(SyncProgress { setback: journal.setback(), ..progress })
    }
}

impl fmt::Display for HeldByOthers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replicas, free_after } = self;
        let hold = if *replicas == 1 { "replica holds" } else { "replicas hold" };
        write!(
            f,
            "{replicas} other {hold} all of it; what a dead one holds is free after {} s",
            free_after.as_secs()
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Vendor;

    #[test]
    fn progress_names_what_is_done_and_what_waits_for_what() {
        let mut progress =
            SyncProgress { step: SyncStep::Writing, objects: 18, ..SyncProgress::default() };
        (progress.done, progress.being_written) = (7, 3);
        progress.waiting_for.insert(EntityKind::Account, 8);
        progress.waiting_for.insert(EntityKind::Plan, 0);
        assert_eq!(
            progress.in_words(0, None),
            "18 objects: 7 done, 3 being written, 8 waiting for the Account"
        );
        progress = SyncProgress::default();
        assert_eq!(
            progress.in_words(12, None),
            "reading Salesforce and m3ter; 12 requests are waiting for m3ter's limit"
        );
        let held = Some(HeldByOthers { replicas: 1, free_after: Duration::from_millis(6_020) });
        assert_eq!(
            progress.in_words(12, held),
            "reading Salesforce and m3ter; 12 requests are waiting for m3ter's limit: 1 other replica holds all of it; what a dead one holds is free after 6 s"
        );
        progress.setback = Some(Setback { vendor: Vendor::M3ter, status: Some(503) });
        assert_eq!(
            progress.in_words(12, held),
            "reading Salesforce and m3ter; m3ter answered 503 and is asked again"
        );
    }
}
