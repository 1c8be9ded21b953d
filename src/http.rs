//! The HTTP face: one file for each endpoint, faults in one shape.
//!
//! A handler takes what a request says as types, which are read where they are defined and answer
//! what is wrong with it. It starts a sync and waits for its result; it never runs one.

mod adopt;
pub(crate) mod auth;
mod backfill;
mod begin;
mod body;
mod changes;
pub(crate) mod end_date;
mod failed_request;
pub(crate) mod fault;
mod forwarded;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod links;
pub(crate) mod local;
pub(crate) mod log_fields;
pub mod metrics;
mod pages;
mod pause;
pub(crate) mod permit;
mod places;
pub(crate) mod query;
pub(crate) mod record;
mod reopen;
mod reply;
mod request_id;
pub mod server;
mod strangers;
mod sync_record;
pub(crate) mod sync_runs;
mod sync_to_m3ter;
pub(crate) mod verifications;

use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::{StatusCode, Uri, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::callers::Access;
use crate::domain::excerpt;
use crate::sync::Syncs;
use auth::Auth;
use fault::Fault;

pub use failed_request::RequestCode;
pub use pages::{Console, FaultShown};
pub use places::{MAX_WITHOUT_PLACE, Places, Use};
pub use strangers::Strangers;

/// The OpenAPI document, as it stands in the repository.
const OPENAPI: &str = include_str!("../openapi.yaml");

/// All endpoints, behind authentication. A request that waits for an answer holds one of `places`.
pub fn router(
    syncs: Syncs,
    access: Access,
    strangers: Strangers,
    places: Places,
    console: Option<Console>,
) -> Router {
    let pages = console.as_ref().map(|console| console.routes.clone()).unwrap_or_default();
    Router::new()
        .merge(pages)
        .route("/sync-to-m3ter", post(sync_to_m3ter::handler))
        .route("/sync-to-m3ter/", post(sync_record::handler))
        .route("/sync-to-m3ter/{parentRecordId}", post(sync_record::handler))
        .route("/end-date-billing-entities", post(end_date::handler))
        .route("/reopen-billing-entities/{parentRecordId}", post(reopen::handler))
        .route("/changes", get(changes::list))
        .route("/changes/erase", post(changes::erase))
        .route("/links", get(links::list))
        .route("/links/move", post(links::hand_over))
        .route("/links/forget", post(links::forget))
        .route("/links/confirm", post(links::confirm))
        .route("/links/check", post(adopt::check))
        .route("/links/adopt", post(adopt::adopt))
        .route("/sync-runs", get(sync_runs::list).post(begin::sync))
        .route("/sync-runs/end-date", post(begin::end_dating))
        .route("/sync-runs/replay", post(sync_runs::replay_many))
        .route("/sync-runs/{syncRunId}", get(sync_runs::show))
        .route("/sync-runs/{syncRunId}/replay", post(sync_runs::replay))
        .route("/pause", post(pause::pause))
        .route("/resume", post(pause::resume))
        .route("/pauses", get(pause::list))
        .route("/verifications", get(verifications::list).post(verifications::begin))
        .route("/verifications/{verificationId}", get(verifications::show))
        .route("/verifications/{verificationId}/records", get(verifications::records))
        .route("/verifications/{verificationId}/cancel", post(verifications::cancel))
        .route("/verifications/{verificationId}/resume", post(verifications::resume))
        .route("/verifications/{verificationId}/backfill", get(backfill::show).post(backfill::plan))
        .route("/verifications/{verificationId}/backfill/cancel", post(backfill::cancel))
        .route(
            "/openapi.yaml",
            get(async || ([(header::CONTENT_TYPE, "application/yaml")], OPENAPI)),
        )
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(async |uri: Uri| {
            Fault::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                format!(
                    "There is nothing at `{}`; see `/openapi.yaml`",
                    excerpt::sentence(uri.path())
                ),
            )
        })
        .method_not_allowed_fallback(not_allowed)
        .layer(Extension(places))
        .layer(Extension(access.callers.clone()))
        .layer(middleware::from_fn_with_state(syncs.clone(), permit::in_its_org))
        .layer(middleware::from_fn_with_state(Auth::new(access), auth::pass))
        .layer(DefaultBodyLimit::max(auth::MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(|_| {
            Fault::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "An internal error occurred",
            )
            .into_response()
        }))
        .layer(middleware::from_fn_with_state((strangers, console), request_id::with_request_id))
        .with_state(syncs)
}

/// A Flow reads no `Allow` header, so the message names the method too.
async fn not_allowed(path: MatchedPath) -> Fault {
    let methods = match path.as_str() {
        "/verifications" | "/verifications/{verificationId}/backfill" | "/sync-runs" => {
            "GET or POST"
        }
        "/changes"
        | "/links"
        | "/sync-runs/{syncRunId}"
        | "/pauses"
        | "/verifications/{verificationId}"
        | "/verifications/{verificationId}/records"
        | "/openapi.yaml"
        | "/livez"
        | "/readyz" => "GET",
        _ => "POST",
    };
    let message = format!("This method is not allowed here; send {methods}");
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
}
