//! What one sync may spend: time and callouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Id, Span};

use super::error::Spent;
use super::journal::{Callout, Journal};
use super::lease::{Lease, UnderWay};
use super::turn::Turn;
use crate::telemetry::trace::TraceContext;

/// What is kept back at most for the end of a sync, and which part of a small budget.
const MAX_RESERVE: Duration = Duration::from_secs(5);
const MAX_RESERVED: u32 = 4;
const RESERVED_PART: u32 = 20;

/// The time and the callouts of one sync. Every attempt counts, also a retry and a login.
#[derive(Debug)]
pub struct Budget {
    time_limit: Duration,
    deadline: Instant,
    callout_limit: u32,
    callouts: Arc<AtomicU32>,
    /// What was spent before it was renewed.
    spent_before: u32,
    has_written: Arc<AtomicBool>,
    /// What is left for the end: time and callouts.
    reserve: (Duration, u32),
    lease: Option<Lease>,
    turn: Turn,
    trace: Option<(Span, TraceContext)>,
    journal: Arc<Journal>,
}

impl Budget {
    /// A budget whose time begins now.
    pub fn new(time_limit: Duration, callout_limit: u32) -> Self {
        let deadline = Instant::now() + time_limit;
        Self {
            time_limit,
            deadline,
            callout_limit,
            callouts: Arc::default(),
            spent_before: 0,
            has_written: Arc::default(),
            reserve: (Duration::ZERO, 0),
            lease: None,
            turn: Turn::WITHOUT_RUN,
            trace: None,
            journal: Arc::default(),
        }
    }

    /// The same budget, of which a little is kept back for [`Budget::for_the_end`].
    #[must_use]
    pub fn with_reserve(self) -> Self {
        let reserve = (
            MAX_RESERVE.min(self.time_limit / RESERVED_PART),
            MAX_RESERVED.min(self.callout_limit / RESERVED_PART),
        );
        Self { reserve, ..self }
    }

    /// The whole of what is left, for what must be said however the rest ended.
    #[must_use]
    pub fn for_the_end(&self) -> Self {
        Self {
            callouts: Arc::clone(&self.callouts),
            has_written: Arc::clone(&self.has_written),
            reserve: (Duration::ZERO, 0),
            lease: self.lease.clone(),
            turn: self.turn.clone(),
            trace: self.trace.clone(),
            journal: Arc::clone(&self.journal),
            ..*self
        }
    }

    /// The same budget for a run in progress: its time begins now, and nothing of it is spent.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self {
            deadline: Instant::now() + self.time_limit,
            callouts: Arc::default(),
            spent_before: self.callouts_made(),
            has_written: Arc::default(),
            ..self.for_the_end()
        }
        .with_reserve()
    }

    /// The same budget, spent only as long as `lease` is good.
    #[must_use]
    pub fn under(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// The same budget, whose callouts wait for their places in turn.
    #[must_use]
    pub fn in_turn(self, turn: Turn) -> Self {
        Self { turn, ..self }
    }

    /// Whose turn it is when a callout waits.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The same budget, whose callouts are steps of a trace, within `span`.
    #[must_use]
    pub fn traced(self, span: Span, trace: TraceContext) -> Self {
        Self { trace: Some((span, trace)), ..self }
    }

    /// The span of what is paid by this budget, and its trace.
    pub(super) fn trace(&self) -> (Option<Id>, Option<&TraceContext>) {
        self.trace.as_ref().map_or((None, None), |(span, trace)| (span.id(), Some(trace)))
    }

    /// What was asked for.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The time that is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(self.reserve.0)
    }

    /// The callouts that were begun, also those before it was renewed.
    pub fn callouts_made(&self) -> u32 {
        self.spent_before + self.callouts.load(Ordering::Relaxed).min(self.callout_limit)
    }

    /// Whether something was carried out, since it was renewed, that may not be carried out twice.
    pub fn has_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// Notes that.
    pub(crate) fn wrote(&self) {
        self.has_written.store(true, Ordering::Relaxed);
    }

    /// The whole time.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// All callouts.
    pub fn callout_limit(&self) -> u32 {
        self.callout_limit
    }

    /// The longest that one callout that writes may last.
    pub(super) fn longest_write(&self) -> Duration {
        self.lease.as_ref().map_or(Duration::MAX, Lease::longest_write)
    }

    /// Lets a callout of this length begin if the lease outlasts it now; it is under way until the
    /// guard is dropped.
    pub(super) fn admit(&self, needed: Duration) -> Option<UnderWay> {
        self.lease.as_ref().map_or(Some(UnderWay::WITHOUT_LEASE), |lease| lease.admit_now(needed))
    }

    /// Waits until the lease outlasts a callout of this length.
    pub(super) async fn wait_for_lease(&self, needed: Duration) -> Result<(), Spent> {
        match &self.lease {
            Some(lease) => lease.admit(needed, self.remaining()).await.map(drop),
            None => Ok(()),
        }
    }

    /// Waits until something may be written under the lease.
    pub(super) async fn settled(&self) -> Result<(), Spent> {
        match &self.lease {
            Some(lease) => lease.settled(self.remaining()).await,
            None => Ok(()),
        }
    }

    /// Notes a callout that has ended.
    pub(super) fn note(&self, callout: Callout) {
        self.journal.note(callout);
    }

    /// Takes one callout; the time that it may last at most.
    pub(super) fn take(&self) -> Result<Duration, Spent> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(Spent::Time);
        }
        let limit = self.callout_limit - self.reserve.1;
        // One that is refused is none: the end still needs its own.
        let taken = self.callouts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
            (made < limit).then_some(made + 1)
        });
        taken.map(|_| remaining).map_err(|_| Spent::Callouts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_ends_with_its_callouts_or_its_time() {
        let budget = Budget::new(Duration::from_secs(10), 2);
        assert_eq!(budget.take(), Ok(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(budget.take(), Ok(Duration::from_secs(6)));
        assert_eq!((budget.take(), budget.callouts_made()), (Err(Spent::Callouts), 2));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(budget.take(), Err(Spent::Time));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reserve_is_kept_for_the_end() {
        let budget = Budget::new(Duration::from_secs(100), 41).with_reserve();
        assert_eq!(budget.take(), Ok(Duration::from_secs(95)));
        for _ in 1..39 {
            budget.take().unwrap();
        }
        assert_eq!([budget.take(), budget.take(), budget.take()], [Err(Spent::Callouts); 3]);
        assert_eq!(budget.for_the_end().take(), Ok(Duration::from_secs(100)));
        tokio::time::advance(Duration::from_secs(96)).await;
        assert_eq!(
            (budget.take(), budget.for_the_end().take()),
            (Err(Spent::Time), Ok(Duration::from_secs(4)))
        );
        assert_eq!(
            (budget.for_the_end().take(), budget.callouts_made()),
            (Err(Spent::Callouts), 41)
        );
        // Renewed it is as it was at first, and has counted all.
        budget.wrote();
        let renewed = budget.renewed();
        assert_eq!(
            (renewed.take(), renewed.callouts_made(), renewed.has_written()),
            (Ok(Duration::from_secs(95)), 42, false)
        );
        assert_eq!((budget.has_written(), budget.for_the_end().has_written()), (true, true));
        // Of what is next to nothing there is nothing to keep.
        let small = Budget::new(Duration::from_secs(1), 2).with_reserve();
        assert_eq!(
            [small.take().is_ok(), small.take().is_ok(), small.take().is_ok()],
            [true, true, false]
        );
    }
}
