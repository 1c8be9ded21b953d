//! Authentication in front of all endpoints: who asks, may they, and not too often; and a body that is
//! small and comes in time.
//!
//! An operation that [`needed`] does not name takes an operator: a new endpoint is closed until it
//! is put there.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use super::fault::{Fault, RETRY_AFTER_SECONDS};
use super::forwarded::{client_address, network};
use super::pages::is_of_console;
use super::permit::forbidden;
use super::server::{NoPlace, Peer};
use super::{local, log_fields};
use crate::callers::{Access, Caller, Callers, Permission, Reason, Refusal, Rejected};
use crate::domain::ids::SalesforceId;

/// A Flow over 200 records asks 200 times at once. Who may ask more often in a second than that may
/// do so at once as well.
const BURST: u32 = 200;
/// Wrong keys from one address: enough for a person who looks for the right one.
const MAX_WRONG_KEYS_PER_MINUTE: u32 = 10;
/// Addresses that are remembered before those that did nothing wrong lately are forgotten.
const REMEMBERED: usize = 10_000;
/// A request with 200 ids has 10 KiB; nothing that is larger means anything here.
pub(super) const MAX_BODY_BYTES: usize = 256 * 1024;
/// A body of 256 KiB takes no longer on the slowest line that a backend has.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How much of a refused body is taken in, and for how long, before the answer.
const DRAINED_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// Who may come in; a clone is another handle.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    access: Access,
    /// By the limit, then by the name: each number of requests that some key may make has a
    /// limiter.
    by_caller: Mutex<HashMap<u32, Arc<DefaultKeyedRateLimiter<Arc<str>>>>>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
}

impl Auth {
    pub(super) fn new(access: Access) -> Self {
        let by_address = RateLimiter::keyed(per_minute(MAX_WRONG_KEYS_PER_MINUTE));
        Self { inner: Arc::new(Inner { access, by_caller: Mutex::default(), by_address }) }
    }

    /// Who asks: known, or why they are turned away. A right key always counts, whatever came from
    /// its address before: others may share it, and no number of guesses finds 256 random bits.
    fn identify(&self, headers: &HeaderMap, uri: &Uri, client: IpAddr) -> Result<Caller, Fault> {
        let Some(callers) = &self.inner.access.callers else {
            if local::is_local(headers, uri) {
                return Ok(Caller::local());
            }
            let message = "Without API keys, only requests to `localhost` are answered, and none from pages of other sites";
            return Err(turned_away(local::NOT_LOCAL, message));
        };
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (reason, message) = match (values.next(), values.next()) {
            (None, _) => {
                log_fields::set_reason("no_key");
                return Err(unauthorized(
                    "No API key was sent; send it as `Authorization: Bearer` or HTTP Basic",
                ));
            }
            (Some(value), None) => {
                match value.to_str().ok().map(|value| callers.authenticate(value, client)) {
                    Some(Ok(caller)) => return Ok(caller),
                    Some(Err(Rejected::Known(caller, refusal))) => {
                        return Err(self.reject(&caller, &refusal));
                    }
                    Some(Err(Rejected::Unknown)) | None => {
                        (Reason::WrongKey.as_str(), "The API key is not valid")
                    }
                }
            }
            (Some(_), Some(_)) => ("several_keys", "More than one `Authorization` header was sent"),
        };
        log_fields::set_reason(reason);
        let by_address = &self.inner.by_address;
        if by_address.len() > REMEMBERED {
            by_address.retain_recent();
        }
        match counted(by_address, &network(client)) {
            Ok(()) => Err(unauthorized(message)),
            Err(early) => {
                log_fields::set_reason("too_many_guesses");
                Err(too_many(
                    "Too many wrong API keys came from this address",
                    early.wait_time_from(DefaultClock::default().now()),
                ))
            }
        }
    }

