//! A run that somebody at a terminal waits for: how far it is, its result, and what becomes of it
//! after an interrupt.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::interrupt::interrupt_signal;
use super::output::{Output, print};
use super::{Outcome, remark, report, user};
use crate::app::App;
use crate::domain::answer::{SyncResult, WrittenResult};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::{RunState, SyncRun};
use crate::sync::{QueueWait, RunFilter, StartedRun, Syncs};

/// Between two looks at how far a run is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The same for what only the database knows.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Where nobody looks on, a line is written at most so often, and none about a run that ends
/// sooner.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How a run is waited for.
#[derive(Debug, Clone)]
pub(super) struct Attendance {
    /// What is done: `syncing 006…`.
    pub(super) doing: String,
    /// The record.
    pub(super) record: SalesforceId,
    /// Whether nothing is said meanwhile.
    pub(super) quiet: bool,
    /// Cancelled by an interrupt.
    pub(super) interrupt: CancellationToken,
}

/// What came of waiting.
pub(super) enum Attended {
    /// The run ended.
    Ended(Arc<WrittenResult>),
    /// It waits, because the service is paused.
    Paused(SyncRunId),
    /// Somebody did not want to wait.
    Interrupted(SyncRunId),
}

impl Attendance {
    /// Of a command that does one thing: a first interrupt is heeded, a second one ends the process
    /// at once.
    pub(super) fn new(doing: String, record: &SalesforceId) -> anyhow::Result<Self> {
        let interrupt = interrupt_signal().context("signals cannot be received")?;
        Ok(Self { doing, record: record.clone(), quiet: false, interrupt })
    }

    /// The same for another thing.
    #[must_use]
    pub(super) fn of(&self, doing: String, record: &SalesforceId) -> Self {
        Self { doing, record: record.clone(), ..self.clone() }
    }

    /// Waits for a run, says how far it is, and tells the audit log how it ended.
    pub(super) async fn wait(&self, app: &App, mut run: StartedRun) -> anyhow::Result<Attended> {
        if run.is_paused {
            return Ok(Attended::Paused(run.id));
        }
        let mut teller = Teller::new(self, &app.syncs, run.id);
        let result = loop {
            tokio::select! {
                ended = run.ended.wait_for(Option::is_some) => {
                    break ended.context("the run stopped without a result")?.clone();
                }
                () = self.interrupt.cancelled() => {
                    show_progress("");
                    return Ok(Attended::Interrupted(run.id));
                }
                () = tokio::time::sleep(LOOK_EVERY) => teller.tell().await,
            }
        };
        show_progress("");
        let result = result.context("the run ended without a result")?;
        let (caller, run) = (user(), run.id.to_string());
        let outcome =
            format!("{} {}", result.sync_status, result.error_code.as_deref().unwrap_or_default());
        tracing::info!(target: "audit", caller, sync_run_id = run, outcome = outcome.trim_end(), "ended");
        Ok(Attended::Ended(result))
    }

    /// Waits for a run, prints its result, and lets the service end.
    pub(super) async fn to_its_end(
        &self,
        app: App,
        run: StartedRun,
        output: Output,
        outcome_of: fn(&SyncResult) -> Outcome,
    ) -> anyhow::Result<Outcome> {
        match self.wait(&app, run).await {
            Ok(Attended::Ended(result)) => {
                app.end().await?;
                report::print_result(&result, output)?;
                Ok(outcome_of(&result))
            }
            Ok(Attended::Paused(run)) => {
                app.end().await?;
                say_paused(run);
                Ok(Outcome::Failed)
            }
            Ok(Attended::Interrupted(run)) => {
                self.give_back(app, run).await;
                Ok(Outcome::Interrupted)
            }
            Err(error) => {
                app.end().await?;
                Err(error)
            }
        }
    }

    /// Gives a run back at once, and says what becomes of it.
    pub(super) async fn give_back(&self, app: App, run: SyncRunId) {
        let left = app.give_back(run).await;
        remark(format_args!("Interrupted: {}", fate(run, &self.record, left.as_ref())));
        remark(format_args!("Look at it: sync-to-m3ter runs show {run}"));
    }
}

/// Says that a run does not begin.
pub(super) fn say_paused(run: SyncRunId) {
    print(format_args!(
        "The service is paused: the run {run} is waiting, and starts by itself after `sync-to-m3ter resume`"
    ));
}

