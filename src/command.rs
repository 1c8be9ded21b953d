//! The commands of the program, one file each.

pub mod check;
pub mod keys;
pub mod sandbox;
pub mod serve;
pub mod sync;

use std::fmt;

use tokio_util::sync::CancellationToken;

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
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
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
