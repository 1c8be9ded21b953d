//! A line of a product that another row's AccountPlan bills already, where m3ter runs one
//! AccountPlan of a product at a time.
//!
//! A line that asks for nothing else than what runs is left out: a higher quantity means nothing to
//! usage pricing. Any other one will be refused, and so nothing is made that only its AccountPlan
//! would use.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::compare::field_change;
use super::{Change, Changeset, KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// What m3ter holds beside the objects of the changeset.
#[derive(Debug)]
pub struct HeldObjects<'a> {
    /// AccountPlans of the Account, as far as they were read.
    pub account_plans: Vec<&'a ActualObject>,
    /// Plans of the Account, as far as they were read.
    pub plans: Vec<&'a ActualObject>,
    /// Pricings, as far as they were read.
    pub pricings: Vec<&'a ActualObject>,
    /// The plan templates, which know their product.
    pub templates: Vec<&'a PlanTemplate>,
}

/// A new AccountPlan, and one that is in its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocked {
    /// The new one.
    pub account_plan: ObjectKey,
    /// The one that runs.
    pub blocker: M3terId,
    /// The Plan that it attaches.
    pub plan: Option<M3terId>,
    /// What both are of.
    pub product: M3terId,
}

impl Blocked {
    /// As m3ter says it.
    pub fn in_m3ters_words(&self) -> String {
        format!(
            "AccountPlan would overlap with AccountPlan {} for the same product {}",
            self.blocker, self.product
        )
    }
}

/// Fields of a Pricing that say where and when it prices, not how.
const NOT_THE_PRICE: [&str; 6] =
    ["planId", "planTemplateId", "code", "description", "startDate", "endDate"];
/// Fields of a Pricing that change the price also where a record says nothing of them.
const PRICE_BESIDE: [&str; 3] = ["overagePricingBands", "segment", "minimumSpend"];
/// Fields of a Plan that are billed beside its prices.
const CHARGES: [&str; 2] = ["standingCharge", "minimumSpend"];

impl Changeset {
    /// The new AccountPlans that another row's one is in the way of, the first of several.
    pub fn blocked(&self, held: &HeldObjects<'_>) -> Vec<Blocked> {
        self.changes.iter().filter_map(|change| self.blocked_by(change, held)).collect()
    }

    fn blocked_by(&self, change: &Change, held: &HeldObjects<'_>) -> Option<Blocked> {
        let desired = &change.desired;
        if desired.kind() != EntityKind::AccountPlan || !matches!(change.step, Step::Create { .. })
        {
            return None;
        }
        let (product, account, period) = (
            self.product(desired, held)?,
            self.id_of(desired.value("accountId")?)?,
            period(desired)?,
        );
        let is_own =
            |id: &M3terId| self.changes.iter().any(|other| other.step.known_id() == Some(id));
        let blocks = |other: &&&ActualObject| {
            other.text("productId") == Some(product.as_str())
                && other.text("accountId") == Some(account.as_str())
                && !is_own(&other.id)
                && runs(other).is_some_and(|runs| meet(runs, period))
        };
        let blocker = held
            .account_plans
            .iter()
            .filter(blocks)
            .min_by_key(|other| (other.text("startDate"), other.id.as_str()))?;
        let plan = blocker.text("planId").and_then(|plan| M3terId::parse(plan).ok());
        Some(Blocked {
            account_plan: desired.key.clone(),
            blocker: blocker.id.clone(),
            plan,
            product,
        })
    }

    /// Leaves out each line that asks for nothing else than what runs under the same Contract, and
    /// says so; the others are given back.
    pub fn leave_out_running(
        &mut self,
        blocked: Vec<Blocked>,
        held: &HeldObjects<'_>,
    ) -> (Vec<Warning>, Vec<Blocked>) {
        let (same, others): (Vec<Blocked>, Vec<Blocked>) =
            blocked.into_iter().partition(|blocked| self.is_same(blocked, held));
        let warnings = same.iter().map(|Blocked { account_plan, blocker, .. }| {
            let text = format!(
                "The line {} is left out: the AccountPlan {blocker} already bills its product under the same Contract and at the same price",
                account_plan.row
            );
            Warning::of(Attention::RunsAlready, text)
        });
        let warnings = warnings.collect();
        for blocked in &same {
            let unused: HashSet<ObjectKey> =
                self.only_for(&blocked.account_plan).into_iter().collect();
            self.changes.retain(|change| {
                change.desired.key != blocked.account_plan && !unused.contains(&change.desired.key)
            });
        }
        (warnings, others)
    }

    /// Refuses a new AccountPlan before it is sent, and what would be made for it alone. Where
    /// m3ter has its Plan already, nothing is made for it, and m3ter is asked.
    pub fn refuse_blocked(&mut self, blocked: &Blocked, finding: &Finding) {
        let unused = self.only_for(&blocked.account_plan);
        if unused.is_empty() {
            return;
        }
        let of_unused = of_unused(finding);
        for change in &mut self.changes {
            let key = &change.desired.key;
            let finding = if *key == blocked.account_plan {
                finding
            } else if unused.contains(key) {
                &of_unused
            } else {
                continue;
            };
            if matches!(change.step, Step::Create { .. }) {
                change.step = Step::Invalid { findings: vec![finding.clone()], existing: None };
            }
        }
    }

