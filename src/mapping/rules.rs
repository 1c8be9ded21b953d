//! What holds for every mapping beyond the fields of one object: terms, currencies, the commitment,
//! lines of one product.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use super::convert::Raw;
use super::evaluate::no_decimal;
use super::language::{ObjectMapping, ROOT};
use super::row::Row;
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent, Resolution};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::money::read_decimal;
use crate::domain::settings::CommitmentBilling;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// Applies all rules to what the fields gave.
pub(super) fn apply(resolution: &mut Resolution, root: Row<'_>) {
    account_is_named(resolution, root);
    ends_after_start(resolution);
    commitments(resolution, root);
    currencies(resolution, root);
    pricing_types(resolution);
    only_what_m3ter_takes(resolution, root);
    each_for_itself(resolution);
    let has = |kind: EntityKind| resolution.objects.iter().any(|object| object.kind() == kind);
    let is_attached = has(EntityKind::AccountPlan)
        || root.mapping.mapped.object(EntityKind::AccountPlan).is_none();
    if !is_attached
        && !resolution
            .warnings
            .iter()
            .any(|warning| warning.attention == Some(Attention::FieldNotReadable))
    {
        let also = if has(EntityKind::Commitment) {
            ", and nothing will draw down the commitment"
        } else {
            ""
        };
        let text = format!(
            "{} has no lines that take part: nothing will be billed{also}",
            root.mapping.root
        );
        resolution.warnings.push(Warning::of(Attention::NoLines, format!("The {text}")));
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
    let Some(row) = mapped
        .and_then(|object| object.row.as_ref())
        .filter(|row| row.from == ROOT && root.field(row).is_none())
    else {
        return;
    };
    let shown = root.shown(row);
    let finding = Finding::new(
        FindingCode::RequiredValueBlank,
        format!("The record has no account: `{shown}` is blank"),
        format!("Fill `{shown}`"),
    );
    for object in
        resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::Account)
    {
        // What is missing in the account follows from this one.
        object.intent = Intent::Invalid(vec![finding.clone()]);
        object.code = None;
    }
}

fn ends_after_start(resolution: &mut Resolution) {
    for object in &mut resolution.objects {
        let sources = |field: &str| {
            object
                .fields()
                .iter()
                .find(|desired| desired.name == field)
                .map(|desired| desired.source.clone())
                .unwrap_or_default()
        };
        let problem = match (object.value("startDate"), object.value("endDate")) {
            (Some(Value::Date(start)), Some(Value::Date(end))) if end <= start => {
                Some((start.to_string(), end.to_string()))
            }
            (Some(Value::DateTime(start)), Some(Value::DateTime(end))) if end <= start => {
                Some((start.to_string(), end.to_string()))
            }
            _ => None,
        };
        if let Some((start, end)) = problem {
            let (from, to) = (sources("startDate"), sources("endDate"));
            let message = format!(
                "The {} would end at {end} (`{to}`), which is not after its start {start} (`{from}`)",
                object.kind()
            );
            find(
                object,
                Finding::new(
                    FindingCode::EndNotAfterStart,
                    message,
                    format!("Correct `{to}` or `{from}`"),
                ),
            );
        }
    }
}

/// How a commitment is paid, where the mapping says it itself.
const PAYMENT_FIELDS: [&str; 4] = ["amountPrePaid", "amountFirstBill", "billingPlanId", "feeDates"];

/// Whether an object's own fields say how it is paid.
pub(super) fn states_payment(mapped: &ObjectMapping) -> bool {
    PAYMENT_FIELDS.iter().any(|field| mapped.field(field).is_some())
}

