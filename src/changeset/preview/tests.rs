//! What m3ter will refuse, foreseen for an AccountPlan among others.

use super::*;
use crate::changeset::testing::{account, actual_with_id, row, set};
use crate::changeset::{Absence, Availability};
use crate::domain::desired::{DesiredField, DesiredObject};
use crate::domain::entity::ObjectKey;
use crate::domain::finding::FindingCode;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::FieldChange;

const ACCOUNT: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const PRODUCT: &str = "21e063b6-2350-4add-a028-3e6ad5b233ed";
const OWN: &str = "00000000-0000-4000-8000-000000000000";
const OTHERS: [&str; 3] = [
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
    "00000000-0000-4000-8000-000000000003",
];
const JANUARY: &str = "2026-01-01T00:00:00Z";
const MARCH: &str = "2026-03-01T00:00:00Z";
const JUNE: &str = "2026-06-01T00:00:00Z";

fn id(text: &str) -> M3terId {
    M3terId::parse(text).unwrap()
}

fn date_of(name: &'static str, text: &str) -> DesiredField {
    set(name, Value::DateTime(text.parse().unwrap()))
}

fn change(desired: DesiredObject, step: Step) -> Change {
    Change::new(desired, step, Vec::new())
}

/// The AccountPlan of a line from March to June: new, or as m3ter has it now, from when on.
fn foreseen(
    held: Option<(&str, &str)>,
    others: &[(&str, &str, &str)],
    owned: &[&str],
    rule: OverlapRule,
    allowed: OverlappingPlans,
) -> Change {
    let plan = ObjectKey::only(EntityKind::Plan, row());
    let template =
        PlanTemplate { id: id(OWN), product_id: id(PRODUCT), currency: "USD".to_owned() };
    let fields = vec![
        set("accountId", Value::Id(id(ACCOUNT))),
        set("planId", Value::Object(plan.clone())),
        date_of("startDate", MARCH),
        date_of("endDate", JUNE),
    ];
    let object = |id: &str, from: &str, to: &str| {
        actual_with_id(
            id,
            json!({"accountId": ACCOUNT, "productId": PRODUCT, "startDate": from, "endDate": to}),
        )
    };
    let step = match held {
        None => Step::Create,
        Some((from, changed)) => {
            let changed = FieldChange {
                field: changed.to_owned(),
                old_value: None,
                new_value: None,
                source: "Opportunity.CloseDate".into(),
            };
            Step::Update { actual: object(OWN, from, JUNE), changes: vec![changed] }
        }
    };
    let plan_fields = vec![set("planTemplateId", Value::Id(id(OWN)))];
    let mut changeset = Changeset {
        changes: vec![
            change(DesiredObject { key: plan, ..account(plan_fields) }, Step::Create),
            change(
                DesiredObject {
                    key: ObjectKey::only(EntityKind::AccountPlan, row()),
                    ..account(fields)
                },
                step,
            ),
        ],
        ..Changeset::default()
    };
    let others: Vec<ActualObject> =
        others.iter().map(|(id, from, to)| object(id, from, to)).collect();
    let line = SalesforceId::parse("00kS900000079F4IAI").unwrap();
    changeset.preview_refusals(&PreviewContext {
        account_plans: others.iter().collect(),
        commitments: Vec::new(),
        plans: Vec::new(),
        templates: vec![&template],
        owners: &owned.iter().map(|other| (id(other), line.clone())).collect(),
        settings: &Settings { account_plan_overlap: rule, ..Settings::default() },
        overlapping_plans: allowed,
    });
    changeset.changes.pop().unwrap()
}

