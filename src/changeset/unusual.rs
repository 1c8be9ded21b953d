//! A sync that ends or lowers more of a deal than is usual, or changes more of its prices: a wrong
//! field or a wrong mapping looks so.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::{Change, Changeset, Step};
use crate::domain::dates::midnight;
use crate::domain::desired::FieldAction;
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldType;
use crate::domain::outcome::FieldChange;
use crate::domain::value::{HeldBand, Value, date_in_text, held_bands};

/// What a run may change without a plan that somebody has seen; `None`: as much as it likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usual {
    /// Objects that end earlier, or whose amount or price gets lower.
    pub ends: Option<u32>,
    /// Of a hundred prices of a deal, those that change.
    pub price_percent: Option<u32>,
}

/// The fields of a Pricing that are its price.
const PRICES: [&str; 6] =
    ["pricingBands", "overagePricingBands", "cumulative", "tiersSpanPlan", "type", "minimumSpend"];

impl Usual {
    /// Whether there is a limit.
    pub fn is_limited(self) -> bool {
        self != Self::default()
    }

    /// What is unusual about what would be written, with `others` objects that end beside; `None`
    /// if nothing is.
    pub fn exceeded(self, foreseen: &Changeset, others: usize) -> Option<String> {
        let written = || foreseen.changes.iter().filter(|change| foreseen.will_write(change));
        let replaced: usize = written().map(|change| change.replaces.len()).sum();
        let lowered = written().filter(|change| change.ends_earlier() || change.lowers()).count();
        let prices = || {
            foreseen.changes.iter().filter(|change| change.desired.kind() == EntityKind::Pricing)
        };
        let there = prices().filter(|change| change.step.known_id().is_some()).count();
        let changed =
            prices().filter(|change| foreseen.will_write(change) && change.changes_price()).count();
        self.too_many_ends(replaced + lowered + others)
            .or_else(|| self.too_many_prices(changed, there))
    }

    /// What is unusual about so many ends.
    pub fn too_many_ends(self, ends: usize) -> Option<String> {
        let most = self.ends.filter(|most| ends > *most as usize)?;
        let objects = if ends == 1 { "object" } else { "objects" };
        Some(format!("It would end or lower {ends} {objects} (UNUSUAL_ENDS allows {most})"))
    }

    fn too_many_prices(self, changed: usize, there: usize) -> Option<String> {
        let most = self.price_percent.filter(|most| changed * 100 > there * *most as usize)?;
        Some(format!(
            "It would change {changed} of {there} prices (UNUSUAL_PRICE_PERCENT allows {most} %)"
        ))
    }
}

impl Change {
    fn updates(&self) -> &[FieldChange] {
        match &self.step {
            Step::Update { changes, .. } | Step::Supersede { changes, .. } => changes,
            _ => &[],
        }
    }

    /// Whether it has an end where it had none, or an earlier one. A price that another one follows
    /// has not ended.
    fn ends_earlier(&self) -> bool {
        let ends = |change: &&FieldChange| {
            change.field == "endDate" && matches!(self.step, Step::Update { .. })
        };
        self.updates().iter().filter(ends).any(|change| {
            match (&change.old_value, &change.new_value) {
                (None, Some(_)) => true,
                (Some(old), Some(new)) => {
                    instant(new).zip(instant(old)).is_some_and(|(new, old)| new < old)
                }
                (_, None) => false,
            }
        })
    }

    /// Whether an amount or a price of it gets lower.
    fn lowers(&self) -> bool {
        self.updates().iter().any(|change| {
            let number = |value: &Option<String>| value.as_deref()?.parse::<Decimal>().ok();
            match self.desired.kind().field(&change.field).map(|spec| spec.field_type) {
                Some(FieldType::Decimal { .. }) => number(&change.new_value)
                    .zip(number(&change.old_value))
                    .is_some_and(|(new, old)| new < old),
                Some(FieldType::PricingBands) => self.lowers_bands(&change.field),
                _ => false,
            }
        })
    }

    fn lowers_bands(&self, name: &str) -> bool {
        let (Step::Update { actual, .. } | Step::Supersede { actual, .. }) = &self.step else {
            return false;
        };
        let held = actual.fields.get(name).and_then(held_bands).unwrap_or_default();
        let desired = self.desired.fields().iter().find(|field| field.name == name);
        let desired: Vec<HeldBand> = match desired.map(|field| &field.action) {
            Some(FieldAction::Set(Value::PricingBands(bands))) => {
                bands.iter().map(|band| band.held()).collect()
            }
            _ => return false,
        };
        let at = |bands: &[HeldBand], limit: f64| {
            bands.iter().rfind(|band| band.lower_limit <= limit).copied()
        };
        held.iter().chain(&desired).any(|band| {
            let (before, after) = (at(&held, band.lower_limit), at(&desired, band.lower_limit));
            before.zip(after).is_some_and(|(before, after)| {
                after.unit_price < before.unit_price || after.fixed_price < before.fixed_price
            })
        })
    }

    fn changes_price(&self) -> bool {
        self.updates().iter().any(|change| PRICES.contains(&change.field.as_str()))
    }
}

