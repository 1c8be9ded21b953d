//! Pricing bands: from a text with a band on each line, from one price, or from rows with two
//! bounds; sorted and checked.

use std::fmt;

use rust_decimal::Decimal;

use super::finding::{Finding, FindingCode};
use super::money::{NoDecimal, nearest_double, read_decimal};
use super::personal;
use super::text::{is_blank, trimmed};
use super::value::PricingBand;

/// Bands in one text; far above any price list, below what a text field of 4,000 characters holds.
const MAX_BANDS: usize = 1_000;

/// The bands of a text: `lowerLimit ; unitPrice [; fixedPrice]` on each line, decimal point, no
/// thousands separator.
pub fn bands_in_text(text: &str, field: &str) -> Result<Vec<PricingBand>, Finding> {
    let lines = text.lines().enumerate().filter(|(_, line)| !is_blank(line)).take(MAX_BANDS);
    let bands = lines
        .map(|(index, line)| band(line).map_err(|why| unreadable(field, index + 1, line, why)))
        .collect::<Result<_, _>>()?;
    checked(bands, field)
}

fn band(line: &str) -> Result<PricingBand, NoDecimal> {
    let numbers: Vec<Decimal> =
        line.split(';').map(|part| plain_decimal(trimmed(part))).collect::<Result<_, _>>()?;
    let [lower_limit, unit_price, rest @ ..] = numbers.as_slice() else {
        return Err(NoDecimal::NotANumber);
    };
    let fixed_price = match rest {
        [] => Decimal::ZERO,
        [fixed_price] => *fixed_price,
        _ => return Err(NoDecimal::NotANumber),
    };
    Ok(PricingBand { lower_limit: *lower_limit, unit_price: *unit_price, fixed_price })
}

/// A number as people write it in a text: no exponent, no separators.
fn plain_decimal(text: &str) -> Result<Decimal, NoDecimal> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if is_plain { read_decimal(text) } else { Err(NoDecimal::NotANumber) }
}

/// One band from 0 on.
pub fn single_band(unit_price: Decimal, field: &str) -> Result<Vec<PricingBand>, Finding> {
    checked(
        vec![PricingBand {
            lower_limit: Decimal::ZERO,
            unit_price: unit_price.normalize(),
            fixed_price: Decimal::ZERO,
        }],
        field,
    )
}

/// The bands of rows or of a list, each with its upper limit. Where the mapping names one, rows have
/// two inclusive bounds: each band then starts where the one before ends.
pub fn from_entries(
    mut entries: Vec<(PricingBand, Option<Decimal>)>,
    is_bounded: bool,
    field: &str,
) -> Result<Vec<PricingBand>, Finding> {
    entries.sort_by_key(|(band, _)| band.lower_limit);
    if is_bounded {
        close_bounds(&mut entries).map_err(|what| {
            Finding::new(
                FindingCode::PricingBandsInvalid,
                format!("The bounds of `{field}` {what}"),
                "Begin each tier right after the previous one, and leave only the last one without an upper bound",
            )
        })?;
    }
    checked(entries.into_iter().map(|(band, _)| band).collect(), field)
}

fn checked(mut bands: Vec<PricingBand>, field: &str) -> Result<Vec<PricingBand>, Finding> {
    bands.sort_by_key(|band| band.lower_limit);
    let Some(problem) = problem_of(&bands) else { return Ok(bands) };
    let remedy = match problem {
        BandsProblem::NegativePrice(_) => {
            "Set a price of 0 or more; if the line is a discount or a credit, flag it so that it is not synced"
        }
        _ => {
            "Begin the first band at 0 and use each limit once; in a text, write `lowerLimit ; unitPrice [; fixedPrice]` on each line"
        }
    };
    Err(Finding::new(FindingCode::PricingBandsInvalid, format!("`{field}` {problem}"), remedy))
}

fn unreadable(field: &str, line: usize, text: &str, why: NoDecimal) -> Finding {
    let shown = personal::redacted(field, trimmed(text));
    let what = match why {
        NoDecimal::NotANumber => "is not a band".to_owned(),
        NoDecimal::TooSmall | NoDecimal::TooLarge => format!("has a number that {why}"),
    };
    Finding::new(
        FindingCode::PricingBandsInvalid,
        format!("Line {line} of `{field}` {what}: `{shown}`"),
        "Write `lowerLimit ; unitPrice [; fixedPrice]` with a decimal point and without thousands separators",
    )
}

