//! How what a verification found is told.

use clap::Args;
use strum::VariantArray as _;

use crate::command::output::{self, Column, Form, Output, Screen};
use crate::command::place::Place;
use crate::command::{Outcome, print, remark};
use crate::domain::ids::SalesforceId;
use crate::domain::verification::{
    Breadth, Compared, Verification, VerificationState, VerifiedRecord, VerifiedStatus,
};

/// Results that are read at once.
const RESULTS: u32 = 200;

/// How results are told.
#[derive(Debug, Clone, Args)]
pub(super) struct Telling {
    /// Let the exit code tell what was found: 1, records that a sync could not bring into m3ter
    /// whole; 4, failures that may pass; 5, differences.
    #[arg(long)]
    exit_code: bool,
    /// In which form.
    #[command(flatten)]
    form: Form,
    /// Also list records that need no attention.
    #[arg(long)]
    all: bool,
    /// List only records of these statuses.
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = status, conflicts_with = "all")]
    status: Vec<VerifiedStatus>,
}

fn status(word: &str) -> Result<VerifiedStatus, String> {
    let words = || VerifiedStatus::VARIANTS.iter().map(|status| status.as_str());
    word.parse().map_err(|_| format!("it takes {}", words().collect::<Vec<_>>().join(", ")))
}

/// Tells what a verification found; how the command ends.
pub(super) async fn tell(
    place: &Place,
    verification: &Verification,
    telling: &Telling,
) -> anyhow::Result<Outcome> {
    let statuses: Vec<VerifiedStatus> = VerifiedStatus::VARIANTS
        .iter()
        .copied()
        .filter(|status| match telling.status.as_slice() {
            [] => telling.all || status.needs_somebody(),
            meant => meant.contains(status),
        })
        .collect();
    if telling.form.output == Output::Table {
        tell_counts(verification);
    }
    let mut rows = Vec::new();
    for status in statuses {
        each_page(place, verification, status, |page| match telling.form.output {
            // Each page goes out as it comes.
            Output::Json => output::list(telling.form, &COLUMNS, page, |record| vec![row(record)]),
            Output::Table | Output::Csv => {
                rows.extend(page.iter().map(row).map(Vec::from));
                Ok(())
            }
        })
        .await?;
    }
    let has_rows = !rows.is_empty() || telling.form.output == Output::Csv;
    if has_rows && telling.form.output != Output::Json {
        output::list_rows(telling.form, &COLUMNS, &rows)?;
    }
    tell_how(verification);
    if verification.state != VerificationState::Completed {
        return Ok(unfinished(place, verification));
    }
    if telling.exit_code { found(place, verification).await } else { Ok(Outcome::Done) }
}

/// Looks at all records of a status, page by page.
async fn each_page(
    place: &Place,
    verification: &Verification,
    status: VerifiedStatus,
    mut look: impl FnMut(&[VerifiedRecord]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after: Option<SalesforceId> = None;
    loop {
        let id = &verification.verification_id;
        let page = place.list_verified(id, &[status], after.as_ref(), RESULTS).await?;
        look(&page)?;
        if page.len() < RESULTS as usize {
            return Ok(());
        }
        after = page.last().map(|record| record.record_id.clone());
    }
}

/// What is told of each record.
pub(in crate::command) const COLUMNS: [Column; 4] = [
    Column::status("Status"),
    Column::word("Record"),
    Column::text("Name").rank(1),
    Column::text("What"),
];

pub(in crate::command) fn row(record: &VerifiedRecord) -> [String; 4] {
    [
        record.status.to_string(),
        record.record_id.to_string(),
        record.name.clone().unwrap_or_default(),
        record.message.clone(),
    ]
}

fn tell_counts(verification: &Verification) {
    let columns = [Column::status("Status"), Column::word("Records")];
    let count = |status: &VerifiedStatus| (*status, verification.counts.of(*status));
    let counts: Vec<Vec<String>> = VerifiedStatus::VARIANTS
        .iter()
        .map(count)
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| vec![status.to_string(), count.to_string()])
        .collect();
    if counts.is_empty() {
        print("No records");
    } else {
        print(Screen::of_stdout().table(&columns, &counts, false));
    }
}

/// Which verification it was, how it was done, and what is new since the last one.
fn tell_how(verification: &Verification) {
    let how = match verification.breadth {
        Some(Breadth::Lists) => {
            "What nobody has linked was looked for in the lists of all Commitments and of today's AccountPlans"
        }
        Some(Breadth::Contracts) => "What nobody has linked was looked for under each Contract",
        None => "No record was looked at",
    };
    remark(format_args!(
        "Verification {} {}. {how}.",
        verification.verification_id, verification.state
    ));
    if let Some(compared) = &verification.compared {
        let Compared { previous_verification_id, new_since, solved_since } = compared;
        remark(format_args!(
            "Since {previous_verification_id}: {new_since} more need attention, {solved_since} no longer do."
        ));
    }
}

/// Says why a verification has not come to its end, and what to do about it.
fn unfinished(place: &Place, verification: &Verification) -> Outcome {
    let id = &verification.verification_id;
    let why = verification.message.as_deref();
    if verification.state == VerificationState::Running {
        let waits = why.map(|why| format!(", and waits: {why}")).unwrap_or_default();
        remark(format_args!("the verification is still running{waits}"));
        remark(match place {
            Place::Service(_) => format!("How far it is: sync-to-m3ter verify --show {id}"),
            Place::Database(_) => format!(
                "If no service with this database is running: sync-to-m3ter verify --resume {id}"
            ),
        });
        return Outcome::TryAgain;
    }
    remark(format_args!(
        "the verification did not come to its end: {}",
        why.unwrap_or("it was cancelled")
    ));
    if !verification.is_resumable() {
        return Outcome::Unusable;
    }
    remark(format_args!("To continue it: sync-to-m3ter verify --resume {id}"));
    Outcome::TryAgain
}

/// What was found, of whichever records it was told.
async fn found(place: &Place, verification: &Verification) -> anyhow::Result<Outcome> {
    let mut passing = 0;
    each_page(place, verification, VerifiedStatus::Failed, |page| {
        passing += page.iter().filter(|record| record.retryable).count() as u64;
        Ok(())
    })
    .await?;
    let count = |status| verification.counts.of(status);
    let different = VerifiedStatus::VARIANTS.iter().copied().filter(|status| {
        status.needs_somebody()
            && !matches!(status, VerifiedStatus::Failed | VerifiedStatus::Partial)
    });
    Ok(if count(VerifiedStatus::Failed) + count(VerifiedStatus::Partial) > passing {
        Outcome::Failed
    } else if passing > 0 {
        Outcome::TryAgain
    } else if different.map(count).sum::<u64>() > 0 {
        Outcome::Differs
    } else {
        Outcome::Done
    })
}
