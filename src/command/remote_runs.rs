//! What is done with runs by a service, and waited for over HTTP.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attended::show_progress;
use super::interrupt::interrupt_signal;
use super::output::{Form, Output, print};
use super::place::Place;
use super::remote::Remote;
use super::{Outcome, given, remark, report, unusable, watch};
use crate::domain::answer::SyncResult;
use crate::domain::ids::SyncRunId;
use crate::store::RunFilter;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a run ended that a service works on.
pub(super) enum RemoteEnd {
    /// So.
    Ended(Box<SyncResult>),
    /// Somebody did not wait; the run goes on.
    Interrupted,
}

/// Waits for a run of a service, and says where it is.
pub(super) async fn wait(
    service: &Remote,
    run: SyncRunId,
    doing: &str,
    quiet: bool,
    interrupt: &CancellationToken,
) -> anyhow::Result<RemoteEnd> {
    let started = Instant::now();
    loop {
        let found = service.load_run(run).await?;
        let found = found.with_context(|| format!("the service no longer has the run {run}"))?;
        if let Some(result) = found.result.clone().filter(|_| found.is_over()) {
            show_progress("");
            return Ok(RemoteEnd::Ended(Box::new(result)));
        }
        if !quiet {
            let seconds = started.elapsed().as_secs();
            show_progress(&format!("{doing} … {seconds} s: {}", watch::in_words(&found)));
        }
        if interrupt.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            show_progress("");
            remark(format_args!(
                "Interrupted: the run {run} continues in the service at {}\nLook at it: sync-to-m3ter runs show {run}",
                service.url()
            ));
            return Ok(RemoteEnd::Interrupted);
        }
    }
}

/// Runs one run again, by the service.
pub(super) async fn replay(place: &Place, text: &str, output: Output) -> anyhow::Result<Outcome> {
    let Place::Service(service) = place else {
        return Ok(unusable("running a run again needs all settings of the service, or --url"));
    };
    let run = match given::run(place, text).await? {
        Ok(run) => run,
        Err(problem) => return Ok(unusable(problem)),
    };
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let again = service.replay(run).await?;
    match wait(service, again, &format!("running {run} again"), false, &interrupt).await? {
        RemoteEnd::Ended(result) => {
            report::print_result(&result, output)?;
            Ok(Outcome::of(&result))
        }
        RemoteEnd::Interrupted => Ok(Outcome::Interrupted),
    }
}

/// Runs failed runs again, by the service, or only says which.
pub(super) async fn replay_many(
    service: &Remote,
    kind: &str,
    filter: &RunFilter,
    dry_run: bool,
    form: Form,
) -> anyhow::Result<Outcome> {
    let mut body = json!({"kind": kind, "maxRuns": filter.limit});
    let named = [
        ("parentRecordId", filter.parent_record_id.as_ref().map(ToString::to_string)),
        ("errorCode", filter.error_code.clone()),
        ("since", filter.since.map(|instant| instant.to_string())),
        ("until", filter.until.map(|instant| instant.to_string())),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    let answer = service.replay_many(&body, dry_run).await?;
    let runs = answer["runs"].as_array().cloned().unwrap_or_default();
    if form.output == Output::Json {
        runs.iter().for_each(print);
        return Ok(Outcome::Done);
    }
    let count = runs.len();
    let plural = if count == 1 { "run" } else { "runs" };
    let will = if dry_run { "would" } else { "will" };
    print(format_args!("{count} {plural} {will} be run again by the service at {}", service.url()));
    for run in runs {
        let text = |name: &str| run[name].as_str().unwrap_or_default().to_owned();
        let id = if dry_run { text("replayOf") } else { text("syncRunId") };
        print([id, text("parentRecordId"), text("errorCode")].join("\t"));
    }
    Ok(Outcome::Done)
}
