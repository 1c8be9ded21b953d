//! Dry runs that may be one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::ids::SalesforceId;
use crate::store::NewRun;
use crate::sync::request::StartedRun;

/// What two dry runs have in common that may be one: record, kind and parameters.
type DryRunKey = (SalesforceId, &'static str, String);

/// Dry runs of this process that are being recorded: those who ask for the same meanwhile have
/// their answer, because none has begun to read.
#[derive(Default)]
pub(crate) struct DryRuns(Mutex<HashMap<DryRunKey, watch::Receiver<Option<Shareable>>>>);

/// A run that was recorded, and who asked for it.
#[derive(Clone)]
pub(crate) struct Shareable {
    pub(crate) run: StartedRun,
    pub(crate) requested_by: Option<String>,
    pub(crate) is_awaited: bool,
}

/// The first one of those who ask for the same.
pub(crate) struct Leader<'a> {
    dry_runs: &'a DryRuns,
    key: DryRunKey,
    sender: watch::Sender<Option<Shareable>>,
}

impl DryRuns {
    /// Whose run is to be waited for; or, where nobody has asked for the same, the right to be
    /// waited for.
    pub(crate) fn lead_or_join(
        &self,
        run: &NewRun,
    ) -> Result<Leader<'_>, watch::Receiver<Option<Shareable>>> {
        let key = (
            run.parent_record_id.clone(),
            run.task.kind(),
            run.task.parameters(run.expected_plan.as_ref()),
        );
        let mut dry_runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leading) = dry_runs.get(&key) {
            return Err(leading.clone());
        }
        let (sender, receiver) = watch::channel(None);
        dry_runs.insert(key.clone(), receiver);
        Ok(Leader { dry_runs: self, key, sender })
    }
}

impl Leader<'_> {
    /// Tells those who have asked for the same meanwhile; later callers get a run of their own.
    pub(crate) fn announce(self, run: &StartedRun, new: &NewRun) {
        let (requested_by, is_awaited) = (new.requested_by.clone(), new.awaited_until.is_some());
        self.sender.send_replace(Some(Shareable { run: run.clone(), requested_by, is_awaited }));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.dry_runs.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
