//! `verify`: compares many records with m3ter, from a terminal, here or by a service. Nothing is
//! written to m3ter or Salesforce.

pub(super) mod telling;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::telling::{Telling, tell};
use super::attended::show_progress;
use super::interrupt::interrupt_signal;
use super::line_faults::{LineFault, told};
use super::output;
use super::place::Place;
use super::remote::Remote;
use super::{Outcome, audit, given, ids, print, remark, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::Failure;
use crate::domain::verification::{
    MAX_NAMED, Verification, VerificationRequest, VerificationState,
};
use crate::sync::{InvalidVerification, NotResumed, Scope, Syncs, Worker};

/// Where nobody looks on, a line is written at most so often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Which records, and how they are told of.
#[derive(Debug, Clone, Args)]
pub struct Verifying {
    /// Records of this object; several times for several. None: of all that are mapped.
    #[arg(long = "root", value_name = "OBJECT")]
    roots: Vec<String>,
    /// Only records for which this holds: a condition in the language of mappings, about one
    /// object, such as `{ field = "Region__c", is = "EMEA" }`.
    #[arg(long = "where", value_name = "CONDITION", requires = "roots")]
    condition: Option<String>,
    /// Only the records in this file: one id a line, or CSV with ids in its column `Id` or in its
    /// first one.
    #[arg(long, value_name = "IDS", conflicts_with_all = ["roots", "condition", "since"])]
    file: Option<PathBuf>,
    /// Skip the lines of the file that are not the ID of a mapped record.
    #[arg(long, requires = "file")]
    skip_invalid: bool,
    /// Only records that were changed at this time or later: 2026-12-31T00:00:00Z, `yesterday`,
    /// `1d`.
    #[arg(long, value_parser = given::instant)]
    since: Option<Timestamp>,
    /// Also look at what m3ter has for the past and the future under each Contract.
    #[arg(long)]
    deep: bool,
    /// Continue a verification that was cancelled or stopped: its ID, a beginning of it, or
    /// `latest`.
    #[arg(long, value_name = "ID", conflicts_with_all = ["roots", "condition", "file", "since", "deep"])]
    resume: Option<String>,
    /// Only show what a verification found: its ID, a beginning of it, or `latest`; needs the
    /// database's settings only.
    #[arg(long, value_name = "ID", conflicts_with_all = ["roots", "condition", "file", "since", "deep", "resume"])]
    show: Option<String>,
    /// End a verification: its ID, a beginning of it, or `latest`. What it has found stays. Needs
    /// the database's settings only.
    #[arg(long, value_name = "ID", conflicts_with_all = ["roots", "condition", "file", "since", "deep", "resume", "show", "exit_code", "output", "all", "status"])]
    cancel: Option<String>,
    /// How it is told.
    #[command(flatten)]
    telling: Telling,
}

impl Verifying {
    /// Whether it needs the database alone.
    pub fn only_looks(&self) -> bool {
        self.show.is_some() || self.cancel.is_some()
    }

    /// What cannot be asked.
    fn problem(&self) -> Option<&'static str> {
        let is_of_one = self.condition.is_none() || self.roots.len() < 2;
        (!is_of_one).then_some("--where is about the records of one object: give --root once")
    }

    fn request(&self, record_ids: Vec<SalesforceId>) -> VerificationRequest {
        VerificationRequest {
            roots: self.roots.clone(),
            condition: self.condition.clone(),
            record_ids,
            since: self.since,
            deep: self.deep,
        }
    }

    /// The records of a file, unless lines are wrong and nobody said to go on without them.
    fn kept(
        &self,
        records: Vec<SalesforceId>,
        mut faults: Vec<LineFault>,
    ) -> Result<Vec<SalesforceId>, String> {
        faults.sort_by_key(|fault| fault.line);
        if faults.is_empty() {
            return Ok(records);
        }
        let told = told(&faults);
        if self.skip_invalid && !records.is_empty() {
            remark(format_args!("left out:\n{told}"));
            return Ok(records);
        }
        let rest =
            if records.is_empty() { "" } else { "\n`--skip-invalid` leaves these lines out" };
        Err(format!("{told}{rest}"))
    }
}

/// Tells what an earlier verification found, or ends one; or a service compares.
pub async fn by_place(place: Place, verifying: &Verifying) -> anyhow::Result<Outcome> {
    let outcome = match (&place, &verifying.cancel, &verifying.show) {
        (_, Some(named), _) => cancel(&place, named).await,
        (_, _, Some(named)) => match given::verification(&place, named).await {
            Ok(Ok(verification)) => tell(&place, &verification, &verifying.telling).await,
            Ok(Err(problem)) => Ok(unusable(problem)),
            Err(error) => Err(error),
        },
        (Place::Service(service), ..) => run_remotely(service, &place, verifying).await,
        (Place::Database(_), ..) => unreachable!("it has read its configuration"),
    };
    place.close().await;
    outcome
}

