//! Values that are more than a scalar: lists of structures, segments and custom fields.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::bands;
use super::convert::{Problem, Raw, convert};
use super::evaluate::{Evaluated, Outcome, no_decimal};
use super::language::{Expression, NamedValue, ObjectMapping, Parts, Replace, SetId, Term};
use super::row::Row;
use crate::domain::field::{
    FieldSpec, FieldType, MOST_LIST_ENTRIES, Minimum, OnDifference, USAGE_FILTER_MODES,
};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::read_decimal_in_json;
use crate::domain::personal;
use crate::domain::text::trimmed;
use crate::domain::value::{CommitmentFee, CustomFields, CustomValue, UsageFilter, Value};
use crate::domain::warning::Warning;

const fn required(name: &'static str, field_type: FieldType) -> FieldSpec {
    FieldSpec { name, field_type, required: true, on_difference: OnDifference::Update }
}

const fn optional(name: &'static str, field_type: FieldType) -> FieldSpec {
    FieldSpec { required: false, ..required(name, field_type) }
}

const ANY_TEXT: FieldType = FieldType::Text { max: 200 };
const ZERO_OR_MORE: FieldType = FieldType::Decimal { minimum: Minimum::Zero };
const ANY_NUMBER: FieldType = FieldType::Decimal { minimum: Minimum::None };

/// One part of an address; what is too long is cut where the address is put together.
pub(super) const ADDRESS_PART: FieldSpec = optional("part", FieldType::Text { max: 4_000 });

pub(super) const UPPER_LIMIT: &str = "upperLimit";

/// `upperLimit` is for rows whose bounds are both inclusive: a band then starts where the one
/// before ends.
static BANDS: [FieldSpec; 4] = [
    required("lowerLimit", ZERO_OR_MORE),
    optional("unitPrice", ANY_NUMBER),
    optional("fixedPrice", ANY_NUMBER),
    optional(UPPER_LIMIT, ZERO_OR_MORE),
];
static FEES: [FieldSpec; 4] = [
    required("date", FieldType::Date),
    required("amount", FieldType::Decimal { minimum: Minimum::AboveZero }),
    required("servicePeriodStartDate", FieldType::DateTime),
    required("servicePeriodEndDate", FieldType::DateTime),
];
static FILTERS: [FieldSpec; 3] = [
    required("dimensionCode", ANY_TEXT),
    required("value", ANY_TEXT),
    required("mode", FieldType::Enum(USAGE_FILTER_MODES)),
];
static IDS: [FieldSpec; 1] = [required("item", FieldType::Id)];
static WORDS: [FieldSpec; 1] = [required("item", ANY_TEXT)];

/// The parts of each entry of a list; none where the field holds no list.
pub(super) fn parts_of(field_type: Option<FieldType>) -> &'static [FieldSpec] {
    match field_type {
        Some(FieldType::PricingBands) => &BANDS,
        Some(FieldType::FeeDates) => &FEES,
        Some(FieldType::UsageFilters) => &FILTERS,
        Some(FieldType::IdList) => &IDS,
        Some(FieldType::EnumList(_)) => &WORDS,
        _ => &[],
    }
}

/// One entry of a list on its way: its parts as far as they are filled, and where it came from.
pub(super) struct Entry {
    values: BTreeMap<&'static str, Value>,
    /// The mapping names an upper limit, whether this entry has one or not.
    pub(super) is_bounded: bool,
    pub(super) source: String,
}

