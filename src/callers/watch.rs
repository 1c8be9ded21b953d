//! Keeping up with the file of keys: what is taken in, when, and what is said about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::key::StoredKey;
use super::{Callers, KeysFileError, file};
use crate::telemetry::metrics;

/// How often the file is looked at; a revoked key works this much longer at most.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// A file that has just changed is read again after this: only what two looks agree about counts,
/// so that nobody is locked out by a file that is half written.
const SETTLE_TIME: Duration = Duration::from_millis(100);
/// How often an error that stays is told.
const REMIND_EVERY: Duration = Duration::from_mins(1);

/// What looking at the file again brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// The same as before.
    Unchanged,
    /// It has just changed: look again in a moment.
    Settling,
    /// Other keys are valid now.
    Changed(KeysChange),
}

/// What a change of the file did; each key as `name role id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeysChange {
    /// Keys that are let in now.
    pub added: Vec<String>,
    /// Keys that are not any more.
    pub removed: Vec<String>,
    /// Keys that may do something else now.
    pub changed: Vec<String>,
    /// How many there are.
    pub keys: usize,
}

/// What was seen of the file at the last looks.
#[derive(Debug, Default)]
struct Looks {
    /// A text that is not taken in yet.
    pending: Option<String>,
    told_at: Option<Instant>,
    told: String,
}

impl Callers {
    /// Takes in what the file says now. A file that cannot be used changes nothing.
    pub fn reload(&self) -> Result<Reload, KeysFileError> {
        self.noted(file::read(&self.path).and_then(|text| self.take_in(text)))
    }

    /// Takes in what two looks agree about.
    fn look(&self, pending: &mut Option<String>) -> Result<Reload, KeysFileError> {
        self.noted(file::read(&self.path).and_then(|text| {
            if self.keys().text == text {
                *pending = None;
                return Ok(Reload::Unchanged);
            }
            if pending.as_ref() == Some(&text) {
                return self.take_in(text);
            }
            *pending = Some(text);
            Ok(Reload::Settling)
        }))
    }

    fn take_in(&self, text: String) -> Result<Reload, KeysFileError> {
        if self.keys().text == text {
            return Ok(Reload::Unchanged);
        }
        let file::Parsed { keys, faults } = file::parse(&self.path, &text, Timestamp::now())?;
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let change = change(&held.valid, &keys);
        (held.text, held.valid, held.faults) = (text, keys, faults);
        Ok(Reload::Changed(change))
    }

    /// Remembers whether the file can be read.
    fn noted(&self, looked: Result<Reload, KeysFileError>) -> Result<Reload, KeysFileError> {
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match &looked {
            Ok(_) => (held.read_at, held.unreadable) = (Instant::now(), None),
            Err(error) => held.unreadable = Some(error.to_string()),
        }
        drop(held);
        looked
    }

    /// Keeps up with the file until `shutdown`: once a second, and at once on SIGHUP.
    pub async fn watch(self, shutdown: CancellationToken) {
        let mut hangup = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
        {
            Ok(hangup) => hangup,
            Err(error) => {
                return tracing::error!(%error, "changes of API keys are not noticed on SIGHUP: the signal cannot be received");
            }
        };
        let mut looks = Looks::default();
        self.log_faults();
        let mut wait = Duration::ZERO;
        loop {
            let looked = tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => self.look(&mut looks.pending),
                _ = hangup.recv() => {
                    looks.told_at = None;
                    self.reload()
                }
            };
            wait = if looked.as_ref().is_ok_and(|reload| *reload == Reload::Settling) {
                SETTLE_TIME
            } else {
                RELOAD_INTERVAL
            };
            self.log(looked, &mut looks);
        }
    }

    fn log(&self, looked: Result<Reload, KeysFileError>, looks: &mut Looks) {
        let age = self.keys().read_at.elapsed();
        metrics::keys_file(age, self.keys().faults.iter().filter(|fault| !fault.is_expiry).count());
        match looked {
            Ok(Reload::Unchanged | Reload::Settling) => looks.told_at = None,
            Ok(Reload::Changed(KeysChange { added, removed, changed, keys })) => {
                looks.told_at = None;
                let [added, removed, changed] =
                    [added, removed, changed].map(|names| names.join(", "));
                tracing::info!(target: "audit", keys, added, removed, changed, "the API keys were read again");
                self.log_faults();
            }
            Err(problem) => {
                let problem = problem.to_string();
                if looks.told != problem
                    || looks.told_at.is_none_or(|at| at.elapsed() >= REMIND_EVERY)
                {
                    let so_far = if self.is_locked_out() {
                        "every key is refused"
                    } else {
                        "the old ones stay valid"
                    };
                    tracing::error!(
                        problem,
                        age_seconds = age.as_secs(),
                        "the API keys could not be read again; {so_far}"
                    );
                    (looks.told, looks.told_at) = (problem, Some(Instant::now()));
                }
            }
        }
    }

    /// Names the entries that do not count.
    fn log_faults(&self) {
        for fault in &self.keys().faults {
            let name = fault.name.as_deref().unwrap_or_default();
            if fault.is_expiry {
                tracing::warn!(caller = name, fault = fault.to_string(), "an API key has expired");
            } else {
                tracing::error!(target: "audit", caller = name, fault = fault.to_string(), "an API key is ignored");
            }
        }
    }
}

/// Who came, who went, and who may do something else.
fn change(before: &[StoredKey], after: &[StoredKey]) -> KeysChange {
    let by_id = |keys: &[StoredKey]| {
        keys.iter()
            .map(|key| (key.caller.key.clone(), key.caller.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut change = KeysChange { keys: after.len(), ..KeysChange::default() };
    for id in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(id), after.get(id)) {
            (Some(earlier), Some(now)) if earlier != now => change.changed.push(in_words(now)),
            (Some(earlier), None) => change.removed.push(in_words(earlier)),
            (None, Some(now)) => change.added.push(in_words(now)),
            _ => {}
        }
    }
    change
}

fn in_words(caller: &super::Caller) -> String {
    format!("{} {} {}", caller.name, caller.role, caller.key)
}
