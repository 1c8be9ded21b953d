//! The rate limit that this process keeps toward a vendor.
//!
//! m3ter counts an organization's requests in a second and refuses what is beyond the limit for the rest of it: whoever has rested may
//! send all of them at once. So no window of a second and a margin holds more places than the limit, and within that a place is given as
//! early as it may be. Callouts wait in one queue, and the first of them looks at the clock in the moment in which it takes its place: a
//! process that was stopped for a while finds the places of one second, not one for each moment that it missed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// A second as the vendor counts it, with a margin: requests do not all take the same time to arrive.
const WINDOW: Duration = Duration::from_millis(1_020);

/// Gives places to callouts, and pauses all of them when the vendor asks for it.
#[derive(Debug)]
pub struct Limiter {
    requests_per_second: Option<u32>,
    /// Whoever has it is the next one.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Places in a window; `None`: no limit.
    limit: Option<usize>,
    /// When the places of the last window were taken, the earliest first.
    taken: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Limiter {
    /// Keeps to `requests_per_second`. `None` or 0: no limit.
    pub fn new(requests_per_second: Option<u32>) -> Self {
        let requests_per_second = requests_per_second.filter(|limit| *limit > 0);
        let state = State { limit: places(requests_per_second, 1), taken: VecDeque::new(), paused_until: None };
        Self { requests_per_second, turn: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    /// Keeps to an equal part of the limit from now on, when so many processes share it. What was spent stays spent.
    pub fn share_with(&self, processes: u32) {
        self.state().limit = places(self.requests_per_second, processes);
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
        let Some(limit) = self.limit else { return Ok(()) };
        while self.taken.front().is_some_and(|taken| *taken + WINDOW <= now) {
            self.taken.pop_front();
        }
        // After the share has shrunk, more places may be taken than there are: so many of them must be over first.
        if let Some(over) = self.taken.len().checked_sub(limit) {
            return Err(self.taken[over] + WINDOW);
        }
        self.taken.push_back(now);
        Ok(())
    }
}

/// The places that each of so many processes has in a window. No process gets nothing: beyond one request a second each, the vendor's
/// own 429 is the limit.
fn places(requests_per_second: Option<u32>, processes: u32) -> Option<usize> {
    let share = (requests_per_second? / processes.max(1)).max(1);
    Some(usize::try_from(share).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sync_to_m3ter_sandbox::control::{Counting, RequestLimit};

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
        for (processes, expected) in [(1, 50), (2, 25), (5, 10), (1_000, 1)] {
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
        let most = passed.iter().map(|from| passed.iter().filter(|at| (*from..*from + WINDOW).contains(*at)).count()).max();
        assert_eq!(most, Some(50));
        // As early as they may be: all of a window at once, and the next ones when it is over.
        assert_eq!((passed[49], passed[199]), (Duration::ZERO, 3 * WINDOW));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_share_gives_no_second_window() {
        let limiter = Limiter::new(Some(50));
        assert_eq!(burst(&limiter).await, 50);
        tokio::time::advance(Duration::from_millis(500)).await;
        limiter.share_with(2);
        assert_eq!(burst(&limiter).await, 0, "what was spent stays spent");
        tokio::time::advance(Duration::from_millis(520)).await;
        assert_eq!(burst(&limiter).await, 25);
        limiter.share_with(1);
        assert_eq!(burst(&limiter).await, 25);
        limiter.share_with(5);
        tokio::time::advance(WINDOW).await;
        assert_eq!(burst(&limiter).await, 10);
    }

    /// Whatever comes whenever: no window is too full, and no place is withheld without need.
    #[tokio::test(start_paused = true)]
    async fn places_are_given_as_early_as_no_window_is_too_full() {
        let mut random = fastrand::Rng::with_seed(13);
        for limit in [1, 2, 7, 50] {
            let limiter = Limiter::new(Some(limit));
            let limit = usize::try_from(limit).unwrap();
            let mut taken: Vec<Instant> = Vec::new();
            for _ in 0..2_000 {
                tokio::time::advance(Duration::from_micros(random.u64(0..60_000))).await;
                let now = Instant::now();
                let in_window = taken.iter().rev().take_while(|at| now - **at < WINDOW).count();
                let has_place = limiter.wait(Duration::ZERO).await;
                assert_eq!(has_place, in_window < limit, "{in_window} of {limit}");
                if has_place {
                    taken.push(now);
                }
            }
        }
    }

    /// m3ter does not say how it counts its second. Whoever asks without a pause is not refused in any way of counting, though requests
    /// arrive with the delays that the margin is for.
    #[tokio::test(start_paused = true)]
    async fn no_request_is_refused_however_the_vendor_counts_its_second() {
        let limiter = Limiter::new(Some(50));
        let mut random = fastrand::Rng::with_seed(29);
        let started = Instant::now();
        let mut arrivals = Vec::new();
        for round in 0..1_000 {
            // Without a pause at first, then with some.
            if round > 500 {
                tokio::time::advance(Duration::from_micros(random.u64(0..60_000))).await;
            }
            assert!(limiter.wait(Duration::from_mins(1)).await);
            arrivals.push(started.elapsed() + Duration::from_micros(random.u64(0..20_000)));
        }
        arrivals.sort_unstable();
        let calendars = (0..1_000).step_by(50).map(|offset_ms| Counting::Calendar { offset: Duration::from_millis(offset_ms) });
        for counting in calendars.chain([Counting::Sliding, Counting::Bucket]) {
            let mut limit = RequestLimit::new(Some(50), counting);
            let refused = arrivals.iter().filter(|at| !limit.admit(**at)).count();
            assert_eq!(refused, 0, "{counting:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stop_of_the_process_one_second_passes_and_not_what_was_missed() {
        let limiter = Arc::new(Limiter::new(Some(50)));
        assert_eq!(burst(&limiter).await, 50);
        let waiting: Vec<_> = (0..200)
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
        assert_eq!(waiting.iter().filter(|waiting| waiting.is_finished()).count(), 50);
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
