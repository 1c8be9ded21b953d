//! The value of an expression for one row.

use jiff::civil::Date;
use serde_json::Value as Json;

use super::address::address;
use super::bands::{bands_in_text, single_band};
use super::convert::{Raw, text};
use super::fault::nearest;
use super::language::{Catalogued, Expression, FieldRef, Mapped, ObjectMapping, Rows, Step, Term};
use super::resolve::Context;
use super::{Mapping, language::Constant};
use crate::domain::dates::EndExclusive;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::field::{FieldSpec, FieldType, is_identifier_code};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::money::decimal_in_json;
use crate::domain::record::Record;
use crate::domain::value::{Value, date_in_text};

/// One row with everything that its values may come from.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) root: &'a Record,
    /// The line; none for an object of the root.
    pub(super) line: Option<&'a Record>,
    pub(super) context: &'a Context<'a>,
    /// The currencies of the plan templates of all lines.
    pub(super) template_currencies: &'a [String],
}

/// A value, where it came from, and what a person should know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluated {
    pub(super) raw: Raw,
    pub(super) source: String,
    pub(super) warnings: Vec<String>,
}

/// The deepest chain of `same_as`: contract ← account plan ← pricing.
const DEEPEST: usize = 8;

impl Row<'_> {
    /// The value of an expression; `None` where its source is blank.
    pub(super) fn evaluate(
        &self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
    ) -> Result<Option<Evaluated>, Finding> {
        self.evaluate_at(object, expression, spec, 0)
    }

    fn evaluate_at(
        &self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Result<Option<Evaluated>, Finding> {
        let Some(mut evaluated) = self.term(object, expression, spec, depth)? else { return Ok(None) };
        for step in &expression.steps {
            if !apply_step(&mut evaluated, step, spec)? {
                return Ok(None);
            }
        }
        Ok(Some(evaluated))
    }

    fn term(
        &self,
        object: &ObjectMapping,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Result<Option<Evaluated>, Finding> {
        let of_field = |field: &FieldRef, raw: Raw| Evaluated { raw, source: self.shown(field), warnings: Vec::new() };
        let typed = |value: Value, source: String| Some(Evaluated { raw: Raw::Typed(value), source, warnings: Vec::new() });
        Ok(match &expression.term {
            Term::Field(field) => self.field(field).map(|json| of_field(field, Raw::Json(json.clone()))),
            Term::Constant(constant) => {
                Some(Evaluated { raw: Raw::Json(constant.to_json()), source: "constant".to_owned(), warnings: Vec::new() })
            }
            Term::First(expressions) => {
                for expression in expressions {
                    if let Some(found) = self.evaluate_at(object, expression, spec, depth)? {
                        return Ok(Some(found));
                    }
                }
                None
            }
            Term::Lookup(catalogued, code) => Some(self.look_up(object, *catalogued, code, depth)?),
            Term::This(kind) => self.object_key(*kind).and_then(|key| typed(Value::Object(key), format!("{kind} of this sync"))),
            Term::SameAs(kind, field) => {
                let target = self.mapping.mapped.object(*kind).filter(|_| depth < DEEPEST);
                let Some((target, field)) = target.and_then(|target| Some((target, target.field(field)?))) else { return Ok(None) };
                let Some(evaluated) = self.evaluate_at(target, &field.expression, Some(field.spec), depth + 1)? else { return Ok(None) };
                Some(evaluated)
            }
            Term::CurrencySetting => {
                let currency = self.mapping.settings.currency.clone();
                currency.and_then(|currency| typed(Value::Text(currency), "setting `currency`".to_owned()))
            }
            Term::TemplatesCurrency => match self.template_currencies {
                [only] => typed(Value::Text(only.clone()), "the plan templates of the lines".to_owned()),
                _ => None,
            },
            Term::MonthsAfter(field, after) => self.months_after(object, field, after, depth)?,
            Term::Address(parts) => self.address(parts),
            Term::BandsText(field) => match self.field(field) {
                None => None,
                Some(json) => typed(Value::PricingBands(bands_in_text(&text(json), &self.shown(field))?), self.shown(field)),
            },
            Term::UnitPrice(price, discount) => match self.field(price) {
                None => None,
                Some(json) => {
                    let shown = self.shown(price);
                    let price = decimal_in_json(json).ok_or_else(|| self.not_a_number(price, json))?;
                    let discount = discount.as_ref().and_then(|field| Some((field, self.field(field)?)));
                    let percent =
                        discount.map(|(field, json)| decimal_in_json(json).ok_or_else(|| self.not_a_number(field, json))).transpose()?;
                    typed(Value::PricingBands(single_band(price, percent, &shown)?), shown)
                }
            },
        })
    }

    /// The id of a code; blank, impossible and unknown codes are findings.
    fn look_up(&self, object: &ObjectMapping, catalogued: Catalogued, code: &Expression, depth: usize) -> Result<Evaluated, Finding> {
        let what = match catalogued {
            Catalogued::PlanTemplate => "plan template",
            Catalogued::Aggregation => "aggregation",
        };
        let Some(Evaluated { raw: Raw::Json(json), source, warnings }) = self.evaluate_at(object, code, None, depth)? else {
            let fields = self.shown_fields(code);
            return Err(Finding::new(
                FindingCode::RequiredValueBlank,
                format!("The code of the {what} is missing: {fields} is blank"),
                format!("Enter the code of a m3ter {what} in {fields}"),
            ));
        };
        let code = text(&json).trim().to_owned();
        if catalogued == Catalogued::Aggregation && !is_identifier_code(&code) {
            return Err(Finding::new(
                FindingCode::CodeInvalid,
                format!(
                    "`{code}` in `{source}` can be no code of a m3ter aggregation, which has letters, digits, `_` and `$` only and no digit first"
                ),
                "Enter the aggregation's code in `Product2.M3ter_Aggregation_Code__c`, or in the field that the mapping reads first",
            ));
        }
        let catalog = self.context.catalog;
        let (id, known): (_, Vec<&str>) = match catalogued {
            Catalogued::PlanTemplate => (
                catalog.plan_templates.get(&code).map(|template| template.id.clone()),
                catalog.plan_templates.keys().map(String::as_str).collect(),
            ),
            Catalogued::Aggregation => {
                (catalog.aggregations.get(&code).cloned(), catalog.aggregations.keys().map(String::as_str).collect())
            }
        };
        match id {
            Some(id) => Ok(Evaluated { raw: Raw::Typed(Value::Id(id)), source, warnings }),
            None => {
                let hint = nearest(&code, known).map_or_else(String::new, |near| format!("; the nearest one is `{near}`"));
                Err(Finding::new(
                    FindingCode::CodeNotFound,
                    format!("m3ter has no {what} with the code `{code}` from `{source}`{hint}"),
                    format!("Create the {what} in m3ter, or correct the code in `{source}`"),
                ))
            }
        }
    }

    fn months_after(&self, object: &ObjectMapping, field: &FieldRef, after: &str, depth: usize) -> Result<Option<Evaluated>, Finding> {
        let Some(json) = self.field(field) else { return Ok(None) };
        let months = decimal_in_json(json)
            .filter(|months| months.fract().is_zero())
            .and_then(|months| i64::try_from(months.trunc().mantissa() / 10_i128.pow(months.trunc().scale())).ok());
        let months = months.filter(|months| (1..=1_200).contains(months)).ok_or_else(|| {
            let shown = self.shown(field);
            Finding::new(
                FindingCode::ValueInvalid,
                format!("`{shown}` is {}, which is no term in months", text(json)),
                format!("Enter whole months from 1 in `{shown}`"),
            )
        })?;
        let Some(start) = object.field(after) else { return Ok(None) };
        let start = self.evaluate_at(object, &start.expression, Some(start.spec), depth + 1)?;
        let start: Option<Date> = start.and_then(|start| match start.raw {
            Raw::Json(json) => json.as_str().and_then(date_in_text),
            Raw::Typed(Value::Date(date)) => Some(date),
            Raw::Typed(_) => None,
        });
        let end = start.and_then(|start| EndExclusive::months_from(start, months));
        Ok(end.map(|EndExclusive(end)| Evaluated { raw: Raw::Typed(Value::Date(end)), source: self.shown(field), warnings: Vec::new() }))
    }

    fn address(&self, parts: &[(&'static str, FieldRef)]) -> Option<Evaluated> {
        let filled: Vec<(&'static str, &FieldRef, String)> =
            parts.iter().filter_map(|(part, field)| Some((*part, field, text(self.field(field)?)))).collect();
        let (_, first, _) = filled.first()?;
        let source = self.shown(first);
        let street = filled.iter().find(|(part, ..)| *part == "street").map(|(_, _, text)| text.as_str());
        let others: Vec<(&'static str, String)> =
            filled.iter().filter(|(part, ..)| *part != "street").map(|(part, _, text)| (*part, text.clone())).collect();
        let (parts, warnings) = address(street, &others);
        Some(Evaluated { raw: Raw::Typed(Value::Address(parts)), source, warnings })
    }

    /// The value of a field; `None` where it is blank or the org does not have it.
    pub(super) fn field(&self, field: &FieldRef) -> Option<&Json> {
        self.record(field).value(&field.path)
    }

    /// Whether a checkbox is on.
    pub(super) fn is_on(&self, field: Option<&FieldRef>) -> bool {
        field.and_then(|field| self.field(field)).and_then(Json::as_bool) == Some(true)
    }

    pub(super) fn record(&self, field: &FieldRef) -> &Record {
        match (field.from, self.line) {
            (Rows::Lines, Some(line)) => line,
            _ => self.root,
        }
    }

    /// The Salesforce row that an object comes from; the root where the mapping's own row is blank.
    pub(super) fn row_id(&self, object: &ObjectMapping) -> Option<SalesforceId> {
        let named =
            object.row.as_ref().and_then(|field| self.field(field)).and_then(Json::as_str).and_then(|id| SalesforceId::parse(id).ok());
        let own = match (object.rows, self.line) {
            (Rows::Lines, Some(line)) => line.id(),
            _ => self.root.id(),
        };
        named.or(own)
    }

    pub(super) fn object_key(&self, kind: EntityKind) -> Option<ObjectKey> {
        let object = Mapped::object(&self.mapping.mapped, kind)?;
        self.row_id(object).map(|row| ObjectKey::only(kind, row))
    }

    /// A field as people know it: `Opportunity.Amount`, `Product2.ProductCode`.
    pub(super) fn shown(&self, field: &FieldRef) -> String {
        if field.path.contains('.') { field.path.clone() } else { format!("{}.{}", self.mapping.sobject_of(field), field.path) }
    }

    /// The fields of an expression, for a sentence about what is blank.
    pub(super) fn shown_fields(&self, expression: &Expression) -> String {
        let mut refs = Vec::new();
        expression.collect(&mut refs);
        let names: Vec<String> = refs.into_iter().map(|field| format!("`{}`", self.shown(field))).collect();
        names.join(" or ")
    }

    fn not_a_number(&self, field: &FieldRef, json: &Json) -> Finding {
        let shown = self.shown(field);
        Finding::new(
            FindingCode::ValueInvalid,
            format!("`{shown}` is `{}`, which is not a number", text(json)),
            format!("Enter a number in `{shown}`"),
        )
    }
}

/// Applies a step; `false` makes the value blank.
fn apply_step(evaluated: &mut Evaluated, step: &Step, spec: Option<&FieldSpec>) -> Result<bool, Finding> {
    match (step, &mut evaluated.raw) {
        (Step::Warn(sentence), _) => evaluated.warnings.push(sentence.clone()),
        (Step::Trim, Raw::Json(Json::String(text))) => *text = text.trim().to_owned(),
        (Step::Upper, Raw::Json(Json::String(text)) | Raw::Typed(Value::Text(text))) => *text = text.to_uppercase(),
        (Step::Truncate, Raw::Json(Json::String(text))) => {
            if let Some(FieldSpec { field_type: FieldType::Text { max }, name, .. }) = spec
                && text.chars().count() > *max
            {
                *text = text.chars().take(*max).collect();
                evaluated.warnings.push(format!("`{}` was cut to the {max} characters that m3ter's `{name}` holds", evaluated.source));
            }
        }
        (Step::EndExclusive, raw) => {
            let last_day = match raw {
                Raw::Json(json) => json.as_str().and_then(date_in_text),
                Raw::Typed(Value::Date(date)) => Some(*date),
                Raw::Typed(_) => None,
            };
            let end = last_day.and_then(EndExclusive::after);
            let source = &evaluated.source;
            let EndExclusive(end) = end.ok_or_else(|| {
                Finding::new(FindingCode::ValueInvalid, format!("`{source}` is not a date"), format!("Enter a date in `{source}`"))
            })?;
            *raw = Raw::Typed(Value::Date(end));
        }
        (Step::ZeroIsBlank, Raw::Json(json)) => return Ok(decimal_in_json(json).is_none_or(|number| !number.is_zero())),
        (Step::Map(entries), raw) => {
            let value = match raw {
                Raw::Json(json) => text(json),
                Raw::Typed(_) => return Ok(true),
            };
            match entries.iter().find(|(from, _)| from.eq_ignore_ascii_case(value.trim())) {
                Some((_, to)) => *raw = Raw::Json(Constant::to_json(to)),
                None => {
                    let known: Vec<String> = entries.iter().map(|(from, _)| format!("`{from}`")).collect();
                    return Err(Finding::new(
                        FindingCode::ValueInvalid,
                        format!("`{}` is `{value}`, which the mapping does not know", evaluated.source),
                        format!("Choose {}, or add the value to the mapping", known.join(" or ")),
                    ));
                }
            }
        }
        _ => {}
    }
    Ok(true)
}
