//! Outbound HTTP, in one place: budget, retries, rate limit, token, and what an error means for the
//! far side.
//!
//! A vendor's client holds one [`Transport`] and sends [`Call`]s through it. Every failure says
//! first whether it can have had an effect. Nothing here knows what a call is about.

mod allowance;
mod answer;
mod budget;
mod call;
mod clock;
mod credentials;
mod error;
mod journal;
mod lease;
mod limiter;
mod queue;
mod recording;
mod retry;
mod send;
mod token;
mod turn;
mod window;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};

pub use answer::{ErrorReader, Unwrap, meaning, read_body};
pub use budget::Budget;
pub use call::{Answer, Call, Repeatable};
pub use credentials::{clock_in_words, login_budget};
pub use error::{CalloutError, CalloutErrorKind, Effect, Meaning, Refusal, Spent, Vendor};
pub use journal::{Callout, Journal, Setback};
pub use lease::Lease;
pub use limiter::{Limiter, LimiterGauges, Need};
pub use recording::{ReadAnswer, Recording};
pub use retry::retry_after;
pub use token::{Token, TokenCache};
pub use turn::{Class, Turn, Urgency};

/// A connection is there or not well within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
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

impl Transport {
    /// A way to `vendor`; `errors` reads the vendor's error bodies. `base_url` decides whether TLS
    /// must be set up.
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
            .pool_max_idle_per_host(limiter::CONCURRENT_CALLOUTS)
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
