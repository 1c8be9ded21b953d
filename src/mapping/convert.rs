//! From what Salesforce answered to what m3ter's field takes, with its limits.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::language::Constant;
use crate::domain::dates::{date_at, midnight};
use crate::domain::field::{
    FieldSpec, FieldType, MOST_LIST_ENTRIES, is_email, is_entity_code, is_identifier_code,
};
use crate::domain::ids::M3terId;
use crate::domain::money::{
    NoDecimal, exact_decimal, exact_json, nearest_double, read_decimal_in_json,
};
use crate::domain::text::trimmed;
use crate::domain::value::{Value, date_in_text};

/// A value on its way: as Salesforce wrote it, or in m3ter's type already.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    /// A scalar of Salesforce's JSON.
    Json(Json),
    /// A value that needs no conversion, except from a date to the beginning of its day.
    Typed(Value),
}

/// Why a value does not go into a field: the rest of a sentence that begins with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// It has another type or form.
    Invalid(String),
    /// It lies outside the limits.
    OutOfRange(String),
}

impl Raw {
    /// The value as a text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Json(json) => text(json),
            // Its decimals were asked for.
            Self::Typed(Value::Number(number)) => number.to_string(),
            Self::Typed(value) => text(&value.to_json()),
        }
    }
}

/// The value in the type of the field.
pub(super) fn convert(raw: Raw, spec: &FieldSpec, time_zone: &TimeZone) -> Result<Value, Problem> {
    let json = match raw {
        Raw::Typed(Value::Number(number))
            if !matches!(
                spec.field_type,
                FieldType::Decimal { .. } | FieldType::Integer { .. }
            ) =>
        {
            Json::String(number.to_string())
        }
        // What a step computed has the field's limits to keep like what was read.
        Raw::Typed(Value::Number(number)) => exact_json(number),
        Raw::Typed(value @ (Value::Text(_) | Value::Boolean(_))) => value.to_json(),
        Raw::Typed(value @ Value::Date(_))
            if !matches!(spec.field_type, FieldType::Date | FieldType::DateTime) =>
        {
            value.to_json()
        }
        Raw::Typed(Value::Date(date)) if spec.field_type == FieldType::DateTime => {
            return midnight(date, time_zone).map(Value::DateTime).ok_or_else(|| {
                Problem::OutOfRange("is not a date that m3ter can hold".to_owned())
            });
        }
        Raw::Typed(value) => return Ok(value),
        Raw::Json(json) => json,
    };
    let invalid = |what: &str| Problem::Invalid(format!("is not {what}"));
    match spec.field_type {
        FieldType::Text { max } => {
            let text = text(&json);
            let characters = text.chars().count();
            if characters > max {
                return Err(Problem::OutOfRange(format!(
                    "has {characters} characters, and m3ter's `{}` holds {max}",
                    spec.name
                )));
            }
            Ok(Value::Text(text))
        }
        FieldType::Code => {
            let code = text(&json);
            if is_entity_code(&code) {
                Ok(Value::Text(code))
            } else {
                Err(invalid("a code that m3ter allows (1 to 80 characters, no outer spaces)"))
            }
        }
        FieldType::Email => {
            let email = text(&json);
            if is_email(&email) {
                Ok(Value::Text(email))
            } else {
                Err(invalid("an e-mail address"))
            }
        }
        FieldType::Currency => {
            let code = text(&json);
            if is_identifier_code(&code) {
                Ok(Value::Text(code))
            } else {
                Err(invalid("the code of a currency"))
            }
        }
        FieldType::Id => M3terId::parse(&text(&json))
            .map(Value::Id)
            .map_err(|_| invalid("the id of a m3ter object")),
        FieldType::Date | FieldType::DateTime => {
            let instant = as_instant(&json);
            let date = json.as_str().filter(|text| text.len() == 10).and_then(date_in_text);
            match (spec.field_type, date, instant) {
                (FieldType::DateTime, _, Some(instant)) => Ok(Value::DateTime(instant)),
                (FieldType::DateTime, Some(date), _) => {
                    convert(Raw::Typed(Value::Date(date)), spec, time_zone)
                }
                (_, Some(date), _) => Ok(Value::Date(date)),
                (_, _, Some(instant)) => Ok(Value::Date(date_at(instant, time_zone))),
                _ => Err(invalid("a date")),
            }
        }
        FieldType::Decimal { minimum } => {
            let number = number_in(&json)?;
            if !minimum.allows(number) {
                return Err(Problem::OutOfRange(format!(
                    "is {number}, which m3ter's `{}` does not take",
                    spec.name
                )));
            }
            Ok(Value::Number(number))
        }
        FieldType::Integer { minimum, maximum } => {
            let number = whole(number_in(&json)?).ok_or_else(|| invalid("a whole number"))?;
            if number < Decimal::from(minimum) || number > Decimal::from(maximum) {
                return Err(Problem::OutOfRange(format!(
                    "is {number}, and m3ter's `{}` takes {minimum} to {maximum}",
                    spec.name
                )));
            }
            Ok(Value::Number(number))
        }
        FieldType::Boolean => {
            json.as_bool().map(Value::Boolean).ok_or_else(|| invalid("true or false"))
        }
        FieldType::Enum(words) => {
            let word = text(&json);
            if words.contains(&word.as_str()) {
                Ok(Value::Text(word))
            } else {
                Err(Problem::Invalid(format!("is not one of {}", words.join(", "))))
            }
        }
        FieldType::EnumList(_) | FieldType::IdList => {
            convert_list(&json, spec).map(Value::TextList)
        }
        FieldType::Address
        | FieldType::PricingBands
        | FieldType::FeeDates
        | FieldType::UsageFilters
        | FieldType::Segment
        | FieldType::CustomFields => Err(invalid("of the right kind")),
    }
}

