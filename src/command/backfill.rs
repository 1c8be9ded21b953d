//! `backfill`: syncs the records that a verification named. The running service does it, a few each
//! second; this command plans it and looks on.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::attended::show_progress;
use super::output::{self, Column, Form, Output, Screen, progress_bar};
use super::{Outcome, audit, given, print, remark, unusable, user};
use crate::domain::verification::{Verification, VerifiedRecord, VerifiedStatus};
use crate::store::{Backfill, BackfilledRecord, Store};
use crate::sync::REPLAY_EVERY;

/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After which time without any sync the command asks whether a service runs.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// What can come right by a sync.
const SYNCABLE: [VerifiedStatus; 5] = [
    VerifiedStatus::Gone,
    VerifiedStatus::Missing,
    VerifiedStatus::Failed,
    VerifiedStatus::Partial,
    VerifiedStatus::Differs,
];

/// Which records are synced.
#[derive(Debug, Clone, Args)]
pub struct Backfilling {
    /// The verification that named them: its ID, a beginning of it, or `latest`.
    verification: String,
    /// Records of these statuses.
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = syncable, default_values_t = [VerifiedStatus::Missing, VerifiedStatus::Differs])]
    status: Vec<VerifiedStatus>,
    /// At most so many; the same command again goes on with the next ones.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only show which records would be synced, and what the verification found of them.
    #[arg(long)]
    dry_run: bool,
    /// Take back the syncs that have not begun.
    #[arg(long, conflicts_with_all = ["status", "limit", "dry_run"])]
    cancel: bool,
    /// In which form.
    #[command(flatten)]
    form: Form,
}

fn syncable(word: &str) -> Result<VerifiedStatus, String> {
    let is_known = word.parse().ok();
    is_known.filter(|status| SYNCABLE.contains(status)).ok_or_else(|| {
        let words = SYNCABLE.map(VerifiedStatus::as_str).join(", ");
        format!("a sync can put right what is {words}")
    })
}

/// Plans syncs and waits for them, or takes them back.
pub async fn run(database_url: &str, backfilling: Backfilling) -> anyhow::Result<Outcome> {
    let store = Store::open_existing(database_url).await?;
    let outcome = match given::verification(&store, &backfilling.verification).await {
        Ok(Ok(verification)) => backfill(&store, &verification, &backfilling).await,
        Ok(Err(problem)) => Ok(unusable(problem)),
        Err(error) => Err(error),
    };
    store.close().await;
    outcome
}

async fn backfill(
    store: &Store,
    verification: &Verification,
    backfilling: &Backfilling,
) -> anyhow::Result<Outcome> {
    let Backfilling { status, limit, dry_run, cancel, form, .. } = backfilling;
    let id = verification.verification_id.as_str();
    if *cancel {
        let cancelled = store.cancel_backfill(id).await?;
        audit("backfill", "", "", &format!("verification={id} cancelled={cancelled}"));
        print(format_args!(
            "{} that had not begun {} taken back",
            syncs(cancelled),
            was(cancelled)
        ));
        return Ok(Outcome::Done);
    }
    if *dry_run {
        let records = store.plan_backfill(id, status, *limit).await?;
        if form.output == Output::Table {
            print(format_args!("{} would be planned", syncs(records.len() as u64)));
        }
        output::list(*form, &COLUMNS, &records, |record| vec![named(record)])?;
        return Ok(Outcome::Done);
    }
    let asker = user();
    let planned = store.schedule_backfill(id, status, *limit, REPLAY_EVERY, Some(&asker)).await?;
    let statuses: Vec<&str> = status.iter().map(|status| status.as_str()).collect();
    let parameters = format!("verification={id} status={} planned={planned}", statuses.join(","));
    audit("backfill", "", "", &parameters);
    remark(format_args!(
        "{} planned: the running service does one every {} ms, also when this command is ended; `sync-to-m3ter backfill {id} --cancel` takes back what has not begun",
        syncs(planned),
        REPLAY_EVERY.as_millis()
    ));
    let done = until_it_ends(store, id).await?;
    tell(store, id, done, *form).await
}

/// Waits until each sync was tried.
async fn until_it_ends(store: &Store, id: &str) -> anyhow::Result<Backfill> {
    let mut last = (store.load_backfill(id).await?, Instant::now());
    let mut is_asked = false;
    loop {
        let backfill = store.load_backfill(id).await?;
        if backfill.planned + backfill.running == 0 {
            show_progress("");
            return Ok(backfill);
        }
        if backfill != last.0 {
            last = (backfill, Instant::now());
        } else if !is_asked && backfill.running == 0 && last.1.elapsed() > SILENT_FOR {
            is_asked = true;
            remark(
                "none has begun for a while: is a service running with this database, and not paused?",
            );
        }
        show_progress(&progress(&backfill));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far it is, on one line.
fn progress(backfill: &Backfill) -> String {
    let (done, all) = (backfill.tried(), backfill.all());
    let left = REPLAY_EVERY * u32::try_from(backfill.planned).unwrap_or(u32::MAX);
    format!(
        "{} {done} of {all} records, at least {} s left",
        progress_bar(done, all),
        left.as_secs()
    )
}

/// The report: how many ended how, then those that need somebody.
async fn tell(store: &Store, id: &str, done: Backfill, form: Form) -> anyhow::Result<Outcome> {
    let unfinished = store.list_backfilled(id).await?;
    let rows: Vec<Vec<String>> = unfinished.iter().map(row).collect();
    if form.output == Output::Table {
        let counts: Vec<Vec<String>> = done
            .in_words()
            .map(|(word, records)| vec![word.to_owned(), records.to_string()])
            .collect();
        let columns = [Column::status("Status"), Column::word("Records")];
        print(Screen::of_stdout().table(&columns, &counts, false));
    }
    if !rows.is_empty() || form.output != Output::Table {
        output::list_rows(form, &RESULT_COLUMNS, &rows)?;
    }
    Ok(match done {
        Backfill { failed: 1.., .. } => Outcome::Failed,
        Backfill { retrying: 1.., .. } => Outcome::TryAgain,
        Backfill { partial: 1.., .. } => Outcome::Partial,
        _ => Outcome::Done,
    })
}

const COLUMNS: [Column; 4] = [
    Column::status("Status"),
    Column::word("Record"),
    Column::text("Name").rank(1),
    Column::text("What"),
];

fn named(record: &VerifiedRecord) -> [String; 4] {
    [
        record.status.to_string(),
        record.record_id.to_string(),
        record.name.clone().unwrap_or_default(),
        record.message.clone(),
    ]
}

const RESULT_COLUMNS: [Column; 5] = [
    Column::status("Status"),
    Column::word("Record"),
    Column::word("Run").rank(1),
    Column::word("Error code").rank(2),
    Column::text("Message"),
];

fn row(record: &BackfilledRecord) -> Vec<String> {
    vec![
        record.sync_status.clone().unwrap_or_default(),
        record.record.to_string(),
        record.run.to_string(),
        record.error_code.clone().unwrap_or_default(),
        record.message.clone().unwrap_or_default(),
    ]
}

fn syncs(count: u64) -> String {
    format!("{count} {}", if count == 1 { "sync" } else { "syncs" })
}

fn was(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}
