//! Whether a run may write what it would: it is what was approved, and not more than is usual.

use crate::changeset::Changeset;
use crate::domain::finding::FindingCode;
use crate::domain::outcome::{Action, ErrorCode, Failure, ObjectOutcome};
use crate::domain::plan::{Plan, PlanHash};
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::plan::SyncPlan;

const ASK_AGAIN: &str =
    "Look at its changes; if they are right, send the `planHash` of this answer as `expectedPlan`";

/// The plan that is carried out, where the sync was asked for with one; its failure where something
/// else would be written, or more than is usual.
pub(super) async fn approve(
    context: &RunContext<'_>,
    sync_plan: &mut SyncPlan<'_>,
    foreseen: &Changeset,
    report: &mut Report,
) -> Result<Option<Plan>, Failure> {
    let removal = sync_plan.removal();
    let mut plan = foreseen.plan();
    plan.extend(removal.plan());
    let refusal = match context.run.expected_plan {
        None => match context.safety.usual.exceeded(foreseen, removal.ends()) {
            None => return Ok(None),
            Some(what) => Refusal::Unusual(what),
        },
        Some(expected) => {
            // Of what could not be read nobody knows whether it is as it was.
            if let Some(failure) = report.failures.first() {
                return Err(failure.clone());
            }
            if let Some(approved) = approved(context, &plan, expected).await? {
                sync_plan.changeset.leave_out_refused(foreseen);
                return Ok(Some(approved));
            }
            Refusal::PlanChanged
        }
    };
    report.plan = Some(plan);
    report.results =
        refusal.refused(foreseen.foresee().into_iter().chain(removal.foreseen_ends()).collect());
    Err(refusal.failure())
}

/// Why nothing of a run is written.
pub(super) enum Refusal {
    /// Something else would be written than was approved.
    PlanChanged,
    /// More would be written than is usual, in these words.
    Unusual(String),
}

impl Refusal {
    /// The objects of the run, none of them written.
    pub(super) fn refused(&self, results: Vec<ObjectOutcome>) -> Vec<ObjectOutcome> {
        let code = match self {
            Self::PlanChanged => FindingCode::PlanChanged,
            Self::Unusual(_) => FindingCode::UnusualChange,
        };
        let not_written = |mut result: ObjectOutcome| {
            if matches!(result.action, Action::Created | Action::Updated) {
                result.action = Action::Failed;
                result.message.what = format!("Not written. {}", result.message.what);
                result.finding = Some(code);
                result.remedy = Some(ASK_AGAIN.to_owned());
            }
            result
        };
        results.into_iter().map(not_written).collect()
    }

    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::PlanChanged => plan_changed(),
            Self::Unusual(what) => Failure::new(
                ErrorCode::UnusualChange,
                format!(
                    "{what}; look at the changes, and send their `planHash` as `expectedPlan` if they are right"
                ),
            ),
        }
    }
}

/// What would be written now is not what was approved.
pub(super) fn plan_changed() -> Failure {
    let reason = "What would be written is not what `expectedPlan` stands for: something changed in Salesforce or m3ter. Look at the changes, and send their `planHash` if they are right";
    Failure::new(ErrorCode::PlanChanged, reason)
}

/// The plan that a run carries out, of which `plan` is what is left; `None` where something else is
/// left. It is saved before the first write: a later try knows by it what was approved.
pub(super) async fn approved(
    context: &RunContext<'_>,
    plan: &Plan,
    expected: PlanHash,
) -> Result<Option<Plan>, Failure> {
    match &context.run.plan {
        Some(approved) => Ok(approved.covers(plan).then(|| approved.clone())),
        None if plan.hash() == expected => {
            context.store.with(|store| store.save_plan(context.claim(), plan)).await?;
            Ok(Some(plan.clone()))
        }
        None => Ok(None),
    }
}
