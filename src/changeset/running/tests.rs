//! Lines of a product that runs already.

use serde_json::json;

use super::*;
use crate::changeset::testing::{account, actual_with_id, set};
use crate::domain::desired::DesiredField;
use crate::domain::ids::SalesforceId;
use crate::domain::value::PricingBand;

const ACCOUNT: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const CONTRACT: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";
const PRODUCT: &str = "21e063b6-2350-4add-a028-3e6ad5b233ed";
const TEMPLATE: &str = "00000000-0000-4000-8000-000000000001";
const AGGREGATION: &str = "00000000-0000-4000-8000-000000000002";
const PLAN: &str = "00000000-0000-4000-8000-000000000003";
const RUNNING: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
const START: &str = "2026-06-01T00:00:00Z";
const END: &str = "2027-01-01T00:00:00Z";

fn id(text: &str) -> M3terId {
    M3terId::parse(text).unwrap()
}

fn instant(name: &'static str, text: &str) -> DesiredField {
    set(name, Value::DateTime(text.parse().unwrap()))
}

fn key(kind: EntityKind) -> ObjectKey {
    ObjectKey::only(kind, SalesforceId::parse("802S90000079OI1IAM").unwrap())
}

fn new(kind: EntityKind, fields: Vec<DesiredField>) -> Change {
    let desired = DesiredObject { key: key(kind), ..account(fields) };
    Change::new(desired, Step::Create, Vec::new())
}

/// A line from June to the end of the year.
fn line(plan_beside: Vec<DesiredField>, pricing_beside: Vec<DesiredField>) -> Changeset {
    let band = PricingBand {
        lower_limit: 0.into(),
        fixed_price: 0.into(),
        unit_price: "0.04".parse().unwrap(),
    };
    let mut plan = vec![set("planTemplateId", Value::Id(id(TEMPLATE)))];
    plan.extend(plan_beside);
    let mut pricing = vec![
        set("planId", Value::Object(key(EntityKind::Plan))),
        set("aggregationId", Value::Id(id(AGGREGATION))),
        set("type", Value::Text("DEBIT".to_owned())),
        set("pricingBands", Value::PricingBands(vec![band])),
        instant("startDate", START),
    ];
    pricing.extend(pricing_beside);
    let account_plan = vec![
        set("accountId", Value::Id(id(ACCOUNT))),
        set("contractId", Value::Id(id(CONTRACT))),
        set("planId", Value::Object(key(EntityKind::Plan))),
        instant("startDate", START),
        instant("endDate", END),
    ];
    Changeset {
        changes: vec![
            new(EntityKind::Plan, plan),
            new(EntityKind::Pricing, pricing),
            new(EntityKind::AccountPlan, account_plan),
        ],
        ..Changeset::default()
    }
}

