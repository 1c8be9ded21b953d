//! `changes`: what was changed in m3ter, from what to what, and who asked for it; and `erase`, which
//! removes the values.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::output::{self, Column, Form};
use super::place::Place;
use super::{Consent, Outcome, audit, given, print, remark, unusable};
use crate::domain::change::{ChangeId, ChangedField, ErasedValues, ObjectChange};
use crate::domain::ids::{M3terId, SyncRunId};
use crate::domain::page;
use crate::store::ChangeFilter;

/// What to do with changes.
#[derive(Debug, Clone, Subcommand)]
pub enum ChangesCommand {
    /// List what was changed in m3ter, newest first.
    List(Wanted),
}

/// Which changes, and in which form.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// By syncs of this record, or of objects that come from it.
    #[arg(long)]
    pub record: Option<String>,
    /// Under this Account of m3ter.
    #[arg(long)]
    pub account: Option<String>,
    /// Of this object of m3ter.
    #[arg(long)]
    pub m3ter_id: Option<String>,
    /// Of this field, as m3ter spells it: `endDate`.
    #[arg(long)]
    pub field: Option<String>,
    /// Asked for by this caller: the name of an API key, or `cli:alice`.
    #[arg(long)]
    pub caller: Option<String>,
    /// By this run.
    #[arg(long)]
    pub run: Option<String>,
    /// At this time or later: 2026-12-31T00:00:00Z, 2026-12-31, yesterday, or 1d (a day ago).
    #[arg(long, value_parser = given::instant)]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_parser = given::instant)]
    pub until: Option<Timestamp>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Where the page before ended, as it says.
    #[arg(long)]
    pub cursor: Option<String>,
    /// In which form.
    #[command(flatten)]
    pub form: Form,
}

/// Whose values are removed.
#[derive(Debug, Clone, Args)]
pub struct Erasing {
    /// The Salesforce id of a record that was synced, or of a row such as an Account.
    pub record_id: String,
    /// Whether it may be done.
    #[command(flatten)]
    pub consent: Consent,
}

/// Carries out one of the commands.
pub async fn run(place: Place, command: ChangesCommand) -> anyhow::Result<Outcome> {
    let ChangesCommand::List(wanted) = command;
    let outcome = list(&place, wanted).await;
    place.close().await;
    outcome
}

/// Removes the values of what was changed for a record, in the database or by a service. That it
/// was changed, when and by whom stays.
pub async fn erase(place: Place, erasing: &Erasing) -> anyhow::Result<Outcome> {
    let record = match given::record(&erasing.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let question = format!("All old and new values of {record} will be erased{}", place.by());
    let refused = erasing.consent.refused_unless_named(&question, &record).await;
    if let Some(refused) = refused? {
        place.close().await;
        return Ok(refused);
    }
    let erased = place.erase(&record).await;
    let audits = matches!(place, Place::Database(_));
    place.close().await;
    let ErasedValues { changes, dry_runs, .. } = erased?;
    // A service has an audit log of its own.
    if audits {
        audit("erase", record.as_str(), "", &format!("changes={changes} dryRuns={dry_runs}"));
    }
    print(format_args!(
        "Erased the values of {changes} changes of {record}, and {dry_runs} dry runs; that they happened, when and by whom stays"
    ));
    Ok(Outcome::Done)
}

const COLUMNS: [Column; 13] = [
    Column::time("At"),
    Column::word("Record").rank(3),
    Column::word("Object"),
    Column::word("Salesforce row").rank(4),
    Column::word("m3ter id").rank(6),
    Column::word("Account").rank(8),
    Column::word("Action").rank(1),
    Column::word("Field"),
    Column::text("Old"),
    Column::text("New"),
    Column::text("Source").rank(5),
    Column::text("Asked for by").rank(2),
    Column::word("Run").rank(7),
];

async fn list(place: &Place, wanted: Wanted) -> anyhow::Result<Outcome> {
    let form = wanted.form;
    let filter = match wanted.filter() {
        Ok(filter) => filter,
        Err(problem) => return Ok(unusable(problem)),
    };
    let wanted = ChangeFilter { limit: filter.limit + 1, ..filter.clone() };
    let mut changes = place.list_changes(&wanted).await?;
    let last = page::cut(&mut changes, filter.limit).map(|change| change.change_id.clone());
    output::list(form, &COLUMNS, &changes, rows)?;
    if let Some(last) = last {
        remark(format_args!("There are older ones: --cursor {last}"));
    }
    Ok(Outcome::Done)
}

/// A row for each field, or one for a change without any.
fn rows(change: &ObjectChange) -> Vec<[String; 13]> {
    let action = if change.settled {
        change.action.to_string()
    } else {
        format!("{}, outcome unknown", change.action)
    };
    let row = |field: Option<&ChangedField>| {
        let told = |value: fn(&ChangedField) -> &Option<String>| match field {
            Some(field) if field.personal => "(not kept)".to_owned(),
            Some(_) if change.erased => "(erased)".to_owned(),
            Some(field) => value(field).clone().unwrap_or_default(),
            None => String::new(),
        };
        [
            change.changed_at.to_string(),
            change.parent_record_id.clone(),
            change.object_name.clone(),
            change.salesforce_id.clone(),
            change.m3ter_id.clone(),
            change.account_id.clone().unwrap_or_default(),
            action.clone(),
            field.map(|field| field.field.clone()).unwrap_or_default(),
            told(|field| &field.old_value),
            told(|field| &field.new_value),
            field.and_then(|field| field.source.clone()).unwrap_or_default(),
            change
                .requested_by
                .iter()
                .chain(&change.salesforce_user_ids)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            change.sync_run_id.to_string(),
        ]
    };
    if change.fields.is_empty() {
        return vec![row(None)];
    }
    change.fields.iter().map(|field| row(Some(field))).collect()
}

impl Wanted {
    fn filter(self) -> Result<ChangeFilter, String> {
        let m3ter_id = |id: Option<String>| {
            let id = id.as_deref().map(M3terId::parse).transpose();
            id.map_err(|invalid| invalid.to_string())
        };
        let record = self.record.as_deref().map(given::record).transpose();
        let run = self.run.as_deref().map(|run| {
            SyncRunId::parse(run).ok_or_else(|| format!("`{run}` is not the ID of a run"))
        });
        let cursor = self.cursor.as_deref().map(|cursor| {
            ChangeId::parse(cursor).ok_or_else(|| format!("`{cursor}` is not a cursor"))
        });
        Ok(ChangeFilter {
            run: run.transpose()?,
            record: record.map_err(|invalid| invalid.to_string())?,
            account: m3ter_id(self.account)?,
            m3ter_id: m3ter_id(self.m3ter_id)?,
            field: self.field,
            requested_by: self.caller,
            since: self.since,
            until: self.until,
            before: cursor.transpose()?,
            limit: self.limit,
        })
    }
}
