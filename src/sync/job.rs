//! One sync, as a walk: load, plan, preview or execute, and close, whatever came before.

use std::mem::take;

use crate::domain::outcome::{Failure, RunOutcome};
use crate::sync::closing::Closing;
use crate::sync::context::RunContext;
use crate::sync::context::progress::SyncStep;
use crate::sync::context::report::Report;
use crate::sync::execute::execute;
use crate::sync::load::load;
use crate::sync::plan::plan;
use crate::sync::preview::preview;
use crate::sync::scheduler::portions::{Earlier, Next, Portion};
use crate::sync::settings::SyncMode;

/// What one sync works with.
pub(super) struct SyncJob<'a> {
    pub(super) context: RunContext<'a>,
    /// What earlier portions of the run have done.
    pub(super) earlier: &'a Earlier,
}

impl<'a> SyncJob<'a> {
    /// Goes to the end, whatever it meets, and lets the record say how it ended, unless the run
    /// continues.
    pub(super) async fn run(&self) -> Portion {
        let RunContext { mode, budget, .. } = self.context;
        let (mut report, mut closing) = (Report::default(), Closing::default());
        let ended_by = self.sync(&mut report, &mut closing).await.err();
        let failure = report.failure(ended_by, budget);
        let earlier = self.earlier.and(take(&mut report.results), take(&mut report.warnings));
        let goes_on = mode == SyncMode::Apply
            && failure.as_ref().is_some_and(|failure| earlier.goes_on(failure, budget));
        let failure =
            failure.map(|failure| if goes_on { earlier.unfinished(&failure) } else { failure });
        let for_next = goes_on.then(|| earlier.clone());
        (report.results, report.warnings) = earlier.into_results_and_warnings();
        let mut outcome = RunOutcome { goes_on, ..report.outcome(failure) };
        let approved = closing.approved.take();
        self.context.meter.step(SyncStep::Closing);
        Box::pin(closing.close(&self.context, &mut outcome)).await;
        Portion { outcome, next: for_next.map(|earlier| Next { earlier, plan: approved }) }
    }

    async fn sync(&self, report: &mut Report, closing: &mut Closing<'a>) -> Result<(), Failure> {
        let context = self.context;
        context.meter.step(SyncStep::Reading);
        let loaded = Box::pin(load(context, &mut closing.read)).await?;
        context.meter.step(SyncStep::Comparing);
        let plan = Box::pin(plan(&context, loaded, report)).await?;
        match context.mode {
            SyncMode::DryRun => Box::pin(preview(&context, &plan, report)).await,
            SyncMode::Apply => Box::pin(execute(context, plan, report, closing)).await,
        }
    }
}
