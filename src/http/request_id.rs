//! Each request has an id: the caller's, if it is short and plain, else one of ours. It stands in
//! the answer and in the log.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, field};
use uuid::Uuid;

use super::fault::PendingFault;
use super::log_fields::{self, LogFields};
use super::pages::{Console, is_of_console};
use super::strangers::Strangers;
use crate::telemetry::metrics;
use crate::telemetry::trace::{self, TraceContext};

const HEADER: &str = "x-request-id";
const MAX_LENGTH: usize = 64;
/// The operation where nothing is.
const NO_ROUTE: &str = "none";

pub(super) async fn with_request_id(
    State((strangers, console)): State<(Strangers, Option<Console>)>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=MAX_LENGTH).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let id = given.filter(is_plain).map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned);
    let console = console.filter(|_| is_of_console(request.uri().path()));
    let accepted = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let as_problem = accepted.contains("application/problem+json");
    let operation = operation(
        request.method(),
        request.extensions().get::<MatchedPath>().map(MatchedPath::as_str),
    );
    let span = tracing::info_span!(
        "request", request_id = %id, trace_id = field::Empty, otel.kind = trace::for_export(|| "server"),
        otel.name = trace::for_export(|| operation.clone()), otel.status_code = field::Empty, http.response.status_code = field::Empty
    );
    let trace = trace::begin(&span, TraceContext::from_headers(request.headers()).as_ref());
    let (mut response, notes) =
        log_fields::collect(trace.within(next.run(request))).instrument(span.clone()).await;
    if let Some(fault) = response.extensions_mut().remove::<PendingFault>() {
        span.in_scope(|| fault.log());
        response = match &console {
            Some(console) => fault.write_page(response, &id, console.fault_page),
            None => fault.write(response, &id, as_problem),
        };
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    guard(response.headers_mut());
    if let Some(console) = console {
        (console.guard)(response.headers_mut());
    }
    let status = response.status().as_u16();
    if let Some(status) = trace::for_export(|| status) {
        span.record("http.response.status_code", status);
    }
    if response.status().is_server_error() {
        trace::failed(&span);
    }
    let elapsed = started.elapsed();
    metrics::request_ended(
        if notes.reason.is_empty() { &operation } else { metrics::REFUSED },
        status,
        elapsed,
    );
    span.in_scope(|| log_request(&strangers, &operation, &notes, response.status(), elapsed));
    response
}

/// The method and the route, never the path: both from lists of our own, as whoever asks may write
/// any method.
fn operation(method: &Method, route: Option<&str>) -> String {
    let Some(route) = route else { return NO_ROUTE.to_owned() };
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let method = known.iter().find(|known| *known == method).map_or("other", Method::as_str);
    format!("{method} {route}")
}

/// Answers hold customers' data: no cache keeps them, and no browser takes them for something else.
pub(super) fn guard(headers: &mut HeaderMap) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// What the log says of a request: a line each of those who are known, and of all others what an
/// address asked in a minute.
fn log_request(
    strangers: &Strangers,
    operation: &str,
    notes: &LogFields,
    status: StatusCode,
    elapsed: Duration,
) {
    let (caller, role, key) = (notes.caller_name(), notes.role(), notes.key());
    let (record, run) =
        (notes.record.as_deref().unwrap_or_default(), notes.run.as_deref().unwrap_or_default());
    let (code, elapsed_ms) = (status.as_u16(), elapsed.as_millis());
    if notes.is_routine && !status.is_server_error() {
        return tracing::debug!(operation, status = code, elapsed_ms, caller, "a request ended");
    }
    if notes.caller.is_none() {
        // The questions how the service is come every few seconds. Only those are told that it
        // cannot say yes to, or that come with a key that does not count.
        let is_routine = status == StatusCode::OK
            && notes.rejected.is_empty()
            && matches!(operation, "GET /livez" | "GET /readyz");
        if !is_routine {
            let outcome = match (notes.reason, notes.rejected) {
                ("", "") if status.is_server_error() => "unavailable",
                ("", "") => "answered",
                ("", rejected) => rejected,
                (reason, _) => reason,
            };
            strangers.note(notes.client.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), outcome);
        }
        return tracing::debug!(operation, status = code, elapsed_ms, "a request ended");
    }
    // Who asked for what.
    let client = notes.client.map(|address| address.to_string()).unwrap_or_default();
    let salesforce_user = notes.salesforce_user.as_deref();
    let (parameters, outcome, reason) =
        (notes.parameters.as_str(), notes.outcome.as_str(), notes.reason);
    tracing::info!(
        target: "audit", caller, role, key, client, operation, parent_record_id = record, sync_run_id = run, salesforce_user, parameters,
        outcome, reason, status = code, "asked"
    );
    tracing::info!(
        operation,
        status = code,
        elapsed_ms,
        caller,
        parent_record_id = record,
        sync_run_id = run,
        "a request ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_in_the_access_log_come_from_a_closed_list() {
        for (method, route, expected) in [
            ("GET", Some("/livez"), "GET /livez"),
            ("DELETE", Some("/sync-runs/{syncRunId}"), "DELETE /sync-runs/{syncRunId}"),
            ("get", Some("/livez"), "other /livez"),
            ("TRACE", Some("/livez"), "other /livez"),
            ("X0001", Some("/livez"), "other /livez"),
            ("X0001", None, "none"),
        ] {
            assert_eq!(operation(&method.parse().unwrap(), route), expected);
        }
    }
}
