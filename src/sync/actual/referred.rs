//! What the objects of a sync refer to, as far as m3ter has it.

use crate::changeset::KnownIds;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::M3terId;
use crate::domain::value::Value;

/// What objects refer to where they do not name it.
pub(crate) struct Referred<'a> {
    /// The deal's own Account; its parents come after it.
    own_account: Option<&'a ObjectKey>,
    /// The deal's only Contract.
    pub(crate) only_contract: Option<&'a ObjectKey>,
}

impl<'a> Referred<'a> {
    pub(crate) fn new(desired: &'a [DesiredObject]) -> Self {
        let of = |kind: EntityKind| {
            desired.iter().filter(move |object| object.kind() == kind).map(|object| &object.key)
        };
        let only_contract =
            of(EntityKind::Contract).next().filter(|_| of(EntityKind::Contract).nth(1).is_none());
        Self { own_account: of(EntityKind::Account).next(), only_contract }
    }

    /// The Account that it names; what cannot be resolved names none, and lies under the deal's
    /// own.
    pub(crate) fn account(&self, object: &DesiredObject, known: &KnownIds) -> Option<M3terId> {
        match object.value("accountId") {
            Some(account) => named(account, known),
            None => known.get(self.own_account?).cloned(),
        }
    }

    pub(crate) fn contract(&self, object: &DesiredObject, known: &KnownIds) -> Option<M3terId> {
        match object.value("contractId") {
            Some(contract) => named(contract, known),
            None => known.get(self.only_contract?).cloned(),
        }
    }
}

/// The Plan of a Pricing: the one of its row, also where the Pricing itself cannot be resolved.
pub(crate) fn plan_of(pricing: &DesiredObject, known: &KnownIds) -> Option<M3terId> {
    let of_row = || ObjectKey { kind: EntityKind::Plan, ..pricing.key.clone() };
    match pricing.value("planId") {
        Some(plan @ (Value::Object(_) | Value::Id(_))) => named(plan, known),
        _ => known.get(&of_row()).cloned(),
    }
}

/// The object that a field names: one of this sync, or one that was looked up.
fn named(value: &Value, known: &KnownIds) -> Option<M3terId> {
    match value {
        Value::Object(key) => known.get(key).cloned(),
        Value::Id(id) => Some(id.clone()),
        _ => None,
    }
}
