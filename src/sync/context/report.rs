//! What a run tells, on the way to the answer.

use jiff::Timestamp;

use crate::domain::answer::AnsweredRun;
use crate::domain::outcome::{ErrorCode, Failure, ObjectOutcome, RunOutcome};
use crate::domain::plan::Plan;
use crate::domain::warning::Warning;
use crate::store::ClaimedRun;
use crate::transport::Budget;

/// Object results and warnings until now.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) results: Vec<ObjectOutcome>,
    pub(crate) warnings: Vec<Warning>,
    /// What the run went on after: reads that gave no answer, writes of which nobody knows.
    pub(crate) failures: Vec<Failure>,
    /// What would be written, where that is to be told.
    pub(crate) plan: Option<Plan>,
}

impl Report {
    /// The failure of the whole run: what ended it early, or else the first one of those after
    /// which it went on.
    pub(crate) fn failure(&self, ended_by: Option<Failure>, budget: &Budget) -> Option<Failure> {
        let failure = ended_by.or_else(|| self.failures.first().cloned())?;
        Some(naming_the_limit(failure, budget))
    }

    /// How the run ended.
    pub(crate) fn outcome(self, failure: Option<Failure>) -> RunOutcome {
        // Where something could not be read nobody knows what would be written.
        let plan = self.plan.filter(|_| self.failures.is_empty());
        RunOutcome {
            failure,
            plan: plan.map(|plan| plan.hash()),
            ..RunOutcome::ended(self.results, self.warnings)
        }
    }
}

/// What the answer of a run is about.
pub(crate) fn answered(run: &ClaimedRun, next_try_at: Option<Timestamp>) -> AnsweredRun {
    AnsweredRun {
        parent_record_id: Some(run.parent_record_id.to_string()),
        sync_run_id: Some(run.claim.run),
        dry_run: run.dry_run,
        next_try_at,
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
