//! Numbers: exact decimals from Salesforce's JSON on, and at the wire the double that m3ter keeps
//! of each.
//!
//! m3ter's API document gives its numbers the format `double`. So the nearest double is what is
//! sent, and what m3ter holds is equal if it is the same double: digits beyond that are nobody's.

use std::fmt;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::text::trimmed;

/// The digits that a decimal always holds.
const MAX_DIGITS: i64 = 28;
/// The digits that a double always keeps: a decimal that would hold fewer of a number is refused.
const DIGITS_OF_A_DOUBLE: i64 = 15;

/// Why a value is no decimal: what follows "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDecimal {
    /// It is a text without a number, or no number at all.
    NotANumber,
    /// It is so near to 0 that its digits would be lost.
    TooSmall,
    /// It is so far from 0 that its digits would be lost.
    TooLarge,
}

impl fmt::Display for NoDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "is not a number",
            Self::TooSmall => "is too small for m3ter",
            Self::TooLarge => "is too large for m3ter",
        })
    }
}

/// Reads a number without rounding; `None` when it is not one or has more digits than 96 bits hold.
///
/// Salesforce writes small and large numbers with an exponent (`1.0E-7`); that is exact too.
pub fn exact_decimal(text: &str) -> Option<Decimal> {
    let text = trimmed(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
    };
    let mantissa = Decimal::from_str_exact(mantissa).ok()?;
    let scale = i32::try_from(mantissa.scale()).ok()?.checked_sub(exponent)?;
    if scale >= 0 {
        let scale = u32::try_from(scale).ok()?;
        return Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok();
    }
    let power = 10_i128.checked_pow(scale.unsigned_abs())?;
    Decimal::try_from_i128_with_scale(mantissa.mantissa().checked_mul(power)?, 0).ok()
}

