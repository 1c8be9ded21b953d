//! What m3ter takes of an object beyond the limits of each field.

use super::desired::{DesiredObject, Intent};
use super::entity::{EntityKind, ObjectKey};
use super::finding::{Finding, FindingCode};
use super::ids::{IdMap, IdSet, SalesforceId};
use super::value::Value;
use super::warning::{Attention, Warning};

/// The end of a period is after its start.
pub fn ends_after_start(object: &mut DesiredObject) {
    let (start, end) = match (object.value("startDate"), object.value("endDate")) {
        (Some(Value::Date(start)), Some(Value::Date(end))) if end <= start => {
            (start.to_string(), end.to_string())
        }
        (Some(Value::DateTime(start)), Some(Value::DateTime(end))) if end <= start => {
            (start.to_string(), end.to_string())
        }
        _ => return,
    };
    let (from, to) = (object.source("startDate"), object.source("endDate"));
    let kind = object.kind();
    object.find(Finding::new(
        FindingCode::EndNotAfterStart,
        format!(
            "The {kind} would end at {end} (`{to}`), which is not after its start {start} (`{from}`)"
        ),
        format!("Correct `{to}` or `{from}`"),
    ));
}

/// One band is neither tiered nor volume; with several, somebody must say which.
pub fn pricing_type(pricing: &mut DesiredObject) {
    let Some(Value::PricingBands(bands)) = pricing.value("pricingBands") else { return };
    let count = bands.len();
    let is_free = bands.iter().all(|band| band.unit_price.is_zero() && band.fixed_price.is_zero());
    let has_type = pricing.value("cumulative").is_some();
    // m3ter takes a price of the overage beside tiers only: one band is a tier then.
    let has_overage = pricing.value("overagePricingBands").is_some();
    if is_free {
        let warning = Warning::of(Attention::PriceIsZero, "The price is 0: usage will be free");
        pricing.warnings.push(warning);
    }
    if count == 1 && !has_overage {
        if let Intent::Sync(fields) = &mut pricing.intent {
            fields.retain(|field| field.name != "cumulative");
        }
        pricing.set("cumulative", Value::Boolean(false), "one band".into());
    } else if count > 1 && !has_type {
        pricing.find(Finding::new(
            FindingCode::PricingTypeMissing,
            format!("There are {count} price bands, but the pricing type (tiered or volume) is missing"),
            "Choose Tiered or Volume in the field that the mapping reads `cumulative` from (`M3ter_Pricing_Type__c`)",
        ));
    }
}

/// Fields that m3ter takes together, or of which it takes one. `sources` are the Salesforce fields
/// that a field comes from.
pub fn only_what_m3ter_takes(object: &mut DesiredObject, sources: impl Fn(&str) -> Option<String>) {
    if !matches!(object.intent, Intent::Sync(_)) {
        return;
    }
    let pairs = object.kind().exactly_one_of().iter();
    let mut wrong: Vec<Finding> =
        pairs.filter_map(|pair| not_one_of(*pair, object, &sources)).collect();
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
        object.find(finding);
    }
}

fn not_one_of(
    [one, other]: [&str; 2],
    object: &DesiredObject,
    sources: impl Fn(&str) -> Option<String>,
) -> Option<Finding> {
    let has = |field: &str| object.value(field).is_some();
    let names: Vec<String> = [one, other].into_iter().filter_map(sources).collect();
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
                object.kind().with_article()
            ),
            format!("Fill in {names}"),
        )),
        _ => None,
    }
}

/// Two objects must not be taken for one: neither by their row and key, nor by their code.
pub fn each_for_itself<'o>(objects: impl Iterator<Item = &'o mut DesiredObject>) {
    let mut keys: IdSet<ObjectKey> = IdSet::default();
    let mut codes: IdMap<(EntityKind, String), SalesforceId> = IdMap::default();
    for object in objects {
        own_key(object, &mut keys);
        let Some(code) = &object.code else { continue };
        if !matches!(object.intent, Intent::Sync(_)) {
            continue;
        }
        let (kind, row) = (object.kind(), object.key.row.clone());
        match codes.get(&(kind, code.clone())) {
            None => drop(codes.insert((kind, code.clone()), row)),
            Some(other) => {
                let message =
                    format!("The {kind} of the row {other} has the code `{code}` as well");
                let remedy =
                    "Take the code from a field that is different in each row, or add a `key`";
                object.find(Finding::new(FindingCode::CodeInUse, message, remedy));
            }
        }
    }
}

/// Gives an object whose key another one has already a key of its own, and says so.
fn own_key(object: &mut DesiredObject, keys: &mut IdSet<ObjectKey>) {
    let own = object.key.key.clone();
    let mut count = 1;
    while !keys.insert(object.key.clone()) {
        count += 1;
        let shown = own.split('#').next().unwrap_or_default();
        if count == 2 {
            let (kind, row) = (object.kind().plural(), &object.key.row);
            let message = format!("Two {kind} of the row {row} have the same key `{shown}`");
            let remedy = "Give each a different key";
            object.find(Finding::new(FindingCode::AmbiguousMatch, message, remedy));
        }
        object.key.key = format!("{shown}#{count}");
    }
}
