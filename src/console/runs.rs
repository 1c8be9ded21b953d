//! The list of runs, with the filters of the API, and the replay of those that a filter names.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;

use super::answer;
use super::form::{Form, once};
use super::session::Visitor;
use super::shell::Shell;
use super::words::{Mark, When, instant_in_form, is_day, kind};
use crate::callers::Permission;
use crate::domain::answer::Counts;
use crate::domain::run::{RunState, SyncRun};
use crate::domain::text::counted;
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::http::sync_runs::{self, ReplayRequest};
use crate::sync::{SyncMode, Syncs};

/// A run as a row.
pub(super) struct RunRow {
    pub(super) id: String,
    pub(super) record: String,
    pub(super) mark: Mark,
    pub(super) what: String,
    pub(super) when: When,
    pub(super) by: String,
    pub(super) error_code: Option<String>,
    /// How many of its objects are not as the record asks.
    pub(super) failed: Option<String>,
    pub(super) attention: Vec<String>,
}

/// What the filter says, as it came.
#[derive(Default)]
struct Filter {
    record: String,
    status: String,
    error_code: String,
    attention: String,
    since: String,
    state: String,
    kind: String,
    caller: String,
    unresolved: bool,
}

#[derive(Template)]
#[template(path = "console/runs.html")]
struct RunsPage {
    shell: Shell,
    filter: Filter,
    statuses: [&'static str; 3],
    states: [&'static str; 4],
    kinds: [(&'static str, &'static str); 3],
    runs: Vec<RunRow>,
    next: Option<String>,
    is_filtered: bool,
    /// Whether failed runs of this filter can be run again.
    replays: bool,
}

#[derive(Template)]
#[template(path = "console/replay.html")]
struct ReplayPage {
    shell: Shell,
    once: String,
    record: String,
    error_code: String,
    since: String,
    runs: Vec<(String, String, String, When)>,
}

/// `GET /console/runs`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    // A form sends its blank fields too.
    let given: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .collect();
    let filter = Filter::of(&given);
    let wanted: Vec<_> = given
        .iter()
        .map(|(name, value)| match name.as_str() {
            "since" => (name.clone(), instant_in_form(value)),
            _ => (name.clone(), value.clone()),
        })
        .collect();
    let filter_of_page = sync_runs::read_filter(Some(&written(&wanted)))?;
    let page = sync_runs::page(&syncs, &asker, filter_of_page).await?;
    let now = Timestamp::now();
    let next = page.next_cursor.map(|cursor| {
        let others = given.iter().filter(|(name, _)| name != "cursor").cloned();
        written(&others.chain([("cursor".to_owned(), cursor)]).collect::<Vec<_>>())
    });
    let replays = visitor.may(Permission::Operate)
        && (!filter.error_code.is_empty() || !filter.record.is_empty() || !filter.since.is_empty());
    let page = RunsPage {
        shell: Shell::new(&visitor, "runs", "Runs"),
        is_filtered: !given.is_empty(),
        filter,
        statuses: ["Completed", "Partial Success", "Failed"],
        states: RunState::WORDS,
        kinds: [("sync", "Sync"), ("endDate", "End dating"), ("reopen", "Reopening")],
        runs: page.sync_runs.iter().map(|run| RunRow::new(run, now)).collect(),
        next,
        replays,
    };
    answer::page(&headers, &page)
}

/// `POST /console/runs/replay`: first which runs would run again, then they do.
pub(super) async fn replay(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    let request = ReplayRequest {
        parent_record_id: form.given("parentRecordId"),
        error_code: form.given("errorCode"),
        since: form.given("since").map(|text| instant_in_form(&text)),
        ..ReplayRequest::default()
    };
    let filter = request.filter()?;
    log_fields::set_parameters(filter.in_words());
    let is_confirmed = form.text("confirmed") == "yes";
    if is_confirmed {
        form.take(&syncs).await?;
        let replays = syncs.replay_many(&filter, SyncMode::Apply, asker.name()).await?;
        log_fields::set_outcome(format!("planned {}", replays.len()));
        return Ok(Redirect::to("/console/runs").into_response());
    }
    let now = Timestamp::now();
    let replays = syncs.replay_many(&filter, SyncMode::DryRun, asker.name()).await?;
    log_fields::set_outcome(format!("dry run of {}", replays.len()));
    let runs = replays.into_iter().map(|replay| {
        let when = When::new(replay.requested_at, now);
        let code = replay.error_code.unwrap_or_default();
        (replay.failed.to_string(), replay.parent_record_id.to_string(), code, when)
    });
    let page = ReplayPage {
        shell: Shell::new(&visitor, "runs", "Run again"),
        once: once(),
        record: form.text("parentRecordId").to_owned(),
        error_code: form.text("errorCode").to_owned(),
        since: form.text("since").to_owned(),
        runs: runs.collect(),
    };
    answer::with_status(StatusCode::OK, &page)
}

impl RunRow {
    pub(super) fn new(run: &SyncRun, now: Timestamp) -> Self {
        Self {
            id: run.sync_run_id.to_string(),
            record: run.parent_record_id.clone(),
            mark: Mark::of_run(run),
            what: kind(run),
            when: When::new(run.requested_at, now),
            by: run.requested_by.join(", "),
            error_code: run.error_code.clone(),
            failed: run.counts.filter(|counts| counts.failed > 0).map(failed),
            attention: run.attention.clone(),
        }
    }
}

/// `1 of 6 objects failed`.
fn failed(counts: Counts) -> String {
    let all = counts.created + counts.updated + counts.unchanged + counts.skipped + counts.failed;
    format!("{} of {} failed", counts.failed, counted(all, "object"))
}

impl Filter {
    /// Whether a field for a day can show it.
    fn is_since_a_day(&self) -> bool {
        self.since.is_empty() || is_day(&self.since)
    }

    fn of(given: &[(String, String)]) -> Self {
        let text = |name: &str| {
            given
                .iter()
                .find(|(given, _)| given == name)
                .map_or_else(String::new, |(_, v)| v.clone())
        };
        Self {
            record: text("parentRecordId"),
            status: text("syncStatus"),
            error_code: text("errorCode"),
            attention: text("attention"),
            since: text("since"),
            state: text("state"),
            kind: text("kind"),
            caller: text("requestedBy"),
            unresolved: text("unresolved") == "true",
        }
    }
}

fn written(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
