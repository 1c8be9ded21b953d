//! What a sync would write, before it writes: a dry run ends with it.

use crate::changeset::Changeset;
use crate::changeset::preview::PreviewContext;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::execute::removed::note_removed;
use crate::sync::plan::SyncPlan;

/// Reports what would be written.
pub(super) async fn preview(
    context: &RunContext<'_>,
    plan: &SyncPlan<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let foreseen = foresee(context, plan).await?;
    let removal = plan.removal();
    let mut would_write = foreseen.plan();
    would_write.extend(removal.plan());
    report.plan = Some(would_write);
    report.results = foreseen.foresee();
    note_removed(report, removal.foresee(), &plan.removed_lines);
    Ok(())
}

/// The changeset with what m3ter will refuse, and what would end for it.
pub(super) async fn foresee(
    context: &RunContext<'_>,
    plan: &SyncPlan<'_>,
) -> Result<Changeset, Failure> {
    let state = &plan.state;
    let (account_plans, commitments) =
        (state.all(EntityKind::AccountPlan), state.all(EntityKind::Commitment));
    let ids: Vec<M3terId> =
        account_plans.iter().chain(&commitments).map(|object| object.id.clone()).collect();
    let mut foreseen = plan.changeset.clone();
    foreseen.preview_refusals(&PreviewContext {
        account_plans,
        commitments,
        plans: state.all(EntityKind::Plan),
        templates: plan.catalog.plan_templates.values().collect(),
        owners: &context.load_owners(&ids).await?,
        settings: plan.mapping.settings(),
        overlapping_plans: plan.overlapping_plans,
    });
    foreseen.foresee_unused(&plan.blocked);
    Ok(foreseen)
}
