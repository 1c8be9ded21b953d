//! `GET /livez` and `GET /readyz`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;

use crate::callers::{Caller, Callers, Role};
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

/// Both logins worked and what every sync needs is loaded. Only callers
/// with a key are told what is missing.
pub(super) async fn readyz(
    State(syncs): State<Syncs>,
    Extension(callers): Extension<Option<Callers>>,
    caller: Option<Extension<Caller>>,
) -> (StatusCode, Json<Health>) {
    let readiness = match syncs.readiness().await {
        // A request for a sync is turned away here: another replica may have keys.
        Readiness::Ready if callers.as_ref().is_some_and(Callers::is_locked_out) => {
            Readiness::NotReady(Vec::new())
        }
        readiness => readiness,
    };
    match readiness {
        // Syncs can be started; some of their objects are left as they are.
        Readiness::Ready => {
            let mut problems = unreadable(&syncs, caller.is_some());
            if let (Some(callers), Some(Extension(caller))) = (callers, caller) {
                problems.extend(of_keys(&callers, caller.role));
            }
            if let Ok(Some(_)) = syncs.paused().await {
                problems.push(
                    "The service is paused: requests are recorded and wait; dry runs still work"
                        .to_owned(),
                );
            }
            (StatusCode::OK, Json(Health { status: "ok", problems }))
        }
        Readiness::NotReady(_) if caller.is_none() => {
            let problems =
                vec!["The service is not ready; see its log, or ask with an API key".to_owned()];
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems }))
        }
        Readiness::NotReady(problems) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", problems }))
        }
    }
}

/// What is wrong with the file of keys: in full for an operator, who can put it right.
fn of_keys(callers: &Callers, role: Role) -> Vec<String> {
    let problems = callers.problems();
    if problems.is_empty() || role == Role::Operator {
        return problems;
    }
    vec![
        "Something is wrong with the API keys; see the log, or ask with an operator's key"
            .to_owned(),
    ]
}

/// What cannot be read in Salesforce; only callers with a key are told which fields these are.
fn unreadable(syncs: &Syncs, with_names: bool) -> Vec<String> {
    let names = syncs.unreadable();
    match (names.is_empty(), with_names) {
        (true, _) => Vec::new(),
        (false, true) => {
            let problem = |name| {
                format!(
                    "`{name}` could be read in Salesforce before and cannot be read now; what depends on it is not written"
                )
            };
            names.into_iter().map(problem).collect()
        }
        (false, false) => vec![
            "Some Salesforce fields cannot be read; ask with an API key to see which".to_owned(),
        ],
    }
}
