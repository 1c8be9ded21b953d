//! Each request has an id: the caller's, if it is short and plain, else one of ours. It stands in the answer and in the log.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, field};
use uuid::Uuid;

use super::fault::PendingFault;
use super::notes;
use crate::telemetry::metrics;
use crate::telemetry::trace::{self, TraceContext};

const HEADER: &str = "x-request-id";
const LONGEST: usize = 64;

pub(super) async fn with_request_id(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let is_plain =
        |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let id = given.filter(is_plain).map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned);
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let as_problem = accepted.contains("application/problem+json");
    let method = request.method().clone();
    let operation =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| format!("{method} {}", path.as_str()));
    let span = tracing::info_span!(
        "request", request_id = %id, trace_id = field::Empty, otel.kind = trace::for_export(|| "server"),
        otel.name = trace::for_export(|| operation.clone()), otel.status_code = field::Empty, http.response.status_code = field::Empty
    );
    let trace = trace::begin(&span, TraceContext::from_headers(request.headers()).as_ref());
    let (mut response, notes) = notes::collect(trace.within(next.run(request))).instrument(span.clone()).await;
    if let Some(fault) = response.extensions_mut().remove::<PendingFault>() {
        response = fault.write(response, &id, as_problem);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let status = response.status().as_u16();
    if let Some(status) = trace::for_export(|| status) {
        span.record("http.response.status_code", status);
    }
    if response.status().is_server_error() {
        trace::failed(&span);
    }
    metrics::request_ended(&operation, status, started.elapsed());
    let client = notes.client.map(|address| address.to_string()).unwrap_or_default();
    let (caller, role) = (notes.caller_name(), notes.role());
    let (record, run) = (notes.record.as_deref().unwrap_or_default(), notes.run.as_deref().unwrap_or_default());
    span.in_scope(|| {
        // Who asked for what. Health checks and the document are nobody's, and there are many of them.
        if notes.caller.is_some() || status == StatusCode::UNAUTHORIZED.as_u16() {
            tracing::info!(target: "audit", caller, role, client, operation, parent_record_id = record, sync_run_id = run, status, "asked");
        }
        let elapsed_ms = started.elapsed().as_millis();
        // The route, not the path: whatever somebody writes there is not for the log. Of the questions how the service is, which come
        // every few seconds, only those are told that it cannot say yes to.
        if status == StatusCode::OK.as_u16() && matches!(operation.as_str(), "GET /livez" | "GET /readyz") {
            tracing::debug!(operation, status, elapsed_ms, "a request ended");
        } else {
            tracing::info!(operation, status, elapsed_ms, caller, parent_record_id = record, sync_run_id = run, "a request ended");
        }
    });
    response
}
