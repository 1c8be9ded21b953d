//! `adopt`: Accounts of m3ter that only a typed code leads to, and saying that they are the right
//! ones; and links to objects that m3ter has for records, from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;

use super::line_faults::{LineFault, told};
use super::link_file::{self, LinkFile, LinkLine};
use super::links::{DryRun, change, show};
use super::output::{self, Column, Form};
use super::place::Place;
use super::remote::{NoAnswer, Remote};
use super::{Outcome, given, ids, print, remark, unusable};
use crate::app::App;
use crate::config::Config;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::link::ShownLink;
use crate::domain::outcome::Failure;
use crate::store::{Link, LinkFilter, LinkOrder, LinkRelation};
use crate::sync::{CheckedLink, Scope, Syncs, WantedLink};

/// Which Accounts.
#[derive(Debug, Clone, Args)]
pub struct Adoption {
    /// The ID of an Account or of a record that was synced; or a CSV file with IDs in its column
    /// `Id`, or in its first one. A CSV file with the columns `record`, `kind`, `m3ter id` and
    /// `row` names objects that m3ter has for records.
    #[arg(conflicts_with = "all")]
    target: Option<String>,
    /// Confirm that they are the right ones: the next sync writes them.
    #[arg(long)]
    confirm: bool,
    /// All that are waiting to be confirmed.
    #[arg(long)]
    all: bool,
    /// Skip the lines of a file of objects that are wrong, and continue with the rest.
    #[arg(long, requires = "target")]
    skip_invalid: bool,
    /// Whether to only show the change.
    #[command(flatten)]
    dry_run: DryRun,
    /// In which form they are listed.
    #[command(flatten)]
    form: Form,
}

impl Adoption {
    /// Whether it names objects of m3ter, which needs all settings; the rest needs the database's
    /// only.
    pub fn names_objects(&self) -> bool {
        self.target.as_deref().is_some_and(|target| link_file::is_one(Path::new(target)))
    }

    fn file(&self) -> &Path {
        Path::new(self.target.as_deref().unwrap_or_default())
    }
}

/// Checks the links in a file in this process, and makes them if they are confirmed.
pub async fn link(config: &Config, adoption: Adoption) -> anyhow::Result<Outcome> {
    let file = match link_file::read(adoption.file()) {
        Ok(file) => file,
        Err(problem) => return Ok(unusable(problem)),
    };
    let app = App::new(config, Scope::Nothing).await?;
    let checked = check(Looker::Here(&app.syncs), file).await;
    app.end().await?;
    let checked = checked?;
    let place = Place::database(&config.database_url).await?;
    let outcome = make_right(&place, &adoption, checked).await;
    place.close().await;
    outcome
}

/// The same by a service.
async fn link_remotely(
    service: &Remote,
    place: &Place,
    adoption: &Adoption,
) -> anyhow::Result<Outcome> {
    let file = match link_file::read(adoption.file()) {
        Ok(file) => file,
        Err(problem) => return Ok(unusable(problem)),
    };
    let checked = check(Looker::There(service), file).await?;
    make_right(place, adoption, checked).await
}

/// Tells what was found of the links in a file, and makes those that are right and new, if they are
/// confirmed.
async fn make_right(
    place: &Place,
    adoption: &Adoption,
    Checked { right, faults }: Checked,
) -> anyhow::Result<Outcome> {
    let rows: Vec<Vec<String>> = right.iter().map(|(line, checked)| row(*line, checked)).collect();
    output::list_rows(adoption.form, &COLUMNS, &rows)?;
    if !faults.is_empty() {
        remark(told(&faults));
        if !adoption.skip_invalid || right.is_empty() {
            return Ok(unusable("nothing was linked; `--skip-invalid` leaves these lines out"));
        }
    }
    let mut by_record: BTreeMap<SalesforceId, Vec<Link>> = BTreeMap::new();
    for (_, checked) in right.into_iter().filter(|(_, checked)| !checked.is_there) {
        by_record.entry(checked.link.root.clone()).or_default().push(checked.link);
    }
    let count: usize = by_record.values().map(Vec::len).sum();
    if !adoption.confirm || adoption.dry_run.dry_run {
        remark(format_args!("{count} of them are new; `--confirm` makes these links"));
        return Ok(Outcome::Done);
    }
    make(place, by_record, adoption.dry_run).await
}

async fn make(
    place: &Place,
    by_record: BTreeMap<SalesforceId, Vec<Link>>,
    dry_run: DryRun,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    for (record, links) in by_record {
        let changed = change(place, &LinkOrder::Adopt { record, links }, dry_run).await?;
        if changed != Outcome::Done {
            outcome = changed;
        }
    }
    Ok(outcome)
}

/// Who looks whether links are right.
#[derive(Clone, Copy)]
enum Looker<'a> {
    /// This process.
    Here(&'a Syncs),
    /// A service.
    There(&'a Remote),
}

/// The links of a file that are right, and what is wrong with the others, in the order of lines.
struct Checked {
    right: Vec<(usize, CheckedLink)>,
    faults: Vec<LineFault>,
}

impl Looker<'_> {
    async fn check(
        self,
        record: &SalesforceId,
        wanted: &[WantedLink],
    ) -> Result<Vec<Result<CheckedLink, String>>, NoAnswer> {
        match self {
            Self::Here(syncs) => {
                let checked = syncs.check_links(record, wanted).await;
                checked.map_err(|Failure { reason, .. }| {
                    NoAnswer::for_now(format!("{reason}; nothing was linked"))
                })
            }
            Self::There(service) => service.check_links(record, wanted).await,
        }
    }
}

