//! `sync`: one record from a terminal.

use super::{Outcome, audit, run_to_its_end, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::SalesforceId;
use crate::domain::plan::PlanHash;
use crate::sync::{RunRequest, Scope, SyncMode};

/// Syncs one record and prints the result.
pub async fn run(
    mut config: Config,
    record: &str,
    mode: SyncMode,
    expected_plan: Option<PlanHash>,
) -> anyhow::Result<Outcome> {
    let record = match SalesforceId::parse(record) {
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
    run_to_its_end(app, run, &format!("syncing {record}")).await
}
