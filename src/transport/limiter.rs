//! The rate limit that this process keeps toward a vendor, and who is next.
//!
//! m3ter counts an organization's requests in a second and refuses what is beyond the limit for the
//! rest of it: a rested service may send all of them at once. So no window of a second and a
//! margin holds more places than the limit, and within that a place is given as early as it may be,
//! to the one whose turn it is. A place counts from the moment in which it is taken: a process that
//! was stopped for a while finds the places of one second, not one for each moment that it missed.
//! Who has a place sends: callouts under way are bounded here too, so that nobody waits with a
//! place in hand.
//!
//! All places at once are for those whose answer somebody waits for. Where none of them waits, or
//! they have had the places of four windows without a break, places are given evenly: then one gets
//! free every few milliseconds, and the next callout need not wait for a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::allowance::Allowance;
use super::queue::{Position, Queue};
use super::turn::{Class, Turn, Urgency};
use super::window::Window;

/// Callouts under way to one vendor: the Commitment and the Pricings and AccountPlans of a deal of
/// 20 lines go out together, and m3ter takes 50 requests a second, so more would only wait. One
/// beyond waits without a place of the limiter.
pub(super) const CONCURRENT_CALLOUTS: usize = 64;
/// What the vendor counts its limit in.
const SECOND: Duration = Duration::from_secs(1);
/// How long a place is left to all others before a class without a weight gets it.
const LEFT_AFTER: Duration = Duration::from_millis(100);
/// Those whose answer is waited for may take the places of so many windows at once, each as soon as
/// it has any.
const BURSTS: usize = 4;

/// Gives places to callouts, and pauses all of them when the vendor asks for it.
#[derive(Debug)]
pub struct Limiter {
    limit: Option<u32>,
    state: Mutex<State>,
    /// The task that has it looks at the clock for all that wait.
    clock: tokio::sync::Mutex<()>,
    /// The next look is due earlier than it was.
    sooner: Notify,
}

#[derive(Debug)]
struct State {
    /// `None`: no limit.
    allowance: Option<Allowance>,
    window: Window,
    queue: Queue<oneshot::Sender<()>>,
    /// Places that were given since callouts wait, without a break, whose answer somebody waits
    /// for.
    given_in_a_row: usize,
    /// From when on the next place may be given, where they are given evenly.
    even_at: Option<Instant>,
    /// Callouts that have a place, until they have ended.
    under_way: usize,
    paused_until: Option<Instant>,
    next_look: Option<Instant>,
}

/// How much of the limit is needed, in the last window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Places that are taken in the window that ends now.
    pub in_window: u32,
    /// Places of the fullest window that has ended since that one began.
    pub most_in_window: u32,
    /// Callouts that wait for a place.
    pub waiting: u32,
}

/// How a limiter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimiterGauges {
    /// The vendor's limit, this process's share of it, and the places in a window that it uses now;
    /// nothing where there is no limit.
    pub places: Option<[u32; 3]>,
    /// How many callouts of each class wait.
    pub waiting: [(Class, u32); Class::ALL.len()],
}

/// A place in a window; the callout is under way until this is dropped. Whoever does not use it
/// leaves it to the others.
#[derive(Debug)]
pub(super) struct Place<'a> {
    limiter: &'a Limiter,
    taken_at: Instant,
    is_used: bool,
}

/// One that waits, and whose place in the queue, or the place that it has just been given, is free
/// again when this is dropped.
struct Waiter<'a> {
    limiter: &'a Limiter,
    position: Position,
    given: oneshot::Receiver<()>,
    has_taken: bool,
}

impl Limiter {
    /// Keeps to `requests_per_second`, with a margin around the second; 0: no limit.
    pub fn new(requests_per_second: u32, margin: Duration) -> Self {
        let limit = Some(requests_per_second).filter(|limit| *limit > 0);
        let state = State {
            allowance: limit.map(|limit| Allowance::new(SECOND + margin, limit)),
            window: Window::new(SECOND + margin),
            queue: Queue::default(),
            given_in_a_row: 0,
            even_at: None,
            under_way: 0,
            paused_until: None,
            next_look: None,
        };
        Self {
            limit,
            state: Mutex::new(state),
            clock: tokio::sync::Mutex::default(),
            sooner: Notify::new(),
        }
    }