    /// Whoever types a key into a form: it counts as one that a request brings along.
    pub(crate) fn sign_in(&self, key: &str, client: IpAddr) -> Result<Caller, Fault> {
        let value = HeaderValue::from_str(&format!("Bearer {}", key.trim()));
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            value.unwrap_or_else(|_| HeaderValue::from_static("Bearer ?")),
        );
        let caller = self.identify(&headers, &Uri::default(), client)?;
        log_fields::set_caller(&caller);
        self.count(&caller)?;
        caller.may(Permission::ReadRuns).map_err(|refusal| forbidden(&refusal))?;
        self.note_use(&caller);
        Ok(caller)
    }

    /// Whoever came in with a key before, if the key still lets them in; `None` if it does not.
    pub(crate) fn readmit(&self, key: &str, name: &str, client: IpAddr) -> Option<Caller> {
        let callers = self.inner.access.callers.as_ref()?;
        match callers.readmit(key, name, client) {
            Ok(caller) => Some(caller),
            Err(Rejected::Known(_, refusal)) => {
                log_fields::set_rejected(refusal.reason.as_str());
                None
            }
            Err(Rejected::Unknown) => None,
        }
    }

    /// Whether callers have keys.
    pub(crate) fn has_keys(&self) -> bool {
        self.inner.access.callers.is_some()
    }

    /// The keys, where callers have any.
    pub(crate) fn keys(&self) -> Option<&Callers> {
        self.inner.access.callers.as_ref()
    }

    /// Notes that a key was used.
    pub(crate) fn note_use(&self, caller: &Caller) {
        if let Some(callers) = &self.inner.access.callers {
            callers.note_use(caller);
        }
    }

    /// A person's browser, which shows no key: without keys, whoever is at home; else nobody who is
    /// known yet.
    fn welcome(&self, headers: &HeaderMap, uri: &Uri) -> Result<Option<Caller>, Fault> {
        if self.has_keys() {
            return Ok(None);
        }
        self.identify(headers, uri, IpAddr::V6(Ipv6Addr::LOCALHOST)).map(Some)
    }

    fn admit(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        client: IpAddr,
        permission: Permission,
    ) -> Result<Caller, Fault> {
        let caller = self.identify(headers, uri, client)?;
        log_fields::set_caller(&caller);
        self.count(&caller)?;
        if self.inner.access.callers.is_some() && local::is_of_another_site(headers) {
            return Err(turned_away(local::OTHER_SITE, "A page of another site sent this request"));
        }
        caller.may(permission).map_err(|refusal| forbidden(&refusal))?;
        self.note_use(&caller);
        Ok(caller)
    }

    /// Without keys, everybody on this machine is an operator, and a proxy there would make one of
    /// everybody.
    fn check_proxy(&self, headers: &HeaderMap, uri: &Uri, version: Version) -> Result<(), Fault> {
        match local::proxy_of(headers, uri, version) {
            Some(sign) if self.inner.access.callers.is_none() => {
                let message = format!(
                    "Without API keys, requests through a proxy are refused, and this one has {sign}: set `API_KEYS_FILE`"
                );
                Err(turned_away(local::PROXIED, message))
            }
            _ => Ok(()),
        }
    }

    /// Whoever asks what takes no key, if they are known all the same. A key that does not count
    /// is noted: they are answered as if they had shown none.
    fn known(&self, headers: &HeaderMap, uri: &Uri, client: IpAddr) -> Option<Caller> {
        let Some(callers) = &self.inner.access.callers else {
            return local::is_local(headers, uri).then(Caller::local);
        };
        let value = headers.get(header::AUTHORIZATION)?;
        match value.to_str().ok().map(|value| callers.authenticate(value, client)) {
            Some(Ok(caller)) => return Some(caller),
            Some(Err(Rejected::Known(_, refusal))) => {
                log_fields::set_rejected(refusal.reason.as_str());
            }
            Some(Err(Rejected::Unknown)) | None => {
                log_fields::set_rejected(Reason::WrongKey.as_str());
            }
        }
        None
    }

    /// Turns away a key that is not valid now, or not from there. It counts toward the
    /// key's limit: its log lines have a bound.
    fn reject(&self, caller: &Caller, refusal: &Refusal) -> Fault {
        log_fields::set_caller(caller);
        if let Err(fault) = self.count(caller) {
            return fault;
        }
        if refusal.reason == Reason::Address {
            return forbidden(refusal);
        }
        log_fields::set_reason(refusal.reason.as_str());
        unauthorized(&refusal.message)
    }

    /// Counts a request toward the limit of its key, or of all keys that have none of their own.
    fn count(&self, caller: &Caller) -> Result<(), Fault> {
        let limit =
            caller.limits.requests_per_minute.unwrap_or(self.inner.access.requests_per_minute);
        let limiter = Arc::clone(
            lock(&self.inner.by_caller).entry(limit).or_insert_with(|| Arc::new(per_caller(limit))),
        );
        counted(&limiter, &caller.name).map_err(|early| {
            log_fields::set_reason(Reason::Limit.as_str());
            let message = format!("`{}` sent more than {limit} requests in a minute", caller.name);
            too_many(&message, early.wait_time_from(DefaultClock::default().now()))
        })
    }
}

