//! Lines of one product: unless its organization allows more, m3ter runs one AccountPlan of a
//! product at a time for an Account.
//!
//! Of two lines that clash one is refused before anything of it is sent. It is never the one whose
//! AccountPlan m3ter has: which of two lines is billed must not hang on the order in which
//! Salesforce gives them.

use serde_json::{Map, Value as Json};

use super::attached::{Attached, Period, intersect};
use super::body::create_body;
use super::terms::written;
use super::write_order::write_order;
use super::{Change, Changeset, KnownIds};
use crate::domain::actual::ActualObject;
use crate::domain::catalog::PlanTemplate;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, M3terId, SalesforceId};
use crate::domain::value::Value;

impl Changeset {
    /// Refuses each line of a product that another line has at the same time. `held` are the
    /// AccountPlans that m3ter has, as far as they were read.
    pub fn keep_one_plan_for_each_product<'t>(
        &mut self,
        templates: impl IntoIterator<Item = &'t PlanTemplate>,
        held: impl IntoIterator<Item = &'t ActualObject>,
    ) {
        let lines = Lines::new(self, templates);
        let held: IdMap<&M3terId, &ActualObject> =
            held.into_iter().map(|object| (&object.id, object)).collect();
        let mut attached: Vec<Attached<'_>> =
            self.changes.iter().filter_map(|change| lines.attached(change, &held)).collect();
        attached.sort_by_key(|attached| !attached.is_held);
        let mut kept: Vec<&Attached<'_>> = Vec::new();
        let mut kept_by_product: IdMap<(&str, &str), Vec<&Attached<'_>>> = IdMap::default();
        let mut clashes: Vec<(SalesforceId, Finding)> = Vec::new();
        for one in &attached {
            let of_product = kept_by_product.entry((&one.account, one.product)).or_default();
            match of_product.iter().find(|other| intersect(other.period, one.period)) {
                Some(other) => {
                    let held =
                        if other.is_held { ", and m3ter bills the first one already" } else { "" };
                    let message = format!(
                        "The lines {} and {} are of the same m3ter product and run at the same time{held}",
                        other.row(),
                        one.row()
                    );
                    let remedy = "Give the lines periods that do not overlap, join them into one, or allow overlapping attached plans in m3ter's organization configuration";
                    clashes.push((
                        one.row().clone(),
                        Finding::new(FindingCode::ProductPeriodsOverlap, message, remedy),
                    ));
                }
                None => {
                    of_product.push(one);
                    kept.push(one);
                }
            }
        }
        let write_order = write_order(&kept);
        for (row, finding) in clashes {
            let of_line = |change: &&mut Change| {
                change.desired.key.row == row && change.desired.kind() >= EntityKind::Plan
            };
            self.changes.iter_mut().filter(of_line).for_each(|change| change.refuse(&finding));
        }
        self.write_order = write_order;
    }
}

/// What the lines of a deal refer to.
struct Lines<'a> {
    changes: IdMap<&'a ObjectKey, &'a Change>,
    templates: IdMap<&'a M3terId, &'a PlanTemplate>,
}

impl<'a> Lines<'a> {
    fn new<'t: 'a>(
        changeset: &'a Changeset,
        templates: impl IntoIterator<Item = &'t PlanTemplate>,
    ) -> Self {
        let changes = changeset.changes.iter().map(|change| (&change.desired.key, change));
        let templates = templates.into_iter().map(|template| (&template.id, template));
        Self { changes: changes.collect(), templates: templates.collect() }
    }

