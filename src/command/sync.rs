//! `sync`: one record from a terminal, its result as a table.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{ContentArrangement, Table};
use tokio::time::Instant;

use super::{Outcome, print};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{Action, SyncResult, SyncStatus};
use crate::sync::SyncMode;

/// Syncs one record and prints what came of it.
pub async fn run(config: Config, record: &str, mode: SyncMode) -> anyhow::Result<Outcome> {
    let record = match SalesforceId::parse(record) {
        Ok(record) => record,
        Err(invalid) => {
            let _ = writeln!(std::io::stderr(), "{invalid}");
            return Ok(Outcome::Unusable);
        }
    };
    let app = App::new(&config).await?;
    let mut run = app.syncs.start(record.clone(), mode).await?;
    let started = Instant::now();
    let result = loop {
        match tokio::time::timeout(Duration::from_millis(200), run.ended.wait_for(Option::is_some)).await {
            Ok(ended) => break ended.context("the sync stopped without a result")?.clone(),
            Err(_) => show_progress(&format!("syncing {record} … {:.0} s", started.elapsed().as_secs_f64())),
        }
    };
    show_progress("");
    app.end().await?;
    let result = result.context("the sync ended without a result")?;
    show(&result);
    Ok(if result.sync_status == SyncStatus::Completed { Outcome::Done } else { Outcome::Failed })
}

/// One line that is written over, where a person looks on.
fn show_progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

fn show(result: &SyncResult) {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_header(["Object", "Salesforce ID", "Action", "Message"]);
    for object in &result.object_results {
        let action = match (result.dry_run, object.action) {
            (true, Action::Created) => "create",
            (true, Action::Updated) => "update",
            (_, Action::Created) => "created",
            (_, Action::Updated) => "updated",
            (_, Action::Unchanged) => "unchanged",
            (_, Action::Skipped) => "skipped",
            (_, Action::Failed) => "failed",
        };
        let mut message = object.message.clone();
        for change in object.changes.iter().flatten().filter(|_| object.action == Action::Created) {
            message.push_str(&format_change(change));
        }
        if let Some(remedy) = &object.remedy {
            let _ = write!(message, "\n→ {remedy}");
        }
        for warning in &object.warnings {
            let _ = write!(message, "\n! {warning}");
        }
        table.add_row([object.object_name.as_str(), &object.salesforce_id, action, &message]);
    }
    if !result.object_results.is_empty() {
        print(&table);
    }
    for warning in &result.warnings {
        print(format_args!("! {warning}"));
    }
    let code = result.error_code.as_ref().map_or_else(String::new, |code| format!(" [{code}]"));
    print(format_args!("{}: {}{code}", result.sync_status, result.message));
}

fn format_change(change: &crate::domain::outcome::FieldChange) -> String {
    format!("\n{} = {} ({})", change.field, change.new_value.as_deref().unwrap_or("nothing"), change.source)
}
