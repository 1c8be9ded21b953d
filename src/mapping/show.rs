//! A mapping as people read it: each m3ter field, where its value comes from, and what is done to
//! it on the way.

use super::Mapping;
use super::language::{Constant, Expression, Extreme, FieldRef, Operand, Parts, Step, Term};
use crate::domain::org_schema::OrgSchema;
use crate::domain::settings::{
    CommitmentBilling, EndedRule, OverlapRule, PricingChange, RemovedLines,
};

/// One m3ter field of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownField {
    /// The object in m3ter.
    pub object: String,
    /// Its field.
    pub field: String,
    /// Where the value comes from.
    pub source: String,
    /// What is done to it, in order.
    pub steps: String,
    /// The types of the Salesforce fields, as far as the org shows them.
    pub salesforce_type: String,
    /// The file that says it, and the line.
    pub place: String,
}

impl Mapping {
    /// All fields in the order of the file; the types from the org's describe, where it was read.
    pub fn shown(&self, schema: Option<&OrgSchema>) -> Vec<ShownField> {
        let mut shown = Vec::new();
        for object in &self.mapped.objects {
            let rows = &self.mapped.sets[object.rows];
            let of = if rows.name.is_empty() { &self.root } else { &rows.sobject };
            for field in &object.fields {
                let mut steps: Vec<String> =
                    field.expression.steps.iter().map(|step| self.step(step)).collect();
                steps.extend(field.once.then(|| "once".to_owned()));
                steps.extend(field.clear.then(|| "blank clears".to_owned()));
                shown.push(ShownField {
                    object: format!("{} of {of}", object.kind),
                    field: field.spec.name.to_owned(),
                    source: self.source(&field.expression),
                    steps: steps.join(", "),
                    salesforce_type: schema
                        .map_or_else(String::new, |schema| self.types(&field.expression, schema)),
                    place: self.files.shown(field.line),
                });
            }
        }
        shown
    }

