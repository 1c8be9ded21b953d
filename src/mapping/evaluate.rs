//! The value of an expression for one row.

use jiff::civil::Date;
use serde_json::Value as Json;

use super::address::address;
use super::bands::{bands_in_text, less_percent, single_band};
use super::convert::{Raw, as_date, text, whole};
use super::language::{Expression, Extreme, FieldRef, ObjectMapping, Operand, Parts, Term};
use super::row::Row;
use crate::domain::catalog::Catalogued;
use crate::domain::dates::EndExclusive;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::field::FieldSpec;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::money::{NoDecimal, decimal_in_json, read_decimal_in_json};
use crate::domain::personal;
use crate::domain::text::{is_blank, nearest, trimmed};
use crate::domain::value::Value;
use crate::domain::warning::Warning;

/// A value, where it came from, and what a person should know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluated {
    pub(super) raw: Raw,
    pub(super) source: String,
    pub(super) warnings: Vec<Warning>,
}

impl Evaluated {
    pub(super) fn new(raw: Raw, source: impl Into<String>) -> Self {
        Self { raw, source: source.into(), warnings: Vec::new() }
    }

    fn typed(value: Value, source: impl Into<String>) -> Self {
        Self::new(Raw::Typed(value), source)
    }
}

/// The deepest chain of `same_as`: contract ← account plan ← pricing. Circles are refused when a
/// file is parsed.
const DEEPEST: usize = 8;

/// `None` where the source is blank.
pub(super) type Outcome = Result<Option<Evaluated>, Finding>;

