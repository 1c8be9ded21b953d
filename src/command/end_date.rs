//! `end-date`: ends what m3ter bills for one record, from a terminal.

use clap::Args;

use super::{Outcome, run_to_its_end, unusable};
use crate::app::App;
use crate::config::Config;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::ids::SalesforceId;
use crate::domain::run::RunTask;
use crate::sync::{RunRequest, Scope, SyncMode};

/// What ends, and when.
#[derive(Debug, Clone, Args)]
pub struct Ending {
    /// The Salesforce id of an Account, or of a record that was synced to a Contract.
    pub record_id: String,
    /// The first moment that is not billed any more: 2026-12-31, or 2026-12-31T00:00:00Z.
    #[arg(long)]
    pub date: String,
    /// What ends, by commas: CONTRACT, ACCOUNTPLAN, PREPAYMENT, PRICINGS, `COUNTER_PRICINGS`.
    #[arg(long, value_delimiter = ',', required = true)]
    pub entities: Vec<String>,
    /// For an Account: also what the Accounts below it have.
    #[arg(long)]
    pub apply_to_children: bool,
    /// Only say what would end.
    #[arg(long)]
    pub dry_run: bool,
}

/// Ends the billing of one record and prints what came of it.
pub async fn run(config: Config, ending: &Ending) -> anyhow::Result<Outcome> {
    let record = match SalesforceId::parse(&ending.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let end_date = match EndDate::parse(&ending.date) {
        Ok(end_date) => end_date,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let mut entities = Vec::new();
    for word in &ending.entities {
        match BillingEntity::from_word(word) {
            Some(entity) => entities.push(entity),
            None => {
                let known = BillingEntity::ALL.map(BillingEntity::word).join(", ");
                return Ok(unusable(format_args!("`{word}` is not a billing entity; there are {known}")));
            }
        }
    }
    entities.sort_unstable();
    entities.dedup();
    let children = if ending.apply_to_children { Children::Included } else { Children::LeftAlone };
    let mode = if ending.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
    let app = App::new(&config, Scope::Record(record.clone())).await?;
    let task = RunTask::EndDate(EndDateOrder { end_date, entities, children });
    let run = app.syncs.start(RunRequest { task, ..RunRequest::sync(record.clone(), mode) }).await?;
    run_to_its_end(app, run, &format!("ending {record}")).await
}
