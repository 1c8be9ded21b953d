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
    Breadth, Compared, Verification, VerificationRequest, VerificationState, VerifiedRecord,
    VerifiedStatus,
};
use crate::store::Store;
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
    /// Only show what a verification found: its ID, a beginning of it, or `latest`; needs the
    /// database's settings only.
    #[arg(long, value_name = "ID", conflicts_with_all = ["roots", "condition", "file", "since", "deep", "resume"])]
    show: Option<String>,
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
    /// Tell only of records of these statuses.
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = status, conflicts_with = "all")]
    status: Vec<VerifiedStatus>,
}

fn status(word: &str) -> Result<VerifiedStatus, String> {
    let words = || VerifiedStatus::VARIANTS.iter().map(|status| status.as_str());
    word.parse().map_err(|_| format!("it takes {}", words().collect::<Vec<_>>().join(", ")))
}

impl Verifying {
    /// Whether it needs the database alone.
    pub fn only_shows(&self) -> bool {
        self.show.is_some()
    }
}

/// Tells what an earlier verification found.
pub async fn show(database_url: &str, verifying: &Verifying) -> anyhow::Result<Outcome> {
    let store = Store::open_existing(database_url).await?;
    let named = verifying.show.as_deref().unwrap_or_default();
    let outcome = match given::verification(&store, named).await? {
        Ok(verification) => tell(&store, &verification, &verifying.telling).await,
        Err(problem) => Ok(unusable(problem)),
    };
    store.close().await;
    outcome
}

/// Compares, and tells what was found.
pub async fn run(config: Config, verifying: Verifying) -> anyhow::Result<Outcome> {
    let list = match verifying.file.as_deref().map(ids::read).transpose() {
        Ok(list) => list,
        Err(problem) => return Ok(unusable(problem)),
    };
    let id = verifying.resume.clone().unwrap_or_else(Syncs::new_verification_id);
    let app = App::new(&config, Scope::Verification(id.clone())).await?;
    let ended = verify(&app, &id, &verifying, list).await;
    app.end().await?;
    let verification = match ended? {
        Ok(verification) => verification,
        Err(outcome) => return Ok(outcome),
    };
    let store = Store::open(&config.database_url).await?;
    let outcome = tell(&store, &verification, &verifying.telling).await;
    store.close().await;
    outcome
}

async fn verify(
    app: &App,
    id: &str,
    verifying: &Verifying,
    list: Option<ids::IdList>,
) -> anyhow::Result<Result<Verification, Outcome>> {
    let syncs = &app.syncs;
    if verifying.resume.is_some() {
        match syncs.resume_verification(id).await? {
            Ok(_) => audit("verify", "", "", &format!("resume={id}")),
            // It may go on already, with nobody at work: then this process takes it.
            Err(NotResumed::NotStopped) => {}
            Err(NotResumed::Unknown) => {
                return Ok(Err(unusable(format_args!("there is no verification {id}"))));
            }
        }
    } else {
        let record_ids = match list.map(|list| named(list, verifying, syncs)) {
            None => Vec::new(),
            Some(named) => match named.await? {
                Ok(ids) => ids,
                Err(problem) => return Ok(Err(unusable(problem))),
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
                return Ok(Err(Outcome::TryAgain));
            }
            Err(InvalidVerification::Request(problem)) => return Ok(Err(unusable(problem))),
        }
    }
    let Some(verification) = until_it_ends(syncs, id).await? else {
        return Ok(Err(unusable(format_args!("the verification {id} was deleted"))));
    };
    Ok(Ok(verification))
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
    let Verification { verified, expected, seconds_left, message, .. } = verification;
    let expected = expected.unwrap_or_default().max(*verified).max(1);
    let bar = output::progress_bar(*verified, expected);
    let left = seconds_left.map_or_else(String::new, |left| format!(", about {left} s left"));
    let waits = message.as_ref().map_or_else(String::new, |why| format!(" (waits: {why})"));
    format!("{bar} {verified} of {expected} records{left}{waits}")
}

async fn tell(
    store: &Store,
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
    let mut found = Found::default();
    let mut records = Vec::new();
    for status in statuses {
        let mut after: Option<SalesforceId> = None;
        loop {
            let id = &verification.verification_id;
            let page = store.list_verified(id, &[status], after.as_ref(), RESULTS).await?;
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
    if let Some(compared) = &verification.compared {
        let Compared { previous_verification_id, new_since, solved_since } = compared;
        remark(format_args!(
            "Since {previous_verification_id}: {new_since} more need somebody, {solved_since} no longer do."
        ));
    }
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
        let is_running = verification.state == VerificationState::Running;
        let otherwise = if is_running { "it goes on" } else { "it was cancelled" };
        let why = verification.message.as_deref().unwrap_or(otherwise);
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
