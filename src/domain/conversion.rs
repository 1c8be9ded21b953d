//! From what Salesforce answered to what m3ter's field takes, with its limits.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::dates::{date_at, midnight};
use super::field::{
    FieldSpec, FieldType, MAX_LIST_ENTRIES, is_email, is_entity_code, is_identifier_code,
};
use super::ids::M3terId;
use super::money::{NoDecimal, exact_decimal, exact_json, read_decimal_in_json, whole};
use super::text::trimmed;
use super::value::{Value, date_in_text};

/// A value on its way: as Salesforce wrote it, or in m3ter's type already.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// As Salesforce wrote it.
    Json(Json),
    /// A value that needs no conversion, except from a date to the beginning of its day.
    Typed(Value),
}

/// Why a value does not go into a field: the rest of a sentence that begins with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It has another type or form.
    Invalid(String),
    /// It lies outside the limits.
    OutOfRange(String),
}

impl Raw {
    /// The value as text.
    pub fn text(&self) -> String {
        match self {
            Self::Json(json) => text(json),
            // Its decimals were asked for.
            Self::Typed(Value::Number(number)) => number.to_string(),
            Self::Typed(value) => text(&value.to_json()),
        }
    }

    /// The number that it holds, or why it holds none.
    pub fn number(&self) -> Result<Decimal, NoDecimal> {
        match self {
            Self::Json(json) => read_decimal_in_json(json),
            Self::Typed(Value::Number(number)) => Ok(*number),
            Self::Typed(_) => Err(NoDecimal::NotANumber),
        }
    }
}

/// The value in the type of a m3ter field, or why it does not go in.
pub fn convert(raw: &Raw, spec: &FieldSpec, time_zone: &TimeZone) -> Result<Value, Problem> {
    let json = match (raw, spec.field_type) {
        (Raw::Json(json), _) => Cow::Borrowed(json),
        // What a step computed has the field's limits to keep like what was read.
        (
            Raw::Typed(Value::Number(number)),
            FieldType::Decimal { .. } | FieldType::Integer { .. },
        ) => Cow::Owned(exact_json(*number)),
        (Raw::Typed(Value::Number(number)), _) => Cow::Owned(Json::String(number.to_string())),
        (Raw::Typed(Value::Date(date)), FieldType::DateTime) => return day(*date, time_zone),
        (Raw::Typed(Value::Date(date)), FieldType::Date) => return Ok(Value::Date(*date)),
        (Raw::Typed(value @ (Value::Text(_) | Value::Boolean(_) | Value::Date(_))), _) => {
            Cow::Owned(value.to_json())
        }
        (Raw::Typed(value), _) => return Ok(value.clone()),
    };
    scalar(&json, spec, time_zone)
}

fn scalar(json: &Json, spec: &FieldSpec, time_zone: &TimeZone) -> Result<Value, Problem> {
    match spec.field_type {
        FieldType::Text { max } => limited(text(json), max, spec),
        FieldType::Code => {
            let what = "a code that m3ter allows (1 to 80 characters, no outer spaces)";
            word(json, is_entity_code, what)
        }
        FieldType::Email => word(json, is_email, "an e-mail address"),
        FieldType::Currency => word(json, is_identifier_code, "the code of a currency"),
        FieldType::Id => M3terId::parse(&text(json))
            .map(Value::Id)
            .map_err(|_| is_not("the ID of a m3ter object")),
        FieldType::Date => {
            json_date(json, time_zone).map(Value::Date).ok_or_else(|| is_not("a date"))
        }
        FieldType::DateTime => match (as_instant(json), plain_date(json)) {
            (Some(instant), _) => Ok(Value::DateTime(instant)),
            (None, Some(date)) => day(date, time_zone),
            (None, None) => Err(is_not("a date")),
        },
        FieldType::Decimal { .. } | FieldType::Integer { .. } => number(json, spec),
        FieldType::Boolean => {
            json.as_bool().map(Value::Boolean).ok_or_else(|| is_not("true or false"))
        }
        FieldType::Enum(words) => {
            let is_one = |word: &str| words.contains(&word);
            word(json, is_one, &format!("one of {}", words.join(", ")))
        }
        FieldType::EnumList(_) | FieldType::IdList => list(json, spec),
        FieldType::Address
        | FieldType::PricingBands
        | FieldType::FeeDates
        | FieldType::UsageFilters
        | FieldType::Segment
        | FieldType::CustomFields => Err(is_not("of the right kind")),
    }
}

fn is_not(what: &str) -> Problem {
    Problem::Invalid(format!("is not {what}"))
}

fn word(json: &Json, is_one: impl Fn(&str) -> bool, what: &str) -> Result<Value, Problem> {
    let word = text(json);
    if is_one(&word) { Ok(Value::Text(word)) } else { Err(is_not(what)) }
}

fn limited(text: String, max: usize, spec: &FieldSpec) -> Result<Value, Problem> {
    let characters = text.chars().count();
    if characters <= max {
        return Ok(Value::Text(text));
    }
    let name = spec.name;
    Err(Problem::OutOfRange(format!("has {characters} characters; m3ter's `{name}` takes {max}")))
}

