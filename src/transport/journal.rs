//! What one sync asked the vendors for: one entry for each callout, without bodies.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

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
    /// When it was first sent; if it never was, when that was given up.
    pub started_at: SystemTime,
    /// How long it waited before that: for a token, for the rate limit, for the lease of its run.
    pub waited: Duration,
    /// From `started_at` to the last answer.
    pub elapsed: Duration,
}

/// When a callout was asked for, by the clock of the machine and by the one that measures.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedAt(SystemTime, Instant);

impl AskedAt {
    pub(super) fn now() -> Self {
        Self(SystemTime::now(), Instant::now())
    }
}

impl Callout {
    /// Notes how long it took until `now`, if it was first sent at `sent`. The clock of the machine
    /// is read once: it may be set while the callout waits.
    pub(super) fn timed(&mut self, asked: AskedAt, sent: Option<Instant>, now: Instant) {
        let AskedAt(asked_at, asked) = asked;
        let sent = sent.unwrap_or(now);
        self.waited = sent.saturating_duration_since(asked);
        self.elapsed = now.saturating_duration_since(sent);
        self.started_at = asked_at + self.waited;
    }
}

/// What a callout met that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setback {
    /// The far side.
    pub vendor: Vendor,
    /// The status of its answer, if there was one.
    pub status: Option<u16>,
}

/// The callouts of one sync, in the order in which they ended, and what the last one that is sent
/// again has met.
#[derive(Debug, Default)]
pub struct Journal {
    callouts: Mutex<Vec<Callout>>,
    setback: Mutex<Option<Setback>>,
}

impl Journal {
    /// All callouts so far.
    pub fn callouts(&self) -> Vec<Callout> {
        self.callouts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the last callout met that is sent again; nothing once one has ended since.
    pub fn setback(&self) -> Option<Setback> {
        *self.setback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, callout: Callout) {
        self.set_back(None);
        self.callouts.lock().unwrap_or_else(PoisonError::into_inner).push(callout);
    }

    pub(super) fn set_back(&self, setback: Option<Setback>) {
        *self.setback.lock().unwrap_or_else(PoisonError::into_inner) = setback;
    }
}
