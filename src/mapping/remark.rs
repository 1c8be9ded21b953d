//! Sentences about rows and values: what somebody should know although nothing is wrong.
//!
//! `warn` beside a value is told where that value is used, `warn` of rows once for each row, also
//! for one that takes no part. Rows may compare two rates: a rate is as exact as the decimals that
//! Salesforce keeps of its fields, and no more.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Mapping;
use super::language::{Condition, FieldRef, SetId};
use super::row::Row;
use crate::domain::money::decimal_in_json;
use crate::domain::org_schema::OrgSchema;
use crate::domain::warning::{Attention, Warning};

/// A sentence with the condition under which it is told.
#[derive(Debug, Clone)]
pub(super) struct Remark {
    pub(super) message: String,
    /// The code under which lists and metrics count it.
    pub(super) attention: Option<Attention>,
    /// Told only where it holds.
    pub(super) when: Option<Condition>,
}

/// What is told of a row.
#[derive(Debug, Clone)]
pub(super) struct RowRemark {
    pub(super) remark: Remark,
    /// Told only where the two differ, or where that cannot be told.
    pub(super) unless_equal: Option<[Rate; 2]>,
    /// The line of the file.
    pub(super) line: usize,
}

/// A number for so many units of another one.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) number: FieldRef,
    pub(super) per: Option<FieldRef>,
}

/// How many decimals the org keeps of each field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scales(BTreeMap<(SetId, String), u32>);

/// How two rates stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Equal,
    Different,
    Unknown,
}

/// A number with half of what its last decimal counts: the true one lies that near.
#[derive(Debug, Clone, Copy)]
struct Rounded {
    number: Decimal,
    half: Decimal,
}

impl Mapping {
    /// The decimals of the fields that rates are compared by.
    pub(super) fn scales(&self, schema: &OrgSchema) -> Scales {
        let remarks = self.mapped.sets.iter().flat_map(|set| &set.warn);
        let fields = remarks.flat_map(RowRemark::rate_fields);
        let scale = |field: &FieldRef| {
            Some((
                (field.from, field.path.to_ascii_lowercase()),
                self.org_field(schema, field).ok()?.scale?,
            ))
        };
        Scales(fields.filter_map(scale).collect())
    }
}

impl Remark {
    /// The sentence, as long as it is to be told of a row.
    pub(super) fn told(&self, row: Row<'_>) -> Option<Warning> {
        let is_told = self
            .when
            .as_ref()
            .is_none_or(|condition| row.holds_for_certain(|| row.holds(condition)));
        is_told.then(|| self.warning(self.message.clone()))
    }

    fn warning(&self, text: String) -> Warning {
        Warning { attention: self.attention, text }
    }
}

impl RowRemark {
    pub(super) fn rate_fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.unless_equal
            .iter()
            .flatten()
            .flat_map(|rate| std::iter::once(&rate.number).chain(&rate.per))
    }

    /// The sentence about a row, if there is one.
    fn told(&self, row: Row<'_>) -> Option<Warning> {
        self.remark.told(row)?;
        let (id, place) = (row.own_record().id()?, row.mapping.files.shown(self.line));
        let message = &self.remark.message;
        let Some([one, other]) = &self.unless_equal else {
            return Some(self.remark.warning(format!("{message} ({id}; {place})")));
        };
        let shown = row.shown_values(self.rate_fields());
        match row.compare(one, other) {
            Standing::Equal => None,
            Standing::Different => {
                Some(self.remark.warning(format!("{message} ({id}: {shown}; {place})")))
            }
            Standing::Unknown => Some(self.remark.warning(format!(
                "It cannot be told whether this is so: {message} ({id}: {shown}; {place})"
            ))),
        }
    }
}

