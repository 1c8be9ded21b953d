//! Product rules: which plan template or plan of m3ter stands for a product of Salesforce.
//!
//! A rule may be for one billing frequency, one currency, or both; what it leaves blank it does not
//! ask. Of the rules that fit, the most specific one is used; where none fits, the mapping's own
//! code is.

use std::fmt;

use serde_json::Value as Json;

use super::Mapping;
use super::condition::folded;
use super::convert::Raw;
use super::evaluate::{Evaluated, Outcome};
use super::language::{Expression, ObjectMapping, ProductRule};
use super::row::Row;
use crate::domain::catalog::Catalogued;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::value::Value;

impl Mapping {
    pub(super) fn has_product_rules(&self) -> bool {
        self.mapped.product.is_some() && !self.product_rules.is_empty()
    }
}

impl<'a> Row<'a> {
    /// The rule for the product of this row.
    pub(super) fn product_rule(
        self,
        object: &ObjectMapping,
    ) -> Result<Option<&'a ProductRule>, Finding> {
        let Some(keys) =
            self.mapping.mapped.product.as_ref().filter(|_| self.mapping.has_product_rules())
        else {
            return Ok(None);
        };
        let Some(row) = self.up_to(keys.rows) else { return Ok(None) };
        let text = |expression: Option<&Expression>| -> Result<Option<String>, Finding> {
            let found = expression
                .map(|expression| row.evaluate(object, expression, None))
                .transpose()?
                .flatten();
            Ok(found.map(|found| folded(&found.raw.text())).filter(|text| !text.is_empty()))
        };
        let Some(product) = text(Some(&keys.product))? else { return Ok(None) };
        let (frequency, currency) =
            (text(keys.billing_frequency.as_ref())?, text(keys.currency.as_ref())?);
        let fits = |asked: &Option<String>, actual: &Option<String>| {
            asked.as_ref().is_none_or(|asked| Some(folded(asked)) == *actual)
        };
        let fitting = self.mapping.product_rules.iter().filter(|rule| {
            folded(&rule.product) == product
                && fits(&rule.billing_frequency, &frequency)
                && fits(&rule.currency, &currency)
        });
        // Of two rules that are equally specific, which come from two files, the first one counts:
        // that of the mapping itself.
        Ok(fitting
            .rev()
            .max_by_key(|rule| (rule.billing_frequency.is_some(), rule.currency.is_some())))
    }

    /// The code of the plan template that a rule chooses.
    pub(super) fn product_choice(self, object: &ObjectMapping) -> Outcome {
        Ok(self.product_rule(object)?.filter(|rule| rule.target == Catalogued::PlanTemplate).map(
            |rule| Evaluated {
                raw: Raw::Json(Json::String(rule.code.clone())),
                source: rule.to_string(),
                warnings: vec![
                    format!("The plan template `{}` was chosen by the {rule}", rule.code).into(),
                ],
            },
        ))
    }

    /// The plan that a rule attaches in place of the row's own Plan.
    pub(super) fn shared_plan(self, kind: EntityKind) -> Outcome {
        let Some((row, object)) = self.target(kind).filter(|_| kind == EntityKind::Plan) else {
            return Ok(None);
        };
        let Some(rule) = row.product_rule(object)?.filter(|rule| rule.target == Catalogued::Plan)
        else {
            return Ok(None);
        };
        match self.context.catalog.id(Catalogued::Plan, &rule.code) {
            Some(id) => Ok(Some(Evaluated {
                raw: Raw::Typed(Value::Id(id)),
                source: rule.to_string(),
                warnings: vec![
                    format!("The plan `{}` was chosen by the {rule}; the line has no Plan and no Pricing of its own", rule.code).into(),
                ],
            })),
            None => Err(Finding::new(
                FindingCode::CodeNotFound,
                format!("m3ter has no plan with the code `{}` from the {rule}", rule.code),
                "Create the plan in m3ter, or correct the rule",
            )),
        }
    }

    /// Whether a rule attaches a plan, so that the row makes none.
    pub(super) fn has_shared_plan(self, kind: EntityKind) -> bool {
        let plan = self
            .target(EntityKind::Plan)
            .filter(|_| matches!(kind, EntityKind::Plan | EntityKind::Pricing));
        plan.is_some_and(|(row, object)| matches!(row.product_rule(object), Ok(Some(rule)) if rule.target == Catalogued::Plan))
    }
}

impl fmt::Display for ProductRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "product rule for `{}`", self.product)?;
        self.billing_frequency
            .iter()
            .chain(&self.currency)
            .try_for_each(|asked| write!(f, ", `{asked}`"))?;
        write!(f, " ({}, line {})", self.file, self.line)
    }
}
