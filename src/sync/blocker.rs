//! What stands in the way when m3ter refuses an object, whose it is, and what to do about it.

use crate::changeset::overlap;
use crate::domain::desired::{DesiredField, DesiredObject};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::outcome::Failure;
use crate::m3ter::RefusalKind;
use crate::sync::context::RunContext;

/// The finding about a refusal: m3ter's words as they are, and a remedy that names the blocker's
/// owner.
pub(super) async fn finding(
    context: &RunContext<'_>,
    desired: &DesiredObject,
    message: &str,
) -> Result<Finding, Failure> {
    let blocker = match RefusalKind::of(message) {
        RefusalKind::CommitmentOverlap { blocker }
        | RefusalKind::AccountPlanOverlap { blocker } => blocker,
        RefusalKind::Other => {
            let remedy = match overlap::sources(desired.kind(), &named_by(message, desired)) {
                Some(sources) => format!("Correct {sources}, then sync again"),
                None => format!(
                    "Change what m3ter names in Salesforce or in the mapping of the {}, then sync again",
                    desired.kind()
                ),
            };
            return Ok(Finding::new(FindingCode::RefusedByM3ter, message, remedy));
        }
    };
    let owners = context.load_owners(std::slice::from_ref(&blocker)).await?;
    Ok(overlap::reported_one(desired, message, &blocker, owners.get(&blocker)))
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
