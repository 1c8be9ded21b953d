//! What one sync may spend: time and callouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Id, Span};

use super::journal::{Callout, Journal};
use super::lease::{Lease, UnderWay};
use crate::telemetry::trace::TraceContext;

/// The time and the callouts of one sync. Every attempt counts, also a retry and a login.
#[derive(Debug)]
pub struct Budget {
    time_limit: Duration,
    deadline: Instant,
    callout_limit: u32,
    callouts: AtomicU32,
    lease: Option<Lease>,
    trace: Option<(Span, TraceContext)>,
    journal: Arc<Journal>,
}

/// Which part of a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The time.
    Time,
    /// The callouts.
    Callouts,
}

impl Budget {
    /// A budget whose time begins now.
    pub fn new(time_limit: Duration, callout_limit: u32) -> Self {
        let deadline = Instant::now() + time_limit;
        Self { time_limit, deadline, callout_limit, callouts: AtomicU32::new(0), lease: None, trace: None, journal: Arc::default() }
    }

    /// The same budget, spent only as long as `lease` is good.
    #[must_use]
    pub fn under(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
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
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The callouts that were begun.
    pub fn callouts_made(&self) -> u32 {
        self.callouts.load(Ordering::Relaxed).min(self.callout_limit)
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

    /// Waits until the lease outlasts a callout of this length; it is under way until the guard is dropped.
    pub(super) async fn admit(&self, needed: Duration) -> Result<Option<UnderWay>, Spent> {
        match &self.lease {
            Some(lease) => lease.admit(needed, self.remaining()).await.map(Some),
            None => Ok(None),
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
        if self.callouts.fetch_add(1, Ordering::Relaxed) >= self.callout_limit {
            return Err(Spent::Callouts);
        }
        Ok(remaining)
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
}
