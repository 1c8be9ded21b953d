//! Step 5 of a sync and what belongs to it: the plan is approved, links are put right, what differs
//! is written, and lines that are gone end.

pub(super) mod applied;
pub(super) mod apply;
pub(super) mod end_one;
pub(super) mod overlap;
pub(super) mod pending;
pub(super) mod read_again;
pub(super) mod recorder;
pub(super) mod removed;
pub(super) mod unsettled;
pub(super) mod update;
pub(super) mod write;
pub(super) mod write_outcome;

use crate::changeset::identity::Owners;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::outcome::Failure;
use crate::domain::plan::Plan;
use crate::store::{Link, LinkRelation, Progress};
use crate::sync::actual::ActualState;
use crate::sync::approval::approve;
use crate::sync::closing::Closing;
use crate::sync::closing::write_back::WriteBack;
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::execute::applied::Applied;
use crate::sync::execute::apply::apply;
use crate::sync::execute::recorder::Recorder;
use crate::sync::execute::removed::{Settled, note_removed};
use crate::sync::execute::unsettled::settle_open;
use crate::sync::execute::write::Writer;
use crate::sync::plan::SyncPlan;
use crate::sync::plan::ends::forget_reopened;
use crate::sync::plan::running::refuse_blocked;
use crate::sync::preview::foresee;

/// Carries out a plan, unless it is not the one that was approved, or more than is usual.
pub(super) async fn execute<'a>(
    context: RunContext<'a>,
    mut plan: SyncPlan<'a>,
    report: &mut Report,
    closing: &mut Closing<'a>,
) -> Result<(), Failure> {
    let foreseen = if context.looks_ahead() { Some(foresee(&context, &plan).await?) } else { None };
    refuse_blocked(&context, &mut plan.changeset, &plan.blocked).await?;
    if let Some(foreseen) = &foreseen {
        closing.approved = approve(&context, &mut plan, foreseen, report).await?;
    }
    correct_links(&context, &plan.state).await?;
    if plan.state.has_open_changes() {
        settle_open(&context, &plan.state, &plan.changeset).await?;
    }
    let recorder =
        closing.recorder.insert(Recorder::new(context, &plan.state, plan.mapping.root()));
    closing.write_back = write(context, &plan, closing.approved.as_ref(), recorder, report).await;
    let removed = plan.removal().apply(&context, recorder).await;
    let settled = note_removed(report, removed, &plan.removed_lines);
    settle(&context, &settled).await
}

/// Forgets what m3ter has no more, and remembers who has what merged records had.
async fn correct_links(context: &RunContext<'_>, state: &ActualState) -> Result<(), Failure> {
    let (held, store) = (context.claim(), context.store);
    let gone = state.gone_links();
    if !gone.is_empty() {
        store.with(|store| store.delete_links(held, context.record, &gone)).await?;
    }
    for (from, to) in state.merged() {
        store.with(|store| store.move_merged(held, EntityKind::Account, from, to)).await?;
    }
    Ok(())
}

async fn write<'a>(
    context: RunContext<'a>,
    plan: &SyncPlan<'a>,
    approved: Option<&Plan>,
    recorder: &Recorder<'a>,
    report: &mut Report,
) -> WriteBack {
    let changeset = &plan.changeset;
    let writer = Writer {
        context,
        compare_context: &plan.compare_context,
        desired: &plan.desired,
        mapping: plan.mapping,
        organization_time_zone: &plan.organization_time_zone,
        attempts: &plan.attempts,
        plan: approved,
        recorder,
    };
    let mut applied = apply(changeset, &writer).await;
    let outcome = |applied: &[Applied], key: &ObjectKey, is_it: fn(&Applied) -> bool| {
        let mut outcomes = changeset.changes.iter().zip(applied);
        outcomes.any(|(change, outcome)| change.desired.key == *key && is_it(outcome))
    };
    forget_reopened(&context, changeset, |key| outcome(&applied, key, Applied::is_there)).await;
    let is_refused = |key: &ObjectKey| outcome(&applied, key, Applied::is_refused);
    let outside = changeset.outside_unchanged(is_refused, &plan.compare_context.time_zone);
    for (outcome, warning) in applied.iter_mut().zip(outside).filter(|(it, _)| it.is_there()) {
        outcome.result.warnings.extend(warning);
    }
    let strays = WriteBack::strays(&changeset.changes, &applied);
    // Whose they are is worth a look, and no failure.
    let owners = match strays.as_slice() {
        [] => Owners::default(),
        strays => context.load_owners(strays).await.unwrap_or_default(),
    };
    let write_back = WriteBack::of_ids(&changeset.changes, &mut applied, &owners);
    for outcome in applied {
        report.failures.extend(outcome.failure);
        report.results.push(outcome.result);
    }
    write_back
}

/// Remembers which lines are over for this record: an AccountPlan that it has ended is not its to
/// end again, whoever opens it anew, and one that was handed over is another record's.
async fn settle(context: &RunContext<'_>, settled: &Settled) -> Result<(), Failure> {
    let (held, store) = (context.claim(), context.store);
    if !settled.ended.is_empty() {
        let links = settled.ended.iter().map(|(object, m3ter_id)| Link {
            root: context.record.clone(),
            object: object.clone(),
            m3ter_id: m3ter_id.clone(),
            relation: LinkRelation::Referred,
            source_key: None,
        });
        let links: Vec<Link> = links.collect();
        let progress = Progress { links: &links, ..Progress::default() };
        store.with(|store| store.save_progress(held, &progress)).await?;
    }
    if !settled.handed_over.is_empty() {
        let over = &settled.handed_over;
        store.with(|store| store.delete_links(held, context.record, over)).await?;
    }
    Ok(())
}
