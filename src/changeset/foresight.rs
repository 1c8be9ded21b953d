//! What a person should know about a changeset before it is applied: what m3ter will refuse, and what will bill nothing.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::identity::Owners;
use super::{Change, Changeset, Step};
use crate::domain::actual::ActualObject;
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::settings::{OverlapRule, OverlappingPlans, Settings};
use crate::domain::value::{Value, date_in_text};

/// What m3ter holds beside the objects of the changeset.
#[derive(Debug)]
pub struct Surroundings<'a> {
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

impl Changeset {
    /// Adds to each change the warnings that follow from what is around it.
    pub fn foresee_trouble(&mut self, surroundings: &Surroundings<'_>) {
        let warnings: Vec<Option<String>> = self
            .changes
            .iter()
            .map(|change| match change.desired.kind() {
                EntityKind::AccountPlan => self.account_plan_ahead(change, surroundings),
                EntityKind::Commitment => self.nothing_draws_down(change).or_else(|| self.commitment_ahead(change, surroundings)),
                _ => None,
            })
            .collect();
        for (change, warning) in self.changes.iter_mut().zip(warnings) {
            change.warnings.extend(warning);
        }
    }

    fn account_plan_ahead(&self, change: &Change, surroundings: &Surroundings<'_>) -> Option<String> {
        if surroundings.overlapping_plans == OverlappingPlans::Allowed {
            return None;
        }
        let product = self.product_of(change, surroundings)?;
        let period = instants(&change.desired)?;
        // An Account that is still to come has nothing that stands in the way.
        let account = self.referred(change.desired.value("accountId")?)?;
        let clashes = |other: &&&ActualObject| {
            let parse = |field: &str| other.text(field).and_then(|text| text.parse::<Timestamp>().ok());
            let starts = parse("startDate");
            other.text("productId") == Some(product)
                && other.text("accountId") == Some(account)
                && !self.is_own(&other.id)
                && starts.is_some_and(|starts| period.1.is_none_or(|end| starts < end))
                && parse("endDate").is_none_or(|end| period.0 < end)
        };
        let blocker = surroundings.account_plans.iter().find(clashes)?;
        let begins_before = blocker.text("startDate").and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|start| start < period.0);
        is_creation(change).then(|| overlap(change, blocker, surroundings.settings.account_plan_overlap, begins_before, surroundings))
    }

    /// The product whose usage an AccountPlan bills: that of its Plan, or of the template that the Plan will be made from.
    fn product_of<'a>(&self, change: &Change, surroundings: &'a Surroundings<'_>) -> Option<&'a str> {
        let plan = match change.desired.value("planId")? {
            Value::Object(key) => self.changes.iter().find(|other| other.desired.key == *key)?,
            _ => return None,
        };
        let of_plan = |id: &M3terId| surroundings.plans.iter().find(|plan| plan.id == *id)?.text("productId");
        let of_template = |value: &Value| match value {
            Value::Id(id) => surroundings.templates.iter().find(|template| template.id == *id).map(|template| template.product_id.as_str()),
            _ => None,
        };
        plan.step.known_id().and_then(of_plan).or_else(|| plan.desired.value("planTemplateId").and_then(of_template))
    }

    /// A Commitment is drawn down by AccountPlans of its own Contract only.
    fn nothing_draws_down(&self, change: &Change) -> Option<String> {
        if !change.writes() {
            return None;
        }
        let contract = change.desired.value("contractId")?;
        let draws = |other: &&Change| {
            other.desired.kind() == EntityKind::AccountPlan
                && !matches!(other.step, Step::Flagged { .. } | Step::Kept { .. } | Step::Invalid { .. })
                && other.desired.value("contractId") == Some(contract)
        };
        let is_drawn = self.changes.iter().any(|other| draws(&other));
        (!is_drawn).then(|| "No AccountPlan of this sync draws the Commitment down: none has its Contract".to_owned())
    }

    /// m3ter lets one Commitment of a Contract run for a product at a time.
    fn commitment_ahead(&self, change: &Change, surroundings: &Surroundings<'_>) -> Option<String> {
        let date = |field: &str| match change.desired.value(field) {
            Some(Value::Date(date)) => Some(*date),
            _ => None,
        };
        let (start, end) = (date("startDate")?, date("endDate")?);
        let contract = match change.desired.value("contractId") {
            // One that is still to come has no other Commitments.
            Some(contract) => Some(self.referred(contract)?),
            None => None,
        };
        let products: &[String] = match change.desired.value("productIds") {
            Some(Value::TextList(products)) => products,
            _ => &[],
        };
        let clashes = |other: &&&ActualObject| {
            let of = |field: &str| other.text(field).and_then(date_in_text);
            let others: Vec<&str> =
                other.fields.get("productIds").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
            other.text("contractId") == contract
                && (products.is_empty() || others.is_empty() || products.iter().any(|product| others.contains(&product.as_str())))
                && of("startDate").is_some_and(|starts| starts < end)
                && of("endDate").is_none_or(|ends| start < ends)
        };
        let blocker = surroundings.commitments.iter().find(clashes)?;
        let begins_before = blocker.text("startDate").and_then(date_in_text).is_some_and(|starts| starts < start);
        is_creation(change).then(|| overlap(change, blocker, surroundings.settings.commitment_overlap, begins_before, surroundings))
    }

    /// The id that a value refers to, as far as m3ter has it.
    fn referred<'a>(&'a self, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Object(key) => self.changes.iter().find(|other| other.desired.key == *key)?.step.known_id().map(M3terId::as_str),
            Value::Id(id) => Some(id.as_str()),
            _ => None,
        }
    }

    fn is_own(&self, id: &M3terId) -> bool {
        self.changes.iter().any(|change| change.step.known_id() == Some(id))
    }
}

fn is_creation(change: &Change) -> bool {
    matches!(change.step, Step::Create { .. })
}

fn overlap(change: &Change, blocker: &ActualObject, rule: OverlapRule, begins_before: bool, surroundings: &Surroundings<'_>) -> String {
    let kind = change.desired.kind();
    let owner = surroundings.owners.get(&blocker.id);
    let whose = owner.map_or_else(|| "not made by a sync of this service".to_owned(), |row| format!("of the Salesforce record {row}"));
    let until = blocker.text("endDate").map_or_else(|| "without end".to_owned(), |end| format!("until {end}"));
    let is_replaced = begins_before && (rule == OverlapRule::ReplaceAny || rule == OverlapRule::Replace && owner.is_some());
    let then = if is_replaced { "it would end when this one begins" } else { "m3ter will refuse this one" };
    format!("The {kind} {}, {whose}, runs {until}: {then}", blocker.id)
}

/// When a desired AccountPlan begins and ends.
fn instants(desired: &DesiredObject) -> Option<(Timestamp, Option<Timestamp>)> {
    let instant = |field: &str| match desired.value(field) {
        Some(Value::DateTime(instant)) => Some(*instant),
        _ => None,
    };
    Some((instant("startDate")?, instant("endDate")))
}
