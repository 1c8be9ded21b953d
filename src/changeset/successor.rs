//! A price that changes from a date on: the Pricing that runs ends there, and another one follows
//! it.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::value::Value;

/// The running Pricing with the end that it gets, unless it has that already. A start that moves
/// with the price moves the first Pricing; its successors start where another one ends.
pub fn ending(
    desired: &DesiredObject,
    actual: &ActualObject,
    from: Timestamp,
) -> Option<DesiredObject> {
    let mut fields = vec![set("endDate", Value::DateTime(from))];
    if actual.code() == desired.code.as_deref() {
        fields.extend(desired.value("startDate").map(|start| set("startDate", start.clone())));
    }
    let is_held = |field: &DesiredField| match &field.action {
        FieldAction::Set(value) => {
            value.means_the_same_as(actual.fields.get(field.name).unwrap_or(&Json::Null))
        }
        FieldAction::Clear => !actual.fields.contains_key(field.name),
    };
    let is_ended = fields.iter().all(is_held);
    (!is_ended).then(|| DesiredObject { intent: Intent::Sync(fields), ..desired.clone() })
}

/// The Pricing that follows.
pub fn successor(desired: &DesiredObject, from: Timestamp) -> DesiredObject {
    let mut successor = desired.clone();
    successor.code = successor_code(desired, from);
    if let Intent::Sync(fields) = &mut successor.intent {
        fields.retain(|field| !matches!(field.name, "code" | "startDate"));
        fields.push(set("startDate", Value::DateTime(from)));
        fields.extend(successor.code.clone().map(|code| set("code", Value::Text(code))));
    }
    successor
}

/// The code of the Pricing that follows the one with the desired code from an instant on.
fn successor_code(desired: &DesiredObject, from: Timestamp) -> Option<String> {
    desired.code.as_ref().map(|code| format!("{code}@{}", from.strftime("%Y-%m-%d")))
}

/// Whether `code` is that of a Pricing that followed the desired one.
pub(super) fn is_successor_code(desired: &DesiredObject, code: &str) -> bool {
    desired.kind() == EntityKind::Pricing
        && desired
            .code
            .as_ref()
            .and_then(|own| code.strip_prefix(own.as_str()))
            .and_then(|rest| rest.strip_prefix('@'))
            .is_some()
}

/// Whether `actual` is a Pricing that followed the desired one; it starts where that one ended.
pub(super) fn is_successor(desired: &DesiredObject, actual: &ActualObject) -> bool {
    actual.code().is_some_and(|code| is_successor_code(desired, code))
}

fn set(name: &'static str, value: Value) -> DesiredField {
    DesiredField { name, action: FieldAction::Set(value), once: false, source: "constant".into() }
}