    /// Keeps to no limit, but for the pauses that the vendor asks for.
    pub fn without_limit() -> Self {
        Self::new(0, Duration::ZERO)
    }

    /// Keeps to so many places in a window from now on, if there is a limit.
    #[cfg(test)]
    fn set_share(&self, places: u32) {
        if let Some(allowance) = &mut self.state().allowance {
            allowance.set_share(places, Instant::now());
        }
        self.give();
    }

    /// Requests in a second that all processes may send together; `None`: no limit.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// What the limit is counted in: a second and the margin.
    pub fn window(&self) -> Duration {
        self.state().window.length()
    }

    /// Keeps to so many places in a window from now on, if there is a limit, and to none from
    /// `until` on, also if the process is stopped then. What was spent stays spent; with none,
    /// nobody passes.
    pub fn set_share_until(&self, places: u32, until: Instant) {
        if let Some(allowance) = &mut self.state().allowance {
            allowance.set_share_until(places, until, Instant::now());
        }
        self.give();
    }

    /// Whether it keeps to a limit of its own.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// How much of the limit is needed.
    pub fn need(&self) -> Need {
        let state = self.state();
        let (in_window, most_in_window) = state.window.used(Instant::now());
        Need {
            in_window: short(in_window),
            most_in_window: short(most_in_window),
            waiting: state.queue.len(),
        }
    }

    /// How it stands.
    pub fn gauges(&self) -> LimiterGauges {
        let state = self.state();
        let places = self.limit.zip(state.allowance.as_ref());
        let places = places.map(|(limit, allowance)| {
            [limit, allowance.share(Instant::now()), short(allowance.places(Instant::now()))]
        });
        LimiterGauges {
            places,
            waiting: Class::ALL.map(|class| (class, state.queue.waiting(class))),
        }
    }

