//! What a person should know about a changeset before it is applied: what m3ter will refuse, and
//! what will bill nothing.

use serde_json::{Map, Value as Json, json};

use super::identity::Owners;
use super::overlap::{self, Blocker, Period, share_a_product};
use super::{Change, Changeset, MadeWay, Step};
use crate::domain::actual::ActualObject;
use crate::domain::catalog::PlanTemplate;
use crate::domain::entity::EntityKind;
use crate::domain::finding::Finding;
use crate::domain::ids::M3terId;
use crate::domain::settings::{OverlapRule, OverlappingPlans, Settings};
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// What m3ter holds beside the objects of the changeset.
#[derive(Debug)]
pub struct PreviewContext<'a> {
    /// AccountPlans of the Account, as far as they were read.
    pub account_plans: Vec<&'a ActualObject>,
    /// Commitments of the Contract, as far as they were read.
    pub commitments: Vec<&'a ActualObject>,
    /// Plans of the Account, as far as they were read.
    pub plans: Vec<&'a ActualObject>,
    /// The plan templates, which know their product.
    pub templates: Vec<&'a PlanTemplate>,
    /// The rows that m3ter objects are linked to.
    pub owners: &'a Owners,
    /// What the mapping does about overlaps.
    pub settings: &'a Settings,
    /// Whether m3ter refuses AccountPlans of one product at the same time.
    pub overlapping_plans: OverlappingPlans,
}

/// What is told of one change.
#[derive(Debug, Default)]
struct Ahead {
    refusal: Option<Finding>,
    warnings: Vec<Warning>,
    makes_way: Vec<MadeWay>,
}

impl Changeset {
    /// Says of each change what follows from what is around it: as a refusal what m3ter documents,
    /// as a warning what it may do either way.
    pub fn preview_refusals(&mut self, context: &PreviewContext<'_>) {
        let ahead: Vec<Ahead> = self
            .changes
            .iter()
            .map(|change| match change.desired.kind() {
                EntityKind::AccountPlan => self.account_plan_ahead(change, context),
                EntityKind::Commitment => Some(self.commitment_ahead(change, context)),
                _ => None,
            })
            .map(Option::unwrap_or_default)
            .collect();
        for (change, ahead) in self.changes.iter_mut().zip(ahead) {
            change.refusal_ahead = ahead.refusal;
            change.warnings.extend(ahead.warnings);
            change.makes_way = ahead.makes_way;
        }
    }

    fn account_plan_ahead(&self, change: &Change, context: &PreviewContext<'_>) -> Option<Ahead> {
        if context.overlapping_plans == OverlappingPlans::Allowed {
            return None;
        }
        let (product, account, is_moved) = match &change.step {
            // An Account that is still to come has nothing that stands in the way.
            Step::Create { .. } => (
                self.product_of(change, context)?,
                self.referred(change.desired.value("accountId")?)?,
                true,
            ),
            Step::Update { actual, .. } => {
                (actual.text("productId")?, actual.text("accountId")?, moves(change))
            }
            _ => return None,
        };
        let clashes = |other: &ActualObject| {
            other.text("productId") == Some(product) && other.text("accountId") == Some(account)
        };
        let (period, blockers) =
            self.in_the_way(change, &context.account_plans, context.owners, clashes)?;
        if !is_moved {
            return Some(Ahead {
                warnings: warnings(change, &blockers, MAY_REFUSE),
                ..Ahead::default()
            });
        }
        let rule = rule(change, context.settings.account_plan_overlap);
        Some(match overlap::finding(&change.desired, period, rule, &blockers, None) {
            None => making_way(change, &blockers),
            refusal => Ahead { refusal, ..Ahead::default() },
        })
    }

    fn commitment_ahead(&self, change: &Change, context: &PreviewContext<'_>) -> Ahead {
        let ahead = self.commitment_in_the_way(change, context).unwrap_or_default();
        let undrawn = self.nothing_draws_down(change);
        Ahead { warnings: undrawn.into_iter().chain(ahead.warnings).collect(), ..ahead }
    }

