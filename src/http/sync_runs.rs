//! `GET /sync-runs`, `GET /sync-runs/{syncRunId}` and the two operations that run syncs again.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::{NoBody, Object};
use super::fault::{Fault, RETRY_AFTER_SECONDS};
use super::log_fields;
use super::permit::{Denied, Requester};
use super::query::{
    DryRun, instant_of, invalid_parameter, limit_of, not_among, query_parameters, record_of, truth,
    unknown,
};
use crate::callers::{Caller, Permission};
use crate::domain::excerpt;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::instant;
use crate::domain::page::{self, SyncRunPage};
use crate::domain::run::{AcceptedRun, RunState, RunTask, SyncRun};
use crate::domain::warning::AttentionFilter;
use crate::sync::{Replay, RunFilter, SyncMode, Syncs};

/// How a run ends.
const STATUSES: [&str; 3] = ["Completed", "Partial Success", "Failed"];
/// A page of runs, and the most that one has.
const RUNS_ON_A_PAGE: u32 = 50;
const MAX_RUNS_ON_A_PAGE: u32 = 200;
/// Runs that are repeated by one request, unless it says otherwise, and at most.
const REPLAYS: u32 = 100;
const MAX_REPLAYS: u32 = 1_000;

/// Which runs a page shows.
#[derive(Debug)]
pub(super) struct RunQuery(RunFilter);

impl<S: Sync> FromRequestParts<S> for RunQuery {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        read_filter(parts.uri.query()).map(Self)
    }
}

/// Which failed runs are run again.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReplayRequest {
    #[serde(default)]
    pub(crate) parent_record_id: Option<String>,
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    #[serde(default)]
    pub(crate) since: Option<String>,
    #[serde(default)]
    pub(crate) until: Option<String>,
    #[serde(default)]
    pub(crate) max_runs: Option<u32>,
    #[serde(default)]
    pub(crate) kind: Option<String>,
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
    #[serde(serialize_with = "instant::serialize")]
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_entities: Option<Vec<&'static str>>,
}

/// The run that a path names.
pub(crate) struct RunInPath(pub(crate) SyncRunId);

impl<S: Send + Sync> FromRequestParts<S> for RunInPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        // A path that is not UTF-8 names no run either; it is shown as it came.
        let id = Path::<String>::from_request_parts(parts, state).await.map_or_else(
            |_| parts.uri.path().split('/').nth(2).unwrap_or_default().to_owned(),
            |Path(id)| id,
        );
        SyncRunId::parse(&id).map(Self).ok_or_else(|| not_found(&id))
    }
}

/// `GET /sync-runs/{syncRunId}`. Who may not read all runs may read those that they asked for; of
/// the others they do not even hear that there are any.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    Extension(caller): Extension<Caller>,
    asker: Requester,
    RunInPath(id): RunInPath,
) -> Result<Json<SyncRun>, Fault> {
    visible(&syncs, &caller, &asker, id).await.map(Json)
}

/// A run, if the caller may see it.
pub(crate) async fn visible(
    syncs: &Syncs,
    caller: &Caller,
    asker: &Requester,
    id: SyncRunId,
) -> Result<SyncRun, Fault> {
    let mut run = find(syncs, id).await?;
    let reads_all = caller.may(Permission::ReadRuns).is_ok();
    let is_own = run.requested_by.iter().any(|name| *name == *caller.name);
    let record = SalesforceId::parse(&run.parent_record_id).ok();
    let record =
        record.filter(|_| reads_all || is_own).ok_or_else(|| not_found(&id.to_string()))?;
    asker.check_object(syncs, &record).await.map_err(|denied| match denied {
        Denied::Refused(_) => not_found(&id.to_string()),
        Denied::Failed(_) => object_not_known(denied),
    })?;
    if !reads_all {
        // Who else shares it is nothing to a caller.
        run.requested_by.retain(|name| *name == *caller.name);
        for change in run.changes.iter_mut().flatten() {
            change.requested_by = change.requested_by.take().filter(|name| *name == *caller.name);
        }
    }
    Ok(run)
}

