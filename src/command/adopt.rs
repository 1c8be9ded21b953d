//! `adopt`: Accounts of m3ter that only a typed code leads to, and saying that they are the right
//! ones.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use super::links::{DryRun, change, show};
use super::output::Form;
use super::{Outcome, given, ids, print, unusable};
use crate::domain::ids::SalesforceId;
use crate::store::{LinkOrder, Store};

/// Which Accounts.
#[derive(Debug, Clone, Args)]
pub struct Adoption {
    /// The ID of an Account or of a record that was synced; or a CSV file with IDs in its column
    /// `Id`, or in its first one.
    #[arg(conflicts_with = "all")]
    target: Option<String>,
    /// Confirm that they are the right ones: the next sync writes them.
    #[arg(long)]
    confirm: bool,
    /// All that are waiting to be confirmed.
    #[arg(long)]
    all: bool,
    /// Whether to only show the change.
    #[command(flatten)]
    dry_run: DryRun,
    /// In which form they are listed.
    #[command(flatten)]
    form: Form,
}

/// Lists or confirms.
pub async fn run(database_url: &str, adoption: Adoption) -> anyhow::Result<Outcome> {
    let records = match adoption.target.as_deref().map(read).transpose() {
        Ok(records) => records,
        Err(problem) => return Ok(unusable(problem)),
    };
    if adoption.confirm && records.is_none() && !adoption.all {
        return Ok(unusable("say which: the ID of a record, a CSV file, or --all"));
    }
    let store = Store::open(database_url).await?;
    let mut waiting = Vec::new();
    let mut unknown = Vec::new();
    match &records {
        None => waiting = store.list_unconfirmed(None).await?,
        Some(records) => {
            for record in records {
                let links = store.list_unconfirmed(Some(record)).await?;
                if links.is_empty() {
                    unknown.push(record.to_string());
                }
                waiting.extend(links);
            }
        }
    }
    store.close().await;
    if !adoption.confirm {
        show(&waiting, adoption.form)?;
        return Ok(Outcome::Done);
    }
    let rows: BTreeSet<SalesforceId> = waiting.into_iter().map(|link| link.object.row).collect();
    let mut all_done = unknown.is_empty();
    for row in rows {
        all_done &= matches!(
            change(database_url, &LinkOrder::Confirm { row }, adoption.dry_run).await?,
            Outcome::Done
        );
    }
    if adoption.all && all_done {
        print("Nothing else is waiting to be confirmed");
    }
    if !unknown.is_empty() {
        let these = unknown.join(", ");
        return Ok(unusable(format_args!(
            "nothing is waiting to be confirmed for {these}: first sync a record of it (not as a dry run). What was confirmed stays confirmed"
        )));
    }
    Ok(if all_done { Outcome::Done } else { Outcome::Unusable })
}

/// One id, or those of a file.
fn read(target: &str) -> Result<Vec<SalesforceId>, String> {
    let path = Path::new(target);
    if !path.is_file() {
        return given::record(target)
            .map(|id| vec![id])
            .map_err(|invalid| format!("{invalid}, nor is it a file"));
    }
    let ids::IdList { ids, faults } = ids::read(path)?;
    match faults.first() {
        Some(fault) => Err(format!("{target}, {fault}")),
        None => Ok(ids.into_iter().map(|(_, id)| id).collect()),
    }
}
