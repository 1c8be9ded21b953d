//! Which AccountPlans are written before others.
//!
//! All changes of a sync go out at once. One that takes a time that another one leaves is refused
//! by m3ter, unless it comes after it.

use super::Step;
use super::attached::{Attached, intersect};
use crate::domain::entity::ObjectKey;
use crate::domain::ids::IdMap;

/// The AccountPlans that must be written first, by the one that waits for them. Nobody waits in a
/// circle: two that change places are for m3ter to refuse.
pub(super) fn write_order(attached: &[&Attached<'_>]) -> IdMap<ObjectKey, Vec<ObjectKey>> {
    let mut by_product: IdMap<(&str, &str), Vec<&Attached<'_>>> = IdMap::default();
    for one in attached.iter().filter(|one| one.change.writes()) {
        by_product.entry((&one.account, one.product)).or_default().push(one);
    }
    let mut first: IdMap<ObjectKey, Vec<ObjectKey>> = IdMap::default();
    for of_product in by_product.values().filter(|of_product| of_product.len() > 1) {
        for one in of_product {
            for other in of_product.iter().filter(|other| leaves_to(other, one)) {
                let (one, other) = (&one.change.desired.key, &other.change.desired.key);
                if !waits_for(&first, other, one) {
                    first.entry(one.clone()).or_default().push(other.clone());
                }
            }
        }
    }
    first
}

/// Whether one is now where the other one will be, and will not be there any more.
fn leaves_to(one: &Attached<'_>, other: &Attached<'_>) -> bool {
    matches!(one.change.step, Step::Update { .. })
        && one.change.desired.key != other.change.desired.key
        && one.now.is_some_and(|now| intersect(now, other.period))
        && !intersect(one.period, other.period)
}

fn waits_for(first: &IdMap<ObjectKey, Vec<ObjectKey>>, one: &ObjectKey, other: &ObjectKey) -> bool {
    first
        .get(one)
        .is_some_and(|before| before.iter().any(|key| key == other || waits_for(first, key, other)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::Change;
    use crate::changeset::attached::Period;
    use crate::changeset::testing::{account, actual_with_id, set};
    use crate::domain::desired::DesiredObject;
    use crate::domain::entity::EntityKind;
    use crate::domain::ids::{IdSet, SalesforceId};

    const ID: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
    const ROWS: [&str; 3] = ["00kS900000079M1IAI", "00kS900000079F4IAI", "00kS900000079F5IAI"];

    fn month(month: u8) -> jiff::Timestamp {
        format!("2026-{month:02}-01T00:00:00Z").parse().unwrap()
    }

    /// From a month to another one, as m3ter has it and as it will have it.
    type Line = (Option<(u8, u8)>, (u8, u8));

    /// Who waits for whom, of lines that each go from some months (none: a new one) to others.
    fn waits(lines: &[Line]) -> IdSet<(usize, usize)> {
        let step = |now: Option<(u8, u8)>| match now {
            None => Step::Create,
            Some(_) => Step::Update { actual: actual_with_id(ID, json!({})), changes: Vec::new() },
        };
        let change = |(row, (now, _)): (&&str, &Line)| {
            let desired = DesiredObject {
                key: ObjectKey::only(EntityKind::AccountPlan, SalesforceId::parse(row).unwrap()),
                ..account(vec![set("code", crate::domain::value::Value::Text((*row).to_owned()))])
            };
            Change::new(desired, step(*now), Vec::new())
        };
        let changes: Vec<Change> = ROWS.iter().zip(lines).map(change).collect();
        let period = |(from, to): (u8, u8)| -> Period { (month(from), Some(month(to))) };
        let attached: Vec<Attached<'_>> = changes
            .iter()
            .zip(lines)
            .map(|(change, (now, then))| Attached::testing(change, now.map(period), period(*then)))
            .collect();
        let number =
            |key: &ObjectKey| ROWS.iter().position(|row| *row == key.row.as_str()).unwrap();
        let first = write_order(&attached.iter().collect::<Vec<_>>());
        first
            .iter()
            .flat_map(|(one, others)| others.iter().map(move |other| (number(one), number(other))))
            .collect()
    }

    #[test]
    fn a_line_that_takes_a_period_waits_for_the_one_that_leaves_it_and_never_in_a_circle() {
        for (what, lines, expected) in [
            (
                "a new one after one that ends",
                vec![(Some((1, 12)), (1, 6)), (None, (6, 12))],
                vec![(1, 0)],
            ),
            (
                "beside one that is not in its way",
                vec![(Some((1, 6)), (1, 5)), (None, (6, 12))],
                vec![],
            ),
            ("each moves on", vec![(Some((1, 4)), (4, 8)), (Some((4, 8)), (8, 12))], vec![(0, 1)]),
            (
                "three in a row",
                vec![(None, (1, 4)), (Some((1, 4)), (4, 8)), (Some((4, 8)), (8, 12))],
                vec![(0, 1), (1, 2)],
            ),
        ] {
            assert_eq!(waits(&lines), expected.into_iter().collect(), "{what}");
        }
        // One of two that change places goes first, and m3ter has the last word.
        assert_eq!(waits(&[(Some((1, 6)), (6, 12)), (Some((6, 12)), (1, 6))]).len(), 1);
    }
}
