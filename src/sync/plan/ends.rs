//! Ends that end dating made, in a sync. They are read for what a record would move beyond them,
//! after what m3ter has: each end is written down before it is sent. One that was made while
//! a sync writes stays, and one that Salesforce took back is forgotten.

use std::borrow::Cow;

use crate::changeset::Changeset;
use crate::changeset::Reopened;
use crate::changeset::compare::CompareContext;
use crate::changeset::ended::{self, Endings, HeldObject, keep_end_of, may_be_ended};
use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::ObjectKey;
use crate::domain::ids::{M3terId, SyncRunId};
use crate::domain::outcome::Failure;
use crate::domain::warning::Warning;
use crate::sync::actual::ActualState;
use crate::sync::actual::identify::Identities;
use crate::sync::context::RunContext;

/// Lets objects keep the ends that end dating made; those that Salesforce takes back.
pub(crate) async fn keep_ends(
    context: &RunContext<'_>,
    state: &ActualState,
    desired: &mut [DesiredObject],
    identities: &Identities,
    compare_context: &CompareContext,
) -> Result<Vec<Reopened>, Failure> {
    let is_joined = |object: &&DesiredObject| {
        let actual = identities.actual(&object.key);
        actual.is_some_and(|actual| state.is_referred(object, actual))
    };
    let joined: Vec<ObjectKey> =
        desired.iter().filter(is_joined).map(|object| object.key.clone()).collect();
    let held = |key: &ObjectKey| {
        Some(HeldObject { actual: identities.actual(key)?, is_joined: joined.contains(key) })
    };
    if !may_be_ended(desired, held, &compare_context.time_zone) {
        return Ok(Vec::new());
    }
    let has_end = |object: &&DesiredObject| BillingEntity::of(object.kind()).is_some();
    let ids: Vec<M3terId> = desired
        .iter()
        .filter(has_end)
        .filter_map(|object| identities.actual(&object.key))
        .map(|actual| actual.id.clone())
        .collect();
    let ends = context.store.with(|store| store.load_ends(&ids)).await?;
    let endings = Endings {
        ends: &ends,
        rule: compare_context.ended,
        pricing_change: compare_context.pricing_change,
        time_zone: &compare_context.time_zone,
        now: compare_context.now,
    };
    Ok(ended::keep_ends(desired, held, &endings))
}

/// The desired object, now that m3ter has it: an end that was made meanwhile is not
/// overruled. What is told goes to `warnings`.
pub(crate) async fn keeping_its_end<'d>(
    context: &RunContext<'_>,
    mut desired: Cow<'d, DesiredObject>,
    present: &ActualObject,
    warnings: &mut Vec<Warning>,
) -> Result<Cow<'d, DesiredObject>, Failure> {
    let is_asked_for = desired.fields().iter().any(|field| field.name == "endDate");
    if BillingEntity::of(desired.kind()).is_none()
        || !is_asked_for
        || present.text("endDate").is_none()
    {
        return Ok(desired);
    }
    let ids = std::slice::from_ref(&present.id);
    let ends = context.store.with(|store| store.load_ends(ids)).await?;
    if !ends.is_empty() {
        warnings.extend(keep_end_of(desired.to_mut(), present, &ends));
    }
    Ok(desired)
}

/// What stays ended stays so with its new price.
pub(crate) async fn inherit_end(
    context: &RunContext<'_>,
    from: &ActualObject,
    to: &M3terId,
    successor: &DesiredObject,
) -> Result<(), Failure> {
    if successor.value("endDate").is_none() {
        return Ok(());
    }
    context.store.with(|store| store.inherit_ends(context.claim(), &from.id, to)).await
}

/// Forgets the ends that Salesforce has taken back, of the objects that are written, and tells the
/// audit log. An end that m3ter has no more does not count in any case.
pub(crate) async fn forget_reopened(
    context: &RunContext<'_>,
    changeset: &Changeset,
    is_written: impl Fn(&ObjectKey) -> bool,
) {
    let run = context.run;
    let reopened = changeset
        .reopened
        .iter()
        .filter(|reopened| reopened.finding.is_none() && is_written(&reopened.key));
    let mut forgotten: Vec<(M3terId, SyncRunId)> = Vec::new();
    for reopened in reopened {
        let made = &reopened.made;
        tracing::info!(
            target: "audit", operation = "reopened by Salesforce", parent_record_id = %run.parent_record_id, sync_run_id = %run.claim.run,
            object = made.entity.object_name(), m3ter_id = %made.m3ter_id, end = made.end, new_end = %reopened.asked,
            end_dating = %made.run, "an end of end dating was taken back"
        );
        forgotten.push((made.m3ter_id.clone(), made.run));
    }
    if !forgotten.is_empty() {
        let _ = context.store.with(|store| store.forget_ends(run.claim, &forgotten)).await;
    }
}
