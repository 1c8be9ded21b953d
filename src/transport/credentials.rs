//! Logging in with secrets that may change: with what they are now, and with what let in last where
//! that is refused.

use std::time::Duration;

use super::error::{CalloutError, CalloutErrorKind};
use super::{Budget, Token, Transport};
use crate::secret::{Accepted, ReadSecrets};

/// A clock that is off by less is not worth a word: answers take a moment, and a header has whole
/// seconds.
const CLOCK_TOLERANCE_SECONDS: i64 = 30;

impl Transport {
    /// A token by `log_in`, which gets what to show: what the secrets are `now`; if that is refused
    /// or cannot be read, what let in last.
    pub async fn log_in_with<F>(
        &self,
        operation: &'static str,
        accepted: &Accepted,
        now: Result<ReadSecrets, String>,
        log_in: impl Fn(ReadSecrets) -> F,
    ) -> Result<Token, CalloutError>
    where
        F: Future<Output = Result<Token, CalloutError>>,
    {
        let vendor = self.inner.vendor;
        let earlier = accepted.get();
        let shown = match (now, &earlier) {
            (Ok(now), _) => now,
            (Err(problem), Some(earlier)) => {
                tracing::error!(%vendor, problem, "a secret cannot be read; still using the old one");
                earlier.clone()
            }
            (Err(message), None) => {
                let kind = CalloutErrorKind::AuthFailed { message };
                return Err(CalloutError {
                    vendor,
                    operation,
                    attempts: 0,
                    elapsed: Duration::ZERO,
                    kind,
                });
            }
        };
        let refused = match log_in(shown.clone()).await {
            Ok(token) => {
                accepted.accept(shown);
                return Ok(token);
            }
            Err(error) => self.with_clock(error),
        };
        match earlier.filter(|earlier| refused.is_auth_failed() && *earlier != shown) {
            Some(earlier) => {
                tracing::warn!(%vendor, refused = refused.reason(), "a new secret was refused; still using the old one");
                accepted.refuse(shown);
                log_in(earlier).await.map_err(|_| refused)
            }
            None => Err(refused),
        }
    }

    /// Logs in with secrets that have changed since they let in, while the token of the earlier
    /// ones still serves. Whether it did.
    pub async fn take_in_new_secrets<F>(
        &self,
        accepted: &Accepted,
        now: Result<ReadSecrets, String>,
        log_in: impl FnOnce(ReadSecrets) -> F,
    ) -> bool
    where
        F: Future<Output = Result<Token, CalloutError>>,
    {
        let Some(shown) = now.ok().filter(|shown| accepted.is_untried(shown)) else { return false };
        let vendor = self.inner.vendor;
        match log_in(shown.clone()).await {
            Ok(token) => {
                accepted.accept(shown);
                self.inner.token.replace(token).await;
                tracing::info!(target: "audit", %vendor, "a new secret is used");
                true
            }
            Err(error) => {
                // What the vendor did not say no to is tried again.
                if error.is_auth_failed() {
                    accepted.refuse(shown);
                }
                tracing::warn!(%vendor, refused = self.with_clock(error).reason(), "a new secret does not log in; still using the old one");
                false
            }
        }
    }

    /// By how many seconds this machine's clock was ahead of the vendor's at the last answer;
    /// `None` if it was right or nobody has told.
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.inner.clock.get().filter(|ahead| ahead.abs() >= CLOCK_TOLERANCE_SECONDS)
    }

    /// A login that a wrong clock may be the cause of says so.
    fn with_clock(&self, mut error: CalloutError) -> CalloutError {
        if let (CalloutErrorKind::AuthFailed { message }, Some(ahead)) =
            (&mut error.kind, self.clock_ahead_seconds())
        {
            *message = format!("{message}; {}", clock_in_words(ahead, error.vendor.name()));
        }
        error
    }
}

/// What a clock that is off is called.
pub fn clock_in_words(ahead_seconds: i64, vendor: &str) -> String {
    let seconds = ahead_seconds.unsigned_abs();
    let time = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    let way = if ahead_seconds > 0 { "ahead of" } else { "behind" };
    format!("the clock of this machine is {time} {way} {vendor}'s; correct it")
}

/// The budget of a login that no sync waits for.
pub fn login_budget() -> Budget {
    Budget::new(Duration::from_mins(1), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_difference_is_shown_in_words() {
        assert_eq!(
            clock_in_words(45, "m3ter"),
            "the clock of this machine is 45 s ahead of m3ter's; correct it"
        );
        assert_eq!(
            clock_in_words(-430, "Salesforce"),
            "the clock of this machine is 7 min behind Salesforce's; correct it"
        );
    }
}
