//! `verify`: compares many records with m3ter, from a terminal. Nothing is written to m3ter or
//! Salesforce.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use strum::VariantArray as _;

use super::attended::show_progress;
use super::output::{self, Column, Form, Output, Screen};
use super::{Outcome, audit, given, ids, print, remark, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::SalesforceId;
use crate::domain::verification::{
    Breadth, Verification, VerificationRequest, VerificationState, VerifiedRecord, VerifiedStatus,
};
use crate::sync::{InvalidVerification, NotResumed, Scope, Syncs};

/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Results that are read at once.
const RESULTS: u32 = 500;

/// Which records, and how they are told of.
#[derive(Debug, Clone, Args)]
pub struct Verifying {
    /// Records of this object; several times for several. None: of all that are mapped.
    #[arg(long = "root", value_name = "OBJECT")]
    roots: Vec<String>,
    /// Only records for which this holds: a condition in the language of mappings, about one
    /// object, such as `{ field = "Region__c", is = "EMEA" }`.
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Only the records in this file: one id a line, or CSV with ids in its column `Id` or in its
    /// first one.
    #[arg(long, value_name = "IDS", conflicts_with_all = ["roots", "condition", "since"])]
    file: Option<PathBuf>,
    /// Go on with the rest where lines of the file are no ids of records that are mapped.
    #[arg(long, requires = "file")]
    skip_invalid: bool,
    /// Only records that were changed at this time or later: 2026-12-31T00:00:00Z, `yesterday`,
    /// `1d`.
    #[arg(long, value_parser = given::instant)]
    since: Option<Timestamp>,
    /// Also look at what m3ter has for the past and the future under each Contract.
    #[arg(long)]
    deep: bool,
    /// Go on with a verification that was cancelled or stopped.
    #[arg(long, value_name = "ID", conflicts_with_all = ["roots", "condition", "file", "since", "deep"])]
    resume: Option<String>,
    /// How it is told.
    #[command(flatten)]
    telling: Telling,
}

/// How results are told.
#[derive(Debug, Clone, Args)]
struct Telling {
    /// Let the exit code tell what was found: 1, records that a sync could not bring into m3ter
    /// whole; 4, failures that may pass; 5, differences.
    #[arg(long)]
    exit_code: bool,
    /// In which form.
    #[command(flatten)]
    form: Form,
    /// Tell also of records that need nobody.
    #[arg(long)]
    all: bool,
}

/// Compares, and tells what was found.
pub async fn run(config: Config, verifying: Verifying) -> anyhow::Result<Outcome> {
    let list = match verifying.file.as_deref().map(ids::read).transpose() {
        Ok(list) => list,
        Err(problem) => return Ok(unusable(problem)),
    };
    let id = verifying.resume.clone().unwrap_or_else(Syncs::new_verification_id);
    let app = App::new(&config, Scope::Verification(id.clone())).await?;
    let outcome = verify(&app, &id, &verifying, list).await;
    app.end().await?;
    outcome
}

async fn verify(
    app: &App,
    id: &str,
    verifying: &Verifying,
    list: Option<ids::IdList>,
) -> anyhow::Result<Outcome> {
    let syncs = &app.syncs;
    if verifying.resume.is_some() {
        match syncs.resume_verification(id).await? {
            Ok(_) => audit("verify", "", "", &format!("resume={id}")),
            // It may go on already, with nobody at work: then this process takes it.
            Err(NotResumed::NotStopped) => {}
            Err(NotResumed::Unknown) => {
                return Ok(unusable(format_args!("there is no verification {id}")));
            }
        }
    } else {
        let record_ids = match list.map(|list| named(list, verifying, syncs)) {
            None => Vec::new(),
            Some(named) => match named.await? {
                Ok(ids) => ids,
                Err(problem) => return Ok(unusable(problem)),
            },
        };
        let request = VerificationRequest {
            roots: verifying.roots.clone(),
            condition: verifying.condition.clone(),
            record_ids,
            since: verifying.since,
            deep: verifying.deep,
        };
        match syncs.verify(id.to_owned(), request, Some(user())).await {
            Ok(_) => audit("verify", "", "", &format!("verification={id}")),
            Err(InvalidVerification::Store(error)) => return Err(error.into()),
            Err(InvalidVerification::Vendor(failure)) => {
                remark(format_args!("{}; try again", failure.reason));
                return Ok(Outcome::TryAgain);
            }
            Err(InvalidVerification::Request(problem)) => return Ok(unusable(problem)),
        }
    }
    let Some(verification) = until_it_ends(syncs, id).await? else {
        return Ok(unusable(format_args!("the verification {id} was deleted")));
    };
    tell(syncs, &verification, &verifying.telling).await
}

/// The records that a file names, of objects that are mapped.
async fn named(
    list: ids::IdList,
    verifying: &Verifying,
    syncs: &Syncs,
) -> anyhow::Result<Result<Vec<SalesforceId>, String>> {
    let ids::IdList { ids, mut faults } = list;
    let mut records = Vec::new();
    for (line, id) in ids {
        match syncs.mapped_object_of(&id).await {
            Ok(Ok(_)) => records.push(id),
            Ok(Err(what)) => faults.push(ids::LineFault { line, what }),
            Err(failure) => return Ok(Err(format!("{}; try again", failure.reason))),
        }
    }
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() {
        return Ok(Ok(records));
    }
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    if verifying.skip_invalid && !records.is_empty() {
        remark(format_args!("left out:\n{}", told.join("\n")));
        return Ok(Ok(records));
    }
    Ok(Err(format!("{}\n`--skip-invalid` goes on with the rest", told.join("\n"))))
}

async fn until_it_ends(syncs: &Syncs, id: &str) -> anyhow::Result<Option<Verification>> {
    loop {
        let verification = syncs.verification(id).await?;
        match &verification {
            Some(verification) if verification.state == VerificationState::Running => {
                show_progress(&progress(verification));
            }
            _ => {
                show_progress("");
                return Ok(verification);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far it is, on one line.
fn progress(verification: &Verification) -> String {
    const WIDTH: u64 = 30;
    let Verification { verified, expected, seconds_left, message, .. } = verification;
    let expected = expected.unwrap_or_default().max(*verified).max(1);
    let done = usize::try_from(verified * WIDTH / expected).unwrap_or_default();
    let bar = format!("{}{}", "█".repeat(done), "░".repeat(30 - done.min(30)));
    let left = seconds_left.map_or_else(String::new, |left| format!(", about {left} s left"));
    let waits = message.as_ref().map_or_else(String::new, |why| format!(" (waits: {why})"));
    format!("{bar} {verified} of {expected} records{left}{waits}")
}

async fn tell(
    syncs: &Syncs,
    verification: &Verification,
    telling: &Telling,
) -> anyhow::Result<Outcome> {
    let statuses: Vec<VerifiedStatus> = VerifiedStatus::VARIANTS
        .iter()
        .copied()
        .filter(|status| telling.all || status.needs_somebody())
        .collect();
    if telling.form.output == Output::Table {
        tell_counts(verification);
    }
    let mut found = Found::default();
    let mut records = Vec::new();
    for status in statuses {
        let mut after: Option<SalesforceId> = None;
        loop {
            let id = &verification.verification_id;
            let page = syncs.list_verified(id, &[status], after.as_ref(), RESULTS).await?;
            after = page.last().map(|record| record.record_id.clone());
            for record in &page {
                found.add(record);
            }
            let is_last = page.len() < RESULTS as usize;
            match telling.form.output {
                // Each page goes out as it comes.
                Output::Json => {
                    output::list(telling.form, &COLUMNS, &page, |record| vec![row(record)])?;
                }
                Output::Table | Output::Csv => records.extend(page.iter().map(row).map(Vec::from)),
            }
            if is_last {
                break;
            }
        }
    }
    let has_rows = !records.is_empty() || telling.form.output == Output::Csv;
    if has_rows && telling.form.output != Output::Json {
        output::list_rows(telling.form, &COLUMNS, &records)?;
    }
    Ok(outcome(verification, &found, telling.exit_code))
}

const COLUMNS: [Column; 4] = [
    Column::status("Status"),
    Column::word("Record"),
    Column::text("Name").rank(1),
    Column::text("What"),
];

fn row(record: &VerifiedRecord) -> [String; 4] {
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
    print(Screen::of_stdout().table(&columns, &counts, false));
    let how = match verification.breadth {
        Some(Breadth::Lists) => {
            "What nobody has linked was looked for in the lists of all Commitments and of today's AccountPlans"
        }
        Some(Breadth::Contracts) => "What nobody has linked was looked for under each Contract",
        None => "Nothing was looked at",
    };
    remark(format_args!(
        "Verification {} {}. {how}.",
        verification.verification_id, verification.state
    ));
}

/// What was found, as far as an exit code tells it.
#[derive(Debug, Default)]
struct Found {
    failed: bool,
    passing: bool,
    different: bool,
}

impl Found {
    fn add(&mut self, record: &VerifiedRecord) {
        match record.status {
            VerifiedStatus::Failed if record.retryable => self.passing = true,
            VerifiedStatus::Failed | VerifiedStatus::Partial => self.failed = true,
            status if status.needs_somebody() => self.different = true,
            _ => {}
        }
    }
}

fn outcome(verification: &Verification, found: &Found, exit_code: bool) -> Outcome {
    if verification.state != VerificationState::Completed {
        let id = &verification.verification_id;
        let why = verification.message.as_deref().unwrap_or("it was cancelled");
        remark(format_args!(
            "the verification did not come to its end: {why}\n`verify --resume {id}` goes on"
        ));
        return Outcome::TryAgain;
    }
    match found {
        _ if !exit_code => Outcome::Done,
        Found { failed: true, .. } => Outcome::Failed,
        Found { passing: true, .. } => Outcome::TryAgain,
        Found { different: true, .. } => Outcome::Differs,
        _ => Outcome::Done,
    }
}
