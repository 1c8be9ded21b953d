//! What the objects of a sync refer to, as far as m3ter has it.

use crate::changeset::KnownIds;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::M3terId;
use crate::domain::value::Value;

/// What objects refer to, as far as m3ter has it.
pub(super) struct Referred<'a> {
    pub(super) known: &'a KnownIds,
    /// The deal's own Account; its parents come after it.
    own_account: Option<&'a ObjectKey>,
    /// The deal's only Contract.
    pub(super) only_contract: Option<&'a ObjectKey>,
}

impl<'a> Referred<'a> {
    pub(super) fn new(desired: &'a [DesiredObject], known: &'a KnownIds) -> Self {
        let of = |kind: EntityKind| {
            desired.iter().filter(move |object| object.kind() == kind).map(|object| &object.key)
        };
        let only_contract =
            of(EntityKind::Contract).next().filter(|_| of(EntityKind::Contract).nth(1).is_none());
        Self { known, own_account: of(EntityKind::Account).next(), only_contract }
    }

    /// The object that a field names: one of this sync, or one that was looked up.
    fn named(&self, object: &DesiredObject, field: &str) -> Option<M3terId> {
        match object.value(field)? {
            Value::Object(key) => self.known.get(key).cloned(),
            Value::Id(id) => Some(id.clone()),
            _ => None,
        }
    }

    /// The Account that it names; what cannot be resolved names none, and lies under the deal's
    /// own.
    pub(super) fn account(&self, object: &DesiredObject) -> Option<M3terId> {
        match object.value("accountId") {
            Some(_) => self.named(object, "accountId"),
            None => self.own_account.and_then(|key| self.known.get(key)).cloned(),
        }
    }

    pub(super) fn contract(&self, object: &DesiredObject) -> Option<M3terId> {
        match object.value("contractId") {
            Some(_) => self.named(object, "contractId"),
            None => self.only_contract.and_then(|key| self.known.get(key)).cloned(),
        }
    }

    pub(super) fn plan(&self, object: &DesiredObject) -> Option<M3terId> {
        self.named(object, "planId").or_else(|| self.known.get(&plan_of(object)).cloned())
    }
}

/// The Plan that a Pricing belongs to: the one of its row, also where the Pricing itself cannot be
/// resolved.
fn plan_of(pricing: &DesiredObject) -> ObjectKey {
    match pricing.value("planId") {
        Some(Value::Object(key)) => key.clone(),
        _ => ObjectKey { kind: EntityKind::Plan, ..pricing.key.clone() },
    }
}
