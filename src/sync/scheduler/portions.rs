//! A record that one budget is not enough for is synced in portions.
//!
//! The run stays one run with one claim. Its caller has an answer after the first portion; then,
//! and after each further one, others have their turn before it continues with a new budget. A
//! portion is what another sync of the record would do: it reads both sides and writes what is
//! still missing. So nothing must be remembered for the process that takes the run over.

use std::sync::Arc;

use crate::domain::answer::SyncResult;
use crate::domain::outcome::{Action, ErrorCode, Failure, ObjectOutcome, RunOutcome};
use crate::domain::plan::Plan;
use crate::domain::warning::Warning;
use crate::store::ClaimedRun;
use crate::sync::context::report::answered;
use crate::sync::scheduler::slots::Slot;
use crate::sync::shared::Shared;
use crate::transport::{Budget, Class, Lease, Turn};
use tokio_util::task::TaskTracker;

/// Portions of one run at most: 20,000 callouts, unless somebody says otherwise, are more than a
/// record of 6,000 lines needs.
const MAX_PORTIONS: u32 = 10;

/// What earlier portions of a run have done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Earlier {
    portions: u32,
    results: Vec<ObjectOutcome>,
    warnings: Vec<Warning>,
}

/// How a portion ended.
pub(crate) struct Portion {
    pub(crate) outcome: RunOutcome,
    /// What the next portion is to know, if there is one.
    pub(crate) next: Option<Next>,
}

/// What the next portion is to know.
pub(crate) struct Next {
    pub(crate) earlier: Earlier,
    /// The plan that is carried out.
    pub(crate) plan: Option<Plan>,
}

impl From<RunOutcome> for Portion {
    /// The last one.
    fn from(outcome: RunOutcome) -> Self {
        Self { outcome, next: None }
    }
}

impl Earlier {
    /// What all portions have done, after this one's objects and warnings.
    pub(crate) fn and(&self, results: Vec<ObjectOutcome>, mut warnings: Vec<Warning>) -> Self {
        let mut results = results;
        for before in self
            .results
            .iter()
            .filter(|result| matches!(result.action, Action::Created | Action::Updated))
        {
            let is_same = |result: &&mut ObjectOutcome| {
                (result.kind, &result.row, &result.m3ter_id)
                    == (before.kind, &before.row, &before.m3ter_id)
            };
            match results.iter_mut().find(is_same) {
                // What one portion has made or changed, the next one finds as it is to be.
                Some(result) if result.action == Action::Unchanged => {
                    (result.action, result.message) = (before.action, before.message.clone());
                    add(&mut result.warnings, &before.warnings);
                }
                Some(result) if result.action == Action::Updated => result.action = before.action,
                Some(_) => {}
                None => results.push(before.clone()),
            }
        }
        add(&mut warnings, &self.warnings);
        Self { portions: self.portions + 1, results, warnings }
    }

    /// The objects and warnings of all portions.
    pub(crate) fn into_results_and_warnings(self) -> (Vec<ObjectOutcome>, Vec<Warning>) {
        (self.results, self.warnings)
    }

    /// Whether the run continues after a portion that failed so: not if nothing was written that
    /// brings it nearer to its end.
    pub(crate) fn goes_on(&self, failure: &Failure, budget: &Budget) -> bool {
        let is_spent =
            matches!(failure.code, ErrorCode::TimeLimitExceeded | ErrorCode::CalloutLimitExceeded);
        is_spent && budget.has_written() && self.portions < MAX_PORTIONS
    }

    /// The failure of a portion after which the run continues.
    pub(crate) fn unfinished(&self, failure: &Failure) -> Failure {
        let done = self.results.iter().filter(|result| result.is_success()).count();
        let reason = format!(
            "{}; {done} of {} objects are as the record asks, and the sync goes on",
            failure.reason,
            self.results.len()
        );
        Failure::new(failure.code, reason)
    }
}

