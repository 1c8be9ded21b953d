//! The vendor's limit of requests in a second, counted in one of the ways in which a vendor may
//! count it.

use std::collections::VecDeque;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Where a second begins and ends for the vendor; m3ter's documents do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Each second of the vendor's clock for itself.
    Calendar {
        /// How far that clock is ahead of the emulator's start.
        offset: Duration,
    },
    /// Any window of a second.
    Sliding,
    /// A bucket that holds as many tokens as the limit and fills at its rate.
    Bucket,
}

impl Default for Counting {
    fn default() -> Self {
        Self::Calendar { offset: Duration::ZERO }
    }
}

/// So many requests in a second; what goes beyond is refused and not counted.
#[derive(Debug, Clone)]
pub struct RequestLimit {
    requests_per_second: Option<u32>,
    counting: Counting,
    /// When the last requests passed, as far back as a second reaches.
    passed: VecDeque<Duration>,
    /// What is left in the bucket, in thousand millionths of a token, and since when.
    bucket: Option<(u128, Duration)>,
}

/// The bucket's smallest unit: what one request a second gains in a nanosecond.
const TOKEN: u128 = 1_000_000_000;

impl RequestLimit {
    /// `None`: no limit.
    pub fn new(requests_per_second: Option<u32>, counting: Counting) -> Self {
        Self { requests_per_second, counting, passed: VecDeque::new(), bucket: None }
    }

    /// Another limit, counted as before.
    pub(super) fn set_requests_per_second(&mut self, requests_per_second: Option<u32>) {
        *self = Self::new(requests_per_second, self.counting);
    }

    /// The same limit, counted in another way from now on.
    pub(super) fn set_counting(&mut self, counting: Counting) {
        *self = Self::new(self.requests_per_second, counting);
    }

    /// Whether one more request passes at `now`, which never goes back.
    pub fn admit(&mut self, now: Duration) -> bool {
        let Some(most) = self.requests_per_second else { return true };
        match self.counting {
            Counting::Calendar { offset } => {
                let second = |at: Duration| (at + offset).as_secs();
                self.pass(now, most, |at| second(at) == second(now))
            }
            Counting::Sliding => self.pass(now, most, |at| now.saturating_sub(at) < SECOND),
            Counting::Bucket => {
                let full = u128::from(most) * TOKEN;
                let (left, since) = self.bucket.unwrap_or((full, now));
                let left = full.min(left + now.saturating_sub(since).as_nanos() * u128::from(most));
                let passes = left >= TOKEN;
                self.bucket = Some((if passes { left - TOKEN } else { left }, now));
                passes
            }
        }
    }

    fn pass(&mut self, now: Duration, most: u32, counts: impl Fn(Duration) -> bool) -> bool {
        while self.passed.front().is_some_and(|at| !counts(*at)) {
            self.passed.pop_front();
        }
        let passes = self.passed.len() < usize::try_from(most).unwrap_or(usize::MAX);
        if passes {
            self.passed.push_back(now);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many requests pass at each moment, in milliseconds.
    fn passed(counting: Counting, most: u32, requests: &[(u64, usize)]) -> Vec<usize> {
        let mut limit = RequestLimit::new(Some(most), counting);
        let at = |(ms, count): &(u64, usize)| {
            (0..*count).filter(|_| limit.admit(Duration::from_millis(*ms))).count()
        };
        requests.iter().map(at).collect()
    }

    #[test]
    fn each_way_of_counting_allows_exactly_its_limit_per_second() {
        let calendar = |offset_ms| Counting::Calendar { offset: Duration::from_millis(offset_ms) };
        for (counting, requests, expected) in [
            (
                calendar(0),
                &[(900, 60), (999, 1), (1_000, 60), (1_999, 1), (2_000, 1)][..],
                &[50, 0, 50, 0, 1][..],
            ),
            (calendar(300), &[(600, 60), (700, 60), (1_699, 1), (1_700, 1)], &[50, 50, 0, 1]),
            (Counting::Sliding, &[(900, 50), (1_000, 1), (1_899, 1), (1_900, 60)], &[50, 0, 0, 50]),
            (Counting::Sliding, &[(0, 25), (500, 30), (999, 1), (1_000, 30)], &[25, 25, 0, 25]),
            (
                Counting::Bucket,
                &[(0, 60), (19, 1), (20, 2), (1_020, 60), (60_000, 60)],
                &[50, 0, 1, 50, 50],
            ),
        ] {
            assert_eq!(passed(counting, 50, requests), expected, "{counting:?}");
        }
        let mut none = RequestLimit::new(None, Counting::Sliding);
        assert!((0..1_000).all(|_| none.admit(Duration::ZERO)));
    }
}