impl Row<'_> {
    pub(super) fn each(
        self,
        object: &ObjectMapping,
        set: SetId,
        parts: &Parts,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let mut entries = Vec::new();
        let mut warnings = Vec::new();
        for row in self.below(set) {
            entries.extend(row.entry(object, parts, spec, depth, &mut warnings)?);
        }
        joined(&entries, spec, warnings)
    }

    pub(super) fn list(
        self,
        object: &ObjectMapping,
        entries: &[Parts],
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let mut found = Vec::new();
        let mut warnings = Vec::new();
        for parts in entries {
            found.extend(self.entry(object, parts, spec, depth, &mut warnings)?);
        }
        joined(&found, spec, warnings)
    }

    /// One entry; none where everything in it that could be filled is blank.
    fn entry(
        self,
        object: &ObjectMapping,
        parts: &Parts,
        spec: Option<&FieldSpec>,
        depth: usize,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Entry>, Finding> {
        let specs = parts_of(spec.map(|spec| spec.field_type));
        let mut values = BTreeMap::new();
        let mut source: Option<String> = None;
        let mut blank: Option<(&FieldSpec, &Expression)> = None;
        let mut is_all_constant = true;
        for (name, expression) in parts {
            let Some(part) = specs.iter().find(|part| part.name == *name) else { continue };
            let is_constant = matches!(expression.term, Term::Constant(_));
            is_all_constant &= is_constant;
            match self.evaluate_at(object, expression, Some(part), depth)? {
                Some(found) => {
                    if !is_constant || source.is_none() && is_all_constant {
                        source.get_or_insert_with(|| found.source.clone());
                    }
                    warnings.extend(found.warnings.iter().cloned());
                    values.insert(part.name, converted(found, part, self)?);
                }
                None if part.required => blank = Some((part, expression)),
                None => {}
            }
        }
        let is_filled = parts.iter().any(|(name, expression)| {
            values.contains_key(name)
                && (is_all_constant || !matches!(expression.term, Term::Constant(_)))
        });
        if !is_filled {
            return Ok(None);
        }
        if let Some((part, expression)) = blank {
            let fields = self.shown_fields(expression);
            let what = spec.map_or("", |spec| spec.name);
            return Err(Finding::new(
                FindingCode::RequiredValueBlank,
                format!("An entry of `{what}` has no `{}`: {fields} is blank", part.name),
                format!("Fill {fields}, or clear the whole entry"),
            ));
        }
        let is_bounded = parts.iter().any(|(name, _)| *name == UPPER_LIMIT);
        Ok(Some(Entry {
            values,
            is_bounded,
            source: source.unwrap_or_else(|| "constant".to_owned()),
        }))
    }

    /// Values by name: a segment needs all of them, custom fields are each for themselves.
    pub(super) fn named_values(
        self,
        object: &ObjectMapping,
        values: &[NamedValue],
        replace: Replace,
        spec: Option<&FieldSpec>,
        depth: usize,
    ) -> Outcome {
        let mut fields =
            CustomFields { replace: replace == Replace::All, ..CustomFields::default() };
        let mut sources: Vec<String> = Vec::new();
        let mut warnings = Vec::new();
        let mut blank = None;
        for NamedValue { name, expression, clear } in values {
            match self.evaluate_at(object, expression, None, depth)? {
                Some(found) => {
                    if !sources.contains(&found.source) {
                        sources.push(found.source.clone());
                    }
                    fields.set.insert(name.clone(), custom_value(&found)?);
                    warnings.extend(found.warnings);
                }
                None => {
                    blank.get_or_insert((name, expression));
                    if *clear {
                        fields.clear.insert(name.clone());
                    }
                }
            }
        }
        let source = sources.join(", ");
        if spec.is_some_and(|spec| spec.field_type == FieldType::CustomFields) {
            if fields == CustomFields::default() {
                return Ok(None);
            }
            return Ok(Some(Evaluated {
                raw: Raw::Typed(Value::CustomFields(fields)),
                source,
                warnings,
            }));
        }
        match blank {
            _ if fields.set.is_empty() => Ok(None),
            Some((name, expression)) => {
                let blank = self.shown_fields(expression);
                Err(Finding::new(
                    FindingCode::RequiredValueBlank,
                    format!("The segment has no value for `{name}`: {blank} is blank"),
                    format!("Fill {blank}, or clear all fields of the segment"),
                ))
            }
            None => {
                let text = |value: CustomValue| match value {
                    CustomValue::Text(text) => text,
                    CustomValue::Number(number) => number.to_string(),
                };
                let segment =
                    fields.set.into_iter().map(|(name, value)| (name, text(value))).collect();
                Ok(Some(Evaluated { raw: Raw::Typed(Value::Segment(segment)), source, warnings }))
            }
        }
    }
}

/// A number as a number, everything else as text.
fn custom_value(found: &Evaluated) -> Result<CustomValue, Finding> {
    match &found.raw {
        Raw::Json(json) if json.is_number() => {
            let number = read_decimal_in_json(json)
                .map_err(|why| no_decimal(&found.source, &found.raw.text(), why))?;
            Ok(CustomValue::Number(number))
        }
        Raw::Typed(Value::Number(number)) => Ok(CustomValue::Number(*number)),
        raw => Ok(CustomValue::Text(raw.text())),
    }
}