async fn cancel(place: &Place, named: &str) -> anyhow::Result<Outcome> {
    let verification = match given::verification(place, named).await? {
        Ok(verification) => verification,
        Err(problem) => return Ok(unusable(problem)),
    };
    let id = verification.verification_id;
    if verification.state != VerificationState::Running {
        return Ok(unusable(format_args!(
            "the verification {id} is {} already",
            verification.state
        )));
    }
    place.cancel_verification(&id).await?;
    // A service has an audit log of its own.
    if matches!(place, Place::Database(_)) {
        audit("verify", "", "", &format!("cancel={id}"));
    }
    print(format_args!(
        "The verification {id} was cancelled; what it has found stays. To continue it: sync-to-m3ter verify --resume {id}"
    ));
    Ok(Outcome::Done)
}

/// Lets a service compare, and tells what was found.
async fn run_remotely(
    service: &Remote,
    place: &Place,
    verifying: &Verifying,
) -> anyhow::Result<Outcome> {
    if let Some(problem) = verifying.problem() {
        return Ok(unusable(problem));
    }
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let id = match begin_remotely(service, place, verifying).await? {
        Ok(id) => id,
        Err(problem) => return Ok(unusable(problem)),
    };
    remark(format_args!("The service at {} works on the verification {id}", service.url()));
    match until_it_ends(place, &id, &interrupt).await? {
        Ended::With(verification) => tell(place, &verification, &verifying.telling).await,
        Ended::Without(outcome) => {
            if outcome == Outcome::Interrupted {
                remark(format_args!(
                    "Interrupted: the verification continues in the service\nWhat it finds: sync-to-m3ter verify --show {id}\nTo end it: sync-to-m3ter verify --cancel {id}"
                ));
            }
            Ok(outcome)
        }
    }
}

/// The id of a verification that a service has begun, or goes on with; else what is wrong.
async fn begin_remotely(
    service: &Remote,
    place: &Place,
    verifying: &Verifying,
) -> anyhow::Result<Result<String, String>> {
    if let Some(named) = &verifying.resume {
        let id = match given::verification(place, named).await? {
            Ok(verification) => verification.verification_id,
            Err(problem) => return Ok(Err(problem)),
        };
        service.resume_verification(&id).await?;
        return Ok(Ok(id));
    }
    let list = match verifying.file.as_deref().map(ids::read).transpose() {
        Ok(list) => list.unwrap_or_default(),
        Err(problem) => return Ok(Err(problem)),
    };
    let named = list.ids.into_iter().map(|(_, id)| id).collect();
    match verifying.kept(named, list.faults) {
        Ok(records) if records.len() > MAX_NAMED => Ok(Err(format!(
            "the file names {} records, and a service takes at most {MAX_NAMED} at once: split it",
            records.len()
        ))),
        Ok(records) => Ok(Ok(service.verify(&verifying.request(records)).await?.verification_id)),
        Err(problem) => Ok(Err(problem)),
    }
}

/// Compares, and tells what was found.
pub async fn run(config: Config, verifying: Verifying) -> anyhow::Result<Outcome> {
    if let Some(problem) = verifying.problem() {
        return Ok(unusable(problem));
    }
    let list = match verifying.file.as_deref().map(ids::read).transpose() {
        Ok(list) => list,
        Err(problem) => return Ok(unusable(problem)),
    };
    let id = match &verifying.resume {
        None => Syncs::new_verification_id(),
        Some(named) => {
            let place = Place::database(&config.database_url).await?;
            let found = given::verification(&place, named).await;
            place.close().await;
            match found? {
                Ok(verification) => verification.verification_id,
                Err(problem) => return Ok(unusable(problem)),
            }
        }
    };
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let app = App::new(&config, Scope::Verification(id.clone())).await?;
    let place = Place::database(&config.database_url).await?;
    let ended = match begin(&app.syncs, &id, &verifying, list).await {
        Ok(None) => until_it_ends(&place, &id, &interrupt).await,
        Ok(Some(outcome)) => Ok(Ended::Without(outcome)),
        Err(error) => Err(error),
    };
    app.end().await?;
    let outcome = match ended {
        Ok(Ended::With(verification)) => tell(&place, &verification, &verifying.telling).await,
        Ok(Ended::Without(outcome)) => {
            if outcome == Outcome::Interrupted {
                remark(format_args!(
                    "Interrupted: what was found stays. A running service with this database and the same mappings continues it; without one: sync-to-m3ter verify --resume {id}"
                ));
            }
            Ok(outcome)
        }
        Err(error) => Err(error),
    };
    place.close().await;
    outcome
}