/// An amount that is blank or 0: no Commitment. How it is paid: the mapping's own fields, else its
/// setting.
fn commitments(resolution: &mut Resolution, root: Row<'_>) {
    let is_without_amount = |object: &DesiredObject| {
        let zero_or_blank = match &object.intent {
            Intent::Sync(_) => false,
            Intent::Flagged | Intent::Invalid(_) => {
                root.holds_for_certain(|| matches!(commitment_amount(object, root), Ok(None)))
            }
        };
        object.kind() == EntityKind::Commitment && zero_or_blank
    };
    resolution.objects.retain(|object| !is_without_amount(object));
    let plans: Vec<ObjectKey> = resolution
        .objects
        .iter()
        .filter(|object| object.kind() == EntityKind::Plan)
        .map(|object| object.key.clone())
        .collect();
    let billing = root.mapping.settings.commitment_billing;
    let set = |name, value, source: &str| DesiredField {
        name,
        action: FieldAction::Set(value),
        once: false,
        source: source.to_owned(),
    };
    for object in
        resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::Commitment)
    {
        let Some((_, mapped)) = made_by(object, root) else { continue };
        if states_payment(mapped) {
            continue;
        }
        if billing.is_none() {
            let text = "The commitment is recorded as already paid, because nobody has said how it is billed; set `COMMITMENT_BILLING`, or `commitment_billing` in the mapping";
            object.warnings.push(Warning::of(Attention::CommitmentBillingNotStated, text));
        }
        match billing.unwrap_or(CommitmentBilling::PaidOutside) {
            CommitmentBilling::PaidOutside => {
                let amount = object.fields().iter().find(|field| field.name == "amount").cloned();
                if let (Intent::Sync(fields), Some(amount)) = (&mut object.intent, amount) {
                    fields.push(DesiredField { name: "amountPrePaid", ..amount });
                }
            }
            CommitmentBilling::BilledByPlan => match root
                .readable(|| billing_plan(root, mapped, &plans))
            {
                Ok(plan) => {
                    if let Intent::Sync(fields) = &mut object.intent {
                        let source = if matches!(plan, Value::Object(_)) {
                            "Plan of this sync"
                        } else {
                            "product rule"
                        };
                        fields.push(set("billingPlanId", plan, source));
                        for (name, number) in
                            [("billingInterval", Decimal::ONE), ("billingOffset", Decimal::ZERO)]
                        {
                            if mapped.field(name).is_none() {
                                fields.push(set(name, Value::Number(number), "constant"));
                            }
                        }
                    }
                }
                Err(finding) => find(object, finding),
            },
        }
    }
}

/// The row and the table that a desired object came from.
fn made_by<'a>(object: &DesiredObject, root: Row<'a>) -> Option<(Row<'a>, &'a ObjectMapping)> {
    let of_kind = root.mapping.mapped.objects.iter().filter(|mapped| mapped.kind == object.kind());
    of_kind
        .flat_map(|mapped| root.all_of(mapped.rows).map(move |row| (row, mapped)))
        .find(|(row, mapped)| row.key_of(mapped).as_ref() == Some(&object.key))
}

/// The amount that a Commitment's table gives, as long as it can be read; 0 counts as blank.
fn commitment_amount(object: &DesiredObject, root: Row<'_>) -> Result<Option<Decimal>, Finding> {
    let Some((row, mapped)) = made_by(object, root) else { return Ok(None) };
    let Some(amount) = mapped.field("amount") else { return Ok(None) };
    let Some(found) = row.evaluate(mapped, &amount.expression, Some(amount.spec))? else {
        return Ok(None);
    };
    let text = found.raw.text();
    match read_decimal(&text) {
        Ok(amount) => Ok(Some(amount).filter(|amount| !amount.is_zero())),
        Err(why) => Err(no_decimal(&found.source, &text, why)),
    }
}

/// The Plan that bills a Commitment: that of the only line, or of the line that is marked, be it
/// the line's own or a shared one.
fn billing_plan(
    root: Row<'_>,
    commitment: &ObjectMapping,
    plans: &[ObjectKey],
) -> Result<Value, Finding> {
    let mut of_lines: Vec<(Value, bool)> = Vec::new();
    let mut lines = 0;
    for mapped in
        root.mapping.mapped.objects.iter().filter(|object| object.kind == EntityKind::Plan)
    {
        for row in root.all_of(mapped.rows) {
            lines += 1;
            let shared = row.shared_plan(EntityKind::Plan).ok().flatten().and_then(|shared| {
                match shared.raw {
                    Raw::Typed(value) => Some(value),
                    Raw::Json(_) => None,
                }
            });
            let own = || row.key_of(mapped).filter(|key| plans.contains(key)).map(Value::Object);
            let Some(plan) = shared.or_else(own) else { continue };
            of_lines.push((
                plan,
                commitment.billing_line.as_ref().is_some_and(|condition| row.holds(condition)),
            ));
        }
    }
    let is_only = of_lines.len() == 1;
    let candidates: Vec<&Value> =
        of_lines.iter().filter(|(_, marked)| is_only || *marked).map(|(plan, _)| plan).collect();
    match candidates.as_slice() {
        [only] => Ok((*only).clone()),
        _ => {
            let mut refs = Vec::new();
            commitment.billing_line.iter().for_each(|condition| condition.collect(&mut refs));
            let shown = refs.first().map_or_else(
                || "the billing line".to_owned(),
                |flag| format!("`{}`", root.shown(flag)),
            );
            let marked = candidates.len();
            Err(Finding::new(
                FindingCode::BillingPlanUnclear,
                format!(
                    "Which plan bills the commitment is not clear: {marked} of {lines} lines have {shown} on"
                ),
                format!("Switch {shown} on for exactly one line"),
            ))
        }
    }
}

