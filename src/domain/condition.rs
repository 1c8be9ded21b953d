//! Conditions on the fields of rows: what can be asked of a field, and how what Salesforce holds is
//! compared.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::conversion::{folded, text};
use super::ids::SalesforceId;
use super::money::{decimal_in_json, double_in_json, exact_json, nearest_double};
use super::rows::FieldRef;

/// A value that is written out.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// A text.
    Text(String),
    /// A number with all its digits.
    Number(Decimal),
    /// True or false.
    Boolean(bool),
}

/// What must hold of a row.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these.
    All(Vec<Condition>),
    /// One of these.
    Any(Vec<Condition>),
    /// This of a field.
    Test(FieldRef, Test),
}

/// What can be asked of a field.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whether it has this value.
    Is(Constant),
    /// Whether it has another one.
    IsNot(Constant),
    /// Whether it has one of these.
    In(Vec<Constant>),
    /// Whether it has none of these.
    NotIn(Vec<Constant>),
    /// Whether it is blank, or filled.
    Blank(bool),
    /// Whether it is more than this.
    Above(Decimal),
    /// Whether it is less than this.
    Below(Decimal),
    /// Whether it is the same as another field.
    Equals(FieldRef),
    /// Whether it is not.
    DiffersFrom(FieldRef),
}

impl Constant {
    /// As Salesforce would write it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::String(text.clone()),
            Self::Number(number) => exact_json(*number),
            Self::Boolean(boolean) => Json::Bool(*boolean),
        }
    }

    /// As people read it.
    pub fn render(&self) -> String {
        match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
        }
    }

    /// Whether a field has this value: texts without regard to case and outer spaces, numbers by
    /// value; a checkbox that is blank is off.
    fn is(&self, value: Option<&Json>) -> bool {
        match (value, self) {
            (None, Self::Boolean(on)) => !on,
            (None, _) => false,
            (Some(Json::Bool(value)), Self::Boolean(on)) => value == on,
            (Some(value), Self::Number(number)) => decimal_in_json(value) == Some(*number),
            (Some(value), Self::Text(wanted)) => folded(&text(value)) == folded(wanted),
            (Some(value), Self::Boolean(on)) => folded(&text(value)) == on.to_string(),
        }
    }
}

impl Condition {
    /// All fields that it asks.
    pub fn fields(&self) -> Vec<&FieldRef> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Self::fields).collect()
            }
            Self::Test(field, Test::Equals(other) | Test::DiffersFrom(other)) => {
                vec![field, other]
            }
            Self::Test(field, _) => vec![field],
        }
    }
}

impl Test {
    /// Whether it holds of a value; `held` says what another field of the row holds.
    pub fn passes<'v>(
        &self,
        value: Option<&Json>,
        held: impl FnOnce(&FieldRef) -> Option<&'v Json>,
    ) -> bool {
        let stands = |ordering, limit: &Decimal| {
            value.and_then(|value| compared(value, *limit)) == Some(ordering)
        };
        match self {
            Self::Is(constant) => constant.is(value),
            Self::IsNot(constant) => !constant.is(value),
            Self::In(constants) => constants.iter().any(|constant| constant.is(value)),
            Self::NotIn(constants) => !constants.iter().any(|constant| constant.is(value)),
            Self::Blank(blank) => value.is_none() == *blank,
            Self::Above(limit) => stands(Ordering::Greater, limit),
            Self::Below(limit) => stands(Ordering::Less, limit),
            Self::Equals(other) => equal(value, held(other)),
            Self::DiffersFrom(other) => !equal(value, held(other)),
        }
    }
}

/// How a number stands to a limit, also one that is too small or too large to be kept.
fn compared(value: &Json, limit: Decimal) -> Option<Ordering> {
    match decimal_in_json(value) {
        Some(number) => Some(number.cmp(&limit)),
        None => double_in_json(value)?.partial_cmp(&nearest_double(limit)),
    }
}

fn equal(one: Option<&Json>, other: Option<&Json>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn same(one: &Json, other: &Json) -> bool {
    match (decimal_in_json(one), decimal_in_json(other)) {
        (Some(one), Some(other)) => one == other,
        _ => {
            let (one, other) = (text(one), text(other));
            folded(&one) == folded(&other) || same_record(&one, &other)
        }
    }
}

/// Whether one text has 15 and the other 18 characters of the same id; a formula field gives the
/// shorter one.
fn same_record(one: &str, other: &str) -> bool {
    one.len() != other.len()
        && SalesforceId::parse(one)
            .is_ok_and(|one| SalesforceId::parse(other).is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_any_size_is_above_or_below_a_limit() {
        for (value, limit, ordering) in [
            ("0.05", "0.0500", Some(Ordering::Equal)),
            ("\"7\"", "6.9", Some(Ordering::Greater)),
            ("1E-30", "0", Some(Ordering::Greater)),
            ("-1E-30", "0", Some(Ordering::Less)),
            ("1.7E308", "1000000", Some(Ordering::Greater)),
            ("9007199254740993", "9007199254740992", Some(Ordering::Greater)),
            ("\"north\"", "0", None),
        ] {
            assert_eq!(
                compared(&serde_json::from_str(value).unwrap(), limit.parse().unwrap()),
                ordering,
                "{value}"
            );
        }
    }
}