/// A date or an instant; among those of one field it does not matter in which time zone a day
/// begins.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| midnight(date_in_text(text)?, &TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::changeset::KnownIds;
    use crate::changeset::compare::{CompareContext, compare};
    use crate::changeset::testing::{actual, pricing, set};
    use crate::domain::desired::{DesiredField, DesiredObject};
    use crate::domain::settings::{EndedRule, PricingChange};
    use crate::domain::value::PricingBand;

    fn change(kind: EntityKind, fields: Vec<DesiredField>, held: Option<Json>) -> Change {
        let mut desired: DesiredObject = pricing(fields);
        desired.key.kind = kind;
        let compare_context = CompareContext {
            now: "2026-06-15T12:00:00Z".parse().unwrap(),
            time_zone: TimeZone::UTC,
            pricing_change: PricingChange::InPlace,
            ended: EndedRule::Follow,
        };
        let step =
            compare(&desired, held.map(actual).as_ref(), &KnownIds::default(), &compare_context).0;
        Change::new(desired, step, Vec::new())
    }

    fn priced(bands: &[(i64, &str)]) -> Vec<DesiredField> {
        let band = |(from, price): &(i64, &str)| PricingBand {
            lower_limit: (*from).into(),
            fixed_price: Decimal::ZERO,
            unit_price: price.parse().unwrap(),
        };
        vec![set("pricingBands", Value::PricingBands(bands.iter().map(band).collect()))]
    }

    fn until(end: &str) -> Vec<DesiredField> {
        vec![set("endDate", Value::Date(end.parse().unwrap()))]
    }

    #[test]
    fn earlier_ends_and_lower_prices_are_counted() {
        use EntityKind::{Commitment, Contract, Pricing};
        let amount = |amount: &str| vec![set("amount", Value::Number(amount.parse().unwrap()))];
        let one = json!({"pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.05}]});
        for (what, change, ends, prices) in [
            (
                "an earlier end",
                change(Contract, until("2026-07-01"), Some(json!({"endDate": "2027-01-01"}))),
                1,
                0,
            ),
            ("the first end", change(Contract, until("2026-07-01"), Some(json!({}))), 1, 0),
            (
                "a later end",
                change(Contract, until("2028-07-01"), Some(json!({"endDate": "2027-01-01"}))),
                0,
                0,
            ),
            ("a new object", change(Contract, until("2026-07-01"), None), 0, 0),
            (
                "a lower amount",
                change(Commitment, amount("999.99"), Some(json!({"amount": 1000}))),
                1,
                0,
            ),
            (
                "a higher amount",
                change(Commitment, amount("1000.01"), Some(json!({"amount": 1000}))),
                0,
                0,
            ),
            (
                "the same amount",
                change(Commitment, amount("1000.00"), Some(json!({"amount": 1000}))),
                0,
                0,
            ),
            ("a lower price", change(Pricing, priced(&[(0, "0.04")]), Some(one.clone())), 1, 1),
            ("a higher price", change(Pricing, priced(&[(0, "0.06")]), Some(one.clone())), 0, 1),
            (
                "a second band that is cheaper",
                change(Pricing, priced(&[(0, "0.05"), (100, "0.03")]), Some(one.clone())),
                1,
                1,
            ),
            ("the same price", change(Pricing, priced(&[(0, "0.050")]), Some(one.clone())), 0, 0),
            ("a new price", change(Pricing, priced(&[(0, "0.01")]), None), 0, 0),
        ] {
            let changeset = Changeset { changes: vec![change], ..Changeset::default() };
            let usual = |ends, price_percent| Usual { ends, price_percent };
            assert_eq!(usual(Some(0), None).exceeded(&changeset, 0).is_some(), ends > 0, "{what}");
            assert_eq!(usual(Some(1), None).exceeded(&changeset, 0), None, "{what}");
            assert_eq!(
                usual(None, Some(99)).exceeded(&changeset, 0).is_some(),
                prices > 0,
                "{what}"
            );
            assert_eq!(usual(None, Some(100)).exceeded(&changeset, 0), None, "{what}");
            assert_eq!(usual(None, None).exceeded(&changeset, 1_000), None, "{what}");
        }
        assert!(
            !Usual::default().is_limited()
                && Usual { ends: Some(0), price_percent: None }.is_limited()
        );
    }

    #[test]
    fn objects_that_end_along_with_others_are_counted_in_the_message() {
        let usual = Usual { ends: Some(2), price_percent: Some(50) };
        assert_eq!(usual.exceeded(&Changeset::default(), 2), None);
        let told = usual.exceeded(&Changeset::default(), 3);
        assert_eq!(
            told.as_deref(),
            Some("It would end or lower 3 objects (UNUSUAL_ENDS allows 2)")
        );
        let one = json!({"pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.05}]});
        let price =
            |price: &str| change(EntityKind::Pricing, priced(&[(0, price)]), Some(one.clone()));
        let told = |prices: &[&str]| {
            usual.exceeded(
                &Changeset {
                    changes: prices.iter().map(|text| price(text)).collect(),
                    ..Changeset::default()
                },
                0,
            )
        };
        assert_eq!(told(&["0.06", "0.05"]), None, "half of them");
        assert_eq!(
            told(&["0.06", "0.07", "0.05"]).as_deref(),
            Some("It would change 2 of 3 prices (UNUSUAL_PRICE_PERCENT allows 50 %)")
        );
    }
}