fn template_of<'a>(plan: &DesiredObject, root: Row<'a>) -> Option<&'a PlanTemplate> {
    let Some(Value::Id(id)) = plan.value("planTemplateId") else { return None };
    root.context.catalog.plan_templates.values().find(|template| template.id == *id)
}

/// A price in one currency under a template in another is wrong money: refused before anything is
/// sent.
fn currencies(resolution: &mut Resolution, root: Row<'_>) {
    let any = root.mapping.mapped.objects.first();
    let evaluated = || {
        root.mapping.mapped.deal_currency.as_ref().zip(any).and_then(|(expression, any)| {
            let evaluated = root.evaluate(any, expression, None).ok()??;
            Some((evaluated.raw.text(), evaluated.source))
        })
    };
    let deal_currency = match root.readable(|| Ok(evaluated())) {
        Ok(deal_currency) => deal_currency,
        // A currency that cannot be read cannot be compared either.
        Err(finding) => {
            resolution
                .objects
                .iter_mut()
                .filter(|object| object.kind() == EntityKind::Plan)
                .for_each(|plan| find(plan, finding.clone()));
            None
        }
    };
    let mut mismatched: Vec<(SalesforceId, Finding)> = Vec::new();
    if let Some((currency, source)) = &deal_currency {
        for plan in resolution.objects.iter().filter(|object| object.kind() == EntityKind::Plan) {
            if let Some(template) =
                template_of(plan, root).filter(|template| template.currency != *currency)
            {
                mismatched
                    .push((plan.key.row.clone(), mismatch(currency, source, &template.currency)));
            }
        }
    }
    for object in &mut resolution.objects {
        let is_of_line = matches!(
            object.kind(),
            EntityKind::Plan | EntityKind::Pricing | EntityKind::AccountPlan
        );
        if let Some((_, finding)) =
            mismatched.iter().find(|(row, _)| is_of_line && *row == object.key.row)
        {
            find(object, finding.clone());
        }
        let commitment_currency = match (object.kind(), object.value("currency")) {
            (EntityKind::Commitment, Some(Value::Text(currency))) => currency.clone(),
            _ => continue,
        };
        if !root.template_currencies.is_empty()
            && !root.template_currencies.contains(&commitment_currency)
        {
            let source = object
                .fields()
                .iter()
                .find(|field| field.name == "currency")
                .map(|field| field.source.clone())
                .unwrap_or_default();
            find(
                object,
                mismatch(&commitment_currency, &source, &root.template_currencies.join(" and ")),
            );
        }
    }
}

fn mismatch(currency: &str, source: &str, template: &str) -> Finding {
    Finding::new(
        FindingCode::CurrencyMismatch,
        format!(
            "The deal is in {currency} (`{source}`), and the plan template's prices are in {template}"
        ),
        format!("Use a product whose plan template is in {currency}, or correct `{source}`"),
    )
}

/// One band is neither tiered nor volume; with several, somebody has to say which.
fn pricing_types(resolution: &mut Resolution) {
    for object in
        resolution.objects.iter_mut().filter(|object| object.kind() == EntityKind::Pricing)
    {
        let Some(Value::PricingBands(bands)) = object.value("pricingBands") else { continue };
        let (count, is_free) = (
            bands.len(),
            bands.iter().all(|band| band.unit_price.is_zero() && band.fixed_price.is_zero()),
        );
        if is_free {
            object
                .warnings
                .push(Warning::of(Attention::PriceIsZero, "The price is 0: usage will be free"));
        }
        let has_type = object.value("cumulative").is_some();
        // m3ter takes a price of the overage beside tiers only: one band is a tier then.
        let has_overage = object.value("overagePricingBands").is_some();
        match &mut object.intent {
            Intent::Sync(fields) if count == 1 && !has_overage => {
                fields.retain(|field| field.name != "cumulative");
                let action = FieldAction::Set(Value::Boolean(false));
                fields.push(DesiredField {
                    name: "cumulative",
                    action,
                    once: false,
                    source: "one band".to_owned(),
                });
            }
            Intent::Sync(_) if !has_type && count > 1 => {
                let message =
                    format!("There are {count} price bands, and neither tiered nor volume is said");
                find(
                    object,
                    Finding::new(
                        FindingCode::PricingTypeMissing,
                        message,
                        "Choose Tiered or Volume in the field that the mapping reads `cumulative` from (`M3ter_Pricing_Type__c`)",
                    ),
                );
            }
            _ => {}
        }
    }
}

