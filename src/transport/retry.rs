//! Whether and when a failed attempt is made again: the decision is a pure function.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::call::Repeatable;
use super::error::{CalloutErrorKind, Effect, Meaning};

/// Attempts in all.
pub(super) const MAX_ATTEMPTS: u32 = 4;
/// Attempts beside those that a limit may refuse which others use as well: there is a place in the
/// end, once this process makes room for them.
pub(super) const MAX_LIMIT_REFUSALS: u32 = 8;
/// Before the second attempt; doubled for each further one.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// No delay of our own choice is longer.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// After a 429 that names no time: m3ter refuses for the rest of the second.
pub(super) const LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// A vendor that asks to be left alone for longer is asked again all the same, and may say it
/// again: one wrong header stops nothing for good.
const MAX_PAUSE: Duration = Duration::from_mins(5);

/// Retries that a vendor which was well before may cost at once; a single callout needs three.
const RETRIES_IN_RESERVE: i64 = 30;
/// Callouts that succeed before one more retry is there.
const SUCCESSES_PER_RETRY: i64 = 10;

/// The retries that are left toward one vendor, shared by all syncs: trying again fixes some
/// faults, an outage is made worse.
#[derive(Debug)]
pub(super) struct Retries {
    /// In parts of [`SUCCESSES_PER_RETRY`].
    left: AtomicI64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { left: AtomicI64::new(RETRIES_IN_RESERVE * SUCCESSES_PER_RETRY) }
    }
}

impl Retries {
    /// Takes one; `false` if none is left.
    pub(super) fn take(&self) -> bool {
        let less = |left: i64| (left >= SUCCESSES_PER_RETRY).then(|| left - SUCCESSES_PER_RETRY);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// A callout succeeded.
    pub(super) fn succeeded(&self) {
        let more = |left: i64| Some((left + 1).min(RETRIES_IN_RESERVE * SUCCESSES_PER_RETRY));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// The failure stands.
    Stop,
    /// Again after this long, before jitter.
    Wait(Duration),
}

/// Decides after the `attempt`th attempt (from 1) of a call. What may have had an effect is made
/// again only if it can be repeated.
pub(super) fn decide(
    kind: &CalloutErrorKind,
    effect: Effect,
    repeatable: Repeatable,
    attempt: u32,
    retry_after: Option<Duration>,
) -> Decision {
    if attempt >= MAX_ATTEMPTS {
        return Decision::Stop;
    }
    let backoff = backoff(attempt);
    match kind {
        CalloutErrorKind::LimitExceeded { .. } => {
            Decision::Wait(retry_after.unwrap_or(LIMIT_PAUSE))
        }
        CalloutErrorKind::NotSent { .. } => Decision::Wait(backoff),
        CalloutErrorKind::Unavailable { .. }
            if effect == Effect::Unknown && repeatable != Repeatable::No =>
        {
            Decision::Wait(retry_after.unwrap_or(backoff))
        }
        CalloutErrorKind::Refused(refusal)
            if refusal.meaning == Meaning::Passing && repeatable == Repeatable::Yes =>
        {
            Decision::Wait(retry_after.unwrap_or(backoff))
        }
        _ => Decision::Stop,
    }
}

/// How long is waited after the `attempt`th attempt (from 1), before jitter.
pub(super) fn backoff(attempt: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(MAX_DELAY)
}

/// A delay with up to a quarter added, so that many syncs do not come back at the same moment.
pub(super) fn with_jitter(delay: Duration) -> Duration {
    delay.mul_f64(1.0 + fastrand::f64() / 4.0)
}

/// The delay in a `Retry-After` header, seconds or an HTTP date, as far as it is waited for.
pub fn retry_after(header: &str, now: std::time::SystemTime) -> Option<Duration> {
    let header = header.trim();
    let delay = header
        .parse()
        .map(Duration::from_secs)
        .ok()
        .or_else(|| httpdate::parse_http_date(header).ok()?.duration_since(now).ok());
    delay.map(|delay| delay.min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::super::error::Refusal;
    use super::*;

    #[test]
    fn only_callouts_without_effect_or_that_are_repeatable_are_sent_again() {
        let limited = CalloutErrorKind::LimitExceeded { message: String::new() };
        let unsent = CalloutErrorKind::NotSent { cause: String::new() };
        let lost = CalloutErrorKind::Unavailable { status: None, cause: String::new() };
        let refused = CalloutErrorKind::Refused(Box::default());
        let passing = CalloutErrorKind::Refused(Box::new(Refusal {
            meaning: Meaning::Passing,
            ..Refusal::default()
        }));
        let wait_ms = |ms| Decision::Wait(Duration::from_millis(ms));
        for (kind, effect, repeatable, attempt, expected) in [
            (&unsent, Effect::None, Repeatable::No, 1, wait_ms(200)),
            (&unsent, Effect::None, Repeatable::No, 3, wait_ms(800)),
            (&unsent, Effect::None, Repeatable::No, 4, Decision::Stop),
            (&limited, Effect::None, Repeatable::No, 1, wait_ms(1_000)),
            (&lost, Effect::Unknown, Repeatable::Yes, 1, wait_ms(200)),
            (&lost, Effect::Unknown, Repeatable::No, 1, Decision::Stop),
            (&lost, Effect::Unknown, Repeatable::InSession, 1, wait_ms(200)),
            (&refused, Effect::Refused, Repeatable::Yes, 1, Decision::Stop),
            (&passing, Effect::Refused, Repeatable::Yes, 2, wait_ms(400)),
            (&passing, Effect::Refused, Repeatable::InSession, 1, Decision::Stop),
            (&passing, Effect::Refused, Repeatable::No, 1, Decision::Stop),
        ] {
            assert_eq!(
                decide(kind, effect, repeatable, attempt, None),
                expected,
                "{kind:?} {repeatable:?} {attempt}"
            );
        }
        assert_eq!(
            decide(&limited, Effect::None, Repeatable::No, 1, Some(Duration::from_secs(3))),
            wait_ms(3_000)
        );
    }

    #[test]
    fn an_outage_stops_the_retries_and_a_success_restores_them() {
        let retries = Retries::default();
        assert_eq!((0..100).filter(|_| retries.take()).count(), 30);
        for _ in 0..20 {
            retries.succeeded();
        }
        assert_eq!((0..100).filter(|_| retries.take()).count(), 2);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(retry_after("3", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Tue, 24 Nov 2026 10:00:05 GMT", now), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("18446744073709551615", now), Some(MAX_PAUSE));
        assert_eq!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now), Some(MAX_PAUSE));
    }
}
