//! `snapshot`: what a sync of some records reads from a real org and a real organization, in a folder
//! that `sandbox --from` serves.
//!
//! The records are synced as dry runs, and what is read meanwhile is recorded: so a snapshot holds
//! what a sync needs, and nothing is written in either system. What tells who a person or a customer
//! is has stand-ins before it reaches the disk.

mod contents;
mod folder;
mod replaced;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use tokio::sync::watch;

use super::attended::{Attendance, Attended, say_paused};
use super::interrupt::interrupt_signal;
use super::{Outcome, audit, given, print, remark, unusable, user};
use crate::app::{App, load_mappings, mapping_sources};
use crate::config::Config;
use crate::domain::answer::SyncResult;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::SyncStatus;
use crate::domain::text::counted;
use crate::mapping::MappingSource;
use crate::store::{Link, Store};
use crate::sync::{RunRequest, Scope, SyncMode};
use crate::transport::Recording;

pub(super) use contents::Taken;
pub(super) use folder::{FOLDER_OF_MAPPINGS, Manifest, Snapshot};

/// What to do with snapshots.
#[derive(Debug, Clone, Subcommand)]
pub enum SnapshotCommand {
    /// Read what a sync of some records would read, replace persons' data, and write it into a new
    /// folder that `sandbox --from` serves. Writes nothing in Salesforce and m3ter.
    Take(Taking),
}

