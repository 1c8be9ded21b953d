//! What m3ter takes as the value of a field, and the message when it does not.

use jiff::Timestamp;
use jiff::civil::Date as CivilDate;
use serde_json::{Map, Value as Json};

use super::refusal::{Refusal, bad_request};
use super::resource::{FieldType, Minimum, Resource};

const ADDRESS_PARTS: [(&str, usize); 8] = [
    ("addressLine1", 50),
    ("addressLine2", 50),
    ("addressLine3", usize::MAX),
    ("addressLine4", usize::MAX),
    ("locality", 100),
    ("region", 50),
    ("postCode", 20),
    ("country", 100),
];

/// Checks a request body against the table of its resource.
pub(super) fn check(
    resource: &Resource,
    body: &Map<String, Json>,
    reject_unknown: bool,
) -> Result<(), Refusal> {
    if reject_unknown {
        let unknown = body.keys().find(|name| {
            *name != "version" && !resource.fields.iter().any(|field| field.name == *name)
        });
        if let Some(unknown) = unknown {
            return Err(bad_request(format!("Unrecognized property {unknown}")));
        }
    }
    for field in resource.fields {
        match body.get(field.name) {
            None | Some(Json::Null) if field.required => {
                return Err(bad_request(format!("{} must not be null", field.name)));
            }
            None | Some(Json::Null) => {}
            Some(value) => field
                .kind
                .check(value)
                .map_err(|problem| bad_request(format!("{} {problem}", field.name)))?,
        }
    }
    Ok(())
}

impl FieldType {
    fn check(self, value: &Json) -> Result<(), String> {
        let text = || value.as_str().ok_or_else(|| "must be a string".to_owned());
        match self {
            Self::Text { least, most } => {
                let length = text()?.chars().count();
                holds(
                    (least..=most).contains(&length),
                    format!("must be {least} to {most} characters long"),
                )
            }
            Self::CodeA => holds(
                is_code_a(text()?),
                "must be 1 to 80 characters without control characters or outer spaces",
            ),
            Self::CodeB => holds(
                is_code_b(text()?),
                "must be at most 80 letters, digits, _ or $, and must not begin with a digit",
            ),
            Self::Email => {
                let text = text()?;
                let is_email = text.split_once('@').is_some_and(|(name, host)| {
                    !name.is_empty() && host.contains('.') && !text.contains(' ')
                });
                holds(is_email, "must be a well-formed email address")
            }
            Self::Date => holds(
                text()?.parse::<CivilDate>().is_ok() && text()?.len() == 10,
                "must be a date such as 2026-01-31",
            ),
            Self::DateTime => holds(
                text()?.parse::<Timestamp>().is_ok(),
                "must be a date-time such as 2026-01-31T00:00:00Z",
            ),
            Self::Number(minimum) => minimum.check(value),
            Self::Integer { least, most } => holds(
                value.as_i64().is_some_and(|number| (least..=most).contains(&number)),
                format!("must be a whole number from {least} to {most}"),
            ),
            Self::Boolean => holds(value.is_boolean(), "must be a boolean"),
            Self::OneOf(words) => {
                holds(words.contains(&text()?), format!("must be one of {}", words.join(", ")))
            }
            Self::ListOf(words) => {
                let is_list = value.as_array().is_some_and(|list| {
                    list.iter().all(|word| word.as_str().is_some_and(|word| words.contains(&word)))
                });
                holds(is_list, format!("must be a list of {}", words.join(", ")))
            }
            Self::Address => check_address(value),
            Self::Bands => check_bands(value),
            Self::FeeDates => check_list(
                value,
                &[
                    ("date", Self::Date),
                    ("amount", Self::Number(Minimum::AboveZero)),
                    ("servicePeriodStartDate", Self::DateTime),
                    ("servicePeriodEndDate", Self::DateTime),
                ],
            ),
            Self::UsageFilters => check_list(
                value,
                &[
                    ("dimensionCode", Self::Text { least: 1, most: 255 }),
                    ("value", Self::Text { least: 1, most: 255 }),
                    ("mode", Self::OneOf(&["INCLUDE", "EXCLUDE"])),
                ],
            ),
            Self::Segment => {
                let is_map = value.as_object().is_some_and(|map| map.values().all(Json::is_string));
                holds(is_map, "must be a map of strings")
            }
            Self::CustomFields => {
                let is_map = value.as_object().is_some_and(|map| {
                    map.len() <= 100
                        && map.values().all(|entry| entry.is_string() || entry.is_number())
                });
                holds(is_map, "must be a map of at most 100 strings or numbers")
            }
            Self::Reference(_) | Self::Id => {
                holds(text()?.len() == 36, "must be 36 characters long")
            }
            Self::IdList(_) => {
                let is_list = value
                    .as_array()
                    .is_some_and(|list| list.len() <= 100 && list.iter().all(Json::is_string));
                holds(is_list, "must be a list of at most 100 ids")
            }
            Self::Any => Ok(()),
        }
    }
}

