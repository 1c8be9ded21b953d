//! Values that are more than a scalar: lists of entries, each with its parts, segments and custom
//! fields.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::bands;
use super::convert::{Raw, other_than};
use super::evaluated::{Evaluated, Outcome, Source};
use crate::domain::field::{FieldSpec, FieldType, MAX_LIST_ENTRIES, UPPER_LIMIT};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::value::{
    CommitmentFee, CustomFields, CustomValue, PricingBand, UsageFilter, Value,
};
use crate::domain::warning::Warning;

/// One entry of a list on its way: its parts as far as they are filled, and where it came from.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) values: BTreeMap<&'static str, Value>,
    pub(super) source: Option<Source>,
}

/// The entries of a list as the value of its field. `is_bounded`: an upper limit is named, whether
/// an entry has one or not.
pub(super) fn joined(
    entries: &[Entry],
    field: &FieldSpec,
    is_bounded: bool,
    warnings: Vec<Warning>,
) -> Outcome {
    let Some(first) = entries.first() else { return Ok(None) };
    let source = first.source();
    let value = match field.field_type {
        FieldType::PricingBands => {
            let bands = entries.iter().map(Entry::band).collect();
            Value::PricingBands(bands::from_entries(bands, is_bounded, &source.to_string())?)
        }
        FieldType::FeeDates => Value::FeeDates(fees(entries)?),
        FieldType::UsageFilters => Value::UsageFilters(entries.iter().map(filter).collect()),
        _ => Value::TextList(items(entries, field, &source)?),
    };
    Ok(Some(Evaluated { raw: Raw::Typed(value), source, warnings }))
}

impl Entry {
    fn source(&self) -> Source {
        self.source.clone().unwrap_or(Source::Constant)
    }

    fn number(&self, part: &str) -> Option<Decimal> {
        match self.values.get(part) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, part: &str) -> String {
        self.values.get(part).map(|value| Raw::Typed(value.clone()).text()).unwrap_or_default()
    }

    fn band(&self) -> (PricingBand, Option<Decimal>) {
        let number = |part: &str| self.number(part).unwrap_or_default();
        let band = PricingBand {
            lower_limit: number("lowerLimit"),
            fixed_price: number("fixedPrice"),
            unit_price: number("unitPrice"),
        };
        (band, self.number(UPPER_LIMIT))
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
            let source = entry.source();
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

fn items(entries: &[Entry], field: &FieldSpec, source: &Source) -> Result<Vec<String>, Finding> {
    let mut items: Vec<String> = Vec::new();
    for item in entries.iter().map(|entry| entry.text("item")) {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let wrong = match field.field_type {
        FieldType::EnumList(words) => other_than(&items, words),
        _ if items.len() > MAX_LIST_ENTRIES => {
            Some(format!("has {} entries, and m3ter takes {MAX_LIST_ENTRIES}", items.len()))
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

/// Values by name, where they came from, and the first that is blank.
#[derive(Default)]
pub(super) struct Named {
    fields: CustomFields,
    sources: Vec<Source>,
    warnings: Vec<Warning>,
    blank: Option<(String, String)>,
}

impl Named {
    /// Adds a value: a number as a number, everything else as text.
    pub(super) fn add(&mut self, name: &str, found: Evaluated) -> Result<(), Finding> {
        let value = match &found.raw {
            Raw::Json(json) if json.is_number() => CustomValue::Number(found.number()?),
            Raw::Typed(Value::Number(number)) => CustomValue::Number(*number),
            raw => CustomValue::Text(raw.text()),
        };
        self.fields.set.insert(name.to_owned(), value);
        self.warnings.extend(found.warnings);
        found.source.add_to(&mut self.sources);
        Ok(())
    }

    /// Notes a name whose fields are blank, which may remove it.
    pub(super) fn leave_blank(&mut self, name: &str, clear: bool, fields: impl Fn() -> String) {
        self.blank.get_or_insert_with(|| (name.to_owned(), fields()));
        if clear {
            self.fields.clear.insert(name.to_owned());
        }
    }

    /// A segment needs all of its values.
    pub(super) fn segment(self) -> Outcome {
        let values = self.fields.set;
        match self.blank {
            _ if values.is_empty() => Ok(None),
            Some((name, fields)) => Err(Finding::new(
                FindingCode::RequiredValueBlank,
                format!("The segment has no value for `{name}`: {fields} is blank"),
                format!("Fill in {fields}, or clear all fields of the segment"),
            )),
            None => {
                let text = |value: CustomValue| match value {
                    CustomValue::Text(text) => text,
                    CustomValue::Number(number) => number.to_string(),
                };
                let values = values.into_iter().map(|(name, value)| (name, text(value)));
                let raw = Raw::Typed(Value::Segment(values.collect()));
                let source = Source::Several(self.sources);
                Ok(Some(Evaluated { raw, source, warnings: self.warnings }))
            }
        }
    }

    /// Custom fields are each for themselves.
    pub(super) fn custom_fields(self, replace: bool) -> Option<Evaluated> {
        let fields = CustomFields { replace, ..self.fields };
        let is_empty = fields == CustomFields::default();
        let (raw, source) =
            (Raw::Typed(Value::CustomFields(fields)), Source::Several(self.sources));
        (!is_empty).then_some(Evaluated { raw, source, warnings: self.warnings })
    }
}