/// What is taken, and where it goes.
#[derive(Debug, Clone, Args)]
pub struct Taking {
    /// The Salesforce IDs of the records, with 15 or 18 characters, or the addresses of their pages;
    /// `-`: those in standard input, one a line.
    #[arg(required = true, value_name = "RECORD_ID")]
    pub record_ids: Vec<String>,
    /// The folder, which must not be there yet; else `snapshot-` and the first record's ID.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Do not show on standard error how far it is.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Failures after which there is nothing to take.
const NOTHING_THERE: [&str; 2] = ["RECORD_NOT_FOUND", "UNSUPPORTED_OBJECT"];
/// Failures that the record's own data, or the mapping, has for reasons: the snapshot shows them.
const SHOWN: [&str; 4] =
    ["RECORD_DELETED", "RECORD_NOT_ACCESSIBLE", "RECORD_NOT_READY", "MAPPING_INVALID"];

/// How the reading of all records ended.
enum Read {
    All,
    Ended(Outcome),
}

/// Takes a snapshot.
pub async fn run(config: Config, command: SnapshotCommand) -> anyhow::Result<Outcome> {
    let SnapshotCommand::Take(taking) = command;
    let records = match given::records(&taking.record_ids) {
        Ok(records) => records,
        Err(problem) => return Ok(unusable(problem)),
    };
    let folder =
        taking.to.clone().unwrap_or_else(|| PathBuf::from(format!("snapshot-{}", records[0])));
    if let Err(problem) = folder::check_new(&folder) {
        return Ok(unusable(problem));
    }
    let recording = Recording::default();
    if let Read::Ended(outcome) = read(&config, &taking, &records, &recording).await? {
        return Ok(outcome);
    }
    let taken = Taken::of(&recording.take());
    let links = links(&config, &records, &taken).await?;
    let snapshot = Snapshot {
        manifest: manifest(&config, &records, &taken),
        mappings: mappings_in_use(config.mappings_dir.as_deref(), &taken)?,
        taken,
        links,
    };
    let (snapshot, counts) = replaced::replaced(snapshot);
    let counts = counts.to_string();
    folder::write(&folder, &snapshot, &counts)?;
    print(format_args!(
        "Taken: {}, with {} of Salesforce and {} of m3ter. Replaced: {counts}.\nLook through it before you send it. To try it: sync-to-m3ter sandbox --from {}",
        folder.display(),
        counted(snapshot.taken.record_count(), "record"),
        counted(snapshot.taken.object_count(), "object"),
        folder.display(),
    ));
    Ok(Outcome::Done)
}

/// Runs the records dry, one after the other, while what they read is recorded.
async fn read(
    config: &Config,
    taking: &Taking,
    records: &[SalesforceId],
    recording: &Recording,
) -> anyhow::Result<Read> {
    let mut config = config.clone();
    // Nobody at a terminal needs to be answered within the time that Salesforce waits.
    config.runs.answers_at_the_end = true;
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let now = watch::Sender::new(records[0].clone());
    let app = App::recorded(&config, Scope::Record(now.subscribe()), recording).await?;
    for record in records {
        now.send_replace(record.clone());
        let attendance = Attendance {
            doing: format!("reading {record}"),
            record: record.clone(),
            quiet: taking.quiet,
            interrupt: interrupt.clone(),
        };
        let request = RunRequest {
            requested_by: Some(user()),
            waits: config.limits.time,
            ..RunRequest::sync(record.clone(), SyncMode::DryRun)
        };
        let run = app.syncs.start(request).await?;
        audit("snapshot", record.as_str(), &run.id.to_string(), "");
        let outcome = match attendance.wait(&app, run).await? {
            Attended::Ended(result) => judge(record, &result),
            Attended::Paused(run) => {
                say_paused(run);
                Some(Outcome::Failed)
            }
            Attended::Interrupted(run) => {
                attendance.give_back(app, run).await;
                return Ok(Read::Ended(Outcome::Interrupted));
            }
        };
        if let Some(outcome) = outcome {
            app.end().await?;
            return Ok(Read::Ended(outcome));
        }
    }
    app.end().await?;
    Ok(Read::All)
}

/// How the command ends after a record that cannot be taken, which is named.
fn judge(record: &SalesforceId, result: &SyncResult) -> Option<Outcome> {
    let code = match result.sync_status {
        SyncStatus::Failed => result.error_code.as_deref().unwrap_or_default(),
        SyncStatus::Completed | SyncStatus::PartialSuccess => return None,
    };
    if SHOWN.contains(&code) {
        remark(format_args!(
            "{record}: its sync fails with {code}, and so will that of the snapshot"
        ));
        return None;
    }
    let way_on = if NOTHING_THERE.contains(&code) {
        "nothing was taken; leave it out, or correct it"
    } else {
        "nothing was taken"
    };
    remark(format_args!("error: {record}: {} ({code}): {way_on}", result.message));
    Some(Outcome::of(result))
}

/// The links of the records, and of others to the objects that were taken.
async fn links(
    config: &Config,
    records: &[SalesforceId],
    taken: &Taken,
) -> anyhow::Result<Vec<Link>> {
    let store =
        Store::open(&config.database_url).await.context("the database could not be opened")?;
    let ids: Vec<M3terId> = taken.m3ter_ids().filter_map(|id| M3terId::parse(id).ok()).collect();
    let mut links = store.load_links_of(records).await?;
    let owners = store.load_owners(&ids).await?;
    links.extend(owners.into_iter().filter(|link| !records.contains(&link.root)));
    store.close().await;
    Ok(links)
}

fn manifest(config: &Config, records: &[SalesforceId], taken: &Taken) -> Manifest {
    let record = |id: &SalesforceId| folder::TakenRecord {
        id: id.to_string(),
        object: taken.object_of(id.key_prefix()).unwrap_or_default().to_owned(),
    };
    Manifest {
        format_version: folder::FORMAT_VERSION,
        service_version: super::VERSION.to_owned(),
        taken_at: Timestamp::now().to_string(),
        salesforce_api_version: config.salesforce.api_version.clone(),
        commitment_billing: config.commitment_billing.map(|billing| billing.word().to_owned()),
        records: records.iter().map(record).collect(),
        hidden: taken.hidden.iter().cloned().collect(),
    }
}

/// The files of somebody's own that the mappings of the records are made of, and those that count
/// for all mappings.
fn mappings_in_use(directory: Option<&Path>, taken: &Taken) -> anyhow::Result<Vec<MappingSource>> {
    let Some(directory) = directory else { return Ok(Vec::new()) };
    let mut sources = mapping_sources(directory)?;
    let mappings = load_mappings(Some(directory))?;
    let in_use: Vec<String> = mappings
        .iter()
        .filter(|mapping| taken.describes.contains_key(mapping.root()))
        .flat_map(|mapping| std::iter::once(mapping.file()).chain(mapping.extended()))
        .map(ToOwned::to_owned)
        .collect();
    let of_one: Vec<String> = mappings.iter().map(|mapping| mapping.file().to_owned()).collect();
    sources.retain(|source| in_use.contains(&source.name) || !of_one.contains(&source.name));
    Ok(sources)
}
