//! The values that a mapping gives to m3ter fields, and when one equals what m3ter answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::entity::ObjectKey;
use super::ids::M3terId;
use super::money::{double_in_json, double_json, is_held_as, nearest_double};

/// A value of a m3ter field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, a code, an e-mail address, a currency or an enum's word.
    Text(String),
    /// A number, exactly; m3ter gets the nearest double.
    Number(Decimal),
    /// True or false.
    Boolean(bool),
    /// A calendar date.
    Date(Date),
    /// An instant.
    DateTime(Timestamp),
    /// Parts of an address, blank where m3ter should have none; parts that it does not name keep
    /// what m3ter has.
    Address(BTreeMap<&'static str, String>),
    /// Pricing bands, sorted by lower limit.
    PricingBands(Vec<PricingBand>),
    /// The fees of a Commitment, in the order of their dates.
    FeeDates(Vec<CommitmentFee>),
    /// The usage filters of a Contract.
    UsageFilters(Vec<UsageFilter>),
    /// A value for each dimension of a segment.
    Segment(BTreeMap<String, String>),
    /// Custom fields that are set and cleared; others keep what m3ter has, unless all are replaced.
    CustomFields(CustomFields),
    /// Words or ids.
    TextList(Vec<String>),
    /// The id of an object that m3ter has.
    Id(M3terId),
    /// An object of the same sync, whose id is known once it is there.
    Object(ObjectKey),
}

/// One pricing band; it ends where the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricingBand {
    /// The usage from which the band applies, 0 or more.
    pub lower_limit: Decimal,
    /// The price for entering the band.
    pub fixed_price: Decimal,
    /// The price of one unit of the aggregation.
    pub unit_price: Decimal,
}

/// One fee of a Commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitmentFee {
    /// The day of the bill that it comes on.
    pub date: Date,
    /// More than 0.
    pub amount: Decimal,
    /// From when on it pays.
    pub service_period_start: Timestamp,
    /// Until when it pays.
    pub service_period_end: Timestamp,
}

/// Which usage the bills of a Contract take in or leave out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageFilter {
    /// The code of the meter's field.
    pub dimension_code: String,
    /// The value that it is held against.
    pub value: String,
    /// `INCLUDE` or `EXCLUDE`.
    pub mode: String,
}

/// What a mapping says about an object's custom fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomFields {
    /// Those that get a value.
    pub set: BTreeMap<String, CustomValue>,
    /// Those that are removed.
    pub clear: BTreeSet<String>,
    /// Whether those that are not named are removed too.
    pub replace: bool,
}

/// The value of a custom field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomValue {
    /// A text.
    Text(String),
    /// A number.
    Number(Decimal),
}