    /// Among which Commitments m3ter refuses one is not known: here it is those of the Contract,
    /// for a product.
    fn commitment_in_the_way(
        &self,
        change: &Change,
        context: &PreviewContext<'_>,
    ) -> Option<Ahead> {
        let contract = match (&change.step, change.desired.value("contractId")) {
            (Step::Update { actual, .. }, _) => actual.text("contractId"),
            // One that is still to come has no other Commitments.
            (Step::Create { .. }, Some(contract)) => Some(self.referred(contract)?),
            (Step::Create { .. }, None) => None,
            _ => return None,
        };
        let products = match (&change.step, change.desired.value("productIds")) {
            (_, Some(Value::TextList(products))) => {
                Map::from_iter([("productIds".to_owned(), json!(products))])
            }
            (Step::Update { actual, .. }, _) => actual.fields.clone(),
            _ => Map::new(),
        };
        let clashes = |other: &ActualObject| {
            other.text("contractId") == contract && share_a_product(&products, &other.fields)
        };
        let (period, blockers) =
            self.in_the_way(change, &context.commitments, context.owners, clashes)?;
        let rule = rule(change, context.settings.commitment_overlap);
        Some(match overlap::finding(&change.desired, period, rule, &blockers, None) {
            None => making_way(change, &blockers),
            Some(_) => {
                Ahead { warnings: warnings(change, &blockers, MAY_REFUSE), ..Ahead::default() }
            }
        })
    }

    /// The period that a change is to have, and all that runs in it, the first one first; `None`
    /// where nothing does. What this sync moves may be out of the way by then.
    fn in_the_way<'a>(
        &self,
        change: &Change,
        others: &[&'a ActualObject],
        owners: &'a Owners,
        clashes: impl Fn(&ActualObject) -> bool,
    ) -> Option<(Period, Vec<Blocker<'a>>)> {
        let kind = change.desired.kind();
        let period = Period::of(kind, |field| date_to_be(change, field))?;
        let of = |id: &M3terId| self.changes.iter().find(|own| own.step.known_id() == Some(id));
        let runs = |other: &&&ActualObject| {
            clashes(other)
                && Period::of_fields(kind, &other.fields).is_some_and(|runs| runs.meets(period))
                && !of(&other.id).is_some_and(Change::writes)
        };
        let mut blockers: Vec<Blocker<'a>> = others
            .iter()
            .filter(runs)
            .map(|other| Blocker {
                object: other,
                owner: owners.get(&other.id),
                is_asked_for: of(&other.id).is_some(),
            })
            .collect();
        blockers
            .sort_by_key(|blocker| (blocker.object.text("startDate"), blocker.object.id.as_str()));
        (!blockers.is_empty()).then_some((period, blockers))
    }

    /// The product whose usage an AccountPlan bills: that of its Plan, or of the template that the
    /// Plan will be made from.
    fn product_of<'a>(&self, change: &Change, context: &'a PreviewContext<'_>) -> Option<&'a str> {
        let plan = match change.desired.value("planId")? {
            Value::Object(key) => self.changes.iter().find(|other| other.desired.key == *key)?,
            _ => return None,
        };
        let of_plan =
            |id: &M3terId| context.plans.iter().find(|plan| plan.id == *id)?.text("productId");
        let of_template = |value: &Value| match value {
            Value::Id(id) => context
                .templates
                .iter()
                .find(|template| template.id == *id)
                .map(|template| template.product_id.as_str()),
            _ => None,
        };
        plan.step
            .known_id()
            .and_then(of_plan)
            .or_else(|| plan.desired.value("planTemplateId").and_then(of_template))
    }

    /// A Commitment is drawn down by AccountPlans of its own Contract only.
    fn nothing_draws_down(&self, change: &Change) -> Option<Warning> {
        if !change.writes() {
            return None;
        }
        let contract = change.desired.value("contractId")?;
        let draws = |other: &&Change| {
            other.desired.kind() == EntityKind::AccountPlan
                && !matches!(
                    other.step,
                    Step::Flagged { .. } | Step::Kept { .. } | Step::Invalid { .. }
                )
                && other.desired.value("contractId") == Some(contract)
        };
        let is_drawn = self.changes.iter().any(|other| draws(&other));
        (!is_drawn).then(|| {
            Warning::of(
                Attention::CommitmentNotDrawn,
                "Nothing draws the Commitment down: no AccountPlan of this sync is under its Contract",
            )
        })
    }