    /// Foretells that for the Plan and Pricings of an AccountPlan whose refusal is foretold
    /// already.
    pub fn foresee_unused(&mut self, refused: &[Blocked]) {
        for blocked in refused {
            let unused = self.only_for(&blocked.account_plan);
            let refusal =
                self.change(&blocked.account_plan).and_then(|change| change.refusal_ahead.as_ref());
            let Some(finding) = refusal.map(of_unused) else { continue };
            for change in
                self.changes.iter_mut().filter(|change| unused.contains(&change.desired.key))
            {
                if matches!(change.step, Step::Create { .. }) {
                    change.refusal_ahead = Some(finding.clone());
                }
            }
        }
    }

    /// The new Plan of an AccountPlan with its Pricings, unless something else needs it.
    fn only_for(&self, account_plan: &ObjectKey) -> Vec<ObjectKey> {
        let Some(plan) = self.change(account_plan).and_then(|change| self.plan_of(&change.desired))
        else {
            return Vec::new();
        };
        let is_new = |change: &Change| {
            !matches!(change.step, Step::Flagged { .. }) && change.step.known_id().is_none()
        };
        let is_needed = |change: &&Change| {
            change.desired.key != *account_plan
                && change.desired.kind() != EntityKind::Pricing
                && change.desired.dependencies().any(|key| *key == plan.desired.key)
        };
        if !matches!(plan.step, Step::Create { .. })
            || self.changes.iter().any(|change| is_needed(&change))
        {
            return Vec::new();
        }
        let pricings = self
            .pricings_of(plan)
            .filter(|pricing| is_new(pricing))
            .map(|pricing| pricing.desired.key.clone());
        std::iter::once(plan.desired.key.clone()).chain(pricings).collect()
    }

    /// Whether a line would bill what its blocker bills.
    fn is_same(&self, blocked: &Blocked, held: &HeldObjects<'_>) -> bool {
        let Some(desired) = self.change(&blocked.account_plan).map(|change| &change.desired) else {
            return false;
        };
        let Some(running) = held.account_plans.iter().find(|other| other.id == blocked.blocker)
        else {
            return false;
        };
        let contract = desired.value("contractId").and_then(|contract| self.id_of(contract));
        let within = period(desired).zip(runs(running)).is_some_and(|(period, runs)| {
            runs.0 <= period.0 && runs.1.is_none_or(|end| period.1.is_some_and(|own| own <= end))
        });
        let is_under =
            contract.is_some_and(|contract| running.text("contractId") == Some(contract.as_str()));
        is_under && within && self.has_same_price(desired, running, held)
    }

    fn has_same_price(
        &self,
        desired: &DesiredObject,
        blocker: &ActualObject,
        held: &HeldObjects<'_>,
    ) -> bool {
        let plan_id = blocker.text("planId");
        let Some(plan) = self.plan_of(desired) else {
            // A Plan that both share.
            return matches!(desired.value("planId"), Some(Value::Id(id)) if Some(id.as_str()) == plan_id);
        };
        let Some(held_plan) = held.plans.iter().find(|plan| Some(plan.id.as_str()) == plan_id)
        else {
            return false;
        };
        let has_template = matches!(plan.desired.value("planTemplateId"), Some(Value::Id(id)) if held_plan.text("planTemplateId") == Some(id.as_str()));
        let pricings: Vec<&Change> = self.pricings_of(plan).collect();
        let Some(period) = period(desired) else { return false };
        let effective: Vec<&ActualObject> = held
            .pricings
            .iter()
            .copied()
            .filter(|pricing| {
                pricing.text("planId") == plan_id
                    && runs(pricing).is_some_and(|runs| meet(runs, period))
            })
            .collect();
        let has_equal = |pricing: &Change| {
            effective.iter().any(|held| prices_alike(&pricing.desired, held, period))
        };
        matches!(plan.desired.intent, Intent::Sync(_))
            && has_template
            && CHARGES.iter().all(|field| has_equal_field(&plan.desired, held_plan, field))
            && !pricings.is_empty()
            && pricings.len() == effective.len()
            && pricings.into_iter().all(has_equal)
    }

    fn change(&self, key: &ObjectKey) -> Option<&Change> {
        self.changes.iter().find(|change| change.desired.key == *key)
    }

    fn plan_of(&self, account_plan: &DesiredObject) -> Option<&Change> {
        match account_plan.value("planId")? {
            Value::Object(key) => self.change(key),
            _ => None,
        }
    }

