//! What must hold of pricing bands, and how rows with two bounds become bands.

use std::fmt;

use rust_decimal::Decimal;

use super::money::nearest_double;
use super::value::PricingBand;

/// From bounds that are both inclusive (1 to 250, 251 to 500) to limits from which a band applies
/// (0, 250).
///
/// # Errors
///
/// What is wrong with the bounds: the rest of a sentence about several of them.
pub fn close_bounds(entries: &mut [(PricingBand, Option<Decimal>)]) -> Result<(), String> {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandsProblem {
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
pub fn problem_of(bands: &[PricingBand]) -> Option<BandsProblem> {
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
