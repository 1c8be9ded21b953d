//! What is read once more before something is decided by it: lists may lag behind what somebody has
//! just done.

use std::collections::HashSet;

use futures::future::{try_join, try_join_all};

use super::Seen;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::m3ter::ListFilter;
use crate::sync::context::RunContext;

impl Seen<'_> {
    /// Reads some AccountPlans each by itself, and the Pricings of some Plans.
    pub(in crate::sync) async fn fetch_running(
        &mut self,
        account_plans: HashSet<M3terId>,
        plans: HashSet<M3terId>,
    ) -> Result<(), Failure> {
        let RunContext { m3ter, budget, .. } = self.context;
        let filters: Vec<[ListFilter; 1]> =
            plans.into_iter().map(|plan| [ListFilter::PlanId(plan)]).collect();
        let again = try_join_all(
            account_plans.iter().map(|id| m3ter.fetch(EntityKind::AccountPlan, id, budget)),
        );
        let pricings = try_join_all(
            filters.iter().map(|filter| m3ter.list(EntityKind::Pricing, filter, budget)),
        );
        let (again, pricings) = try_join(again, pricings).await?;
        for (id, found) in account_plans.iter().zip(again) {
            if found.is_none()
                && let Some(seen) = self.objects.get_mut(&EntityKind::AccountPlan)
            {
                seen.remove(id);
            }
            self.take(EntityKind::AccountPlan, Ok(found.into_iter().collect()));
        }
        self.take(EntityKind::Pricing, Ok(pricings.into_iter().flatten().collect()));
        Ok(())
    }
}
