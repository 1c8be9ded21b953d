//! `runs`: what the service has done, and doing it again, from a terminal.

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;

use super::table::table;
use super::{Outcome, audit, print, run_to_its_end, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::RunTask;
use crate::domain::warning::{Attention, AttentionFilter};
use crate::store::{Replay, RunFilter, Store};
use crate::sync::{REPLAY_EVERY, Scope};

/// What to do with runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first.
    List {
        /// Only runs that ended with this status.
        #[arg(long, value_parser = ["Completed", "Partial Success", "Failed"])]
        status: Option<String>,
        /// Only runs that somebody should look at: `any`, or a code of `attention`.
        #[arg(long, value_parser = attention)]
        attention: Option<AttentionFilter>,
        /// Which runs.
        #[command(flatten)]
        filter: Filter,
    },
    /// Show one run: its results, its callouts, its tries.
    Show {
        /// The run's ID.
        sync_run_id: String,
    },
    /// Run one run again, or all failed syncs that a filter names and that no later run has made
    /// good.
    Replay {
        /// The run's ID; none: those that the filter names, by the running service.
        #[arg(conflicts_with_all = ["record", "error_code", "since", "until", "limit", "kind", "dry_run"])]
        sync_run_id: Option<String>,
        /// What they did: end datings are repeated only if they are asked for.
        #[arg(long, value_parser = ["sync", "endDate"], default_value = "sync")]
        kind: String,
        /// Only show which runs would be run again.
        #[arg(long)]
        dry_run: bool,
        /// Which runs.
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which runs.
#[derive(Debug, Clone, Args)]
pub struct Filter {
    /// Of this record.
    #[arg(long)]
    pub record: Option<String>,
    /// That failed with this code.
    #[arg(long)]
    pub error_code: Option<String>,
    /// Asked for at this time or later: 2026-12-31T00:00:00Z.
    #[arg(long)]
    pub since: Option<Timestamp>,
    /// Asked for before this time.
    #[arg(long)]
    pub until: Option<Timestamp>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
}

/// Carries out one of the commands.
pub async fn run(config: Config, command: RunsCommand) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List { status, attention, filter } => {
            list(&config, status, attention, filter).await
        }
        RunsCommand::Show { sync_run_id } => show(&config, &sync_run_id).await,
        RunsCommand::Replay { sync_run_id: Some(id), .. } => replay(&config, &id).await,
        RunsCommand::Replay { sync_run_id: None, kind, dry_run, filter } => {
            let kind = if kind == "endDate" { "endDate" } else { "sync" };
            replay_many(&config, kind, dry_run, filter).await
        }
    }
}

impl Filter {
    fn read(self) -> Result<RunFilter, String> {
        let record = self
            .record
            .as_deref()
            .map(SalesforceId::parse)
            .transpose()
            .map_err(|invalid| invalid.to_string())?;
        Ok(RunFilter {
            parent_record_id: record,
            kind: None,
            sync_status: None,
            error_code: self.error_code,
            attention: None,
            since: self.since,
            until: self.until,
            before: None,
            limit: self.limit,
        })
    }
}

fn attention(text: &str) -> Result<AttentionFilter, String> {
    let codes = || Attention::codes().join(", ");
    AttentionFilter::parse(text).ok_or_else(|| format!("it takes any, or one of {}", codes()))
}

async fn list(
    config: &Config,
    status: Option<String>,
    attention: Option<AttentionFilter>,
    filter: Filter,
) -> anyhow::Result<Outcome> {
    let filter = match filter.read() {
        Ok(filter) => RunFilter { sync_status: status, attention, ..filter },
        Err(problem) => return Ok(unusable(problem)),
    };
    let store = Store::open(&config.database_url).await?;
    let runs = store.list_runs(&filter).await?;
    store.close().await;
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "Run",
        "Record",
        "Kind",
        "State",
        "Asked for at",
        "Status",
        "Error code",
        "Attention",
        "Tries",
        "Asked for by",
    ]);
    for run in runs {
        let kind = if run.dry_run { format!("{} (dry run)", run.kind) } else { run.kind };
        table.add_row([
            run.sync_run_id.to_string(),
            run.parent_record_id,
            kind,
            run.state.to_string(),
            run.requested_at.to_string(),
            run.sync_status.unwrap_or_default(),
            run.error_code.unwrap_or_default(),
            run.attention.join(", "),
            run.tries.len().to_string(),
            run.requested_by
                .into_iter()
                .chain(run.salesforce_user_ids)
                .collect::<Vec<_>>()
                .join(", "),
        ]);
    }
    print(table);
    Ok(Outcome::Done)
}

