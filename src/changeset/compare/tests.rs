//! Objects as a record asks for them, beside what m3ter has.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::changeset::Change;
use crate::changeset::body::update_body;
use crate::changeset::testing::{account, actual, pricing, set};
use crate::domain::value::{PricingBand, Value};

fn compare_context(pricing_change: PricingChange) -> CompareContext {
    CompareContext {
        now: "2026-06-15T12:00:00Z".parse().unwrap(),
        time_zone: TimeZone::UTC,
        pricing_change,
        ended: EndedRule::Follow,
    }
}

fn step(
    desired: &DesiredObject,
    actual: &ActualObject,
    pricing_change: PricingChange,
) -> (Step, Vec<Warning>) {
    compare(desired, Some(actual), &KnownIds::default(), &compare_context(pricing_change))
}

#[test]
fn what_m3ter_does_not_have_is_created() {
    let desired = account(vec![set("name", Value::Text("Acme".into()))]);
    let (step, _) =
        compare(&desired, None, &KnownIds::default(), &compare_context(PricingChange::InPlace));
    assert_eq!(step, Step::Create);
    let foreseen = Change::new(desired, step, Vec::new()).foresee();
    assert_eq!(foreseen.changes.map(|changes| changes.len()), Some(1));
}

#[test]
fn only_mapped_fields_are_compared() {
    let desired = account(vec![set("name", Value::Text("Acme".into()))]);
    let held =
        actual(json!({"name": "Acme", "purchaseOrderNumber": "PO-1", "customFields": {"tier": 1}}));
    assert!(matches!(step(&desired, &held, PricingChange::InPlace).0, Step::Unchanged { .. }));
}

#[test]
fn an_update_sends_the_object_as_read_with_the_mapped_fields_over_it() {
    let desired = account(vec![set("name", Value::Text("New".into()))]);
    let held = actual(json!({
        "name": "Old", "code": "001", "customFields": {"tier": 1}, "dtCreated": "x", "lastModifiedBy": "y", "currency": null,
    }));
    let body = update_body(&desired, &held, &KnownIds::default());
    assert_eq!(
        json!(body),
        json!({"name": "New", "code": "001", "customFields": {"tier": 1}, "version": 3})
    );
}

#[test]
fn a_different_code_in_m3ter_is_kept_silently() {
    let desired = account(vec![
        set("code", Value::Text("other".into())),
        set("currency", Value::Text("EUR".into())),
    ]);
    let held = actual(json!({"code": "001", "currency": "USD"}));
    assert!(matches!(step(&desired, &held, PricingChange::InPlace).0, Step::Unchanged { .. }));
}

#[test]
fn a_changed_owner_is_a_finding_and_nothing_is_sent() {
    let other = "21e063b6-2350-4add-a028-3e6ad5b233ed";
    let desired =
        pricing(vec![set("planId", Value::Id(crate::domain::ids::M3terId::parse(other).unwrap()))]);
    let held = actual(json!({"planId": "d82738f3-d1d7-4a13-94a2-757658d64948"}));
    let (step, _) = step(&desired, &held, PricingChange::InPlace);
    let Step::Invalid { findings, existing: Some(_) } = step else { panic!("{step:?}") };
    assert_eq!(findings[0].code, FindingCode::IdentityChanged);
    assert!(findings[0].message.contains(other), "{}", findings[0].message);
}

fn price(unit: &str) -> DesiredObject {
    let band = PricingBand {
        lower_limit: 0.into(),
        fixed_price: 0.into(),
        unit_price: unit.parse().unwrap(),
    };
    pricing(vec![set("pricingBands", Value::PricingBands(vec![band]))])
}

fn held_price(start: &str) -> ActualObject {
    actual(
        json!({"code": "00k", "startDate": start, "pricingBands": [{"id": "b", "lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.05}]}),
    )
}

#[test]
fn a_price_that_has_begun_changes_as_the_mapping_says() {
    let begun = held_price("2026-01-01T00:00:00Z");
    let (in_place, warnings) = step(&price("0.06"), &begun, PricingChange::InPlace);
    assert!(matches!(in_place, Step::Update { .. }));
    insta::assert_snapshot!(warnings.join("\n"), @"The price has applied since 2026-01-01T00:00:00Z and was changed for all usage since then: pricingBands [from 0: 0.05] → [from 0: 0.06]");
    let (from_date, _) = step(&price("0.06"), &begun, PricingChange::FromDate);
    assert!(
        matches!(from_date, Step::Supersede { from, .. } if from.to_string() == "2026-06-15T00:00:00Z"),
        "{from_date:?}"
    );
    let (report, _) = step(&price("0.06"), &begun, PricingChange::Report);
    assert!(
        matches!(report, Step::Invalid { findings, .. } if findings[0].code == FindingCode::PricingChanged)
    );
}

#[test]
fn a_price_beyond_the_commitment_is_a_price_too() {
    let overage = |unit: i64| {
        vec![PricingBand { lower_limit: 0.into(), fixed_price: 0.into(), unit_price: unit.into() }]
    };
    let mut held = held_price("2026-01-01T00:00:00Z");
    let bands = Value::PricingBands(overage(1)).to_json();
    Arc::make_mut(&mut held.fields).insert("overagePricingBands".into(), bands);
    let desired = pricing(vec![set("overagePricingBands", Value::PricingBands(overage(2)))]);
    let (report, _) = step(&desired, &held, PricingChange::Report);
    assert!(
        matches!(report, Step::Invalid { findings, .. } if findings[0].code == FindingCode::PricingChanged)
    );
    let (from_date, _) = step(&desired, &held, PricingChange::FromDate);
    assert!(matches!(from_date, Step::Supersede { .. }), "{from_date:?}");
}

#[test]
fn a_price_that_has_not_begun_is_changed_in_place() {
    let coming = held_price("2026-07-01T00:00:00Z");
    let (step, warnings) = step(&price("0.06"), &coming, PricingChange::FromDate);
    assert!(matches!(step, Step::Update { .. }) && warnings.is_empty());
}

#[test]
fn a_price_that_an_interrupted_sync_ended_is_followed_from_its_end() {
    let mut ended = held_price("2026-01-01T00:00:00Z");
    Arc::make_mut(&mut ended.fields).insert("endDate".into(), json!("2026-06-10T00:00:00Z"));
    let (step, _) = step(&price("0.06"), &ended, PricingChange::FromDate);
    assert!(
        matches!(step, Step::Supersede { from, .. } if from.to_string() == "2026-06-10T00:00:00Z"),
        "{step:?}"
    );
}

#[test]
fn dates_that_move_into_billed_time_come_with_a_warning() {
    let date = |text: &str| Value::Date(text.parse().unwrap());
    let mut desired =
        account(vec![set("startDate", date("2026-02-01")), set("endDate", date("2026-05-01"))]);
    desired.key.kind = EntityKind::Contract;
    let held = actual(json!({"startDate": "2026-01-01", "endDate": "2027-01-01"}));
    let (_, warnings) = step(&desired, &held, PricingChange::InPlace);
    insta::assert_snapshot!(warnings.join("\n"), @r"
        The start moved from 2026-01-01 to 2026-02-01, although the old start had passed
        The end moved into the past (2026-05-01); usage after it may already have been billed
        ");
}
