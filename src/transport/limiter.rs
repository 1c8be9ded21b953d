//! The rate limit that this process keeps toward a vendor.
//!
//! Places come back steadily, and a few are kept for a burst. Callouts wait in one queue, and the first of them looks at the clock in
//! the moment in which it takes its place: a process that was stopped for a while finds the few places of a burst, not one for each
//! moment that it missed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// Spreads callouts over the second, and pauses all of them when the vendor asks for it.
#[derive(Debug)]
pub struct Limiter {
    requests_per_second: Option<u32>,
    /// Whoever has it is the next one.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many processes keep to the limit together.
    processes: u32,
    /// `None`: no limit.
    pace: Option<Pace>,
    /// When all places of a burst are free again.
    rested_at: Instant,
    paused_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// Between two places.
    interval: Duration,
    /// Places that are free after a rest.
    burst: u32,
}

impl Limiter {
    /// Keeps to `requests_per_second`: four fifths as a steady rate, one fifth as a burst. `None` or 0: no limit.
    pub fn new(requests_per_second: Option<u32>) -> Self {
        let state = State { processes: 1, pace: pace(requests_per_second), rested_at: Instant::now(), paused_until: None };
        Self { requests_per_second, turn: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    /// Keeps to an equal part of the limit from now on, when so many processes share it. What was spent stays spent.
    pub fn share_with(&self, processes: u32) {
        let processes = processes.max(1);
        let mut state = self.state();
        if state.processes != processes {
            state.processes = processes;
            // No process gets nothing: beyond one request a second each, the vendor's own 429 is the limit.
            state.pace = pace(self.requests_per_second.map(|limit| if limit == 0 { 0 } else { (limit / processes).max(1) }));
        }
    }

    /// Waits for a place; `false` if there is none within `at_most`.
    pub(super) async fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let Ok(_turn) = timeout_at(deadline, self.turn.lock()).await else { return false };
        loop {
            let Err(free_at) = self.state().take(Instant::now()) else { return true };
            if free_at >= deadline {
                return false;
            }
            sleep_until(free_at).await;
        }
    }

    /// Lets nobody pass for `pause`.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.state();
        if state.paused_until.is_none_or(|earlier| earlier < until) {
            state.paused_until = Some(until);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place, or says when there may be one.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(until);
        }
        let Some(pace) = self.pace else { return Ok(()) };
        let rested_at = self.rested_at.max(now);
        let free_at = rested_at.checked_sub(pace.interval * (pace.burst - 1)).unwrap_or(now);
        if free_at > now {
            return Err(free_at);
        }
        self.rested_at = rested_at + pace.interval;
        Ok(())
    }
}

fn pace(requests_per_second: Option<u32>) -> Option<Pace> {
    let limit = requests_per_second.filter(|limit| *limit > 0)?;
    let burst = limit.div_ceil(5);
    Some(Pace { interval: Duration::from_secs(1) / (limit - burst).max(1), burst })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// How many pass at once.
    async fn burst(limiter: &Limiter) -> usize {
        let mut passed = 0;
        while passed < 100 && limiter.wait(Duration::ZERO).await {
            passed += 1;
        }
        passed
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_divided_by_the_processes_that_live() {
        for (processes, expected) in [(1, 10), (2, 5), (5, 2), (1_000, 1)] {
            let limiter = Limiter::new(Some(50));
            limiter.share_with(processes);
            assert_eq!(burst(&limiter).await, expected, "{processes} processes");
        }
        for unlimited in [Limiter::new(None), Limiter::new(Some(0))] {
            unlimited.share_with(3);
            assert_eq!(burst(&unlimited).await, 100);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_than_the_limit_and_all_pass_in_their_order() {
        let limiter = Arc::new(Limiter::new(Some(50)));
        let started = Instant::now();
        let waiting: Vec<_> = (0..200)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    assert!(limiter.wait(Duration::from_mins(1)).await);
                    started.elapsed()
                })
            })
            .collect();
        let mut passed = Vec::new();
        for waiting in waiting {
            passed.push(waiting.await.unwrap());
        }
        assert!(passed.is_sorted(), "whoever came first passes first: {passed:?}");
        let second = Duration::from_secs(1);
        let most = passed.iter().map(|from| passed.iter().filter(|at| (*from..=*from + second).contains(*at)).count()).max();
        assert_eq!(most, Some(50));
        assert!(passed[199] <= Duration::from_millis(4_760), "40 a second after the first ten: {:?}", passed[199]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_share_gives_no_second_burst() {
        let limiter = Limiter::new(Some(50));
        assert_eq!(burst(&limiter).await, 10);
        limiter.share_with(2);
        assert_eq!(burst(&limiter).await, 0, "half of the limit, and the burst was spent");
        limiter.share_with(1);
        assert_eq!(burst(&limiter).await, 0);
        tokio::time::advance(Duration::from_millis(25)).await;
        assert_eq!(burst(&limiter).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stop_of_the_process_a_burst_passes_and_not_what_was_missed() {
        let limiter = Arc::new(Limiter::new(Some(50)));
        assert_eq!(burst(&limiter).await, 10);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move { limiter.wait(Duration::from_mins(1)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        // The clock goes on while nothing of the process does.
        tokio::time::advance(Duration::from_secs(30)).await;
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.iter().filter(|waiting| waiting.is_finished()).count(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_and_whoever_cannot_wait_so_long_is_told_so() {
        let limiter = Limiter::new(Some(50));
        limiter.pause(Duration::from_secs(2));
        limiter.pause(Duration::from_secs(1));
        assert!(!limiter.wait(Duration::from_secs(1)).await);
        let started = Instant::now();
        assert!(limiter.wait(Duration::from_secs(3)).await);
        assert_eq!(started.elapsed(), Duration::from_secs(2));
    }
}
