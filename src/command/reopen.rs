//! `reopen`: takes ends of end dating back, from a terminal.

use clap::Args;
use jiff::Timestamp;

use super::output::{self, Column, Form};
use super::{Outcome, audit, given, print, unusable, user};
use crate::domain::made_end::MadeEnd;
use crate::store::{NotReopened, Store};

/// What is reopened.
#[derive(Debug, Clone, Args)]
pub struct Reopened {
    /// The Salesforce ID of the record that was end-dated, or of one whose objects were ended.
    pub record_id: String,
    /// Only show what would be forgotten.
    #[arg(long)]
    pub dry_run: bool,
    /// In which form the ends are listed.
    #[command(flatten)]
    pub form: Form,
}

/// Forgets the ends of a record, so that its next sync follows Salesforce. Beside running services,
/// and without asking m3ter or Salesforce.
pub async fn run(database_url: &str, reopened: &Reopened) -> anyhow::Result<Outcome> {
    let record = match given::record(&reopened.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let store = Store::open(database_url).await?;
    let outcome = if reopened.dry_run {
        store.plan_reopening(&record).await
    } else {
        store.reopen(&record, Some(&user()), Timestamp::now()).await
    };
    store.close().await;
    let reopening = match outcome? {
        Ok(reopening) => reopening,
        Err(refused) => return Ok(unusable(advice(&refused))),
    };
    show(&reopening.ends, reopened.form)?;
    let these = if reopening.ends.len() == 1 { "This end" } else { "These ends" };
    if reopened.dry_run {
        print(format_args!("{these} would be forgotten; the next sync would follow Salesforce"));
        return Ok(Outcome::Done);
    }
    print(format_args!("{these} no longer hold: the next sync of {record} follows Salesforce"));
    let run = reopening
        .runs
        .iter()
        .find(|(concerned, _)| *concerned == record)
        .map_or_else(String::new, |(_, run)| run.to_string());
    audit("reopen", record.as_str(), &run, &format!("reopened={}", reopening.ends.len()));
    for (record, run) in reopening.runs {
        print(format_args!("{record}: run {run}"));
    }
    Ok(Outcome::Done)
}

fn advice(refused: &NotReopened) -> String {
    match refused {
        NotReopened::NothingEnded(_) => {
            format!(
                "{refused}: an end that somebody made in m3ter, or before ends were remembered, needs no reopening"
            )
        }
        NotReopened::Busy(record) => {
            format!(
                "{refused}: wait until it has ended (`sync-to-m3ter runs list --record {record}`), then try again"
            )
        }
    }
}

const COLUMNS: [Column; 9] = [
    Column::word("Kind"),
    Column::word("m3ter ID"),
    Column::word("Ended at"),
    Column::word("Before").rank(3),
    Column::word("Salesforce said").rank(2),
    Column::word("By").rank(1),
    Column::time("On").rank(4),
    Column::word("Record").rank(5),
    Column::word("Run").rank(6),
];

fn show(ends: &[MadeEnd], form: Form) -> anyhow::Result<()> {
    let rows = ends.iter().map(|end| {
        vec![
            end.entity.object_name().to_owned(),
            end.m3ter_id.to_string(),
            end.end.clone(),
            end.former_end.clone().unwrap_or_default(),
            end.said.end.clone().unwrap_or_else(|| "no end".to_owned()),
            end.by.clone().unwrap_or_default(),
            end.at.to_string(),
            end.record.to_string(),
            end.run.to_string(),
        ]
    });
    output::list_rows(form, &COLUMNS, &rows.collect::<Vec<_>>())
}