    /// Waits for a place; `None` if there is none within `at_most`.
    pub(super) async fn place(
        &self,
        turn: &Turn,
        urgency: Urgency,
        at_most: Duration,
    ) -> Option<Place<'_>> {
        let deadline = Instant::now() + at_most;
        loop {
            let mut waiter = self.queue(turn, urgency);
            let next = self.give();
            if waiter.given.try_recv().is_err() {
                // Nobody waits for what cannot come in time.
                if at_most.is_zero() || next.is_some_and(|next| next >= deadline) {
                    return None;
                }
                let given = async {
                    tokio::select! {
                        biased;
                        given = &mut waiter.given => given.is_ok(),
                        () = self.keep_time() => false,
                    }
                };
                timeout_at(deadline, given).await.ok().filter(|is_given| *is_given)?;
            }
            if let Some(place) = waiter.take() {
                return Some(place);
            }
        }
    }

    /// Whether a callout passes now.
    #[cfg(test)]
    pub(crate) async fn passes(&self) -> bool {
        let place = self.place(&Turn::WITHOUT_RUN, Urgency::Everybody, Duration::ZERO).await;
        place.map(|mut place| place.used()).is_some()
    }

    fn queue(&self, turn: &Turn, urgency: Urgency) -> Waiter<'_> {
        let (sender, given) = oneshot::channel();
        let position = self.state().queue.push(turn, urgency, sender);
        Waiter { limiter: self, position, given, has_taken: false }
    }

    /// Gives the places that there are; when there may be another one, if somebody waits.
    fn give(&self) -> Option<Instant> {
        let mut state = self.state();
        let next = state.give(Instant::now());
        if next.is_some_and(|next| state.next_look.is_none_or(|look| next < look)) {
            state.next_look = next;
            self.sooner.notify_one();
        }
        next
    }

    /// Gives places whenever there are some. One of those who wait does so for all; when it has its
    /// own place, another one continues.
    async fn keep_time(&self) {
        let _clock = self.clock.lock().await;
        loop {
            let next = {
                let mut state = self.state();
                state.next_look = state.give(Instant::now());
                state.next_look
            };
            match next {
                Some(next) => drop(timeout_at(next, self.sooner.notified()).await),
                None => self.sooner.notified().await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the places that there are now. When there may be another one for those who still wait;
    /// `None` if time alone brings none.
    fn give(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        while !self.queue.is_empty() && self.under_way < CONCURRENT_CALLOUTS && next.is_none() {
            next = self.give_one(now).err();
        }
        if !self.queue.is_awaited() {
            self.given_in_a_row = 0;
        }
        next
    }

    /// Whether a place that was given may still be taken.
    fn holds_good(&self, now: Instant) -> bool {
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        let places = self.allowance.as_ref().map(|allowance| allowance.places(now));
        !is_paused && places.is_none_or(|places| self.window.has(places, now))
    }

    /// Gives one place to one of those who wait, or says when there may be one.
    fn give_one(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(until);
        }
        let length = self.window.length();
        let places = self.allowance.as_ref().map(|allowance| allowance.places(now));
        let is_even = !self.queue.is_awaited()
            || places.is_some_and(|places| self.given_in_a_row >= BURSTS * places);
        let free_at = |more| places.map_or(now, |places| self.window.free_at(places, more, now));
        let left_at = free_at(LEFT_AFTER);
        let mut at = if self.queue.has_weight() { free_at(Duration::ZERO) } else { left_at };
        if is_even {
            at = at.max(self.even_at.unwrap_or(now));
        }
        if at > now {
            let grows_at = self.allowance.as_ref().and_then(|allowance| allowance.grows_at(now));
            return Err(grows_at.map_or(at, |grows_at| at.min(grows_at)));
        }
        let Some(waiter) = self.queue.next(left_at <= now) else { return Err(left_at) };
        if is_even {
            self.even_at = places
                .map(|places| now + length / u32::try_from(places).unwrap_or(u32::MAX).max(1));
        }
        if waiter.send(()).is_ok() {
            self.given_in_a_row += 1;
            self.window.give();
            self.under_way += 1;
        }
        Ok(())
    }
}

impl<'a> Waiter<'a> {
    /// Takes the place that was given, unless the share has become smaller meanwhile, or all are
    /// paused.
    fn take(mut self) -> Option<Place<'a>> {
        let limiter = self.limiter;
        let mut state = limiter.state();
        let taken_at = Instant::now();
        if !state.holds_good(taken_at) {
            drop(state);
            return None;
        }
        match state.allowance {
            Some(_) => state.window.take(taken_at),
            None => state.window.give_up(),
        }
        self.has_taken = true;
        Some(Place { limiter, taken_at, is_used: false })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.has_taken {
            return;
        }
        let mut state = self.limiter.state();
        if state.queue.remove(&self.position).is_none() {
            state.window.give_up();
            state.even_at = None;
            state.under_way -= 1;
        }
        drop(state);
        self.limiter.give();
    }
}

impl Place<'_> {
    /// From when on it counts in the window: it is taken at the moment in which its callout goes
    /// out.
    pub(super) fn taken_at(&self) -> Instant {
        self.taken_at
    }

    /// The callout goes out.
    pub(super) fn used(&mut self) {
        self.is_used = true;
    }

    /// The vendor refused the callout for its limit: nobody passes for `pause`, and fewer do for a
    /// while.
    pub(super) fn refused(&self, pause: Duration) {
        let mut state = self.limiter.state();
        let now = Instant::now();
        let until = state.paused_until.map_or(now + pause, |earlier| earlier.max(now + pause));
        state.paused_until = Some(until);
        if let Some(allowance) = &mut state.allowance {
            allowance.refused(self.taken_at, now, until);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.under_way -= 1;
        if !self.is_used {
            state.window.give_back(self.taken_at);
            state.even_at = None;
        }
        drop(state);
        self.limiter.give();
    }
}

fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
