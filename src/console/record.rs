//! A record: is it in m3ter, what of it, and why not; a preview, a sync, and the end of billing.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;

use super::answer;
use super::changes::{ChangeRow, names};
use super::form::{Form, once};
use super::presence::Presence;
use super::runs::RunRow;
use super::session::Visitor;
use super::shell::Shell;
use super::time_line::TimeLine;
use super::words::row_url;
use crate::callers::Permission;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::EntityKind;
use crate::domain::ids::SalesforceId;
use crate::domain::plan::PlanHash;
use crate::domain::run::{RunState, RunTask, SyncRun};
use crate::http::end_date::EndDateRequest;
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::{Denied, Requester};
use crate::http::record::{RequestedRecord, render_parameters};
use crate::http::sync_runs;
use crate::sync::{ChangeFilter, Link, LinkRelation, RunFilter, RunRequest, SyncMode, Syncs};

const RUNS: u32 = 20;
/// Changes that tell the terms of objects, and those that are shown.
const MAX_CHANGES: u32 = 2_000;
const SHOWN_CHANGES: usize = 30;

#[derive(Template)]
#[template(path = "console/record.html")]
struct RecordPage {
    shell: Shell,
    once: String,
    record: String,
    url: String,
    presence: Presence,
    last: Option<String>,
    in_progress: Option<String>,
    heads: Vec<Node>,
    of_lines: Vec<Line>,
    runs: Vec<RunRow>,
    changes: Vec<ChangeRow>,
    /// How many of the changes are not shown.
    more_changes: usize,
    time_line: TimeLine,
    may_preview: bool,
    may_end: bool,
}

/// An object in the tree.
struct Node {
    kind: &'static str,
    key: String,
    name: Option<String>,
    m3ter_id: String,
    relation: &'static str,
    row: String,
    row_url: String,
}

/// A line's objects, with its row and the row's page in Salesforce.
struct Line {
    row: String,
    row_url: String,
    nodes: Vec<Node>,
}

impl Line {
    /// What it bills, as its Plan is called.
    fn name(&self) -> Option<&str> {
        self.nodes.iter().find_map(|node| node.name.as_deref())
    }
}

#[derive(Template)]
#[template(path = "console/end.html")]
struct EndPage {
    shell: Shell,
    once: String,
    record: String,
    /// The word of the API, how people say it, and whether it is chosen.
    entities: Vec<(&'static str, &'static str, bool)>,
    is_account: bool,
}

/// `GET /console/records/{parentRecordId}`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    let record = parse(&id)?;
    log_fields::set_record(&record);
    asker.check_object(&syncs, &record).await?;
    let filter =
        RunFilter { parent_record_id: Some(record.clone()), limit: RUNS, ..RunFilter::default() };
    let runs = sync_runs::page(&syncs, &asker, filter).await?.sync_runs;
    let links = syncs.links_of(&record).await?;
    let last = last_sync(&syncs, &asker, &record, &runs).await?;
    let filter = ChangeFilter {
        record: Some(record.clone()),
        limit: MAX_CHANGES,
        ..ChangeFilter::default()
    };
    let changes = syncs.list_changes(&filter).await?;
    let now = Timestamp::now();
    let (heads, of_lines) = tree(&syncs, &links, &names(&changes));
    let in_progress = runs.iter().find(|run| !run.dry_run && !run.is_over());
    let page = RecordPage {
        shell: Shell::new(&visitor, "records", format!("Record {record}")),
        once: once(),
        url: row_url(&syncs, record.as_str()),
        record: record.to_string(),
        presence: Presence::new(last.as_ref(), !links.is_empty(), now),
        last: last.map(|run| run.sync_run_id.to_string()),
        in_progress: in_progress.map(|run| run.sync_run_id.to_string()),
        heads,
        of_lines,
        runs: runs.iter().map(|run| RunRow::new(run, now)).collect(),
        time_line: TimeLine::new(&changes, now),
        more_changes: changes.len().saturating_sub(SHOWN_CHANGES),
        changes: changes
            .into_iter()
            .take(SHOWN_CHANGES)
            .map(|change| ChangeRow::new(change, now))
            .collect(),
        may_preview: visitor.may(Permission::Sync),
        may_end: visitor.may(Permission::EndDate),
    };
    answer::page(&headers, &page)
}

/// The last sync of a record of which a try has ended, with all that it says.
async fn last_sync(
    syncs: &Syncs,
    asker: &Requester,
    record: &SalesforceId,
    newest: &[SyncRun],
) -> Result<Option<SyncRun>, Fault> {
    let is_one = |run: &&SyncRun| !run.dry_run && run.kind == "sync" && run.is_over();
    let mut last = newest.iter().find(is_one).map(|run| run.sync_run_id);
    if last.is_none() && newest.len() == RUNS as usize {
        // It is behind many dry runs.
        let filter = RunFilter {
            parent_record_id: Some(record.clone()),
            kind: Some("sync"),
            dry_run: Some(false),
            state: Some(RunState::Ended),
            limit: 1,
            ..RunFilter::default()
        };
        let page = sync_runs::page(syncs, asker, filter).await?;
        last = page.sync_runs.first().map(|run| run.sync_run_id);
    }
    match last {
        Some(id) => Ok(syncs.run(id).await?),
        None => Ok(None),
    }
}

