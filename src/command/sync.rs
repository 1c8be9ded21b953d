//! `sync`: one record from a terminal.

use super::{Outcome, run_to_its_end, unusable};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::SalesforceId;
use crate::sync::{RunRequest, Scope, SyncMode};

/// Syncs one record and prints what came of it.
pub async fn run(config: Config, record: &str, mode: SyncMode) -> anyhow::Result<Outcome> {
    let record = match SalesforceId::parse(record) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let app = App::new(&config, Scope::Record(record.clone())).await?;
    let run = app.syncs.start(RunRequest::sync(record.clone(), mode)).await?;
    run_to_its_end(app, run, &format!("syncing {record}")).await
}
