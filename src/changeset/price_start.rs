//! A price begins with what it bills. Where another Pricing has followed the first one, a start
//! that moves to an earlier day takes that first one along: else usage of the time before would
//! have no price.

use jiff::Timestamp;

use super::FirstPrice;
use super::price_end::have_one_plan;
use super::successor::is_successor;
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::settings::PricingChange;
use crate::domain::value::Value;

/// A start that moves to an earlier day, with a Pricing that followed another one.
#[derive(Debug)]
pub struct EarlierStart<'a> {
    /// The AccountPlan that moves.
    pub account_plan: ObjectKey,
    /// The Pricing that bills now, as the record asks for it and as m3ter has it.
    pricing: &'a DesiredObject,
    held: &'a ActualObject,
    start: Timestamp,
}

impl EarlierStart<'_> {
    /// The Plan whose Pricings hold the first one.
    pub fn plan(&self) -> Option<&str> {
        self.held.text("planId")
    }

    /// The first Pricing, where it starts too late.
    pub fn first_price(
        &self,
        pricings: &[&ActualObject],
        pricing_change: PricingChange,
    ) -> Option<FirstPrice> {
        let is_first = |other: &&&ActualObject| {
            other.text("planId") == self.plan()
                && other.code().is_some()
                && other.code() == self.pricing.code.as_deref()
        };
        let actual = (*pricings.iter().find(is_first)?).clone();
        instant(&actual).filter(|start| *start > self.start)?;
        let start = DesiredField {
            name: "startDate",
            action: FieldAction::Set(Value::DateTime(self.start)),
            once: false,
            source: "the start of its AccountPlan".into(),
        };
        let desired = DesiredObject { intent: Intent::Sync(vec![start]), ..self.pricing.clone() };
        Some(FirstPrice { actual, desired, start: self.start, pricing_change })
    }
}

/// The AccountPlans that are to start earlier than m3ter has them, and whose Pricing followed
/// another one.
pub fn earlier_starts<'a>(
    objects: &'a [DesiredObject],
    actual: impl Fn(&ObjectKey) -> Option<&'a ActualObject>,
) -> Vec<EarlierStart<'a>> {
    let pricings: Vec<(&DesiredObject, &ActualObject)> = objects
        .iter()
        .filter(|object| {
            object.kind() == EntityKind::Pricing && matches!(object.intent, Intent::Sync(_))
        })
        .filter_map(|object| Some((object, actual(&object.key)?)))
        .filter(|(object, held)| is_successor(object, held))
        .collect();
    let earlier = |account_plan: &'a DesiredObject| {
        let Some(Value::DateTime(start)) = account_plan.value("startDate") else { return None };
        let moves = actual(&account_plan.key).and_then(instant).is_some_and(|held| held > *start);
        let (pricing, held) =
            pricings.iter().find(|(pricing, _)| moves && have_one_plan(pricing, account_plan))?;
        let Some(Value::DateTime(start)) = pricing.value("startDate") else { return None };
        Some(EarlierStart { account_plan: account_plan.key.clone(), pricing, held, start: *start })
    };
    objects
        .iter()
        .filter(|object| object.kind() == EntityKind::AccountPlan)
        .filter_map(earlier)
        .collect()
}

fn instant(actual: &ActualObject) -> Option<Timestamp> {
    actual.text("startDate")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{actual, actual_with_id, pricing, set};
    use crate::domain::ids::M3terId;

    const PLAN: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
    const OTHER: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";

    fn at(start: &str) -> DesiredField {
        set("startDate", Value::DateTime(start.parse().unwrap()))
    }

    /// The first price that moves, where the deal starts at `start`, m3ter's AccountPlan at `held`
    /// and the first Pricing at `first`.
    fn first_price(start: &str, held: &str, first: &str, suffix: &str) -> Option<FirstPrice> {
        let plan = || set("planId", Value::Id(M3terId::parse(PLAN).unwrap()));
        let priced = pricing(vec![plan(), at(start)]);
        let mut account_plan = pricing(vec![plan(), at(start)]);
        account_plan.key.kind = EntityKind::AccountPlan;
        let code = priced.code.clone().unwrap();
        let objects = [priced, account_plan];
        let latest = actual(
            json!({"planId": PLAN, "code": format!("{code}{suffix}"), "startDate": "2026-06-01T00:00:00Z"}),
        );
        let held = actual(json!({"planId": PLAN, "startDate": held}));
        let first = actual_with_id(
            OTHER,
            json!({"planId": PLAN, "code": code, "startDate": first, "endDate": "2026-06-01T00:00:00Z"}),
        );
        let starts = earlier_starts(&objects, |key| {
            Some(if key.kind == EntityKind::Pricing { &latest } else { &held })
        });
        starts.first()?.first_price(&[&latest, &first], PricingChange::FromDate)
    }

    #[test]
    fn the_first_of_several_prices_starts_with_its_account_plan() {
        let (earlier, held) = ("2025-06-01T00:00:00Z", "2026-01-01T00:00:00Z");
        let moved = first_price(earlier, held, held, "@2026-06-01").unwrap();
        assert_eq!((moved.actual.id.as_str(), moved.start), (OTHER, earlier.parse().unwrap()));
        assert_eq!(
            moved.desired.fields(),
            [DesiredField { source: "the start of its AccountPlan".into(), ..at(earlier) }]
        );
        assert!(
            moved.moves() && moved.describe().contains("is moved to start at"),
            "{}",
            moved.describe()
        );
        let reported = FirstPrice { pricing_change: PricingChange::Report, ..moved };
        assert!(
            !reported.moves() && reported.describe().contains("has no price"),
            "{}",
            reported.describe()
        );
        // The only price is compared as any other, a first price that begins early enough stays,
        // and so does all where nothing moves.
        assert!(first_price(earlier, held, held, "").is_none());
        assert!(first_price(earlier, held, earlier, "@2026-06-01").is_none());
        assert!(first_price("2026-02-01T00:00:00Z", held, held, "@2026-06-01").is_none());
    }
}
