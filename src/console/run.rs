//! One run: what became of each object, where the time went, and what can be done next.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;

use super::answer;
use super::changes::ChangeRow;
use super::form::{Form, once};
use super::record::{self, Next};
use super::session::Visitor;
use super::shell::Shell;
use super::waterfall::{self, Bar};
use super::words::{Mark, When, kind, number, row_url, sentence, time};
use crate::callers::{Caller, Permission};
use crate::domain::answer::{ObjectResult, SyncResult};
use crate::domain::ids::SyncRunId;
use crate::domain::outcome::{FieldChange, SyncStatus};
use crate::domain::run::{RunState, RunTask, RunTry, SyncRun};
use crate::domain::text::counted;
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::http::sync_runs::{self, RunInPath};
use crate::sync::{ChangeFilter, QueueWait, SyncMode, Syncs};

/// Between two looks of the page of a run in progress.
const LIVE_MS: u32 = 1_000;
/// Bars of the waterfall: of a run of thousands the first ones, and those that say where the time
/// went.
const FIRST_BARS: usize = 150;
const MAX_BARS: usize = 400;
/// Objects that are shown as they come; of more, those first that need a look.
const MAX_OBJECTS: usize = 30;
/// Changes that are shown.
const MAX_CHANGES: u32 = 100;

#[derive(Template)]
#[template(path = "console/run.html")]
struct RunPage {
    shell: Shell,
    once: String,
    id: String,
    record: String,
    record_url: String,
    mark: Mark,
    what: String,
    message: Option<String>,
    facts: Vec<(&'static str, String)>,
    requested: When,
    next_try: Option<When>,
    waits_for: Option<String>,
    progress: Option<String>,
    /// How many objects have each action.
    counts: String,
    objects: Vec<ShownObject>,
    /// Of a run of many objects, those that need no look.
    others: Vec<ShownObject>,
    warnings: Vec<String>,
    tries: Vec<(Mark, RunTry, When)>,
    bars: Vec<Bar>,
    more_bars: usize,
    first_bars: usize,
    total: String,
    related: Vec<(&'static str, String)>,
    changes: Vec<ChangeRow>,
    is_over: bool,
    may_replay: bool,
    /// The plan that can be applied from here.
    plan: Option<String>,
    /// Whether it is a preview of what is there already.
    is_idle: bool,
}

pub(super) struct ShownObject {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) message: String,
    pub(super) row: String,
    pub(super) row_url: String,
    pub(super) m3ter_id: Option<String>,
    pub(super) finding: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) changes: Vec<FieldChange>,
}

/// `GET /console/runs/{syncRunId}`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    Extension(caller): Extension<Caller>,
    asker: Requester,
    RunInPath(id): RunInPath,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRun)?;
    let run = sync_runs::visible(&syncs, &caller, &asker, id).await?;
    let waits_for = match run.state {
        RunState::Waiting => waits_for(&syncs, run.sync_run_id).await?,
        _ => None,
    };
    let now = Timestamp::now();
    let filter =
        ChangeFilter { run: Some(run.sync_run_id), limit: MAX_CHANGES, ..ChangeFilter::default() };
    // Who may read only a run of their own reads no changes either, as at the API.
    let reads_all = visitor.may(Permission::ReadRuns);
    let changes = if reads_all { syncs.list_changes(&filter).await? } else { Vec::new() };
    let changes = changes.into_iter().map(|change| ChangeRow::new(change, now)).collect();
    // Another replica's runs are seen by what they have saved.
    let progress = syncs.progress(run.sync_run_id);
    let page = RunPage { waits_for, progress, changes, ..RunPage::new(&syncs, &visitor, &run) };
    answer::page(&headers, &page)
}

/// What a run that has not begun waits for.
async fn waits_for(syncs: &Syncs, run: SyncRunId) -> Result<Option<String>, Fault> {
    if let Some(pause) = syncs.paused().await? {
        let reason = sentence(&pause.reason);
        return Ok(Some(format!("the end of the pause. The service is paused: {reason}")));
    }
    let wait = syncs.wait_of(run).await?;
    Ok(wait.map(|wait| match wait {
        QueueWait::Turn { waiting: 1 } => "its turn; no other run waits.".to_owned(),
        QueueWait::Turn { waiting } => {
            format!("its turn; {} runs wait.", number(waiting))
        }
        QueueWait::Record => "another run of this record.".to_owned(),
    }))
}

