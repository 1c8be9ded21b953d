//! Lines of one product: unless its organization allows more, m3ter runs one AccountPlan of a product at a time for an Account.
//!
//! Of two lines that clash one is refused before anything of it is sent. It is never the one whose AccountPlan m3ter has: which of
//! two lines is billed must not hang on the order in which Salesforce gives them.

use jiff::Timestamp;

use super::{Change, Changeset, Step};
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::value::Value;

/// An AccountPlan with what it must not share with another one: the Account, and the product for a time.
struct Attached<'a> {
    row: &'a SalesforceId,
    account: Option<&'a Value>,
    product: &'a M3terId,
    period: Period,
    is_held: bool,
}

impl Changeset {
    /// Refuses each line of a product that another line has at the same time.
    pub fn keep_one_plan_for_each_product<'t>(&mut self, templates: impl IntoIterator<Item = &'t PlanTemplate>) {
        let templates: Vec<&PlanTemplate> = templates.into_iter().collect();
        let mut attached: Vec<Attached<'_>> = self.changes.iter().filter_map(|change| self.attached(change, &templates)).collect();
        attached.sort_by_key(|attached| !attached.is_held);
        let mut kept: Vec<&Attached<'_>> = Vec::new();
        let mut clashes: Vec<(SalesforceId, Finding)> = Vec::new();
        for one in &attached {
            let clashes_with = |other: &&&Attached<'_>| {
                other.account == one.account && other.product == one.product && intersect(other.period, one.period)
            };
            match kept.iter().find(clashes_with) {
                Some(other) => {
                    let held = if other.is_held { ", and m3ter bills the first one already" } else { "" };
                    let message =
                        format!("The lines {} and {} are of the same m3ter product and run at the same time{held}", other.row, one.row);
                    let remedy = "Give the lines periods that do not overlap, join them into one, or allow overlapping attached plans in m3ter's organization configuration";
                    clashes.push((one.row.clone(), Finding::new(FindingCode::ProductPeriodsOverlap, message, remedy)));
                }
                None => kept.push(one),
            }
        }
        for (row, finding) in clashes {
            let of_line = |change: &&mut Change| change.desired.key.row == row && change.desired.kind() >= EntityKind::Plan;
            self.changes.iter_mut().filter(of_line).for_each(|change| refuse(change, &finding));
        }
    }

    fn attached<'a>(&'a self, change: &'a Change, templates: &[&'a PlanTemplate]) -> Option<Attached<'a>> {
        let desired = &change.desired;
        if desired.kind() != EntityKind::AccountPlan {
            return None;
        }
        let plan = match desired.value("planId")? {
            Value::Object(key) => &self.changes.iter().find(|other| other.desired.key == *key)?.desired,
            _ => return None,
        };
        let Value::Id(template) = plan.value("planTemplateId")? else { return None };
        let template = templates.iter().find(|known| known.id == *template)?;
        Some(Attached {
            row: &desired.key.row,
            account: desired.value("accountId"),
            product: &template.product_id,
            period: period(desired)?,
            is_held: change.step.known_id().is_some(),
        })
    }
}

fn refuse(change: &mut Change, finding: &Finding) {
    let existing = change.step.known_id().cloned();
    match &mut change.step {
        Step::Flagged { .. } => {}
        Step::Invalid { findings, .. } => findings.push(finding.clone()),
        step => *step = Step::Invalid { findings: vec![finding.clone()], existing },
    }
}

/// From an instant to another one, or without end.
type Period = (Timestamp, Option<Timestamp>);

fn period(object: &DesiredObject) -> Option<Period> {
    match (object.value("startDate"), object.value("endDate")) {
        (Some(Value::DateTime(start)), Some(Value::DateTime(end))) => Some((*start, Some(*end))),
        (Some(Value::DateTime(start)), None) => Some((*start, None)),
        _ => None,
    }
}

fn intersect(one: Period, other: Period) -> bool {
    one.1.is_none_or(|end| other.0 < end) && other.1.is_none_or(|end| one.0 < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changeset::testing::{account, set};
    use crate::domain::entity::ObjectKey;

    const HELD: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
    const LINES: [&str; 2] = ["00kS900000079M1IAI", "00kS900000079F4IAI"];

    fn template(digit: u8, product: u8) -> PlanTemplate {
        let id = |kind: u8, digit: u8| M3terId::parse(&format!("0000040{digit}-0000-4000-8000-00000000000{kind}")).unwrap();
        PlanTemplate { id: id(0, digit), product_id: id(1, product), currency: "USD".to_owned() }
    }

    /// The findings of two lines, each with its template, its period, and whether m3ter has its AccountPlan.
    fn findings(lines: [(u8, &str, Option<&str>, bool); 2]) -> [Vec<FindingCode>; 2] {
        let templates = [template(0, 0), template(1, 0), template(2, 2)];
        let rows = LINES.map(|line| SalesforceId::parse(line).unwrap());
        let instant = |text: &str| Value::DateTime(text.parse().unwrap());
        let mut changes = Vec::new();
        for (row, (template, from, to, is_held)) in rows.iter().zip(lines) {
            let plan = ObjectKey::only(EntityKind::Plan, row.clone());
            let mut fields = vec![set("planId", Value::Object(plan.clone())), set("startDate", instant(from))];
            fields.extend(to.map(|to| set("endDate", instant(to))));
            let template = set("planTemplateId", Value::Id(templates[usize::from(template)].id.clone()));
            for (key, fields, is_held) in
                [(plan, vec![template], false), (ObjectKey::only(EntityKind::AccountPlan, row.clone()), fields, is_held)]
            {
                let step =
                    if is_held { Step::Unchanged { id: M3terId::parse(HELD).unwrap() } } else { Step::Create { changes: Vec::new() } };
                changes.push(Change {
                    desired: DesiredObject { key, ..account(fields) },
                    step,
                    warnings: Vec::new(),
                    remembered_key: None,
                });
            }
        }
        let mut changeset = Changeset { changes };
        changeset.keep_one_plan_for_each_product(&templates);
        rows.map(|row| {
            let of_row = changeset.changes.iter().filter(|change| change.desired.key.row == row);
            let of_step = of_row.filter_map(|change| match &change.step {
                Step::Invalid { findings, .. } => findings.first().map(|finding| finding.code),
                _ => None,
            });
            of_step.collect()
        })
    }

    #[test]
    fn of_two_lines_of_a_product_the_one_that_m3ter_does_not_bill_is_refused() {
        const JANUARY: &str = "2026-01-01T00:00:00Z";
        const JUNE: &str = "2026-06-01T00:00:00Z";
        let refused = vec![FindingCode::ProductPeriodsOverlap; 2];
        for (what, lines, expected) in [
            ("both new", [(0, JANUARY, None, false), (1, JUNE, None, false)], [vec![], refused.clone()]),
            ("the second one is held", [(0, JANUARY, None, false), (1, JUNE, None, true)], [refused.clone(), vec![]]),
            ("both are held", [(0, JANUARY, None, true), (1, JUNE, None, true)], [vec![], refused.clone()]),
            ("one after the other", [(0, JANUARY, Some(JUNE), false), (1, JUNE, None, false)], [vec![], vec![]]),
            ("of two products", [(0, JANUARY, None, false), (2, JANUARY, None, false)], [vec![], vec![]]),
        ] {
            assert_eq!(findings(lines), expected, "{what}");
        }
    }
}
