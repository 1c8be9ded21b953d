//! `runs watch`: a run to its end, or all runs as they end; in the database or at a service.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::attended::show_progress;
use super::interrupt::interrupt_signal;
use super::output::{Output, print};
use super::place::Place;
use super::{Outcome, remark, report, unusable};
use crate::domain::ids::SyncRunId;
use crate::domain::run::{RunState, SyncRun};
use crate::store::RunFilter;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Runs that are looked at for those that have ended.
const NEWEST: u32 = 200;

/// Follows one run, says where it is, and prints its result.
pub(super) async fn one(place: &Place, run: SyncRunId, output: Output) -> anyhow::Result<Outcome> {
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let started = Instant::now();
    let mut told = String::new();
    loop {
        let Some(found) = place.load_run(run).await? else {
            return Ok(unusable(format_args!("there is no run `{run}`")));
        };
        if found.is_over() {
            show_progress("");
            return ended(&found, output);
        }
        let stands = in_words(&found);
        show_progress(&format!("{run} … {} s: {stands}", started.elapsed().as_secs()));
        if told != stands && !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            remark(format_args!("{run}: {stands}"));
            told = stands;
        }
        if interrupt.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            show_progress("");
            remark(format_args!("The run continues. Look at it: sync-to-m3ter runs show {run}"));
            return Ok(Outcome::Interrupted);
        }
    }
}

fn ended(run: &SyncRun, output: Output) -> anyhow::Result<Outcome> {
    let Some(result) = &run.result else {
        print(format_args!(
            "{} of {}: {}",
            run.kind,
            run.parent_record_id,
            run.sync_status.as_deref().unwrap_or("ended")
        ));
        return Ok(Outcome::Done);
    };
    report::print_result(result, output)?;
    if let Some(next) = run.next_try_at {
        remark(format_args!("It is tried again by itself at {next}"));
    }
    Ok(Outcome::of(result))
}

/// `running, 7 objects so far`.
pub(super) fn in_words(run: &SyncRun) -> String {
    let objects = run.object_results.as_ref().map_or(0, Vec::len);
    let taken_over = match run.takeovers {
        0 => String::new(),
        count => format!(", taken over {count} times"),
    };
    match run.state {
        RunState::Waiting => "waiting for its turn, or for another run of its record".to_owned(),
        RunState::Running if objects == 0 => format!("running{taken_over}"),
        RunState::Running if objects == 1 => format!("running, 1 object so far{taken_over}"),
        RunState::Running => format!("running, {objects} objects so far{taken_over}"),
        RunState::Retrying | RunState::Ended => run.state.to_string(),
    }
}

/// Tells of each run that ends from now on, until an interrupt.
pub(super) async fn all(
    place: &Place,
    tell: impl Fn(&SyncRun) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let from = Timestamp::now();
    let newest = RunFilter { limit: NEWEST, ..RunFilter::default() };
    let mut told: HashSet<(SyncRunId, usize)> = HashSet::new();
    loop {
        let runs = place.list_runs(&newest).await?;
        for run in runs.iter().rev().filter(|run| run.is_over()) {
            let is_new = run.ended_at.is_some_and(|ended| ended >= from);
            if is_new && told.insert((run.sync_run_id, run.tries.len())) {
                tell(run)?;
            }
        }
        if interrupt.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return Ok(Outcome::Done);
        }
    }
}
