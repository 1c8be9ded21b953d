//! `runs`: what the service has done, and doing it again, from a terminal.

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;

use super::{Outcome, print, run_to_its_end, unusable};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::store::{RunFilter, Store};
use crate::sync::{REPLAY_EVERY, Scope};

/// What to do with runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first.
    List {
        /// That ended so.
        #[arg(long, value_parser = ["Completed", "Partial Success", "Failed"])]
        status: Option<String>,
        /// Which runs.
        #[command(flatten)]
        filter: Filter,
    },
    /// Show one run: its results, its callouts, its tries.
    Show {
        /// The run's id.
        sync_run_id: String,
    },
    /// Run one run again, or all failed ones that a filter names.
    Replay {
        /// The run's id; none: those that the filter names, by the running service.
        #[arg(conflicts_with_all = ["record", "error_code", "since", "until", "limit"])]
        sync_run_id: Option<String>,
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
        RunsCommand::List { status, filter } => list(&config, status, filter).await,
        RunsCommand::Show { sync_run_id } => show(&config, &sync_run_id).await,
        RunsCommand::Replay { sync_run_id: Some(id), .. } => replay(&config, &id).await,
        RunsCommand::Replay { sync_run_id: None, filter } => replay_many(&config, filter).await,
    }
}

impl Filter {
    fn read(self) -> Result<RunFilter, String> {
        let record = self.record.as_deref().map(SalesforceId::parse).transpose().map_err(|invalid| invalid.to_string())?;
        Ok(RunFilter {
            parent_record_id: record,
            sync_status: None,
            error_code: self.error_code,
            since: self.since,
            until: self.until,
            before: None,
            limit: self.limit,
        })
    }
}

async fn list(config: &Config, status: Option<String>, filter: Filter) -> anyhow::Result<Outcome> {
    let filter = match filter.read() {
        Ok(filter) => RunFilter { sync_status: status, ..filter },
        Err(problem) => return Ok(unusable(problem)),
    };
    let store = Store::open(&config.database_url).await?;
    let runs = store.list_runs(&filter).await?;
    store.close().await;
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["Run", "Record", "Kind", "State", "Asked for at", "Status", "Error code", "Tries"]);
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
            run.tries.len().to_string(),
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
    let Some(request) = request else { return Ok(unusable(format_args!("there is no run `{id}`"))) };
    let app = App::new(config, Scope::Record(request.parent_record_id)).await?;
    match app.syncs.replay(request.id, None).await? {
        Some((record, run)) => run_to_its_end(app, run, &format!("running {record} again")).await,
        None => Ok(unusable(format_args!("there is no run `{id}`"))),
    }
}

async fn replay_many(config: &Config, filter: Filter) -> anyhow::Result<Outcome> {
    let filter = match filter.read() {
        Ok(filter) => filter,
        Err(problem) => return Ok(unusable(problem)),
    };
    if filter.error_code.is_none() && filter.since.is_none() && filter.parent_record_id.is_none() {
        return Ok(unusable("say which runs: an id, --error-code, --since or --record"));
    }
    let store = Store::open(&config.database_url).await?;
    let planned = store.schedule_replays(&filter, REPLAY_EVERY, None).await?;
    store.close().await;
    let runs = if planned.len() == 1 { "run" } else { "runs" };
    print(format_args!("{} {runs} will be run again by the running service, one every {} ms", planned.len(), REPLAY_EVERY.as_millis()));
    for id in planned {
        print(id);
    }
    Ok(Outcome::Done)
}
