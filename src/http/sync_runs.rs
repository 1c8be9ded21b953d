//! `GET /sync-runs`, `GET /sync-runs/{syncRunId}` and the two operations that run syncs again.

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::{
    Object, Presence, check_nothing, dry_run_parameter, json_bytes, parse, query_parameters,
};
use super::fault::Fault;
use super::notes;
use super::permit::{Denied, asker};
use super::wait::{AcceptedRun, RETRY_AFTER_SECONDS, database_unavailable, not_started};
use crate::callers::{Caller, Permission};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::{RunTask, SyncRun};
use crate::domain::shown;
use crate::domain::warning::AttentionFilter;
use crate::sync::{Replay, RunFilter, SyncMode, Syncs};

/// How a run ends.
const STATUSES: [&str; 3] = ["Completed", "Partial Success", "Failed"];
/// A page of runs, and the most that one has.
const RUNS_ON_A_PAGE: u32 = 50;
const MOST_RUNS_ON_A_PAGE: u32 = 200;
/// Runs that are repeated by one request, unless it says otherwise, and at most.
const REPLAYS: u32 = 100;
const MOST_REPLAYS: u32 = 1_000;

/// One page of runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SyncRunPage {
    sync_runs: Vec<SyncRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which failed runs are run again.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplayRequest {
    #[serde(default)]
    parent_record_id: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    max_runs: Option<u32>,
    #[serde(default)]
    kind: Option<String>,
}

/// How many runs are run again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplayAnswer {
    replayed: usize,
    sync_run_ids: Vec<SyncRunId>,
    dry_run: bool,
    runs: Vec<ReplayedRun>,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplayedRun {
    replay_of: SyncRunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_run_id: Option<SyncRunId>,
    parent_record_id: SalesforceId,
    kind: &'static str,
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_entities: Option<Vec<&'static str>>,
}

/// `GET /sync-runs/{syncRunId}`. Who may not read all runs may read those that they asked for; of
/// the others they do not even hear that there are any.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<SyncRun>, Fault> {
    let mut run = find(&syncs, &id).await?;
    let is_open = caller.may(Permission::ReadRuns).is_ok()
        || run.requested_by.iter().any(|name| *name == *caller.name);
    if is_open && let Ok(record) = SalesforceId::parse(&run.parent_record_id) {
        match asker(&request).check_object(&syncs, &record).await {
            Ok(()) => {
                if caller.may(Permission::ReadRuns).is_err() {
                    // Who else shares it is nothing to a caller.
                    run.requested_by.retain(|name| *name == *caller.name);
                }
                return Ok(Json(run));
            }
            Err(Denied::Refused(_)) => {}
            Err(Denied::Failed(_, reason)) => return Err(not_told(&reason)),
        }
    }
    Err(not_found(&id))
}

/// `GET /sync-runs`: newest first.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Json<SyncRunPage>, Fault> {
    let mut filter = read_filter(request.uri().query())?;
    match asker(&request).check_list(&syncs, filter.parent_record_id.as_ref()).await {
        Ok(()) => {}
        Err(Denied::Refused(fault)) => return Err(fault),
        Err(Denied::Failed(_, reason)) => return Err(not_told(&reason)),
    }
    // One more than the page has shows whether there is another page.
    let page = filter.limit;
    filter.limit += 1;
    let mut sync_runs =
        syncs.list_runs(&filter).await.map_err(|error| database_unavailable(&error))?;
    let has_more = sync_runs.len() > page as usize;
    sync_runs.truncate(page as usize);
    let next_cursor = sync_runs.last().filter(|_| has_more).map(|run| run.sync_run_id.to_string());
    Ok(Json(SyncRunPage { sync_runs, next_cursor }))
}

/// Which runs a page shows, from the query string.
pub(super) fn read_filter(query: Option<&str>) -> Result<RunFilter, Fault> {
    let mut filter = RunFilter { limit: RUNS_ON_A_PAGE, ..RunFilter::default() };
    for (name, value) in query_parameters(query)? {
        match name.as_ref() {
            "parentRecordId" => filter.parent_record_id = Some(record(&value)?),
            "syncStatus" if STATUSES.contains(&value.as_ref()) => {
                filter.sync_status = Some(value.into_owned())
            }
            "syncStatus" => {
                let message = format!(
                    "`syncStatus` is `{}`; it takes `{}`",
                    shown::word(&value),
                    STATUSES.join("`, `")
                );
                return Err(invalid(message));
            }
            "errorCode" => filter.error_code = Some(value.into_owned()),
            "attention" => {
                let attention = AttentionFilter::parse(&value).ok_or_else(|| {
                    let message = format!(
                        "`attention` is `{}`; it takes `any` or a code of `attention`, as docs/errors.md lists them",
                        shown::word(&value)
                    );
                    invalid(message)
                })?;
                filter.attention = Some(attention);
            }
            "since" => filter.since = Some(instant("since", &value)?),
            "limit" => filter.limit = limit("limit", value.parse().ok(), MOST_RUNS_ON_A_PAGE)?,
            "cursor" => {
                let cursor = SyncRunId::parse(&value);
                filter.before = Some(cursor.ok_or_else(|| {
                    invalid(format!("`cursor` is `{}`, which is not a cursor; use `nextCursor` of the page before", shown::word(&value)))
                })?);
            }
            other => {
                let known = "`parentRecordId`, `syncStatus`, `errorCode`, `attention`, `since`, `limit` and `cursor`";
                return Err(invalid(format!(
                    "`{}` is not a parameter here; there are {known}",
                    shown::word(other)
                )));
            }
        }
    }
    Ok(filter)
}

