//! The bearer token of one vendor: fetched once for all who need it, kept until it ends.

use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

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

/// Holds the token; whoever finds none fetches it while the others wait.
#[derive(Debug, Default)]
pub struct TokenCache(Mutex<Option<Token>>);

impl TokenCache {
    /// The token, from `fetch` if there is none that is still good.
    pub async fn fetch_or<E, F: Future<Output = Result<Token, E>>>(&self, fetch: impl FnOnce() -> F) -> Result<Token, E> {
        let mut cached = self.0.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.renew_at.is_none_or(|at| at > Instant::now())) {
            return Ok(token.clone());
        }
        let token = fetch().await?;
        *cached = Some(token.clone());
        Ok(token)
    }

    /// Drops a token that the vendor refused, unless another one has taken its place already.
    pub async fn drop_refused(&self, refused: &Token) {
        let mut cached = self.0.lock().await;
        if cached.as_ref().is_some_and(|token| token.header == refused.header) {
            *cached = None;
        }
    }
}
