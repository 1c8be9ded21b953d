//! An AccountPlan and the time for which it bills its product.

use jiff::Timestamp;

use super::Change;
use crate::domain::ids::SalesforceId;

/// From an instant to another one, or without end.
pub(super) type Period = (Timestamp, Option<Timestamp>);

/// An AccountPlan with what it must not share with another one: the Account, and the product for a
/// time.
pub(super) struct Attached<'a> {
    pub(super) change: &'a Change,
    pub(super) account: String,
    pub(super) product: &'a str,
    /// As m3ter will have it after this sync.
    pub(super) period: Period,
    /// As m3ter has it.
    pub(super) now: Option<Period>,
    pub(super) is_held: bool,
}

#[cfg(test)]
impl<'a> Attached<'a> {
    /// One of an Account and a product.
    pub(super) fn testing(change: &'a Change, now: Option<Period>, period: Period) -> Self {
        Self { change, account: String::new(), product: "", period, now, is_held: now.is_some() }
    }
}

impl Attached<'_> {
    pub(super) fn row(&self) -> &SalesforceId {
        &self.change.desired.key.row
    }
}

pub(super) fn intersect(one: Period, other: Period) -> bool {
    one.1.is_none_or(|end| other.0 < end) && other.1.is_none_or(|end| one.0 < end)
}
