//! The right to make callouts for a limited time. The giver may extend it, revoke it, or
//! ask for a pause.
//!
//! No callout begins without it, and one that writes only if more of it is left than the callout
//! may last. It is counted on the monotonic clock, which continues while the process is stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::error::Spent;

/// A lease; a clone is the same one.
#[derive(Debug, Clone)]
pub struct Lease {
    state: watch::Sender<State>,
    /// Callouts under way.
    under_way: Arc<watch::Sender<usize>>,
    /// Whether what it is for outlives a crash of the machine.
    standing: Arc<watch::Sender<Standing>>,
    /// How long it is good without being prolonged.
    length: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not yet: nothing may be written.
    Provisional,
    /// Not yet, and something is to be written.
    Wanted,
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Until(Instant),
    /// No callout begins any more; those under way may end.
    Stopping,
    /// Somebody else has it.
    Lost,
}

/// A callout under way, until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Option<Arc<watch::Sender<usize>>>);

impl UnderWay {
    /// One that needs no lease.
    pub(super) const WITHOUT_LEASE: Self = Self(None);
}

impl Lease {
    /// A lease of `length` that was asked for at `from`.
    pub fn new(from: Instant, length: Duration) -> Self {
        Self {
            state: watch::Sender::new(State::Until(from + length)),
            under_way: Arc::new(watch::Sender::new(0)),
            standing: Arc::new(watch::Sender::new(Standing::Settled)),
            length,
        }
    }

    /// The same lease, under which no callout that writes begins before [`Lease::settle`].
    #[must_use]
    pub fn provisional(self) -> Self {
        Self { standing: Arc::new(watch::Sender::new(Standing::Provisional)), ..self }
    }

    /// Lets callouts that write begin.
    pub fn settle(&self) {
        self.standing.send_if_modified(|standing| {
            std::mem::replace(standing, Standing::Settled) != Standing::Settled
        });
    }

    /// Whether callouts that write may begin.
    pub fn is_settled(&self) -> bool {
        *self.standing.borrow() == Standing::Settled
    }

    /// Waits until a callout that writes waits for [`Lease::settle`].
    pub async fn must_be_settled(&self) {
        let wanted = |standing: &Standing| *standing == Standing::Wanted;
        let _ = self.standing.subscribe().wait_for(wanted).await;
    }

    /// Waits until callouts that write may begin, at most so long.
    pub(super) async fn settled(&self, at_most: Duration) -> Result<(), Spent> {
        if self.is_settled() {
            return Ok(());
        }
        let mut standings = self.standing.subscribe();
        self.standing.send_if_modified(|standing| {
            let is_new = *standing == Standing::Provisional;
            if is_new {
                *standing = Standing::Wanted;
            }
            is_new
        });
        let settled = standings.wait_for(|standing| *standing == Standing::Settled);
        tokio::time::timeout(at_most, settled).await.map(drop).map_err(|_| Spent::Time)
    }

    /// Prolongs it: `from` is when that was asked for.
    pub fn renew(&self, from: Instant) {
        let until = from + self.length;
        self.state.send_if_modified(|state| {
            let State::Until(present) = state else { return false };
            *present = until.max(*present);
            true
        });
    }

    /// Somebody else has it.
    pub fn lose(&self) {
        self.state.send_replace(State::Lost);
    }

    /// Lets no further callout begin.
    pub fn stop(&self) {
        self.state.send_if_modified(|state| {
            let may_stop = matches!(state, State::Until(_));
            if may_stop {
                *state = State::Stopping;
            }
            may_stop
        });
    }

    /// Waits until it is lost.
    pub async fn lost(&self) {
        let _ = self.state.subscribe().wait_for(|state| *state == State::Lost).await;
    }

