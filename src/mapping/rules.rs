//! What holds for every mapping beyond the fields of one object: terms, currencies, the commitment,
//! lines of one product.

mod account;
mod commitment;
mod currency;
mod resolved;

use std::collections::{HashMap, HashSet};

use self::resolved::of_kind;
pub(super) use self::resolved::{Deal, Resolved};
use super::evaluated::Source;
use crate::domain::desired::Intent;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// Applies all rules to what the fields gave. Each sees what those before it found.
pub(super) fn apply(objects: &mut Vec<Resolved<'_>>, warnings: &mut Vec<Warning>, deal: Deal<'_>) {
    account::refuse_circles(objects);
    account::is_named(objects, deal);
    objects.iter_mut().for_each(ends_after_start);
    commitment::commitments(objects, deal);
    currency::currencies(objects, deal);
    of_kind(objects, EntityKind::Pricing).for_each(pricing_type);
    objects.iter_mut().for_each(only_what_m3ter_takes);
    each_for_itself(objects);
    warnings.extend(no_lines(objects, warnings, deal));
}

fn no_lines(objects: &[Resolved<'_>], warnings: &[Warning], deal: Deal<'_>) -> Option<Warning> {
    let has = |kind: EntityKind| objects.iter().any(|resolved| resolved.is(kind));
    let is_unread = |warning: &Warning| warning.attention == Some(Attention::FieldNotReadable);
    if has(EntityKind::AccountPlan)
        || deal.mapping.object(EntityKind::AccountPlan).is_none()
        || warnings.iter().any(is_unread)
    {
        return None;
    }
    let also = if has(EntityKind::Commitment) {
        ", and nothing will draw down the commitment"
    } else {
        ""
    };
    let root = &deal.mapping.root;
    let text = format!("The {root} has no lines to bill: nothing will be billed{also}");
    Some(Warning::of(Attention::NoLines, text))
}

fn ends_after_start(resolved: &mut Resolved<'_>) {
    let object = &resolved.object;
    let (start, end) = match (object.value("startDate"), object.value("endDate")) {
        (Some(Value::Date(start)), Some(Value::Date(end))) if end <= start => {
            (start.to_string(), end.to_string())
        }
        (Some(Value::DateTime(start)), Some(Value::DateTime(end))) if end <= start => {
            (start.to_string(), end.to_string())
        }
        _ => return,
    };
    let (from, to) = (resolved.source("startDate"), resolved.source("endDate"));
    let kind = object.kind();
    resolved.find(Finding::new(
        FindingCode::EndNotAfterStart,
        format!(
            "The {kind} would end at {end} (`{to}`), which is not after its start {start} (`{from}`)"
        ),
        format!("Correct `{to}` or `{from}`"),
    ));
}

/// One band is neither tiered nor volume; with several, somebody must say which.
fn pricing_type(pricing: &mut Resolved<'_>) {
    let Some(Value::PricingBands(bands)) = pricing.object.value("pricingBands") else { return };
    let count = bands.len();
    let is_free = bands.iter().all(|band| band.unit_price.is_zero() && band.fixed_price.is_zero());
    let has_type = pricing.object.value("cumulative").is_some();
    // m3ter takes a price of the overage beside tiers only: one band is a tier then.
    let has_overage = pricing.object.value("overagePricingBands").is_some();
    if is_free {
        let warning = Warning::of(Attention::PriceIsZero, "The price is 0: usage will be free");
        pricing.object.warnings.push(warning);
    }
    if count == 1 && !has_overage {
        if let Intent::Sync(fields) = &mut pricing.object.intent {
            fields.retain(|field| field.name != "cumulative");
        }
        pricing.set("cumulative", Value::Boolean(false), &Source::OneBand);
    } else if count > 1 && !has_type {
        pricing.find(Finding::new(
            FindingCode::PricingTypeMissing,
            format!("There are {count} price bands, but the pricing type (tiered or volume) is missing"),
            "Choose Tiered or Volume in the field that the mapping reads `cumulative` from (`M3ter_Pricing_Type__c`)",
        ));
    }
}

fn only_what_m3ter_takes(resolved: &mut Resolved<'_>) {
    if !matches!(resolved.object.intent, Intent::Sync(_)) {
        return;
    }
    let pairs = resolved.table.kind.exactly_one_of().iter();
    let mut wrong: Vec<Finding> = pairs.filter_map(|pair| not_one_of(*pair, resolved)).collect();
    let object = &resolved.object;
    let has = |field: &str| object.value(field).is_some();
    let is_true = |field: &str| object.value(field) == Some(&Value::Boolean(true));
    let invalid =
        |message: &str, remedy: &str| Finding::new(FindingCode::ValueInvalid, message, remedy);
    if has("overagePricingBands") && (!is_true("cumulative") || is_true("tiersSpanPlan")) {
        wrong.push(invalid(
            "m3ter takes `overagePricingBands` only for tiered pricing (`cumulative` on) whose tiers do not span the plan",
            "Make the pricing tiered, or leave the overage bands out",
        ));
    }
    let surcharge = matches!(object.value("overageSurchargePercent"), Some(Value::Number(percent)) if !percent.is_zero());
    if is_true("separateOverageUsage") && surcharge {
        wrong.push(invalid(
            "m3ter takes `separateOverageUsage` only without an `overageSurchargePercent`",
            "Leave one of the two blank",
        ));
    }
    if has("billingPlanId") && has("feeDates") {
        wrong.push(invalid(
            "m3ter bills a commitment by `billingPlanId` or by `feeDates`, and the record has both",
            "Leave one of the two blank",
        ));
    }
    for finding in wrong {
        resolved.find(finding);
    }
}

fn not_one_of([one, other]: [&str; 2], resolved: &Resolved<'_>) -> Option<Finding> {
    let has = |field: &str| resolved.object.value(field).is_some();
    let names: Vec<String> = [one, other].iter().filter_map(|name| resolved.names(name)).collect();
    let names = names.join(" or ");
    match (has(one), has(other)) {
        (true, true) => Some(Finding::new(
            FindingCode::ValueInvalid,
            format!("m3ter takes either `{one}` or `{other}`, and the record has both"),
            format!("Leave one of {names} blank"),
        )),
        (false, false) => Some(Finding::new(
            FindingCode::RequiredValueBlank,
            format!(
                "m3ter requires `{one}` or `{other}` of {}, and {names} is blank",
                resolved.table.kind.with_article()
            ),
            format!("Fill in {names}"),
        )),
        _ => None,
    }
}

/// Two objects must not be taken for one: neither by their row and key, nor by their code.
fn each_for_itself(objects: &mut [Resolved<'_>]) {
    let mut keys: HashSet<ObjectKey> = HashSet::new();
    let mut codes: HashMap<(EntityKind, String), SalesforceId> = HashMap::new();
    for resolved in objects {
        own_key(resolved, &mut keys);
        let Some(code) = &resolved.object.code else { continue };
        if !matches!(resolved.object.intent, Intent::Sync(_)) {
            continue;
        }
        let (kind, row) = (resolved.table.kind, resolved.object.key.row.clone());
        match codes.get(&(kind, code.clone())) {
            None => drop(codes.insert((kind, code.clone()), row)),
            Some(other) => {
                let message =
                    format!("The {kind} of the row {other} has the code `{code}` as well");
                let remedy =
                    "Take the code from a field that is different in each row, or add a `key`";
                resolved.find(Finding::new(FindingCode::CodeInUse, message, remedy));
            }
        }
    }
}

/// Gives an object whose key another one has already a key of its own, and says so.
fn own_key(resolved: &mut Resolved<'_>, keys: &mut HashSet<ObjectKey>) {
    let own = resolved.object.key.key.clone();
    let mut count = 1;
    while !keys.insert(resolved.object.key.clone()) {
        count += 1;
        let shown = own.split('#').next().unwrap_or_default();
        if count == 2 {
            let (kind, row) = (resolved.table.kind.plural(), &resolved.object.key.row);
            let message = format!("Two {kind} of the row {row} have the same key `{shown}`");
            let remedy = "Give each a different key";
            resolved.find(Finding::new(FindingCode::AmbiguousMatch, message, remedy));
        }
        resolved.object.key.key = format!("{shown}#{count}");
    }
}