fn number_in(json: &Json) -> Result<Decimal, Problem> {
    read_decimal_in_json(json).map_err(|why| match why {
        NoDecimal::NotANumber => Problem::Invalid(why.to_string()),
        NoDecimal::TooSmall | NoDecimal::TooLarge => {
            Problem::OutOfRange(format!("is `{}`, which {why}", text(json)))
        }
    })
}

/// The whole number that is the same double: 2.9999999999999999999999 is 3, and nobody wrote its
/// digits.
#[expect(clippy::float_cmp, reason = "the same double is what is asked for")]
pub(super) fn whole(number: Decimal) -> Option<Decimal> {
    let whole = number.round();
    (nearest_double(whole) == nearest_double(number)).then(|| whole.normalize())
}

/// The words or ids of a text.
fn convert_list(json: &Json, spec: &FieldSpec) -> Result<Vec<String>, Problem> {
    let list = listed(json);
    let wrong = match spec.field_type {
        FieldType::EnumList(words) => {
            list.iter().find(|word| !words.contains(&word.as_str())).map(|other| {
                Problem::Invalid(format!(
                    "holds `{other}`, which is not one of {}",
                    words.join(", ")
                ))
            })
        }
        _ if list.iter().any(|id| M3terId::parse(id).is_err()) => {
            Some(Problem::Invalid("is not a list of ids of m3ter objects".to_owned()))
        }
        _ if list.len() > MOST_LIST_ENTRIES => Some(Problem::OutOfRange(format!(
            "has {} entries, and m3ter's `{}` holds {MOST_LIST_ENTRIES}",
            list.len(),
            spec.name
        ))),
        _ => None,
    };
    wrong.map_or(Ok(list), Err)
}

/// Why a constant of a file cannot go into a field.
pub(super) fn constant_problem(constant: &Constant, spec: &FieldSpec) -> Option<String> {
    let fits = matches!(
        (spec.field_type, constant),
        (FieldType::Boolean, Constant::Boolean(_))
            | (FieldType::Decimal { .. } | FieldType::Integer { .. }, Constant::Number(_))
            | (
                FieldType::Text { .. }
                    | FieldType::Code
                    | FieldType::Email
                    | FieldType::Currency
                    | FieldType::Date
                    | FieldType::DateTime
                    | FieldType::Enum(_)
                    | FieldType::EnumList(_)
                    | FieldType::Id
                    | FieldType::IdList,
                Constant::Text(_)
            )
    );
    if !fits {
        return Some(format!("m3ter's `{}` takes {}", spec.name, expected(spec.field_type)));
    }
    match convert(Raw::Json(constant.to_json()), spec, &TimeZone::UTC) {
        Ok(_) => None,
        Err(Problem::Invalid(problem) | Problem::OutOfRange(problem)) => {
            Some(format!("the value {problem}"))
        }
    }
}

fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Boolean => "true or false",
        FieldType::Decimal { .. } => "a number",
        FieldType::Integer { .. } => "a whole number",
        FieldType::Date => "a date such as \"2026-01-31\"",
        FieldType::DateTime => "a date-time such as \"2026-01-31T00:00:00Z\"",
        FieldType::Address => "an address, from Salesforce fields",
        FieldType::PricingBands => {
            "pricing bands, from `bands_text`, `unit_price`, `list` or `each`"
        }
        FieldType::FeeDates | FieldType::UsageFilters => "a list, from `list` or `each`",
        FieldType::Segment | FieldType::CustomFields => "a table with a name for each value",
        _ => "a text",
    }
}

impl Constant {
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::String(text.clone()),
            Self::Number(number) => exact_json(*number),
            Self::Boolean(boolean) => Json::Bool(*boolean),
        }
    }
}

/// An instant as Salesforce writes it: `2026-01-31T09:30:00.000+0000`.
pub(super) fn as_instant(json: &Json) -> Option<jiff::Timestamp> {
    json.as_str()
        .filter(|text| text.len() > 10)
        .and_then(|text| text.replace("+0000", "Z").parse().ok())
}

/// The calendar date of a value: a date, or that of an instant in a time zone.
pub(super) fn as_date(raw: &Raw, time_zone: &TimeZone) -> Option<jiff::civil::Date> {
    match raw {
        Raw::Typed(Value::Date(date)) => Some(*date),
        Raw::Typed(Value::DateTime(instant)) => Some(date_at(*instant, time_zone)),
        Raw::Typed(_) => None,
        Raw::Json(json) => match as_instant(json) {
            Some(instant) => Some(date_at(instant, time_zone)),
            None => json.as_str().filter(|text| text.len() == 10).and_then(date_in_text),
        },
    }
}

/// The entries of a text: by commas, semicolons (as Salesforce joins picklist values) or lines.
fn listed(json: &Json) -> Vec<String> {
    text(json)
        .split([',', ';', '\n'])
        .map(|part| trimmed(part).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// A scalar as text; a number as people write it: Salesforce answers 7 as `7.0` and ten million as
/// `1.0E7`.
pub(super) fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => {
            let number = number.to_string();
            exact_decimal(&number).map_or(number, |number| number.normalize().to_string())
        }
        json => json.to_string(),
    }
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
