//! Desired × actual → what has to be done.
//!
//! Only mapped fields are compared. An owner that differs means another object, which m3ter cannot move: a finding, and nothing is
//! sent. A price that differs is changed as the mapping's `pricing_change` says.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::body::{resolved, updatable_fields};
use super::{KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::dates::{date_at, midnight};
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::field::OnDifference;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::outcome::FieldChange;
use crate::domain::value::{Value, bands_in_json, date_in_text};

/// What the comparison needs to know beside the two objects.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The instant of the sync.
    pub now: Timestamp,
    /// In which a day begins.
    pub time_zone: TimeZone,
    /// What happens when a price differs.
    pub pricing_change: PricingChange,
}

/// What happens when the price of a Pricing that m3ter has differs from the record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PricingChange {
    /// The Pricing is updated, also for usage that was priced already.
    #[default]
    InPlace,
    /// The Pricing ends today and another one starts.
    FromDate,
    /// Nothing is written; a finding.
    Report,
}

/// The fields of a Pricing that make the price.
const PRICE_FIELDS: [&str; 5] = ["pricingBands", "cumulative", "tiersSpanPlan", "type", "startDate"];

/// What has to be done with an object, and what a person should know about it.
pub fn compare(
    desired: &DesiredObject,
    actual: Option<&ActualObject>,
    known: &KnownIds,
    circumstances: &Circumstances,
) -> (Step, Vec<String>) {
    let existing = actual.map(|actual| actual.id.clone());
    match (&desired.intent, actual) {
        (Intent::Flagged, _) => (Step::Flagged { existing }, Vec::new()),
        (Intent::Invalid(findings), _) => (Step::Invalid { findings: findings.clone(), existing }, Vec::new()),
        (Intent::Sync(fields), None) => (Step::Create { changes: creation(fields) }, Vec::new()),
        (Intent::Sync(_), Some(actual)) => compare_existing(desired, actual, known, circumstances),
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
    circumstances: &Circumstances,
) -> (Step, Vec<String>) {
    let findings = moved_owners(desired, actual, known);
    if !findings.is_empty() {
        return (Step::Invalid { findings, existing: Some(actual.id.clone()) }, Vec::new());
    }
    let changes: Vec<FieldChange> = updatable_fields(desired, actual).filter_map(|field| field_change(field, actual, known)).collect();
    if changes.is_empty() {
        return (Step::Unchanged { id: actual.id.clone() }, Vec::new());
    }
    let is_price = |change: &FieldChange| PRICE_FIELDS.contains(&change.field.as_str());
    if desired.kind() == EntityKind::Pricing && changes.iter().any(is_price) {
        return compare_price(actual, changes, circumstances);
    }
    let warnings = moved_dates(&changes, circumstances);
    (Step::Update { actual: actual.clone(), changes }, warnings)
}

/// A finding for each owner that differs; such a change is never sent.
fn moved_owners(desired: &DesiredObject, actual: &ActualObject, known: &KnownIds) -> Vec<Finding> {
    let kind = desired.kind();
    let owners =
        desired.fields().iter().filter(|field| kind.field(field.name).is_some_and(|spec| spec.on_difference == OnDifference::Identity));
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
                format!("Set it back in Salesforce, or end the {kind} in m3ter and start a new one under another row"),
            ))
        })
        .collect()
}

fn compare_price(actual: &ActualObject, changes: Vec<FieldChange>, circumstances: &Circumstances) -> (Step, Vec<String>) {
    let start = instant(actual, "startDate");
    let has_begun = start.is_some_and(|start| start <= circumstances.now);
    let listed = super::list(&changes);
    match circumstances.pricing_change {
        PricingChange::InPlace | PricingChange::FromDate if !has_begun => (Step::Update { actual: actual.clone(), changes }, Vec::new()),
        PricingChange::InPlace => {
            let warning = format!("The price has begun at {} and was changed for usage since then as well: {listed}", shown_start(actual));
            (Step::Update { actual: actual.clone(), changes }, vec![warning])
        }
        PricingChange::FromDate => {
            let today = midnight(date_at(circumstances.now, &circumstances.time_zone), &circumstances.time_zone);
            // A pricing that an interrupted sync has ended already is followed from its end, so that no usage is unpriced.
            let ended = instant(actual, "endDate").filter(|end| *end <= circumstances.now);
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
                format!("The price differs from m3ter's and the mapping says to report that only: {listed}"),
                "Change the Pricing in m3ter, or set `pricing_change` to `in_place` or `from_date`",
            );
            (Step::Invalid { findings: vec![finding], existing: Some(actual.id.clone()) }, Vec::new())
        }
    }
}

