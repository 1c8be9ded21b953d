//! What a person should know about a changeset before it is applied: what m3ter will refuse, and
//! what will bill nothing.

use serde_json::{Map, Value as Json, json};

use super::identity::Owners;
use super::overlap::{Decision, Overlap, Owner, Period, decide, share_a_product};
use super::{Change, Changeset, ReplacedObject, Step};
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
    replaces: Vec<ReplacedObject>,
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
            change.replaces = ahead.replaces;
        }
    }

    fn account_plan_ahead(&self, change: &Change, context: &PreviewContext<'_>) -> Option<Ahead> {
        if context.overlapping_plans == OverlappingPlans::Allowed {
            return None;
        }
        let (product, account, is_moved) = match &change.step {
            // An Account that is still to come has nothing that stands in the way.
            Step::Create => (
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
        let (period, overlaps) =
            self.in_the_way(change, &context.account_plans, context.owners, clashes)?;
        if !is_moved {
            return Some(Ahead {
                warnings: warnings(change, &overlaps, MAY_REFUSE),
                ..Ahead::default()
            });
        }
        let rule = rule(change, context.settings.account_plan_overlap);
        Some(match decide(&change.desired, period, rule, &overlaps, None) {
            Decision::Replace => replacing(change, &overlaps),
            Decision::Report(finding) => Ahead { refusal: Some(finding), ..Ahead::default() },
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
            (Step::Create, Some(contract)) => Some(self.referred(contract)?),
            (Step::Create, None) => None,
            _ => return None,
        };
        let products = match (&change.step, change.desired.value("productIds")) {
            (_, Some(Value::TextList(products))) => {
                Map::from_iter([("productIds".to_owned(), json!(products))])
            }
            (Step::Update { actual, .. }, _) => Map::clone(&actual.fields),
            _ => Map::new(),
        };
        let clashes = |other: &ActualObject| {
            other.text("contractId") == contract && share_a_product(&products, &other.fields)
        };
        let (period, overlaps) =
            self.in_the_way(change, &context.commitments, context.owners, clashes)?;
        let rule = rule(change, context.settings.commitment_overlap);
        Some(match decide(&change.desired, period, rule, &overlaps, None) {
            Decision::Replace => replacing(change, &overlaps),
            Decision::Report(_) => {
                Ahead { warnings: warnings(change, &overlaps, MAY_REFUSE), ..Ahead::default() }
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
    ) -> Option<(Period, Vec<Overlap>)> {
        let kind = change.desired.kind();
        let period = Period::of(kind, |field| date_to_be(change, field))?;
        let of = |id: &M3terId| self.changes.iter().find(|own| own.step.known_id() == Some(id));
        let runs = |other: &&&ActualObject| {
            clashes(other)
                && Period::of_fields(kind, &other.fields).is_some_and(|runs| runs.meets(period))
                && !of(&other.id).is_some_and(Change::writes)
        };
        let mut overlaps: Vec<Overlap> = others
            .iter()
            .filter(runs)
            .map(|other| Overlap {
                existing: (*other).clone(),
                owner: Owner::of(owners.get(&other.id).cloned(), of(&other.id).is_some()),
            })
            .collect();
        overlaps.sort_by(|one, other| by_start(one).cmp(&by_start(other)));
        (!overlaps.is_empty()).then_some((period, overlaps))
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

fn by_start(overlap: &Overlap) -> (Option<&str>, &str) {
    (overlap.existing.text("startDate"), overlap.existing.id.as_str())
}

const MAKES_WAY: &str = "it would end when this one begins";
const MAY_REFUSE: &str = "m3ter may refuse this one";

/// All that is in the way ends when the new object begins.
fn replacing(change: &Change, overlaps: &[Overlap]) -> Ahead {
    let kind = change.desired.kind();
    let replaced =
        |overlap: &Overlap| Some(overlap.replaced(kind, date_to_be(change, "startDate")?));
    Ahead {
        warnings: warnings(change, overlaps, MAKES_WAY),
        replaces: overlaps.iter().filter_map(replaced).collect(),
        refusal: None,
    }
}

fn warnings(change: &Change, overlaps: &[Overlap], then: &str) -> Vec<Warning> {
    let kind = change.desired.kind();
    let warning =
        |overlap: &Overlap| Warning::of(Attention::OverlapForeseen, overlap.ahead(kind, then));
    overlaps.iter().map(warning).collect()
}

/// What the sync does about what is in the way: for the dates of what m3ter has already nothing
/// makes way.
fn rule(change: &Change, rule: OverlapRule) -> OverlapRule {
    if matches!(change.step, Step::Create) { rule } else { OverlapRule::Report }
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
mod tests;
