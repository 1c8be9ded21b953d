//! The names of m3ter's operations, as its OpenAPI document has them: they stand in logs, metrics and errors.

use crate::domain::entity::EntityKind;

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