    fn pricings_of<'a>(&'a self, plan: &'a Change) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(|change| {
            let key = &plan.desired.key;
            let is_of_row = change.desired.fields().is_empty() && change.desired.key.row == key.row;
            change.desired.kind() == EntityKind::Pricing
                && (is_of_row || change.desired.dependencies().any(|needed| needed == key))
        })
    }

    fn product(&self, account_plan: &DesiredObject, held: &HeldObjects<'_>) -> Option<M3terId> {
        let of_held = |id: &M3terId| {
            held.plans
                .iter()
                .find(|plan| plan.id == *id)
                .and_then(|plan| M3terId::parse(plan.text("productId")?).ok())
        };
        match account_plan.value("planId")? {
            Value::Id(id) => of_held(id),
            Value::Object(key) => {
                let plan = self.change(key)?;
                let of_template = || match plan.desired.value("planTemplateId")? {
                    Value::Id(id) => held
                        .templates
                        .iter()
                        .find(|template| template.id == *id)
                        .map(|template| template.product_id.clone()),
                    _ => None,
                };
                plan.step.known_id().and_then(of_held).or_else(of_template)
            }
            _ => None,
        }
    }

    /// The id of what a value refers to, as far as m3ter has it.
    fn id_of(&self, value: &Value) -> Option<M3terId> {
        match value {
            Value::Object(key) => self.change(key)?.step.known_id().cloned(),
            Value::Id(id) => Some(id.clone()),
            _ => None,
        }
    }
}

/// The finding about what only a refused AccountPlan would use.
fn of_unused(refusal: &Finding) -> Finding {
    Finding::new(
        FindingCode::AccountPlanOverlap,
        format!("Nothing would use it: {}", refusal.message),
        &refusal.remedy,
    )
}

/// Whether a desired Pricing and one of m3ter price usage of a period in the same way.
fn prices_alike(desired: &DesiredObject, held: &ActualObject, period: Period) -> bool {
    let covers = runs(held).is_some_and(|runs| {
        runs.0 <= period.0 && runs.1.is_none_or(|end| period.1.is_some_and(|own| own <= end))
    });
    let same = desired.fields().iter().filter(|field| !NOT_THE_PRICE.contains(&field.name));
    matches!(desired.intent, Intent::Sync(_))
        && covers
        && same
            .map(|field| field_change(field, held, &KnownIds::new()))
            .all(|change| change.is_none())
        && PRICE_BESIDE.iter().all(|field| has_equal_field(desired, held, field))
}

/// Whether a field is equal on both sides, also where only m3ter has it.
fn has_equal_field(desired: &DesiredObject, held: &ActualObject, name: &str) -> bool {
    match desired.fields().iter().find(|field| field.name == name) {
        Some(field) => field_change(field, held, &KnownIds::new()).is_none(),
        None => held.fields.get(name).is_none_or(means_nothing),
    }
}

fn means_nothing(json: &Json) -> bool {
    match json {
        Json::Array(list) => list.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        json => json.is_null(),
    }
}

/// From an instant to another one, or without end.
type Period = (Timestamp, Option<Timestamp>);

fn period(desired: &DesiredObject) -> Option<Period> {
    let instant = |field: &str| match desired.value(field) {
        Some(Value::DateTime(instant)) => Some(*instant),
        _ => None,
    };
    Some((instant("startDate")?, instant("endDate")))
}

fn runs(actual: &ActualObject) -> Option<Period> {
    let instant = |field: &str| actual.text(field).and_then(|text| text.parse::<Timestamp>().ok());
    Some((instant("startDate")?, instant("endDate")))
}

fn meet(one: Period, other: Period) -> bool {
    one.1.is_none_or(|end| other.0 < end) && other.1.is_none_or(|end| one.0 < end)
}

#[cfg(test)]
mod tests {
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
        Change::new(desired, Step::Create { changes: Vec::new() }, Vec::new())
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
    fn only_what_runs_in_every_respect_is_left_out() {
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
            let template = PlanTemplate {
                id: id(TEMPLATE),
                product_id: id(PRODUCT),
                currency: "USD".to_owned(),
            };
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
            let outcome = is_blocked.then_some(
                warnings.len() == 1 && changeset.changes.is_empty() && others.is_empty(),
            );
            assert_eq!(outcome, expected, "{what}: {warnings:?}");
            if let [other] = &others[..] {
                assert_eq!(changeset.changes.len(), 3, "{what}");
                let finding =
                    Finding::new(FindingCode::AccountPlanOverlap, other.in_m3ters_words(), "");
                changeset.refuse_blocked(other, &finding);
                assert!(
                    changeset
                        .changes
                        .iter()
                        .all(|change| matches!(change.step, Step::Invalid { .. })),
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
            blocker: id(RUNNING),
            plan: None,
            product: id(PRODUCT),
        };
        changeset
            .refuse_blocked(&blocked, &Finding::new(FindingCode::AccountPlanOverlap, "x", "y"));
        assert!(
            changeset.changes.iter().all(|change| matches!(change.step, Step::Create { .. })),
            "{changeset}"
        );
    }
}
