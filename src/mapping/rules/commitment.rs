//! Commitments: one for each amount, and how it is paid.

use rust_decimal::Decimal;

use super::resolved::{Deal, Resolved, of_kind};
use crate::domain::conversion::Raw;
use crate::domain::desired::{DesiredField, DesiredObject, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::IdSet;
use crate::domain::settings::CommitmentBilling;
use crate::domain::source::Source;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};
use crate::mapping::mapped::ObjectMapping;
use crate::mapping::object::this;
use crate::mapping::row::Row;

/// An amount that is blank or 0: no Commitment. How it is paid: the mapping's own fields, else its
/// setting.
pub(super) fn commitments(objects: &mut Vec<Resolved<'_>>, deal: Deal<'_>) {
    objects.retain(|resolved| !is_without_amount(resolved));
    let plans: IdSet<ObjectKey> =
        of_kind(objects, EntityKind::Plan).map(|resolved| resolved.object.key.clone()).collect();
    for commitment in of_kind(objects, EntityKind::Commitment) {
        if !commitment.table.states_payment() {
            pay(commitment, &plans, deal);
        }
    }
}

/// Whether the amount of one that is not synced is blank for certain. One that is synced has one.
fn is_without_amount(resolved: &Resolved<'_>) -> bool {
    let Resolved { row, table, object } = resolved;
    resolved.is(EntityKind::Commitment)
        && !matches!(object.intent, Intent::Sync(_))
        && row.holds_for_certain(|| has_no_amount(*row, table))
}

fn has_no_amount(row: Row<'_>, table: &ObjectMapping) -> bool {
    match table.field("amount").map(|amount| amount.cell.of(row)) {
        None | Some(Ok(None)) => true,
        Some(Ok(Some(amount))) => amount.raw.number().is_ok_and(|amount| amount.is_zero()),
        Some(Err(_)) => false,
    }
}

fn pay(commitment: &mut Resolved<'_>, plans: &IdSet<ObjectKey>, deal: Deal<'_>) {
    let billing = deal.mapping.settings.commitment_billing;
    if billing.is_none() {
        let text = "The commitment is recorded as prepaid, because nothing says how it is billed; set `COMMITMENT_BILLING`, or `commitment_billing` in the mapping";
        let warning = Warning::of(Attention::CommitmentBillingNotStated, text);
        commitment.object.warnings.push(warning);
    }
    match billing.unwrap_or(CommitmentBilling::PaidOutside) {
        CommitmentBilling::PaidOutside => pay_outside(&mut commitment.object),
        CommitmentBilling::BilledByPlan => {
            let table = commitment.table;
            match deal.root.readable(|| billing_plan(deal, table, plans)) {
                Ok(plan) => bill_by(plan, commitment),
                Err(finding) => commitment.object.find(finding),
            }
        }
    }
}

fn pay_outside(commitment: &mut DesiredObject) {
    let amount = commitment.fields().iter().find(|field| field.name == "amount").cloned();
    if let (Intent::Sync(fields), Some(amount)) = (&mut commitment.intent, amount) {
        fields.push(DesiredField { name: "amountPrePaid", ..amount });
    }
}

fn bill_by(plan: Value, commitment: &mut Resolved<'_>) {
    let source = match plan {
        Value::Object(_) => Source::This(EntityKind::Plan).shown(),
        _ => "product rule".into(),
    };
    commitment.object.set("billingPlanId", plan, source);
    for (name, number) in [("billingInterval", Decimal::ONE), ("billingOffset", Decimal::ZERO)] {
        if commitment.table.field(name).is_none() {
            commitment.object.set(name, Value::Number(number), Source::Constant.shown());
        }
    }
}

/// The Plan that bills a Commitment: that of the only line, or of the line that is marked, be it
/// the line's own or a shared one.
fn billing_plan(
    deal: Deal<'_>,
    commitment: &ObjectMapping,
    plans: &IdSet<ObjectKey>,
) -> Result<Value, Finding> {
    let tables = deal.mapping.of_kind(EntityKind::Plan);
    let lines: Vec<(Row<'_>, &ObjectMapping)> = tables
        .flat_map(|table| deal.root.all_of(table.rows).map(move |row| (row, table)))
        .collect();
    let is_marked = |row: Row<'_>| {
        commitment.billing_line.as_ref().is_some_and(|condition| condition.holds(row))
    };
    let of_line = |(row, table): &(Row<'_>, &ObjectMapping)| {
        let plan = plan_of(*row, table, plans)?;
        Some((plan, is_marked(*row)))
    };
    let mut plans: Vec<(Value, bool)> = lines.iter().filter_map(of_line).collect();
    if plans.len() > 1 {
        plans.retain(|(_, is_marked)| *is_marked);
    }
    if plans.len() == 1 {
        return Ok(plans.remove(0).0);
    }
    let flag =
        commitment.billing_line.as_ref().and_then(|condition| condition.fields().first().copied());
    let shown =
        flag.map_or_else(|| "the billing line".to_owned(), |flag| format!("`{}`", flag.name));
    let (marked, lines) = (plans.len(), lines.len());
    Err(Finding::new(
        FindingCode::BillingPlanUnclear,
        format!(
            "Which plan bills the commitment is not clear: {marked} of {lines} lines have {shown} on"
        ),
        format!("Switch {shown} on for exactly one line"),
    ))
}

/// The Plan of a line, as far as it is made, or the one that a product rule attaches.
fn plan_of(row: Row<'_>, table: &ObjectMapping, plans: &IdSet<ObjectKey>) -> Option<Value> {
    match this(row, table).ok()??.raw {
        Raw::Typed(Value::Object(key)) => plans.contains(&key).then_some(Value::Object(key)),
        Raw::Typed(plan) => Some(plan),
        Raw::Json(_) => None,
    }
}
