//! The bearer token of one vendor: fetched once for all who need it, kept until it ends.
//!
//! What a login is refused for is kept for a moment as well: many syncs with wrong credentials ask
//! once, not once each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::CalloutError;

/// How long nobody asks again after credentials, or the session that they gave, were refused: long
/// enough that a vendor does not count it as an attack, short enough that whoever corrects them
/// need not wait.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// A token that a vendor issued.
#[derive(Clone)]
pub struct Token {
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    /// When it is replaced, a margin before its end; `None` where the vendor names no end.
    pub renew_at: Option<Instant>,
    /// What else the login answered: Salesforce's instance and user.
    pub instance_url: Option<url::Url>,
    /// The org that the token belongs to.
    pub organization_id: Option<String>,
    /// The user that the token stands for.
    pub user_id: Option<String>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

impl Token {
    /// The header value of a bearer token; `None` when it has characters that no header may have.
    pub fn bearer(access_token: &str) -> Option<HeaderValue> {
        let mut header = HeaderValue::from_str(&format!("Bearer {access_token}")).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// Holds the token. The first task that finds none fetches it while the others wait.
#[derive(Debug, Default)]
pub struct TokenCache {
    held: Mutex<Held>,
    /// Callouts are carried out with the present credentials.
    works: AtomicBool,
    /// The last login was refused.
    is_refused: AtomicBool,
    /// They are again, or for the first time, since somebody last asked.
    has_begun_to_work: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    refused: Option<Refused>,
}

/// What was refused a moment ago.
#[derive(Debug)]
struct Refused {
    until: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The login.
    Login(CalloutError),
    /// The present token, although it was new.
    NewToken,
    /// The place that the present token leads to, although it was new.
    NewPlace,
}

impl TokenCache {
    /// The token, from `fetch` if there is none that is still good. A login that was refused a
    /// moment ago is not made again.
    pub async fn fetch_or<F>(&self, fetch: impl FnOnce() -> F) -> Result<Token, CalloutError>
    where
        F: Future<Output = Result<Token, CalloutError>>,
    {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(token) =
            held.token.as_ref().filter(|token| token.renew_at.is_none_or(|at| at > now))
        {
            return Ok(token.clone());
        }
        if let Some(Refused { until, what: What::Login(error) }) = &held.refused
            && *until > now
        {
            return Err(error.clone());
        }
        match fetch().await {
            Ok(token) => {
                *held = Held { token: Some(token.clone()), refused: None };
                self.is_refused.store(false, Ordering::Relaxed);
                self.worked();
                Ok(token)
            }
            Err(error) => {
                if error.is_auth_failed() {
                    self.works.store(false, Ordering::Relaxed);
                    self.is_refused.store(true, Ordering::Relaxed);
                    held.refused = Some(Refused {
                        until: Instant::now() + REFUSED_FOR,
                        what: What::Login(error.clone()),
                    });
                }
                Err(error)
            }
        }
    }

    /// Puts a token in the place of one that still serves.
    pub async fn replace(&self, token: Token) {
        *self.held.lock().await = Held { token: Some(token), refused: None };
        self.is_refused.store(false, Ordering::Relaxed);
        self.worked();
    }

    /// Drops a token that the vendor refused, or that leads nowhere, unless another one has taken
    /// its place already. Says whether there is any use in another one: not if the same was said of
    /// this one a moment ago, although it was new.
    pub async fn drop_refused(&self, refused: &Token, is_auth_failed: bool) -> bool {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|token| token.header == refused.header) {
            if let Some(Refused { until, what }) = &held.refused
                && *until > Instant::now()
                && matches!(what, What::NewToken) == is_auth_failed
            {
                return false;
            }
            held.token = None;
        }
        true
    }

    /// Notes that a token was refused that had just replaced another one.
    pub async fn refused_although_new(&self, token: &Token, is_auth_failed: bool) {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|held| held.header == token.header) {
            let what = if is_auth_failed { What::NewToken } else { What::NewPlace };
            held.refused = Some(Refused { until: Instant::now() + REFUSED_FOR, what });
        }
        if is_auth_failed {
            self.works.store(false, Ordering::Relaxed);
        }
    }

    /// Notes that a login or a callout was carried out.
    pub fn worked(&self) {
        if !self.works.swap(true, Ordering::Relaxed) {
            self.has_begun_to_work.store(true, Ordering::Relaxed);
        }
    }

    /// Whether logins and callouts are carried out with the present credentials.
    pub fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    /// Whether the last login was refused.
    pub fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// Whether they are again, or for the first time, since this was last asked.
    pub fn has_begun_to_work(&self) -> bool {
        self.has_begun_to_work.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::error::{CalloutErrorKind, Vendor};
    use super::*;

    fn refusal() -> CalloutError {
        let kind = CalloutErrorKind::AuthFailed { message: "no".to_owned() };
        CalloutError {
            vendor: Vendor::M3ter,
            operation: "Token",
            attempts: 1,
            elapsed: Duration::ZERO,
            kind,
        }
    }

    fn token() -> Token {
        let header = Token::bearer("x").unwrap();
        Token { header, renew_at: None, instance_url: None, organization_id: None, user_id: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_was_refused_is_asked_for_again_after_some_seconds_only() {
        let (cache, logins) = (TokenCache::default(), AtomicU32::new(0));
        let log_in = || async {
            logins.fetch_add(1, Ordering::Relaxed);
            Err(refusal())
        };
        for _ in 0..60 {
            assert!(cache.fetch_or(log_in).await.is_err());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(logins.load(Ordering::Relaxed), 6, "logins in a minute");
        assert!(!cache.has_begun_to_work() && cache.is_refused());
        tokio::time::advance(REFUSED_FOR).await;
        assert!(cache.fetch_or(|| async { Ok(token()) }).await.is_ok());
        assert!(
            cache.has_begun_to_work()
                && !cache.has_begun_to_work()
                && cache.works()
                && !cache.is_refused()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_new_token_is_not_replaced_for_some_seconds() {
        let cache = TokenCache::default();
        let token = cache.fetch_or(|| async { Ok(token()) }).await.unwrap();
        cache.refused_although_new(&token, true).await;
        assert!(!cache.drop_refused(&token, true).await);
        tokio::time::advance(REFUSED_FOR).await;
        assert!(cache.drop_refused(&token, true).await);
    }
}
