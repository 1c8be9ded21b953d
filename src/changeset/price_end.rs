//! A price lasts as long as what it bills: a Pricing that has ended while its AccountPlan runs on
//! leaves usage without a price.
//!
//! The end of a Pricing is no field of a mapping. It comes from end dating, from an interrupted
//! change of price, or from somebody in m3ter. However it came, a sync that gives the AccountPlan
//! its end takes back what cuts the price short.

use jiff::Timestamp;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::made_end::Until;
use crate::domain::settings::PricingChange;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// A Pricing that has ended before its AccountPlan does.
#[derive(Debug)]
pub struct EarlyEnd<'a> {
    /// Its place among the desired objects.
    position: usize,
    held: &'a ActualObject,
    ended: Timestamp,
    runs_on: Lasting,
}

impl EarlyEnd<'_> {
    /// The Plan whose Pricings tell whether another one follows.
    pub fn plan(&self) -> Option<&str> {
        self.held.text("planId")
    }

    /// Another Pricing of the same Plan and aggregation that gives usage since then a price.
    fn successor<'p>(&self, pricings: &[&'p ActualObject]) -> Option<&'p ActualObject> {
        let is_same =
            |other: &ActualObject, field: &str| other.text(field) == self.held.text(field);
        let lasts =
            |other: &ActualObject| instant(other, "endDate").is_none_or(|end| end > self.ended);
        let prices_the_same = |other: &ActualObject| {
            ["planId", "aggregationId", "compoundAggregationId"]
                .iter()
                .all(|field| is_same(other, field))
        };
        pricings
            .iter()
            .copied()
            .find(|other| other.id != self.held.id && prices_the_same(other) && lasts(other))
    }
}

/// The Pricings that have ended although their AccountPlan runs on.
pub fn early_ends<'a>(
    objects: &[DesiredObject],
    actual: impl Fn(&ObjectKey) -> Option<&'a ActualObject>,
) -> Vec<EarlyEnd<'a>> {
    let account_plans: Vec<&DesiredObject> =
        objects.iter().filter(|object| object.kind() == EntityKind::AccountPlan).collect();
    let early_end = |(position, pricing): (usize, &DesiredObject)| {
        let is_mapped = pricing.fields().iter().any(|field| field.name == "endDate");
        if pricing.kind() != EntityKind::Pricing
            || is_mapped
            || !matches!(pricing.intent, Intent::Sync(_))
        {
            return None;
        }
        let held = actual(&pricing.key)?;
        let ended = instant(held, "endDate")?;
        let bills =
            account_plans.iter().filter(|account_plan| have_one_plan(pricing, account_plan));
        let runs_on = bills
            .filter_map(|desired| Lasting::of(desired, actual(&desired.key)))
            .find(|lasting| lasting.is_after(ended))?;
        Some(EarlyEnd { position, held, ended, runs_on })
    };
    objects.iter().enumerate().filter_map(early_end).collect()
}

/// Takes early ends back; where the mapping says only to report changes of price, that is a
/// finding. Where another one of `pricings` follows, usage has its price, and a second one for the
/// same moment would be money: then the end stays.
pub fn take_back(
    objects: &mut [DesiredObject],
    early: &[EarlyEnd<'_>],
    pricings: &[&ActualObject],
    pricing_change: PricingChange,
) {
    for end in early {
        let pricing = &mut objects[end.position];
        let told = format!(
            "The Pricing {} ended at {}, but its AccountPlan bills {}",
            end.held.id, end.ended, end.runs_on
        );
        if let Some(successor) = end.successor(pricings) {
            pricing.warnings.push(Warning::of(
                Attention::UsageUnpriced,
                format!(
                    "{told}; the Pricing {}, which no sync made, prices usage since then",
                    successor.id
                ),
            ));
            continue;
        }
        match &mut pricing.intent {
            intent if pricing_change == PricingChange::Report => {
                *intent = Intent::Invalid(vec![Finding::new(
                    FindingCode::PricingChanged,
                    format!(
                        "{told}: usage since then has no price, and the mapping says only to report that"
                    ),
                    "Remove the end of the Pricing in m3ter, or set `pricing_change` to `in_place` or `from_date`",
                )]);
            }
            Intent::Sync(fields) => {
                let source = "the end of its AccountPlan".into();
                fields.push(DesiredField {
                    name: "endDate",
                    action: FieldAction::Clear,
                    once: false,
                    source,
                });
                pricing.warnings.push(
                    format!("{told}: the end is removed, so that usage since then is priced")
                        .into(),
                );
            }
            Intent::Flagged | Intent::Invalid(_) => {}
        }
    }
}

/// Until when the AccountPlan of a Pricing bills; `None` where it has none.
pub(super) fn lasting_of<'a>(
    objects: &[DesiredObject],
    pricing: &DesiredObject,
    actual: impl Fn(&ObjectKey) -> Option<&'a ActualObject>,
) -> Option<Until> {
    let bills = objects
        .iter()
        .filter(|other| other.kind() == EntityKind::AccountPlan && have_one_plan(pricing, other));
    bills
        .filter_map(|desired| Lasting::of(desired, actual(&desired.key)))
        .map(|lasting| lasting.until())
        .max()
}

/// How long an AccountPlan bills.
#[derive(Debug)]
enum Lasting {
    Until(Timestamp),
    WithoutEnd,
}