    /// The choices that decide about money, each with its word as it counts.
    pub fn shown_choices(&self) -> [(&'static str, &'static str); 6] {
        fn word<T: PartialEq>(words: &[(&'static str, T)], chosen: &T) -> &'static str {
            words.iter().find(|(_, choice)| choice == chosen).map_or("", |(word, _)| word)
        }
        let settings = &self.settings;
        let billing = match &settings.commitment_billing {
            Some(billing) => word(&CommitmentBilling::WORDS, billing),
            None if self.states_billing() => "by the fields of the Commitment",
            None => "not stated",
        };
        [
            ("commitment_billing", billing),
            ("pricing_change", word(&PricingChange::WORDS, &settings.pricing_change)),
            ("removed_lines", word(&RemovedLines::WORDS, &settings.removed_lines)),
            ("ended", word(&EndedRule::WORDS, &settings.ended)),
            ("commitment.overlap", word(&OverlapRule::WORDS, &settings.commitment_overlap)),
            ("account_plan.overlap", word(&OverlapRule::WORDS, &settings.account_plan_overlap)),
        ]
    }

    fn types(&self, expression: &Expression, schema: &OrgSchema) -> String {
        let mut refs = Vec::new();
        expression.collect(&mut refs);
        let mut types: Vec<String> = Vec::new();
        for reference in refs {
            let found = self
                .org_field(schema, reference)
                .map_or_else(|_| "not there".to_owned(), |field| field.field_type.clone());
            if !types.contains(&found) {
                types.push(found);
            }
        }
        types.join(", ")
    }

    fn named(&self, field: &FieldRef) -> String {
        let optional = if field.optional { " (optional)" } else { "" };
        let path = &field.path;
        if path.contains('.') {
            format!("{path}{optional}")
        } else {
            format!("{}.{path}{optional}", self.sobject_of(field))
        }
    }

    fn source(&self, expression: &Expression) -> String {
        let all = |expressions: &[Expression], between: &str| {
            expressions
                .iter()
                .map(|expression| self.with_steps(expression))
                .collect::<Vec<_>>()
                .join(between)
        };
        let parts = |parts: &Parts| {
            let parts: Vec<String> = parts
                .iter()
                .map(|(name, expression)| format!("{name}: {}", self.with_steps(expression)))
                .collect();
            parts.join("; ")
        };
        let mut text = match &expression.term {
            Term::Field(field) => self.named(field),
            Term::OnlyRow(set, field) => format!(
                "{} of the only row of `{}`",
                self.named(field),
                self.mapped.sets[*set].name
            ),
            Term::Constant(constant) => shown_constant(constant),
            Term::First(expressions) => format!("first of {}", all(expressions, " | ")),
            Term::Concat(expressions, _) => all(expressions, " + "),
            Term::Extreme(Extreme::Earliest, expressions) => {
                format!("earliest of {}", all(expressions, " | "))
            }
            Term::Extreme(Extreme::Latest, expressions) => {
                format!("latest of {}", all(expressions, " | "))
            }
            Term::Lookup { catalogued, by_product, code } => {
                let rules = if *by_product { "product rules, else " } else { "" };
                format!("{rules}{} with the code {}", catalogued.noun(), self.with_steps(code))
            }
            Term::AccountAt(field) => format!("Account of {}", self.named(field)),
            Term::This(kind) => format!("{kind} of this sync"),
            Term::SameAs(kind, field) => format!("{kind}.{field}"),
            Term::CurrencySetting => "setting `currency`".to_owned(),
            Term::TemplatesCurrency => "the currency of the lines' plan templates".to_owned(),
            Term::MonthsAfter(field, after) => format!("{after} + {} months", self.named(field)),
            Term::Address(address) => parts(address),
            Term::Named(values, _) => {
                let values: Vec<String> = values
                    .iter()
                    .map(|value| format!("{}: {}", value.name, self.with_steps(&value.expression)))
                    .collect();
                values.join("; ")
            }
            Term::BandsText(field) => format!("bands in the text of {}", self.named(field)),
            Term::UnitPrice(price, discount) => {
                let discount = discount.as_ref().map_or_else(String::new, |discount| {
                    format!(" less {} %", self.named(discount))
                });
                format!("one band of {}{discount}", self.named(price))
            }
            Term::Each(set, each) => {
                format!("for each row of `{}`: {}", self.mapped.sets[*set].name, parts(each))
            }
            Term::List(entries) => entries
                .iter()
                .map(|entry| format!("({})", parts(entry)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        if expression.when.is_some() {
            text.push_str(", on a condition");
        }
        if let Some(default) = &expression.default {
            text = format!("{text}, else {}", shown_constant(default));
        }
        text
    }

    /// The source of an expression inside another one, with its own steps.
    fn with_steps(&self, expression: &Expression) -> String {
        let steps: Vec<String> = expression.steps.iter().map(|step| self.step(step)).collect();
        let source = self.source(expression);
        if steps.is_empty() { source } else { format!("{source} [{}]", steps.join(", ")) }
    }

    fn step(&self, step: &Step) -> String {
        let operand = |operand: &Operand| match operand {
            Operand::Number(number) => number.to_string(),
            Operand::Field(field) => self.named(field),
        };
        match step {
            Step::Split(separator, part) => format!("part {part} at `{separator}`"),
            Step::Trim => "trim".to_owned(),
            Step::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(from, to)| format!("{from} → {}", shown_constant(to)))
                    .collect();
                entries.join("; ")
            }
            Step::Upper => "upper".to_owned(),
            Step::Lower => "lower".to_owned(),
            Step::ZeroIsBlank => "0 is blank".to_owned(),
            Step::Times(by) => format!("× {}", operand(by)),
            Step::DividedBy(by) => format!("÷ {}", operand(by)),
            Step::PercentOf(of) => format!("% of {}", operand(of)),
            Step::LessPercent(by) => format!("less {} %", operand(by)),
            Step::Round(places, _) => format!("round to {places}"),
            Step::AsNumber => "as number".to_owned(),
            Step::AsText => "as text".to_owned(),
            Step::DateIn(zone) => {
                let zone = zone
                    .as_ref()
                    .and_then(|zone| zone.iana_name())
                    .unwrap_or("the mapping's time zone");
                format!("date in {zone}")
            }
            Step::AddMonths(months) => format!("+ {} months", operand(months)),
            Step::AddDays(days) => format!("+ {} days", operand(days)),
            Step::EndExclusive => "the day after".to_owned(),
            Step::Truncate(None) => "truncate".to_owned(),
            Step::Truncate(Some(most)) => format!("truncate to {most}"),
            Step::Warn(_) => "warn".to_owned(),
        }
    }
}

fn shown_constant(constant: &Constant) -> String {
    match constant {
        Constant::Text(text) => format!("`{text}`"),
        Constant::Number(number) => number.to_string(),
        Constant::Boolean(boolean) => boolean.to_string(),
    }
}
