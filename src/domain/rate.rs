//! Rates: numbers for so many units of something, compared as exactly as they are known. A rate is
//! as exact as the decimals that Salesforce keeps of its fields, and no more.

use rust_decimal::Decimal;

/// How a rate stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They are the same, as far as that is known.
    Equal,
    /// They differ.
    Different,
    /// That cannot be told.
    Unknown,
}

/// A number with half of what its last decimal counts: the true one lies that near.
#[derive(Debug, Clone, Copy)]
pub struct Rounded {
    number: Decimal,
    half: Decimal,
}

impl Rounded {
    /// A number of a field that keeps so many decimals; without that, it is exact.
    pub fn new(number: Decimal, scale: Option<u32>) -> Self {
        let number = number.normalize();
        let half = scale.and_then(|scale| Decimal::try_new(5, scale.max(number.scale()) + 1).ok());
        Self { number, half: half.unwrap_or_default() }
    }
}

/// Compares two numbers, each with what it is for. Where neither says that, the numbers are equal
/// or nothing is known.
pub fn compare(
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