    fn attached(
        &self,
        change: &'a Change,
        held: &IdMap<&M3terId, &'a ActualObject>,
    ) -> Option<Attached<'a>> {
        let desired = &change.desired;
        if desired.kind() != EntityKind::AccountPlan {
            return None;
        }
        let held = change.step.known_id().and_then(|id| held.get(id).copied());
        let (account, product) =
            match held.and_then(|held| Some((held.text("accountId")?, held.text("productId")?))) {
                Some((account, product)) => (account.to_owned(), product),
                None => (self.account_of(desired)?, self.sold_as(desired)?),
            };
        let now = held.and_then(|held| bounds(&held.fields));
        Some(Attached {
            change,
            account,
            product,
            period: period(change, held)?,
            now,
            is_held: change.step.known_id().is_some(),
        })
    }

    /// The id of its Account, or the row whose Account this sync makes.
    fn account_of(&self, desired: &DesiredObject) -> Option<String> {
        match desired.value("accountId")? {
            Value::Id(id) => Some(id.to_string()),
            Value::Object(key) => {
                let account = self.changes.get(key).and_then(|account| account.step.known_id());
                Some(account.map_or_else(|| key.row.to_string(), ToString::to_string))
            }
            _ => None,
        }
    }

    fn sold_as(&self, desired: &DesiredObject) -> Option<&'a str> {
        let Value::Object(plan) = desired.value("planId")? else { return None };
        let plan = &self.changes.get(plan)?.desired;
        let Value::Id(template) = plan.value("planTemplateId")? else { return None };
        Some(self.templates.get(template)?.product_id.as_str())
    }
}

/// The time that m3ter will bill it after this sync: what a blank or unreadable field leaves as it
/// is counts as m3ter has it.
fn period(change: &Change, held: Option<&ActualObject>) -> Option<Period> {
    match (written(change, &KnownIds::default()), held) {
        (Some(fields), _) => bounds(&fields),
        (None, Some(held)) => bounds(&held.fields),
        // It fails, for another reason; what the record asks for stands in the way all the same.
        (None, None) => bounds(&create_body(&change.desired, &KnownIds::default())),
    }
}

