//! `GET /metrics`, on an address of its own: for Prometheus, whom the internet must not reach.
//!
//! Prometheus sends a token, if one is configured. Without one, requests from this machine are
//! answered, and elsewhere everybody, which the operator has asked for.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use strum::VariantArray as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::local;
use super::places::Places;
use super::request_id::guard;
use super::server::Peer;
use super::strangers::Strangers;
use crate::domain::verification::VerifiedStatus;
use crate::sync::{Readiness, Syncs, Verifications};
use crate::telemetry::metrics;

/// What Prometheus calls its text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long an answer is given again: it asks the database, and nobody needs to know more often.
const FRESH: Duration = Duration::from_secs(1);
const BEARER: &[u8] = b"Bearer ";
/// Tokens are read anew no more often.
const TOKEN_FRESH: Duration = Duration::from_secs(1);

/// Who is answered.
#[derive(Debug, Clone)]
pub enum Scrapers {
    /// Anyone who asks on this machine, by its name.
    OnThisMachine,
    /// Anyone who sends the token of this file.
    WithToken(PathBuf),
    /// Anyone who reaches the address.
    Anybody,
}

#[derive(Debug)]
struct Door {
    syncs: Syncs,
    scrapers: Scrapers,
    strangers: Strangers,
    places: Places,
    token: Mutex<Option<(Instant, String)>>,
    last: Mutex<Option<(Instant, Bytes)>>,
}

/// The one endpoint. It tells of the `places` of the service's own address, not of its own.
pub fn router(syncs: Syncs, scrapers: Scrapers, strangers: Strangers, places: Places) -> Router {
    let door = Arc::new(Door {
        syncs,
        scrapers,
        strangers,
        places,
        token: Mutex::default(),
        last: Mutex::default(),
    });
    Router::new()
        .route("/metrics", get(handler))
        .layer(middleware::from_fn_with_state(Arc::clone(&door), pass))
        .with_state(door)
}

async fn handler(State(door): State<Arc<Door>>) -> Response {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], door.text().await).into_response()
}

async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut response = match door.refusal(request.headers(), request.uri()).await {
        None => next.run(request).await,
        Some(refusal) => {
            let client = request
                .extensions()
                .get::<Peer>()
                .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
            door.strangers.note(client.to_canonical(), refusal);
            if refusal == local::NOT_LOCAL {
                StatusCode::FORBIDDEN.into_response()
            } else {
                (
                    StatusCode::UNAUTHORIZED,
                    [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))],
                )
                    .into_response()
            }
        }
    };
    guard(response.headers_mut());
    response
}

impl Door {
    async fn refusal(&self, headers: &HeaderMap, uri: &Uri) -> Option<&'static str> {
        match &self.scrapers {
            Scrapers::Anybody => None,
            Scrapers::OnThisMachine => (!local::is_local(headers, uri)).then_some(local::NOT_LOCAL),
            Scrapers::WithToken(file) => {
                let Some(shown) = headers.get(header::AUTHORIZATION) else { return Some("no_key") };
                let shown = shown
                    .as_bytes()
                    .split_at_checked(BEARER.len())
                    .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER));
                let token = self.token(file).await;
                let is_right = shown.is_some_and(|(_, shown)| {
                    !token.is_empty()
                        && aws_lc_rs::constant_time::verify_slices_are_equal(
                            shown,
                            token.as_bytes(),
                        )
                        .is_ok()
                });
                (!is_right).then_some("wrong_key")
            }
        }
    }

    /// What the file says now, or said when it could be read last; nothing opens nothing.
    async fn token(&self, file: &std::path::Path) -> String {
        let mut known = self.token.lock().await;
        if let Some((read_at, token)) = &*known
            && read_at.elapsed() < TOKEN_FRESH
        {
            return token.clone();
        }
        let token = match tokio::fs::read_to_string(file).await {
            Ok(text) => text.trim().to_owned(),
            Err(_) => known.take().map(|(_, token)| token).unwrap_or_default(),
        };
        *known = Some((Instant::now(), token.clone()));
        token
    }

    /// All numbers. A request that comes while they are gathered waits for the same.
    async fn text(&self) -> Bytes {
        let mut last = self.last.lock().await;
        if let Some((gathered_at, text)) = &*last
            && gathered_at.elapsed() < FRESH
        {
            return text.clone();
        }
        let rate_limit = self.syncs.rate_limit();
        metrics::rate_limit(
            rate_limit.places,
            rate_limit.waiting.map(|(class, callouts)| (class.word(), callouts)),
        );
        let (held, awaited) = self.syncs.gauges();
        metrics::gauges(held, awaited, self.syncs.readiness().await == Readiness::Ready);
        let (connections, waiting) = (self.places.connections(), self.places.waiting());
        metrics::places((connections.used, connections.limit), (waiting.used, waiting.limit));
        // While the database is away the last numbers stand, and `ready` is 0.
        if let Ok(open) = self.syncs.open_runs().await {
            let states =
                [("running", open.running), ("waiting", open.waiting), ("retrying", open.retrying)];
            metrics::queue(states, open.oldest_waiting);
            let [again, planned] = open.due;
            let accepted = open.waiting.saturating_sub(open.awaited);
            metrics::waiting([
                ("awaited", open.awaited),
                ("accepted", accepted),
                ("retry", again),
                ("replay", planned),
            ]);
            let bounds = self.syncs.queue_bounds();
            metrics::queue_bounds(bounds.all, (open.most_of_a_caller, bounds.of_caller));
        }
        let (taken, slots) = self.syncs.slots();
        metrics::slots(taken, slots);
        if let Some((size, most)) = self.syncs.history() {
            metrics::history(size.runs, size.bytes, most);
        }
        if let Ok(pause) = self.syncs.paused().await {
            metrics::paused(pause.is_some());
        }
        if let Ok(verifications) = self.syncs.verifications().await {
            show(&verifications);
        }
        let text = Bytes::from(metrics::render());
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

fn show(verifications: &Verifications) {
    let last = verifications.last.as_ref();
    let count = |status: &VerifiedStatus| last.map_or(0, |last| last.counts.of(*status));
    let counts = VerifiedStatus::VARIANTS.iter().map(|status| (status.as_str(), count(status)));
    let compared = last.and_then(|last| last.compared.as_ref());
    metrics::verified(counts, compared.map_or(0, |compared| compared.new_since));
    let progress = verifications.running.as_ref().map_or(1.0, |running| {
        let expected = running.expected.unwrap_or_default().max(running.verified).max(1);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let progress = running.verified as f64 / expected as f64;
        progress
    });
    metrics::verifying(progress, verifications.overdue.unwrap_or_default());
}
