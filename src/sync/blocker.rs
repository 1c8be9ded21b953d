//! What stands in the way when m3ter refuses an object, whose it is, and what to do about it.

use crate::domain::desired::DesiredObject;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::m3ter::RefusalKind;
use crate::store::Store;
use crate::sync::matching::load_owners;

/// The finding about a refusal: m3ter's words as they are, and a remedy that names the blocker's owner.
pub(super) async fn finding(store: &Store, desired: &DesiredObject, message: &str) -> Result<Finding, Failure> {
    let (code, blocker) = match RefusalKind::of(message) {
        RefusalKind::CommitmentOverlap { blocker } => (FindingCode::CommitmentOverlap, blocker),
        RefusalKind::AccountPlanOverlap { blocker } => (FindingCode::AccountPlanOverlap, blocker),
        RefusalKind::Other => {
            let remedy = format!("Change what m3ter names in Salesforce or in the mapping of the {}, then sync again", desired.kind());
            return Ok(Finding::new(FindingCode::RefusedByM3ter, message, remedy));
        }
    };
    let whose = whose(store, &blocker).await?;
    let kind = desired.kind();
    Ok(Finding::new(
        code,
        message,
        format!("The {kind} {blocker} {whose}; end it in m3ter before this one starts, or change the dates of {}", desired.key.row),
    ))
}

async fn whose(store: &Store, blocker: &M3terId) -> Result<String, Failure> {
    let owners = load_owners(store, std::slice::from_ref(blocker)).await?;
    Ok(match owners.get(blocker) {
        Some(row) => format!("belongs to the Salesforce record {row}"),
        None => "was not made by a sync of this service".to_owned(),
    })
}