impl Value {
    /// The value as m3ter's JSON. An object of the same sync must be replaced by its id before;
    /// it gives `null`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::String(text.clone()),
            Self::Number(number) => double_json(*number),
            Self::Boolean(boolean) => Json::Bool(*boolean),
            Self::Date(date) => Json::String(date.to_string()),
            Self::DateTime(instant) => Json::String(instant.to_string()),
            Self::Address(parts) => {
                let filled = parts.iter().filter(|(_, text)| !text.is_empty());
                Json::Object(
                    filled
                        .map(|(part, text)| ((*part).to_owned(), Json::String(text.clone())))
                        .collect(),
                )
            }
            Self::PricingBands(bands) => {
                Json::Array(bands.iter().map(|band| band.to_json()).collect())
            }
            Self::FeeDates(fees) => Json::Array(fees.iter().map(|fee| fee.to_json()).collect()),
            Self::UsageFilters(filters) => {
                Json::Array(filters.iter().map(UsageFilter::to_json).collect())
            }
            Self::Segment(dimensions) => Json::Object(
                dimensions
                    .iter()
                    .map(|(code, value)| (code.clone(), Json::String(value.clone())))
                    .collect(),
            ),
            Self::CustomFields(fields) => Json::Object(
                fields.set.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
            ),
            Self::TextList(texts) => Json::Array(texts.iter().cloned().map(Json::String).collect()),
            Self::Id(id) => Json::String(id.as_str().to_owned()),
            Self::Object(_) => Json::Null,
        }
    }

    /// Whether an object without the field holds this value already: a flag that m3ter leaves out
    /// of its answer is off.
    pub fn means_nothing(&self) -> bool {
        match self {
            Self::Boolean(boolean) => !boolean,
            Self::CustomFields(fields) => fields.set.is_empty(),
            Self::FeeDates(fees) => fees.is_empty(),
            Self::UsageFilters(filters) => filters.is_empty(),
            Self::TextList(texts) => texts.is_empty(),
            _ => false,
        }
    }

    /// Whether m3ter's answer means the same: numbers as doubles, date-times by instant, bands by
    /// lower limit without their ids, lists without regard to order, an address and custom fields
    /// in the parts that this one names.
    pub fn means_the_same_as(&self, actual: &Json) -> bool {
        match self {
            Self::Text(text) => actual.as_str() == Some(text),
            Self::Number(number) => is_held_as(*number, actual),
            Self::Boolean(boolean) => actual.as_bool() == Some(*boolean),
            Self::Date(date) => actual.as_str().and_then(date_in_text) == Some(*date),
            Self::DateTime(instant) => {
                actual.as_str().and_then(|text| text.parse::<Timestamp>().ok()) == Some(*instant)
            }
            Self::Address(parts) => parts.iter().all(|(part, text)| {
                actual.get(part).and_then(Json::as_str).unwrap_or_default() == text
            }),
            Self::PricingBands(bands) => held_bands(actual).is_some_and(|actual| {
                actual.iter().copied().eq(bands.iter().map(|band| band.held()))
            }),
            Self::FeeDates(fees) => held_fees(actual)
                .is_some_and(|actual| actual.iter().copied().eq(fees.iter().map(|fee| fee.held()))),
            Self::UsageFilters(filters) => {
                let mut wanted = filters.clone();
                wanted.sort();
                filters_in_json(actual).is_some_and(|actual| actual == wanted)
            }
            Self::Segment(dimensions) => actual.as_object().is_some_and(|actual| {
                actual.len() == dimensions.len()
                    && dimensions
                        .iter()
                        .all(|(code, value)| actual.get(code).and_then(Json::as_str) == Some(value))
            }),
            Self::CustomFields(fields) => {
                actual.as_object().is_some_and(|actual| fields.hold_in(actual))
            }
            Self::TextList(texts) => {
                let mut wanted: Vec<&str> = texts.iter().map(String::as_str).collect();
                let mut present: Vec<&str> =
                    actual.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
                wanted.sort_unstable();
                present.sort_unstable();
                wanted == present
            }
            Self::Id(id) => actual.as_str() == Some(id.as_str()),
            Self::Object(_) => false,
        }
    }

    /// Lays the value over `field` of a m3ter object; an address and custom fields keep the parts
    /// that this one does not name.
    pub fn overlay(&self, object: &mut Map<String, Json>, field: &str) {
        match (self, object.get_mut(field)) {
            (Self::Address(parts), Some(Json::Object(actual))) => {
                actual.retain(|part, _| !parts.contains_key(part.as_str()));
                if let Json::Object(filled) = self.to_json() {
                    actual.extend(filled);
                }
            }
            (Self::CustomFields(fields), Some(Json::Object(actual))) if !fields.replace => {
                actual.retain(|name, _| !fields.clear.contains(name));
                actual
                    .extend(fields.set.iter().map(|(name, value)| (name.clone(), value.to_json())));
            }
            (Self::CustomFields(fields), None) if fields.set.is_empty() => {}
            _ => {
                object.insert(field.to_owned(), self.to_json());
            }
        }
    }
}

impl CustomFields {
    fn hold_in(&self, actual: &Map<String, Json>) -> bool {
        self.set.iter().all(|(name, value)| {
            actual.get(name).is_some_and(|actual| value.means_the_same_as(actual))
        }) && !self.clear.iter().any(|name| actual.contains_key(name))
            && (!self.replace || actual.keys().all(|name| self.set.contains_key(name)))
    }
}