/// Reads a number, exactly where its digits fit; else the nearest decimal, as long as that has the
/// digits of a double.
///
/// # Errors
///
/// Why there is no such decimal.
pub fn read_decimal(text: &str) -> Result<Decimal, NoDecimal> {
    if let Some(exact) = exact_decimal(text) {
        return Ok(exact);
    }
    let text = trimmed(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent
        .parse::<i64>()
        .ok()
        .filter(|exponent| exponent.abs() < i64::from(i32::MAX))
        .ok_or(NoDecimal::NotANumber)?;
    let (is_negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return Err(NoDecimal::NotANumber);
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    nearest_decimal(is_negative, &digits, length(whole.as_bytes()) + exponent)
}

/// The decimal in a JSON value: a number, or a text that is one.
///
/// # Errors
///
/// As for [`read_decimal`].
pub fn read_decimal_in_json(value: &Value) -> Result<Decimal, NoDecimal> {
    match value {
        Value::Number(number) => read_decimal(&number.to_string()),
        Value::String(text) => read_decimal(text),
        _ => Err(NoDecimal::NotANumber),
    }
}

/// The decimal in a JSON value, where there is one.
pub fn decimal_in_json(value: &Value) -> Option<Decimal> {
    read_decimal_in_json(value).ok()
}

/// The product: exact where its digits fit, else the nearest decimal.
///
/// # Errors
///
/// The product is too small or too large for a decimal.
pub fn product(one: Decimal, other: Decimal) -> Result<Decimal, NoDecimal> {
    let (one_digits, other_digits) = (digits_of(one), digits_of(other));
    let mut columns = vec![0_u32; one_digits.len() + other_digits.len()];
    for (i, a) in one_digits.iter().enumerate() {
        for (j, b) in other_digits.iter().enumerate() {
            columns[i + j + 1] += u32::from(*a) * u32::from(*b);
        }
    }
    for place in (1..columns.len()).rev() {
        columns[place - 1] += columns[place] / 10;
        columns[place] %= 10;
    }
    let digits: Vec<u8> =
        columns.into_iter().filter_map(|digit| u8::try_from(digit).ok()).collect();
    let point = length(&digits) - i64::from(one.scale()) - i64::from(other.scale());
    nearest_decimal(one.is_sign_negative() != other.is_sign_negative(), &digits, point)
}

/// A price less a discount in percent; all digits are kept, as far as a decimal holds them.
///
/// # Errors
///
/// As for [`product`].
pub fn less_percent(price: Decimal, percent: Decimal) -> Result<Decimal, NoDecimal> {
    let rest = Decimal::ONE_HUNDRED.checked_sub(percent).ok_or(NoDecimal::TooLarge)?;
    percent_of(price, rest)
}

/// So many percent of a number.
///
/// # Errors
///
/// As for [`product`].
pub fn percent_of(number: Decimal, percent: Decimal) -> Result<Decimal, NoDecimal> {
    product(number, product(percent, Decimal::new(1, 2))?)
}

/// The quotient, to as many digits as a decimal holds; `None` for one by 0.
pub fn quotient(one: Decimal, other: Decimal) -> Option<Result<Decimal, NoDecimal>> {
    if other.is_zero() {
        return None;
    }
    Some(match one.checked_div(other) {
        None => Err(NoDecimal::TooLarge),
        Some(quotient) => {
            let is_exact = quotient.checked_mul(other) == Some(one);
            let keeps = length(&digits_of(quotient)) >= DIGITS_OF_A_DOUBLE && !quotient.is_zero();
            if is_exact || keeps { Ok(quotient) } else { Err(NoDecimal::TooSmall) }
        }
    })
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn digits_of(decimal: Decimal) -> Vec<u8> {
    decimal.mantissa().unsigned_abs().to_string().bytes().map(|byte| byte - b'0').collect()
}

/// The decimal nearest to `0.d1d2d3… × 10^point`, half to even.
fn nearest_decimal(is_negative: bool, digits: &[u8], point: i64) -> Result<Decimal, NoDecimal> {
    let Some(leading) = digits.iter().position(|digit| *digit != 0) else {
        return Ok(Decimal::ZERO);
    };
    let point = point - length(&digits[..leading]);
    let digits = &digits[leading..];
    let significant =
        digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| length(&digits[..=last]));
    let most = MAX_DIGITS.min(i64::from(Decimal::MAX_SCALE) + point);
    if most < significant.min(DIGITS_OF_A_DOUBLE) {
        return Err(NoDecimal::TooSmall);
    }
    // Zeros at the end are kept as they were written, as far as there is room.
    let kept = usize::try_from(most.min(length(digits))).unwrap_or_default();
    let mantissa =
        digits[..kept].iter().fold(0_i128, |mantissa, digit| mantissa * 10 + i128::from(*digit));
    let rest = &digits[kept..];
    let rounds_up = match rest.first() {
        Some(5) => rest[1..].iter().any(|digit| *digit != 0) || mantissa % 2 == 1,
        Some(digit) => *digit > 5,
        None => false,
    };
    let mantissa = mantissa + i128::from(rounds_up);
    let scale = length(&digits[..kept]) - point;
    let mantissa = match u32::try_from(-scale) {
        Ok(zeros) => 10_i128
            .checked_pow(zeros)
            .and_then(|power| mantissa.checked_mul(power))
            .ok_or(NoDecimal::TooLarge)?,
        Err(_) => mantissa,
    };
    let signed = if is_negative { -mantissa } else { mantissa };
    Decimal::try_from_i128_with_scale(signed, u32::try_from(scale).unwrap_or_default())
        .map_err(|_| NoDecimal::TooLarge)
}

/// The JSON number with exactly the digits of `decimal`: for values on their way, not for m3ter.
pub fn exact_json(decimal: Decimal) -> Value {
    json(decimal.to_string())
}

/// The double nearest to a decimal, from the decimal's own digits: arithmetic would round more than
/// once.
pub fn nearest_double(decimal: Decimal) -> f64 {
    // Minus nothing is nothing.
    decimal.to_string().parse::<f64>().unwrap_or(f64::NAN) + 0.0
}

/// The whole number that is the same double: 2.9999999999999999999999 is 3, and nobody wrote its
/// digits.
#[expect(clippy::float_cmp, reason = "the same double is what is asked for")]
pub fn whole(number: Decimal) -> Option<Decimal> {
    let whole = number.round();
    (nearest_double(whole) == nearest_double(number)).then(|| whole.normalize())
}

/// The same as a count of something.
pub fn count(number: Decimal) -> Option<i64> {
    whole(number).and_then(|number| number.try_into().ok())
}

/// The JSON number that m3ter gets for a decimal: the nearest double in its shortest form.
pub fn double_json(decimal: Decimal) -> Value {
    json(double_text(nearest_double(decimal)))
}

/// The double in m3ter's JSON: a number, or a text that is one.
pub fn double_in_json(value: &Value) -> Option<f64> {
    let double = match value {
        Value::Number(number) => number.to_string().parse::<f64>().ok()?,
        Value::String(text) => trimmed(text).parse::<f64>().ok()?,
        _ => return None,
    };
    double.is_finite().then_some(double + 0.0)
}

/// Whether what m3ter holds is `decimal`: the same double.
#[expect(
    clippy::float_cmp,
    reason = "both are the nearest double of a text, and the same one is what is asked for"
)]
pub fn is_held_as(decimal: Decimal, held: &Value) -> bool {
    double_in_json(held).is_some_and(|held| held == nearest_double(decimal))
}

