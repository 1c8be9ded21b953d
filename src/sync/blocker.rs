//! What stands in the way when m3ter refuses an object, whose it is, and what to do about it.

use crate::changeset::compare::shown_value;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::domain::personal;
use crate::m3ter::RefusalKind;
use crate::store::Store;
use crate::sync::matching::load_owners;
use crate::sync::patience::Patience;

/// The finding about a refusal: m3ter's words as they are, and a remedy that names the blocker's owner.
pub(super) async fn finding(store: &Store, desired: &DesiredObject, message: &str, patience: Patience) -> Result<Finding, Failure> {
    let (code, blocker) = match RefusalKind::of(message) {
        RefusalKind::CommitmentOverlap { blocker } => (FindingCode::CommitmentOverlap, blocker),
        RefusalKind::AccountPlanOverlap { blocker } => (FindingCode::AccountPlanOverlap, blocker),
        RefusalKind::Other => {
            let remedy = match sources(desired.kind(), &named_by(message, desired)) {
                Some(sources) => format!("Correct {sources}, then sync again"),
                None => format!("Change what m3ter names in Salesforce or in the mapping of the {}, then sync again", desired.kind()),
            };
            return Ok(Finding::new(FindingCode::RefusedByM3ter, message, remedy));
        }
    };
    let whose = whose(store, &blocker, patience).await?;
    let kind = desired.kind();
    Ok(Finding::new(
        code,
        message,
        format!(
            "The {kind} {blocker} {whose}; end it in m3ter before this one starts, or change {} of {}",
            sources(kind, &desired.fields().iter().filter(|field| matches!(field.name, "startDate" | "endDate")).collect::<Vec<_>>())
                .unwrap_or_else(|| "the dates".to_owned()),
            desired.key.row
        ),
    ))
}

/// The fields that m3ter's message names: the one that it begins with, or else all that stand in it as words of their own.
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
fn sources(kind: EntityKind, fields: &[&DesiredField]) -> Option<String> {
    let shown = |field: &&DesiredField| match &field.action {
        _ if kind == EntityKind::Account && OF_A_PERSON.contains(&field.name) => format!("`{}` (`{}`)", field.source, field.name),
        FieldAction::Set(value) => {
            format!("`{}` (`{}` {})", field.source, field.name, personal::shown(&field.source, &shown_value(value)))
        }
        FieldAction::Clear => format!("`{}` (`{}` nothing)", field.source, field.name),
    };
    let all: Vec<String> = fields.iter().map(shown).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

async fn whose(store: &Store, blocker: &M3terId, patience: Patience) -> Result<String, Failure> {
    let owners = load_owners(store, std::slice::from_ref(blocker), patience).await?;
    Ok(match owners.get(blocker) {
        Some(row) => format!("belongs to the Salesforce record {row}"),
        None => "was not made by a sync of this service".to_owned(),
    })
}