/// `POST /console/records/{parentRecordId}/preview`: a dry run, whose page shows the differences.
pub(super) async fn preview(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Sync)?;
    begin(&syncs, &asker, &id, &form, Next::preview(RunTask::Sync)).await
}

/// `GET /console/records/{parentRecordId}/end`: what is to end, and when.
pub(super) async fn ask_end(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    visitor.needs(Permission::EndDate)?;
    let record = parse(&id)?;
    asker.check_object(&syncs, &record).await?;
    let chosen = |entity: BillingEntity| {
        matches!(entity, BillingEntity::Contract | BillingEntity::AccountPlan)
    };
    let page = EndPage {
        shell: Shell::new(&visitor, "records", format!("End billing of {record}")),
        once: once(),
        is_account: record.key_prefix() == "001",
        record: record.to_string(),
        entities: BillingEntity::ALL
            .map(|entity| (entity.word(), said(entity), chosen(entity)))
            .to_vec(),
    };
    answer::with_status(StatusCode::OK, &page)
}

/// `POST /console/records/{parentRecordId}/end`: a dry run, whose page shows what would end.
pub(super) async fn end(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::EndDate)?;
    let request = EndDateRequest {
        end_date: form.given("endDate"),
        billing_entities: Some(form.all("entity").into_iter().map(Some).collect()),
        apply_to_children: Some(form.text("children") == "yes"),
        ..EndDateRequest::default()
    };
    let order = request.order().map_err(|failed| Fault::from(Denied::from(failed)))?;
    begin(&syncs, &asker, &id, &form, Next::preview(RunTask::EndDate(order))).await
}

fn said(entity: BillingEntity) -> &'static str {
    match entity {
        BillingEntity::Contract => "the Contract",
        BillingEntity::Prepayment => "Commitments",
        BillingEntity::Pricings => "Pricings",
        BillingEntity::CounterPricings => "counter pricings",
        BillingEntity::AccountPlan => "AccountPlans",
    }
}

/// A run that is to begin.
pub(super) struct Next {
    pub(super) mode: SyncMode,
    pub(super) task: RunTask,
    pub(super) plan: Option<PlanHash>,
}

impl Next {
    fn preview(task: RunTask) -> Self {
        Self { mode: SyncMode::DryRun, task, plan: None }
    }
}

/// Begins a run, and leads to its page.
pub(super) async fn begin(
    syncs: &Syncs,
    asker: &Requester,
    id: &str,
    form: &Form,
    Next { mode, task, plan }: Next,
) -> Result<Response, Fault> {
    let requested = RequestedRecord { id: Some(id), organization: None, salesforce_user: None };
    let permitted = asker.permit(syncs, requested, mode).await?;
    form.take(syncs).await?;
    let order = match &task {
        RunTask::Sync => String::new(),
        RunTask::EndDate(order) => format!(" {order}"),
    };
    log_fields::set_parameters(format!("{}{order}", render_parameters(mode, plan.as_ref())));
    let request = RunRequest { task, expected_plan: plan, mode, ..permitted };
    let started = syncs.start(request).await?;
    log_fields::set_run(&started.id);
    log_fields::set_outcome("accepted".to_owned());
    Ok(Redirect::to(&format!("/console/runs/{}", started.id)).into_response())
}

fn parse(id: &str) -> Result<SalesforceId, Fault> {
    SalesforceId::parse(id).map_err(|invalid| {
        Fault::new(StatusCode::NOT_FOUND, "INVALID_RECORD_ID", invalid.to_string())
    })
}

/// Account, Contract and Commitments above; below, each line with what it bills.
fn tree(syncs: &Syncs, links: &[Link], names: &BTreeMap<String, String>) -> (Vec<Node>, Vec<Line>) {
    let mut heads = Vec::new();
    let mut of_lines: Vec<Line> = Vec::new();
    for link in links {
        let node = Node {
            kind: link.object.kind.name(),
            key: link.object.key.clone(),
            name: names.get(link.m3ter_id.as_str()).cloned(),
            m3ter_id: link.m3ter_id.to_string(),
            relation: match link.relation {
                LinkRelation::Owned => "",
                relation => relation.as_str(),
            },
            row: link.object.row.to_string(),
            row_url: row_url(syncs, link.object.row.as_str()),
        };
        if matches!(
            link.object.kind,
            EntityKind::Account | EntityKind::Contract | EntityKind::Commitment
        ) {
            heads.push(node);
            continue;
        }
        match of_lines.iter_mut().find(|line| line.row == node.row) {
            Some(line) => line.nodes.push(node),
            None => of_lines.push(Line {
                row: node.row.clone(),
                row_url: node.row_url.clone(),
                nodes: vec![node],
            }),
        }
    }
    (heads, of_lines)
}
