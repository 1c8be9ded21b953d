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
        // Syncs can be started; some of their objects are left as they are.
        Readiness::Ready => (StatusCode::OK, Json(Health { status: "ok", problems: unreadable(&syncs, caller.is_some()) })),
        Readiness::NotReady(_) if caller.is_none() => {
            let problems = vec!["The service is not ready; its log says why, and so does this with an API key".to_owned()];
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems }))
        }
        Readiness::NotReady(problems) => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems })),
    }
}

/// What cannot be read in Salesforce; which fields these are hears only whoever shows a key.
fn unreadable(syncs: &Syncs, with_names: bool) -> Vec<String> {
    let names = syncs.unreadable();
    match (names.is_empty(), with_names) {
        (true, _) => Vec::new(),
        (false, true) => {
            let problem =
                |name| format!("`{name}` could be read in Salesforce before and cannot be read now; what it feeds is not written");
            names.into_iter().map(problem).collect()
        }
        (false, false) => vec!["Some fields cannot be read in Salesforce; with an API key this names them".to_owned()],
    }
}
