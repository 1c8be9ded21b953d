//! What is the same of all terms: conditions, steps and defaults, look-ups and prices.

use super::{Expression, Lookup, Term, UnitPrice};
use crate::domain::bands::single_band;
use crate::domain::catalog::CatalogKind;
use crate::domain::condition::{Condition, Constant};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::less_percent;
use crate::domain::rows::FieldRef;
use crate::domain::source::Source;
use crate::domain::value::Value;
use crate::mapping::evaluated::{Evaluated, Outcome};
use crate::mapping::lookup::{codes, shared_plan_rule, template_by_rule};
use crate::mapping::row::Row;
use crate::mapping::steps::Step;

impl Expression {
    pub(in crate::mapping) fn plain(term: Term) -> Self {
        Self { term, when: None, steps: Vec::new(), default: None }
    }

    pub(in crate::mapping) fn inner(&self) -> impl Iterator<Item = &Self> {
        self.term.inner(None).into_iter().map(|(inner, _)| inner)
    }

    pub(in crate::mapping) fn fields(&self) -> Vec<&FieldRef> {
        let mut fields = self.term.own_fields();
        fields.extend(self.inner().flat_map(Self::fields));
        fields.extend(self.when.iter().flat_map(Condition::fields));
        fields.extend(self.steps.iter().filter_map(Step::operand_field));
        fields.extend(self.steps.iter().filter_map(Step::when).flat_map(Condition::fields));
        fields
    }

    /// Their names, for a sentence about what is blank.
    pub(in crate::mapping) fn names(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for name in self.fields().into_iter().map(|field| format!("`{}`", field.name)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" or ")
    }

    /// The texts of the file itself that it can give: constants, defaults, and what a map ends with.
    pub(in crate::mapping) fn constants(&self) -> Vec<&str> {
        fn text(constant: &Constant) -> Option<&str> {
            if let Constant::Text(text) = constant { Some(text) } else { None }
        }
        let mut found: Vec<&str> = self.default.iter().filter_map(text).collect();
        match (&self.term, self.steps.as_slice()) {
            (Term::Constant(constant), []) => found.extend(text(constant)),
            (Term::First(inner), []) => found.extend(inner.iter().flat_map(Self::constants)),
            (_, [.., Step::Map(entries)]) => {
                found.extend(entries.iter().filter_map(|(_, to)| text(to)));
            }
            // What else is done to a text makes another one of it.
            _ => {}
        }
        found
    }

    pub(in crate::mapping) fn render(&self) -> String {
        let when = if self.when.is_some() { ", on a condition" } else { "" };
        let default = self.default.as_ref().map(|default| format!(", else {}", default.render()));
        format!("{}{when}{}", self.term.render(), default.unwrap_or_default())
    }

    pub(super) fn render_with_steps(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(Step::render).collect();
        if steps.is_empty() {
            self.render()
        } else {
            format!("{} [{}]", self.render(), steps.join(", "))
        }
    }

    fn is_asked(&self, row: Row<'_>) -> bool {
        self.when.as_ref().is_none_or(|condition| condition.holds(row))
    }

    pub(in crate::mapping) fn codes(&self, row: Row<'_>) -> Vec<(CatalogKind, String)> {
        if !self.is_asked(row) {
            return Vec::new();
        }
        match &self.term {
            Term::Lookup(lookup) => {
                let code = lookup.code(row).ok().flatten();
                code.map_or_else(Vec::new, |code| codes(lookup.catalog_kind, &code, row))
            }
            Term::This(EntityKind::Plan, link) => {
                let plan = row.linked_row(*link).and_then(|row| shared_plan_rule(row).ok()?);
                plan.into_iter().map(|rule| (rule.target, rule.code.clone())).collect()
            }
            Term::First(inner) => {
                let mut codes = inner.iter().map(|inner| inner.codes(row));
                codes.find(|codes| !codes.is_empty()).unwrap_or_default()
            }
            Term::Each(_, set, parts) => {
                let of_row = |row| parts.iter().flat_map(move |part| part.expression.codes(row));
                row.below(set.set).into_iter().flat_map(of_row).collect()
            }
            _ => self.inner().flat_map(|inner| inner.codes(row)).collect(),
        }
    }

    pub(in crate::mapping) fn evaluate(&self, row: Row<'_>) -> Outcome {
        let found = if self.is_asked(row) { self.without_default(row)? } else { None };
        let default = || {
            let default = self.default.as_ref()?;
            Some(Evaluated::of_constant(default, Source::Default))
        };
        Ok(found.or_else(default))
    }

    pub(in crate::mapping) fn without_default(&self, row: Row<'_>) -> Outcome {
        let Some(mut value) = self.term.evaluate(row)? else { return Ok(None) };
        for step in &self.steps {
            if !step.apply(&mut value, row)? {
                return Ok(None);
            }
        }
        Ok(Some(value))
    }
}

impl Lookup {
    /// The code for a row: the one that the rule for its product chooses, or its own.
    pub(super) fn code(&self, row: Row<'_>) -> Outcome {
        row.cached(self.slot, |row| {
            let by_rule = if self.by_product { template_by_rule(row)? } else { None };
            if by_rule.is_some() { Ok(by_rule) } else { self.code.evaluate(row) }
        })
    }
}

impl UnitPrice {
    /// One price from 0 on, less a discount in percent.
    pub(super) fn evaluate(&self, row: Row<'_>) -> Outcome {
        let Some(mut price) = row.number(&self.price)? else { return Ok(None) };
        if let Some(field) = &self.discount
            && let Some(percent) = row.number(field)?
        {
            price = less_percent(price, percent).map_err(|why| {
                let (shown, discount) = (&self.price.name, &field.name);
                let percent = percent.normalize();
                let message = format!("`{shown}` less the {percent} % of `{discount}` {why}");
                let remedy = match self.undiscounted.get() {
                    Some(other) => format!("Write the discounted price itself into `{other}`"),
                    None => format!(
                        "Write the discounted price itself into `{shown}`, and clear `{discount}`"
                    ),
                };
                Finding::new(FindingCode::ValueOutOfRange, message, remedy)
            })?;
        }
        let bands = single_band(price, &self.price.name)?;
        Ok(Some(Evaluated::made_of(&self.price, Value::PricingBands(bands))))
    }
}