    /// Waits until it was stopped and no callout is under way.
    pub async fn at_rest(&self) {
        let _ = self.state.subscribe().wait_for(|state| *state == State::Stopping).await;
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The longest that one callout that writes may last: short enough that a lease which is
    /// prolonged in time always allows one.
    pub(super) fn longest_write(&self) -> Duration {
        self.length / 2
    }

    /// A callout is under way if more than `needed` is left now.
    pub(super) fn admit_now(&self, needed: Duration) -> Option<UnderWay> {
        let is_good = matches!(*self.state.borrow(), State::Until(until) if until.saturating_duration_since(Instant::now()) > needed);
        is_good.then(|| {
            self.under_way.send_modify(|count| *count += 1);
            UnderWay(Some(Arc::clone(&self.under_way)))
        })
    }

    /// Waits until more than `needed` is left, at most so long. Never returns once it is stopped or
    /// lost: the holder of the lease ends the work that waits here.
    pub(super) async fn admit(
        &self,
        needed: Duration,
        at_most: Duration,
    ) -> Result<UnderWay, Spent> {
        let deadline = Instant::now() + at_most;
        let mut states = self.state.subscribe();
        loop {
            let state = *states.borrow_and_update();
            if let Some(under_way) = self.admit_now(needed) {
                return Ok(under_way);
            }
            match state {
                State::Until(_) => {
                    if tokio::time::timeout_at(deadline, states.changed()).await.is_err() {
                        return Err(Spent::Time);
                    }
                }
                State::Stopping | State::Lost => std::future::pending().await,
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.send_modify(|count| *count -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_callout_begins_only_if_the_lease_outlasts_it() {
        let lease = Lease::new(Instant::now(), 30 * SECOND);
        assert!(lease.admit(29 * SECOND, SECOND).await.is_ok());
        assert!(lease.admit(30 * SECOND, SECOND).await.is_err(), "it would be over with the lease");
        tokio::time::advance(20 * SECOND).await;
        assert!(lease.admit(15 * SECOND, SECOND).await.is_err());
        assert!(lease.admit(Duration::ZERO, SECOND).await.is_ok(), "reading harms nobody");
        tokio::time::advance(10 * SECOND).await;
        assert!(lease.admit(Duration::ZERO, SECOND).await.is_err(), "it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_counts_from_when_it_was_asked_for_and_lets_waiting_callouts_go_on() {
        let lease = Lease::new(Instant::now(), 30 * SECOND);
        tokio::time::advance(25 * SECOND).await;
        let asked = Instant::now();
        let waiting = tokio::spawn({
            let lease = lease.clone();
            async move { lease.admit(15 * SECOND, 100 * SECOND).await.is_ok() }
        });
        tokio::time::advance(5 * SECOND).await;
        lease.renew(asked);
        assert!(waiting.await.unwrap());
        tokio::time::advance(10 * SECOND).await;
        assert!(lease.admit(15 * SECOND, SECOND).await.is_err(), "15 s are left, not 20");
    }

    #[tokio::test(start_paused = true)]
    async fn what_writes_waits_until_its_lease_is_settled() {
        let lease = Lease::new(Instant::now(), 30 * SECOND);
        assert!(lease.is_settled() && lease.settled(SECOND).await.is_ok());
        let lease = lease.provisional();
        let must = lease.must_be_settled();
        assert!(tokio::time::timeout(SECOND, must).await.is_err(), "nothing is to be written");
        assert_eq!(lease.settled(SECOND).await, Err(Spent::Time));
        lease.must_be_settled().await;
        let waiting = tokio::spawn({
            let lease = lease.clone();
            async move { lease.settled(100 * SECOND).await }
        });
        tokio::time::advance(SECOND).await;
        lease.settle();
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(lease.is_settled() && lease.clone().settled(Duration::ZERO).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_lease_is_at_rest_once_its_last_callout_has_ended() {
        let lease = Lease::new(Instant::now(), 30 * SECOND);
        let under_way = lease.admit(SECOND, SECOND).await.unwrap();
        lease.stop();
        assert!(tokio::time::timeout(SECOND, lease.at_rest()).await.is_err());
        assert!(
            tokio::time::timeout(SECOND, lease.admit(SECOND, SECOND)).await.is_err(),
            "nothing begins any more"
        );
        drop(under_way);
        lease.at_rest().await;
        lease.renew(Instant::now());
        assert!(
            tokio::time::timeout(SECOND, lease.admit(SECOND, SECOND)).await.is_err(),
            "a renewal does not start it again"
        );
    }
}
