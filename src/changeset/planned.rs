//! What a changeset would write, as a plan: a dry run answers with its hash, and a sync that was
//! asked for with one writes nothing else.

use super::body::{resolved, updatable_fields};
use super::compare::field_change;
use super::render::{creation, render_value};
use super::successor::{ending, successor};
use super::{Change, Changeset, KnownIds, ReplacedObject, Step};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction};
use crate::domain::entity::ObjectKey;
use crate::domain::field::OnDifference;
use crate::domain::ids::M3terId;
use crate::domain::outcome::FieldChange;
use crate::domain::plan::{Plan, PlannedAction, PlannedChange};
use crate::domain::value::Value;

impl ReplacedObject {
    /// What is written for it.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        plan.add(&PlannedChange {
            kind: self.kind.name(),
            row: "",
            key: "",
            m3ter_id: self.id.as_str(),
            action: PlannedAction::Update,
            field: "endDate",
            old: self.ends.as_deref(),
            new: Some(&self.would_end),
        });
        plan
    }
}

impl Changeset {
    /// What would be written, once it is foreseen what m3ter will refuse.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        self.changes
            .iter()
            .filter(|change| self.will_write(change))
            .for_each(|change| plan.extend(change.plan()));
        plan
    }

    /// Whether a change is written, as far as that is foreseen.
    pub(super) fn will_write(&self, change: &Change) -> bool {
        change.writes() && change.refusal_ahead.is_none() && self.obstacle(change).is_none()
    }

    /// Leaves out what was foreseen to be refused: it is in no plan, and so it is not tried.
    pub fn leave_out_refused(&mut self, foreseen: &Self) {
        for change in &mut self.changes {
            let ahead =
                foreseen.changes.iter().find(|ahead| ahead.desired.key == change.desired.key);
            if let Some(refusal) =
                ahead.and_then(|ahead| ahead.refusal_ahead.clone()).filter(|_| change.writes())
            {
                change.step = Step::Invalid {
                    findings: vec![refusal],
                    existing: change.step.known_id().cloned(),
                };
            }
        }
    }
}

impl Change {
    fn plan(&self) -> Plan {
        let mut plan = match &self.step {
            Step::Create => of_create(&self.desired),
            Step::Update { actual, changes } => {
                of_changes(&self.desired, &actual.id, changes.iter())
            }
            Step::Supersede { actual, from, .. } => {
                let mut plan = of_create(&successor(&self.desired, *from));
                if let Some(ending) = ending(&self.desired, actual, *from) {
                    let changes = updated_fields(&ending, actual, &KnownIds::default());
                    plan.extend(of_update(&ending, &actual.id, &changes));
                }
                plan
            }
            Step::Unchanged { .. }
            | Step::Kept { .. }
            | Step::Flagged { .. }
            | Step::Invalid { .. } => Plan::default(),
        };
        if let Some(first) = self
            .first_price
            .as_ref()
            .filter(|first| first.moves() && matches!(self.step, Step::Update { .. }))
        {
            let changes = updated_fields(&first.desired, &first.actual, &KnownIds::default());
            plan.extend(of_update(&first.desired, &first.actual.id, &changes));
        }
        self.replaces.iter().for_each(|replaced| plan.extend(replaced.plan()));
        plan
    }
}

/// The fields that an update of `actual` to the desired fields changes.
pub fn updated_fields(
    desired: &DesiredObject,
    actual: &ActualObject,
    known: &KnownIds,
) -> Vec<FieldChange> {
    let changed = |field| field_change(field, actual, known);
    updatable_fields(desired, actual).filter_map(changed).collect()
}

/// The fields of a new object, with the ids of the objects that it refers to.
pub fn of_creation(desired: &DesiredObject, known: &KnownIds) -> Vec<FieldChange> {
    let resolved = |field: &DesiredField| match &field.action {
        FieldAction::Set(value) => {
            DesiredField { action: FieldAction::Set(resolved(value, known)), ..field.clone() }
        }
        FieldAction::Clear => field.clone(),
    };
    creation(&desired.fields().iter().map(resolved).collect::<Vec<_>>())
}