/// `GET /sync-runs`: newest first.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    asker: Requester,
    RunQuery(filter): RunQuery,
) -> Result<Json<SyncRunPage>, Fault> {
    page(&syncs, &asker, filter).await.map(Json)
}

/// A page of runs, if the caller may see them.
pub(crate) async fn page(
    syncs: &Syncs,
    asker: &Requester,
    mut filter: RunFilter,
) -> Result<SyncRunPage, Fault> {
    asker.check_list(syncs, filter.parent_record_id.as_ref()).await.map_err(object_not_known)?;
    let size = filter.limit;
    filter.limit += 1;
    let mut sync_runs = syncs.list_runs(&filter).await?;
    let last = page::cut(&mut sync_runs, size);
    let next_cursor = last.map(|run| run.sync_run_id.to_string());
    Ok(SyncRunPage { sync_runs, next_cursor })
}

/// Which runs a page shows, from the query string.
pub(crate) fn read_filter(query: Option<&str>) -> Result<RunFilter, Fault> {
    let mut filter = RunFilter { limit: RUNS_ON_A_PAGE, ..RunFilter::default() };
    for (name, value) in query_parameters(query)? {
        match name.as_ref() {
            "parentRecordId" => filter.parent_record_id = Some(record_of(&value)?),
            "state" => filter.state = Some(state(&value)?),
            "kind" => filter.kind = Some(kind(&value)?),
            "dryRun" => filter.dry_run = Some(truth("dryRun", &value)?),
            "requestedBy" => filter.requested_by = Some(value.into_owned()),
            "unresolved" => filter.unresolved = truth("unresolved", &value)?,
            "syncStatus" => filter.sync_status = Some(status(&value)?),
            "errorCode" => filter.error_code = Some(value.into_owned()),
            "attention" => filter.attention = Some(attention(&value)?),
            "since" => filter.since = Some(instant_of("since", &value)?),
            "until" => filter.until = Some(instant_of("until", &value)?),
            "limit" => filter.limit = limit_of("limit", value.parse().ok(), MAX_RUNS_ON_A_PAGE)?,
            "cursor" => filter.before = Some(cursor(&value)?),
            other => {
                let known = "the parameters are `parentRecordId`, `state`, `kind`, `dryRun`, `requestedBy`, `unresolved`, `syncStatus`, `errorCode`, `attention`, `since`, `until`, `limit` and `cursor`";
                return Err(unknown(other, known));
            }
        }
    }
    Ok(filter)
}

/// `POST /sync-runs/{syncRunId}/replay`: the same again, as a run of its own.
pub(super) async fn replay(
    State(syncs): State<Syncs>,
    asker: Requester,
    RunInPath(id): RunInPath,
    _: NoBody,
) -> Result<AcceptedRun, Fault> {
    let id = find(&syncs, id).await?.sync_run_id;
    let started = syncs.replay(id, asker.name()).await?;
    let (record, run) = started.ok_or_else(|| not_found(&id.to_string()))?;
    log_fields::set_record(&record);
    log_fields::set_parameters(format!("replayOf={id}"));
    Ok(AcceptedRun::new(run.id, &record))
}

/// `POST /sync-runs/replay`: the failed runs that a filter names, one after the other.
pub(super) async fn replay_many(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Object(request): Object<ReplayRequest>,
) -> Result<Response, Fault> {
    let filter = request.filter()?;
    log_fields::set_parameters(filter.in_words());
    let replays = syncs.replay_many(&filter, mode, asker.name()).await?;
    let (status, done) = match mode {
        SyncMode::DryRun => (StatusCode::OK, "dry run of"),
        SyncMode::Apply => (StatusCode::ACCEPTED, "planned"),
    };
    log_fields::set_outcome(format!("{done} {}", replays.len()));
    let answer = ReplayAnswer {
        replayed: replays.len(),
        sync_run_ids: replays.iter().filter_map(|replay| replay.run).collect(),
        dry_run: mode == SyncMode::DryRun,
        runs: replays.into_iter().map(ReplayedRun::from).collect(),
    };
    Ok((status, Json(answer)).into_response())
}

