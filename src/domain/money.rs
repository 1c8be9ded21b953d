//! Decimals that keep every digit between Salesforce's JSON and m3ter's.

use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// Reads a JSON number or its text without rounding; `None` when it is not a number or has more digits than 96 bits hold.
///
/// Salesforce writes small and large numbers with an exponent (`1.0E-7`); that is exact too.
pub fn exact_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
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

/// The decimal in a JSON value: a number, or a text that is one.
pub fn decimal_in_json(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => exact_decimal(&number.to_string()),
        Value::String(text) => exact_decimal(text),
        _ => None,
    }
}

/// The JSON number with exactly the digits of `decimal`.
pub fn json_number(decimal: Decimal) -> Value {
    let text = decimal.to_string();
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        }
        for not_exact in ["", "abc", "1e400", "1e-400", "12345678901234567890123456789012345", "0.12345678901234567890123456789012"] {
            assert_eq!(exact_decimal(not_exact), None, "{not_exact}");
        }
    }

    proptest! {
        #[test]
        fn any_decimal_survives_the_way_to_json(mantissa in -99_999_999_999_999_999_i64..99_999_999_999_999_999, scale in 0_u32..15) {
            let decimal = Decimal::new(mantissa, scale);
            let json = serde_json::to_string(&json_number(decimal)).unwrap();
            let read: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(decimal_in_json(&read).unwrap().to_string(), decimal.to_string());
        }
    }
}