/// Adds what is not said already.
fn add(warnings: &mut Vec<Warning>, before: &[Warning]) {
    for warning in before {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
}

impl Shared {
    /// The outcome of a run after its last portion; who waits for it is answered after the first
    /// one.
    pub(crate) async fn in_portions(
        &self,
        run: &mut ClaimedRun,
        lease: &Lease,
        budget: &mut Budget,
        tasks: &TaskTracker,
        slot: &mut Option<Slot>,
    ) -> RunOutcome {
        let mut earlier = Earlier::default();
        loop {
            let Portion { outcome, next } =
                self.outcome_of(run, lease, budget, tasks, &earlier).await;
            let Some(next) = next else { return outcome };
            tracing::info!(
                sync_run_id = %run.claim.run, parent_record_id = %run.parent_record_id, error_code = outcome.error_code(),
                portion = next.earlier.portions, callouts = budget.callouts_made(), "a sync continues in another portion"
            );
            if next.earlier.portions == 1 && !self.settings.answers_at_the_end {
                let answer = SyncResult::new(&outcome, answered(run, None));
                self.waiting.answer(run.claim.run, Arc::new(answer.into()));
            }
            run.plan = next.plan.or(run.plan.take());
            // This portion has linked more than the run had when it was claimed.
            run.links = None;
            earlier = next.earlier;
            // Nobody waits for it any more.
            let class = Some(budget.turn().class)
                .filter(|class| *class != Class::Awaited)
                .unwrap_or(Class::Accepted);
            let turn = Turn { class, ..budget.turn().clone() };
            *slot = None;
            *slot = Some(self.slots.acquire(turn.clone()).await);
            *budget = budget.renewed().in_turn(turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entity::{EntityKind, ObjectKey};
    use crate::domain::ids::{M3terId, SalesforceId};

    fn result(kind: EntityKind, action: Action, id: Option<&str>) -> ObjectOutcome {
        let key = ObjectKey {
            kind,
            row: SalesforceId::parse("001S900000RzsIU").unwrap(),
            key: String::new(),
        };
        ObjectOutcome {
            m3ter_id: id.map(|digit| {
                M3terId::parse(&format!("{digit}1e063b6-2350-4add-a028-3e6ad5b233ed")).unwrap()
            }),
            ..ObjectOutcome::new(&key, action, format!("{action:?}"))
        }
    }

    #[test]
    fn results_of_one_portion_are_kept_in_the_next_ones() {
        use Action::{Created, Failed, Unchanged, Updated};
        let mut changed = result(EntityKind::Contract, Updated, Some("2"));
        changed.warnings.push("a warning".into());
        let first = vec![
            result(EntityKind::Account, Created, Some("1")),
            changed,
            result(EntityKind::Plan, Unchanged, Some("3")),
            result(EntityKind::Pricing, Failed, None),
            result(EntityKind::AccountPlan, Updated, Some("5")),
        ];
        let first = Earlier::default().and(first, vec!["the same".into()]);
        let second = vec![
            result(EntityKind::Account, Updated, Some("1")),
            result(EntityKind::Contract, Unchanged, Some("2")),
            result(EntityKind::Plan, Unchanged, Some("3")),
            result(EntityKind::Pricing, Created, Some("4")),
        ];
        let both = first.and(second, vec!["the same".into(), "another".into()]);
        let actions: Vec<Action> = both.results.iter().map(|result| result.action).collect();
        assert_eq!(actions, [Created, Updated, Unchanged, Created, Updated]);
        assert_eq!(
            (both.results[1].message.what.as_str(), both.results[1].warnings.len()),
            ("Updated", 1)
        );
        assert_eq!((both.warnings.len(), both.portions), (2, 2));
        let failure = Failure::new(ErrorCode::TimeLimitExceeded, "It did not end within 100 s");
        assert_eq!(
            first.unfinished(&failure).reason,
            "It did not end within 100 s; 4 of 5 objects are as the record asks, and the sync goes on"
        );
    }

    #[test]
    fn a_run_continues_while_it_makes_progress_and_not_forever() {
        let budget = |has_written: bool| {
            let budget = Budget::new(std::time::Duration::from_secs(1), 1);
            if has_written {
                budget.wrote();
            }
            budget
        };
        for (code, portions, has_written, expected) in [
            (ErrorCode::TimeLimitExceeded, 1, true, true),
            (ErrorCode::CalloutLimitExceeded, 9, true, true),
            (ErrorCode::CalloutLimitExceeded, 10, true, false),
            (ErrorCode::CalloutLimitExceeded, 1, false, false),
            (ErrorCode::M3terUnavailable, 1, true, false),
        ] {
            let earlier = Earlier { portions, ..Earlier::default() };
            let goes_on = earlier.goes_on(&Failure::new(code, ""), &budget(has_written));
            assert_eq!(goes_on, expected, "{code:?} after {portions}, written: {has_written}");
        }
    }
}
