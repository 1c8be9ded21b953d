//! Dates of a Contract and of what is under it, as pairs of record and m3ter.

use serde_json::json;

use super::*;
use crate::changeset::compare::{CompareContext, compare, compare_referred};
use crate::changeset::testing::{account, actual_with_id, commitment, row, set};
use crate::domain::desired::DesiredField;
use crate::domain::settings::{EndedRule, PricingChange};

const CONTRACT: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";
const COMMITMENT: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";

fn date(name: &'static str, text: &str) -> DesiredField {
    set(name, Value::Date(text.parse().unwrap()))
}

fn contract(fields: Vec<DesiredField>, on_found: OnFound) -> DesiredObject {
    DesiredObject { key: ObjectKey::only(EntityKind::Contract, row()), on_found, ..account(fields) }
}

fn under(contract_id: Option<Value>, from: &str) -> DesiredObject {
    let mut commitment = commitment(from, None);
    if let crate::domain::desired::Intent::Sync(fields) = &mut commitment.intent {
        fields.extend(contract_id.map(|id| set("contractId", id)));
    }
    commitment
}

fn held_contract(start: &str, end: &str) -> ActualObject {
    actual_with_id(CONTRACT, json!({"code": "001", "startDate": start, "endDate": end}))
}

/// What becomes of a Commitment (to 2027-01-01) beside a Contract, and what m3ter holds of
/// both.
fn kept(
    contract: Option<DesiredObject>,
    held_contract: Option<&ActualObject>,
    commitment: DesiredObject,
    held: Option<&ActualObject>,
) -> Change {
    let compare_context = CompareContext {
        now: "2026-06-15T12:00:00Z".parse().unwrap(),
        time_zone: TimeZone::UTC,
        pricing_change: PricingChange::InPlace,
        ended: EndedRule::Follow,
    };
    let known: KnownIds = contract
        .iter()
        .zip(held_contract)
        .map(|(contract, held)| (contract.key.clone(), held.id.clone()))
        .collect();
    let change = |desired: DesiredObject, actual: Option<&ActualObject>| {
        let step = match actual {
            Some(actual) if desired.on_found == OnFound::Refer => {
                compare_referred(&desired, actual, &known)
            }
            actual => compare(&desired, actual, &known, &compare_context).0,
        };
        Change::new(desired, step, Vec::new())
    };
    let mut changes: Vec<Change> =
        contract.into_iter().map(|contract| change(contract, held_contract)).collect();
    changes.push(change(commitment, held));
    let mut changeset = Changeset { changes, ..Changeset::default() };
    changeset.keep_to_contracts(held_contract.into_iter().chain(held), &TimeZone::UTC);
    changeset.changes.pop().unwrap()
}

fn finding(change: &Change) -> Option<&Finding> {
    match &change.step {
        Step::Invalid { findings, .. } => findings.first(),
        _ => None,
    }
}

#[test]
fn the_dates_that_m3ter_will_have_are_the_ones_that_count() {
    let of_contract = || Some(Value::Object(ObjectKey::only(EntityKind::Contract, row())));
    let dates = |end| vec![date("startDate", "2026-01-01"), date("endDate", end)];
    let once = |end| {
        dates(end).into_iter().map(|field| DesiredField { once: true, ..field }).collect::<Vec<_>>()
    };
    let held = |end| Some(held_contract("2026-01-01", end));
    for (what, contract, held, is_outside) in [
        ("to be created, as long", contract(dates("2027-01-01"), OnFound::Adopt), None, false),
        ("to be created, shorter", contract(dates("2026-12-01"), OnFound::Adopt), None, true),
        (
            "moved with the deal",
            contract(dates("2027-01-01"), OnFound::Adopt),
            held("2026-12-01"),
            false,
        ),
        (
            "shortened with the deal",
            contract(dates("2026-12-01"), OnFound::Adopt),
            held("2027-01-01"),
            true,
        ),
        (
            "kept, as the mapping says once",
            contract(once("2027-01-01"), OnFound::Adopt),
            held("2026-12-01"),
            true,
        ),
        (
            "kept, and long enough",
            contract(once("2026-12-01"), OnFound::Adopt),
            held("2027-01-01"),
            false,
        ),
        (
            "kept, as the source is blank",
            contract(vec![date("startDate", "2026-01-01")], OnFound::Adopt),
            held("2026-12-01"),
            true,
        ),
        (
            "joined, shorter",
            contract(dates("2027-01-01"), OnFound::Refer),
            held("2026-12-01"),
            true,
        ),
        (
            "joined, long enough",
            contract(dates("2026-12-01"), OnFound::Refer),
            held("2027-01-01"),
            false,
        ),
    ] {
        for named in [of_contract(), None] {
            let change =
                kept(Some(contract.clone()), held.as_ref(), under(named, "2026-01-01"), None);
            assert_eq!(finding(&change).is_some(), is_outside, "{what}: {:?}", change.step);
        }
    }
}