/// The fewest digits that are this double again; with an exponent only beyond what a decimal holds.
pub fn double_text(double: f64) -> String {
    let is_plain = double == 0.0 || (1e-28..1e29).contains(&double.abs());
    if is_plain { double.to_string() } else { format!("{double:e}") }
}

fn json(text: String) -> Value {
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn every_digit_survives() {
        for (written, read) in [
            ("0.0000012345", "0.0000012345"),
            ("1.0E-7", "0.00000010"),
            ("12E3", "12000"),
            ("1.5e+2", "150"),
            ("123456789012345678.1234567890", "123456789012345678.1234567890"),
            ("-10", "-10"),
        ] {
            assert_eq!(exact_decimal(written).unwrap().to_string(), read, "{written}");
            assert_eq!(read_decimal(written).unwrap().to_string(), read, "{written}");
        }
        for not_exact in [
            "",
            "abc",
            "1e400",
            "1e-400",
            "12345678901234567890123456789012345",
            "0.12345678901234567890123456789012",
        ] {
            assert_eq!(exact_decimal(not_exact), None, "{not_exact}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_becomes_the_nearest_decimal_or_an_error() {
        for (written, read) in [
            ("0.12345678901234567890123456789012", Ok("0.1234567890123456789012345679")),
            ("-9.094947017729282E-13", Ok("-0.0000000000009094947017729282")),
            ("1.2345678901234567E-14", Ok("0.0000000000000123456789012346")),
            ("9.094947017729282E-15", Err(NoDecimal::TooSmall)),
            ("1.00000E-28", Ok("0.0000000000000000000000000001")),
            ("1E-30", Err(NoDecimal::TooSmall)),
            ("0E-400", Ok("0")),
            ("1.7E308", Err(NoDecimal::TooLarge)),
            ("12345678901234567890123456789012345", Err(NoDecimal::TooLarge)),
            ("0x10", Err(NoDecimal::NotANumber)),
            ("1e", Err(NoDecimal::NotANumber)),
            (".", Err(NoDecimal::NotANumber)),
            ("1.2.3", Err(NoDecimal::NotANumber)),
        ] {
            assert_eq!(
                read_decimal(written)
                    .map(|decimal| decimal.to_string())
                    .as_deref()
                    .map_err(|why| *why),
                read,
                "{written}"
            );
        }
    }

    #[test]
    fn products_and_quotients_keep_what_a_decimal_holds() {
        for (one, other, result) in [
            ("1800.77777778", "0.7222222222222222", Ok("1300.561728396666626649382716")),
            ("123456.77777778", "0.7222222222222222", Ok("89163.22839506333058984938272")),
            ("-0.05", "0.6667", Ok("-0.033335")),
            ("0.00000000000000000001", "0.00000000000000000001", Err(NoDecimal::TooSmall)),
            ("79228162514264337593543950335", "10", Err(NoDecimal::TooLarge)),
            ("0.00", "-3", Ok("0")),
        ] {
            let product = product(decimal(one), decimal(other)).map(|product| product.to_string());
            assert_eq!(product.as_deref().map_err(|why| *why), result, "{one} × {other}");
        }
        assert_eq!(quotient(decimal("1"), decimal("0")), None);
        assert_eq!(
            quotient(decimal("1"), decimal("3")).unwrap().unwrap().to_string(),
            "0.3333333333333333333333333333"
        );
        assert_eq!(
            quotient(decimal("1"), decimal("10000000000000000000000000000"))
                .unwrap()
                .map(|n| n.is_zero()),
            Ok(false)
        );
        assert_eq!(
            quotient(decimal("1"), decimal("30000000000000000000")).unwrap(),
            Err(NoDecimal::TooSmall)
        );
    }

    #[test]
    fn a_discount_keeps_all_digits_that_a_decimal_holds() {
        for (price, discount, expected) in [
            ("150.00", "10", "135"),
            ("0.05", "33.33", "0.033335"),
            ("0.01", "0", "0.01"),
            ("1800.77777778", "27.77777777777778", "1300.561728396666626649382716"),
            ("123456.77777778", "27.77777777777778", "89163.22839506333058984938272"),
        ] {
            let unit_price =
                less_percent(price.parse().unwrap(), discount.parse().unwrap()).unwrap();
            assert_eq!(unit_price.normalize().to_string(), expected, "{price} less {discount}");
        }
        let tiny = less_percent(
            "0.0000000000000000000000000003".parse().unwrap(),
            "27.77777777777778".parse().unwrap(),
        );
        assert_eq!(tiny, Err(NoDecimal::TooSmall));
    }

    #[test]
    fn m3ter_gets_the_nearest_double_in_its_shortest_form() {
        for (exact, sent) in [
            ("1300.561728396666626649382716", "1300.5617283966667"),
            ("89163.22839506333058984938272", "89163.22839506333"),
            ("12000.00", "12000"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
            ("79228162514264337593543950335", "79228162514264340000000000000"),
            ("9007199254740993", "9007199254740992"),
            ("-0.00", "0"),
        ] {
            assert_eq!(double_json(decimal(exact)).to_string(), sent, "{exact}");
        }
    }

    #[test]
    fn what_m3ter_holds_is_equal_however_it_is_written() {
        let price = decimal("0.00001");
        for held in ["0.00001", "1.0E-5", "1e-5", "0.000010000000000000000001", "\"0.00001\""] {
            assert!(is_held_as(price, &serde_json::from_str(held).unwrap()), "{held}");
        }
        for other in ["0.000010000000000000002", "1E-30", "1.7E308", "null", "\"NaN\"", "[0.00001]"]
        {
            assert!(!is_held_as(price, &serde_json::from_str(other).unwrap()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_decimal_survives_as_exact_json(mantissa in -99_999_999_999_999_999_i64..99_999_999_999_999_999, scale in 0_u32..15) {
            let decimal = Decimal::new(mantissa, scale);
            let json = serde_json::to_string(&exact_json(decimal)).unwrap();
            let read: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(decimal_in_json(&read).unwrap().to_string(), decimal.to_string());
        }

        #[test]
        fn what_is_sent_is_the_nearest_double_and_equal_to_what_m3ter_keeps_of_it(
            mantissa in -79_228_162_514_264_337_593_543_950_335_i128..=79_228_162_514_264_337_593_543_950_335,
            scale in 0_u32..=28,
        ) {
            let decimal = Decimal::from_i128_with_scale(mantissa, scale);
            let sent = double_json(decimal);
            let double: f64 = sent.to_string().parse().unwrap();
            prop_assert_eq!(double.total_cmp(&(decimal.to_string().parse::<f64>().unwrap() + 0.0)), std::cmp::Ordering::Equal);
            // m3ter may write it as it likes.
            for held in [sent.to_string(), format!("{double:e}"), format!("{double:?}")] {
                prop_assert!(is_held_as(decimal, &serde_json::from_str(&held).unwrap()), "{held}");
            }
        }

        #[test]
        fn fifteen_digits_come_back_as_they_were_written(mantissa in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0_u32..=28) {
            let written = Decimal::new(mantissa, scale).normalize();
            prop_assert_eq!(double_json(written).to_string(), written.to_string());
        }

        #[test]
        fn a_product_is_exact_wherever_its_digits_fit(one in any::<i32>(), other in any::<i32>(), scale in 0_u32..9) {
            let (a, b) = (Decimal::new(one.into(), scale), Decimal::new(other.into(), scale));
            let exact = Decimal::from_i128_with_scale(i128::from(one) * i128::from(other), 2 * scale);
            prop_assert_eq!(product(a, b).unwrap(), exact);
        }
    }
}