impl Minimum {
    fn check(self, value: &Json) -> Result<(), String> {
        let number = double(value).ok_or_else(|| "must be a number".to_owned())?;
        match self {
            Self::None => Ok(()),
            Self::Zero => holds(number >= 0.0, "must be greater than or equal to 0"),
            Self::AboveZero => holds(number > 0.0, "must be greater than 0"),
        }
    }
}

fn check_address(value: &Json) -> Result<(), String> {
    let parts = value.as_object().ok_or("must be an object")?;
    for (name, text) in parts {
        let (_, most) = ADDRESS_PARTS
            .iter()
            .find(|(part, _)| part == name)
            .ok_or_else(|| format!("has no part {name}"))?;
        let text = if text.is_null() {
            ""
        } else {
            text.as_str().ok_or_else(|| format!("{name} must be a string"))?
        };
        holds(
            text.chars().count() <= *most,
            format!("{name} must be at most {most} characters long"),
        )?;
    }
    Ok(())
}

fn check_bands(value: &Json) -> Result<(), String> {
    let bands =
        value.as_array().filter(|bands| !bands.is_empty()).ok_or("must hold at least one band")?;
    for band in bands {
        let band = band.as_object().ok_or("must be a list of objects")?;
        for (name, minimum) in [
            ("lowerLimit", Minimum::Zero),
            ("fixedPrice", Minimum::None),
            ("unitPrice", Minimum::None),
        ] {
            let number = band.get(name).ok_or_else(|| format!("{name} must not be null"))?;
            minimum.check(number).map_err(|problem| format!("{name} {problem}"))?;
        }
        let unknown = band.keys().find(|name| {
            !matches!(
                name.as_str(),
                "id" | "lowerLimit" | "fixedPrice" | "unitPrice" | "creditTypeId"
            )
        });
        holds(
            unknown.is_none(),
            format!("has no property {}", unknown.map_or("", String::as_str)),
        )?;
    }
    Ok(())
}

/// A list of objects that have exactly these parts.
fn check_list(value: &Json, parts: &[(&str, FieldType)]) -> Result<(), String> {
    for entry in value.as_array().ok_or("must be a list")? {
        let entry = entry.as_object().ok_or("must be a list of objects")?;
        for (name, part) in parts {
            part.check(entry.get(*name).unwrap_or(&Json::Null))
                .map_err(|problem| format!("{name} {problem}"))?;
        }
        let unknown = entry.keys().find(|key| !parts.iter().any(|(name, _)| name == key));
        holds(
            unknown.is_none(),
            format!("has no property {}", unknown.map_or("", String::as_str)),
        )?;
    }
    Ok(())
}

fn holds(condition: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise.into()) }
}

/// The double in a JSON number.
pub(super) fn double(value: &Json) -> Option<f64> {
    value.as_number()?.to_string().parse().ok()
}

/// Whether one date or date-time lies before another one of the same kind.
pub(super) fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => one < other,
    }
}

fn is_code_a(code: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && (c == ' ' || !c.is_whitespace());
    (1..=80).contains(&code.chars().count())
        && code.chars().all(is_plain)
        && code.trim_matches(' ') == code
}

fn is_code_b(code: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    code.chars().count() <= 80
        && code.starts_with(is_start)
        && code.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_code_rules_differ_in_what_a_salesforce_id_may_be() {
        for (code, a, b) in [
            ("006S900000795MMIAY", true, false),
            ("sf_006", true, true),
            ("a b", true, false),
            (" a", false, false),
            ("a\tb", false, false),
        ] {
            assert_eq!((is_code_a(code), is_code_b(code)), (a, b), "{code:?}");
        }
    }
}
