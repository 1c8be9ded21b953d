//! What became of one change.

use crate::changeset::invalid;
use crate::domain::change::NewChange;
use crate::domain::entity::ObjectKey;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::{Action, ErrorCode, Failure, ObjectOutcome};
use crate::domain::warning::Warning;

/// What became of one change.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) result: ObjectOutcome,
    /// The object, where m3ter has it as the record asks for.
    pub(crate) id: Option<M3terId>,
    /// Why nobody knows whether it has.
    pub(crate) failure: Option<Failure>,
    /// What was changed by making it.
    pub(crate) created: Option<NewChange>,
}

impl Applied {
    /// Whether m3ter has the object as the record asks for.
    pub(crate) fn is_there(&self) -> bool {
        self.id.is_some()
    }

    /// Whether it is certain that it has not.
    pub(crate) fn is_refused(&self) -> bool {
        self.id.is_none() && self.failure.is_none()
    }

    /// m3ter holds the object as the record asks for.
    pub(crate) fn done(
        key: &ObjectKey,
        action: Action,
        id: M3terId,
        warnings: Vec<Warning>,
    ) -> Self {
        let message = format!("m3ter Identifier: {id}");
        let result = ObjectOutcome {
            m3ter_id: Some(id.clone()),
            warnings,
            ..ObjectOutcome::new(key, action, message)
        };
        Self { result, id: Some(id), failure: None, created: None }
    }

    /// Nothing was written; m3ter may have the object all the same.
    pub(crate) fn without_write(mut result: ObjectOutcome, existing: Option<&M3terId>) -> Self {
        result.m3ter_id = existing.cloned();
        Self { result, id: None, failure: None, created: None }
    }

    /// No definite answer arrived.
    pub(crate) fn unsettled(key: &ObjectKey, failure: Failure) -> Self {
        let finding = if failure.code == ErrorCode::PlanChanged {
            Finding::new(
                FindingCode::PlanChanged,
                "Another change would be written than the one that was approved",
                "Make a new plan with a dry run, and send it if its changes are right",
            )
        } else {
            Finding::new(
                FindingCode::OutcomeUnknown,
                failure.reason.clone(),
                "Sync again: what was done is found and nothing is made twice",
            )
        };
        Self { result: invalid(key, &[finding]), id: None, failure: Some(failure), created: None }
    }
}