#[test]
fn a_contract_named_by_its_id_counts_only_if_it_was_read() {
    let named = || Some(Value::Id(M3terId::parse(CONTRACT).unwrap()));
    let held = held_contract("2026-01-01", "2026-12-01");
    assert!(finding(&kept(None, Some(&held), under(named(), "2026-01-01"), None)).is_some());
    assert!(finding(&kept(None, None, under(named(), "2026-01-01"), None)).is_none());
    // It is not the deal's own that counts then.
    let own = contract(
        vec![date("startDate", "2030-01-01"), date("endDate", "2031-01-01")],
        OnFound::Adopt,
    );
    let other = Some(Value::Id(M3terId::parse(COMMITMENT).unwrap()));
    assert!(finding(&kept(Some(own), None, under(other, "2026-01-01"), None)).is_none());
}

#[test]
fn an_object_that_nothing_writes_is_a_warning_and_not_a_refusal() {
    let joined = || {
        contract(
            vec![date("startDate", "2026-01-01"), date("endDate", "2027-01-01")],
            OnFound::Refer,
        )
    };
    let named = || Some(Value::Object(ObjectKey::only(EntityKind::Contract, row())));
    let commitment = actual_with_id(
        COMMITMENT,
        json!({"contractId": CONTRACT, "startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD", "amount": 12000}),
    );
    let held = held_contract("2026-01-01", "2026-12-01");
    let change = kept(Some(joined()), Some(&held), under(named(), "2026-01-01"), Some(&commitment));
    assert!(
        matches!(change.step, Step::Unchanged { .. }) && change.warnings.len() == 1,
        "{change:?}"
    );
    insta::assert_snapshot!(change.warnings[0], @"The Commitment runs from 2026-01-01 to 2027-01-01 (`Opportunity.Name`), outside the term of the Contract `001` in m3ter (83df45e7-78ea-4211-8d12-6220b7c7ca86), which this deal joins and which runs from 2026-01-01 to 2026-12-01. If the record was cloned, the Contract's code was copied along: clear it, or enter the code of the right Contract. Otherwise correct `Opportunity.Name`, or extend the Contract where it was made");
    // So it is where the record itself gives both these dates.
    let own = || {
        contract(
            vec![date("startDate", "2026-01-01"), date("endDate", "2026-12-01")],
            OnFound::Adopt,
        )
    };
    let change = kept(Some(own()), Some(&held), under(named(), "2026-01-01"), Some(&commitment));
    assert!(
        matches!(change.step, Step::Unchanged { .. }) && change.warnings.len() == 1,
        "{change:?}"
    );
    // A change of it is a write.
    let change = kept(Some(joined()), Some(&held), under(named(), "2026-02-01"), Some(&commitment));
    assert_eq!(finding(&change).unwrap().code, FindingCode::OutsideContractPeriod);
    assert_eq!(change.step.known_id().map(M3terId::as_str), Some(COMMITMENT));
}
