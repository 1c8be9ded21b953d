//! What holds for every mapping beyond the fields of one object: terms, currencies, the commitment, lines of one product.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::convert::{Raw, text};
use super::evaluate::{Evaluated, Row};
use super::resolve::date_of;
use crate::domain::catalog::PlanTemplate;
use crate::domain::dates::midnight;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent, Resolution};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::settings::CommitmentBilling;
use crate::domain::value::Value;

/// Applies all rules to what the fields gave.
pub(super) fn apply(resolution: &mut Resolution, root: Row<'_>, lines: &[Record]) {
    account_is_named(resolution, root);
    ends_after_start(resolution);
    commitment(resolution, root, lines);
    currencies(resolution, root);
    pricing_types(resolution);
    inside_contract(resolution, root);
    one_plan_for_each_product(resolution, root);
    let has_commitment = resolution.objects.iter().any(|object| object.kind() == EntityKind::Commitment);
    if has_commitment && lines.is_empty() {
        resolution.warnings.push("The deal has no lines: nothing will draw down the commitment".to_owned());
    }
}

fn find(object: &mut DesiredObject, finding: Finding) {
    match &mut object.intent {
        Intent::Sync(_) => object.intent = Intent::Invalid(vec![finding]),
        Intent::Invalid(findings) => findings.push(finding),
        Intent::Flagged => {}
    }
}

/// Without a Salesforce account there is nothing to bill.
fn account_is_named(resolution: &mut Resolution, root: Row<'_>) {
    let mapped = root.mapping.mapped.object(EntityKind::Account);
    let Some(row) = mapped.and_then(|object| object.row.as_ref()).filter(|row| root.field(row).is_none()) else { return };
    let shown = root.shown(row);
    let finding =
        Finding::new(FindingCode::RequiredValueBlank, format!("The record has no account: `{shown}` is blank"), format!("Fill `{shown}`"));
    for object in resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::Account) {
        // What is missing in the account follows from this one.
        object.intent = Intent::Invalid(vec![finding.clone()]);
        object.code = None;
    }
}

fn ends_after_start(resolution: &mut Resolution) {
    for object in &mut resolution.objects {
        let sources = |field: &str| {
            object.fields().iter().find(|desired| desired.name == field).map(|desired| desired.source.clone()).unwrap_or_default()
        };
        let problem = match (object.value("startDate"), object.value("endDate")) {
            (Some(Value::Date(start)), Some(Value::Date(end))) if end <= start => Some((start.to_string(), end.to_string())),
            (Some(Value::DateTime(start)), Some(Value::DateTime(end))) if end <= start => Some((start.to_string(), end.to_string())),
            _ => None,
        };
        if let Some((start, end)) = problem {
            let (from, to) = (sources("startDate"), sources("endDate"));
            let message = format!("The {} would end at {end} (`{to}`), which is not after its start {start} (`{from}`)", object.kind());
            find(object, Finding::new(FindingCode::EndNotAfterStart, message, format!("Correct `{to}` or `{from}`")));
        }
    }
}

/// An amount that is blank or 0: no Commitment. How it is paid: the mapping's setting.
fn commitment(resolution: &mut Resolution, root: Row<'_>, lines: &[Record]) {
    let Some(position) = resolution.objects.iter().position(|object| object.kind() == EntityKind::Commitment) else { return };
    let mapped = root.mapping.mapped.object(EntityKind::Commitment);
    let Some((mapped, amount_field)) = mapped.and_then(|object| Some((object, object.field("amount")?))) else { return };
    let amount = match root.evaluate(mapped, &amount_field.expression, Some(amount_field.spec)) {
        Ok(Some(Evaluated { raw: Raw::Json(json), .. })) => crate::domain::money::exact_decimal(&text(&json)),
        _ => None,
    };
    if amount.is_none_or(|amount| amount.is_zero()) && !is_unreadable(&resolution.objects[position]) {
        resolution.objects.remove(position);
        return;
    }
    let billing = root.mapping.settings.commitment_billing;
    let plans: Vec<ObjectKey> =
        resolution.objects.iter().filter(|object| object.kind() == EntityKind::Plan).map(|object| object.key.clone()).collect();
    let object = &mut resolution.objects[position];
    if billing.is_none() {
        object.warnings.push("The commitment is recorded as already paid; state `commitment_billing` in the mapping".to_owned());
    }
    let set = |name, value, source: &str| DesiredField { name, action: FieldAction::Set(value), once: false, source: source.to_owned() };
    match billing.unwrap_or(CommitmentBilling::PaidOutside) {
        CommitmentBilling::PaidOutside => {
            let source = object.fields().iter().find(|field| field.name == "amount").map(|field| field.source.clone());
            if let (Intent::Sync(fields), Some(amount)) = (&mut object.intent, amount) {
                fields.push(set("amountPrePaid", Value::Number(amount), &source.unwrap_or_default()));
            }
        }
        CommitmentBilling::BilledByPlan => match billing_plan(root, lines, &plans) {
            Ok(plan) => {
                if let Intent::Sync(fields) = &mut object.intent {
                    fields.push(set("billingPlanId", Value::Object(plan), "Plan of this sync"));
                    fields.push(set("billingInterval", Value::Number(Decimal::ONE), "constant"));
                    fields.push(set("billingOffset", Value::Number(Decimal::ZERO), "constant"));
                }
            }
            Err(finding) => find(object, finding),
        },
    }
}

