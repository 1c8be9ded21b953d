//! The six kinds of m3ter object that one sync brings about, in the order of their results.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::SalesforceId;

/// One of the six kinds; the order is the order of results and of dependence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntityKind {
    /// The end customer.
    Account,
    /// The agreement, with a calendar term.
    Contract,
    /// The amount the customer committed to, also called Prepayment.
    Commitment,
    /// The bespoke plan of one line.
    Plan,
    /// The prices of one line's usage.
    Pricing,
    /// The attachment of a Plan to the Account, which starts the billing.
    AccountPlan,
}

impl EntityKind {
    /// The kind of object of a sync whose ID a m3ter field holds.
    pub fn of_field(name: &str) -> Option<Self> {
        match name {
            "accountId" | "parentAccountId" => Some(Self::Account),
            "contractId" => Some(Self::Contract),
            "planId" | "billingPlanId" => Some(Self::Plan),
            _ => None,
        }
    }

    /// All kinds, in the order of results.
    pub const ALL: [Self; 6] = [
        Self::Account,
        Self::Contract,
        Self::Commitment,
        Self::Plan,
        Self::Pricing,
        Self::AccountPlan,
    ];

    /// The name in results, as in `objectName`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Contract => "Contract",
            Self::Commitment => "Commitment",
            Self::Plan => "Plan",
            Self::Pricing => "Pricing",
            Self::AccountPlan => "AccountPlan",
        }
    }

    /// The name with its article: `an Account`.
    pub fn with_article(self) -> String {
        let article = if matches!(self, Self::Account | Self::AccountPlan) { "an" } else { "a" };
        format!("{article} {}", self.name())
    }

    /// The plural in lower case: m3ter's path segment and the word in the message about a flag.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Contract => "contracts",
            Self::Commitment => "commitments",
            Self::Plan => "plans",
            Self::Pricing => "pricings",
            Self::AccountPlan => "accountplans",
        }
    }

    /// The kind whose name is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a result is about: one of the six kinds, or what only end dating knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// One of the six.
    Entity(EntityKind),
    /// The counter pricing of a bespoke plan.
    CounterPricing,
}

impl ObjectKind {
    /// The name in results, as in `objectName`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entity(kind) => kind.name(),
            Self::CounterPricing => "CounterPricing",
        }
    }
}

impl From<EntityKind> for ObjectKind {
    fn from(kind: EntityKind) -> Self {
        Self::Entity(kind)
    }
}

/// Which object of a deal: its kind, the Salesforce row it comes from, and a key where one row has
/// several of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The kind of m3ter object.
    pub kind: EntityKind,
    /// The Salesforce row it comes from: the Account, the root record, or the line.
    pub row: SalesforceId,
    /// Tells several objects of one kind and row apart; empty for the only one.
    pub key: String,
}

impl ObjectKey {
    /// The only object of its kind that comes from `row`.
    pub fn only(kind: EntityKind, row: SalesforceId) -> Self {
        Self { kind, row, key: String::new() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.row)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, " {}", self.key) }
    }
}