impl Lasting {
    /// As the record asks for, else as m3ter has it; `None` where there is no AccountPlan.
    fn of(desired: &DesiredObject, actual: Option<&ActualObject>) -> Option<Self> {
        let asked_for = match desired.value("endDate") {
            Some(Value::DateTime(end)) => Some(*end),
            _ => None,
        };
        let held = || actual.and_then(|actual| instant(actual, "endDate"));
        if desired.fields().is_empty() && actual.is_none() {
            return None;
        }
        Some(asked_for.or_else(held).map_or(Self::WithoutEnd, Self::Until))
    }

    fn until(&self) -> Until {
        match self {
            Self::Until(end) => Until::Instant(*end),
            Self::WithoutEnd => Until::Never,
        }
    }

    fn is_after(&self, instant: Timestamp) -> bool {
        match self {
            Self::Until(end) => *end > instant,
            Self::WithoutEnd => true,
        }
    }
}

impl std::fmt::Display for Lasting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Until(end) => write!(f, "until {end}"),
            Self::WithoutEnd => f.write_str("without an end"),
        }
    }
}

fn instant(actual: &ActualObject, field: &str) -> Option<Timestamp> {
    actual.text(field)?.parse().ok()
}

/// Whether an AccountPlan attaches the Plan of a Pricing: by what both refer to, or by their row
/// where one cannot be resolved.
pub(super) fn have_one_plan(pricing: &DesiredObject, account_plan: &DesiredObject) -> bool {
    match (pricing.value("planId"), account_plan.value("planId")) {
        (Some(pricing), Some(account_plan)) => pricing == account_plan,
        _ => pricing.key.row == account_plan.key.row && pricing.key.key == account_plan.key.key,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{actual, actual_with_id, pricing, set};
    use crate::domain::ids::M3terId;

    const PLAN: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";

    fn plan() -> DesiredField {
        set("planId", Value::Id(M3terId::parse(PLAN).unwrap()))
    }

    /// What becomes of a Pricing with this end in m3ter beside an AccountPlan with these fields and
    /// another Pricing.
    fn taken_back(
        ended: Option<&str>,
        account_plan: Vec<DesiredField>,
        other: &ActualObject,
        pricing_change: PricingChange,
    ) -> DesiredObject {
        let mut billing = pricing(account_plan);
        billing.key.kind = EntityKind::AccountPlan;
        let mut objects = vec![pricing(vec![plan()]), billing];
        let held = actual(
            json!({"planId": PLAN, "aggregationId": "calls", "startDate": "2026-01-01T00:00:00Z", "endDate": ended}),
        );
        let early = early_ends(&objects, |key| (key.kind == EntityKind::Pricing).then_some(&held));
        take_back(&mut objects, &early, &[&held, other], pricing_change);
        objects.remove(0)
    }

    fn another(aggregation: &str, ended: Option<&str>) -> ActualObject {
        actual_with_id(
            "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e",
            json!({"planId": PLAN, "aggregationId": aggregation, "endDate": ended}),
        )
    }

    fn until(end: &str) -> Vec<DesiredField> {
        vec![plan(), set("endDate", Value::DateTime(end.parse().unwrap()))]
    }

    #[test]
    fn a_price_that_ended_before_its_account_plan_loses_its_end() {
        let early = Some("2026-06-01T00:00:00Z");
        // Pricings of another aggregation, or over by then, price nothing of this one's usage.
        let others = [another("storage", None), another("calls", Some("2026-02-01T00:00:00Z"))];
        for (account_plan, other) in
            [until("2027-01-01T00:00:00Z"), vec![plan()]].into_iter().zip(&others)
        {
            let pricing = taken_back(early, account_plan, other, PricingChange::FromDate);
            assert!(
                pricing
                    .fields()
                    .iter()
                    .any(|field| field.name == "endDate" && field.action == FieldAction::Clear),
                "{pricing:?}"
            );
            assert_eq!(pricing.warnings.len(), 1);
        }
        let reported =
            taken_back(early, until("2027-01-01T00:00:00Z"), &others[0], PricingChange::Report);
        assert!(
            matches!(&reported.intent, Intent::Invalid(findings) if findings[0].code == FindingCode::PricingChanged),
            "{reported:?}"
        );
    }

    #[test]
    fn a_price_that_another_one_follows_keeps_its_end() {
        let other = another("calls", None);
        let pricing = taken_back(
            Some("2026-06-01T00:00:00Z"),
            until("2027-01-01T00:00:00Z"),
            &other,
            PricingChange::InPlace,
        );
        assert_eq!(pricing.fields().len(), 1);
        assert!(pricing.warnings[0].contains(other.id.as_str()), "{:?}", pricing.warnings);
    }

    #[test]
    fn a_price_that_ends_with_its_account_plan_or_not_at_all_stays_as_it_is() {
        let other = another("storage", None);
        for (ended, account_plan) in [
            (Some("2027-01-01T00:00:00Z"), until("2027-01-01T00:00:00Z")),
            (Some("2027-06-01T00:00:00Z"), until("2027-01-01T00:00:00Z")),
            (None, until("2027-01-01T00:00:00Z")),
            // The AccountPlan of another Plan.
            (Some("2026-06-01T00:00:00Z"), vec![set("planId", Value::Text("other".into()))]),
        ] {
            let pricing = taken_back(ended, account_plan, &other, PricingChange::InPlace);
            assert_eq!((pricing.fields().len(), pricing.warnings.len()), (1, 0), "{pricing:?}");
        }
    }
}