fn bounds(account_plan: &Map<String, Json>) -> Option<Period> {
    let instant = |field: &str| {
        account_plan.get(field).and_then(Json::as_str).and_then(|text| text.parse().ok())
    };
    Some((instant("startDate")?, instant("endDate")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::changeset::Step;
    use crate::changeset::testing::{account, actual_with_id, set};

    const ACCOUNT: &str = "11111111-54a5-4654-b0fb-b503a7ed58b2";
    const HELD: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
    const LINES: [&str; 2] = ["00kS900000079M1IAI", "00kS900000079F4IAI"];

    fn template(digit: u8, product: u8) -> PlanTemplate {
        let id = |kind: u8, digit: u8| {
            M3terId::parse(&format!("0000040{digit}-0000-4000-8000-00000000000{kind}")).unwrap()
        };
        PlanTemplate { id: id(0, digit), product_id: id(1, product), currency: "USD".to_owned() }
    }

    fn change(desired: DesiredObject, step: Step) -> Change {
        Change::new(desired, step, Vec::new())
    }

    fn instant(text: &str) -> Value {
        Value::DateTime(text.parse().unwrap())
    }

    /// The findings of two lines, each with its template, its period, and its step where it is no
    /// create.
    fn findings(
        lines: [(u8, &str, Option<&str>, Option<Step>); 2],
        held: &[ActualObject],
    ) -> [Vec<FindingCode>; 2] {
        let templates = [template(0, 0), template(1, 0), template(2, 2)];
        let rows = LINES.map(|line| SalesforceId::parse(line).unwrap());
        let of_account = ObjectKey::only(EntityKind::Account, rows[0].clone());
        let id = M3terId::parse(ACCOUNT).unwrap();
        let mut changes = vec![change(
            DesiredObject { key: of_account.clone(), ..account(Vec::new()) },
            Step::Unchanged { id },
        )];
        for (row, (template, from, to, step)) in rows.iter().zip(lines) {
            let plan = ObjectKey::only(EntityKind::Plan, row.clone());
            let mut fields = vec![
                set("planId", Value::Object(plan.clone())),
                set("accountId", Value::Object(of_account.clone())),
                set("startDate", instant(from)),
            ];
            fields.extend(to.map(|to| set("endDate", instant(to))));
            let template =
                set("planTemplateId", Value::Id(templates[usize::from(template)].id.clone()));
            let to_create = || Step::Create;
            changes
                .push(change(DesiredObject { key: plan, ..account(vec![template]) }, to_create()));
            let key = ObjectKey::only(EntityKind::AccountPlan, row.clone());
            changes.push(change(
                DesiredObject { key, ..account(fields) },
                step.unwrap_or_else(to_create),
            ));
        }
        let mut changeset = Changeset { changes, ..Changeset::default() };
        changeset.keep_one_plan_for_each_product(&templates, held);
        rows.map(|row| {
            let of_row = changeset.changes.iter().filter(|change| change.desired.key.row == row);
            let of_step = of_row.filter_map(|change| match &change.step {
                Step::Invalid { findings, .. } => findings.last().map(|finding| finding.code),
                _ => None,
            });
            of_step.collect()
        })
    }

    fn held() -> Step {
        Step::Unchanged { id: M3terId::parse(HELD).unwrap() }
    }

    #[test]
    fn of_two_lines_of_a_product_the_one_that_m3ter_does_not_bill_is_refused() {
        const JANUARY: &str = "2026-01-01T00:00:00Z";
        const JUNE: &str = "2026-06-01T00:00:00Z";
        let refused = vec![FindingCode::ProductPeriodsOverlap; 2];
        for (what, lines, expected) in [
            (
                "both new",
                [(0, JANUARY, None, None), (1, JUNE, None, None)],
                [vec![], refused.clone()],
            ),
            (
                "the second one is held",
                [(0, JANUARY, None, None), (1, JUNE, None, Some(held()))],
                [refused.clone(), vec![]],
            ),
            (
                "both are held",
                [(0, JANUARY, None, Some(held())), (1, JUNE, None, Some(held()))],
                [vec![], refused.clone()],
            ),
            (
                "one after the other",
                [(0, JANUARY, Some(JUNE), None), (1, JUNE, None, None)],
                [vec![], vec![]],
            ),
            (
                "of two products",
                [(0, JANUARY, None, None), (2, JANUARY, None, None)],
                [vec![], vec![]],
            ),
        ] {
            assert_eq!(findings(lines, &[]), expected, "{what}");
        }
    }

    #[test]
    fn an_object_that_the_sync_leaves_alone_counts_as_m3ter_bills_it() {
        const JANUARY: &str = "2026-01-01T00:00:00Z";
        const JUNE: &str = "2026-06-01T00:00:00Z";
        let product = template(0, 0).product_id;
        let until = |end: Option<&str>| {
            actual_with_id(
                HELD,
                json!({"accountId": ACCOUNT, "productId": product.as_str(), "startDate": JANUARY, "endDate": end}),
            )
        };
        let unreadable = || {
            let finding = Finding::new(FindingCode::FieldNotReadable, String::new(), "");
            Some(Step::Invalid {
                findings: vec![finding],
                existing: Some(M3terId::parse(HELD).unwrap()),
            })
        };
        let flagged = || Some(Step::Flagged { existing: Some(M3terId::parse(HELD).unwrap()) });
        let refused = vec![FindingCode::ProductPeriodsOverlap; 2];
        for (what, step, end, expected) in [
            ("a blank end that m3ter has filled", Some(held()), Some(JUNE), vec![]),
            ("without an end in m3ter", Some(held()), None, refused.clone()),
            ("an end that cannot be read", unreadable(), None, refused.clone()),
            ("one that cannot be read, and has ended by then", unreadable(), Some(JUNE), vec![]),
            ("a flag that is off", flagged(), None, refused.clone()),
        ] {
            assert_eq!(
                findings([(0, JANUARY, None, step), (1, JUNE, None, None)], &[until(end)])[1],
                expected,
                "{what}"
            );
        }
    }
}