/// From bounds that are both inclusive (1 to 250, 251 to 500) to limits from which a band applies
/// (0, 250).
///
/// Fails with what is wrong with the bounds: the rest of a sentence about several of them.
fn close_bounds(entries: &mut [(PricingBand, Option<Decimal>)]) -> Result<(), String> {
    let (count, mut before) = (entries.len(), None);
    for (index, (band, upper)) in entries.iter_mut().enumerate() {
        let lower = band.lower_limit;
        band.lower_limit = match before {
            None if lower > Decimal::ONE => {
                return Err(format!("begin at {lower} instead of 0 or 1"));
            }
            None => Decimal::ZERO,
            Some(end) if lower == end || lower == end + Decimal::ONE => end,
            Some(end) if lower > end => {
                let (end, lower) = (end.normalize(), lower.normalize());
                return Err(format!("have a gap between {end} and {lower}"));
            }
            Some(end) => {
                return Err(format!(
                    "overlap: a tier begins at {lower}, and the previous one ends at {end}"
                ));
            }
        };
        match *upper {
            Some(upper) if upper < lower => {
                return Err(format!("have a tier from {lower} to {upper}"));
            }
            None if index + 1 < count => {
                return Err(format!(
                    "have a tier from {lower} without an end that is not the last"
                ));
            }
            upper => before = upper,
        }
    }
    Ok(())
}

/// What is wrong with bands that are sorted.
enum BandsProblem {
    /// There are none.
    NoBand,
    /// The first of them does not begin at 0.
    Begins(Decimal),
    /// A unit price is below 0.
    NegativePrice(Decimal),
    /// Two of them begin here.
    Twice(Decimal),
}

impl fmt::Display for BandsProblem {
    /// The rest of a sentence about where the bands come from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBand => f.write_str("holds no band"),
            Self::Begins(limit) => write!(f, "begins at {limit} instead of 0"),
            Self::NegativePrice(price) => write!(f, "has the negative unit price {price}"),
            Self::Twice(limit) => write!(f, "has two bands from {limit}"),
        }
    }
}

/// What is wrong with bands that are sorted, if anything.
fn problem_of(bands: &[PricingBand]) -> Option<BandsProblem> {
    let Some(first) = bands.first() else { return Some(BandsProblem::NoBand) };
    if !first.lower_limit.is_zero() {
        return Some(BandsProblem::Begins(first.lower_limit));
    }
    let is_negative = |price: Decimal| price.is_sign_negative() && !price.is_zero();
    if let Some(band) = bands.iter().find(|band| is_negative(band.unit_price)) {
        return Some(BandsProblem::NegativePrice(band.unit_price));
    }
    // Two limits that m3ter cannot tell from each other are one.
    let limit = |band: &PricingBand| nearest_double(band.lower_limit);
    let twice = bands.windows(2).find(|pair| limit(&pair[0]) >= limit(&pair[1]))?;
    Some(BandsProblem::Twice(twice[0].lower_limit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bands: &[PricingBand]) -> Vec<String> {
        bands
            .iter()
            .map(|band| format!("{} {} {}", band.lower_limit, band.unit_price, band.fixed_price))
            .collect()
    }

    #[test]
    fn bands_are_read_sorted_and_exact() {
        let bands = bands_in_text("500 ; 0.08 ; 25\n\n 0 ; 0.0000012345\n", "F").unwrap();
        assert_eq!(shown(&bands), ["0 0.0000012345 0", "500 0.08 25"]);
    }

    #[test]
    fn an_invalid_price_list_is_reported_with_its_line() {
        for (text, message) in [
            ("0 ; 0.05\n1,000 ; 0.04", "Line 2 of `F` is not a band: `1,000 ; 0.04`"),
            ("0", "Line 1 of `F` is not a band: `0`"),
            (
                "0 ; 0.0000000000000000000000000000001",
                "Line 1 of `F` has a number that is too small for m3ter: `0 ; 0.0000000000000000000000000000001`",
            ),
            (
                "0;1\n9007199254740992;2\n9007199254740993;3",
                "`F` has two bands from 9007199254740992",
            ),
            ("0 ; 1e5", "Line 1 of `F` is not a band: `0 ; 1e5`"),
            ("10 ; 0.05", "`F` begins at 10 instead of 0"),
            ("0 ; 0.05\n0 ; 0.04", "`F` has two bands from 0"),
            ("0 ; -0.05", "`F` has the negative unit price -0.05"),
            ("\n \n", "`F` holds no band"),
        ] {
            assert_eq!(bands_in_text(text, "F").unwrap_err().message, message, "{text:?}");
        }
    }

    #[test]
    fn a_negative_price_is_corrected_otherwise_than_bands() {
        let negative = single_band(Decimal::new(-5, 2), "F").unwrap_err();
        assert_eq!(negative.message, "`F` has the negative unit price -0.05");
        assert!(negative.remedy.starts_with("Set a price of 0 or more"), "{}", negative.remedy);
        let gap = bands_in_text("10 ; 0.05", "F").unwrap_err();
        assert!(gap.remedy.starts_with("Begin the first band at 0"), "{}", gap.remedy);
    }

    proptest! {
        #[test]
        fn any_text_is_bands_or_a_finding(text in "(?s).{0,200}") {
            if let Ok(bands) = bands_in_text(&text, "F") {
                prop_assert!(bands[0].lower_limit.is_zero());
                prop_assert!(bands.windows(2).all(|pair| pair[0].lower_limit < pair[1].lower_limit));
            }
        }
    }
}
