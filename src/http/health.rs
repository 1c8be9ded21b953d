//! `GET /livez` and `GET /readyz`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;

use crate::callers::Caller;
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

/// Both logins worked and what every sync needs is loaded. What is missing hears only whoever shows a key.
pub(super) async fn readyz(State(syncs): State<Syncs>, caller: Option<Extension<Caller>>) -> (StatusCode, Json<Health>) {
    match syncs.readiness().await {
        Readiness::Ready => (StatusCode::OK, Json(Health { status: "ok", problems: Vec::new() })),
        Readiness::NotReady(_) if caller.is_none() => {
            let problems = vec!["The service is not ready; its log says why, and so does this with an API key".to_owned()];
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems }))
        }
        Readiness::NotReady(problems) => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems })),
    }
}