#[test]
fn only_a_line_that_is_already_billed_in_every_respect_is_left_out() {
    let text = |name, text: &str| set(name, Value::Text(text.to_owned()));
    let charge = |name| vec![set(name, Value::Number(5.into()))];
    let year = ("2026-01-01T00:00:00Z", Some("2027-01-01T00:00:00Z"));
    // What runs: the AccountPlan's and the Pricing's period, what both have beside; and what
    // the line has beside.
    for (what, runs, prices, beside, changeset, expected) in [
        ("the same", year, year, json!({}), line(vec![], vec![]), Some(true)),
        (
            "without an end",
            (year.0, None),
            (year.0, None),
            json!({}),
            line(vec![], vec![]),
            Some(true),
        ),
        (
            "ends earlier",
            (year.0, Some("2026-12-31T00:00:00Z")),
            year,
            json!({}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "begins later",
            ("2026-06-02T00:00:00Z", None),
            year,
            json!({}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "its price ends earlier",
            year,
            (year.0, Some("2026-12-31T00:00:00Z")),
            json!({}),
            line(vec![], vec![]),
            Some(false),
        ),
        ("has ended", (year.0, Some(START)), year, json!({}), line(vec![], vec![]), None),
        (
            "another type",
            year,
            year,
            json!({"type": "GLOBAL_CREDIT"}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "another Contract",
            year,
            year,
            json!({"contractId": PLAN}),
            line(vec![], vec![]),
            Some(false),
        ),
        ("another Account", year, year, json!({"accountId": PLAN}), line(vec![], vec![]), None),
        ("another product", year, year, json!({"productId": PLAN}), line(vec![], vec![]), None),
        (
            "another template",
            year,
            year,
            json!({"planTemplateId": PLAN}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "a charge that only m3ter has",
            year,
            year,
            json!({"standingCharge": 5}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "a charge that only the line has",
            year,
            year,
            json!({}),
            line(charge("minimumSpend"), vec![]),
            Some(false),
        ),
        (
            "a charge on both sides",
            year,
            year,
            json!({"standingCharge": 5.0}),
            line(charge("standingCharge"), vec![]),
            Some(true),
        ),
        (
            "a segment that only m3ter has",
            year,
            year,
            json!({"segment": {"region": "EU"}}),
            line(vec![], vec![]),
            Some(false),
        ),
        (
            "tiers",
            year,
            year,
            json!({}),
            line(vec![], vec![set("cumulative", Value::Boolean(true))]),
            Some(false),
        ),
        (
            "another name",
            year,
            year,
            json!({"description": "x"}),
            line(vec![text("name", "Seats")], vec![]),
            Some(true),
        ),
    ] {
        let object = |object_id: &str, period: (&str, Option<&str>)| {
            let mut fields = json!({
                "accountId": ACCOUNT, "contractId": CONTRACT, "productId": PRODUCT, "planId": PLAN, "planTemplateId": TEMPLATE,
                "aggregationId": AGGREGATION, "type": "DEBIT", "startDate": period.0, "endDate": period.1,
                "pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.04}],
            });
            fields.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
            actual_with_id(object_id, fields)
        };
        let (running, plan, pricing) =
            (object(RUNNING, runs), object(PLAN, year), object(TEMPLATE, prices));
        let template =
            PlanTemplate { id: id(TEMPLATE), product_id: id(PRODUCT), currency: "USD".to_owned() };
        let held = HeldObjects {
            account_plans: vec![&running],
            plans: vec![&plan],
            pricings: vec![&pricing],
            templates: vec![&template],
        };
        let mut changeset = changeset;
        let blocked = changeset.blocked(&held);
        let is_blocked = !blocked.is_empty();
        let (warnings, others) = changeset.leave_out_running(blocked, &held);
        let outcome = is_blocked
            .then_some(warnings.len() == 1 && changeset.changes.is_empty() && others.is_empty());
        assert_eq!(outcome, expected, "{what}: {warnings:?}");
        if let [other] = &others[..] {
            assert_eq!(changeset.changes.len(), 3, "{what}");
            let finding =
                Finding::new(FindingCode::AccountPlanOverlap, other.in_m3ters_words(), "");
            changeset.refuse_blocked(other, &finding);
            assert!(
                changeset.changes.iter().all(|change| matches!(change.step, Step::Invalid { .. })),
                "{what}: {changeset}"
            );
        }
    }
}

#[test]
fn a_plan_that_something_else_needs_is_made_and_m3ter_is_asked() {
    let mut changeset = line(Vec::new(), Vec::new());
    changeset.changes.push(new(
        EntityKind::Commitment,
        vec![set("billingPlanId", Value::Object(key(EntityKind::Plan)))],
    ));
    let blocked = Blocked {
        account_plan: key(EntityKind::AccountPlan),
        existing: id(RUNNING),
        plan: None,
        product: id(PRODUCT),
    };
    changeset.refuse_blocked(&blocked, &Finding::new(FindingCode::AccountPlanOverlap, "x", "y"));
    assert!(
        changeset.changes.iter().all(|change| matches!(change.step, Step::Create)),
        "{changeset}"
    );
}
