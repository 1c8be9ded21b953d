//! The value of one key: a path, or a table that says where the value comes from and what is done to it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Parser, Value, find, is_path};
use crate::domain::entity::EntityKind;
use crate::domain::field::{ADDRESS_PARTS, FieldSpec, FieldType};
use crate::domain::money::exact_decimal;
use crate::mapping::fault::nearest;
use crate::mapping::language::{Catalogued, Constant, Expression, FieldRef, Rows, Step, Term};

/// The keys that say where a value comes from; a table has exactly one.
const SOURCES: [&str; 11] =
    ["field", "value", "first", "lookup", "this", "same_as", "setting", "templates", "months", "bands_text", "unit_price"];
/// The keys that stand beside a source.
const BESIDE: [&str; 13] = [
    "optional",
    "once",
    "clear",
    "trim",
    "upper",
    "truncate",
    "end_exclusive",
    "zero_is_blank",
    "map",
    "warn",
    "code",
    "after",
    "discount_percent",
];

impl Parser<'_> {
    /// A value, checked against the m3ter field that it feeds.
    pub(super) fn expression(&mut self, value: &Value<'_>, key: &str, rows: Rows, spec: Option<&'static FieldSpec>) -> Option<Expression> {
        match value.get_ref() {
            DeValue::String(_) => {
                let field = self.field_ref(value, key, rows)?;
                Some(Expression { term: Term::Field(field), steps: Vec::new() })
            }
            DeValue::Table(table) if spec.is_some_and(|spec| spec.field_type == FieldType::Address) => Some(self.address(table, key, rows)),
            DeValue::Table(table) => self.tabular(table, &value.span(), key, rows, spec),
            other => {
                let hint = Some(format!("a field path in quotes, or a table such as {{ value = {} }}", other.type_str()));
                self.fault(&value.span(), key, format!("a {} cannot stand here", other.type_str()), hint);
                None
            }
        }
    }

    fn tabular(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        rows: Rows,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Expression> {
        let known: Vec<&str> = SOURCES.into_iter().chain(BESIDE).collect();
        self.check_keys(table, key, &known);
        let sources: Vec<&str> = SOURCES.into_iter().filter(|source| find(table, source).is_some()).collect();
        let [source] = sources.as_slice() else {
            let hint = Some(format!("one of {}", SOURCES.map(|source| format!("`{source}`")).join(", ")));
            self.fault(span, key, format!("exactly one source is expected, there are {}", sources.len()), hint);
            return None;
        };
        let value = find(table, source)?;
        let term = self.term(source, value, table, key, rows, spec)?;
        Some(Expression { term, steps: self.steps(table, key, spec) })
    }

    fn term(
        &mut self,
        source: &str,
        value: &Value<'_>,
        table: &DeTable<'_>,
        key: &str,
        rows: Rows,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Term> {
        let optional = find(table, "optional").and_then(|value| value.get_ref().as_bool()) == Some(true);
        let path = |parser: &mut Self, value: &Value<'_>| parser.field_ref(value, key, rows).map(|field| FieldRef { optional, ..field });
        match source {
            "field" => path(self, value).map(Term::Field),
            "value" => self.constant(value, key, spec).map(Term::Constant),
            "first" => {
                let Some(items) = value.get_ref().as_array() else {
                    self.fault(&value.span(), key, "`first` takes a list", None);
                    return None;
                };
                let expressions: Vec<Expression> = items.iter().filter_map(|item| self.expression(item, key, rows, spec)).collect();
                if items.is_empty() {
                    self.fault(&value.span(), key, "`first` needs at least one entry", None);
                }
                (expressions.len() == items.len() && !items.is_empty()).then_some(Term::First(expressions))
            }
            "lookup" => {
                let catalogued =
                    self.word(value, key, &[("plan_template", Catalogued::PlanTemplate), ("aggregation", Catalogued::Aggregation)])?;
                let Some(code) = find(table, "code") else {
                    self.fault(&value.span(), key, "`lookup` needs a `code` beside it", None);
                    return None;
                };
                Some(Term::Lookup(catalogued, Box::new(self.expression(code, key, rows, None)?)))
            }
            "this" => self.word(value, key, &super::OBJECT_TABLES).map(Term::This),
            "same_as" => self.same_as(value, key),
            "setting" => self.word(value, key, &[("currency", Term::CurrencySetting)]),
            "templates" => self.word(value, key, &[("currency", Term::TemplatesCurrency)]),
            "months" => {
                let field = path(self, value)?;
                let after = find(table, "after").and_then(|after| after.get_ref().as_str()).unwrap_or("startDate");
                let Some(after) = EntityKind::Contract.field(after).filter(|spec| spec.field_type == FieldType::Date) else {
                    self.fault(&value.span(), key, "`after` names a date of the same object", Some("use `startDate`".to_owned()));
                    return None;
                };
                Some(Term::MonthsAfter(field, after.name))
            }
            "bands_text" | "unit_price" if spec.is_some_and(|spec| spec.field_type != FieldType::PricingBands) => {
                self.fault(&value.span(), key, format!("`{source}` makes pricing bands, which this field does not hold"), None);
                None
            }
            "bands_text" => path(self, value).map(Term::BandsText),
            _ => {
                let price = path(self, value)?;
                let discount = match find(table, "discount_percent") {
                    None => None,
                    // A discount that the org does not have or show is none.
                    Some(discount) => Some(FieldRef { optional: true, ..self.field_ref(discount, key, rows)? }),
                };
                Some(Term::UnitPrice(price, discount))
            }
        }
    }

    fn same_as(&mut self, value: &Value<'_>, key: &str) -> Option<Term> {
        let named = value.get_ref().as_str().and_then(|text| text.split_once('.')).and_then(|(object, field)| {
            let (_, kind) = super::OBJECT_TABLES.iter().find(|(name, _)| *name == object)?;
            Some((*kind, kind.field(field)?.name))
        });
        if named.is_none() {
            self.fault(&value.span(), key, "`same_as` names a field of another object", Some("such as `contract.endDate`".to_owned()));
        }
        named.map(|(kind, field)| Term::SameAs(kind, field))
    }

    fn word<T: Clone>(&mut self, value: &Value<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone());
        if found.is_none() {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.fault(&value.span(), key, format!("`{text}` is not known here"), Some(format!("use {}", known.join(" or "))));
        }
        found
    }

    fn constant(&mut self, value: &Value<'_>, key: &str, spec: Option<&'static FieldSpec>) -> Option<Constant> {
        let constant = match value.get_ref() {
            DeValue::String(text) => Some(Constant::Text(text.to_string())),
            DeValue::Integer(number) => exact_decimal(number.as_str()).map(Constant::Number),
            DeValue::Float(number) => exact_decimal(number.as_str()).map(Constant::Number),
            DeValue::Boolean(boolean) => Some(Constant::Boolean(*boolean)),
            _ => None,
        };
        let problem = match (&constant, spec) {
            (None, _) => Some("a text, a number or a boolean is expected".to_owned()),
            (Some(constant), Some(spec)) => crate::mapping::convert::constant_problem(constant, spec),
            (Some(_), None) => None,
        };
        if let Some(problem) = problem {
            self.fault(&value.span(), key, problem, None);
            return None;
        }
        constant
    }

    fn steps(&mut self, table: &DeTable<'_>, key: &str, spec: Option<&'static FieldSpec>) -> Vec<Step> {
        let mut steps = Vec::new();
        for (name, value) in table {
            let name = name.get_ref().as_ref();
            let step = match name {
                "trim" => Step::Trim,
                "upper" => Step::Upper,
                "truncate" => Step::Truncate,
                "end_exclusive" => Step::EndExclusive,
                "zero_is_blank" => Step::ZeroIsBlank,
                "map" => {
                    steps.extend(self.map(value, key, spec));
                    continue;
                }
                "warn" => {
                    match value.get_ref().as_str() {
                        Some(sentence) => steps.push(Step::Warn(sentence.to_owned())),
                        None => self.fault(&value.span(), key, "`warn` takes a sentence", None),
                    }
                    continue;
                }
                "optional" | "once" | "clear" => {
                    if value.get_ref().as_bool().is_none() {
                        self.fault(&value.span(), key, format!("`{name}` takes true or false"), None);
                    }
                    continue;
                }
                _ => continue,
            };
            match value.get_ref().as_bool() {
                Some(true) => steps.push(step),
                Some(false) => {}
                None => self.fault(&value.span(), key, format!("`{name}` takes true or false"), None),
            }
        }
        let is_text = matches!(spec.map(|spec| spec.field_type), Some(FieldType::Text { .. }));
        if steps.contains(&Step::Truncate) && !is_text {
            let place = table.values().next().map_or(0..0, toml::Spanned::span);
            self.fault(&place, key, "`truncate` is for texts with a limit", None);
        }
        steps
    }

    fn map(&mut self, value: &Value<'_>, key: &str, spec: Option<&'static FieldSpec>) -> Option<Step> {
        let Some(entries) = value.get_ref().as_table() else {
            self.fault(&value.span(), key, "`map` takes a table of values", None);
            return None;
        };
        let map = entries.iter().filter_map(|(from, to)| Some((from.get_ref().to_string(), self.constant(to, key, spec)?)));
        Some(Step::Map(map.collect()))
    }

    fn address(&mut self, table: &DeTable<'_>, key: &str, rows: Rows) -> Expression {
        let mut parts = Vec::new();
        for (name, value) in table {
            let part = name.get_ref().as_ref();
            let known = std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part));
            if matches!(part, "once" | "clear") {
                continue;
            }
            let Some(known_part) = known.clone().find(|known| *known == part) else {
                let hint = nearest(part, known).map(|known| format!("did you mean `{known}`?"));
                self.fault(&name.span(), key, format!("an address has no part `{part}`"), hint);
                continue;
            };
            if let Some(field) = self.field_ref(value, key, rows) {
                parts.push((known_part, field));
            }
        }
        Expression { term: Term::Address(parts), steps: Vec::new() }
    }

    /// A path, or `{ field = "…", optional = true }`. A line's path through its parent becomes one of the root.
    pub(super) fn field_ref(&mut self, value: &Value<'_>, key: &str, rows: Rows) -> Option<FieldRef> {
        let (text, optional) = match value.get_ref() {
            DeValue::Table(table) => {
                let known: Vec<&str> = std::iter::once("field").chain(BESIDE).collect();
                self.check_keys(table, key, &known);
                let optional = find(table, "optional").and_then(|value| value.get_ref().as_bool()) == Some(true);
                (find(table, "field").and_then(|field| field.get_ref().as_str()).map(ToOwned::to_owned), optional)
            }
            value => (value.as_str().map(ToOwned::to_owned), false),
        };
        let Some(path) = text.filter(|text| is_path(text)) else {
            let hint = Some("an API name, with parents by dots, such as `Account.Name`".to_owned());
            self.fault(&value.span(), key, "this is not a field path", hint);
            return None;
        };
        let line = self.line(&value.span());
        let through_parent =
            self.lines_parent.as_ref().filter(|_| rows == Rows::Lines).and_then(|parent| path.strip_prefix(&format!("{parent}.")));
        Some(match through_parent {
            Some(path) => FieldRef { from: Rows::Root, path: path.to_owned(), optional, line },
            None => FieldRef { from: rows, path, optional, line },
        })
    }
}

/// Calls `visit` with every object that an expression refers to, and the field of it where one is named.
pub(super) fn references(expression: &Expression, visit: &mut impl FnMut(EntityKind, Option<&'static str>)) {
    match &expression.term {
        Term::This(kind) => visit(*kind, None),
        Term::SameAs(kind, field) => visit(*kind, Some(field)),
        Term::First(expressions) => expressions.iter().for_each(|expression| references(expression, visit)),
        Term::Lookup(_, code) => references(code, visit),
        _ => {}
    }
}
