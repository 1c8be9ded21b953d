//! Fields and values as people read them.

use serde_json::Value as Json;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, FieldAction};
use crate::domain::entity::ObjectKind;
use crate::domain::field::{ADDRESS_PARTS, FieldType};
use crate::domain::money::{double_in_json, double_text};
use crate::domain::outcome::FieldChange;
use crate::domain::text::visible;
use crate::domain::value::{HeldBand, Value, held_bands};

/// The fields that a new object gets.
pub(super) fn creation<'a>(fields: impl IntoIterator<Item = &'a DesiredField>) -> Vec<FieldChange> {
    let set = |field: &DesiredField| match &field.action {
        FieldAction::Set(value) => Some(FieldChange {
            field: field.name.to_owned(),
            old_value: None,
            new_value: Some(render_value(value)),
            source: field.source.to_string(),
        }),
        FieldAction::Clear => None,
    };
    fields.into_iter().filter_map(set).collect()
}

/// A value as people read it.
pub fn render_value(value: &Value) -> String {
    match value {
        Value::Object(key) => format!("the {} of {}", key.kind, key.row),
        Value::PricingBands(bands) => {
            render_bands(&bands.iter().map(|band| band.held()).collect::<Vec<_>>())
        }
        Value::Address(parts) => {
            render_address(parts.iter().map(|(part, text)| (*part, text.as_str())))
        }
        value => render_json(&value.to_json()),
    }
}

pub(super) fn render_actual(field: &DesiredField, actual: &Json) -> String {
    match &field.action {
        FieldAction::Set(Value::PricingBands(_)) => {
            held_bands(actual).map_or_else(|| render_json(actual), |bands| render_bands(&bands))
        }
        FieldAction::Set(Value::Address(_)) => {
            let parts = actual.as_object().into_iter().flatten();
            render_address(parts.filter_map(|(part, text)| Some((part.as_str(), text.as_str()?))))
        }
        _ => render_json(actual),
    }
}

/// What a field of an object holds, as [`FieldChange`] shows it; `None` where it has no value.
pub fn shown_field(kind: ObjectKind, actual: &ActualObject, name: &str) -> Option<String> {
    let present = actual.fields.get(name).filter(|value| !value.is_null())?;
    let field_type = match kind {
        ObjectKind::Entity(kind) => kind.field(name).map(|spec| spec.field_type),
        ObjectKind::CounterPricing => None,
    };
    Some(match field_type {
        Some(FieldType::PricingBands) => {
            held_bands(present).map_or_else(|| render_json(present), |bands| render_bands(&bands))
        }
        _ => render_json(present),
    })
}

/// The filled parts, in the order in which an address is written.
fn render_address<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let position = |part: &str| ADDRESS_PARTS.iter().position(|(name, _)| *name == part);
    let mut parts: Vec<(&str, &str)> = parts.filter(|(_, text)| !text.is_empty()).collect();
    parts.sort_by_key(|(part, _)| position(part));
    parts.into_iter().map(|(_, text)| visible(text)).collect::<Vec<_>>().join(", ")
}

fn render_bands(bands: &[HeldBand]) -> String {
    let texts: Vec<String> = bands
        .iter()
        .map(|band| {
            let fixed = if band.fixed_price == 0.0 {
                String::new()
            } else {
                format!(" + {}", double_text(band.fixed_price))
            };
            format!(
                "from {}: {}{fixed}",
                double_text(band.lower_limit),
                double_text(band.unit_price)
            )
        })
        .collect();
    format!("[{}]", texts.join("; "))
}

/// A number is shown in one spelling, whatever m3ter's or Salesforce's is.
fn render_json(json: &Json) -> String {
    match json {
        Json::String(text) => visible(text).into_owned(),
        Json::Number(_) => double_in_json(json).map_or_else(|| json.to_string(), double_text),
        json => json.to_string(),
    }
}
