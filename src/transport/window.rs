//! The places of the last windows, and when the next one may be taken: arithmetic on instants.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The places that were taken of late.
#[derive(Debug)]
pub(super) struct Window {
    /// A second as the vendor counts it, with a margin: requests do not all take the same time to
    /// arrive.
    length: Duration,
    /// Places that were given and are not taken yet: whoever has one may be stopped before it does.
    given: usize,
    /// When the others were taken, the earliest first, as far back as two windows.
    taken: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, given: 0, taken: VecDeque::new() }
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// When one more fits beside so many `places` into each window, one that is longer by `more`:
    /// now, or an instant before which it does not.
    pub(super) fn free_at(&self, places: usize, more: Duration, now: Instant) -> Instant {
        let length = self.length + more;
        let over = self.taken.partition_point(|taken| *taken + length <= now);
        // After the places have become fewer, more of them may be taken than there are: so many
        // must be over first.
        match (self.taken.len() - over + self.given).checked_sub(places) {
            None => now,
            Some(too_many) => {
                self.taken.get(over + too_many).map_or(now + length, |taken| *taken + length)
            }
        }
    }

    /// Whether what is taken and what is given, of which there is some, fits into so many `places`.
    pub(super) fn has(&self, places: usize, now: Instant) -> bool {
        let over = self.taken.partition_point(|taken| *taken + self.length <= now);
        self.taken.len() - over + self.given <= places
    }

    /// Gives a place, which counts from when it is taken.
    pub(super) fn give(&mut self) {
        self.given += 1;
    }

    /// Takes a place that was given.
    pub(super) fn take(&mut self, now: Instant) {
        self.given -= 1;
        while self.taken.front().is_some_and(|taken| *taken + 2 * self.length <= now) {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// A place that was given is not taken.
    pub(super) fn give_up(&mut self) {
        self.given -= 1;
    }

    /// A place that was taken was not used.
    pub(super) fn give_back(&mut self, taken_at: Instant) {
        if let Some(position) = self.taken.iter().rposition(|taken| *taken == taken_at) {
            self.taken.remove(position);
        }
    }

    /// How many places are given, or taken in the window that ends now, and in the fullest one that
    /// has ended since it began.
    pub(super) fn used(&self, now: Instant) -> (usize, usize) {
        let (mut most, mut first) = (0, 0);
        for (last, taken) in self.taken.iter().enumerate() {
            while self.taken[first] + self.length <= *taken {
                first += 1;
            }
            if *taken + self.length > now {
                most = most.max(last + 1 - first);
            }
        }
        (
            self.taken.len() - self.taken.partition_point(|taken| *taken + self.length <= now)
                + self.given,
            most,
        )
    }
}