impl From<Replay> for ReplayedRun {
    fn from(replay: Replay) -> Self {
        let order = match &replay.task {
            Some(RunTask::EndDate(order)) => Some(order),
            _ => None,
        };
        Self {
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
}

impl ReplayRequest {
    /// Which runs are run again.
    pub(crate) fn filter(self) -> Result<RunFilter, Fault> {
        let filter = RunFilter {
            parent_record_id: self.parent_record_id.as_deref().map(record_of).transpose()?,
            error_code: self.error_code,
            since: self.since.as_deref().map(|text| instant_of("since", text)).transpose()?,
            until: self.until.as_deref().map(|text| instant_of("until", text)).transpose()?,
            kind: Some(replayed_kind(self.kind.as_deref())?),
            limit: limit_of("maxRuns", Some(self.max_runs.unwrap_or(REPLAYS)), MAX_REPLAYS)?,
            ..RunFilter::default()
        };
        let is_limited = filter.parent_record_id.is_some()
            || filter.error_code.is_some()
            || filter.since.is_some();
        if !is_limited {
            return Err(invalid_parameter(
                "Say which runs: by `errorCode`, `since` or `parentRecordId`",
            ));
        }
        Ok(filter)
    }
}

/// Syncs, unless end datings are asked for: to repeat many runs does not mean to end billing.
fn replayed_kind(kind: Option<&str>) -> Result<&'static str, Fault> {
    match kind {
        None | Some("sync") => Ok("sync"),
        Some("endDate") => Ok("endDate"),
        Some(other) => Err(invalid_parameter(format!(
            "`kind` is `{}`; it takes `sync` or `endDate`",
            excerpt::word(other)
        ))),
    }
}

pub(crate) async fn find(syncs: &Syncs, id: SyncRunId) -> Result<SyncRun, Fault> {
    log_fields::set_run(&id);
    syncs.run(id).await?.ok_or_else(|| not_found(&id.to_string()))
}

fn status(text: &str) -> Result<String, Fault> {
    if STATUSES.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(not_among("syncStatus", text, &STATUSES))
}

fn state(text: &str) -> Result<RunState, Fault> {
    text.parse().map_err(|_| not_among("state", text, &RunState::WORDS))
}

fn kind(text: &str) -> Result<&'static str, Fault> {
    let known = RunFilter::KINDS.into_iter().find(|kind| *kind == text);
    known.ok_or_else(|| not_among("kind", text, &RunFilter::KINDS))
}

fn attention(text: &str) -> Result<AttentionFilter, Fault> {
    AttentionFilter::parse(text).ok_or_else(|| {
        invalid_parameter(format!(
            "`attention` is `{}`; it takes `any` or a code of `attention`, as docs/errors.md lists them",
            excerpt::word(text)
        ))
    })
}

fn cursor(text: &str) -> Result<SyncRunId, Fault> {
    SyncRunId::parse(text).ok_or_else(|| {
        invalid_parameter(format!(
            "`cursor` is `{}`, which is not a cursor; use the `nextCursor` of the previous page",
            excerpt::word(text)
        ))
    })
}

/// Whether a run may be shown depends on its object, which only Salesforce can tell.
pub(super) fn object_not_known(denied: Denied) -> Fault {
    let reason = match denied {
        Denied::Refused(fault) => return fault,
        Denied::Failed(request) => request.reason,
    };
    let message = format!(
        "The API key is limited to some objects, and it is not known which object this is about: {reason}"
    );
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "OBJECT_NOT_KNOWN", message)
        .retry_after(RETRY_AFTER_SECONDS)
}

pub(crate) fn not_found(id: &str) -> Fault {
    let message =
        format!("There is no run `{}`; finished runs are deleted after a while", excerpt::word(id));
    Fault::new(StatusCode::NOT_FOUND, "RUN_NOT_FOUND", message)
}
