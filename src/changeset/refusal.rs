//! What a person reads about a refusal of m3ter's, and the fields of Salesforce to look at.

use super::render::render_value;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::personal;

/// The finding about any refusal but an overlap: m3ter's words as they are, and the fields that they
/// name.
pub fn refused(desired: &DesiredObject, message: &str) -> Finding {
    let remedy = match sources(desired.kind(), &named_by(message, desired)) {
        Some(sources) => format!("Correct {sources}, then sync again"),
        None => format!(
            "Change what m3ter names in Salesforce or in the mapping of the {}, then sync again",
            desired.kind()
        ),
    };
    Finding::new(FindingCode::RefusedByM3ter, message, remedy)
}

/// The fields that m3ter's message names: the one that it begins with, or else all that stand in it
/// as words of their own.
fn named_by<'a>(message: &str, desired: &'a DesiredObject) -> Vec<&'a DesiredField> {
    let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).collect();
    let first = words.first().copied().unwrap_or_default();
    match desired.fields().iter().find(|field| field.name == first) {
        Some(field) => vec![field],
        None => desired.fields().iter().filter(|field| words.contains(&field.name)).collect(),
    }
}

/// What an Account holds of a person, who may be the customer.
const OF_A_PERSON: [&str; 4] = ["name", "emailAddress", "address", "customFields"];

/// The Salesforce fields that values came from, with the values.
pub(super) fn sources(kind: EntityKind, fields: &[&DesiredField]) -> Option<String> {
    let shown = |field: &&DesiredField| match &field.action {
        _ if kind == EntityKind::Account && OF_A_PERSON.contains(&field.name) => {
            format!("`{}` (`{}`)", field.source, field.name)
        }
        FieldAction::Set(value) => {
            format!(
                "`{}` (`{}` {})",
                field.source,
                field.name,
                personal::redacted(&field.source, &render_value(value))
            )
        }
        FieldAction::Clear => format!("`{}` (`{}` nothing)", field.source, field.name),
    };
    let all: Vec<String> = fields.iter().map(shown).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}