fn per_minute(requests: u32) -> Quota {
    Quota::per_minute(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN))
}

fn per_caller(requests: u32) -> DefaultKeyedRateLimiter<Arc<str>> {
    let at_once = requests.min(BURST.max(requests / 60));
    RateLimiter::keyed(
        per_minute(requests).allow_burst(NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN)),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a request of a key. The clock is read before the count: a task that was suspended in
/// between, by a busy machine or a stop of the process, judges by a time long past. So a refusal
/// counts only if it is repeated with the time of now.
fn counted<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), NotUntil<<DefaultClock as Clock>::Instant>> {
    limiter.check_key(key).or_else(|_| limiter.check_key(key))
}

/// What a request takes; `None`: nothing, not even a key.
fn needed(method: &Method, path: Option<&str>) -> Option<Permission> {
    Some(match (method, path) {
        (&Method::GET | &Method::HEAD, Some("/livez" | "/readyz" | "/openapi.yaml")) => {
            return None;
        }
        (
            &Method::POST,
            Some(
                "/sync-to-m3ter"
                | "/sync-to-m3ter/"
                | "/sync-to-m3ter/{parentRecordId}"
                | "/sync-runs",
            ),
        ) => Permission::Sync,
        (&Method::POST, Some("/end-date-billing-entities" | "/sync-runs/end-date")) => {
            Permission::EndDate
        }
        (
            &Method::GET | &Method::HEAD,
            Some(
                "/sync-runs"
                | "/changes"
                | "/links"
                | "/verifications"
                | "/verifications/{verificationId}"
                | "/verifications/{verificationId}/records"
                | "/verifications/{verificationId}/backfill",
            ),
        ) => Permission::ReadRuns,
        (&Method::GET | &Method::HEAD, Some("/sync-runs/{syncRunId}")) => Permission::ReadRun,
        (_, Some(_)) => Permission::Operate,
        (_, None) => Permission::Known,
    })
}