/// Warnings about dates that move into time that may have been billed.
fn moved_dates(changes: &[FieldChange], circumstances: &Circumstances) -> Vec<String> {
    let today = date_at(circumstances.now, &circumstances.time_zone);
    let date = |text: &Option<String>| text.as_deref().and_then(date_in_text);
    changes
        .iter()
        .filter_map(|change| match (change.field.as_str(), date(&change.old_value), date(&change.new_value)) {
            ("endDate", _, Some(end)) if end < today => Some(format!(
                "The end moved into the past ({}); bills may exist beyond it",
                change.new_value.as_deref().unwrap_or_default()
            )),
            ("startDate", Some(old), Some(new)) if old <= today => {
                Some(format!("The start moved from {old} to {new} although it had begun"))
            }
            _ => None,
        })
        .collect()
}

fn creation(fields: &[DesiredField]) -> Vec<FieldChange> {
    let set = |field: &DesiredField| match &field.action {
        FieldAction::Set(value) => Some(FieldChange {
            field: field.name.to_owned(),
            old_value: None,
            new_value: Some(shown_value(value)),
            source: field.source.clone(),
        }),
        FieldAction::Clear => None,
    };
    fields.iter().filter_map(set).collect()
}

/// How one field would change; `None` where m3ter's value means the same.
fn field_change(field: &DesiredField, actual: &ActualObject, known: &KnownIds) -> Option<FieldChange> {
    let present = actual.fields.get(field.name).filter(|value| !value.is_null());
    let new_value = match &field.action {
        FieldAction::Set(value) => {
            let value = resolved(value, known);
            if present.is_some_and(|present| value.means_the_same_as(present)) {
                return None;
            }
            // A flag that m3ter leaves out of its answer is off.
            if present.is_none() && value == Value::Boolean(false) {
                return None;
            }
            Some(shown_value(&value))
        }
        FieldAction::Clear => {
            present?;
            None
        }
    };
    Some(FieldChange {
        field: field.name.to_owned(),
        old_value: present.map(|present| shown_actual(field, present)),
        new_value,
        source: field.source.clone(),
    })
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Object(key) => format!("the {} of {}", key.kind, key.row),
        Value::PricingBands(bands) => shown_bands(bands),
        value => shown_json(&value.to_json()),
    }
}

fn shown_actual(field: &DesiredField, actual: &Json) -> String {
    match &field.action {
        FieldAction::Set(Value::PricingBands(_)) => bands_in_json(actual).map_or_else(|| shown_json(actual), |bands| shown_bands(&bands)),
        _ => shown_json(actual),
    }
}

fn shown_bands(bands: &[crate::domain::value::PricingBand]) -> String {
    let texts: Vec<String> = bands
        .iter()
        .map(|band| {
            let fixed = if band.fixed_price.is_zero() { String::new() } else { format!(" + {}", band.fixed_price) };
            format!("from {}: {}{fixed}", band.lower_limit, band.unit_price)
        })
        .collect();
    format!("[{}]", texts.join("; "))
}

fn shown_json(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        json => json.to_string(),
    }
}

fn instant(actual: &ActualObject, field: &str) -> Option<Timestamp> {
    actual.text(field)?.parse().ok()
}

fn shown_start(actual: &ActualObject) -> &str {
    actual.text("startDate").unwrap_or("an unknown time")
}

/// The code of the Pricing that follows the one with the desired code from an instant on.
pub fn successor_code(desired: &DesiredObject, from: Timestamp) -> Option<String> {
    desired.code.as_ref().map(|code| format!("{code}@{}", from.strftime("%Y-%m-%d")))
}

/// Whether `code` is that of a Pricing that followed the desired one.
pub(super) fn is_successor_code(desired: &DesiredObject, code: &str) -> bool {
    desired.kind() == EntityKind::Pricing
        && desired.code.as_ref().and_then(|own| code.strip_prefix(own.as_str())).and_then(|rest| rest.strip_prefix('@')).is_some()
}

/// Whether `actual` is a Pricing that followed the desired one; it starts where that one ended.
pub(super) fn is_successor(desired: &DesiredObject, actual: &ActualObject) -> bool {
    actual.code().is_some_and(|code| is_successor_code(desired, code))
}
