//! Verifications: many records compared with m3ter. The list of them, and how one begins.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use strum::VariantArray as _;

use super::answer;
use super::form::{Form, once};
use super::session::Visitor;
use super::shell::Shell;
use super::words::{Mark, When, instant_in_form, number, time};
use crate::callers::Permission;
use crate::domain::text::counted;
use crate::domain::verification::{
    Verification, VerificationRequest, VerificationState, VerifiedStatus,
};
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::http::query::instant_of;
use crate::http::verifications::{self, sees_all};
use crate::sync::Syncs;

/// Between two looks of the page of one in progress.
pub(super) const LIVE_MS: u32 = 1_000;
/// Verifications that are listed.
const LISTED: u32 = 30;

#[derive(Template)]
#[template(path = "console/verifications.html")]
struct VerificationsPage {
    shell: Shell,
    once: String,
    roots: Vec<String>,
    verifications: Vec<VerificationRow>,
    may_begin: bool,
}

struct VerificationRow {
    id: String,
    mark: Mark,
    what: String,
    when: When,
    by: String,
    records: String,
    /// Status, its word, and how many records have it.
    attention: Vec<(&'static str, &'static str, String)>,
}

/// `GET /console/verifications`.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    sees_all(&asker, &syncs).await?;
    let now = Timestamp::now();
    let verifications = syncs.list_verifications(None, LISTED).await?;
    let is_running = verifications.iter().any(is_running);
    let shell = Shell::new(&visitor, "verifications", "Verifications");
    let page = VerificationsPage {
        shell: if is_running { shell.live(LIVE_MS) } else { shell },
        // A page that looks again has no new number each time.
        once: if is_running { String::new() } else { once() },
        roots: syncs.mappings().iter().map(|mapping| mapping.root().to_owned()).collect(),
        verifications: verifications.iter().map(|one| VerificationRow::new(one, now)).collect(),
        may_begin: visitor.may(Permission::Operate) && !is_running,
    };
    answer::page(&headers, &page)
}

/// `POST /console/verifications`: begins one, and leads to its page.
pub(super) async fn begin(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    sees_all(&asker, &syncs).await?;
    let request = VerificationRequest {
        roots: form.given("root").into_iter().collect(),
        condition: form.given("condition"),
        since: form
            .given("since")
            .map(|text| instant_of("since", &instant_in_form(&text)))
            .transpose()?,
        deep: form.text("deep") == "yes",
        ..VerificationRequest::default()
    };
    form.take(&syncs).await?;
    let begun = verifications::begun(&syncs, &asker, request).await?;
    log_fields::set_outcome("accepted".to_owned());
    Ok(Redirect::to(&address(&begun.verification_id)).into_response())
}

pub(super) fn address(id: &str) -> String {
    format!("/console/verifications/{id}")
}

pub(super) fn is_running(verification: &Verification) -> bool {
    verification.state == VerificationState::Running
}

pub(super) fn needing_somebody() -> Vec<VerifiedStatus> {
    VerifiedStatus::VARIANTS.iter().copied().filter(|status| status.needs_somebody()).collect()
}

/// What was asked for, in words.
pub(super) fn what(request: &VerificationRequest) -> String {
    let mut what = if !request.record_ids.is_empty() {
        counted(request.record_ids.len(), "named record")
    } else if request.roots.is_empty() {
        "all mapped objects".to_owned()
    } else {
        request.roots.join(", ")
    };
    if let Some(condition) = &request.condition {
        what = format!("{what} where {condition}");
    }
    if let Some(since) = request.since {
        what = format!("{what}, changed since {}", since.strftime("%-d %B %Y, %H:%M UTC"));
    }
    if request.deep { format!("{what}, deep") } else { what }
}

impl VerificationRow {
    fn new(verification: &Verification, now: Timestamp) -> Self {
        Self {
            id: verification.verification_id.clone(),
            mark: Mark::of_verification(verification.state),
            what: what(&verification.request),
            when: When::new(verification.requested_at, now),
            by: verification.requested_by.clone().unwrap_or_default(),
            records: progress(verification),
            attention: needing_somebody()
                .into_iter()
                .map(|status| (status, verification.counts.of(status)))
                .filter(|(_, records)| *records > 0)
                .map(|(status, records)| {
                    (status.into(), Mark::of_verified(status).word, number(records))
                })
                .collect(),
        }
    }
}

pub(super) fn progress(verification: &Verification) -> String {
    let verified = verification.verified;
    match verification.expected {
        Some(expected) if is_running(verification) => {
            let left = verification
                .seconds_left
                .map(|left| format!(", about {} left", time(left * 1_000)));
            let (done, all) = (number(verified), number(expected.max(verified)));
            format!("{done} of about {all}{}", left.unwrap_or_default())
        }
        _ => number(verified),
    }
}
