//! How far the runs of this process are, for those who watch.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    pub(crate) fn in_words(&self, requests_waiting: u32) -> String {
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
            progress.in_words(0),
            "18 objects: 7 done, 3 being written, 8 waiting for the Account"
        );
        progress = SyncProgress::default();
        assert_eq!(
            progress.in_words(12),
            "reading Salesforce and m3ter; 12 requests are waiting for m3ter's limit"
        );
        progress.setback = Some(Setback { vendor: Vendor::M3ter, status: Some(503) });
        assert_eq!(
            progress.in_words(12),
            "reading Salesforce and m3ter; m3ter answered 503 and is asked again"
        );
    }
}
