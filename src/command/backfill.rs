//! `backfill`: syncs the records that a verification named. The running service does it, a few each
//! second; this command plans it and looks on.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::attended::show_progress;
use super::output::{self, Column, Form, Output, Screen, progress_bar};
use super::place::Place;
use super::verify::telling;
use super::{Outcome, audit, given, print, remark, unusable};
use crate::domain::backfill::{
    Backfill, BackfilledRecord, MAX_BACKFILLED, SYNCED_UNASKED, syncable,
};
use crate::domain::ids::SalesforceId;
use crate::domain::verification::{Verification, VerifiedStatus};
use crate::sync::REPLAY_EVERY;

/// After which time without any sync the command asks whether a service runs.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// Records that are listed at once.
const PAGE: u32 = 200;

/// Which records are synced.
#[derive(Debug, Clone, Args)]
pub struct Backfilling {
    /// The verification that named them: its ID, a beginning of it, or `latest`.
    verification: String,
    /// Records of these statuses.
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = syncable, default_values_t = SYNCED_UNASKED)]
    status: Vec<VerifiedStatus>,
    /// How many at most; run the same command again for the next ones.
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

/// Plans syncs and waits for them, or takes them back: in the database of a service, or by one.
pub async fn run(place: Place, backfilling: Backfilling) -> anyhow::Result<Outcome> {
    let outcome = match given::verification(&place, &backfilling.verification).await {
        Ok(Ok(verification)) => backfill(&place, &verification, &backfilling).await,
        Ok(Err(problem)) => Ok(unusable(problem)),
        Err(error) => Err(error),
    };
    place.close().await;
    outcome
}

async fn backfill(
    place: &Place,
    verification: &Verification,
    backfilling: &Backfilling,
) -> anyhow::Result<Outcome> {
    let Backfilling { status, limit, dry_run, cancel, form, .. } = backfilling;
    let id = verification.verification_id.as_str();
    if matches!(place, Place::Service(_)) && *limit > MAX_BACKFILLED {
        return Ok(unusable(format_args!(
            "a service plans at most {MAX_BACKFILLED} syncs at once: leave out --limit, and run the same command again for the next ones"
        )));
    }
    // A service has an audit log of its own.
    let audits = matches!(place, Place::Database(_));
    if *cancel {
        let cancelled = place.cancel_backfill(id).await?;
        if audits {
            audit("backfill", "", "", &format!("verification={id} cancelled={cancelled}"));
        }
        print(format_args!(
            "{} that had not begun {} taken back",
            syncs(cancelled),
            was(cancelled)
        ));
        return Ok(Outcome::Done);
    }
    if *dry_run {
        let records = place.plan_backfill(id, status, *limit).await?;
        if form.output == Output::Table {
            print(format_args!("{} would be planned", syncs(records.len() as u64)));
        }
        output::list(*form, &telling::COLUMNS, &records, |record| vec![telling::row(record)])?;
        return Ok(Outcome::Done);
    }
    let planned = place.backfill(id, status, *limit).await?;
    if audits {
        let statuses: Vec<&str> = status.iter().map(|status| status.as_str()).collect();
        let statuses = statuses.join(",");
        let parameters = format!("verification={id} status={statuses} planned={planned}");
        audit("backfill", "", "", &parameters);
    }
    remark(format_args!(
        "{} planned: the running service does one every {} ms, even after this command has ended; `sync-to-m3ter backfill {id} --cancel` takes back what has not begun",
        syncs(planned),
        REPLAY_EVERY.as_millis()
    ));
    let done = until_it_ends(place, id).await?;
    tell(place, id, done, *form).await
}

/// Waits until each sync was tried.
async fn until_it_ends(place: &Place, id: &str) -> anyhow::Result<Backfill> {
    let mut last = (place.load_backfill(id).await?, Instant::now());
    let mut is_asked = false;
    loop {
        let backfill = place.load_backfill(id).await?;
        if backfill.planned + backfill.running == 0 {
            show_progress("");
            return Ok(backfill);
        }
        if backfill != last.0 {
            last = (backfill, Instant::now());
        } else if !is_asked && backfill.running == 0 && last.1.elapsed() > SILENT_FOR {
            is_asked = true;
            remark(match place {
                Place::Database(_) => {
                    "none has begun for a while: is a service running with this database, and not paused?"
                }
                Place::Service(_) => "none has begun for a while: is the service paused?",
            });
        }
        show_progress(&progress(&backfill));
        tokio::time::sleep(place.look_every()).await;
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
async fn tell(place: &Place, id: &str, done: Backfill, form: Form) -> anyhow::Result<Outcome> {
    let (mut rows, mut after): (Vec<Vec<String>>, Option<SalesforceId>) = (Vec::new(), None);
    loop {
        let page = place.list_backfilled(id, after.as_ref(), PAGE).await?;
        rows.extend(page.iter().map(row));
        after = page.last().map(|record| record.record_id.clone());
        if page.len() < PAGE as usize {
            break;
        }
    }
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
        record.record_id.to_string(),
        record.sync_run_id.to_string(),
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