/// Rules of m3ter that span several fields of one object.
fn only_what_m3ter_takes(resolution: &mut Resolution, root: Row<'_>) {
    for object in
        resolution.objects.iter_mut().filter(|object| matches!(object.intent, Intent::Sync(_)))
    {
        let has = |field: &str| object.value(field).is_some();
        let is_true = |field: &str| object.value(field) == Some(&Value::Boolean(true));
        let mut wrong: Vec<(FindingCode, String, String)> = Vec::new();
        let exactly_one: &[[&str; 2]] = match object.kind() {
            EntityKind::Pricing => {
                &[["planId", "planTemplateId"], ["aggregationId", "compoundAggregationId"]]
            }
            EntityKind::AccountPlan => &[["planId", "planGroupId"]],
            _ => &[],
        };
        for [one, other] in exactly_one {
            let fields = || {
                let sources: Vec<String> =
                    made_by(object, root).map_or_else(Vec::new, |(row, mapped)| {
                        [*one, *other]
                            .iter()
                            .filter_map(|name| {
                                Some(row.shown_fields(&mapped.field(name)?.expression))
                            })
                            .filter(|names| !names.is_empty())
                            .collect()
                    });
                sources.join(" or ")
            };
            match (has(one), has(other)) {
                (true, true) => wrong.push((
                    FindingCode::ValueInvalid,
                    format!("m3ter takes either `{one}` or `{other}`, and the record gives both"),
                    format!("Leave one of {} blank", fields()),
                )),
                (false, false) => {
                    let fields = fields();
                    let message = format!(
                        "m3ter requires `{one}` or `{other}` of a {}, and {fields} is blank",
                        object.kind()
                    );
                    wrong.push((
                        FindingCode::RequiredValueBlank,
                        message,
                        format!("Fill {fields}"),
                    ));
                }
                _ => {}
            }
        }
        if has("overagePricingBands") && (!is_true("cumulative") || is_true("tiersSpanPlan")) {
            wrong.push((
                FindingCode::ValueInvalid,
                "m3ter takes `overagePricingBands` only for tiered pricing (`cumulative` on) whose tiers do not span the plan".to_owned(),
                "Make the pricing tiered, or leave the overage bands out".to_owned(),
            ));
        }
        let surcharge = matches!(object.value("overageSurchargePercent"), Some(Value::Number(percent)) if !percent.is_zero());
        if is_true("separateOverageUsage") && surcharge {
            wrong.push((
                FindingCode::ValueInvalid,
                "m3ter takes `separateOverageUsage` only without an `overageSurchargePercent`"
                    .to_owned(),
                "Leave one of the two out".to_owned(),
            ));
        }
        if has("billingPlanId") && has("feeDates") {
            wrong.push((
                FindingCode::ValueInvalid,
                "m3ter bills a commitment by `billingPlanId` or by `feeDates`, and the record gives both".to_owned(),
                "Leave one of the two out".to_owned(),
            ));
        }
        for (code, message, remedy) in wrong {
            find(object, Finding::new(code, message, remedy));
        }
    }
}

/// Two objects must not be taken for one: neither by their row and key, nor by their code.
fn each_for_itself(resolution: &mut Resolution) {
    let mut keys: HashSet<ObjectKey> = HashSet::new();
    let mut codes: HashMap<(EntityKind, String), SalesforceId> = HashMap::new();
    for object in &mut resolution.objects {
        let mut count = 1;
        while !keys.insert(object.key.clone()) {
            count += 1;
            let own = object.key.key.split('#').next().unwrap_or_default().to_owned();
            if count == 2 {
                let message = format!(
                    "Two {} of the row {} have the same key `{own}`",
                    object.kind().plural(),
                    object.key.row
                );
                find(
                    object,
                    Finding::new(
                        FindingCode::AmbiguousMatch,
                        message,
                        "Give each a key of its own",
                    ),
                );
            }
            object.key.key = format!("{own}#{count}");
        }
        let Some(code) = object.code.clone().filter(|_| matches!(object.intent, Intent::Sync(_)))
        else {
            continue;
        };
        if let Some(other) = codes.get(&(object.kind(), code.clone())) {
            let message =
                format!("The {} of the row {other} has the code `{code}` as well", object.kind());
            find(
                object,
                Finding::new(
                    FindingCode::CodeInUse,
                    message,
                    "Let the code come from a field that each row has for itself, or add a `key`",
                ),
            );
            continue;
        }
        codes.insert((object.kind(), code), object.key.row.clone());
    }
}