/// `POST /console/runs/{syncRunId}/replay`.
pub(super) async fn replay(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    RunInPath(id): RunInPath,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    let run = sync_runs::find(&syncs, id).await?.sync_run_id;
    form.take(&syncs).await?;
    let started = syncs.replay(run, asker.name()).await?;
    let (record, started) = started.ok_or_else(|| sync_runs::not_found(&id.to_string()))?;
    log_fields::set_record(&record);
    log_fields::set_parameters(format!("replayOf={run}"));
    log_fields::set_outcome("accepted".to_owned());
    Ok(Redirect::to(&format!("/console/runs/{}", started.id)).into_response())
}

/// `POST /console/runs/{syncRunId}/apply`: exactly what this dry run has shown.
pub(super) async fn apply(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    Extension(caller): Extension<Caller>,
    asker: Requester,
    RunInPath(id): RunInPath,
    form: Form,
) -> Result<Response, Fault> {
    let run = sync_runs::visible(&syncs, &caller, &asker, id).await?;
    let plan = run.result.as_ref().filter(|_| run.dry_run && run.state == RunState::Ended);
    let plan = plan.and_then(|result| result.plan_hash.as_deref()?.parse().ok());
    let task = syncs.task_of(run.sync_run_id).await?;
    let (Some(plan), Some(task)) = (plan, task) else {
        let message =
            "This run has shown nothing that could be applied; make a preview of the record first";
        return Err(Fault::new(StatusCode::CONFLICT, "PLAN_REQUIRED", message));
    };
    visitor.needs(needed(&task))?;
    let next = Next { mode: SyncMode::Apply, task, plan: Some(plan) };
    record::begin(&syncs, &asker, &run.parent_record_id, &form, next).await
}

fn needed(task: &RunTask) -> Permission {
    match task {
        RunTask::Sync => Permission::Sync,
        RunTask::EndDate(_) => Permission::EndDate,
    }
}

