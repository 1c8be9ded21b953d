//! Records that belong together by a field, such as the Orders of one Salesforce Contract: which
//! m3ter Contract a new one joins.
//!
//! That of the record which the field names decides, if it was synced itself; else that of the
//! record of the same object that was made first, as long as the new one's period lies within it.
//! No record joins a Contract of another Account, and a record that has one keeps it.

use jiff::civil::Date;

use super::ended::{Ends, counting};
use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::made_end::{MadeEnd, Until};
use crate::domain::value::{Value, date_in_text};
use crate::domain::warning::{Attention, Warning};

/// What is known of the records that share a field's value.
#[derive(Debug, Clone, Default)]
pub struct Sharing {
    /// The field, as people know it.
    pub field: String,
    /// What it names.
    pub value: Option<SalesforceId>,
    /// The Contracts that m3ter has for them, with the record of each: that of the value first,
    /// then in the order in which the records were made.
    pub held: Vec<(SalesforceId, ActualObject)>,
    /// The ends that end dating made of these Contracts: whoever joins one that stays ended ends
    /// with it.
    pub ends: Ends,
    /// Records that were made before this one and have no Contract in m3ter.
    pub not_synced: Vec<SalesforceId>,
}

/// What a record does about the Contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice<'a> {
    /// It joins this one.
    Joins(&'a ActualObject, Warning),
    /// It has one of its own; and what a person should know about that.
    OwnOne(Option<Warning>),
}

/// Decides for a Contract that m3ter does not have. `account` is the deal's Account in m3ter.
pub fn choose<'a>(
    desired: &DesiredObject,
    sharing: &'a Sharing,
    account: Option<&M3terId>,
) -> Choice<'a> {
    let fits = |contract: &ActualObject| {
        contract.text("accountId") == account.map(M3terId::as_str)
            && within(desired, contract, &sharing.ends)
    };
    let named = sharing.held.first().filter(|(row, _)| Some(row) == sharing.value.as_ref());
    let candidates = named.map_or(&sharing.held[..], std::slice::from_ref);
    let field = &sharing.field;
    if let Some((row, contract)) = candidates.iter().find(|(_, contract)| fits(contract)) {
        let whose = if Some(row) == sharing.value.as_ref() {
            format!("`{field}` names {row}")
        } else {
            format!("{row} has the same `{field}`")
        };
        return Choice::Joins(
            contract,
            format!("{whose}: this record joins its Contract {} in m3ter", contract.id).into(),
        );
    }
    let warning = match (candidates.first(), sharing.not_synced.first()) {
        (Some((row, contract)), _) => {
            let date = |field: &str| contract.text(field).unwrap_or("an unknown date").to_owned();
            let why = if contract.text("accountId") == account.map(M3terId::as_str) {
                format!(
                    "its term from {} to {} does not contain this record's period",
                    date("startDate"),
                    date("endDate")
                )
            } else {
                "it is under another Account".to_owned()
            };
            let whose = if Some(row) == sharing.value.as_ref() {
                format!("which `{field}` names")
            } else {
                format!("which has the same `{field}`")
            };
            Some(format!(
                "The record {} gets its own Contract and does not join {} of {row}, {whose}: {why}; usage under one does not draw down a commitment of the other",
                desired.key.row, contract.id
            ))
        }
        (None, Some(first)) => Some(format!(
            "The record {} gets its own Contract: {first}, which was made before it and has the same `{field}`, has none in m3ter; to bring both under one, sync {first} first",
            desired.key.row
        )),
        (None, None) => None,
    };
    Choice::OwnOne(warning.map(|text| Warning::of(Attention::ContractNotJoined, text)))
}