impl CustomValue {
    /// The value as m3ter's JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::String(text.clone()),
            Self::Number(number) => double_json(*number),
        }
    }

    /// Whether m3ter's answer means the same; a text of digits is not a number.
    pub fn means_the_same_as(&self, actual: &Json) -> bool {
        match self {
            Self::Text(text) => actual.as_str() == Some(text),
            Self::Number(number) => actual.is_number() && is_held_as(*number, actual),
        }
    }
}

impl CommitmentFee {
    fn held(self) -> HeldFee {
        (self.date, nearest_double(self.amount), self.service_period_start, self.service_period_end)
    }

    fn to_json(self) -> Json {
        serde_json::json!({
            "date": self.date.to_string(),
            "amount": double_json(self.amount),
            "servicePeriodStartDate": self.service_period_start.to_string(),
            "servicePeriodEndDate": self.service_period_end.to_string(),
        })
    }
}

impl UsageFilter {
    fn to_json(&self) -> Json {
        serde_json::json!({ "dimensionCode": self.dimension_code, "value": self.value, "mode": self.mode })
    }
}

impl PricingBand {
    /// What m3ter keeps of it.
    pub fn held(self) -> HeldBand {
        HeldBand {
            lower_limit: nearest_double(self.lower_limit),
            fixed_price: nearest_double(self.fixed_price),
            unit_price: nearest_double(self.unit_price),
        }
    }

    fn to_json(self) -> Json {
        serde_json::json!({
            "lowerLimit": double_json(self.lower_limit),
            "fixedPrice": double_json(self.fixed_price),
            "unitPrice": double_json(self.unit_price),
        })
    }
}

/// One pricing band as m3ter holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldBand {
    /// The usage from which the band applies.
    pub lower_limit: f64,
    /// The price for entering the band.
    pub fixed_price: f64,
    /// The price of one unit of the aggregation.
    pub unit_price: f64,
}

