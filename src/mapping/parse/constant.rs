//! Values that are written out: texts, numbers, true and false.

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::parser::{Node, Parser};
use crate::domain::condition::Constant;
use crate::domain::conversion::{Problem, Raw, convert};
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::money::{NoDecimal, read_decimal};

impl Parser {
    pub(super) fn constant(&mut self, value: Node<'_>) -> Option<Constant> {
        let constant = match value.is() {
            DeValue::String(text) => Some(Constant::Text(text.to_string())),
            DeValue::Boolean(boolean) => Some(Constant::Boolean(*boolean)),
            _ => value.number().map(Constant::Number),
        };
        let problem = match (&constant, value.spec) {
            (None, _) => Some(no_constant(value)),
            (Some(constant), Some(spec)) => problem_of(constant, spec),
            (Some(_), None) => None,
        };
        match problem {
            None => constant,
            Some(problem) => {
                let hint = "write a constant that m3ter's field takes: a text in quotes, a number or true and false without";
                self.fault(value, problem, hint)
            }
        }
    }
}

/// Why a value of a file is none that a mapping keeps.
fn no_constant(value: Node<'_>) -> String {
    let unkept = match value.is() {
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
        DeValue::Float(number) => Some(number.as_str()),
        _ => None,
    };
    match unkept.map(|number| (number, read_decimal(number))) {
        Some((number, Err(why @ (NoDecimal::TooSmall | NoDecimal::TooLarge)))) => {
            format!("{number} {why}")
        }
        Some((number, Ok(_))) => format!("{number} has more digits than can be kept exactly"),
        _ => "a text, a number or a boolean is expected".to_owned(),
    }
}

/// Why m3ter's field does not take a constant.
fn problem_of(constant: &Constant, spec: &FieldSpec) -> Option<String> {
    let fits = match constant {
        Constant::Boolean(_) => spec.field_type == FieldType::Boolean,
        Constant::Number(_) => spec.field_type.is_number(),
        Constant::Text(_) => {
            !spec.field_type.is_number()
                && !spec.field_type.is_structure()
                && spec.field_type != FieldType::Boolean
        }
    };
    if !fits {
        return Some(format!("m3ter's `{}` takes {}", spec.name, expected(spec.field_type)));
    }
    match convert(&Raw::Json(constant.to_json()), spec, &TimeZone::UTC) {
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
