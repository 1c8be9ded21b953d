//! Ends that end dating made, beside what Salesforce says.

use serde_json::json;

use super::*;
use crate::changeset::testing::{account, actual_with_id, row, set};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::made_end::SaidEnd;

const CONTRACT: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";
const LINE: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";

fn contract(end: Option<&str>) -> DesiredObject {
    let end = end.map(|end| set("endDate", Value::Date(end.parse().unwrap())));
    DesiredObject {
        key: ObjectKey::only(EntityKind::Contract, row()),
        ..account(end.into_iter().collect())
    }
}

fn line(start: &str, end: &str) -> DesiredObject {
    let instant = |name, text: &str| set(name, Value::DateTime(text.parse().unwrap()));
    let of = set("contractId", Value::Object(ObjectKey::only(EntityKind::Contract, row())));
    let fields = vec![of, instant("startDate", start), instant("endDate", end)];
    DesiredObject { key: ObjectKey::only(EntityKind::AccountPlan, row()), ..account(fields) }
}

/// An end in the middle of the year, when Salesforce said this.
fn made(m3ter_id: &str, entity: BillingEntity, end: &str, said: Option<&str>) -> MadeEnd {
    MadeEnd {
        m3ter_id: M3terId::parse(m3ter_id).unwrap(),
        entity,
        run: SyncRunId::parse("01a21f3f-9156-7686-bb80-431af8f06b73").unwrap(),
        record: SalesforceId::parse("006S900000795MM").unwrap(),
        by: None,
        at: "2026-05-05T12:00:00Z".parse().unwrap(),
        end: end.to_owned(),
        former_end: None,
        said: SaidEnd { end: said.map(ToOwned::to_owned), by: SaidBy::Salesforce },
    }
}

fn keep(
    objects: &mut [DesiredObject],
    held: &[(EntityKind, ActualObject)],
    made: Vec<MadeEnd>,
    rule: EndedRule,
) -> Vec<Reopened> {
    let mut ends = Ends::new();
    for made in made {
        ends.entry(made.m3ter_id.clone()).or_default().push(made);
    }
    let endings = Endings {
        ends: &ends,
        rule,
        pricing_change: PricingChange::FromDate,
        time_zone: &TimeZone::UTC,
        now: "2026-08-15T12:00:00Z".parse().unwrap(),
    };
    let found = |key: &ObjectKey| {
        let (_, actual) = held.iter().find(|(kind, _)| *kind == key.kind)?;
        Some(HeldObject { actual, is_joined: false })
    };
    keep_ends(objects, found, &endings)
}

fn end_of(object: &DesiredObject) -> String {
    object
        .fields()
        .iter()
        .find(|field| field.name == "endDate")
        .and_then(Until::asked)
        .map_or_else(String::new, |end| end.to_string())
}

