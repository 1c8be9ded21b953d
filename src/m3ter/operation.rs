//! The names of m3ter's operations, as its OpenAPI document has them: they stand in logs, metrics
//! and errors.

use crate::domain::entity::EntityKind;
use crate::transport::Urgency;

pub(super) fn list(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Account => "ListAccounts",
        EntityKind::Contract => "ListContracts",
        EntityKind::Commitment => "ListCommitments",
        EntityKind::Plan => "ListPlans",
        EntityKind::Pricing => "ListPricings",
        EntityKind::AccountPlan => "ListAccountPlans",
    }
}

pub(super) fn get(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Account => "GetAccount",
        EntityKind::Contract => "GetContract",
        EntityKind::Commitment => "GetCommitment",
        EntityKind::Plan => "GetPlan",
        EntityKind::Pricing => "GetPricing",
        EntityKind::AccountPlan => "GetAccountPlan",
    }
}

pub(super) fn post(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Account => "PostAccount",
        EntityKind::Contract => "PostContract",
        EntityKind::Commitment => "PostCommitment",
        EntityKind::Plan => "PostPlan",
        EntityKind::Pricing => "PostPricing",
        EntityKind::AccountPlan => "PostAccountPlan",
    }
}

pub(super) fn put(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Account => "PutAccount",
        EntityKind::Contract => "PutContract",
        EntityKind::Commitment => "PutCommitment",
        EntityKind::Plan => "PutPlan",
        EntityKind::Pricing => "PutPricing",
        EntityKind::AccountPlan => "PutAccountPlan",
    }
}

/// How much of a deal waits for the creation of an object: what refers to it, and what refers to
/// that. An update keeps nobody waiting, since the object's id is known.
pub(super) fn urgency(kind: EntityKind) -> Urgency {
    match kind {
        EntityKind::Account => Urgency::Run,
        EntityKind::Contract | EntityKind::Plan => Urgency::Others,
        EntityKind::Commitment | EntityKind::Pricing | EntityKind::AccountPlan => Urgency::End,
    }
}
