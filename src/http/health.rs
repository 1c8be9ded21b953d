//! `GET /livez` and `GET /readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::sync::{Readiness, Syncs};

/// The answer of both.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    problems: Vec<String>,
}

/// The process runs.
pub(super) async fn livez() -> Json<Health> {
    Json(Health { status: "ok", problems: Vec::new() })
}

/// Both logins worked and what every sync needs is loaded.
pub(super) async fn readyz(State(syncs): State<Syncs>) -> (StatusCode, Json<Health>) {
    match syncs.readiness() {
        Readiness::Ready => (StatusCode::OK, Json(Health { status: "ok", problems: Vec::new() })),
        Readiness::NotReady(problems) => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems })),
    }
}
