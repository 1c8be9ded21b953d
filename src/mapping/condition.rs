//! Whether a condition holds for a row.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::convert::text;
use super::language::{Condition, Constant, FieldRef, Test};
use super::row::Row;
use crate::domain::ids::SalesforceId;
use crate::domain::money::{decimal_in_json, double_in_json, nearest_double};
use crate::domain::personal;
use crate::domain::text::trimmed;

impl Row<'_> {
    pub(super) fn holds(self, condition: &Condition) -> bool {
        match condition {
            Condition::All(conditions) => !self.one_is(conditions, false),
            Condition::Any(conditions) => self.one_is(conditions, true),
            Condition::Test(field, test) => self.passes(field, test),
        }
    }

    /// Whether one of the conditions holds for certain, or does not. Only where none decides, what
    /// cannot be read matters.
    fn one_is(self, conditions: &[Condition], expected: bool) -> bool {
        let mut unclear = BTreeSet::new();
        for condition in conditions {
            let (holds, names) = self.observed(|| self.holds(condition));
            if holds == expected && names.is_empty() {
                return true;
            }
            unclear.extend(names);
        }
        self.note_unreadable(unclear);
        false
    }

    fn passes(self, field: &FieldRef, test: &Test) -> bool {
        let value = self.field(field);
        let stands = |ordering, limit: &Decimal| {
            value.and_then(|value| compared(value, *limit)) == Some(ordering)
        };
        let equals = |other: &FieldRef| match (value, self.field(other)) {
            (Some(value), Some(other)) => same(value, other),
            (value, other) => value.is_none() && other.is_none(),
        };
        match test {
            Test::Is(constant) => is(value, constant),
            Test::IsNot(constant) => !is(value, constant),
            Test::In(constants) => constants.iter().any(|constant| is(value, constant)),
            Test::NotIn(constants) => !constants.iter().any(|constant| is(value, constant)),
            Test::Blank(blank) => value.is_none() == *blank,
            Test::Above(limit) => stands(Ordering::Greater, limit),
            Test::Below(limit) => stands(Ordering::Less, limit),
            Test::Equals(other) => equals(other),
            Test::DiffersFrom(other) => !equals(other),
        }
    }

    /// A condition as people read it: the fields that it asks, with what they hold.
    pub(super) fn shown_condition(self, condition: &Condition) -> String {
        let mut refs = Vec::new();
        condition.collect(&mut refs);
        self.shown_values(refs)
    }

    /// Fields with what they hold.
    pub(super) fn shown_values<'f>(self, fields: impl IntoIterator<Item = &'f FieldRef>) -> String {
        let texts: Vec<String> = fields
            .into_iter()
            .map(|field| match self.field(field) {
                Some(value) => format!(
                    "`{}` is `{}`",
                    self.shown(field),
                    personal::shown(&field.path, &text(value))
                ),
                None => format!("`{}` is blank", self.shown(field)),
            })
            .collect();
        texts.join(" and ")
    }
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

/// As texts are compared: trimmed, without regard to case.
pub(super) fn folded(text: &str) -> String {
    trimmed(text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_above_or_below_a_limit_however_small_or_large_it_is() {
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
