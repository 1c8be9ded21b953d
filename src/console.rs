//! What people see of the service in a browser: pages that are rendered here, from the same
//! functions as the API. docs/console.md says what each shows.
//!
//! A page never writes. A form does, with a token of its session, from a page of this site, once.

mod answer;
mod backfill;
mod changes;
mod find;
mod form;
mod keys;
mod mappings;
mod overview;
mod presence;
mod prose;
mod record;
mod run;
mod runs;
mod session;
mod shell;
mod time_line;
mod values;
mod verification;
mod verifications;
mod verified_csv;
mod waterfall;
mod words;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, get, post};

use crate::http::Console;
use crate::http::fault::Fault;
use crate::http::permit;
use crate::sync::Syncs;

const STYLE: &str = include_str!("console/assets/console.css");
const SCRIPT: &str = include_str!("console/assets/console.js");
const ICON: &str = include_str!("console/assets/icon.svg");

/// Nothing from elsewhere, nothing inline, and nobody shows a page in a frame. A form that is sent
/// without a referrer would come from the origin `null`: hence `same-origin`.
const GUARD: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The pages, for the router of the endpoints to take in.
pub fn console(syncs: Syncs) -> Console {
    let routes = Router::new()
        .route("/console", get(overview::show))
        .route("/console/", get(async || Redirect::to("/console")))
        .route("/console/sign-in", get(session::ask).post(session::sign_in))
        .route("/console/sign-out", post(session::sign_out))
        .route("/console/runs", get(runs::show))
        .route("/console/runs/replay", post(runs::replay))
        .route("/console/runs/{syncRunId}", get(run::show))
        .route("/console/runs/{syncRunId}/replay", post(run::replay))
        .route("/console/runs/{syncRunId}/apply", post(run::apply))
        .route("/console/find", get(find::show).post(find::by_name))
        .route("/console/records/{parentRecordId}", get(record::show))
        .route("/console/records/{parentRecordId}/preview", post(record::preview))
        .route("/console/records/{parentRecordId}/end", get(record::ask_end).post(record::end))
        .route("/console/verifications", get(verifications::list).post(verifications::begin))
        .route("/console/verifications/{verificationId}", get(verification::show))
        .route("/console/verifications/{verificationId}/cancel", post(verification::cancel))
        .route("/console/verifications/{verificationId}/resume", post(verification::resume))
        .route("/console/verifications/{verificationId}/backfill", post(backfill::send))
        .route("/console/verifications/{verificationId}/records.csv", get(verified_csv::show))
        .route("/console/mappings", get(mappings::show))
        .route("/console/mappings/check", post(mappings::check))
        .route("/console/keys", get(keys::show))
        .route("/console/assets/console.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route(
            "/console/assets/console.js",
            get(async || asset("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/console/assets/icon.svg", get(async || asset("image/svg+xml", ICON)))
        .route("/console/{*page}", any(async || no_page()))
        .layer(middleware::from_fn_with_state(syncs.clone(), permit::in_its_org))
        .layer(middleware::from_fn_with_state(syncs, session::enter));
    Console { routes, guard, fault_page: answer::fault_page }
}

fn guard(headers: &mut HeaderMap) {
    headers.extend(GUARD);
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    // It changes with the program: a minute is enough for a page and those after it.
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "max-age=60")];
    (headers, text).into_response()
}

fn no_page() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such page in the console")
}
