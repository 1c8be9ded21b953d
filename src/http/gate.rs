//! The gate in front of all endpoints: who asks, may they, and not too often; and a body that is small and comes in time.
//!
//! An operation that [`needed`] does not name takes an operator: a new endpoint is closed until it is put there.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use super::fault::Fault;
use super::forwarded::client_address;
use super::notes;
use super::server::Peer;
use crate::callers::{Access, Caller, Permission, Role};
use crate::domain::ids::SalesforceId;

/// A Flow over 200 records asks 200 times at once. Who may ask more often in a second than that may do so at once as well.
const BURST: u32 = 200;
/// Wrong keys from one address: enough for a person who looks for the right one.
const GUESSES_PER_MINUTE: u32 = 10;
/// Addresses that are remembered before those that did nothing wrong lately are forgotten.
const REMEMBERED: usize = 10_000;
/// A body of 256 KiB takes no longer on the slowest line that a backend has.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How much of a refused body is taken in, and for how long, before the answer.
const DRAINED_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// The gate; a clone is another handle.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    access: Access,
    by_caller: DefaultKeyedRateLimiter<Arc<str>>,
    by_guesser: DefaultKeyedRateLimiter<IpAddr>,
}

impl Gate {
    pub(super) fn new(access: Access) -> Self {
        let per_minute = |number: u32| Quota::per_minute(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        let at_once = access.requests_per_minute.min(BURST.max(access.requests_per_minute / 60));
        let burst = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
        let by_caller = RateLimiter::keyed(per_minute(access.requests_per_minute).allow_burst(burst));
        let by_guesser = RateLimiter::keyed(per_minute(GUESSES_PER_MINUTE));
        Self { inner: Arc::new(Inner { access, by_caller, by_guesser }) }
    }

    /// Who asks: known, or why they are turned away. A right key always counts, whatever came from its address before: others may
    /// share it, and no number of guesses finds 256 random bits.
    fn identify(&self, headers: &HeaderMap, client: IpAddr) -> Result<Caller, Fault> {
        let Some(callers) = &self.inner.access.callers else {
            return local_caller(headers);
        };
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let message = match (values.next(), values.next()) {
            (None, _) => return Err(unauthorized("No API key was sent; send it as `Authorization: Bearer` or HTTP Basic")),
            (Some(value), None) => match value.to_str().ok().and_then(|value| callers.authenticate(value)) {
                Some(caller) => return Ok(caller),
                None => "The API key is not valid",
            },
            (Some(_), Some(_)) => "More than one `Authorization` header was sent",
        };
        let guessers = &self.inner.by_guesser;
        if guessers.len() > REMEMBERED {
            guessers.retain_recent();
        }
        match counted(guessers, &network(client)) {
            Ok(()) => Err(unauthorized(message)),
            Err(early) => {
                Err(too_many("Too many wrong API keys came from this address", early.wait_time_from(DefaultClock::default().now())))
            }
        }
    }

    fn admit(&self, headers: &HeaderMap, client: IpAddr, permission: Permission) -> Result<Caller, Fault> {
        let caller = self.identify(headers, client)?;
        notes::set_caller(&caller);
        if let Err(early) = counted(&self.inner.by_caller, &caller.name) {
            let message = format!("`{}` asks more often than {} times a minute", caller.name, self.inner.access.requests_per_minute);
            return Err(too_many(&message, early.wait_time_from(DefaultClock::default().now())));
        }
        if !caller.role.may(permission) {
            let message = format!("The API key `{}` has the role `{}`, which does not cover this", caller.name, caller.role);
            return Err(Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
        }
        Ok(caller)
    }
}

/// Counts a request of a key. The clock is read before the count: whoever was kept from running in between, by a busy machine or a stop of
/// the process, judges by a time long past. So a refusal counts only if it is repeated with the time of now.
fn counted<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), NotUntil<<DefaultClock as Clock>::Instant>> {
    limiter.check_key(key).or_else(|_| limiter.check_key(key))
}

/// What a request takes; `None`: nothing, not even a key.
fn needed(method: &Method, path: Option<&str>) -> Option<Permission> {
    Some(match (method, path) {
        (&Method::GET | &Method::HEAD, Some("/livez" | "/readyz" | "/openapi.yaml")) => return None,
        (&Method::POST, Some("/sync-to-m3ter" | "/sync-to-m3ter/" | "/sync-to-m3ter/{parentRecordId}")) => Permission::Sync,
        (&Method::GET | &Method::HEAD, Some("/sync-runs")) => Permission::ReadRuns,
        (&Method::GET | &Method::HEAD, Some("/sync-runs/{syncRunId}")) => Permission::ReadRun,
        (_, Some(_)) => Permission::Operate,
        (_, None) => Permission::Known,
    })
}

/// Lets a request through, or answers it.
pub(super) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    let client = client_address(peer, request.headers(), &gate.inner.access.trusted_proxies);
    notes::set_client(client);
    let path = request.extensions().get::<MatchedPath>().cloned();
    match needed(request.method(), path.as_ref().map(MatchedPath::as_str)) {
        // Whoever shows a good key hears more.
        None => {
            if let (Some(callers), Some(value)) = (&gate.inner.access.callers, request.headers().get(header::AUTHORIZATION))
                && let Some(caller) = value.to_str().ok().and_then(|value| callers.authenticate(value))
            {
                request.extensions_mut().insert(caller);
            } else if gate.inner.access.callers.is_none() {
                request.extensions_mut().insert(local());
            }
            return next.run(request).await;
        }
        Some(permission) => match gate.admit(request.headers(), client, permission) {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(fault) => {
                // What was refused is told too, as far as the path says it.
                if let Some(Ok(record)) = request.uri().path().strip_prefix("/sync-to-m3ter/").map(SalesforceId::parse) {
                    notes::set_record(&record);
                }
                let waits = request.headers().contains_key(header::EXPECT);
                drain(request.into_body().into_data_stream(), waits).await;
                return fault.into_response();
            }
        },
    };
    match with_body(request).await {
        Ok(request) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

/// The request with its whole body in memory: of bounded size, in bounded time.
async fn with_body(request: Request) -> Result<Request, Fault> {
    let (parts, body) = request.into_parts();
    let is_announced_too_large = body.size_hint().lower() > super::LARGEST_BODY_BYTES as u64;
    let waits = parts.headers.contains_key(header::EXPECT);
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    let reading = async {
        // What is announced as too large is not waited for.
        while !is_announced_too_large && let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "The body could not be read"))?;
            if bytes.len() + chunk.len() > super::LARGEST_BODY_BYTES {
                return Ok(Fit::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(if is_announced_too_large { Fit::TooLarge } else { Fit::Whole })
    };
    let fit = tokio::time::timeout(BODY_TIME, reading).await.map_err(|_| {
        let message = format!("The body did not arrive within {} s", BODY_TIME.as_secs());
        Fault::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", message)
    })??;
    match fit {
        Fit::Whole => Ok(Request::from_parts(parts, Body::from(bytes))),
        Fit::TooLarge => {
            drain(chunks, waits).await;
            let message = format!("The body is larger than {} KiB", super::LARGEST_BODY_BYTES / 1024);
            Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message))
        }
    }
}