/// `POST /sync-runs/{syncRunId}/replay`: the same again, as a run of its own.
pub(super) async fn replay(
    State(syncs): State<Syncs>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Fault> {
    let asker = asker(&request);
    check_nothing(&json_bytes(request, Presence::Optional).await?)?;
    let id = find(&syncs, &id).await?.sync_run_id;
    let started = syncs.replay(id, asker.name()).await.map_err(|error| not_started(&error))?;
    let (record, run) = started.ok_or_else(|| not_found(&id.to_string()))?;
    notes::set_record(&record);
    notes::set_run(&run.id);
    notes::set_parameters(format!("replayOf={id}"));
    notes::set_outcome("accepted".to_owned());
    Ok(AcceptedRun::new(run.id, &record).into_response())
}

/// `POST /sync-runs/replay`: the failed runs that a filter names, one after the other.
pub(super) async fn replay_many(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Response, Fault> {
    let asker = asker(&request);
    let mode = dry_run_parameter(request.uri().query())?;
    let filter = read_replay(&json_bytes(request, Presence::Required).await?)?;
    notes::set_parameters(filter.in_words());
    let replays = syncs
        .replay_many(&filter, mode, asker.name())
        .await
        .map_err(|error| not_started(&error))?;
    notes::set_outcome(format!(
        "{} {}",
        if mode == SyncMode::DryRun { "dry run of" } else { "planned" },
        replays.len()
    ));
    let answer = ReplayAnswer {
        replayed: replays.len(),
        sync_run_ids: replays.iter().filter_map(|replay| replay.run).collect(),
        dry_run: mode == SyncMode::DryRun,
        runs: replays.into_iter().map(replayed).collect(),
    };
    let status = if mode == SyncMode::DryRun { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(answer)).into_response())
}

fn replayed(replay: Replay) -> ReplayedRun {
    let order = match &replay.task {
        Some(RunTask::EndDate(order)) => Some(order),
        _ => None,
    };
    ReplayedRun {
        replay_of: replay.failed,
        sync_run_id: replay.run,
        parent_record_id: replay.parent_record_id,
        kind: replay.task.as_ref().map_or("unknown", RunTask::kind),
        requested_at: replay.requested_at,
        error_code: replay.error_code,
        end_date: order.map(|order| order.end_date.to_string()),
        billing_entities: order
            .map(|order| order.entities.iter().map(|entity| entity.word()).collect()),
    }
}

/// Which runs are run again, from a body.
pub(super) fn read_replay(bytes: &[u8]) -> Result<RunFilter, Fault> {
    let Object::<ReplayRequest>(request) = parse(bytes)?;
    let filter = RunFilter {
        parent_record_id: request.parent_record_id.as_deref().map(record).transpose()?,
        error_code: request.error_code,
        since: request.since.as_deref().map(|text| instant("since", text)).transpose()?,
        until: request.until.as_deref().map(|text| instant("until", text)).transpose()?,
        kind: Some(replayed_kind(request.kind.as_deref())?),
        limit: limit("maxRuns", Some(request.max_runs.unwrap_or(REPLAYS)), MOST_REPLAYS)?,
        ..RunFilter::default()
    };
    let is_limited =
        filter.parent_record_id.is_some() || filter.error_code.is_some() || filter.since.is_some();
    if !is_limited {
        return Err(invalid(
            "Say which runs: by `errorCode`, `since` or `parentRecordId`".to_owned(),
        ));
    }
    Ok(filter)
}

/// Syncs, unless end datings are asked for: whoever repeats many runs does not mean to end billing.
fn replayed_kind(kind: Option<&str>) -> Result<&'static str, Fault> {
    match kind {
        None | Some("sync") => Ok("sync"),
        Some("endDate") => Ok("endDate"),
        Some(other) => Err(invalid(format!(
            "`kind` is `{}`; it takes `sync` or `endDate`",
            shown::word(other)
        ))),
    }
}

async fn find(syncs: &Syncs, id: &str) -> Result<SyncRun, Fault> {
    let run = SyncRunId::parse(id).ok_or_else(|| not_found(id))?;
    notes::set_run(&run);
    syncs.run(run).await.map_err(|error| database_unavailable(&error))?.ok_or_else(|| not_found(id))
}

impl AcceptedRun {
    /// The response: where the run can be looked up.
    pub(super) fn into_response(self) -> Response {
        let location = format!("/sync-runs/{}", self.sync_run_id);
        (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(self)).into_response()
    }
}

fn record(text: &str) -> Result<SalesforceId, Fault> {
    SalesforceId::parse(text).map_err(|error| invalid(error.to_string()))
}

fn instant(name: &str, text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| {
        invalid(format!(
            "`{name}` is `{}`; it takes a date-time such as `2026-12-31T00:00:00Z`",
            shown::word(text)
        ))
    })
}

fn limit(name: &str, given: Option<u32>, most: u32) -> Result<u32, Fault> {
    given
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| invalid(format!("`{name}` takes whole numbers from 1 to {most}")))
}

fn invalid(message: String) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message)
}

/// Whether a run may be shown depends on its object, which only Salesforce can tell.
fn not_told(reason: &str) -> Fault {
    let message = format!(
        "The API key is for some objects only, and which one this is about is not known: {reason}"
    );
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "OBJECT_NOT_KNOWN", message)
        .retry_after(RETRY_AFTER_SECONDS)
}

fn not_found(id: &str) -> Fault {
    let message = format!(
        "There is no run `{}`; runs that have ended are deleted after a while",
        shown::word(id)
    );
    Fault::new(StatusCode::NOT_FOUND, "RUN_NOT_FOUND", message)
}
