//! The kinds of records that the managed package is configured with.

use super::records::MetadataRecord;
use crate::domain::entity::EntityKind;

/// The kinds of mapping record that the connector has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Account,
    Contract,
    Commitment,
    Plan,
    Pricing,
    PricingBands,
    AccountPlan,
}

/// Each kind with the field that names the object it is read from.
const KINDS: [(Kind, &str); 7] = [
    (Kind::PricingBands, "PricingBandsObject"),
    (Kind::Pricing, "PricingObject"),
    (Kind::AccountPlan, "AccountPlanObject"),
    (Kind::Plan, "PlanObject"),
    (Kind::Commitment, "CommitmentObject"),
    (Kind::Contract, "ContractObject"),
    (Kind::Account, "AccountObject"),
];

impl Kind {
    pub(super) fn of(record: &MetadataRecord) -> Option<Self> {
        KINDS.into_iter().find(|(_, field)| record.get(field).is_some()).map(|(kind, _)| kind)
    }

    pub(super) fn object_field(self) -> &'static str {
        KINDS.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, field)| field)
    }

    /// The object that a sync with this record starts from: the one that the path to the Account
    /// goes through.
    pub(super) fn root(self, record: &MetadataRecord) -> Option<String> {
        let own = record.path(self.object_field())?;
        if self == Self::Account {
            return None;
        }
        let path = record.path("accountMapping_m3Id")?;
        Some(match path.split_once('.') {
            None => own.to_owned(),
            Some(("SBQQ__Contract__r", _)) => "Contract".to_owned(),
            Some((parent, _)) => parent
                .strip_suffix("__r")
                .map_or_else(|| parent.to_owned(), |name| format!("{name}__c")),
        })
    }

    pub(super) fn table(self) -> Option<(&'static str, EntityKind)> {
        Some(match self {
            Self::Account => ("account", EntityKind::Account),
            Self::Contract => ("contract", EntityKind::Contract),
            Self::Commitment => ("commitment", EntityKind::Commitment),
            Self::Plan => ("plan", EntityKind::Plan),
            Self::Pricing => ("pricing", EntityKind::Pricing),
            Self::AccountPlan => ("account_plan", EntityKind::AccountPlan),
            Self::PricingBands => return None,
        })
    }
}