/// Whether the object has a finding of its own about a value, rather than a blank amount.
fn is_unreadable(commitment: &DesiredObject) -> bool {
    matches!(&commitment.intent, Intent::Invalid(findings) if findings.iter().any(|finding| matches!(finding.code, FindingCode::ValueInvalid | FindingCode::ValueOutOfRange)))
}

fn billing_plan(root: Row<'_>, lines: &[Record], plans: &[ObjectKey]) -> Result<ObjectKey, Finding> {
    let flag = root.mapping.mapped.object(EntityKind::Commitment).and_then(|object| object.billing_line.as_ref());
    let marked: Vec<SalesforceId> =
        lines.iter().filter(|line| Row { line: Some(line), ..root }.is_on(flag)).filter_map(Record::id).collect();
    let candidates: Vec<&ObjectKey> =
        if plans.len() == 1 { plans.iter().collect() } else { plans.iter().filter(|plan| marked.contains(&plan.row)).collect() };
    match candidates.as_slice() {
        [only] => Ok((*only).clone()),
        _ => {
            let shown = flag.map_or_else(|| "the billing line".to_owned(), |flag| format!("`{}`", root.shown(flag)));
            Err(Finding::new(
                FindingCode::BillingPlanUnclear,
                format!("Which plan bills the commitment is not clear: {} of {} lines have {shown} on", marked.len(), lines.len()),
                format!("Switch {shown} on for exactly one line"),
            ))
        }
    }
}

fn template_of<'a>(plan: &DesiredObject, root: Row<'a>) -> Option<&'a PlanTemplate> {
    let Some(Value::Id(id)) = plan.value("planTemplateId") else { return None };
    root.context.catalog.plan_templates.values().find(|template| template.id == *id)
}

/// A price in one currency under a template in another is wrong money: refused before anything is sent.
fn currencies(resolution: &mut Resolution, root: Row<'_>) {
    let account = root.mapping.mapped.object(EntityKind::Account);
    let deal_currency = root.mapping.mapped.deal_currency.as_ref().zip(account).and_then(|(expression, account)| {
        let evaluated = root.evaluate(account, expression, None).ok()??;
        let currency = match &evaluated.raw {
            Raw::Json(json) => text(json),
            Raw::Typed(Value::Text(currency)) => currency.clone(),
            Raw::Typed(_) => return None,
        };
        Some((currency, evaluated.source))
    });
    let mut mismatched: Vec<(SalesforceId, Finding)> = Vec::new();
    if let Some((currency, source)) = &deal_currency {
        for plan in resolution.objects.iter().filter(|object| object.kind() == EntityKind::Plan) {
            if let Some(template) = template_of(plan, root).filter(|template| template.currency != *currency) {
                mismatched.push((plan.key.row.clone(), mismatch(currency, source, &template.currency)));
            }
        }
    }
    for object in &mut resolution.objects {
        let is_of_line = matches!(object.kind(), EntityKind::Plan | EntityKind::Pricing | EntityKind::AccountPlan);
        if let Some((_, finding)) = mismatched.iter().find(|(row, _)| is_of_line && *row == object.key.row) {
            find(object, finding.clone());
        }
        let commitment_currency = match (object.kind(), object.value("currency")) {
            (EntityKind::Commitment, Some(Value::Text(currency))) => currency.clone(),
            _ => continue,
        };
        if !root.template_currencies.is_empty() && !root.template_currencies.contains(&commitment_currency) {
            let source =
                object.fields().iter().find(|field| field.name == "currency").map(|field| field.source.clone()).unwrap_or_default();
            find(object, mismatch(&commitment_currency, &source, &root.template_currencies.join(" and ")));
        }
    }
}

fn mismatch(currency: &str, source: &str, template: &str) -> Finding {
    Finding::new(
        FindingCode::CurrencyMismatch,
        format!("The deal is in {currency} (`{source}`), and the plan template's prices are in {template}"),
        format!("Use a product whose plan template is in {currency}, or correct `{source}`"),
    )
}

