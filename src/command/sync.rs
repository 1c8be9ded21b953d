//! `sync`: one record from a terminal.

use clap::Args;

use super::output::Output;
use super::{Outcome, audit, given, run_to_its_end, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::plan::PlanHash;
use crate::sync::{RunRequest, Scope, SyncMode};

/// What is synced, and how.
#[derive(Debug, Clone, Args)]
pub struct Syncing {
    /// The Salesforce ID of the record, with 15 or 18 characters, or the address of its page.
    pub record_id: String,
    /// Only show what would be written.
    #[arg(long)]
    pub dry_run: bool,
    /// End with 5 if the dry run found something to write, as `git diff --exit-code` does with 1.
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
    /// Write exactly the plan that a dry run showed, or nothing.
    #[arg(long, conflicts_with = "dry_run")]
    pub expected_plan: Option<PlanHash>,
    /// In which form the result is shown; `json` is the answer of the API.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Syncs one record and prints the result.
pub async fn run(mut config: Config, syncing: &Syncing) -> anyhow::Result<Outcome> {
    let mode = if syncing.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
    let expected_plan = syncing.expected_plan;
    let record = match given::record(&syncing.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    // Nobody at a terminal has to be answered within the time that Salesforce waits.
    config.runs.answers_at_the_end = true;
    let app = App::new(&config, Scope::Record(record.clone())).await?;
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
    let outcome_of = if syncing.exit_code { Outcome::of_comparison } else { Outcome::of };
    run_to_its_end(app, run, &format!("syncing {record}"), syncing.output, outcome_of).await
}
