//! `sync`: records from a terminal, one after the other.

use anyhow::Context as _;
use clap::Args;
use tokio::sync::watch;

use super::attended::{Attendance, Attended, say_paused};
use super::interrupt::interrupt_signal;
use super::output::Output;
use super::remote::Remote;
use super::remote_runs::{self, RemoteEnd};
use super::{Outcome, audit, given, print, remark, report, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::answer::SyncResult;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::plan::PlanHash;
use crate::sync::{RunRequest, Scope, StartedRun, SyncMode};

/// What is synced, and how.
#[derive(Debug, Clone, Args)]
pub struct Syncing {
    /// The Salesforce IDs of the records, with 15 or 18 characters, or the addresses of their pages;
    /// `-`: those in standard input, one a line.
    #[arg(required = true, value_name = "RECORD_ID")]
    pub record_ids: Vec<String>,
    /// Only show what would be written.
    #[arg(long)]
    pub dry_run: bool,
    /// End with 5 if the dry run found something to write, as `git diff --exit-code` does with 1.
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
    /// Write exactly the plan that a dry run showed, or nothing; of one record.
    #[arg(long, conflicts_with = "dry_run")]
    pub expected_plan: Option<PlanHash>,
    /// Do not show on standard error how far a sync is.
    #[arg(long, short)]
    pub quiet: bool,
    /// In which form the result is shown; `json` is the answer of the API, one line for each record.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The same by a service.
pub async fn run_remotely(service: &Remote, syncing: &Syncing) -> anyhow::Result<Outcome> {
    let records = match records(syncing) {
        Ok(records) => records,
        Err(problem) => return Ok(unusable(problem)),
    };
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let mut several = Several { syncing, records: &records, ended: Vec::new(), has_paused: false };
    for (position, record) in records.iter().enumerate() {
        let attended = if syncing.dry_run {
            let result: SyncResult = service.dry_run(record).await?;
            RemoteEnd::Ended(Box::new(result))
        } else {
            let plan = syncing.expected_plan.map(|plan| plan.to_string());
            let run = service.sync(record, plan).await?;
            let doing = format!("syncing {record}");
            remote_runs::wait(service, run, &doing, syncing.quiet, &interrupt).await?
        };
        match attended {
            RemoteEnd::Ended(result) => several.print(position, &result)?,
            RemoteEnd::Interrupted => {
                several.say_left(position + 1);
                return Ok(Outcome::Interrupted);
            }
        }
    }
    several.summarize();
    Ok(several.worst())
}

/// The records that are named; one alone if there is a plan.
fn records(syncing: &Syncing) -> Result<Vec<SalesforceId>, String> {
    let records = given::records(&syncing.record_ids)?;
    if records.len() > 1 && syncing.expected_plan.is_some() {
        return Err(
            "--expected-plan is the plan of one record; sync the others without it".to_owned()
        );
    }
    Ok(records)
}

/// Syncs the records and prints each result as soon as it is there. The outcome is the worst.
pub async fn run(mut config: Config, syncing: &Syncing) -> anyhow::Result<Outcome> {
    let records = match records(syncing) {
        Ok(records) => records,
        Err(problem) => return Ok(unusable(problem)),
    };
    // Nobody at a terminal needs to be answered within the time that Salesforce waits.
    config.runs.answers_at_the_end = true;
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let now = watch::Sender::new(records[0].clone());
    let app = App::new(&config, Scope::Record(now.subscribe())).await?;
    let mut several = Several { syncing, records: &records, ended: Vec::new(), has_paused: false };
    for (position, record) in records.iter().enumerate() {
        now.send_replace(record.clone());
        let doing = match records.len() {
            1 => format!("syncing {record}"),
            count => format!("{} of {count}: syncing {record}", position + 1),
        };
        let attendance = Attendance {
            doing,
            record: record.clone(),
            quiet: syncing.quiet,
            interrupt: interrupt.clone(),
        };
        let attended = match start(&app, &config, syncing, record).await {
            Ok(run) => attendance.wait(&app, run).await,
            Err(error) => Err(error),
        };
        match attended {
            Ok(Attended::Ended(result)) => several.print(position, result.as_ref())?,
            Ok(Attended::Paused(run)) => several.paused(run),
            Ok(Attended::Interrupted(run)) => {
                attendance.give_back(app, run).await;
                several.say_left(position + 1);
                return Ok(Outcome::Interrupted);
            }
            Err(error) => {
                several.say_left(position + 1);
                app.end().await?;
                return Err(error);
            }
        }
    }
    app.end().await?;
    several.summarize();
    Ok(several.worst())
}

async fn start(
    app: &App,
    config: &Config,
    syncing: &Syncing,
    record: &SalesforceId,
) -> anyhow::Result<StartedRun> {
    let mode = if syncing.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
    let expected_plan = syncing.expected_plan;
    let request = RunRequest {
        expected_plan,
        requested_by: Some(user()),
        waits: config.limits.time,
        ..RunRequest::sync(record.clone(), mode)
    };
    let run = app.syncs.start(request).await?;
    let plan = expected_plan.map_or_else(String::new, |plan| format!(" expectedPlan={plan}"));
    let parameters = format!("dryRun={}{plan}", mode == SyncMode::DryRun);
    audit("sync", record.as_str(), &run.id.to_string(), &parameters);
    Ok(run)
}

/// What came of the records so far.
struct Several<'a> {
    syncing: &'a Syncing,
    records: &'a [SalesforceId],
    ended: Vec<(String, Outcome)>,
    has_paused: bool,
}

impl Several<'_> {
    fn print(&mut self, position: usize, result: &SyncResult) -> anyhow::Result<()> {
        let count = self.records.len();
        let output = self.syncing.output;
        if count == 1 {
            report::print_result(result, output)?;
        } else {
            report::print_one_of(result, output, &self.records[position], position, count)?;
        }
        let outcome_of = if self.syncing.exit_code { Outcome::of_comparison } else { Outcome::of };
        self.ended.push((result.sync_status.to_string(), outcome_of(result)));
        Ok(())
    }

    fn paused(&mut self, run: SyncRunId) {
        say_paused(run);
        self.has_paused = true;
    }

    /// One line for people; a program has one for each record.
    fn summarize(&self) {
        if self.records.len() < 2 || self.syncing.output != Output::Table {
            return;
        }
        let counted = ["Completed", "Partial Success", "Failed"].map(|status| {
            let count = self.ended.iter().filter(|(ended, _)| ended == status).count();
            (count > 0).then(|| format!("{count} {status}"))
        });
        let mut counted: Vec<String> = counted.into_iter().flatten().collect();
        let waiting = self.records.len() - self.ended.len();
        counted.extend((waiting > 0).then(|| format!("{waiting} waiting")));
        print(format_args!("{} records: {}", self.records.len(), counted.join(", ")));
    }

    /// Says which records were not begun.
    fn say_left(&self, from: usize) {
        let left = &self.records[from..];
        if !left.is_empty() {
            let ids: Vec<&str> = left.iter().map(SalesforceId::as_str).collect();
            remark(format_args!("Not begun: {}", ids.join(" ")));
        }
    }

    fn worst(&self) -> Outcome {
        let paused = self.has_paused.then_some(Outcome::Failed);
        let outcomes = self.ended.iter().map(|(_, outcome)| *outcome).chain(paused);
        outcomes.max_by_key(|outcome| outcome.badness()).unwrap_or(Outcome::Done)
    }
}
