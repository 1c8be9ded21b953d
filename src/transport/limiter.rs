//! The rate limit that this process keeps toward a vendor.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

/// Spreads callouts over the second, and pauses all of them when the vendor asks for it.
#[derive(Debug)]
pub struct Limiter {
    rate: Option<DefaultDirectRateLimiter>,
    paused_until: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Keeps to `requests_per_second`: four fifths as a steady rate, one fifth as a burst. `None` or 0: no limit.
    pub fn new(requests_per_second: Option<u32>) -> Self {
        let quota = requests_per_second.and_then(|limit| {
            let burst = limit.div_ceil(5);
            let rate = NonZeroU32::new((limit - burst.min(limit)).max(1)).filter(|_| limit > 0)?;
            Some(Quota::per_second(rate).allow_burst(NonZeroU32::new(burst)?))
        });
        Self { rate: quota.map(RateLimiter::direct), paused_until: Mutex::default() }
    }

    /// Waits for a place; `false` if there is none within `at_most`.
    pub(super) async fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            let pause = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > Instant::now());
            let next = match pause {
                Some(until) => until,
                None => match self.rate.as_ref().map_or(Ok(()), RateLimiter::check) {
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

    /// Lets nobody pass for `pause`.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused_until.is_none_or(|earlier| earlier < until) {
            *paused_until = Some(until);
        }
    }
}