/// The beginning of a day.
fn day(date: Date, time_zone: &TimeZone) -> Result<Value, Problem> {
    let instant = midnight(date, time_zone).map(Value::DateTime);
    instant.ok_or_else(|| Problem::OutOfRange("is not a date that m3ter can hold".to_owned()))
}

fn number(json: &Json, spec: &FieldSpec) -> Result<Value, Problem> {
    let number = read_decimal_in_json(json).map_err(|why| match why {
        NoDecimal::NotANumber => Problem::Invalid(why.to_string()),
        NoDecimal::TooSmall | NoDecimal::TooLarge => {
            Problem::OutOfRange(format!("is `{}`, which {why}", text(json)))
        }
    })?;
    let (name, outside) = (spec.name, |problem| Err(Problem::OutOfRange(problem)));
    match spec.field_type {
        FieldType::Integer { minimum, maximum } => {
            let number = whole(number).ok_or_else(|| is_not("a whole number"))?;
            if number < Decimal::from(minimum) || number > Decimal::from(maximum) {
                return outside(format!(
                    "is {number}, and m3ter's `{name}` takes {minimum} to {maximum}"
                ));
            }
            Ok(Value::Number(number))
        }
        FieldType::Decimal { minimum } if !minimum.allows(number) => {
            outside(format!("is {number}, which m3ter's `{name}` does not take"))
        }
        _ => Ok(Value::Number(number)),
    }
}

/// The words or ids of a text: by commas, semicolons (as Salesforce joins picklist values) or
/// lines.
fn list(json: &Json, spec: &FieldSpec) -> Result<Value, Problem> {
    let text = text(json);
    let entries = text.split([',', ';', '\n']).map(trimmed).filter(|entry| !entry.is_empty());
    let list: Vec<String> = entries.map(ToOwned::to_owned).collect();
    let is_id = |id: &String| M3terId::parse(id).is_ok();
    match spec.field_type {
        FieldType::EnumList(words) => match other_than(&list, words) {
            Some(problem) => Err(Problem::Invalid(problem)),
            None => Ok(Value::TextList(list)),
        },
        _ if !list.iter().all(is_id) => Err(is_not("a list of IDs of m3ter objects")),
        _ if list.len() > MAX_LIST_ENTRIES => Err(Problem::OutOfRange(format!(
            "has {} entries, and m3ter's `{}` holds {MAX_LIST_ENTRIES}",
            list.len(),
            spec.name
        ))),
        _ => Ok(Value::TextList(list)),
    }
}

/// What is wrong with a list that may hold certain words only.
pub fn other_than(list: &[String], words: &[&str]) -> Option<String> {
    let other = list.iter().find(|word| !words.contains(&word.as_str()))?;
    Some(format!("holds `{other}`, which is not one of {}", words.join(", ")))
}

/// An instant as Salesforce writes it: `2026-01-31T09:30:00.000+0000`.
pub fn as_instant(json: &Json) -> Option<Timestamp> {
    json.as_str()
        .filter(|text| text.len() > 10)
        .and_then(|text| text.replace("+0000", "Z").parse().ok())
}

fn plain_date(json: &Json) -> Option<Date> {
    json.as_str().filter(|text| text.len() == 10).and_then(date_in_text)
}

fn json_date(json: &Json, time_zone: &TimeZone) -> Option<Date> {
    as_instant(json).map(|instant| date_at(instant, time_zone)).or_else(|| plain_date(json))
}

/// The calendar date of a value: a date, or that of an instant in a time zone.
pub fn as_date(raw: &Raw, time_zone: &TimeZone) -> Option<Date> {
    match raw {
        Raw::Typed(Value::Date(date)) => Some(*date),
        Raw::Typed(Value::DateTime(instant)) => Some(date_at(*instant, time_zone)),
        Raw::Typed(_) => None,
        Raw::Json(json) => json_date(json, time_zone),
    }
}

/// A scalar as text; a number as people write it: Salesforce answers 7 as `7.0` and ten million as
/// `1.0E7`.
pub fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => {
            let number = number.to_string();
            exact_decimal(&number).map_or(number, |number| number.normalize().to_string())
        }
        json => json.to_string(),
    }
}

/// As texts are compared: trimmed, without regard to case.
pub fn folded(text: &str) -> String {
    trimmed(text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_becomes_the_text_that_people_write() {
        for (written, text) in [
            ("7.0", "7"),
            ("7", "7"),
            ("1.0E7", "10000000"),
            ("1.23E-5", "0.0000123"),
            ("-3.50", "-3.5"),
            ("0.0", "0"),
        ] {
            let json: Json = serde_json::from_str(written).unwrap();
            assert_eq!(Raw::Json(json).text(), text, "{written}");
        }
        // What a step rounded keeps its decimals.
        assert_eq!(Raw::Typed(Value::Number("12.30".parse().unwrap())).text(), "12.30");
    }
}
