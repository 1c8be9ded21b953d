//! What a run has to tell, on the way to the answer.

use crate::domain::outcome::{ErrorCode, Failure, ObjectResult, SyncResult};
use crate::domain::plan::Plan;
use crate::domain::warning::Warning;
use crate::sync::context::RunContext;
use crate::sync::settings::SyncMode;
use crate::transport::Budget;

/// Object results and warnings until now.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) results: Vec<ObjectResult>,
    pub(super) warnings: Vec<Warning>,
    /// What the run went on after: reads that gave no answer, writes of which nobody knows.
    pub(super) failures: Vec<Failure>,
    /// What would be written, where that is to be told.
    pub(super) plan: Option<Plan>,
}

impl Report {
    /// The failure of the whole run: what ended it early, or else the first one of those after
    /// which it went on.
    pub(super) fn failure(&self, ended_by: Option<Failure>, budget: &Budget) -> Option<Failure> {
        let failure = ended_by.or_else(|| self.failures.first().cloned())?;
        Some(naming_the_limit(failure, budget))
    }

    /// The answer about the record.
    pub(super) fn answer(self, context: &RunContext<'_>, failure: Option<&Failure>) -> SyncResult {
        let result = match failure {
            None => SyncResult::ended(self.results, self.warnings),
            Some(failure) => SyncResult::failed(failure, self.results, self.warnings),
        };
        // Where something could not be read nobody knows what would be written.
        let plan = self.plan.filter(|_| self.failures.is_empty());
        SyncResult {
            parent_record_id: Some(context.record.to_string()),
            sync_run_id: Some(context.run.held.run.to_string()),
            dry_run: context.mode == SyncMode::DryRun,
            plan_hash: plan.map(|plan| plan.hash().to_string()),
            ..result
        }
    }
}

/// The failure of a spent budget names the budget.
fn naming_the_limit(mut failure: Failure, budget: &Budget) -> Failure {
    failure.reason = match failure.code {
        ErrorCode::TimeLimitExceeded => {
            format!("The sync did not end within {} s", budget.time_limit().as_secs())
        }
        ErrorCode::CalloutLimitExceeded => {
            format!("The sync did not end within {} callouts", thousands(budget.callout_limit()))
        }
        _ => return failure,
    };
    failure
}

fn thousands(count: u32) -> String {
    if count < 1_000 {
        count.to_string()
    } else {
        format!("{},{:03}", count / 1_000, count % 1_000)
    }
}