/// What becomes of a run that nobody waits for any more.
fn fate(run: SyncRunId, record: &SalesforceId, left: Option<&SyncRun>) -> String {
    let goes_on = format!(
        "a running service with this database continues it at once; without one, the next `sync-to-m3ter sync {record}` does"
    );
    let Some(left) = left else {
        return format!(
            "the state of the run {run} of {record} is not known, because the database does not answer"
        );
    };
    let written = left.object_results.as_ref().map_or(0, Vec::len);
    let written = match written {
        0 => String::new(),
        1 => " after one object".to_owned(),
        _ => format!(" after {written} objects"),
    };
    let is_held = left.lease_until.is_some_and(|until| until > jiff::Timestamp::now());
    match left.state {
        RunState::Ended => {
            let status = left.sync_status.as_deref().unwrap_or_default();
            format!("the run {run} of {record} had just ended: {status}")
        }
        RunState::Retrying => {
            format!("the run {run} of {record} had just failed, and is tried again by itself")
        }
        RunState::Running if is_held => format!(
            "another process has the run {run} of {record} and continues it; if that process is gone, {goes_on}"
        ),
        RunState::Running => {
            format!("the run {run} of {record} was given back{written}: {goes_on}")
        }
        RunState::Waiting => format!("the run {run} of {record} has not begun: {goes_on}"),
    }
}

/// Says how far a run is.
struct Teller<'a> {
    attendance: &'a Attendance,
    syncs: &'a Syncs,
    run: SyncRunId,
    started: Instant,
    asked: Option<(Instant, String)>,
    told: (Instant, String),
}

impl<'a> Teller<'a> {
    fn new(attendance: &'a Attendance, syncs: &'a Syncs, run: SyncRunId) -> Self {
        let now = Instant::now();
        Self { attendance, syncs, run, started: now, asked: None, told: (now, String::new()) }
    }

    async fn tell(&mut self) {
        if self.attendance.quiet {
            return;
        }
        let stands = match self.syncs.progress(self.run) {
            Some(progress) => progress,
            None => self.elsewhere().await,
        };
        let Attendance { doing, .. } = self.attendance;
        if std::io::stderr().is_terminal() {
            let seconds = self.started.elapsed().as_secs();
            show_progress(&format!("{doing} … {seconds} s: {stands}"));
        } else if self.told.0.elapsed() >= TELL_EVERY && self.told.1 != stands {
            remark(format_args!("{doing}: {stands}"));
            self.told = (Instant::now(), stands);
        }
    }

    /// What the database knows of a run that this process does not work on.
    async fn elsewhere(&mut self) -> String {
        match &self.asked {
            Some((at, words)) if at.elapsed() < ASK_EVERY => return words.clone(),
            _ => {}
        }
        let words = match self.syncs.wait_of(self.run).await {
            Ok(Some(QueueWait::Turn { waiting })) => {
                format!("waiting for its turn ({waiting} runs are waiting)")
            }
            Ok(Some(QueueWait::Record)) => self.behind().await,
            Ok(None) => "another process is working on it".to_owned(),
            Err(_) => "waiting for the database, which does not answer".to_owned(),
        };
        self.asked = Some((Instant::now(), words.clone()));
        words
    }

    /// The run of the same record that goes first.
    async fn behind(&self) -> String {
        let filter = RunFilter {
            parent_record_id: Some(self.attendance.record.clone()),
            state: Some(RunState::Running),
            dry_run: Some(false),
            limit: 1,
            ..RunFilter::default()
        };
        let first = self.syncs.list_runs(&filter).await.unwrap_or_default();
        let Some(first) = first.first() else {
            return "waiting for another run of the record".to_owned();
        };
        // Short enough for a terminal of 80 columns: `runs show` takes the beginning of an ID.
        let id = first.sync_run_id.to_string();
        let words = format!("behind run {}", &id[..13]);
        match first.lease_until {
            Some(lease) if self.syncs.progress(first.sync_run_id).is_none() => {
                let seconds = (lease.as_second() - jiff::Timestamp::now().as_second()).max(0);
                format!("{words}; takeover in {seconds} s")
            }
            _ => words,
        }
    }
}

/// One line that is written over, where a person looks on; never longer than the terminal.
pub(super) fn show_progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let width = comfy_table::Table::new().width().map_or(usize::MAX, usize::from);
        let text: String = text.chars().take(width.saturating_sub(1)).collect();
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}
