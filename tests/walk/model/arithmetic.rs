//! Dates, decimals and bands, computed by hand: nothing of the service is asked.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value as Json;

/// A decimal number: `digits` with the point `scale` places from the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    digits: i128,
    scale: u32,
}

impl Exact {
    /// `None` for what is no plain number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.trim_start_matches(['-', '+']).is_empty() && fraction.is_empty() {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()? - exponent;
        if places >= 0 {
            return Some(Self { digits, scale: places.unsigned_abs() });
        }
        Some(Self {
            digits: digits.checked_mul(10_i128.checked_pow(places.unsigned_abs())?)?,
            scale: 0,
        })
    }

    pub(crate) fn of(value: &Json) -> Option<Self> {
        Self::parse(&value.as_number()?.to_string())
    }

    /// The number less so many percent of it.
    pub(crate) fn less_percent(self, percent: Self) -> Option<Self> {
        let hundred = 100_i128.checked_mul(10_i128.checked_pow(percent.scale)?)?;
        let digits = self.digits.checked_mul(hundred.checked_sub(percent.digits)?)?;
        Some(Self { digits, scale: self.scale + percent.scale + 2 })
    }

    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The nearest double.
    pub(crate) fn double(self) -> f64 {
        format!("{}e-{}", self.digits, self.scale).parse().unwrap()
    }
}

/// The double in a JSON number.
pub(crate) fn double(value: &Json) -> Option<f64> {
    value.as_number()?.to_string().parse().ok()
}

/// Salesforce's last day as m3ter's first day after.
pub(crate) fn day_after(date: Date) -> Date {
    date.checked_add(1.day()).unwrap()
}

/// So many months later; the last day of a shorter month where there is no such day.
pub(crate) fn months_after(date: Date, months: i32) -> Date {
    date.checked_add(months.months()).unwrap()
}

/// When a day begins.
pub(crate) fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned_datetime(zone.clone()).unwrap().timestamp()
}

/// Lower limit, price of a unit, fixed price.
pub(crate) type Band = (f64, f64, f64);

/// The bands of a text, `from;price[;fixed]` on each line; `None` where they cannot be read, do not
/// begin at 0 or do not rise.
pub(crate) fn bands(text: &str) -> Option<Vec<Band>> {
    let number = |part: &str| Exact::parse(part.trim()).map(Exact::double);
    let band = |line: &str| {
        let parts: Vec<f64> = line.split(';').map(number).collect::<Option<_>>()?;
        match parts.as_slice() {
            [from, unit] => Some((*from, *unit, 0.0)),
            [from, unit, fixed] => Some((*from, *unit, *fixed)),
            _ => None,
        }
    };
    let mut bands: Vec<Band> =
        text.lines().filter(|line| !line.trim().is_empty()).map(band).collect::<Option<_>>()?;
    bands.sort_by(|one, other| one.0.total_cmp(&other.0));
    let rises = bands.windows(2).all(|pair| pair[0].0 < pair[1].0);
    (bands.first().is_some_and(|(from, ..)| *from == 0.0) && rises).then_some(bands)
}

/// A street of several lines as m3ter's lines of an address; only streets whose lines fit are
/// computed.
pub(crate) fn street_lines(street: &str) -> Vec<String> {
    let lines: Vec<String> =
        street.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    assert!(
        lines.len() <= 4 && lines.iter().all(|line| line.chars().count() <= 50),
        "a street that the model does not compute: {street:?}"
    );
    lines
}

#[test]
fn the_model_computes_as_a_person_would() {
    let exact = |text: &str| Exact::parse(text).unwrap();
    for (price, percent, rest) in [
        ("0.05", "0", 0.05),
        ("1300.99", "12.5", 1_138.366_25),
        ("0.000123", "33.33", 0.000_082_004_1),
        ("1E-5", "50", 5e-6),
    ] {
        assert_eq!(
            exact(price).less_percent(exact(percent)).unwrap().double().to_bits(),
            f64::to_bits(rest),
            "{price} less {percent} %"
        );
    }
    let date = |text: &str| text.parse::<Date>().unwrap();
    assert_eq!(day_after(date("2026-12-31")), date("2027-01-01"));
    assert_eq!(months_after(date("2026-08-31"), 6), date("2027-02-28"));
    let midnight_in =
        |zone: &str| midnight(date("2026-07-01"), &TimeZone::get(zone).unwrap()).to_string();
    assert_eq!(midnight_in("America/New_York"), "2026-07-01T04:00:00Z");
    assert_eq!(midnight_in("Asia/Kathmandu"), "2026-06-30T18:15:00Z");
    assert_eq!(bands("100;0.04;2\n0;0.05"), Some(vec![(0.0, 0.05, 0.0), (100.0, 0.04, 2.0)]));
    assert!(["10;1", "0;1\n0;2", "0;x", ""].iter().all(|text| bands(text).is_none()));
}
