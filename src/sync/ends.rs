//! Ends that end dating made, while a sync writes: one that was made meanwhile stays, and one that
//! Salesforce took back is forgotten.

use std::borrow::Cow;

use crate::changeset::Changeset;
use crate::changeset::ended::{Ends, keep_end_of};
use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::ObjectKey;
use crate::domain::ids::{M3terId, SyncRunId};
use crate::domain::warning::Warning;
use crate::store::{ClaimedRun, Store};
use crate::sync::apply::Applied;
use crate::sync::failure;
use crate::sync::patience::Patience;
use crate::sync::write::{Writer, Written};

impl Writer<'_> {
    /// The object as it is to be, now that m3ter has it so: whoever ended it meanwhile is not
    /// overruled. What is told goes to `warnings`.
    pub(super) async fn keeping_its_end<'d>(
        &self,
        mut desired: Cow<'d, DesiredObject>,
        present: &ActualObject,
        warnings: &mut Vec<Warning>,
    ) -> Result<Cow<'d, DesiredObject>, Written> {
        let is_asked_for = desired.fields().iter().any(|field| field.name == "endDate");
        if BillingEntity::of(desired.kind()).is_none()
            || !is_asked_for
            || present.text("endDate").is_none()
        {
            return Ok(desired);
        }
        let loaded = Patience::of(self.budget)
            .with(|| self.store.load_ends(std::slice::from_ref(&present.id)))
            .await;
        let ends: Ends = loaded.map_err(|error| Written::Unsettled(failure::of_store(&error)))?;
        if !ends.is_empty() {
            warnings.extend(keep_end_of(desired.to_mut(), present, &ends));
        }
        Ok(desired)
    }

    /// What stays ended stays so with its new price.
    pub(super) async fn inherit_end(
        &self,
        from: &ActualObject,
        to: &M3terId,
        successor: &DesiredObject,
    ) -> Result<(), Written> {
        if successor.value("endDate").is_none() {
            return Ok(());
        }
        let inherited = Patience::of(self.budget)
            .with(|| self.store.inherit_ends(self.held, &from.id, to))
            .await;
        inherited.map_err(|error| Written::Unsettled(failure::of_store(&error)))
    }
}

/// Forgets the ends that Salesforce has taken back, and tells the audit log. An end that m3ter has
/// no more does not count in any case.
pub(super) async fn forget_reopened(
    store: &Store,
    run: &ClaimedRun,
    changeset: &Changeset,
    applied: &[Applied],
    patience: Patience,
) {
    let is_written = |key: &ObjectKey| {
        let mut outcomes = changeset.changes.iter().zip(applied);
        outcomes.any(|(change, outcome)| change.desired.key == *key && outcome.id.is_some())
    };
    let reopened = changeset
        .reopened
        .iter()
        .filter(|reopened| reopened.finding.is_none() && is_written(&reopened.key));
    let mut forgotten: Vec<(M3terId, SyncRunId)> = Vec::new();
    for reopened in reopened {
        let made = &reopened.made;
        tracing::info!(
            target: "audit", operation = "reopened by Salesforce", parent_record_id = %run.parent_record_id, sync_run_id = %run.held.run,
            object = made.entity.object_name(), m3ter_id = %made.m3ter_id, end = made.end, new_end = %reopened.asked,
            end_dating = %made.run, "an end of end dating was taken back"
        );
        forgotten.push((made.m3ter_id.clone(), made.run));
    }
    if !forgotten.is_empty()
        && let Err(error) = patience.with(|| store.forget_ends(run.held, &forgotten)).await
    {
        failure::of_store(&error);
    }
}
