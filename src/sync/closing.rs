//! What is left to be done at the end of a sync, however it comes.

pub(super) mod record_status;
pub(super) mod write_back;

use jiff::Timestamp;

use crate::domain::outcome::RunOutcome;
use crate::domain::plan::Plan;
use crate::domain::warning::{Attention, Warning};
use crate::sync::closing::write_back::WriteBack;
use crate::sync::context::RunContext;
use crate::sync::execute::recorder::Recorder;
use crate::sync::load::read::ReadRecord;
use crate::sync::settings::SyncMode;

/// What a sync leaves to its end, as far as it came.
#[derive(Default)]
pub(super) struct Closing<'a> {
    /// The record, if it could be read.
    pub(super) read: Option<ReadRecord>,
    /// The plan that is carried out.
    pub(super) approved: Option<Plan>,
    pub(super) write_back: WriteBack,
    pub(super) recorder: Option<Recorder<'a>>,
}

impl Closing<'_> {
    /// Writes the ids onto the record, and how the sync ended, unless it continues; waits until all
    /// is saved.
    pub(super) async fn close(mut self, context: &RunContext<'_>, outcome: &mut RunOutcome) {
        if context.mode == SyncMode::Apply {
            let read = self.read.filter(|read| read.query.status.status.is_some());
            if let Some(read) = read.as_ref().filter(|_| !outcome.goes_on) {
                let fields = read.query.status.changes(&read.record, outcome, Timestamp::now());
                self.write_back.add_status(read.query.root(), context.record, fields);
            }
            let budget = context.budget.for_the_end();
            let is_written = self.write_back.apply(context.salesforce, &budget, outcome).await;
            outcome.status_written = read.is_some() && is_written;
        }
        if let Some(recorder) = self.recorder
            && !recorder.finish().await
        {
            let text = "Some links could not be saved; the next sync looks the objects up again";
            outcome.warn(None, Warning::of(Attention::NotRemembered, text));
        }
    }
}
