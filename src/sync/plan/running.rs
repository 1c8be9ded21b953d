//! Lines of a product that runs already: what m3ter holds is read once more before a line is left
//! out or refused for it.

use crate::changeset::Changeset;
use crate::changeset::overlap::{Owner, reported_one};
use crate::changeset::running::{Blocked, HeldObjects};
use crate::domain::catalog::Catalog;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{IdSet, M3terId};
use crate::domain::outcome::Failure;
use crate::domain::settings::{OverlapRule, RunningLines, Settings};
use crate::domain::warning::Warning;
use crate::sync::actual::ActualState;
use crate::sync::actual::fetch::fetch_running;
use crate::sync::context::RunContext;
use crate::sync::plan::leftovers::RemovedLine;

/// Leaves out what runs already, and says so; the new AccountPlans that another one is in the way
/// of, unless that one may make way. What bills a line that is gone is no reason to leave out
/// another one.
pub(crate) async fn leave_out_running(
    context: &RunContext<'_>,
    changeset: &mut Changeset,
    state: &mut ActualState,
    settings: &Settings,
    catalog: &Catalog,
    gone: &[RemovedLine],
) -> Result<(Vec<Warning>, Vec<Blocked>), Failure> {
    let blocked = changeset.blocked(&held(state, catalog));
    if blocked.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    // Lists may lag: an AccountPlan that has just ended is in nobody's way.
    let existing: IdSet<M3terId> = blocked.iter().map(|blocked| blocked.existing.clone()).collect();
    let plans: IdSet<M3terId> = blocked.iter().filter_map(|blocked| blocked.plan.clone()).collect();
    fetch_running(context, state, existing, plans).await?;
    let held = held(state, catalog);
    let is_of_gone = |blocked: &Blocked| gone.iter().any(|line| line.plan.id == blocked.existing);
    let may_be_left_out = |blocked: &Blocked| {
        settings.running_lines == RunningLines::LeaveOut && !is_of_gone(blocked)
    };
    let (candidates, mut refused): (Vec<Blocked>, Vec<Blocked>) =
        changeset.blocked(&held).into_iter().partition(may_be_left_out);
    let (warnings, others) = changeset.leave_out_running(candidates, &held);
    refused.extend(others);
    // What the mapping lets make way may make way.
    refused.retain(|_| settings.account_plan_overlap == OverlapRule::Report);
    Ok((warnings, refused))
}

/// Refuses new AccountPlans in m3ter's words, and what would be made for them alone.
pub(crate) async fn refuse_blocked(
    context: &RunContext<'_>,
    changeset: &mut Changeset,
    refused: &[Blocked],
) -> Result<(), Failure> {
    for blocked in refused {
        let Some(change) =
            changeset.changes.iter().find(|change| change.desired.key == blocked.account_plan)
        else {
            continue;
        };
        let existing = &blocked.existing;
        let owners = context.load_owners(std::slice::from_ref(existing)).await?;
        let owner = Owner::of(owners.get(existing).cloned(), false);
        let message = blocked.in_m3ters_words();
        let finding = reported_one(&change.desired, &message, existing, &owner);
        changeset.refuse_blocked(blocked, &finding);
    }
    Ok(())
}

fn held<'a>(state: &'a ActualState, catalog: &'a Catalog) -> HeldObjects<'a> {
    HeldObjects {
        account_plans: state.all(EntityKind::AccountPlan),
        plans: state.all(EntityKind::Plan),
        pricings: state.all(EntityKind::Pricing),
        templates: catalog.plan_templates.values().collect(),
    }
}
