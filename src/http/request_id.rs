//! Each request has an id: the caller's, if it is short and plain, else one of ours. It stands in the answer and in the log.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use super::fault::PendingFault;

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
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(fault) = response.extensions_mut().remove::<PendingFault>() {
        response = fault.write(response, &id, as_problem);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(%method, path, status, elapsed_ms = started.elapsed().as_millis(), "a request ended"));
    response
}
