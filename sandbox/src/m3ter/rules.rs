//! What m3ter leaves open, as `PUT /sandbox/rules` decides it.

use serde::Deserialize;

/// What m3ter leaves open.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Rules {
    /// Whether a property that the API does not know is refused.
    pub(super) reject_unknown_properties: bool,
    /// Among which Commitments an overlap is refused.
    pub(super) commitment_overlap: OverlapScope,
    /// Whether AccountPlans of one account and product may overlap.
    pub(super) account_plan_overlap: OverlapScope,
    /// What the end-date call of a Contract reaches: what carries the Contract, or all that its
    /// Account has.
    pub(super) contract_end_date: OverlapScope,
}

/// Among which objects of an account an overlap is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum OverlapScope {
    /// Those under the same Contract.
    Contract,
    /// All of the account.
    Account,
    /// None.
    Off,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reject_unknown_properties: true,
            commitment_overlap: OverlapScope::Contract,
            account_plan_overlap: OverlapScope::Account,
            contract_end_date: OverlapScope::Contract,
        }
    }
}
