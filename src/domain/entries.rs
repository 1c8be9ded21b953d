//! Lists of m3ter from entries with their parts, the way back from [`FieldSpec::parts`].

use std::collections::BTreeMap;
use std::fmt::Display;

use rust_decimal::Decimal;

use super::bands::from_entries;
use super::conversion::{Raw, other_than};
use super::field::{FieldSpec, FieldType, MAX_LIST_ENTRIES, UPPER_LIMIT};
use super::finding::{Finding, FindingCode};
use super::value::{CommitmentFee, PricingBand, UsageFilter, Value};

/// One entry of a list.
#[derive(Debug)]
pub struct Entry<S> {
    /// Its parts, as far as they are filled.
    pub values: BTreeMap<&'static str, Value>,
    /// Where it came from, as people know it.
    pub source: S,
}

/// The entries of a list as the value of its field; none if there are none. `is_bounded`: an upper
/// limit is named, whether an entry has one or not.
///
/// # Errors
///
/// What m3ter does not take.
pub fn list_of<S: Display>(
    entries: &[Entry<S>],
    field: &FieldSpec,
    is_bounded: bool,
) -> Result<Option<Value>, Finding> {
    let Some(Entry { source, .. }) = entries.first() else { return Ok(None) };
    Ok(Some(match field.field_type {
        FieldType::PricingBands => {
            let bands = entries.iter().map(Entry::band).collect();
            Value::PricingBands(from_entries(bands, is_bounded, &source.to_string())?)
        }
        FieldType::FeeDates => Value::FeeDates(fees(entries)?),
        FieldType::UsageFilters => Value::UsageFilters(entries.iter().map(filter).collect()),
        _ => Value::TextList(items(entries, field, source)?),
    }))
}

impl<S> Entry<S> {
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

fn fees<S: Display>(entries: &[Entry<S>]) -> Result<Vec<CommitmentFee>, Finding> {
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

fn filter<S>(entry: &Entry<S>) -> UsageFilter {
    UsageFilter {
        dimension_code: entry.text("dimensionCode"),
        value: entry.text("value"),
        mode: entry.text("mode"),
    }
}

fn items<S: Display>(
    entries: &[Entry<S>],
    field: &FieldSpec,
    source: &S,
) -> Result<Vec<String>, Finding> {
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