/// Whether the period of a Contract that a record asks for lies within one of m3ter, as it was sold
/// where it has been ended.
fn within(desired: &DesiredObject, contract: &ActualObject, ends: &Ends) -> bool {
    let wanted = |field: &str| match desired.value(field) {
        Some(Value::Date(date)) => Some(*date),
        _ => None,
    };
    let held = |field: &str| contract.text(field).and_then(date_in_text);
    let at_most = |one: Option<Date>, other: Option<Date>| {
        one.zip(other).is_some_and(|(one, other)| one <= other)
    };
    let is_late = |end: Date| match counting(ends, contract).and_then(MadeEnd::said_until) {
        Some(said) => Until::Day(end) > said,
        None => !at_most(Some(end), held("endDate")),
    };
    at_most(held("startDate"), wanted("startDate"))
        && wanted("endDate").is_some_and(|end| !is_late(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{account, actual_with_id, row, set};
    use crate::domain::entity::{EntityKind, ObjectKey};

    const ACCOUNT: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
    const FIRST: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
    const SECOND: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";
    const SHARED: &str = "800S90000079CONIA2";
    const ORDERS: [&str; 2] = ["801S90000079ORDIA2", "801S90000079REDIA2"];

    fn contract(id: &str, account: &str, start: &str, end: &str) -> ActualObject {
        actual_with_id(id, json!({"accountId": account, "startDate": start, "endDate": end}))
    }

    #[test]
    fn the_named_record_decides_then_the_first_one_whose_term_covers_the_period() {
        let date = |name, text: &str| set(name, Value::Date(text.parse().unwrap()));
        let desired = DesiredObject {
            key: ObjectKey::only(EntityKind::Contract, row()),
            ..account(vec![date("startDate", "2026-06-01"), date("endDate", "2027-01-01")])
        };
        let own = M3terId::parse(ACCOUNT).unwrap();
        let id = |text: &str| SalesforceId::parse(text).unwrap();
        let year = |contract_id: &str| contract(contract_id, ACCOUNT, "2026-01-01", "2027-01-01");
        let short = contract(FIRST, ACCOUNT, "2026-01-01", "2026-12-31");
        for (what, held, not_synced, joins, told) in [
            (
                "an earlier one",
                vec![(ORDERS[0], year(FIRST))],
                vec![],
                Some(FIRST),
                "has the same `Order.ContractId`",
            ),
            (
                "the first of two",
                vec![(ORDERS[0], year(FIRST)), (ORDERS[1], year(SECOND))],
                vec![],
                Some(FIRST),
                ORDERS[0],
            ),
            (
                "one that is too short, and one that is not",
                vec![(ORDERS[0], short.clone()), (ORDERS[1], year(SECOND))],
                vec![],
                Some(SECOND),
                ORDERS[1],
            ),
            (
                "the named one",
                vec![(SHARED, year(SECOND)), (ORDERS[0], year(FIRST))],
                vec![],
                Some(SECOND),
                "names 800S90000079CONIA2",
            ),
            (
                "the named one, too short",
                vec![(SHARED, short.clone()), (ORDERS[0], year(SECOND))],
                vec![],
                None,
                "which `Order.ContractId` names",
            ),
            (
                "too short",
                vec![(ORDERS[0], short.clone())],
                vec![],
                None,
                "from 2026-01-01 to 2026-12-31",
            ),
            (
                "of another Account",
                vec![(ORDERS[0], contract(FIRST, SECOND, "2026-01-01", "2027-01-01"))],
                vec![],
                None,
                "another Account",
            ),
            (
                "one that is not there yet",
                vec![],
                vec![ORDERS[0]],
                None,
                "sync 801S90000079ORDIA2 first",
            ),
            ("nobody", vec![], vec![], None, ""),
        ] {
            let sharing = Sharing {
                field: "Order.ContractId".to_owned(),
                value: Some(id(SHARED)),
                held: held.into_iter().map(|(row, contract)| (id(row), contract)).collect(),
                not_synced: not_synced.into_iter().map(id).collect(),
                ends: Ends::new(),
            };
            let (joined, warning) = match choose(&desired, &sharing, Some(&own)) {
                Choice::Joins(contract, warning) => (Some(contract.id.to_string()), warning.text),
                Choice::OwnOne(warning) => {
                    (None, warning.map_or_else(String::new, |warning| warning.text))
                }
            };
            assert_eq!(joined.as_deref(), joins, "{what}: {warning}");
            assert!(
                warning.contains(told) && (told.is_empty() == warning.is_empty()),
                "{what}: {warning}"
            );
        }
    }
}