/// One band is neither tiered nor volume; with several, somebody has to say which.
fn pricing_types(resolution: &mut Resolution) {
    for object in resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::Pricing) {
        let Some(Value::PricingBands(bands)) = object.value("pricingBands") else { continue };
        let (count, is_free) = (bands.len(), bands.iter().all(|band| band.unit_price.is_zero() && band.fixed_price.is_zero()));
        if is_free {
            object.warnings.push("The price is 0: usage will be free".to_owned());
        }
        let has_type = object.value("cumulative").is_some();
        match &mut object.intent {
            Intent::Sync(fields) if count == 1 => {
                fields.retain(|field| field.name != "cumulative");
                let action = FieldAction::Set(Value::Boolean(false));
                fields.push(DesiredField { name: "cumulative", action, once: false, source: "one band".to_owned() });
            }
            Intent::Sync(_) if !has_type => {
                let message = format!("There are {count} price bands, and neither tiered nor volume is said");
                find(
                    object,
                    Finding::new(
                        FindingCode::PricingTypeMissing,
                        message,
                        "Choose Tiered or Volume in the line's pricing type (`M3ter_Pricing_Type__c`)",
                    ),
                );
            }
            _ => {}
        }
    }
}

/// A line that runs outside the Contract's term is a mistake more often than a wish.
fn inside_contract(resolution: &mut Resolution, root: Row<'_>) {
    let contract = resolution.objects.iter().find(|object| object.kind() == EntityKind::Contract);
    let term = contract.and_then(|contract| Some((date_of(contract, "startDate")?, date_of(contract, "endDate")?)));
    let Some((start, end)) = term else { return };
    let instant = |date| midnight(date, root.context.time_zone);
    let (Some(from), Some(to)) = (instant(start), instant(end)) else { return };
    for object in resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::AccountPlan) {
        let Some((line_from, line_to)) = period(object) else { continue };
        if line_from < from || line_to.is_none_or(|line_to| line_to > to) {
            let source = object
                .fields()
                .iter()
                .find(|field| field.name == if line_from < from { "startDate" } else { "endDate" })
                .map(|field| field.source.clone());
            let source = source.unwrap_or_default();
            let until = line_to.map_or_else(|| "without end".to_owned(), |line_to| format!("to {line_to}"));
            let message = format!("The line runs from {line_from} {until} (`{source}`), outside the Contract's term from {start} to {end}");
            find(object, Finding::new(FindingCode::OutsideContractPeriod, message, format!("Correct `{source}` or the deal's dates")));
        }
    }
}

/// m3ter runs one AccountPlan of a product at a time: of two lines the later one is refused before anything of it is sent.
fn one_plan_for_each_product(resolution: &mut Resolution, root: Row<'_>) {
    let mut seen: Vec<(SalesforceId, &PlanTemplate, Period)> = Vec::new();
    let mut clashes: Vec<(SalesforceId, Finding)> = Vec::new();
    for account_plan in resolution.objects.iter().filter(|object| object.kind() == EntityKind::AccountPlan) {
        let row = &account_plan.key.row;
        let plan = resolution.objects.iter().find(|object| object.kind() == EntityKind::Plan && object.key.row == *row);
        let Some((template, runs)) = plan.and_then(|plan| template_of(plan, root)).zip(period(account_plan)) else { continue };
        let other = seen.iter().find(|(_, other, period)| other.product_id == template.product_id && intersect(*period, runs));
        match other {
            Some((other, ..)) => {
                let message = format!("The lines {other} and {row} are of the same m3ter product and run at the same time");
                let remedy = "Give the lines periods that do not overlap, or join them into one";
                clashes.push((row.clone(), Finding::new(FindingCode::ProductPeriodsOverlap, message, remedy)));
            }
            None => seen.push((row.clone(), template, runs)),
        }
    }
    for (row, finding) in clashes {
        let of_line = |object: &&mut DesiredObject| object.key.row == row && object.kind() >= EntityKind::Plan;
        resolution.objects.iter_mut().filter(of_line).for_each(|object| find(object, finding.clone()));
    }
}

/// From an instant to another one, or without end.
type Period = (Timestamp, Option<Timestamp>);

fn period(object: &DesiredObject) -> Option<Period> {
    match (object.value("startDate"), object.value("endDate")) {
        (Some(Value::DateTime(start)), Some(Value::DateTime(end))) => Some((*start, Some(*end))),
        (Some(Value::DateTime(start)), None) => Some((*start, None)),
        _ => None,
    }
}

fn intersect(one: Period, other: Period) -> bool {
    one.1.is_none_or(|end| other.0 < end) && other.1.is_none_or(|end| one.0 < end)
}
