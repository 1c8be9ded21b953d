//! Compares desired with actual: what must be done.
//!
//! Only mapped fields are compared. An owner that differs means another object, which m3ter cannot
//! move: a finding, and nothing is sent. A price that differs is changed as the mapping's
//! `pricing_change` says.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::body::{resolved, updatable_fields};
use super::{KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::dates::{date_at, midnight};
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::{EntityKind, ObjectKind};
use crate::domain::field::{ADDRESS_PARTS, FieldType, OnDifference};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::{double_in_json, double_text};
use crate::domain::outcome::FieldChange;
use crate::domain::settings::{EndedRule, PricingChange};
use crate::domain::text::visible;
use crate::domain::value::{HeldBand, Value, date_in_text, held_bands};
use crate::domain::warning::{Attention, Warning};

/// What the comparison needs to know beside the two objects.
#[derive(Debug, Clone)]
pub struct CompareContext {
    /// The instant of the sync.
    pub now: Timestamp,
    /// In which a day begins.
    pub time_zone: TimeZone,
    /// What happens when a price differs.
    pub pricing_change: PricingChange,
    /// What happens where Salesforce takes back an end that end dating made.
    pub ended: EndedRule,
}

/// The fields of a Pricing that make the price.
pub(super) const PRICE_FIELDS: [&str; 6] =
    ["pricingBands", "overagePricingBands", "cumulative", "tiersSpanPlan", "type", "startDate"];

/// What has to be done with an object, and what a person should know about it.
pub fn compare(
    desired: &DesiredObject,
    actual: Option<&ActualObject>,
    known: &KnownIds,
    compare_context: &CompareContext,
) -> (Step, Vec<Warning>) {
    let existing = actual.map(|actual| actual.id.clone());
    match (&desired.intent, actual) {
        (Intent::Flagged, _) => (Step::Flagged { existing }, Vec::new()),
        (Intent::Invalid(findings), _) => {
            (Step::Invalid { findings: findings.clone(), existing }, Vec::new())
        }
        (Intent::Sync(fields), None) => {
            let changes = creation(fields);
            let warnings = moved_dates(&changes, compare_context);
            (Step::Create { changes }, warnings)
        }
        (Intent::Sync(_), Some(actual)) => {
            compare_existing(desired, actual, known, compare_context)
        }
    }
}

/// Compares with an object that another record made: only its owner has to be the same.
pub fn compare_referred(desired: &DesiredObject, actual: &ActualObject, known: &KnownIds) -> Step {
    let findings = moved_owners(desired, actual, known);
    if findings.is_empty() {
        Step::Unchanged { id: actual.id.clone() }
    } else {
        Step::Invalid { findings, existing: Some(actual.id.clone()) }
    }
}

fn compare_existing(
    desired: &DesiredObject,
    actual: &ActualObject,
    known: &KnownIds,
    compare_context: &CompareContext,
) -> (Step, Vec<Warning>) {
    let findings = moved_owners(desired, actual, known);
    if !findings.is_empty() {
        return (Step::Invalid { findings, existing: Some(actual.id.clone()) }, Vec::new());
    }
    let changes: Vec<FieldChange> = updatable_fields(desired, actual)
        .filter_map(|field| field_change(field, actual, known))
        .collect();
    if changes.is_empty() {
        return (Step::Unchanged { id: actual.id.clone() }, Vec::new());
    }
    let is_price = |change: &FieldChange| PRICE_FIELDS.contains(&change.field.as_str());
    if desired.kind() == EntityKind::Pricing && changes.iter().any(is_price) {
        return compare_price(actual, changes, compare_context);
    }
    let warnings = moved_dates(&changes, compare_context);
    (Step::Update { actual: actual.clone(), changes }, warnings)
}

/// A finding for each owner that differs; such a change is never sent.
fn moved_owners(desired: &DesiredObject, actual: &ActualObject, known: &KnownIds) -> Vec<Finding> {
    let kind = desired.kind();
    let owners = desired.fields().iter().filter(|field| {
        kind.field(field.name).is_some_and(|spec| spec.on_difference == OnDifference::Identity)
    });
    owners
        .filter_map(|field| {
            let change = field_change(field, actual, known)?;
            Some(Finding::new(
                FindingCode::IdentityChanged,
                format!(
                    "The {kind} {} has the {} `{}` in m3ter, and {} now says `{}`; m3ter cannot change that",
                    actual.id,
                    field.name,
                    change.old_value.as_deref().unwrap_or("none"),
                    field.source,
                    change.new_value.as_deref().unwrap_or("another"),
                ),
                format!("Change it back in Salesforce, or end the {kind} in m3ter and start a new one under another row"),
            ))
        })
        .collect()
}

fn compare_price(
    actual: &ActualObject,
    changes: Vec<FieldChange>,
    compare_context: &CompareContext,
) -> (Step, Vec<Warning>) {
    let start = instant(actual, "startDate");
    let has_begun = start.is_some_and(|start| start <= compare_context.now);
    let listed = super::list(&changes);
    match compare_context.pricing_change {
        PricingChange::InPlace | PricingChange::FromDate if !has_begun => {
            (Step::Update { actual: actual.clone(), changes }, Vec::new())
        }
        // A start that moves alone changes no price: the Pricing moves with its AccountPlan, and no
        // other one follows it.
        PricingChange::FromDate if changes.iter().all(|change| change.field == "startDate") => {
            let warnings = moved_dates(&changes, compare_context);
            (Step::Update { actual: actual.clone(), changes }, warnings)
        }
        PricingChange::InPlace => {
            let text = format!(
                "The price has applied since {} and was changed for all usage since then: {listed}",
                render_start(actual)
            );
            (
                Step::Update { actual: actual.clone(), changes },
                vec![Warning::of(Attention::PriceChangedInPlace, text)],
            )
        }
        PricingChange::FromDate => {
            let today = midnight(
                date_at(compare_context.now, &compare_context.time_zone),
                &compare_context.time_zone,
            );
            // A pricing that an interrupted sync has ended already is followed from its end, so
            // that no usage is unpriced.
            let ended = instant(actual, "endDate").filter(|end| *end <= compare_context.now);
            match ended.or(today) {
                Some(from) if start.is_none_or(|start| start < from) => {
                    (Step::Supersede { actual: actual.clone(), from, changes }, Vec::new())
                }
                _ => (Step::Update { actual: actual.clone(), changes }, Vec::new()),
            }
        }
        PricingChange::Report => {
            let finding = Finding::new(
                FindingCode::PricingChanged,
                format!(
                    "The price differs from m3ter's, and the mapping says only to report that: {listed}"
                ),
                "Change the Pricing in m3ter, or set `pricing_change` to `in_place` or `from_date`",
            );
            (
                Step::Invalid { findings: vec![finding], existing: Some(actual.id.clone()) },
                Vec::new(),
            )
        }
    }
}

/// Warnings about dates that move into time that may have been billed.
fn moved_dates(changes: &[FieldChange], compare_context: &CompareContext) -> Vec<Warning> {
    let today = date_at(compare_context.now, &compare_context.time_zone);
    let date = |text: &Option<String>| text.as_deref().and_then(date_in_text);
    changes
        .iter()
        .filter_map(|change| {
            match (change.field.as_str(), date(&change.old_value), date(&change.new_value)) {
                ("endDate", None, Some(end)) if end < today => {
                    Some(format!("It would end in the past ({end})"))
                }
                ("endDate", _, Some(end)) if end < today => Some(format!(
                    "The end moved into the past ({}); usage after it may already have been billed",
                    change.new_value.as_deref().unwrap_or_default()
                )),
                ("startDate", Some(old), Some(new)) if old <= today => Some(format!(
                    "The start moved from {old} to {new}, although the old start had passed"
                )),
                _ => None,
            }
        })
        .map(|text| Warning::of(Attention::DateInPast, text))
        .collect()
}

/// The fields that a new object gets.
pub(super) fn creation(fields: &[DesiredField]) -> Vec<FieldChange> {
    let set = |field: &DesiredField| match &field.action {
        FieldAction::Set(value) => Some(FieldChange {
            field: field.name.to_owned(),
            old_value: None,
            new_value: Some(render_value(value)),
            source: field.source.clone(),
        }),
        FieldAction::Clear => None,
    };
    fields.iter().filter_map(set).collect()
}

/// How one field would change; `None` where m3ter's value means the same.
pub(super) fn field_change(
    field: &DesiredField,
    actual: &ActualObject,
    known: &KnownIds,
) -> Option<FieldChange> {
    let present = actual.fields.get(field.name).filter(|value| !value.is_null());
    let new_value = match &field.action {
        FieldAction::Set(value) => {
            let value = resolved(value, known);
            if present.is_some_and(|present| value.means_the_same_as(present)) {
                return None;
            }
            if present.is_none() && value.means_nothing() {
                return None;
            }
            Some(render_value(&value))
        }
        FieldAction::Clear => {
            present?;
            None
        }
    };
    Some(FieldChange {
        field: field.name.to_owned(),
        old_value: present.map(|present| render_actual(field, present)),
        new_value,
        source: field.source.clone(),
    })
}

/// A value as people read it.
pub fn render_value(value: &Value) -> String {
    match value {
        Value::Object(key) => format!("the {} of {}", key.kind, key.row),
        Value::PricingBands(bands) => {
            render_bands(&bands.iter().map(|band| band.held()).collect::<Vec<_>>())
        }
        Value::Address(parts) => {
            render_address(parts.iter().map(|(part, text)| (*part, text.as_str())))
        }
        value => render_json(&value.to_json()),
    }
}

fn render_actual(field: &DesiredField, actual: &Json) -> String {
    match &field.action {
        FieldAction::Set(Value::PricingBands(_)) => {
            held_bands(actual).map_or_else(|| render_json(actual), |bands| render_bands(&bands))
        }
        FieldAction::Set(Value::Address(_)) => {
            let parts = actual.as_object().into_iter().flatten();
            render_address(parts.filter_map(|(part, text)| Some((part.as_str(), text.as_str()?))))
        }
        _ => render_json(actual),
    }
}

/// What a field of an object holds, as [`FieldChange`] shows it; `None` where it has no value.
pub fn shown_field(kind: ObjectKind, actual: &ActualObject, name: &str) -> Option<String> {
    let present = actual.fields.get(name).filter(|value| !value.is_null())?;
    let field_type = match kind {
        ObjectKind::Entity(kind) => kind.field(name).map(|spec| spec.field_type),
        ObjectKind::CounterPricing => None,
    };
    Some(match field_type {
        Some(FieldType::PricingBands) => {
            held_bands(present).map_or_else(|| render_json(present), |bands| render_bands(&bands))
        }
        _ => render_json(present),
    })
}

/// The filled parts, in the order in which an address is written.
fn render_address<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let position = |part: &str| ADDRESS_PARTS.iter().position(|(name, _)| *name == part);
    let mut parts: Vec<(&str, &str)> = parts.filter(|(_, text)| !text.is_empty()).collect();
    parts.sort_by_key(|(part, _)| position(part));
    parts.into_iter().map(|(_, text)| visible(text)).collect::<Vec<_>>().join(", ")
}