impl Row<'_> {
    /// The value of an expression.
    pub(super) fn evaluate(
        self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
    ) -> Outcome {
        self.evaluate_at(object, expression, spec, 0)
    }

    pub(super) fn evaluate_at(
        self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let found = if expression.when.as_ref().is_some_and(|condition| !self.holds(condition)) {
            None
        } else {
            self.with_steps(object, expression, spec, depth)?
        };
        let default = || {
            expression
                .default
                .as_ref()
                .map(|default| Evaluated::new(Raw::Json(default.to_json()), "default"))
        };
        Ok(found.or_else(default))
    }

    fn with_steps(
        self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let Some(mut evaluated) = self.term(object, expression, spec, depth)? else {
            return Ok(None);
        };
        for step in &expression.steps {
            if !self.apply_step(&mut evaluated, step, spec)? {
                return Ok(None);
            }
        }
        Ok(Some(evaluated))
    }

    fn term(
        self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        Ok(match &expression.term {
            Term::Field(field) => self
                .field(field)
                .map(|json| Evaluated::new(Raw::Json(json.clone()), self.shown(field))),
            Term::OnlyRow(set, field) => self.of_only_row(*set, field)?,
            Term::Constant(constant) => {
                Some(Evaluated::new(Raw::Json(constant.to_json()), "constant"))
            }
            Term::First(expressions) => {
                for expression in expressions {
                    if let Some(found) = self.evaluate_at(object, expression, spec, depth)? {
                        return Ok(Some(found));
                    }
                }
                None
            }
            Term::Concat(parts, separator) => {
                self.concat(object, parts, separator.as_deref(), depth)?
            }
            Term::Extreme(which, dates) => self.extreme(object, *which, dates, spec, depth)?,
            Term::Lookup { catalogued, by_product, code } => {
                self.look_up(object, *catalogued, *by_product, code, depth)?
            }
            Term::This(kind) => match self.shared_plan(*kind)? {
                Some(shared) => Some(shared),
                None => self.object_key(*kind).map(|key| {
                    Evaluated::typed(Value::Object(key), format!("{kind} of this sync"))
                }),
            },
            Term::AccountAt(field) => {
                let row = self
                    .field(field)
                    .and_then(Json::as_str)
                    .and_then(|id| SalesforceId::parse(id).ok());
                row.map(|row| {
                    Evaluated::typed(
                        Value::Object(ObjectKey::only(EntityKind::Account, row)),
                        self.shown(field),
                    )
                })
            }
            Term::SameAs(kind, field) => {
                let target = self.target(*kind).filter(|_| depth < DEEPEST);
                let Some((row, target, field)) =
                    target.and_then(|(row, target)| Some((row, target, target.field(field)?)))
                else {
                    return Ok(None);
                };
                row.evaluate_at(target, &field.expression, Some(field.spec), depth + 1)?
            }
            Term::CurrencySetting => {
                let currency = self.mapping.settings.currency.clone();
                currency
                    .map(|currency| Evaluated::typed(Value::Text(currency), "setting `currency`"))
            }
            Term::TemplatesCurrency => {
                self.note_unreadable(self.tree.templates_unclear.borrow().clone());
                match self.template_currencies {
                    [only] => Some(Evaluated::typed(
                        Value::Text(only.clone()),
                        "the plan templates of the lines",
                    )),
                    _ => None,
                }
            }
            Term::MonthsAfter(field, after) => self.months_after(object, field, after, depth)?,
            Term::Address(parts) => self.address(object, parts, depth)?,
            Term::Named(values, replace) => {
                self.named_values(object, values, *replace, spec, depth)?
            }
            Term::BandsText(field) => match self.field(field) {
                None => None,
                Some(json) => Some(Evaluated::typed(
                    Value::PricingBands(bands_in_text(&text(json), &self.shown(field))?),
                    self.shown(field),
                )),
            },
            Term::UnitPrice(price, discount) => {
                self.unit_price(object, price, discount.as_ref())?
            }
            Term::Each(set, parts) => self.each(object, *set, parts, spec, depth)?,
            Term::List(entries) => self.list(object, entries, spec, depth)?,
        })
    }

    /// One price from 0 on, less a discount in percent.
    fn unit_price(
        self,
        object: &ObjectMapping,
        price: &FieldRef,
        discount: Option<&FieldRef>,
    ) -> Outcome {
        let Some(json) = self.field(price) else { return Ok(None) };
        let shown = self.shown(price);
        let mut unit_price =
            read_decimal_in_json(json).map_err(|why| self.no_decimal(price, json, why))?;
        if let Some((field, json)) = discount.and_then(|field| Some((field, self.field(field)?))) {
            let percent =
                read_decimal_in_json(json).map_err(|why| self.no_decimal(field, json, why))?;
            unit_price = less_percent(unit_price, percent).map_err(|why| {
                let message = format!(
                    "`{shown}` less the {} % of `{}` {why}",
                    percent.normalize(),
                    self.shown(field)
                );
                let itself = match undiscounted(object) {
                    Some(other) => {
                        format!("Write the discounted price itself into `{}`", self.shown(other))
                    }
                    None => format!(
                        "Write the discounted price itself into `{shown}`, and clear `{}`",
                        self.shown(field)
                    ),
                };
                Finding::new(FindingCode::ValueOutOfRange, message, itself)
            })?;
        }
        Ok(Some(Evaluated::typed(Value::PricingBands(single_band(unit_price, &shown)?), shown)))
    }

    /// The field of the only row of a set; several rows do not say which one is meant.
    fn of_only_row(self, set: usize, field: &FieldRef) -> Outcome {
        let mut rows = self.below(set);
        let (first, second) = (rows.next(), rows.next());
        if let (Some(first), Some(second)) = (first, second) {
            let id = |row: Row<'_>| {
                row.own_record().id().map_or_else(|| "a row".to_owned(), |id| id.to_string())
            };
            let sobject = &self.mapping.mapped.sets[set].sobject;
            return Err(Finding::new(
                FindingCode::SeveralRows,
                format!(
                    "There are several `{sobject}` ({}, {}), and one is expected",
                    id(first),
                    id(second)
                ),
                "Keep one of them, or map each to an object of its own",
            ));
        }
        Ok(first.and_then(|row| {
            row.field(field).map(|json| Evaluated::new(Raw::Json(json.clone()), self.shown(field)))
        }))
    }

    fn concat(
        self,
        object: &ObjectMapping,
        parts: &[Expression],
        separator: Option<&str>,
        depth: usize,
    ) -> Outcome {
        let mut texts = Vec::new();
        let mut sources: Vec<String> = Vec::new();
        let mut warnings = Vec::new();
        for part in parts {
            match (self.evaluate_at(object, part, None, depth)?, separator) {
                (Some(found), _) => {
                    texts.push(found.raw.text());
                    warnings.extend(found.warnings);
                    if found.source != "constant" && !sources.contains(&found.source) {
                        sources.push(found.source);
                    }
                }
                // Without a separator the text has one form; a part that is missing would leave a
                // torso.
                (None, None) => return Ok(None),
                (None, Some(_)) => {}
            }
        }
        let text = texts.join(separator.unwrap_or_default());
        let source = if sources.is_empty() { "constant".to_owned() } else { sources.join(", ") };
        Ok((!is_blank(&text)).then_some(Evaluated {
            raw: Raw::Json(Json::String(text)),
            source,
            warnings,
        }))
    }

    fn extreme(
        self,
        object: &ObjectMapping,
        which: Extreme,
        dates: &[Expression],
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let mut chosen: Option<(Date, Evaluated)> = None;
        for expression in dates {
            let Some(found) = self.evaluate_at(object, expression, spec, depth)? else { continue };
            let date =
                as_date(&found.raw, self.context.time_zone).ok_or_else(|| not_a_date(&found))?;
            let is_better = chosen.as_ref().is_none_or(|(best, _)| match which {
                Extreme::Earliest => date < *best,
                Extreme::Latest => date > *best,
            });
            if is_better {
                chosen = Some((date, found));
            }
        }
        Ok(chosen.map(|(_, found)| found))
    }

    fn look_up(
        self,
        object: &ObjectMapping,
        catalogued: Catalogued,
        by_product: bool,
        code: &Expression,
        depth: usize,
    ) -> Outcome {
        let what = catalogued.noun();
        let by_rule = if by_product { self.product_choice(object)? } else { None };
        let found = match by_rule {
            Some(found) => Some(found),
            None => self.evaluate_at(object, code, None, depth)?,
        };
        let Some(Evaluated { raw, source, mut warnings }) = found else { return Ok(None) };
        let typed = self.looked_up_code(catalogued, &raw.text());
        // What m3ter has as it was typed is meant so.
        let verbatim = typed.verbatim.and_then(|typed| self.context.catalog.id(catalogued, &typed));
        let code = typed.code;
        if !catalogued.allows(&code) {
            return Err(Finding::new(
                FindingCode::CodeInvalid,
                format!(
                    "`{code}` in `{source}` can be no code of a m3ter {what}, which {}",
                    catalogued.code_rule()
                ),
                format!(
                    "Enter the {what}'s code in a field of its own that the mapping reads first"
                ),
            ));
        }
        if by_product && self.mapping.has_product_rules() && !source.starts_with("product rule") {
            warnings.push(format!("No product rule fits: the code `{code}` from `{source}` chose the plan template").into());
        }
        match verbatim.or_else(|| self.context.catalog.id(catalogued, &code)) {
            Some(id) => Ok(Some(Evaluated { raw: Raw::Typed(Value::Id(id)), source, warnings })),
            None => {
                let known = self.context.catalog.codes(catalogued);
                let hint = nearest(&code, known)
                    .map_or_else(String::new, |near| format!("; the nearest one is `{near}`"));
                Err(Finding::new(
                    FindingCode::CodeNotFound,
                    format!("m3ter has no {what} with the code `{code}` from `{source}`{hint}"),
                    format!("Create the {what} in m3ter, or correct the code in `{source}`"),
                ))
            }
        }
    }

    fn months_after(
        self,
        object: &ObjectMapping,
        field: &FieldRef,
        after: &str,
        depth: usize,
    ) -> Outcome {
        let Some(json) = self.field(field) else { return Ok(None) };
        let months =
            decimal_in_json(json).and_then(whole).and_then(|months| i64::try_from(months).ok());
        let months = months.filter(|months| (1..=1_200).contains(months)).ok_or_else(|| {
            let shown = self.shown(field);
            Finding::new(
                FindingCode::ValueInvalid,
                format!(
                    "`{shown}` is `{}`, which is no term in months",
                    personal::shown(&shown, &text(json))
                ),
                format!("Enter whole months from 1 in `{shown}`"),
            )
        })?;
        let Some(start) = object.field(after) else { return Ok(None) };
        let start = self.evaluate_at(object, &start.expression, Some(start.spec), depth + 1)?;
        let start = start.and_then(|start| as_date(&start.raw, self.context.time_zone));
        let end = start.and_then(|start| EndExclusive::months_from(start, months));
        Ok(end.map(|EndExclusive(end)| {
            Evaluated::new(Raw::Typed(Value::Date(end)), self.shown(field))
        }))
    }

    fn address(self, object: &ObjectMapping, parts: &Parts, depth: usize) -> Outcome {
        let mut filled: Vec<(&'static str, String)> = Vec::new();
        let mut source = None;
        for (part, expression) in parts {
            if let Some(found) = self.evaluate_at(object, expression, None, depth)? {
                filled.push((part, found.raw.text()));
                source.get_or_insert(found.source);
            }
        }
        let Some(source) = source else { return Ok(None) };
        let street =
            filled.iter().find(|(part, _)| *part == "street").map(|(_, text)| text.as_str());
        let others: Vec<(&'static str, String)> =
            filled.iter().filter(|(part, _)| *part != "street").cloned().collect();
        let (parts, warnings) = address(street, &others);
        Ok(Some(Evaluated { raw: Raw::Typed(Value::Address(parts)), source, warnings }))
    }

    /// The text that tells an object of this row from others of the same kind.
    pub(super) fn own_key(self, object: &ObjectMapping) -> Option<String> {
        let key = self.evaluate(object, object.key.as_ref()?, None).ok()??;
        Some(trimmed(&key.raw.text()).to_owned()).filter(|key| !key.is_empty())
    }

    /// The number that a step computes with; `None` where the field is blank.
    pub(super) fn operand(
        self,
        operand: &Operand,
    ) -> Result<Option<rust_decimal::Decimal>, Finding> {
        match operand {
            Operand::Number(number) => Ok(Some(*number)),
            Operand::Field(field) => match self.field(field) {
                None => Ok(None),
                Some(json) => read_decimal_in_json(json)
                    .map(Some)
                    .map_err(|why| self.no_decimal(field, json, why)),
            },
        }
    }

    /// The fields of an expression, for a sentence about what is blank.
    pub(super) fn shown_fields(self, expression: &Expression) -> String {
        let mut refs = Vec::new();
        expression.collect(&mut refs);
        let mut names: Vec<String> = Vec::new();
        for name in refs.into_iter().map(|field| format!("`{}`", self.shown(field))) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" or ")
    }

    fn no_decimal(self, field: &FieldRef, json: &Json, why: NoDecimal) -> Finding {
        no_decimal(&self.shown(field), &text(json), why)
    }
}

