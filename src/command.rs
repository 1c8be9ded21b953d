//! The commands of the program, one file each.

pub mod adopt;
mod attended;
pub mod backfill;
pub mod changes;
pub mod check;
mod checklist;
mod csv_lines;
pub mod db;
pub mod end_date;
mod given;
pub mod health;
pub mod help;
mod ids;
mod interrupt;
pub mod keys;
pub mod line;
mod line_faults;
mod link_file;
pub mod links;
pub mod mapping;
pub mod output;
pub mod pause;
pub mod place;
pub mod remote;
mod remote_runs;
pub mod reopen;
pub mod report;
pub mod runs;
pub mod sandbox;
pub mod serve;
pub mod settings;
pub mod shells;
pub mod snapshot;
pub mod sync;
mod text_file;
pub mod verify;
mod watch;

use std::fmt;
use std::io::{IsTerminal as _, Write as _};

use tokio_util::sync::CancellationToken;

use crate::domain::answer::{Counts, SyncResult};
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::SyncStatus;

use self::output::print;

/// The version of the program; a release names its commit too (`scripts/release`).
pub const VERSION: &str = match option_env!("RELEASE_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// How a command ended, as the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0: what was asked for is done.
    Done,
    /// 1: it was tried, and it failed.
    Failed,
    /// 2: it could not be tried.
    Unusable,
    /// 3: a part of it is done, and a person must look at the rest.
    Partial,
    /// 4: it failed, and the same may succeed later.
    TryAgain,
    /// 5: a dry run or a verification with `--exit-code` found differences.
    Differs,
    /// 130, as shells have it: somebody did not wait for the end.
    Interrupted,
}

impl From<Outcome> for std::process::ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Unusable => 2,
            Self::Partial => 3,
            Self::TryAgain => 4,
            Self::Differs => 5,
            Self::Interrupted => 130,
        }
    }

    /// Of several outcomes the one that counts has the highest.
    fn badness(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs => 1,
            Self::Partial => 2,
            Self::TryAgain => 3,
            Self::Failed => 4,
            Self::Unusable => 5,
            Self::Interrupted => 6,
        }
    }

    /// The outcome of a sync or an end dating.
    fn of(result: &SyncResult) -> Self {
        match result.sync_status {
            SyncStatus::Completed => Self::Done,
            SyncStatus::PartialSuccess => Self::Partial,
            SyncStatus::Failed if result.retryable == Some(true) => Self::TryAgain,
            SyncStatus::Failed => Self::Failed,
        }
    }

    /// The outcome of a dry run that is to tell whether something would be written.
    fn of_comparison(result: &SyncResult) -> Self {
        let counts = result.counts.unwrap_or_else(|| Counts::of(&result.object_results));
        match Self::of(result) {
            Self::Done if counts.created + counts.updated > 0 => Self::Differs,
            outcome => outcome,
        }
    }
}

/// The user at the terminal, as runs and the audit log name them: `cli:alice`. The user of the
/// login counts, also behind `sudo`.
pub fn user() -> String {
    let login = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    let uid =
        login.filter(|uid| *uid != u32::MAX).unwrap_or_else(|| rustix::process::getuid().as_raw());
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_plain = |name: &&str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(is_plain)?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    name.map_or_else(|| format!("cli:uid-{uid}"), |name| format!("cli:{name}"))
}

/// Says what is not part of what was asked for.
fn remark(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says why a command could not be tried.
fn unusable(problem: impl fmt::Display) -> Outcome {
    let _ = writeln!(std::io::stderr(), "error: {problem}");
    Outcome::Unusable
}

/// Tells the audit log what somebody asks for at the terminal, whom this names.
fn audit(operation: &str, record: &str, run: &str, parameters: &str) {
    let caller = user();
    tracing::info!(target: "audit", caller, operation, parent_record_id = record, sync_run_id = run, parameters, "asked");
}

/// Whether something that cannot be taken back may be done.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Consent {
    /// Do it without asking: for scripts.
    #[arg(long)]
    pub yes: bool,
}

impl Consent {
    /// Asks, unless somebody has said yes; how the command ends if it may not be done.
    async fn refused(self, question: &str) -> anyhow::Result<Option<Outcome>> {
        self.refused_unless(&format!("{question} [y/N]"), is_yes).await
    }

    /// The same of what nothing brings back: the record must be named once more.
    async fn refused_unless_named(
        self,
        what: &str,
        record: &SalesforceId,
    ) -> anyhow::Result<Option<Outcome>> {
        let is_it = |answer: &str| SalesforceId::parse(answer).is_ok_and(|named| named == *record);
        self.refused_unless(&format!("{what}. Type its ID to do it:"), is_it).await
    }

    async fn refused_unless(
        self,
        question: &str,
        is_consent: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Option<Outcome>> {
        if self.yes {
            return Ok(None);
        }
        if !std::io::stdin().is_terminal() {
            return Ok(Some(unusable(
                "this cannot be taken back, and nobody can be asked here: nothing was done. Do it without asking with --yes",
            )));
        }
        let answer = answered(question, &CancellationToken::new()).await?;
        if answer.is_some_and(|answer| is_consent(&answer)) {
            return Ok(None);
        }
        print("Nothing was done.");
        Ok(Some(Outcome::Failed))
    }
}

/// Whether the person at the terminal says yes; an interrupt is a no.
async fn confirmed(question: &str, interrupt: &CancellationToken) -> anyhow::Result<bool> {
    let answer = answered(&format!("{question} [y/N]"), interrupt).await?;
    Ok(answer.is_some_and(|answer| is_yes(&answer)))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What the person at the terminal answers; `None` for an interrupt.
async fn answered(question: &str, interrupt: &CancellationToken) -> anyhow::Result<Option<String>> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let (sender, answer) = tokio::sync::oneshot::channel();
    // Not a task: a process that ends does not wait for what is never typed.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer).map(|_| answer);
        let _ = sender.send(read);
    });
    match interrupt.run_until_cancelled(answer).await {
        Some(answer) => Ok(Some(answer??)),
        None => {
            remark("");
            Ok(None)
        }
    }
}