#[test]
fn an_end_stays_until_salesforce_says_a_later_one_than_then() {
    let year = Some("2027-01-01");
    // What Salesforce says now, what it said then, and what m3ter has: the end that is to be,
    // what is told, and whether it is taken back.
    for (asked, said, held, end, told, taken_back) in [
        ("2027-01-01", year, "2026-07-01", "2026-07-01", Some(Attention::Ended), false),
        ("2026-09-01", year, "2026-07-01", "2026-07-01", Some(Attention::Ended), false),
        ("2026-07-01", year, "2026-07-01", "2026-07-01", None, false),
        ("2026-05-01", year, "2026-07-01", "2026-05-01", None, false),
        ("2027-01-02", year, "2026-07-01", "2027-01-02", Some(Attention::Reopened), true),
        ("2099-01-01", None, "2026-07-01", "2026-07-01", Some(Attention::Ended), false),
        // Somebody brought it forward since, and somebody put it off: that one is theirs.
        ("2027-01-01", year, "2026-05-01", "2026-07-01", Some(Attention::Ended), false),
        ("2027-01-01", year, "2026-07-02", "2027-01-01", None, false),
    ] {
        let mut objects = [contract(Some(asked))];
        let held = [(EntityKind::Contract, actual_with_id(CONTRACT, json!({"endDate": held})))];
        let made = || vec![made(CONTRACT, BillingEntity::Contract, "2026-07-01", said)];
        let reopened = keep(&mut objects, &held, made(), EndedRule::Follow);
        let case = format!("{asked} {said:?} {held:?}");
        assert_eq!(
            (end_of(&objects[0]).as_str(), reopened.len() == 1),
            (end, taken_back),
            "{case}"
        );
        assert_eq!(
            objects[0].warnings.first().and_then(|warning| warning.attention),
            told,
            "{case}"
        );
        // An operator is asked exactly where it would be taken back.
        let mut objects = [contract(Some(asked))];
        let reopened = keep(&mut objects, &held, made(), EndedRule::Operator);
        let finding = reopened
            .first()
            .and_then(|reopened| reopened.finding.as_ref())
            .map(|finding| finding.code);
        assert_eq!(finding, taken_back.then_some(FindingCode::Ended), "{case}");
        assert_eq!(end_of(&objects[0]), if taken_back { "2026-07-01" } else { end }, "{case}");
    }
}

#[test]
fn children_of_a_contract_that_stays_ended_end_with_it() {
    const END: &str = "2026-07-01T00:00:00Z";
    const YEAR: &str = "2027-01-01T00:00:00Z";
    // When the line begins, the end that m3ter has for it, and the Contract's: the end that it
    // is to have, or that it is refused.
    for (start, held, of_contract, expected) in [
        ("2026-02-01T00:00:00Z", None, "2027-01-01", Some(END)),
        (END, None, "2027-01-01", None),
        ("2026-02-01T00:00:00Z", Some(END), "2027-01-01", Some(END)),
        ("2026-02-01T00:00:00Z", Some(YEAR), "2027-01-01", Some(YEAR)),
        ("2026-02-01T00:00:00Z", None, "2027-06-01", Some(YEAR)),
    ] {
        let mut objects = [contract(Some(of_contract)), line(start, YEAR)];
        let mut present = vec![(
            EntityKind::Contract,
            actual_with_id(CONTRACT, json!({"endDate": "2026-07-01"})),
        )];
        present.extend(held.map(|end| {
            (
                EntityKind::AccountPlan,
                actual_with_id(LINE, json!({"startDate": start, "endDate": end})),
            )
        }));
        keep(
            &mut objects,
            &present,
            vec![made(CONTRACT, BillingEntity::Contract, "2026-07-01", Some("2027-01-01"))],
            EndedRule::Follow,
        );
        let case = format!("{start} {held:?} {of_contract}");
        match (expected, &objects[1].intent) {
            (Some(end), Intent::Sync(_)) => assert_eq!(end_of(&objects[1]), end, "{case}"),
            (None, Intent::Invalid(findings)) => {
                assert_eq!(findings[0].code, FindingCode::OutsideContractPeriod, "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn of_several_ends_the_latest_one_that_m3ter_has_counts() {
    let held = |end: &str| actual_with_id(CONTRACT, json!({"endDate": end}));
    let first = made(CONTRACT, BillingEntity::Contract, "2026-07-01", None);
    let second = MadeEnd {
        at: "2026-06-06T12:00:00Z".parse().unwrap(),
        end: "2026-05-01".to_owned(),
        ..first.clone()
    };
    let ends = Ends::from([(first.m3ter_id.clone(), vec![first.clone(), second.clone()])]);
    for (end, counts) in [
        ("2026-05-01", Some(&second)),
        ("2026-06-01", Some(&first)),
        ("2026-07-01", Some(&first)),
        ("2027-01-01", None),
    ] {
        assert_eq!(counting(&ends, &held(end)), counts, "{end}");
    }
}
