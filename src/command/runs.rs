//! `runs`: what the service has done, and doing it again, from a terminal.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::attended::Attendance;
use super::output::{self, Column, Form, Output, Screen};
use super::place::Place;
use super::{Outcome, audit, given, print, remark, remote_runs, report, unusable, user, watch};
use crate::app::App;
use crate::config::Config;
use crate::domain::answer::{COMPLETED_MESSAGE, Counts};
use crate::domain::ids::SyncRunId;
use crate::domain::run::{RunState, RunTask, SyncRun};
use crate::domain::warning::{Attention, AttentionFilter};
use crate::store::{Replay, RunFilter};
use crate::sync::{REPLAY_EVERY, Scope};

/// What runs end with.
const STATUSES: [&str; 3] = ["Completed", "Partial Success", "Failed"];

/// What to do with runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first.
    List(Wanted),
    /// Show one run: its results, its callouts, its tries.
    Show {
        /// The run's ID, a beginning of it that no other run has, or `latest`.
        sync_run_id: String,
        /// In which form; in a pipe it is JSON.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Follow a run to its end, and print its result; the exit code is that of a sync.
    Watch {
        /// The run's ID, a beginning of it, or `latest`.
        #[arg(default_value = "latest", conflicts_with = "all")]
        sync_run_id: String,
        /// Print a line for each run as it ends, until an interrupt.
        #[arg(long)]
        all: bool,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Run one run again, or all failed syncs that a filter names and that no later run has made
    /// good.
    Replay {
        /// The run's ID, a beginning of it, or `latest`; none: those that the filter names, by the running service.
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
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
}

/// Which runs are listed, and in which form.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// Only runs that ended with this status.
    #[arg(long, ignore_case = true, value_parser = STATUSES)]
    status: Option<String>,
    /// Only runs that failed or succeeded in part, and that no later run has made good: one for each
    /// record.
    #[arg(long)]
    unresolved: bool,
    /// Only runs in this state.
    #[arg(long, value_parser = RunState::WORDS)]
    state: Option<String>,
    /// Only runs that did this.
    #[arg(long, value_parser = RunFilter::KINDS)]
    kind: Option<String>,
    /// Only runs that this caller asked for: the name of an API key, or `cli:alice`.
    #[arg(long)]
    caller: Option<String>,
    /// Only runs that somebody should look at: `any`, or a code of `attention`.
    #[arg(long, value_parser = attention)]
    attention: Option<AttentionFilter>,
    /// Which runs.
    #[command(flatten)]
    filter: Filter,
    /// Only runs older than this one: where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
    /// In which form.
    #[command(flatten)]
    form: Form,
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
    /// Asked for at this time or later: 2026-12-31T00:00:00Z, 2026-12-31, yesterday, or 1d (a day ago).
    #[arg(long, value_parser = given::instant)]
    pub since: Option<Timestamp>,
    /// Asked for before this time.
    #[arg(long, value_parser = given::instant)]
    pub until: Option<Timestamp>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
}

impl RunsCommand {
    /// Whether this process runs a run again, which needs all settings; the rest needs the
    /// database's only.
    pub fn runs_here(&self) -> bool {
        matches!(self, Self::Replay { sync_run_id: Some(_), .. })
    }
}

/// Carries out a command that needs the database only, or a service.
pub async fn run(place: Place, command: RunsCommand) -> anyhow::Result<Outcome> {
    let outcome = carry_out(&place, command).await;
    place.close().await;
    outcome
}

async fn carry_out(place: &Place, command: RunsCommand) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List(wanted) => list(place, wanted).await,
        RunsCommand::Show { sync_run_id, output } => show(place, &sync_run_id, output).await,
        RunsCommand::Watch { all: true, form, .. } => {
            watch::all(place, |run| output::list(form, &COLUMNS, &[run], |run| vec![row(run)]))
                .await
        }
        RunsCommand::Watch { sync_run_id, form, .. } => {
            match given::run(place, &sync_run_id).await? {
                Ok(run) => watch::one(place, run, form.output).await,
                Err(problem) => Ok(unusable(problem)),
            }
        }
        RunsCommand::Replay { sync_run_id: Some(run), form, .. } => {
            remote_runs::replay(place, &run, form.output).await
        }
        RunsCommand::Replay { kind, dry_run, filter, form, .. } => {
            let kind = if kind == "endDate" { "endDate" } else { "sync" };
            replay_many(place, kind, dry_run, filter, form).await
        }
    }
}