    /// The id that a value refers to, as far as m3ter has it.
    fn referred<'a>(&'a self, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Object(key) => self
                .changes
                .iter()
                .find(|other| other.desired.key == *key)?
                .step
                .known_id()
                .map(M3terId::as_str),
            Value::Id(id) => Some(id.as_str()),
            _ => None,
        }
    }
}

const MAKES_WAY: &str = "it would end when this one begins";
const MAY_REFUSE: &str = "m3ter may refuse this one";

/// All that is in the way ends when the new object begins.
fn making_way(change: &Change, blockers: &[Blocker<'_>]) -> Ahead {
    let kind = change.desired.kind();
    let made_way = |blocker: &Blocker<'_>| {
        let ends = blocker.object.text("endDate").map(ToOwned::to_owned);
        Some(MadeWay {
            kind,
            id: blocker.object.id.clone(),
            ends,
            would_end: date_to_be(change, "startDate")?,
        })
    };
    Ahead {
        warnings: warnings(change, blockers, MAKES_WAY),
        makes_way: blockers.iter().filter_map(made_way).collect(),
        refusal: None,
    }
}

fn warnings(change: &Change, blockers: &[Blocker<'_>], then: &str) -> Vec<Warning> {
    let told = |blocker: &Blocker<'_>| {
        let whose = match blocker.owner {
            Some(row) => format!("of the Salesforce record {row}"),
            None => "not made by a sync of this service".to_owned(),
        };
        let text = format!(
            "The {} {}, {whose}, runs {}: {then}",
            change.desired.kind(),
            blocker.object.id,
            blocker.until()
        );
        Warning::of(Attention::OverlapForeseen, text)
    };
    blockers.iter().map(told).collect()
}

/// What the sync does about what is in the way: for the dates of what m3ter has already nothing
/// makes way.
fn rule(change: &Change, rule: OverlapRule) -> OverlapRule {
    if matches!(change.step, Step::Create { .. }) { rule } else { OverlapRule::Report }
}

/// Whether an update moves a date.
fn moves(change: &Change) -> bool {
    matches!(&change.step, Step::Update { changes, .. } if changes.iter().any(|change| is_date(&change.field)))
}

fn is_date(field: &str) -> bool {
    matches!(field, "startDate" | "endDate")
}

/// A date as m3ter will have it after the change, in its spelling.
fn date_to_be(change: &Change, field: &str) -> Option<String> {
    match &change.step {
        Step::Update { actual, changes } if changes.iter().all(|change| change.field != field) => {
            actual.fields.get(field).and_then(Json::as_str).map(ToOwned::to_owned)
        }
        _ => match change.desired.value(field)? {
            Value::Date(date) => Some(date.to_string()),
            Value::DateTime(instant) => Some(instant.to_string()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
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
            None => Step::Create { changes: Vec::new() },
            Some((from, changed)) => {
                let changed = FieldChange {
                    field: changed.to_owned(),
                    old_value: None,
                    new_value: None,
                    source: "Opportunity.CloseDate".to_owned(),
                };
                Step::Update { actual: object(OWN, from, JUNE), changes: vec![changed] }
            }
        };
        let plan_fields = vec![set("planTemplateId", Value::Id(id(OWN)))];
        let mut changeset = Changeset {
            changes: vec![
                change(
                    DesiredObject { key: plan, ..account(plan_fields) },
                    Step::Create { changes: Vec::new() },
                ),
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
    fn a_refusal_is_foretold_unless_everything_in_the_way_can_make_way() {
        use OverlapRule::{Replace, ReplaceAny, Report};
        const BEFORE: (&str, &str, &str) = (OTHERS[0], JANUARY, "2026-04-01T00:00:00.000Z");
        const AFTER: (&str, &str, &str) =
            (OTHERS[1], "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z");
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
    fn every_one_of_several_in_the_way_is_named() {
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
}
