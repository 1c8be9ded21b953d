//! Compares desired with actual: what must be done.
//!
//! Only mapped fields are compared. An owner that differs means another object, which m3ter cannot
//! move: a finding, and nothing is sent. A price that differs is changed as the mapping's
//! `pricing_change` says.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::body::{resolved, updatable_fields};
use super::render::{creation, render_actual, render_value};
use super::{KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::dates::{date_at, midnight};
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::field::OnDifference;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::outcome::FieldChange;
use crate::domain::settings::{EndedRule, PricingChange};
use crate::domain::value::date_in_text;
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

/// What must be done with an object, and what a person should know about it.
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
            // A start that nothing had before has not moved.
            let end = creation(fields.iter().filter(|field| field.name == "endDate"));
            (Step::Create, moved_dates(&end, compare_context))
        }
        (Intent::Sync(_), Some(actual)) => {
            compare_existing(desired, actual, known, compare_context)
        }
    }
}

/// Compares with an object that another record made: only its owner must be the same.
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
        source: field.source.to_string(),
    })
}

fn instant(actual: &ActualObject, field: &str) -> Option<Timestamp> {
    actual.text(field)?.parse().ok()
}

fn render_start(actual: &ActualObject) -> &str {
    actual.text("startDate").unwrap_or("an unknown time")
}

#[cfg(test)]
mod tests;