impl Filter {
    fn read(self) -> Result<RunFilter, String> {
        let record = self
            .record
            .as_deref()
            .map(given::record)
            .transpose()
            .map_err(|invalid| invalid.to_string())?;
        Ok(RunFilter {
            parent_record_id: record,
            error_code: self.error_code,
            since: self.since,
            until: self.until,
            limit: self.limit,
            ..RunFilter::default()
        })
    }
}

impl Wanted {
    fn read(self) -> Result<RunFilter, String> {
        let status = self.status.as_deref();
        let known = |typed: &str| STATUSES.into_iter().find(|one| one.eq_ignore_ascii_case(typed));
        let before = self.cursor.as_deref().map(|cursor| {
            SyncRunId::parse(cursor).ok_or_else(|| format!("`{cursor}` is not a cursor"))
        });
        Ok(RunFilter {
            sync_status: status.and_then(known).map(str::to_owned),
            unresolved: self.unresolved,
            state: self.state.as_deref().and_then(|state| state.parse().ok()),
            kind: self.kind.and_then(|kind| RunFilter::KINDS.into_iter().find(|it| *it == kind)),
            requested_by: self.caller,
            attention: self.attention,
            before: before.transpose()?,
            ..self.filter.read()?
        })
    }
}

fn attention(text: &str) -> Result<AttentionFilter, String> {
    let codes = || Attention::codes().join(", ");
    AttentionFilter::parse(text).ok_or_else(|| format!("it takes any, or one of {}", codes()))
}

const COLUMNS: [Column; 13] = [
    Column::word("Run"),
    Column::word("Record"),
    Column::word("Kind").rank(4),
    Column::word("State").rank(5),
    Column::time("Asked for at").rank(1),
    Column::status("Status"),
    Column::word("Error code").rank(2),
    Column::text("Message").rank(8),
    Column::text("Objects").rank(10),
    Column::text("Attention").rank(3),
    Column::word("Took").rank(9),
    Column::word("Tries").rank(7),
    Column::text("Asked for by").rank(6),
];

async fn list(place: &Place, wanted: Wanted) -> anyhow::Result<Outcome> {
    let form = wanted.form;
    let filter = match wanted.read() {
        Ok(filter) => filter,
        Err(problem) => return Ok(unusable(problem)),
    };
    let runs = place.list_runs(&filter).await?;
    output::list(form, &COLUMNS, &runs, |run| vec![row(run)])?;
    Ok(Outcome::Done)
}

fn row(run: &SyncRun) -> [String; 13] {
    let kind = if run.dry_run { format!("{} (dry run)", run.kind) } else { run.kind.clone() };
    let asked_by = run.requested_by.iter().chain(&run.salesforce_user_ids);
    let state = match (run.lease_until, run.next_try_at) {
        (Some(lease), _) => format!("{}, lease until {lease}", run.state),
        (None, Some(next)) => format!("{} at {next}", run.state),
        (None, None) => run.state.to_string(),
    };
    // That all went well is no word for a part of it.
    let is_partial = run.sync_status.as_deref() == Some("Partial Success");
    let message =
        run.message.clone().filter(|message| !(is_partial && message == COMPLETED_MESSAGE));
    [
        run.sync_run_id.to_string(),
        run.parent_record_id.clone(),
        kind,
        state,
        run.requested_at.to_string(),
        run.sync_status.clone().unwrap_or_default(),
        run.error_code.clone().unwrap_or_default(),
        message.unwrap_or_default(),
        run.counts.map(in_words).unwrap_or_default(),
        run.attention.join(", "),
        run.duration_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
        run.tries.len().to_string(),
        asked_by.cloned().collect::<Vec<_>>().join(", "),
    ]
}

