//! The JSON that is sent to m3ter.
//!
//! m3ter's PUT replaces the whole object: an update sends the object as it was read, without the
//! response-only fields, overlaid with the mapped ones. A field that the mapping does not name is
//! therefore never lost.

use serde_json::{Map, Value as Json};

use super::KnownIds;
use super::successor::is_successor;
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction};
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldType, OnDifference};
use crate::domain::value::Value;

/// The body of a POST. Every object of the same sync that it refers to must be in `known`.
pub fn create_body(desired: &DesiredObject, known: &KnownIds) -> Map<String, Json> {
    let mut body = Map::new();
    for field in desired.fields() {
        if let FieldAction::Set(value) = &field.action {
            resolved(value, known).overlay(&mut body, field.name);
        }
    }
    body
}

/// The body of a PUT that brings `actual` to the desired fields.
pub fn update_body(
    desired: &DesiredObject,
    actual: &ActualObject,
    known: &KnownIds,
) -> Map<String, Json> {
    let mut body = replacing_body(desired.kind(), actual);
    for field in updatable_fields(desired, actual) {
        match &field.action {
            FieldAction::Set(value) => resolved(value, known).overlay(&mut body, field.name),
            FieldAction::Clear => {
                body.remove(field.name);
            }
        }
    }
    body
}

/// The object as it was read, in the form that a PUT takes.
pub fn replacing_body(kind: EntityKind, actual: &ActualObject) -> Map<String, Json> {
    let mut body: Map<String, Json> = actual
        .fields
        .iter()
        .filter(|(name, value)| !kind.is_response_only(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for field in kind.fields().iter().filter(|field| field.field_type == FieldType::PricingBands) {
        for band in body.get_mut(field.name).and_then(Json::as_array_mut).into_iter().flatten() {
            if let Some(band) = band.as_object_mut() {
                band.remove("id");
            }
        }
    }
    body.insert("version".to_owned(), Json::from(actual.version));
    body
}

/// The desired fields that may change on an object that m3ter has.
pub(super) fn updatable_fields<'a>(
    desired: &'a DesiredObject,
    actual: &ActualObject,
) -> impl Iterator<Item = &'a DesiredField> {
    let kind = desired.kind();
    let is_successor = is_successor(desired, actual);
    desired.fields().iter().filter(move |field| {
        let is_fixed = field.once || is_successor && field.name == "startDate";
        !is_fixed
            && kind.field(field.name).is_some_and(|spec| spec.on_difference == OnDifference::Update)
    })
}

/// The value with an object of the same sync replaced by its id.
pub(super) fn resolved(value: &Value, known: &KnownIds) -> Value {
    match value {
        Value::Object(key) => {
            known.get(key).map_or_else(|| value.clone(), |id| Value::Id(id.clone()))
        }
        value => value.clone(),
    }
}
