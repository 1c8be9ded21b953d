//! A line of a product that another row's AccountPlan bills already, where m3ter runs one
//! AccountPlan of a product at a time.
//!
//! A line that asks for nothing else than what runs is left out: a higher quantity means nothing to
//! usage pricing. Any other one will be refused, and so nothing is made that only its AccountPlan
//! would use.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::compare::field_change;
use super::{Change, Changeset, KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdSet, M3terId};
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
    pub existing: M3terId,
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
            self.existing, self.product
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
        let own: IdSet<&M3terId> =
            self.changes.iter().filter_map(|change| change.step.known_id()).collect();
        let others: Vec<&ActualObject> =
            held.account_plans.iter().copied().filter(|other| !own.contains(&other.id)).collect();
        if others.is_empty() {
            return Vec::new();
        }
        self.changes.iter().filter_map(|change| self.blocked_by(change, &others, held)).collect()
    }

    /// The one of `others`, which are not of this sync, that is in the way of a new AccountPlan.
    fn blocked_by(
        &self,
        change: &Change,
        others: &[&ActualObject],
        held: &HeldObjects<'_>,
    ) -> Option<Blocked> {
        let desired = &change.desired;
        if desired.kind() != EntityKind::AccountPlan || !matches!(change.step, Step::Create) {
            return None;
        }
        let (product, account, period) = (
            self.product(desired, held)?,
            self.id_of(desired.value("accountId")?)?,
            period(desired)?,
        );
        let blocks = |other: &&&ActualObject| {
            other.text("productId") == Some(product.as_str())
                && other.text("accountId") == Some(account.as_str())
                && runs(other).is_some_and(|runs| meet(runs, period))
        };
        let running = others
            .iter()
            .filter(blocks)
            .min_by_key(|other| (other.text("startDate"), other.id.as_str()))?;
        let plan = running.text("planId").and_then(|plan| M3terId::parse(plan).ok());
        Some(Blocked {
            account_plan: desired.key.clone(),
            existing: running.id.clone(),
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
        let warnings = same.iter().map(|Blocked { account_plan, existing, .. }| {
            let text = format!(
                "The line {} is left out: the AccountPlan {existing} already bills its product under the same Contract and at the same price",
                account_plan.row
            );
            Warning::of(Attention::RunsAlready, text)
        });
        let warnings = warnings.collect();
        for blocked in &same {
            let unused: IdSet<ObjectKey> =
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
            if matches!(change.step, Step::Create) {
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
                if matches!(change.step, Step::Create) {
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
        if !matches!(plan.step, Step::Create)
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

    /// Whether a line would bill what the running one bills.
    fn is_same(&self, blocked: &Blocked, held: &HeldObjects<'_>) -> bool {
        let Some(desired) = self.change(&blocked.account_plan).map(|change| &change.desired) else {
            return false;
        };
        let Some(running) = held.account_plans.iter().find(|other| other.id == blocked.existing)
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
        existing: &ActualObject,
        held: &HeldObjects<'_>,
    ) -> bool {
        let plan_id = existing.text("planId");
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
            .map(|field| field_change(field, held, &KnownIds::default()))
            .all(|change| change.is_none())
        && PRICE_BESIDE.iter().all(|field| has_equal_field(desired, held, field))
}

/// Whether a field is equal on both sides, also where only m3ter has it.
fn has_equal_field(desired: &DesiredObject, held: &ActualObject, name: &str) -> bool {
    match desired.fields().iter().find(|field| field.name == name) {
        Some(field) => field_change(field, held, &KnownIds::default()).is_none(),
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
mod tests;