async fn check(looker: Looker<'_>, file: LinkFile) -> Result<Checked, NoAnswer> {
    let LinkFile { lines, mut faults } = file;
    let mut by_record: BTreeMap<SalesforceId, Vec<(usize, WantedLink)>> = BTreeMap::new();
    for LinkLine { line, record, wanted } in lines {
        by_record.entry(record).or_default().push((line, wanted));
    }
    let mut right = Vec::new();
    let mut lines_of: BTreeMap<M3terId, usize> = BTreeMap::new();
    for (record, lines) in by_record {
        let (numbers, wanted): (Vec<usize>, Vec<WantedLink>) = lines.into_iter().unzip();
        let checked = looker.check(&record, &wanted).await?;
        for (line, checked) in numbers.into_iter().zip(checked) {
            let checked = checked.and_then(|checked| {
                let is_shared = checked.link.object.kind == EntityKind::Account
                    || checked.link.relation == LinkRelation::Referred;
                match lines_of.insert(checked.link.m3ter_id.clone(), line) {
                    Some(other) if !is_shared => {
                        Err(format!("line {other} names the same object of m3ter"))
                    }
                    _ => Ok(checked),
                }
            });
            match checked {
                Ok(checked) => right.push((line, checked)),
                Err(what) => faults.push(LineFault { line, what }),
            }
        }
    }
    right.sort_by_key(|(line, _)| *line);
    faults.sort_by_key(|fault| fault.line);
    Ok(Checked { right, faults })
}

const COLUMNS: [Column; 6] = [
    Column::word("Line").rank(2),
    Column::word("Record"),
    Column::word("Kind"),
    Column::word("Row").rank(1),
    Column::word("m3ter ID"),
    Column::text("What"),
];

fn row(line: usize, checked: &CheckedLink) -> Vec<String> {
    let CheckedLink { link, is_there, message } = checked;
    vec![
        line.to_string(),
        link.root.to_string(),
        link.object.kind.to_string(),
        link.object.row.to_string(),
        link.m3ter_id.to_string(),
        if *is_there { format!("Linked already. {message}") } else { message.clone() },
    ]
}

/// Lists or confirms, in the database or by a service; or lets a service link.
pub async fn run(place: Place, adoption: Adoption) -> anyhow::Result<Outcome> {
    let outcome = match &place {
        Place::Service(service) if adoption.names_objects() => {
            link_remotely(service, &place, &adoption).await
        }
        _ => list_or_confirm(&place, &adoption).await,
    };
    place.close().await;
    outcome
}

async fn list_or_confirm(place: &Place, adoption: &Adoption) -> anyhow::Result<Outcome> {
    let records = match adoption.target.as_deref().map(read).transpose() {
        Ok(records) => records,
        Err(problem) => return Ok(unusable(problem)),
    };
    if adoption.confirm && records.is_none() && !adoption.all {
        return Ok(unusable("say which: the ID of a record, a CSV file, or --all"));
    }
    let (found, unknown) = waiting(place, records.as_deref()).await?;
    confirm(place, adoption, found, &unknown).await
}

/// The links that wait to be confirmed, and the records that have none.
async fn waiting(
    place: &Place,
    records: Option<&[SalesforceId]>,
) -> anyhow::Result<(Vec<ShownLink>, Vec<String>)> {
    let to_confirm = LinkFilter { to_confirm: true, ..LinkFilter::default() };
    let Some(records) = records else {
        return Ok((place.list_links(&to_confirm).await?, Vec::new()));
    };
    let (mut waiting, mut unknown) = (Vec::new(), Vec::new());
    for record in records {
        let filter = LinkFilter { record: Some(record.clone()), ..to_confirm.clone() };
        let links = place.list_links(&filter).await?;
        if links.is_empty() {
            unknown.push(record.to_string());
        }
        waiting.extend(links);
    }
    Ok((waiting, unknown))
}

/// Lists what waits, or confirms it.
async fn confirm(
    place: &Place,
    adoption: &Adoption,
    found: Vec<ShownLink>,
    unknown: &[String],
) -> anyhow::Result<Outcome> {
    if !adoption.confirm {
        show(&found, adoption.form)?;
        return Ok(Outcome::Done);
    }
    let rows: BTreeSet<String> = found.into_iter().map(|link| link.salesforce_id).collect();
    let mut all_done = unknown.is_empty();
    for row in rows {
        let row = SalesforceId::parse(&row)?;
        let order = LinkOrder::Confirm { row };
        all_done &= change(place, &order, adoption.dry_run).await? == Outcome::Done;
    }
    if adoption.all && all_done && !adoption.dry_run.dry_run {
        let (left, _) = waiting(place, None).await?;
        print(if left.is_empty() {
            "Nothing else is waiting to be confirmed"
        } else {
            "More are waiting to be confirmed: run the same command again"
        });
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
    match faults.as_slice() {
        [] => Ok(ids.into_iter().map(|(_, id)| id).collect()),
        [one] => Err(format!("{target}, {one}")),
        several => Err(format!("{target}:\n{}", told(several))),
    }
}