/// Begins a verification, or lets one go on; how the command ends if that cannot be.
async fn begin(
    syncs: &Syncs,
    id: &str,
    verifying: &Verifying,
    list: Option<ids::IdList>,
) -> anyhow::Result<Option<Outcome>> {
    if verifying.resume.is_some() {
        return match syncs.resume_verification(id, Worker::ThisProcess).await? {
            Ok(_) => {
                audit("verify", "", "", &format!("resume={id}"));
                Ok(None)
            }
            // It may go on already, with nobody at work: then this process takes it.
            Err(NotResumed::NotStopped) => Ok(None),
            Err(NotResumed::Unknown) => {
                Ok(Some(unusable(format_args!("there is no verification {id}"))))
            }
        };
    }
    let record_ids = match list.map(|list| named(list, verifying, syncs)) {
        None => Vec::new(),
        Some(named) => match named.await? {
            Ok(ids) => ids,
            Err(outcome) => return Ok(Some(outcome)),
        },
    };
    let request = verifying.request(record_ids);
    match syncs.verify(id.to_owned(), request, Some(user()), Worker::ThisProcess).await {
        Ok(_) => {
            audit("verify", "", "", &format!("verification={id}"));
            Ok(None)
        }
        Err(InvalidVerification::Store(error)) => Err(error.into()),
        Err(InvalidVerification::Vendor(failure)) => Ok(Some(unanswered(&failure))),
        Err(InvalidVerification::Request(problem)) => Ok(Some(unusable(problem))),
    }
}

/// A vendor did not say whether it can be done.
fn unanswered(failure: &Failure) -> Outcome {
    remark(format_args!("error: {}; try again", failure.reason));
    if failure.code.retryable() { Outcome::TryAgain } else { Outcome::Failed }
}

/// The records that a file names, of objects that are mapped.
async fn named(
    list: ids::IdList,
    verifying: &Verifying,
    syncs: &Syncs,
) -> anyhow::Result<Result<Vec<SalesforceId>, Outcome>> {
    let ids::IdList { ids, mut faults } = list;
    let mut records = Vec::new();
    for (line, id) in ids {
        match syncs.mapped_object_of(&id).await {
            Ok(Ok(_)) => records.push(id),
            Ok(Err(what)) => faults.push(LineFault { line, what }),
            Err(failure) => return Ok(Err(unanswered(&failure))),
        }
    }
    Ok(verifying.kept(records, faults).map_err(unusable))
}

/// How waiting for a verification ended.
enum Ended {
    /// So.
    With(Box<Verification>),
    /// Before its end; how the command ends.
    Without(Outcome),
}

/// Waits, and says how far it is, until somebody interrupts.
async fn until_it_ends(
    place: &Place,
    id: &str,
    interrupt: &CancellationToken,
) -> anyhow::Result<Ended> {
    let mut teller = Teller { told_at: Instant::now(), told: (0, None) };
    loop {
        match place.verification(id).await? {
            Some(verification) if verification.state == VerificationState::Running => {
                teller.tell(&verification);
            }
            Some(verification) => {
                show_progress("");
                return Ok(Ended::With(Box::new(verification)));
            }
            None => {
                let gone = unusable(format_args!("the verification {id} was deleted"));
                return Ok(Ended::Without(gone));
            }
        }
        let pause = tokio::time::sleep(place.look_every());
        if interrupt.run_until_cancelled(pause).await.is_none() {
            show_progress("");
            return Ok(Ended::Without(Outcome::Interrupted));
        }
    }
}

/// Says how far it is: at a terminal on one line, elsewhere at times, if something is new.
struct Teller {
    told_at: Instant,
    told: (u64, Option<String>),
}

impl Teller {
    fn tell(&mut self, verification: &Verification) {
        let Verification { verified, message, .. } = verification;
        let expected = expected(verification);
        let stands = (*verified, message.clone());
        if std::io::stderr().is_terminal() {
            let bar = output::progress_bar(*verified, expected);
            show_progress(&format!("{bar} {}", progress(verification, expected)));
        } else if self.told_at.elapsed() >= TELL_EVERY && self.told != stands {
            remark(progress(verification, expected));
            *self = Self { told_at: Instant::now(), told: stands };
        }
    }
}

/// How many records there are, about.
fn expected(verification: &Verification) -> u64 {
    verification.expected.unwrap_or_default().max(verification.verified).max(1)
}

/// How far it is, in words.
fn progress(verification: &Verification, expected: u64) -> String {
    let Verification { verified, seconds_left, message, .. } = verification;
    let left = seconds_left.map_or_else(String::new, |left| format!(", about {left} s left"));
    let waits = message.as_ref().map_or_else(String::new, |why| format!(" (waits: {why})"));
    format!("{verified} of {expected} records{left}{waits}")
}
