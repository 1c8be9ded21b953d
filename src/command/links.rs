//! `links`: which m3ter object belongs to which Salesforce row, and changing that by hand.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::output::{self, Column, Form};
use super::place::Place;
use super::{Consent, Outcome, given, print, unusable, user};
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::link::{ChangedLinks, ShownLink};
use crate::domain::run::AcceptedRun;
use crate::store::{LinkFilter, LinkOrder, NotHandedOver};

/// What to do with links.
#[derive(Debug, Clone, Subcommand)]
pub enum LinksCommand {
    /// List links: of one record or row, to one m3ter object, or all (1,000 at most).
    List {
        /// The Salesforce ID of a record that was synced, or of a row of one.
        record: Option<String>,
        /// The ID of an object in m3ter.
        #[arg(long)]
        m3ter_id: Option<String>,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Hand over what belongs to one row to another row, after a merge that Salesforce does not
    /// report.
    Move {
        /// The row that has it.
        from: String,
        /// The row that gets it.
        to: String,
        /// What is asked before.
        #[command(flatten)]
        caution: Caution,
    },
    /// Forget what belongs to a row. Its next sync looks it up again by its key. Nothing changes in
    /// m3ter.
    Forget {
        /// The row.
        row: String,
        /// Only its object of this kind.
        #[arg(long, ignore_case = true, value_parser = EntityKind::ALL.map(EntityKind::name))]
        kind: Option<String>,
        /// What is asked before.
        #[command(flatten)]
        caution: Caution,
    },
}

/// What is asked before links change.
#[derive(Debug, Clone, Copy, Args)]
pub struct Caution {
    /// Whether to only show the change.
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Whether it may be done.
    #[command(flatten)]
    pub consent: Consent,
}

/// Whether to only show the change.
#[derive(Debug, Clone, Copy, Args)]
pub struct DryRun {
    /// Only show what would be changed.
    #[arg(long)]
    pub dry_run: bool,
}

/// Carries out one of the commands, in the database or by a service.
pub async fn run(place: Place, command: LinksCommand) -> anyhow::Result<Outcome> {
    let outcome = carry_out(&place, command).await;
    place.close().await;
    outcome
}

async fn carry_out(place: &Place, command: LinksCommand) -> anyhow::Result<Outcome> {
    let (order, caution) = match command {
        LinksCommand::List { record, m3ter_id, form } => {
            return list(place, record.as_deref(), m3ter_id.as_deref(), form).await;
        }
        LinksCommand::Move { from, to, caution } => (read_move(&from, &to), caution),
        LinksCommand::Forget { row, kind, caution } => {
            let kind = kind.as_deref().and_then(given::kind);
            let row = given::record(&row).map_err(|invalid| invalid.to_string());
            (row.map(|row| LinkOrder::Forget { row, kind }), caution)
        }
    };
    match order {
        Ok(order) => change_with_caution(place, &order, caution).await,
        Err(problem) => Ok(unusable(problem)),
    }
}

fn read_move(from: &str, to: &str) -> Result<LinkOrder, String> {
    match (given::record(from), given::record(to)) {
        (Ok(from), Ok(to)) => LinkOrder::moving(from, to),
        (Err(from), Err(to)) => Err(format!("{from}\n{to}")),
        (Err(invalid), Ok(_)) | (Ok(_), Err(invalid)) => Err(invalid.to_string()),
    }
}

async fn list(
    place: &Place,
    record: Option<&str>,
    m3ter_id: Option<&str>,
    form: Form,
) -> anyhow::Result<Outcome> {
    let filter =
        match (record.map(given::record).transpose(), m3ter_id.map(M3terId::parse).transpose()) {
            (Ok(record), Ok(m3ter_id)) => LinkFilter { record, m3ter_id, to_confirm: false },
            (Err(invalid), _) => return Ok(unusable(invalid)),
            (_, Err(invalid)) => return Ok(unusable(invalid)),
        };
    show(&place.list_links(&filter).await?, form)?;
    Ok(Outcome::Done)
}

/// Shows what would change, asks, and changes it.
async fn change_with_caution(
    place: &Place,
    order: &LinkOrder,
    Caution { dry_run, consent }: Caution,
) -> anyhow::Result<Outcome> {
    if !dry_run.dry_run && !consent.yes {
        let foreseen = change(place, order, DryRun { dry_run: true }).await?;
        if foreseen != Outcome::Done {
            return Ok(foreseen);
        }
        let question = format!("Change these links{}?", place.by());
        if let Some(refused) = consent.refused(&question).await? {
            return Ok(refused);
        }
    }
    change(place, order, dry_run).await
}

pub(super) async fn change(
    place: &Place,
    order: &LinkOrder,
    DryRun { dry_run }: DryRun,
) -> anyhow::Result<Outcome> {
    let changed = match place {
        Place::Service(service) => match service.change_links(order, dry_run).await {
            Ok(changed) => changed,
            Err(refused) if refused.outcome == Outcome::Unusable => return Ok(unusable(refused)),
            Err(error) => return Err(error.into()),
        },
        Place::Database(store) => {
            let changed = if dry_run {
                store.plan_links(order).await
            } else {
                store.change_links(order, Some(&user()), Timestamp::now()).await
            };
            match changed? {
                Ok(handover) => handover.answer(dry_run),
                Err(refused) => return Ok(unusable(advice(&refused))),
            }
        }
    };
    show(&changed.links, Form::default())?;
    let count = changed.links.len();
    let these = if count == 1 { "This link" } else { "These links" };
    let would = match (dry_run, count) {
        (true, _) => "would be",
        (false, 1) => "was",
        (false, _) => "were",
    };
    match order {
        LinkOrder::Move { from, to } => {
            print(format_args!("{these} {would} handed over from {from} to {to}"));
        }
        LinkOrder::Confirm { row } => print(format_args!(
            "{these} {would} confirmed; the next sync of {row} writes the Account"
        )),
        LinkOrder::Adopt { record, .. } => print(format_args!(
            "{these} {would} made; the next sync of {record} keeps what they lead to as Salesforce says"
        )),
        LinkOrder::Forget { row, .. } => print(format_args!(
            "{these} {would} forgotten; the next sync of {row} looks the objects up again"
        )),
    }
    // A service has an audit log of its own.
    if !dry_run && matches!(place, Place::Database(_)) {
        audit_change(order, &changed);
    }
    for AcceptedRun { parent_record_id, sync_run_id } in &changed.runs {
        print(format_args!("{parent_record_id}: run {sync_run_id}"));
    }
    Ok(Outcome::Done)
}

fn audit_change(order: &LinkOrder, changed: &ChangedLinks) {
    let run_ids: Vec<String> = changed.runs.iter().map(|run| run.sync_run_id.to_string()).collect();
    let (operation, row, to) = match order {
        LinkOrder::Move { from, to } => ("links move", from.as_str(), to.as_str()),
        LinkOrder::Forget { row, .. } => ("links forget", row.as_str(), ""),
        LinkOrder::Confirm { row } => ("adopt", row.as_str(), ""),
        LinkOrder::Adopt { record, .. } => ("adopt", record.as_str(), ""),
    };
    let (caller, count) = (user(), changed.links.len());
    tracing::info!(target: "audit", caller, operation, row, to, links = count, sync_run_ids = run_ids.join(" "), "links changed");
}

fn advice(refused: &NotHandedOver) -> String {
    match refused {
        NotHandedOver::NoLinks(row) => {
            format!("{refused}: `sync-to-m3ter links list {row}` shows what names it")
        }
        NotHandedOver::NothingToConfirm(_) => {
            format!(
                "{refused}: `sync-to-m3ter adopt` lists those that are waiting, after a sync that is not a dry run"
            )
        }
        NotHandedOver::Undecided { row, .. } => {
            format!(
                "{refused}: sync the records that name it again (`sync-to-m3ter adopt {row}`), or forget them"
            )
        }
        NotHandedOver::OwnedByAnother { .. } => {
            format!("{refused}: correct the code in Salesforce")
        }
        NotHandedOver::HasAnother { row, kind, .. } => {
            format!("{refused}: `sync-to-m3ter links forget {row} --kind {kind}` first")
        }
        NotHandedOver::Taken { .. } => format!(
            "{refused}: forget one of the two first (`sync-to-m3ter links forget ROW --kind KIND`)"
        ),
        NotHandedOver::Busy(record) => {
            format!(
                "{refused}: wait until it has ended (`sync-to-m3ter runs list --record {record}`), then try again"
            )
        }
    }
}

const COLUMNS: [Column; 7] = [
    Column::word("Record").rank(2),
    Column::word("Row"),
    Column::word("Kind"),
    Column::word("Key").rank(3),
    Column::word("m3ter ID"),
    Column::word("Relation").rank(1),
    Column::text("Named").rank(4),
];

pub(super) fn show(links: &[ShownLink], form: Form) -> anyhow::Result<()> {
    let rows = links.iter().map(|link| {
        vec![
            link.parent_record_id.clone(),
            link.salesforce_id.clone(),
            link.object_name.clone(),
            link.key.clone(),
            link.m3ter_id.clone(),
            link.relation.clone(),
            link.source_key.clone().unwrap_or_default(),
        ]
    });
    output::list_rows(form, &COLUMNS, &rows.collect::<Vec<_>>())
}