fn render_bands(bands: &[HeldBand]) -> String {
    let texts: Vec<String> = bands
        .iter()
        .map(|band| {
            let fixed = if band.fixed_price == 0.0 {
                String::new()
            } else {
                format!(" + {}", double_text(band.fixed_price))
            };
            format!(
                "from {}: {}{fixed}",
                double_text(band.lower_limit),
                double_text(band.unit_price)
            )
        })
        .collect();
    format!("[{}]", texts.join("; "))
}

/// A number is shown in one spelling, whatever m3ter's or Salesforce's is.
fn render_json(json: &Json) -> String {
    match json {
        Json::String(text) => visible(text).into_owned(),
        Json::Number(_) => double_in_json(json).map_or_else(|| json.to_string(), double_text),
        json => json.to_string(),
    }
}

fn instant(actual: &ActualObject, field: &str) -> Option<Timestamp> {
    actual.text(field)?.parse().ok()
}

fn render_start(actual: &ActualObject) -> &str {
    actual.text("startDate").unwrap_or("an unknown time")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::body::update_body;
    use crate::changeset::testing::{account, actual, pricing, set};
    use crate::domain::value::PricingBand;

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
        compare(desired, Some(actual), &KnownIds::new(), &compare_context(pricing_change))
    }

    #[test]
    fn what_m3ter_does_not_have_is_created() {
        let (step, _) = compare(
            &account(vec![set("name", Value::Text("Acme".into()))]),
            None,
            &KnownIds::new(),
            &compare_context(PricingChange::InPlace),
        );
        assert!(matches!(step, Step::Create { changes } if changes.len() == 1));
    }

    #[test]
    fn only_mapped_fields_are_compared() {
        let desired = account(vec![set("name", Value::Text("Acme".into()))]);
        let held = actual(
            json!({"name": "Acme", "purchaseOrderNumber": "PO-1", "customFields": {"tier": 1}}),
        );
        assert!(matches!(step(&desired, &held, PricingChange::InPlace).0, Step::Unchanged { .. }));
    }

    #[test]
    fn an_update_sends_the_object_as_read_with_the_mapped_fields_over_it() {
        let desired = account(vec![set("name", Value::Text("New".into()))]);
        let held = actual(json!({
            "name": "Old", "code": "001", "customFields": {"tier": 1}, "dtCreated": "x", "lastModifiedBy": "y", "currency": null,
        }));
        let body = update_body(&desired, &held, &KnownIds::new());
        assert_eq!(
            json!(body),
            json!({"name": "New", "code": "001", "customFields": {"tier": 1}, "version": 3})
        );
    }

    #[test]
    fn a_code_that_differs_is_kept_without_a_word() {
        let desired = account(vec![
            set("code", Value::Text("other".into())),
            set("currency", Value::Text("EUR".into())),
        ]);
        let held = actual(json!({"code": "001", "currency": "USD"}));
        assert!(matches!(step(&desired, &held, PricingChange::InPlace).0, Step::Unchanged { .. }));
    }

    #[test]
    fn another_owner_is_a_finding_and_nothing_is_sent() {
        let other = "21e063b6-2350-4add-a028-3e6ad5b233ed";
        let desired = pricing(vec![set(
            "planId",
            Value::Id(crate::domain::ids::M3terId::parse(other).unwrap()),
        )]);
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
            vec![PricingBand {
                lower_limit: 0.into(),
                fixed_price: 0.into(),
                unit_price: unit.into(),
            }]
        };
        let mut held = held_price("2026-01-01T00:00:00Z");
        held.fields.insert("overagePricingBands".into(), Value::PricingBands(overage(1)).to_json());
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
        ended.fields.insert("endDate".into(), json!("2026-06-10T00:00:00Z"));
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
}
