//! How many places in a window this process uses: its share, less what the vendor's 429s have
//! taught it.
//!
//! Others use the organization's limit too, and nobody says how much. A 429 takes a quarter of the
//! places away, the next one without a quiet window between them half of what is left, once for
//! each window and never below a tenth of the share. From the end of the pause on, each window
//! without a 429 gives back a fiftieth of the share: after one 429 all places are there again after
//! 13 seconds. Where others always use as much, that is a 429 every few seconds, and about seven
//! eighths of what they leave.

use std::time::Duration;

use tokio::time::Instant;

/// Parts of the share are counted in thousandths.
const WHOLE: u32 = 1_000;
const MIN_PART: u32 = 100;
const BACK_IN_EACH_WINDOW: u32 = 20;

/// The places that may be used.
#[derive(Debug)]
pub(super) struct Allowance {
    window: Duration,
    share: u32,
    /// There is none from then on.
    until: Option<Instant>,
    /// When the share became smaller: what was spent before counts for a window.
    shrunk_at: Option<Instant>,
    cut: Option<Cut>,
}

/// What a 429 has taught.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// When it came. What was sent earlier tells nothing new.
    at: Instant,
    /// The part of the share that was left.
    part: u32,
    /// From when on the others come back.
    back_from: Instant,
}

impl Allowance {
    pub(super) fn new(window: Duration, share: u32) -> Self {
        Self { window, share, until: None, shrunk_at: None, cut: None }
    }

    pub(super) fn share(&self, now: Instant) -> u32 {
        if self.is_over(now) { 0 } else { self.share }
    }

    /// Whether nobody has said for too long that there are places.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(super) fn set_share_until(&mut self, share: u32, until: Instant, now: Instant) {
        self.set_share(share, now);
        self.until = Some(until);
    }

    pub(super) fn set_share(&mut self, share: u32, now: Instant) {
        if share < self.share {
            self.shrunk_at = Some(now);
        }
        self.share = share;
    }

    /// Places in a window now; none only where the share has none.
    pub(super) fn places(&self, now: Instant) -> usize {
        let places =
            (u64::from(self.share(now)) * u64::from(self.part(now))).div_ceil(u64::from(WHOLE));
        usize::try_from(places).unwrap_or(usize::MAX)
    }

    /// When there may be more of them by themselves.
    pub(super) fn grows_at(&self, now: Instant) -> Option<Instant> {
        let cut = self.cut.filter(|_| self.part(now) < WHOLE)?;
        Some(cut.back_from + self.window * (self.quiet_windows(cut, now) + 1))
    }

    /// The vendor refused a callout whose place was taken then; nobody passes until `paused_until`.
    pub(super) fn refused(&mut self, taken_at: Instant, now: Instant, paused_until: Instant) {
        let is_known = self.cut.is_some_and(|cut| taken_at <= cut.at);
        // The others had the places already that this process was still using: there is nothing to
        // learn.
        let is_explained = self.shrunk_at.is_some_and(|at| taken_at < at + self.window);
        if is_known || is_explained {
            return;
        }
        let is_again = self.cut.is_some_and(|cut| taken_at < cut.back_from + self.window);
        let part = self.part(now) * if is_again { 2 } else { 3 } / 4;
        self.cut = Some(Cut { at: now, part: part.max(MIN_PART), back_from: paused_until });
    }

    fn part(&self, now: Instant) -> u32 {
        let Some(cut) = self.cut else { return WHOLE };
        self.quiet_windows(cut, now)
            .saturating_mul(BACK_IN_EACH_WINDOW)
            .saturating_add(cut.part)
            .min(WHOLE)
    }

    fn quiet_windows(&self, cut: Cut, now: Instant) -> u32 {
        let windows =
            now.saturating_duration_since(cut.back_from).as_nanos() / self.window.as_nanos();
        u32::try_from(windows).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(1_020);

    #[tokio::test(start_paused = true)]
    async fn a_429_takes_a_quarter_a_second_one_half_and_quiet_windows_give_it_back() {
        let start = Instant::now();
        let mut allowance = Allowance::new(WINDOW, 50);
        let refuse = |allowance: &mut Allowance, at: Instant| {
            allowance.refused(at, at, at + WINDOW);
            allowance.places(at + WINDOW)
        };
        assert_eq!((allowance.places(start), allowance.grows_at(start)), (50, None));
        assert_eq!(refuse(&mut allowance, start), 38);
        assert_eq!(refuse(&mut allowance, start), 38, "once for what was sent before it");
        assert_eq!(
            (allowance.places(start + 2 * WINDOW), allowance.grows_at(start + 2 * WINDOW)),
            (39, Some(start + 3 * WINDOW))
        );
        // In the first window after the pause, and again and again.
        let mut at = start;
        let left: Vec<usize> = (0..6)
            .map(|_| {
                at += WINDOW + WINDOW / 2;
                refuse(&mut allowance, at)
            })
            .collect();
        assert_eq!(left, [19, 10, 5, 5, 5, 5]);
        let later = |windows| allowance.places(at + WINDOW + WINDOW * windows);
        assert_eq!([1, 10, 44, 45, 1_000].map(later), [6, 15, 49, 50, 50]);
        assert_eq!(allowance.grows_at(at + 60 * WINDOW), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_that_a_smaller_share_explains_changes_nothing() {
        let start = Instant::now();
        let mut allowance = Allowance::new(WINDOW, 50);
        allowance.set_share(25, start);
        allowance.refused(start + WINDOW / 2, start + WINDOW, start + 2 * WINDOW);
        assert_eq!(allowance.places(start + WINDOW), 25);
        allowance.refused(start + WINDOW, start + WINDOW, start + 2 * WINDOW);
        assert_eq!(allowance.places(start + WINDOW), 19);
        // What was learned holds for another share, of which at least one place is left.
        allowance.set_share(40, start + WINDOW);
        assert_eq!(allowance.places(start + WINDOW), 30);
        allowance.set_share(1, start + WINDOW);
        assert_eq!(allowance.places(start + WINDOW), 1);
        allowance.set_share(0, start + WINDOW);
        assert_eq!(allowance.places(start + WINDOW), 0);
    }
}