/// What an object that was there holds once it is as the record asks for: what a later sync would
/// correct.
pub fn of_taking_over(desired: &DesiredObject) -> Vec<FieldChange> {
    let holds = |field: &&DesiredField| {
        let refers = matches!(&field.action, FieldAction::Set(Value::Object(_)));
        let spec = desired.kind().field(field.name);
        let is_corrected = spec.is_some_and(|spec| spec.on_difference == OnDifference::Update);
        is_corrected && !field.once && !refers
    };
    creation(desired.fields().iter().filter(holds))
}

/// What an update that changes these fields writes.
pub fn of_update(desired: &DesiredObject, id: &M3terId, changes: &[FieldChange]) -> Plan {
    of_changes(desired, id, changes.iter())
}

fn of_create(desired: &DesiredObject) -> Plan {
    let mut plan = Plan::default();
    for change in creation(desired.fields()) {
        plan.add(&planned(&desired.key, "", PlannedAction::Create, &change));
    }
    plan
}

fn of_changes<'a>(
    desired: &DesiredObject,
    id: &M3terId,
    changes: impl Iterator<Item = &'a FieldChange>,
) -> Plan {
    let mut plan = Plan::default();
    for change in changes {
        // An object of the same sync may have its id by now, or not yet: it is the same object.
        let of_sync = desired
            .value(&change.field)
            .filter(|value| matches!(value, Value::Object(_)))
            .map(render_value);
        let mut planned = planned(&desired.key, id.as_str(), PlannedAction::Update, change);
        planned.new = of_sync.as_deref().or(planned.new);
        plan.add(&planned);
    }
    plan
}

/// A change of a field as a plan has it.
pub fn planned<'a>(
    key: &'a ObjectKey,
    m3ter_id: &'a str,
    action: PlannedAction,
    change: &'a FieldChange,
) -> PlannedChange<'a> {
    PlannedChange {
        kind: key.kind.name(),
        row: key.row.as_str(),
        key: &key.key,
        m3ter_id,
        action,
        field: &change.field,
        old: change.old_value.as_deref(),
        new: change.new_value.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::changeset::compare::{CompareContext, compare};
    use crate::changeset::testing::{actual, pricing, set};
    use crate::domain::settings::{EndedRule, PricingChange};
    use crate::domain::value::PricingBand;

    /// The plan of a price that changes, asked for at an instant.
    fn plan_at(now: &str, pricing_change: PricingChange) -> String {
        let band = PricingBand {
            lower_limit: 0.into(),
            fixed_price: 0.into(),
            unit_price: "0.06".parse().unwrap(),
        };
        let desired = pricing(vec![set("pricingBands", Value::PricingBands(vec![band]))]);
        let held = actual(json!({"code": "00k", "startDate": "2026-01-01T00:00:00Z",
            "pricingBands": [{"id": "b", "lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.05}]}));
        let compare_context = CompareContext {
            now: now.parse().unwrap(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            pricing_change,
            ended: EndedRule::Follow,
        };
        let (step, warnings) =
            compare(&desired, Some(&held), &KnownIds::default(), &compare_context);
        let change = Change::new(desired, step, warnings);
        change.plan().hash().to_string()
    }

    #[test]
    fn a_plan_with_dates_relative_to_today_is_valid_on_its_day_only() {
        let of = |now| plan_at(now, PricingChange::FromDate);
        let noon = of("2026-06-15T12:00:00Z");
        assert_eq!(of("2026-06-15T21:59:59Z"), noon, "the same day in Berlin");
        assert_ne!(of("2026-06-15T22:00:00Z"), noon, "the next day in Berlin");
        let in_place = |now| plan_at(now, PricingChange::InPlace);
        assert_eq!(in_place("2026-06-15T12:00:00Z"), in_place("2026-06-16T12:00:00Z"));
    }
}