/// The bands in m3ter's JSON, sorted by lower limit; `None` when one is not readable.
pub fn held_bands(json: &Json) -> Option<Vec<HeldBand>> {
    let mut bands = json
        .as_array()?
        .iter()
        .map(|band| {
            Some(HeldBand {
                lower_limit: double_in_json(band.get("lowerLimit")?)?,
                fixed_price: double_in_json(band.get("fixedPrice")?)?,
                unit_price: double_in_json(band.get("unitPrice")?)?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    bands.sort_unstable_by(|one, other| one.lower_limit.total_cmp(&other.lower_limit));
    Some(bands)
}

/// Date, amount, and the service period of a fee.
type HeldFee = (Date, f64, Timestamp, Timestamp);

/// The fees in m3ter's JSON, in the order of their dates; `None` when one is not readable.
fn held_fees(json: &Json) -> Option<Vec<HeldFee>> {
    let text = |fee: &Json, field: &str| fee.get(field)?.as_str().map(ToOwned::to_owned);
    let fee = |fee: &Json| {
        Some((
            date_in_text(&text(fee, "date")?)?,
            double_in_json(fee.get("amount")?)?,
            text(fee, "servicePeriodStartDate")?.parse().ok()?,
            text(fee, "servicePeriodEndDate")?.parse().ok()?,
        ))
    };
    let mut fees = json.as_array()?.iter().map(fee).collect::<Option<Vec<_>>>()?;
    fees.sort_by_key(|(date, _, start, _)| (*date, *start));
    Some(fees)
}

/// The usage filters in m3ter's JSON, sorted; `None` when one is not readable.
fn filters_in_json(json: &Json) -> Option<Vec<UsageFilter>> {
    let text = |filter: &Json, field: &str| filter.get(field)?.as_str().map(ToOwned::to_owned);
    let filter = |filter: &Json| {
        Some(UsageFilter {
            dimension_code: text(filter, "dimensionCode")?,
            value: text(filter, "value")?,
            mode: text(filter, "mode")?,
        })
    };
    let mut filters = json.as_array()?.iter().map(filter).collect::<Option<Vec<_>>>()?;
    filters.sort();
    Some(filters)
}

/// A calendar date, also where m3ter wrote it as a date-time.
pub fn date_in_text(text: &str) -> Option<Date> {
    text.get(..10).and_then(|date| date.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_with_the_same_meaning_are_equal_whatever_their_spelling() {
        let number = |text: &str| Value::Number(text.parse().unwrap());
        assert!(number("12000.00").means_the_same_as(&json!(12000)));
        assert!(!number("12000.00").means_the_same_as(&json!(12000.01)));
        let instant = Value::DateTime("2026-01-01T00:00:00Z".parse().unwrap());
        assert!(instant.means_the_same_as(&json!("2026-01-01T01:00:00.000+01:00")));
        let band = |unit: &str| PricingBand {
            lower_limit: 0.into(),
            fixed_price: 0.into(),
            unit_price: unit.parse().unwrap(),
        };
        let bands = Value::PricingBands(vec![band("0.05")]);
        assert!(bands.means_the_same_as(
            &json!([{"id": "x", "lowerLimit": 0.0, "fixedPrice": 0, "unitPrice": 0.050}])
        ));
        assert!(!bands.means_the_same_as(&json!(null)));
    }

    #[test]
    fn a_number_with_more_digits_than_m3ter_stores_equals_what_it_stores() {
        let exact: Decimal = "1300.561728396666626649382716".parse().unwrap();
        let held: Json = serde_json::from_str("1300.5617283966667").unwrap();
        let next: Json = serde_json::from_str("1300.561728396667").unwrap();
        let instant: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let date: Date = "2026-01-01".parse().unwrap();
        let fee = CommitmentFee {
            date,
            amount: exact,
            service_period_start: instant,
            service_period_end: instant,
        };
        let custom = CustomFields {
            set: BTreeMap::from([("tier".to_owned(), CustomValue::Number(exact))]),
            ..CustomFields::default()
        };
        for value in [
            Value::Number(exact),
            Value::PricingBands(vec![PricingBand {
                lower_limit: 0.into(),
                fixed_price: exact,
                unit_price: 1.into(),
            }]),
            Value::PricingBands(vec![PricingBand {
                lower_limit: exact,
                fixed_price: 0.into(),
                unit_price: exact,
            }]),
            Value::FeeDates(vec![fee]),
            Value::CustomFields(custom),
        ] {
            let sent = value.to_json().to_string();
            assert!(
                sent.contains("1300.5617283966667") && !sent.contains("1300.56172839666666"),
                "{sent}"
            );
            assert!(value.means_the_same_as(&serde_json::from_str(&sent).unwrap()), "{sent}");
            assert!(
                value.means_the_same_as(
                    &serde_json::from_str(
                        &sent.replace("1300.5617283966667", "1.3005617283966667E3")
                    )
                    .unwrap()
                )
            );
            assert!(
                !value.means_the_same_as(
                    &serde_json::from_str(&sent.replace(&held.to_string(), &next.to_string()))
                        .unwrap()
                ),
                "{sent}"
            );
        }
    }

    #[test]
    fn parts_of_an_address_that_the_mapping_does_not_name_are_kept() {
        let mut account = json!({"address": {"addressLine1": "Old", "region": "Kent"}})
            .as_object()
            .cloned()
            .unwrap();
        Value::Address(BTreeMap::from([("addressLine1", "New".to_owned())]))
            .overlay(&mut account, "address");
        assert_eq!(account["address"], json!({"addressLine1": "New", "region": "Kent"}));
        let shorter = Value::Address(BTreeMap::from([
            ("addressLine1", "Newer".to_owned()),
            ("addressLine2", String::new()),
        ]));
        account["address"]["addressLine2"] = json!("Building 3");
        shorter.overlay(&mut account, "address");
        assert_eq!(account["address"], json!({"addressLine1": "Newer", "region": "Kent"}));
    }
}
