//! How a command is told to stop.

use std::future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Outcome;

/// For what runs until it is told to stop: cancelled by the first SIGTERM or interrupt; a second one
/// ends the process at once.
pub(super) fn shutdown_signal() -> std::io::Result<CancellationToken> {
    until_told(None)
}

/// For what somebody waits for: the same, and also if their terminal is closed (SIGHUP), unless
/// hangups are ignored, as `nohup` asks for.
pub(super) fn interrupt_signal() -> std::io::Result<CancellationToken> {
    let hangup = if ignores_hangups() { None } else { Some(signal(SignalKind::hangup())?) };
    until_told(hangup)
}

fn until_told(mut hangup: Option<Signal>) -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut was_asked = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                // A terminal that is closed and its shell send one each: that is not impatience.
                () = hung_up(&mut hangup) => {
                    cancel.cancel();
                    continue;
                }
            }
            if was_asked {
                std::process::exit(i32::from(Outcome::Interrupted.code()));
            }
            was_asked = true;
            cancel.cancel();
        }
    });
    Ok(token)
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => future::pending().await,
    }
}

/// Whether this process was started with hangups ignored, as Linux says; elsewhere they never are.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
