//! m3ter's numbers: its API document gives them the format `double`, so that is what it holds and
//! answers.

use serde_json::{Number, Value as Json};

use super::refusal::{Refusal, bad_request};

/// The value with each number in it as the nearest double, in its shortest form.
pub(super) fn held(value: Json) -> Result<Json, Refusal> {
    Ok(match value {
        Json::Number(number) => Json::Number(nearest(&number)?),
        Json::Array(values) => Json::Array(values.into_iter().map(held).collect::<Result<_, _>>()?),
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, held(value)?)));
            Json::Object(fields.collect::<Result<_, Refusal>>()?)
        }
        value => value,
    })
}

fn nearest(number: &Number) -> Result<Number, Refusal> {
    let text = number.to_string();
    let double = text.parse::<f64>().ok().filter(|double| double.is_finite());
    let double = double.ok_or_else(|| bad_request(format!("The number {text} is out of range")))?;
    shortest(double).parse().map_err(|_| bad_request(format!("{text} is not a number")))
}

/// The fewest digits that are this double again; an exponent only where people write one.
fn shortest(double: f64) -> String {
    let size = double.abs();
    if double == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&size) {
        double.to_string()
    } else {
        format!("{double:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_held_as_the_nearest_double_in_its_shortest_form() {
        for (sent, kept) in [
            ("1300.561728396666626649382716", "1300.5617283966667"),
            ("12000.00", "12000"),
            ("0.0000012345", "0.0000012345"),
            ("0.00000000012345", "1.2345e-10"),
            ("1.0E-5", "0.00001"),
            ("12345678901234567", "12345678901234568"),
            ("1.7E308", "1.7e+308"),
            ("-0.00", "0"),
            ("1e-400", "0"),
        ] {
            let body: Json =
                serde_json::from_str(&format!(r#"{{"bands":[{{"unitPrice":{sent}}}]}}"#)).unwrap();
            assert_eq!(held(body).unwrap()["bands"][0]["unitPrice"].to_string(), kept, "{sent}");
        }
        assert!(held(serde_json::from_str("1e400").unwrap()).is_err());
    }
}
