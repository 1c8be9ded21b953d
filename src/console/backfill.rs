//! A sync of all records that a verification found with one status.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::answer;
use super::form::{Form, once};
use super::session::Visitor;
use super::shell::Shell;
use super::verification::ON_A_PAGE;
use super::verifications::address;
use super::words::{Mark, time};
use crate::callers::Permission;
use crate::domain::backfill::MAX_BACKFILLED;
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::http::verifications::{self, find, sees_all};
use crate::sync::{REPLAY_EVERY, Syncs};

#[derive(Template)]
#[template(path = "console/backfill.html")]
struct BackfillPage {
    shell: Shell,
    once: String,
    id: String,
    status: &'static str,
    said: &'static str,
    records: Vec<(String, Option<String>, String)>,
    more: usize,
    takes: String,
}

/// `POST /console/verifications/{verificationId}/backfill`: first which records would be synced,
/// then they are; or what has not begun is taken back.
pub(super) async fn send(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    sees_all(&asker, &syncs).await?;
    let id = find(&syncs, &id).await?.verification_id;
    log_fields::set_parameters(format!("verification={id}"));
    if form.text("cancel") == "yes" {
        let taken_back = syncs.cancel_backfill(&id).await?;
        log_fields::set_outcome(format!("took back {taken_back}"));
        return Ok(Redirect::to(&address(&id)).into_response());
    }
    let status = verifications::status(form.text("status"))?;
    if form.text("confirmed") == "yes" {
        form.take(&syncs).await?;
        let planned =
            syncs.backfill(&id, &[status], MAX_BACKFILLED, asker.name().as_deref()).await?;
        log_fields::set_outcome(format!("planned {planned}"));
        return Ok(Redirect::to(&address(&id)).into_response());
    }
    let records = syncs.plan_backfill(&id, &[status], MAX_BACKFILLED).await?;
    let all = records.len();
    let takes = REPLAY_EVERY * u32::try_from(all).unwrap_or(u32::MAX);
    let shown = records.into_iter().take(ON_A_PAGE as usize);
    let records: Vec<_> =
        shown.map(|record| (record.record_id.to_string(), record.name, record.message)).collect();
    let page = BackfillPage {
        shell: Shell::new(&visitor, "verifications", "Sync what was found"),
        once: once(),
        id,
        status: status.into(),
        said: Mark::of_verified(status).word,
        more: all - records.len(),
        records,
        takes: time(u64::try_from(takes.as_millis()).unwrap_or_default()),
    };
    answer::with_status(StatusCode::OK, &page)
}
