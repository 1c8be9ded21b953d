//! Outbound HTTP, in one place: budget, retries, rate limit, token, and what an error means for the
//! far side.
//!
//! A vendor's client holds one [`Transport`] and sends [`Call`]s through it. Every failure says
//! first whether it can have had an effect. Nothing here knows what a call is about.

mod allowance;
mod answer;
mod budget;
mod clock;
mod credentials;
mod error;
mod journal;
mod lease;
mod limiter;
mod queue;
mod retry;
mod send;
mod token;
mod turn;
mod window;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value as Json;

pub use answer::{meaning, read_body};
pub use budget::{Budget, Spent};
pub use credentials::{clock_in_words, login_budget};
pub use error::{CalloutError, CalloutErrorKind, Effect, Meaning, Refusal, Vendor};
pub use journal::{Callout, Journal};
pub use lease::Lease;
pub use limiter::{Limiter, Need, Standing};
pub use retry::retry_after;
pub use send::{Answer, Call, Repeatable};
pub use token::{Token, TokenCache};
pub use turn::{Class, Turn, Urgency};

/// A connection is there or not well within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt; m3ter's own SDKs wait 60 s, but a sync has 100 s for everything.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Callouts under way to one vendor: the Commitment and the Pricings and AccountPlans of a deal of
/// 20 lines go out together, and m3ter takes 50 requests a second, so more would only wait. One
/// beyond waits without a place of the limiter.
const CONCURRENT_CALLOUTS: usize = 64;
/// The largest answer that is read: far above a page of 200 objects, far below what memory holds.
const LARGEST_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// The way to one vendor.
#[derive(Debug, Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    vendor: Vendor,
    http: reqwest::Client,
    limiter: Limiter,
    retries: retry::Retries,
    token: TokenCache,
    clock: clock::Clock,
    errors: ErrorReader,
}

/// Whether an address is this machine's own.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// How a vendor's client reads an error answer: what it says, and what it means. A body that cannot
/// be read is `null`.
pub type ErrorReader = fn(status: u16, body: &Json) -> Refusal;
/// What a vendor's client finds in an answer of success: another one within it, perhaps of an
/// error.
pub type Unwrap = fn(body: Json) -> Result<Json, CalloutErrorKind>;

impl Transport {
    /// A way to `vendor`; `errors` reads the vendor's error bodies. `base_url` decides whether TLS
    /// has to be set up.
    pub fn new(
        vendor: Vendor,
        base_url: &url::Url,
        limiter: Limiter,
        errors: ErrorReader,
    ) -> Result<Self, reqwest::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sync-to-m3ter/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(CONCURRENT_CALLOUTS)
            .tcp_nodelay(true);
        if is_loopback(base_url) {
            // No proxy of the environment stands between this machine and itself, or gets what is
            // meant for it.
            builder = builder.no_proxy();
        }
        if base_url.scheme() == "http" {
            // Plain HTTP goes to loopback only (the configuration refuses it elsewhere): the root
            // certificates need not be loaded.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                vendor,
                http: builder.build()?,
                limiter,
                retries: retry::Retries::default(),
                token: TokenCache::default(),
                clock: clock::Clock::default(),
                errors,
            }),
        })
    }

    /// The vendor's request limit, as far as this process may use it.
    pub fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    /// The HTTP client, to build requests with.
    pub fn http(&self) -> &reqwest::Client {
        &self.inner.http
    }
}