async fn show(config: &Config, id: &str) -> anyhow::Result<Outcome> {
    let store = Store::open(&config.database_url).await?;
    let run = match SyncRunId::parse(id) {
        Some(id) => store.load_run(id).await?,
        None => None,
    };
    store.close().await;
    let Some(run) = run else { return Ok(unusable(format_args!("there is no run `{id}`"))) };
    print(serde_json::to_string_pretty(&run)?);
    Ok(Outcome::Done)
}

async fn replay(config: &Config, id: &str) -> anyhow::Result<Outcome> {
    let store = Store::open(&config.database_url).await?;
    let request = match SyncRunId::parse(id) {
        Some(id) => store.load_request(id).await?,
        None => None,
    };
    store.close().await;
    let Some(request) = request else {
        return Ok(unusable(format_args!("there is no run `{id}`")));
    };
    let app = App::new(config, Scope::Record(request.parent_record_id)).await?;
    match app.syncs.replay(request.id, Some(user())).await? {
        Some((record, run)) => {
            audit(
                "runs replay",
                record.as_str(),
                &run.id.to_string(),
                &format!("replayOf={}", request.id),
            );
            run_to_its_end(app, run, &format!("running {record} again")).await
        }
        None => Ok(unusable(format_args!("there is no run `{id}`"))),
    }
}

async fn replay_many(
    config: &Config,
    kind: &'static str,
    dry_run: bool,
    filter: Filter,
) -> anyhow::Result<Outcome> {
    let filter = match filter.read() {
        Ok(filter) => RunFilter { kind: Some(kind), ..filter },
        Err(problem) => return Ok(unusable(problem)),
    };
    if filter.error_code.is_none() && filter.since.is_none() && filter.parent_record_id.is_none() {
        return Ok(unusable("say which runs: an ID, --error-code, --since or --record"));
    }
    let store = Store::open(&config.database_url).await?;
    let planned = if dry_run {
        store.plan_replays(&filter).await
    } else {
        store.schedule_replays(&filter, REPLAY_EVERY, Some(user())).await
    };
    if let (false, Ok(planned)) = (dry_run, &planned) {
        audit("runs replay", "", "", &format!("{} planned={}", filter.in_words(), planned.len()));
    }
    store.close().await;
    let planned = planned?;
    let runs = if planned.len() == 1 { "run" } else { "runs" };
    if dry_run {
        print(format_args!("{} {runs} would be run again", planned.len()));
        show_replays(&planned);
        return Ok(Outcome::Done);
    }
    print(format_args!(
        "{} {runs} will be run again by the running service, one every {} ms",
        planned.len(),
        REPLAY_EVERY.as_millis()
    ));
    for run in planned.iter().filter_map(|replay| replay.run) {
        print(run);
    }
    Ok(Outcome::Done)
}

fn show_replays(replays: &[Replay]) {
    let mut table =
        table(["Failed run", "Record", "Kind", "Asked for at", "Error code", "Ends at"]);
    for replay in replays {
        let end = match &replay.task {
            Some(RunTask::EndDate(order)) => order.end_date.to_string(),
            _ => String::new(),
        };
        table.add_row([
            replay.failed.to_string(),
            replay.parent_record_id.to_string(),
            replay.task.as_ref().map_or("unknown", RunTask::kind).to_owned(),
            replay.requested_at.to_string(),
            replay.error_code.clone().unwrap_or_default(),
            end,
        ]);
    }
    if !replays.is_empty() {
        print(table);
    }
}