/// `1 created, 5 unchanged`.
fn in_words(counts: Counts) -> String {
    let Counts { created, updated, unchanged, skipped, failed } = counts;
    let counted = [
        (created, "created"),
        (updated, "updated"),
        (unchanged, "unchanged"),
        (skipped, "skipped"),
        (failed, "failed"),
    ];
    let told = counted.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

async fn show(place: &Place, id: &str, output: Output) -> anyhow::Result<Outcome> {
    let run = match given::run(place, id).await? {
        Ok(id) => place.load_run(id).await?,
        Err(problem) => return Ok(unusable(problem)),
    };
    let Some(run) = run else { return Ok(unusable(format_args!("there is no run `{id}`"))) };
    let screen = Screen::of_stdout();
    if output == Output::Csv {
        output::list(Form { output, utc: true }, &COLUMNS, &[run], |run| vec![row(run)])?;
    } else if output == Output::Json || !screen.is_terminal() {
        print(serde_json::to_string_pretty(&run)?);
    } else {
        for (column, cell) in COLUMNS.iter().zip(row(&run)).filter(|(_, cell)| !cell.is_empty()) {
            print(format_args!("{:<14}{cell}", column.title()));
        }
        if let Some(result) = &run.result {
            print("");
            report::print_result(result, Output::Table)?;
        }
    }
    Ok(Outcome::Done)
}

/// Runs one run again, in this process.
pub async fn replay(config: &Config, command: RunsCommand) -> anyhow::Result<Outcome> {
    let RunsCommand::Replay { sync_run_id: Some(id), form: Form { output, .. }, .. } = command
    else {
        return run(Place::database(&config.database_url).await?, command).await;
    };
    let id = id.as_str();
    let place = Place::database(&config.database_url).await?;
    let request = match given::run(&place, id).await? {
        Ok(id) => place.load_request(id).await?,
        Err(problem) => {
            place.close().await;
            return Ok(unusable(problem));
        }
    };
    place.close().await;
    let Some(request) = request else {
        return Ok(unusable(format_args!("there is no run `{id}`")));
    };
    let record = request.parent_record_id;
    let attendance = Attendance::new(format!("running {record} again"), &record)?;
    let app = App::new(config, Scope::of(record)).await?;
    match app.syncs.replay(request.id, Some(user())).await? {
        Some((record, run)) => {
            audit(
                "runs replay",
                record.as_str(),
                &run.id.to_string(),
                &format!("replayOf={}", request.id),
            );
            attendance.to_its_end(app, run, output, Outcome::of).await
        }
        None => Ok(unusable(format_args!("there is no run `{id}`"))),
    }
}

async fn replay_many(
    place: &Place,
    kind: &'static str,
    dry_run: bool,
    filter: Filter,
    form: Form,
) -> anyhow::Result<Outcome> {
    let filter = match filter.read() {
        Ok(filter) => RunFilter { kind: Some(kind), ..filter },
        Err(problem) => return Ok(unusable(problem)),
    };
    if filter.error_code.is_none() && filter.since.is_none() && filter.parent_record_id.is_none() {
        return Ok(unusable("say which runs: an ID, --error-code, --since or --record"));
    }
    let store = match place {
        Place::Database(store) => store,
        Place::Service(service) => {
            return remote_runs::replay_many(service, kind, &filter, dry_run, form).await;
        }
    };
    let planned = if dry_run {
        store.plan_replays(&filter).await
    } else {
        store.schedule_replays(&filter, REPLAY_EVERY, Some(user())).await
    };
    if let (false, Ok(planned)) = (dry_run, &planned) {
        audit("runs replay", "", "", &format!("{} planned={}", filter.in_words(), planned.len()));
    }
    let planned = planned?;
    let runs = if planned.len() == 1 { "run" } else { "runs" };
    if dry_run {
        if form.output == Output::Table {
            print(format_args!("{} {runs} would be run again", planned.len()));
        }
        show_replays(&planned, form)?;
        return Ok(Outcome::Done);
    }
    let told = format!(
        "{} {runs} will be run again by the running service, one every {} ms",
        planned.len(),
        REPLAY_EVERY.as_millis()
    );
    if form.output == Output::Table {
        print(told);
        planned.iter().filter_map(|replay| replay.run).for_each(print);
    } else {
        remark(told);
        show_replays(&planned, form)?;
    }
    Ok(Outcome::Done)
}

const REPLAY_COLUMNS: [Column; 7] = [
    Column::word("Failed run"),
    Column::word("Record"),
    Column::word("Kind").rank(3),
    Column::time("Asked for at").rank(1),
    Column::word("Error code"),
    Column::word("Ends at").rank(2),
    Column::word("Run").rank(4),
];

fn show_replays(replays: &[Replay], form: Form) -> anyhow::Result<()> {
    let rows = replays.iter().map(|replay| {
        let end = match &replay.task {
            Some(RunTask::EndDate(order)) => order.end_date.to_string(),
            _ => String::new(),
        };
        vec![
            replay.failed.to_string(),
            replay.parent_record_id.to_string(),
            replay.task.as_ref().map_or("unknown", RunTask::kind).to_owned(),
            replay.requested_at.to_string(),
            replay.error_code.clone().unwrap_or_default(),
            end,
            replay.run.map_or_else(String::new, |run| run.to_string()),
        ]
    });
    output::list_rows(form, &REPLAY_COLUMNS, &rows.collect::<Vec<_>>())
}
