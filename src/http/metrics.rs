//! `GET /metrics`, on an address of its own: for Prometheus, which has no key and whom the internet must not reach.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::sync::{Readiness, Syncs};
use crate::telemetry::metrics;

/// What Prometheus calls its text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The one endpoint.
pub fn router(syncs: Syncs) -> Router {
    Router::new().route("/metrics", get(handler)).with_state(syncs)
}

async fn handler(State(syncs): State<Syncs>) -> impl IntoResponse {
    let (held, awaited) = syncs.standing();
    metrics::standing(held, awaited, syncs.readiness().await == Readiness::Ready);
    // While the database is away the last numbers stand, and `ready` is 0.
    if let Ok(open) = syncs.open_runs().await {
        metrics::queue([("running", open.running), ("waiting", open.waiting), ("retrying", open.retrying)]);
    }
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics::render())
}
