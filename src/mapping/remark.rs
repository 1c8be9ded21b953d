//! Sentences about rows and values: what somebody should know although nothing is wrong.
//!
//! `warn` beside a value is told where that value is used, `warn` of rows once for each row, also
//! for one that takes no part. Rows may compare two rates: a rate is as exact as the decimals that
//! Salesforce keeps of its fields, and no more.

use rust_decimal::Decimal;

use super::condition::render_values;
use super::language::{FieldRef, Remark, RowRemark};
use super::row::Row;
use crate::domain::money::decimal_in_json;
use crate::domain::warning::Warning;

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

impl Remark {
    /// The sentence, as long as it is to be told of a row.
    pub(super) fn describe(&self, row: Row<'_>) -> Option<Warning> {
        let is_told = self
            .when
            .as_ref()
            .is_none_or(|condition| row.holds_for_certain(|| condition.holds(row)));
        is_told.then(|| self.warning(self.message.clone()))
    }

    fn warning(&self, text: String) -> Warning {
        Warning { attention: self.attention, text }
    }
}

impl RowRemark {
    /// The sentence about a row, if there is one. What cannot be read is told of the objects that
    /// hang on it.
    pub(super) fn describe(&self, row: Row<'_>) -> Option<Warning> {
        row.observed(|| self.sentence(row)).0
    }

    fn sentence(&self, row: Row<'_>) -> Option<Warning> {
        let told = self.remark.describe(row)?;
        let (id, place, message) = (row.own_record().id()?, &self.place, &told.text);
        let Some(rates) = &self.unless_equal else {
            return Some(self.remark.warning(format!("{message} ({id}; {place})")));
        };
        let shown = render_values(self.rate_fields(), row);
        let [one, other] = rates.each_ref().map(|rate| {
            (rounded(&rate.number, row), rate.per.as_ref().and_then(|per| rounded(per, row)))
        });
        let unknown = match compare(one, other) {
            Standing::Equal => return None,
            Standing::Different => "",
            Standing::Unknown => "This may or may not apply: ",
        };
        Some(self.remark.warning(format!("{unknown}{message} ({id}: {shown}; {place})")))
    }
}

fn rounded(field: &FieldRef, row: Row<'_>) -> Option<Rounded> {
    let number = row.field(field).and_then(decimal_in_json)?.normalize();
    let scale = row.around().context.scales.0.get(&field.id());
    let half = scale.and_then(|scale| Decimal::try_new(5, (*scale).max(number.scale()) + 1).ok());
    Some(Rounded { number, half: half.unwrap_or_default() })
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
    fn rates_are_equal_within_the_decimals_of_their_fields() {
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
