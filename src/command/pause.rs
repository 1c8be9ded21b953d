//! `pause` and `resume`: the switch for an incident, from a terminal.

use clap::Args;
use jiff::Timestamp;

use super::place::Place;
use super::{Outcome, print, unusable};
use crate::store::{Pause, Said};

/// Why the service is paused.
#[derive(Debug, Clone, Args)]
pub struct Pausing {
    /// Why, for those who read it later.
    #[arg(long)]
    pub reason: String,
}

/// Why the service is resumed.
#[derive(Debug, Clone, Args)]
pub struct Resuming {
    /// Why, for those who read it later.
    #[arg(long)]
    pub reason: Option<String>,
}

/// What is said where nothing begins any more.
const PAUSED: &str = "The service is paused: new requests are recorded and wait, dry runs still work, and runs that have begun continue to their end";

/// Lets no run begin any more, in any process.
pub async fn pause(place: Place, by: &str, pausing: &Pausing) -> anyhow::Result<Outcome> {
    let reason = pausing.reason.trim();
    if reason.is_empty() {
        return Ok(unusable("--reason is blank; say why, for those who read it later"));
    }
    let store = match place {
        Place::Service(service) => {
            let answer = service.pause(reason).await?;
            print(PAUSED);
            answer.pause.iter().for_each(|pause| print(format_args!("Paused {}", describe(pause))));
            return Ok(Outcome::Done);
        }
        Place::Database(store) => store,
    };
    let paused =
        store.pause(Said { by: Some(by), reason: Some(reason), at: Timestamp::now() }).await;
    store.close().await;
    let (pause, is_new) = paused?;
    if is_new {
        tracing::info!(target: "audit", operation = "pause", caller = by, reason, "the service is paused");
        print(PAUSED);
    } else {
        print(format_args!("The service is paused already, {}", describe(&pause)));
    }
    Ok(Outcome::Done)
}

/// Lets runs begin again.
pub async fn resume(place: Place, by: &str, resuming: &Resuming) -> anyhow::Result<Outcome> {
    let reason = resuming.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let resumed = match place {
        Place::Service(service) => service.resume(reason).await?.pause,
        Place::Database(store) => {
            let resumed = store.resume(Said { by: Some(by), reason, at: Timestamp::now() }).await;
            store.close().await;
            let resumed = resumed?;
            if resumed.is_some() {
                tracing::info!(target: "audit", operation = "resume", caller = by, reason, "the service is resumed");
            }
            resumed
        }
    };
    match resumed {
        Some(pause) => print(format_args!(
            "The service has resumed, and starts with what was waiting; it was paused {}",
            describe(&pause)
        )),
        None => print("The service is not paused"),
    }
    Ok(Outcome::Done)
}

fn describe(pause: &Pause) -> String {
    let by = pause.paused_by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
    format!("since {}{by}: {}", pause.paused_at, pause.reason)
}