/// The finding about a value that is no number, or none that m3ter can take.
pub(super) fn no_decimal(source: &str, text: &str, why: NoDecimal) -> Finding {
    let (code, remedy) = match why {
        NoDecimal::NotANumber => {
            (FindingCode::ValueInvalid, format!("Enter a number in `{source}`"))
        }
        NoDecimal::TooSmall => {
            (FindingCode::ValueOutOfRange, format!("Enter 0 or a larger number in `{source}`"))
        }
        NoDecimal::TooLarge => {
            (FindingCode::ValueOutOfRange, format!("Enter a smaller number in `{source}`"))
        }
    };
    Finding::new(
        code,
        format!("`{source}` is `{}`, which {why}", personal::shown(source, text)),
        remedy,
    )
}

/// The field of an object's mapping that gives a price without a discount.
fn undiscounted(object: &ObjectMapping) -> Option<&FieldRef> {
    fn within(expression: &Expression) -> Option<&FieldRef> {
        match &expression.term {
            Term::UnitPrice(price, None) => Some(price),
            _ => expression.inner().into_iter().find_map(within),
        }
    }
    object.fields.iter().find_map(|field| within(&field.expression))
}

pub(super) fn not_a_date(found: &Evaluated) -> Finding {
    let source = &found.source;
    Finding::new(
        FindingCode::ValueInvalid,
        format!("`{source}` is not a date"),
        format!("Enter a date in `{source}`"),
    )
}