enum Fit {
    Whole,
    TooLarge,
}

/// Takes in a little of a body that is of no interest: a peer that still sends when the connection closes never sees its answer.
/// One that waits for `100 Continue` sends nothing yet.
async fn drain(mut chunks: BodyDataStream, waits: bool) {
    let draining = async {
        let mut taken = 0;
        while taken < DRAINED_BYTES
            && let Some(Ok(chunk)) = chunks.next().await
        {
            taken += chunk.len();
        }
    };
    if !waits {
        let _ = tokio::time::timeout(DRAIN_TIME, draining).await;
    }
}

/// Whoever asks over loopback is at home, unless it is a page in a browser there: one of another site, or one that reached loopback
/// under a name of its own.
fn local_caller(headers: &HeaderMap) -> Result<Caller, Fault> {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).is_none_or(is_loopback_authority);
    let origin = text(header::ORIGIN)
        .is_none_or(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(is_loopback_authority));
    if host && origin {
        return Ok(local());
    }
    let message = "Without API keys, only requests to `localhost` are answered, and none from the pages of other sites";
    Err(Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message))
}

fn local() -> Caller {
    Caller { name: "local".into(), role: Role::Operator }
}

/// `localhost:8080`, `127.0.0.1`, `[::1]:8080`.
fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One customer of a provider has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

fn unauthorized(message: &'static str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message).challenge()
}

fn too_many(message: &str, wait: Duration) -> Fault {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Fault::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", format!("{message}; try again in {seconds} s")).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_takes_an_operator() {
        for (method, path, permission) in [
            (Method::GET, Some("/livez"), None),
            (Method::POST, Some("/livez"), Some(Permission::Operate)),
            (Method::POST, Some("/sync-to-m3ter"), Some(Permission::Sync)),
            (Method::DELETE, Some("/sync-to-m3ter"), Some(Permission::Operate)),
            (Method::GET, Some("/sync-runs"), Some(Permission::ReadRuns)),
            (Method::POST, Some("/sync-runs/{syncRunId}/replay"), Some(Permission::Operate)),
            (Method::GET, Some("/of-tomorrow"), Some(Permission::Operate)),
            (Method::GET, None, Some(Permission::Known)),
        ] {
            assert_eq!(needed(&method, path), permission, "{method} {path:?}");
        }
    }

    #[test]
    fn only_loopback_counts_as_home() {
        for home in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"] {
            assert!(is_loopback_authority(home), "{home}");
        }
        for away in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:80", "0.0.0.0", "127.1"] {
            assert!(!is_loopback_authority(away), "{away}");
        }
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(address("2001:db8::1")), network(address("2001:db8::ffff:1:2")));
        assert_ne!(network(address("2001:db8::1")), network(address("2001:db8:0:1::1")));
        assert_ne!(network(address("192.0.2.1")), network(address("192.0.2.2")));
    }
}
