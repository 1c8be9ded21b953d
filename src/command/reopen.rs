//! `reopen`: takes ends of end dating back, from a terminal.

use clap::Args;
use jiff::Timestamp;

use super::output::{self, Column, Form};
use super::place::Place;
use super::{Outcome, audit, given, print, unusable, user};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::made_end::{ReopenAnswer, ReopenedEntity};
use crate::store::NotReopened;

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
/// or by one; without asking m3ter or Salesforce.
pub async fn run(place: Place, reopened: &Reopened) -> anyhow::Result<Outcome> {
    let record = match given::record(&reopened.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let answer = reopen(&place, &record, reopened.dry_run).await;
    let audits = matches!(place, Place::Database(_));
    place.close().await;
    let (answer, runs) = match answer? {
        Ok(reopened) => reopened,
        Err(refused) => return Ok(unusable(advice(&refused))),
    };
    show(&answer.reopened, reopened.form)?;
    let count = answer.reopened.len();
    let these = if count == 1 { "This end" } else { "These ends" };
    if reopened.dry_run {
        print(format_args!("{these} would be forgotten; the next sync would follow Salesforce"));
        return Ok(Outcome::Done);
    }
    print(format_args!("{these} no longer hold: the next sync of {record} follows Salesforce"));
    // A service has an audit log of its own.
    if audits {
        let of_record = runs.iter().find(|(concerned, _)| *concerned == record);
        let run = of_record.map_or_else(String::new, |(_, run)| run.to_string());
        audit("reopen", record.as_str(), &run, &format!("reopened={count}"));
        for (record, run) in runs {
            print(format_args!("{record}: run {run}"));
        }
    } else {
        answer.sync_run_ids.iter().for_each(|run| print(format_args!("run {run}")));
    }
    Ok(Outcome::Done)
}

/// The runs that tell of it, with the records that they concern, as far as that is known.
type Runs = Vec<(SalesforceId, SyncRunId)>;

async fn reopen(
    place: &Place,
    record: &SalesforceId,
    dry_run: bool,
) -> anyhow::Result<Result<(ReopenAnswer, Runs), NotReopened>> {
    let store = match place {
        Place::Service(service) => {
            return Ok(Ok((service.reopen(record, dry_run).await?, Runs::new())));
        }
        Place::Database(store) => store,
    };
    let reopening = if dry_run {
        store.plan_reopening(record).await
    } else {
        store.reopen(record, Some(&user()), Timestamp::now()).await
    };
    Ok(reopening?.map(|reopening| {
        let runs = reopening.runs.clone();
        (reopening.answer(record.clone(), dry_run), runs)
    }))
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

fn show(ends: &[ReopenedEntity], form: Form) -> anyhow::Result<()> {
    let rows = ends.iter().map(|end| {
        vec![
            end.object_name.clone(),
            end.m3ter_id.clone(),
            end.end_date.clone(),
            end.former_end_date.clone().unwrap_or_default(),
            end.salesforce_end_date.clone().unwrap_or_else(|| "no end".to_owned()),
            end.ended_by.clone().unwrap_or_default(),
            end.ended_at.to_string(),
            end.parent_record_id.to_string(),
            end.sync_run_id.to_string(),
        ]
    });
    output::list_rows(form, &COLUMNS, &rows.collect::<Vec<_>>())
}
