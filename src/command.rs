//! The commands of the program, one file each.

pub mod check;
pub mod end_date;
pub mod health;
pub mod keys;
pub mod links;
pub mod mapping;
pub mod report;
pub mod runs;
pub mod sandbox;
pub mod serve;
pub mod sync;

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{ContentArrangement, Table};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::outcome::SyncStatus;
use crate::sync::StartedRun;

/// How a command ended, as the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0: what was asked for is done.
    Done,
    /// 1: it was tried, and not all of it is done.
    Failed,
    /// 2: it could not be tried.
    Unusable,
}

impl From<Outcome> for std::process::ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Unusable => 2,
        })
    }
}

/// Writes a line to standard output; a reader that went away is no error.
fn print(line: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// An empty table with a header, as wide as the terminal.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

/// Says why a command could not be tried.
fn unusable(problem: impl fmt::Display) -> Outcome {
    let _ = writeln!(std::io::stderr(), "{problem}");
    Outcome::Unusable
}

/// Waits for a run, prints its result, and lets the service end.
async fn run_to_its_end(app: App, mut run: StartedRun, doing: &str) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let result = loop {
        match tokio::time::timeout(Duration::from_millis(200), run.ended.wait_for(Option::is_some)).await {
            Ok(ended) => break ended.context("the run stopped without a result")?.clone(),
            Err(_) => show_progress(&format!("{doing} … {:.0} s", started.elapsed().as_secs_f64())),
        }
    };
    show_progress("");
    app.end().await?;
    let result = result.context("the run ended without a result")?;
    print(report::report(&result));
    Ok(if result.sync_status == SyncStatus::Completed { Outcome::Done } else { Outcome::Failed })
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
