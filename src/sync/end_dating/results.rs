//! What an end dating says of each object.

use std::collections::BTreeMap;

use super::scope::EndTarget;
use super::{EndDating, Loaded};
use crate::domain::ending::BillingEntity;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, Failure, Message, ObjectOutcome};
use crate::m3ter::EndingOwner;
use crate::sync::execute::end_one::{End, begins_later};
use crate::sync::execute::write_outcome::{EndOutcome, WriteOutcome};
use crate::sync::settings::SyncMode;

/// What to do about an object that begins only with the end or after it.
const LATER_END: &str = "Give an end after its start, or delete it in m3ter if it was never billed";

impl EndDating<'_> {
    /// What would become of each, in a dry run.
    pub(super) fn foresee_all(&self, loaded: &Loaded) -> Vec<ObjectOutcome> {
        let Loaded { to_end, end, rows, .. } = loaded;
        let ahead = to_end.iter().map(|target| self.foresee(target, end, rows));
        ahead.chain(self.not_begun(loaded)).collect()
    }

    /// What is said of objects that begin only then or later, by a dry run as well.
    pub(super) fn not_begun(&self, Loaded { not_begun, rows, .. }: &Loaded) -> Vec<ObjectOutcome> {
        let result = |EndTarget { entity, object, .. }: &EndTarget| {
            let row = rows.get(&object.id).unwrap_or(self.context.record);
            let mut outcome = failed(*entity, &object.id, row, &begins_later(object), LATER_END);
            if self.context.mode == SyncMode::DryRun {
                outcome.message = Message::with_detail("Would fail", begins_later(object));
            }
            outcome
        };
        not_begun.iter().map(result).collect()
    }

    fn foresee(
        &self,
        target: &EndTarget,
        end: &End,
        rows: &BTreeMap<M3terId, SalesforceId>,
    ) -> ObjectOutcome {
        let EndTarget { entity, object, .. } = target;
        let change = target.change(end);
        let row = rows.get(&object.id).unwrap_or(self.context.record);
        let message = Message::with_detail("Would be ended", change.to_string());
        let mut result = updated(*entity, &object.id, row, message);
        result.changes = Some(vec![change]);
        result
    }

    /// What became of one.
    pub(super) fn result(
        &self,
        target: &EndTarget,
        outcome: Result<EndOutcome, Failure>,
        end: &End,
        rows: &BTreeMap<M3terId, SalesforceId>,
    ) -> ObjectOutcome {
        let EndTarget { entity, object, .. } = target;
        let row = rows.get(&object.id).unwrap_or(self.context.record);
        match outcome {
            Ok(WriteOutcome::Done(())) => {
                let message =
                    format!("m3ter Identifier: {}, ends {}", object.id, end.render(*entity));
                updated(*entity, &object.id, row, message)
            }
            Ok(WriteOutcome::Refused(message)) => {
                let remedy = format!(
                    "It still ends {}; end it in m3ter, or ask again",
                    object.text("endDate").unwrap_or("never")
                );
                failed(*entity, &object.id, row, &message, &remedy)
            }
            Err(failure) => {
                let mut result = failed(
                    *entity,
                    &object.id,
                    row,
                    &failure.reason,
                    "Ask again: what has ended is found and left as it is",
                );
                result.finding = Some(FindingCode::OutcomeUnknown);
                result
            }
        }
    }

    /// m3ter ended something unexpected; the reader of the result must know.
    pub(super) fn unexpected(
        &self,
        entity: BillingEntity,
        id: &M3terId,
        owner: &EndingOwner,
        end: &End,
    ) -> ObjectOutcome {
        let message = format!("m3ter Identifier: {id}, ends {}", end.render(entity));
        let mut result = updated(entity, id, self.context.record, message);
        let owner = match owner {
            EndingOwner::Account(id) => format!("the Account {id}"),
            EndingOwner::Contract(id) => format!("the Contract {id}"),
        };
        result.warnings.push(
            format!("m3ter ended it although nothing showed it under {owner}; look at it in m3ter")
                .into(),
        );
        result
    }
}

/// One that was not ended.
pub(super) fn failed(
    entity: BillingEntity,
    id: &M3terId,
    row: &SalesforceId,
    message: &str,
    remedy: &str,
) -> ObjectOutcome {
    let message =
        Message::with_detail(format!("The {} {id} was not ended", entity.object_name()), message);
    ObjectOutcome {
        m3ter_id: Some(id.clone()),
        finding: Some(FindingCode::EndDateFailed),
        remedy: Some(remedy.to_owned()),
        ..ObjectOutcome::of_kind(entity.object_kind(), row, Action::Failed, message)
    }
}

fn updated(
    entity: BillingEntity,
    id: &M3terId,
    row: &SalesforceId,
    message: impl Into<Message>,
) -> ObjectOutcome {
    ObjectOutcome {
        m3ter_id: Some(id.clone()),
        ..ObjectOutcome::of_kind(entity.object_kind(), row, Action::Updated, message)
    }
}