/// The address that a request came from, as far as the proxies in front are trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// Lets a request through, or answers it.
pub(super) async fn pass(State(auth): State<Auth>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    let client = client_address(peer, request.headers(), &auth.inner.access.trusted_proxies);
    log_fields::set_client(client);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let (headers, uri) = (request.headers(), request.uri());
    let permission = needed(request.method(), path.as_ref().map(MatchedPath::as_str));
    let is_for_people = path.as_ref().is_some_and(|path| is_of_console(path.as_str()));
    let has_place = request.extensions().get::<NoPlace>().map_or(Ok(()), |NoPlace| Err(no_place()));
    let admitted = has_place
        .and_then(|()| auth.check_proxy(headers, uri, request.version()))
        .and_then(|()| match permission {
            // The console asks who it is by itself.
            _ if is_for_people => auth.welcome(headers, uri),
            // A caller with a valid key is told more.
            None => Ok(auth.known(headers, uri, client)),
            Some(permission) => auth.admit(headers, uri, client, permission).map(Some),
        });
    match admitted {
        Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
        Ok(None) => {}
        Err(fault) => {
            // What was refused is told too, as far as the path says it.
            if let Some(Ok(record)) =
                request.uri().path().strip_prefix("/sync-to-m3ter/").map(SalesforceId::parse)
            {
                log_fields::set_record(&record);
            }
            let waits = request.headers().contains_key(header::EXPECT);
            drain(request.into_body().into_data_stream(), waits).await;
            return fault.into_response();
        }
    }
    if is_for_people {
        request.extensions_mut().insert(auth);
        request.extensions_mut().insert(Client(client));
    } else if permission.is_none() {
        return next.run(request).await;
    }
    match with_body(request).await {
        Ok(request) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

/// The request with its whole body in memory: of bounded size, in bounded time.
async fn with_body(request: Request) -> Result<Request, Fault> {
    let (parts, body) = request.into_parts();
    let is_announced_too_large = body.size_hint().lower() > MAX_BODY_BYTES as u64;
    let waits = parts.headers.contains_key(header::EXPECT);
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    let reading = async {
        // What is announced as too large is not waited for.
        while !is_announced_too_large && let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| {
                Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "The body could not be read")
            })?;
            if bytes.len() + chunk.len() > MAX_BODY_BYTES {
                return Ok::<_, Fault>(Fit::TooLarge);
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
            let message = format!("The body is larger than {} KiB", MAX_BODY_BYTES / 1024);
            Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message))
        }
    }
}

enum Fit {
    Whole,
    TooLarge,
}

/// Takes in a little of a body that is of no interest: a peer that still sends when the connection
/// closes never sees its answer. One that waits for `100 Continue` sends nothing yet.
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

/// What is told to a browser or a proxy that has no business here.
fn turned_away(reason: &'static str, message: impl Into<String>) -> Fault {
    log_fields::set_reason(reason);
    Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
}

/// The answer to a caller that came when all connections were taken.
fn no_place() -> Fault {
    log_fields::set_reason("no_place");
    let message = "The service has no free connections; try again";
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_CONNECTIONS", message)
        .retry_after(RETRY_AFTER_SECONDS)
}

fn unauthorized(message: &str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message.to_owned()).challenge()
}

fn too_many(message: &str, wait: Duration) -> Fault {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Fault::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TOO_MANY_REQUESTS",
        format!("{message}; try again in {seconds} s"),
    )
    .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_is_not_listed_needs_an_operator() {
        for (method, path, permission) in [
            (Method::GET, Some("/livez"), None),
            (Method::POST, Some("/livez"), Some(Permission::Operate)),
            (Method::POST, Some("/sync-to-m3ter"), Some(Permission::Sync)),
            (Method::DELETE, Some("/sync-to-m3ter"), Some(Permission::Operate)),
            (Method::GET, Some("/sync-runs"), Some(Permission::ReadRuns)),
            (Method::GET, Some("/changes"), Some(Permission::ReadRuns)),
            (Method::GET, Some("/verifications/{verificationId}"), Some(Permission::ReadRuns)),
            (Method::POST, Some("/verifications"), Some(Permission::Operate)),
            (
                Method::GET,
                Some("/verifications/{verificationId}/backfill"),
                Some(Permission::ReadRuns),
            ),
            (
                Method::POST,
                Some("/verifications/{verificationId}/backfill"),
                Some(Permission::Operate),
            ),
            (Method::POST, Some("/changes/erase"), Some(Permission::Operate)),
            (Method::POST, Some("/end-date-billing-entities"), Some(Permission::EndDate)),
            (Method::POST, Some("/sync-runs/{syncRunId}/replay"), Some(Permission::Operate)),
            (Method::GET, Some("/of-tomorrow"), Some(Permission::Operate)),
            (Method::GET, None, Some(Permission::Known)),
        ] {
            assert_eq!(needed(&method, path), permission, "{method} {path:?}");
        }
    }
}
