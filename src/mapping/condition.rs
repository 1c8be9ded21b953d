//! Whether a condition holds for a row.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::convert::{folded, text};
use super::language::{Condition, Constant, FieldRef, Test};
use super::row::Row;
use crate::domain::ids::SalesforceId;
use crate::domain::money::{decimal_in_json, double_in_json, nearest_double};
use crate::domain::personal;

impl Condition {
    pub(super) fn holds(&self, row: Row<'_>) -> bool {
        match self {
            Self::All(conditions) => !one_is(conditions, false, row),
            Self::Any(conditions) => one_is(conditions, true, row),
            Self::Test(field, test) => test.passes(row.field(field), row),
        }
    }

    /// It as people read it: the fields that it asks, with what they hold.
    pub(super) fn render(&self, row: Row<'_>) -> String {
        render_values(self.fields(), row)
    }
}

/// Whether one of the conditions holds for certain, or does not. Only where none decides, what
/// cannot be read matters.
fn one_is(conditions: &[Condition], expected: bool, row: Row<'_>) -> bool {
    let mut unclear = BTreeSet::new();
    for condition in conditions {
        let (holds, names) = row.observed(|| condition.holds(row));
        if holds == expected && names.is_empty() {
            return true;
        }
        unclear.extend(names);
    }
    row.note_unreadable(unclear);
    false
}

impl Test {
    fn passes(&self, value: Option<&Json>, row: Row<'_>) -> bool {
        let stands = |ordering, limit: &Decimal| {
            value.and_then(|value| compared(value, *limit)) == Some(ordering)
        };
        match self {
            Self::Is(constant) => is(value, constant),
            Self::IsNot(constant) => !is(value, constant),
            Self::In(constants) => constants.iter().any(|constant| is(value, constant)),
            Self::NotIn(constants) => !constants.iter().any(|constant| is(value, constant)),
            Self::Blank(blank) => value.is_none() == *blank,
            Self::Above(limit) => stands(Ordering::Greater, limit),
            Self::Below(limit) => stands(Ordering::Less, limit),
            Self::Equals(other) => equal(value, row.field(other)),
            Self::DiffersFrom(other) => !equal(value, row.field(other)),
        }
    }
}

pub(super) fn render_values<'f>(
    fields: impl IntoIterator<Item = &'f FieldRef>,
    row: Row<'_>,
) -> String {
    let shown = |field: &FieldRef| match row.field(field) {
        Some(value) => {
            format!("`{}` is `{}`", field.name, personal::redacted(&field.path, &text(value)))
        }
        None => format!("`{}` is blank", field.name),
    };
    fields.into_iter().map(shown).collect::<Vec<_>>().join(" and ")
}

/// How a number stands to a limit, also one that is too small or too large to be kept.
fn compared(value: &Json, limit: Decimal) -> Option<Ordering> {
    match decimal_in_json(value) {
        Some(number) => Some(number.cmp(&limit)),
        None => double_in_json(value)?.partial_cmp(&nearest_double(limit)),
    }
}

/// Texts without regard to case and outer spaces, numbers by value; a checkbox that is blank is
/// off.
fn is(value: Option<&Json>, constant: &Constant) -> bool {
    match (value, constant) {
        (None, Constant::Boolean(on)) => !on,
        (None, _) => false,
        (Some(Json::Bool(value)), Constant::Boolean(on)) => value == on,
        (Some(value), Constant::Number(number)) => decimal_in_json(value) == Some(*number),
        (Some(value), Constant::Text(wanted)) => folded(&text(value)) == folded(wanted),
        (Some(value), Constant::Boolean(on)) => folded(&text(value)) == on.to_string(),
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