impl RunPage {
    fn new(syncs: &Syncs, visitor: &Visitor, run: &SyncRun) -> Self {
        let now = Timestamp::now();
        let is_over = matches!(run.state, RunState::Ended | RunState::Retrying);
        let shell =
            Shell::new(visitor, "runs", format!("{} of {}", kind(run), run.parent_record_id));
        let callouts = run.callouts.as_deref().unwrap_or_default();
        let (bars, all_ms) = waterfall::bars(callouts);
        let all_bars = bars.len();
        let tells = |(place, bar): &(usize, Bar)| {
            *place < FIRST_BARS || bar.is_critical || bar.class != "ok"
        };
        let bars = bars.into_iter().enumerate().filter(tells).map(|(_, bar)| bar);
        let bars: Vec<Bar> = bars.take(MAX_BARS).collect();
        let objects = run.object_results.as_deref().unwrap_or_default();
        let (shown, others) = divided(objects, |object| ShownObject::new(syncs, object));
        let result = run.result.as_ref();
        let plan = result
            .filter(|_| run.dry_run && run.state == RunState::Ended)
            .filter(|_| visitor.may(applied_with(run)) && visitor.caller.limits.may_write())
            .and_then(|result| result.plan_hash.clone());
        let is_idle = run.dry_run
            && run.state == RunState::Ended
            && !objects.is_empty()
            && objects.iter().all(|object| object.action.as_str() == "unchanged");
        Self {
            shell: if run.state == RunState::Ended { shell } else { shell.live(LIVE_MS) },
            once: once_of(run),
            id: run.sync_run_id.to_string(),
            record: run.parent_record_id.clone(),
            record_url: row_url(syncs, &run.parent_record_id),
            mark: Mark::of_run(run),
            what: kind(run),
            message: result
                .map(message)
                .or_else(|| run.tries.last().map(|last| last.message.clone())),
            facts: facts(run, callouts.len()),
            requested: When::new(run.requested_at, now),
            next_try: run.next_try_at.map(|at| When::new(at, now)),
            waits_for: None,
            progress: None,
            counts: in_words(objects),
            objects: shown,
            others,
            warnings: result
                .map(|result| result.warnings.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            tries: run
                .tries
                .iter()
                .map(|a_try| {
                    let mark = Mark::of_status(a_try.sync_status.as_str());
                    (mark, a_try.clone(), When::new(a_try.started_at, now))
                })
                .collect(),
            more_bars: all_bars - bars.len(),
            bars,
            first_bars: FIRST_BARS,
            total: time(u64::try_from(all_ms).unwrap_or_default()),
            related: related(run),
            changes: Vec::new(),
            is_over,
            may_replay: is_over
                && visitor.may(Permission::Operate)
                && matches!(run.kind.as_str(), "sync" | "endDate"),
            plan,
            is_idle,
        }
    }
}

impl ShownObject {
    pub(super) fn new(syncs: &Syncs, object: &ObjectResult) -> Self {
        Self {
            name: object.object_name.clone(),
            mark: Mark::of_action(object.action.as_str()),
            message: message_of(object),
            row: object.salesforce_id.clone(),
            row_url: row_url(syncs, &object.salesforce_id),
            m3ter_id: object.m3ter_id.clone(),
            finding: object.finding_code.clone(),
            remedy: object.remedy.clone(),
            warnings: object.warnings.iter().map(ToString::to_string).collect(),
            changes: object.changes.clone().unwrap_or_default(),
        }
    }
}

/// What an object says beside what is shown of it: its id and, in a dry run, its fields.
fn message_of(object: &ObjectResult) -> String {
    match (object.message.split_once(": "), &object.m3ter_id) {
        (Some(("m3ter Identifier", id)), Some(m3ter_id)) if id == m3ter_id => String::new(),
        (Some((updated @ "Would be updated", _)), _) => updated.to_owned(),
        _ => object.message.clone(),
    }
}

/// What a run says; of a sync in part the API's sentence is that of one that was completed.
fn message(result: &SyncResult) -> String {
    let wrong = result.object_results.iter().filter(|object| !object.success).count();
    if result.sync_status != SyncStatus::PartialSuccess {
        return result.message.clone();
    }
    let all = counted(result.object_results.len(), "object");
    let would = if result.dry_run { "would not be" } else { "are not" };
    let would = if wrong == 1 && !result.dry_run { "is not" } else { would };
    format!("{wrong} of {all} {would} as the record asks; the list below says why, and what to do")
}

/// Of many objects those that need a look, and apart from them the others.
fn divided(
    objects: &[ObjectResult],
    shown: impl Fn(&ObjectResult) -> ShownObject,
) -> (Vec<ShownObject>, Vec<ShownObject>) {
    let is_calm = |object: &ObjectResult| objects.len() > MAX_OBJECTS && object.success;
    let (calm, others): (Vec<_>, Vec<_>) = objects.iter().partition(|object| is_calm(object));
    (others.into_iter().map(&shown).collect(), calm.into_iter().map(&shown).collect())
}

/// `6 objects: 2 created, 4 unchanged`.
fn in_words(objects: &[ObjectResult]) -> String {
    let actions = ["created", "adopted", "updated", "unchanged", "skipped", "failed"];
    let parts: Vec<String> = actions
        .iter()
        .map(|action| (objects.iter().filter(|object| object.action.as_str() == *action), action))
        .map(|(of, action)| (of.count(), action))
        .filter(|(count, _)| *count > 0)
        .map(|(count, action)| format!("{count} {action}"))
        .collect();
    format!("{}: {}", counted(objects.len(), "object"), parts.join(", "))
}

fn applied_with(run: &SyncRun) -> Permission {
    if run.kind == "sync" { Permission::Sync } else { Permission::EndDate }
}

/// A page that looks again is the same until something has changed: it has no form, or the number
/// of one that is taken for a run that is over.
fn once_of(run: &SyncRun) -> String {
    if run.state == RunState::Ended { once() } else { String::new() }
}

fn facts(run: &SyncRun, callouts: usize) -> Vec<(&'static str, String)> {
    let took = run.started_at.zip(run.ended_at).map(|(begun, ended)| {
        time(u64::try_from(ended.duration_since(begun).as_millis()).unwrap_or_default())
    });
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    [
        ("Asked for by", some(run.requested_by.join(", "))),
        ("As the Salesforce user", some(run.salesforce_user_ids.join(", "))),
        ("Took", took),
        ("Callouts", Some(number(u64::try_from(callouts).unwrap_or(u64::MAX)))),
        ("Error code", run.error_code.clone()),
        ("To look at", some(run.attention.join(", "))),
        ("Takeovers", Some(run.takeovers).filter(|n| *n > 0).map(|n| n.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn related(run: &SyncRun) -> Vec<(&'static str, String)> {
    let repeats = run.replay_of.iter().map(|id| ("Repeats", id.to_string()));
    let done = run.superseded_by.iter().map(|id| ("Done by", id.to_string()));
    let again = run.replays.iter().map(|id| ("Repeated by", id.to_string()));
    repeats.chain(done).chain(again).collect()
}
