//! The rate limit that this process keeps toward a vendor.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

/// Spreads callouts over the second, and pauses all of them when the vendor asks for it.
#[derive(Debug)]
pub struct Limiter {
    requests_per_second: Option<u32>,
    /// How many processes keep to the limit together, and the rate of this one.
    share: Mutex<(u32, Option<Arc<DefaultDirectRateLimiter>>)>,
    paused_until: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Keeps to `requests_per_second`: four fifths as a steady rate, one fifth as a burst. `None` or 0: no limit.
    pub fn new(requests_per_second: Option<u32>) -> Self {
        Self { requests_per_second, share: Mutex::new((1, rate(requests_per_second))), paused_until: Mutex::default() }
    }

    /// Keeps to an equal part of the limit from now on, when so many processes share it.
    pub fn share_with(&self, processes: u32) {
        let processes = processes.max(1);
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        if share.0 != processes {
            // No process gets nothing: beyond one request a second each, the vendor's own 429 is the limit.
            *share = (processes, rate(self.requests_per_second.map(|limit| (limit / processes).max(1))));
        }
    }

    /// Waits for a place; `false` if there is none within `at_most`.
    pub(super) async fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            let pause = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > Instant::now());
            let next = match pause {
                Some(until) => until,
                None => match self.rate().map_or(Ok(()), |rate| rate.check()) {
                    Ok(()) => return true,
                    Err(early) => Instant::now() + early.wait_time_from(DefaultClock::default().now()),
                },
            };
            if next >= deadline {
                return false;
            }
            tokio::time::sleep_until(next).await;
        }
    }

    fn rate(&self) -> Option<Arc<DefaultDirectRateLimiter>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Lets nobody pass for `pause`.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused_until.is_none_or(|earlier| earlier < until) {
            *paused_until = Some(until);
        }
    }
}

fn rate(requests_per_second: Option<u32>) -> Option<Arc<DefaultDirectRateLimiter>> {
    let limit = requests_per_second.filter(|limit| *limit > 0)?;
    let burst = limit.div_ceil(5);
    let steady = NonZeroU32::new((limit - burst).max(1))?;
    Some(Arc::new(RateLimiter::direct(Quota::per_second(steady).allow_burst(NonZeroU32::new(burst)?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pass at once.
    async fn burst(limiter: &Limiter) -> usize {
        let mut passed = 0;
        while passed < 100 && limiter.wait(Duration::ZERO).await {
            passed += 1;
        }
        passed
    }

    #[tokio::test]
    async fn the_limit_is_divided_by_the_processes_that_live() {
        for (processes, expected) in [(1, 10), (2, 5), (5, 2), (1_000, 1)] {
            let limiter = Limiter::new(Some(50));
            limiter.share_with(processes);
            assert_eq!(burst(&limiter).await, expected, "{processes} processes");
        }
        let unlimited = Limiter::new(None);
        unlimited.share_with(3);
        assert_eq!(burst(&unlimited).await, 100);
    }
}
