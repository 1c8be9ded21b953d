//! The commands of the program, one file each.

pub mod adopt;
pub mod changes;
pub mod check;
pub mod end_date;
mod given;
pub mod health;
mod ids;
pub mod keys;
pub mod links;
pub mod mapping;
pub mod output;
pub mod pause;
pub mod reopen;
pub mod report;
pub mod runs;
pub mod sandbox;
pub mod serve;
pub mod sync;
pub mod verify;

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::answer::{Counts, SyncResult};
use crate::domain::outcome::SyncStatus;
use crate::sync::StartedRun;

use self::output::{Output, print};

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
}

impl From<Outcome> for std::process::ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Unusable => 2,
            Outcome::Partial => 3,
            Outcome::TryAgain => 4,
            Outcome::Differs => 5,
        })
    }
}

impl Outcome {
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
    let _ = writeln!(std::io::stderr(), "{problem}");
    Outcome::Unusable
}

/// Tells the audit log what somebody asks for at the terminal, whom this names.
fn audit(operation: &str, record: &str, run: &str, parameters: &str) {
    let caller = user();
    tracing::info!(target: "audit", caller, operation, parent_record_id = record, sync_run_id = run, parameters, "asked");
}

/// Waits for a run, and tells the audit log how it ended.
async fn result_of(mut run: StartedRun, doing: &str) -> anyhow::Result<Arc<SyncResult>> {
    let started = Instant::now();
    let result = loop {
        match tokio::time::timeout(Duration::from_millis(200), run.ended.wait_for(Option::is_some))
            .await
        {
            Ok(ended) => break ended.context("the run stopped without a result")?.clone(),
            Err(_) => show_progress(&format!("{doing} … {:.0} s", started.elapsed().as_secs_f64())),
        }
    };
    show_progress("");
    let result = result.context("the run ended without a result")?;
    let (caller, run) = (user(), run.id.to_string());
    let outcome =
        format!("{} {}", result.sync_status, result.error_code.as_deref().unwrap_or_default());
    tracing::info!(target: "audit", caller, sync_run_id = run, outcome = outcome.trim_end(), "ended");
    Ok(result)
}

/// Waits for a run, prints its result, and lets the service end.
async fn run_to_its_end(
    app: App,
    run: StartedRun,
    doing: &str,
    output: Output,
    outcome_of: fn(&SyncResult) -> Outcome,
) -> anyhow::Result<Outcome> {
    if run.is_paused {
        let id = run.id;
        app.end().await?;
        print(format_args!(
            "The service is paused: the run {id} is waiting, and starts by itself after `sync-to-m3ter resume`"
        ));
        return Ok(Outcome::Failed);
    }
    let result = result_of(run, doing).await;
    app.end().await?;
    let result = result?;
    report::print_result(&result, output)?;
    Ok(outcome_of(&result))
}

/// One line that is written over, where a person looks on.
fn show_progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

/// Cancelled by the first SIGTERM or interrupt; a second one ends the process at once.
fn shutdown_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let cancel = token.clone();
    tokio::spawn(async move {
        for second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            if second {
                std::process::exit(1);
            }
            cancel.cancel();
        }
    });
    Ok(token)
}