/// A value in the type of a field, or why it does not go in.
pub(super) fn converted(
    found: Evaluated,
    spec: &FieldSpec,
    row: Row<'_>,
) -> Result<Value, Finding> {
    let Evaluated { mut raw, source, .. } = found;
    // A word that is compared, not read: what stands around it is not meant.
    if let (
        Raw::Json(Json::String(word)),
        FieldType::Email | FieldType::Currency | FieldType::Enum(_),
    ) = (&mut raw, spec.field_type)
    {
        *word = trimmed(word).to_owned();
    }
    let shown: String = match &raw {
        // It may be a person's name, in the wrong field.
        _ if spec.field_type == FieldType::Email => personal::NOT_SHOWN.to_owned(),
        Raw::Json(_) => personal::shown(&source, &raw.text()),
        Raw::Typed(_) => String::new(),
    };
    let remedy = if source == "constant" {
        "Correct the mapping".to_owned()
    } else {
        format!("Correct `{source}`")
    };
    convert(raw, spec, row.context.time_zone).map_err(|problem| match problem {
        Problem::Invalid(problem) => Finding::new(
            FindingCode::ValueInvalid,
            format!("`{source}` is `{shown}`, which {problem}"),
            remedy,
        ),
        Problem::OutOfRange(problem) => {
            Finding::new(FindingCode::ValueOutOfRange, format!("`{source}` {problem}"), remedy)
        }
    })
}

fn joined(entries: &[Entry], spec: Option<&FieldSpec>, warnings: Vec<Warning>) -> Outcome {
    let Some(source) = entries.first().map(|entry| entry.source.clone()) else { return Ok(None) };
    let value = match spec.map(|spec| spec.field_type) {
        Some(FieldType::PricingBands) => {
            Value::PricingBands(bands::from_entries(entries, &source)?)
        }
        Some(FieldType::FeeDates) => Value::FeeDates(fees(entries)?),
        Some(FieldType::UsageFilters) => Value::UsageFilters(entries.iter().map(filter).collect()),
        _ => Value::TextList(items(entries, spec, &source)?),
    };
    Ok(Some(Evaluated { raw: Raw::Typed(value), source, warnings }))
}

impl Entry {
    pub(super) fn number(&self, part: &str) -> Option<rust_decimal::Decimal> {
        match self.values.get(part) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, part: &str) -> String {
        self.values.get(part).map(|value| Raw::Typed(value.clone()).text()).unwrap_or_default()
    }
}

fn fees(entries: &[Entry]) -> Result<Vec<CommitmentFee>, Finding> {
    let mut fees = Vec::new();
    for entry in entries {
        let part = |name: &str| entry.values.get(name);
        let (
            Some(Value::Date(date)),
            Some(Value::Number(amount)),
            Some(Value::DateTime(start)),
            Some(Value::DateTime(end)),
        ) = (
            part("date"),
            part("amount"),
            part("servicePeriodStartDate"),
            part("servicePeriodEndDate"),
        )
        else {
            continue;
        };
        if start > end {
            let source = &entry.source;
            return Err(Finding::new(
                FindingCode::EndNotAfterStart,
                format!(
                    "The fee of {date} (`{source}`) pays for a period that ends at {end}, before it starts at {start}"
                ),
                "Correct the dates of the fee's service period",
            ));
        }
        fees.push(CommitmentFee {
            date: *date,
            amount: *amount,
            service_period_start: *start,
            service_period_end: *end,
        });
    }
    fees.sort_by_key(|fee| (fee.date, fee.service_period_start));
    Ok(fees)
}

fn filter(entry: &Entry) -> UsageFilter {
    UsageFilter {
        dimension_code: entry.text("dimensionCode"),
        value: entry.text("value"),
        mode: entry.text("mode"),
    }
}

/// Distinct ids or words.
fn items(
    entries: &[Entry],
    spec: Option<&FieldSpec>,
    source: &str,
) -> Result<Vec<String>, Finding> {
    let mut items: Vec<String> = Vec::new();
    for item in entries.iter().map(|entry| entry.text("item")) {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let wrong = match spec.map(|spec| spec.field_type) {
        Some(FieldType::EnumList(words)) => items
            .iter()
            .find(|item| !words.contains(&item.as_str()))
            .map(|item| format!("holds `{item}`, which is not one of {}", words.join(", "))),
        _ if items.len() > MOST_LIST_ENTRIES => {
            Some(format!("has {} entries, and m3ter takes {MOST_LIST_ENTRIES}", items.len()))
        }
        _ => None,
    };
    match wrong {
        None => Ok(items),
        Some(wrong) => Err(Finding::new(
            FindingCode::ValueInvalid,
            format!("`{source}` {wrong}"),
            format!("Correct `{source}`"),
        )),
    }
}
