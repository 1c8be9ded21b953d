//! What one sync asked the vendors for: one entry for each callout, without bodies.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::error::{Effect, Vendor};

/// One callout that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// The far side.
    pub vendor: Vendor,
    /// As the vendor names it.
    pub operation: &'static str,
    /// The status of the last attempt, if it was answered.
    pub status: Option<u16>,
    /// `None` for an answer of success, else what the failed callout did on the far side.
    pub failed: Option<Effect>,
    /// How often it was sent.
    pub attempts: u32,
    /// When the first attempt began.
    pub started_at: SystemTime,
    /// From the first attempt to the last answer.
    pub elapsed: Duration,
}

/// The callouts of one sync, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<Callout>>);

impl Journal {
    /// All callouts so far.
    pub fn callouts(&self) -> Vec<Callout> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, callout: Callout) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(callout);
    }
}
