//! Whether an end dating may end what it would end.

use super::{EndDating, Loaded};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::plan::{Plan, PlannedAction, PlannedChange};
use crate::sync::approval::{Refusal, approved};
use crate::sync::context::report::Report;

impl EndDating<'_> {
    /// Lets nothing end that is not what was approved, or is more than is usual, or too much within
    /// an hour.
    pub(super) async fn approve(
        &self,
        loaded: &Loaded,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (plan, objects) = (self.plan(loaded), loaded.to_end.len());
        let refusal = match self.context.run.expected_plan {
            Some(expected) => match approved(&self.context, &plan, expected).await? {
                Some(_) => None,
                None => Some(Refusal::PlanChanged),
            },
            None => self.context.safety.usual.too_many_ends(objects).map(Refusal::Unusual),
        };
        if let Some(refusal) = refusal {
            report.results = refusal.refused(self.foresee_all(loaded));
            report.plan = Some(plan);
            return Err(refusal.failure());
        }
        let (Some(per_hour), true) = (self.context.safety.end_dates_per_hour, objects > 0) else {
            return Ok(());
        };
        let objects = u32::try_from(objects).unwrap_or(u32::MAX);
        let claim = self.context.claim();
        let reserved =
            self.context.store.with(|store| store.reserve_ends(claim, objects, per_hour)).await?;
        reserved.map_err(|left| {
            let reason = format!(
                "{objects} objects would end, but only {left} of the {per_hour} per hour (END_DATES_PER_HOUR) are left; wait, or raise the limit"
            );
            Failure::new(ErrorCode::EndDateLimitExceeded, reason)
        })
    }

    /// What would be written.
    pub(super) fn plan(&self, Loaded { to_end, end, rows, .. }: &Loaded) -> Plan {
        let mut plan = Plan::default();
        for target in to_end {
            let change = target.change(end);
            plan.add(&PlannedChange {
                kind: target.entity.object_name(),
                row: rows.get(&target.object.id).unwrap_or(self.context.record).as_str(),
                key: "",
                m3ter_id: target.object.id.as_str(),
                action: PlannedAction::Update,
                field: &change.field,
                old: change.old_value.as_deref(),
                new: change.new_value.as_deref(),
            });
        }
        plan
    }
}