#[test]
fn a_refusal_is_predicted_unless_every_overlapping_object_can_be_replaced() {
    use OverlapRule::{Replace, ReplaceAny, Report};
    const BEFORE: (&str, &str, &str) = (OTHERS[0], JANUARY, "2026-04-01T00:00:00.000Z");
    const AFTER: (&str, &str, &str) = (OTHERS[1], "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z");
    const UNTIL_THEN: (&str, &str, &str) = (OTHERS[2], JANUARY, MARCH);
    let refused = OverlappingPlans::Refused;
    for (what, held, others, owned, rule, is_refused, warnings) in [
        ("nothing in the way", None, vec![UNTIL_THEN], vec![], Report, false, 0),
        ("one, reported", None, vec![BEFORE], vec![OTHERS[0]], Report, true, 0),
        (
            "one that a sync made",
            None,
            vec![BEFORE, UNTIL_THEN],
            vec![OTHERS[0]],
            Replace,
            false,
            1,
        ),
        ("one that nobody made", None, vec![BEFORE], vec![], Replace, true, 0),
        ("one that nobody made, and any", None, vec![BEFORE], vec![], ReplaceAny, false, 1),
        ("one that begins later", None, vec![AFTER], vec![OTHERS[1]], ReplaceAny, true, 0),
        (
            "one that can and one that cannot",
            None,
            vec![BEFORE, AFTER],
            vec![OTHERS[0], OTHERS[1]],
            Replace,
            true,
            0,
        ),
        (
            "two of which m3ter replaces one",
            None,
            vec![BEFORE, (OTHERS[2], JANUARY, JUNE)],
            vec![],
            ReplaceAny,
            true,
            0,
        ),
        (
            "an update that moves its start",
            Some((JUNE, "startDate")),
            vec![BEFORE],
            vec![OTHERS[0]],
            ReplaceAny,
            true,
            0,
        ),
        (
            "an update of something else",
            Some((MARCH, "name")),
            vec![BEFORE],
            vec![OTHERS[0]],
            ReplaceAny,
            false,
            1,
        ),
        (
            "an update that moves nothing into it",
            Some((JANUARY, "startDate")),
            vec![UNTIL_THEN],
            vec![],
            Report,
            false,
            0,
        ),
    ] {
        let change = foreseen(held, &others, &owned, rule, refused);
        assert_eq!(
            change.refusal_ahead.is_some(),
            is_refused,
            "{what}: {:?}",
            change.refusal_ahead
        );
        assert_eq!(change.warnings.len(), warnings, "{what}: {:?}", change.warnings);
        if let Some(finding) = &change.refusal_ahead {
            assert_eq!(finding.code, FindingCode::AccountPlanOverlap);
            let result = change.foresee();
            assert!(
                !result.is_success()
                    && result
                        .message
                        .to_string()
                        .starts_with("Would fail: AccountPlan would overlap"),
                "{result:?}"
            );
        }
        let is_lost = change.availability() == Availability::Absent(Absence::Failed);
        assert_eq!(
            is_lost,
            is_refused && held.is_none(),
            "{what}: what depends on it is treated as the sync does"
        );
        assert!(
            foreseen(held, &others, &owned, rule, OverlappingPlans::Allowed)
                .refusal_ahead
                .is_none(),
            "{what}"
        );
    }
}

#[test]
fn each_of_several_overlapping_objects_is_named() {
    let others = [(OTHERS[0], JANUARY, JUNE), (OTHERS[1], "2026-05-01T00:00:00Z", JUNE)];
    let told = |rule| {
        foreseen(None, &others, &OTHERS[..1], rule, OverlappingPlans::Refused)
            .refusal_ahead
            .unwrap()
            .remedy
    };
    insta::assert_snapshot!(told(OverlapRule::Report), @"The AccountPlan 00000000-0000-4000-8000-000000000001 belongs to the Salesforce record 00kS900000079F4IAI. The AccountPlan 00000000-0000-4000-8000-000000000002 was not made by a sync of this service; end them in m3ter before this one starts, or change `Opportunity.Name` (`startDate` 2026-03-01T00:00:00Z) and `Opportunity.Name` (`endDate` 2026-06-01T00:00:00Z) of 006S900000795MMIAY");
    insta::assert_snapshot!(told(OverlapRule::Replace), @"The AccountPlan 00000000-0000-4000-8000-000000000002 was not replaced: it was not made by a sync of this service. End it in m3ter, or change the dates of 006S900000795MMIAY");
    insta::assert_snapshot!(told(OverlapRule::ReplaceAny), @"The AccountPlan 00000000-0000-4000-8000-000000000002 was not replaced: it begins 2026-05-01T00:00:00Z, which is not before the new one starts, so it cannot end then. End it in m3ter, or change the dates of 006S900000795MMIAY");
}