impl Row<'_> {
    /// What the mapping has to say about the row itself.
    pub(super) fn remarks(self) -> Vec<Warning> {
        // What cannot be read is told of the objects that hang on it.
        self.observed(|| {
            self.mapping.mapped.sets[self.set()]
                .warn
                .iter()
                .filter_map(|remark| remark.told(self))
                .collect()
        })
        .0
    }

    fn compare(self, one: &Rate, other: &Rate) -> Standing {
        let (a, b) = (self.rounded(&one.number), self.rounded(&other.number));
        let per = |rate: &Rate| rate.per.as_ref().and_then(|field| self.rounded(field));
        compare((a, per(one)), (b, per(other)))
    }

    fn rounded(self, field: &FieldRef) -> Option<Rounded> {
        let number = self.field(field).and_then(decimal_in_json)?.normalize();
        let scale = self.context.scales.0.get(&(field.from, field.path.to_ascii_lowercase()));
        let half =
            scale.and_then(|scale| Decimal::try_new(5, (*scale).max(number.scale()) + 1).ok());
        Some(Rounded { number, half: half.unwrap_or_default() })
    }
}

/// Compares two numbers, each with what it is for. Where neither says that, the numbers are equal
/// or nothing is known.
fn compare(
    (one, one_per): (Option<Rounded>, Option<Rounded>),
    (other, other_per): (Option<Rounded>, Option<Rounded>),
) -> Standing {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return Standing::Equal,
        _ => return Standing::Unknown,
    };
    match (one_per, other_per) {
        (None, None) if one.number == other.number => Standing::Equal,
        (Some(one_per), Some(other_per)) => match (span(one, one_per), span(other, other_per)) {
            (Some(one), Some(other)) if one.0 <= other.1 && other.0 <= one.1 => Standing::Equal,
            (Some(_), Some(_)) => Standing::Different,
            _ => Standing::Unknown,
        },
        _ => Standing::Unknown,
    }
}

/// The least and the greatest that a rate can be; `None` where it is for nothing, or beyond what
/// can be counted.
fn span(number: Rounded, per: Rounded) -> Option<(Decimal, Decimal)> {
    let (least_per, most_per) =
        (per.number.checked_sub(per.half)?, per.number.checked_add(per.half)?);
    if least_per <= Decimal::ZERO {
        return None;
    }
    let (least, most) =
        (number.number.checked_sub(number.half)?, number.number.checked_add(number.half)?);
    let ends = [(least, least_per), (least, most_per), (most, least_per), (most, most_per)];
    let ends: Vec<Decimal> =
        ends.into_iter().map(|(number, per)| number.checked_div(per)).collect::<Option<_>>()?;
    Some((*ends.iter().min()?, *ends.iter().max()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_equal_as_far_as_the_decimals_of_their_fields_tell() {
        let rounded = |text: &str, scale: u32| {
            (!text.is_empty()).then(|| Rounded {
                number: text.parse().unwrap(),
                half: Decimal::new(5, scale + 1),
            })
        };
        for (what, one, other, scale, expected) in [
            ("half a term", ("10", "0.5"), ("20", "1"), 2, Standing::Equal),
            ("a third, rounded", ("6.67", "0.3333"), ("20", "1"), 2, Standing::Equal),
            ("as much for a shorter term", ("20", "0.5"), ("20", "1"), 2, Standing::Different),
            ("a cent more", ("10.02", "0.5"), ("20", "1"), 2, Standing::Different),
            ("less than rounding explains", ("20.01", "1"), ("20", "1"), 2, Standing::Equal),
            ("more decimals tell more", ("20.01", "1"), ("20", "1"), 4, Standing::Different),
            ("for nothing known, equal", ("20", ""), ("20", ""), 2, Standing::Equal),
            ("for nothing known, different", ("10", ""), ("20", ""), 2, Standing::Unknown),
            ("one for something", ("10", "0.5"), ("20", ""), 2, Standing::Unknown),
            ("for nothing", ("10", "0"), ("20", "1"), 2, Standing::Unknown),
            ("no price at all", ("", ""), ("", ""), 2, Standing::Equal),
            ("one without a price", ("", "1"), ("20", "1"), 2, Standing::Unknown),
            ("below nothing", ("-10", "0.5"), ("-20", "1"), 2, Standing::Equal),
        ] {
            let rate = |(number, per): (&str, &str)| (rounded(number, scale), rounded(per, 4));
            assert_eq!(compare(rate(one), rate(other)), expected, "{what}");
            assert_eq!(compare(rate(other), rate(one)), expected, "{what}, the other way round");
        }
    }
}
