//! How the org writes numbers: a double as Java writes it, whatever it was given. Source: Java,
//! `Double.toString`.

use std::io::{self, Write};

use serde_json::Value as Json;
use serde_json::ser::{Formatter, Serializer};

use super::tables::{Column, Data};

/// A stored value as a read shows it.
pub(super) fn shown(column: &Column, value: Json) -> Json {
    let Json::Number(number) = &value else { return value };
    if !column.is_number() {
        return value;
    }
    let Ok(number) = number.to_string().parse::<f64>() else { return value };
    let written = if column.data == Data::Integer { format!("{number:.0}") } else { java(number) };
    written.parse().map_or(value, Json::Number)
}

/// A double, with the fewest digits that tell it from every other one.
pub(super) fn double(number: f64) -> Json {
    java(number).parse().map_or(Json::Null, Json::Number)
}

/// A number as it is stored: a double, in the spelling that it came in where that is short enough
/// to be the double's own.
pub(super) fn stored(column: Option<&Column>, value: Json) -> Json {
    let Json::Number(number) = &value else { return value };
    if column.is_none_or(|column| !column.is_number())
        || digits(&number.to_string()) <= EXACT_DIGITS
    {
        return value;
    }
    let double = number.to_string().parse().ok().and_then(serde_json::Number::from_f64);
    double.map_or(value, Json::Number)
}

/// Digits that a double keeps whatever they are.
const EXACT_DIGITS: usize = 15;

/// How many digits of a number count.
fn digits(number: &str) -> usize {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len()
}

fn java(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let written = format!("{number:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

/// A body as the org writes it.
pub(super) fn write(body: &Json) -> String {
    let mut written = Vec::new();
    let serialized = serde::Serialize::serialize(
        body,
        &mut Serializer::with_formatter(&mut written, JavaExponents),
    );
    serialized.ok().and_then(|()| String::from_utf8(written).ok()).unwrap_or_default()
}

/// `1.0E-5` and `1.0E7`, where `serde_json` has `1.0e-5` and `1.0e+7`.
struct JavaExponents;

impl Formatter for JavaExponents {
    fn write_number_str<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        value: &str,
    ) -> io::Result<()> {
        writer.write_all(value.replace("e+", "E").replace('e', "E").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (number, written) in [
            (0.0, "0.0"),
            (5.0, "5.0"),
            (-0.05, "-0.05"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (0.000_01, "1.0E-5"),
            (0.000_001_234_5, "1.2345E-6"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (-16_147_805_824_397.0, "-1.6147805824397E13"),
            (1_300.561_728_396_666_7, "1300.5617283966667"),
            (1e-30, "1.0E-30"),
            (1.7e308, "1.7E308"),
        ] {
            assert_eq!(write(&double(number)), written);
            assert_eq!(write(&serde_json::json!([double(number)])), format!("[{written}]"));
        }
    }
}
