//! When the m3ter Account of one Salesforce record becomes another record's: after a merge, and
//! only then.

use crate::changeset::identity::code_in_use;
use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::record_state::RecordState;

/// A m3ter Account that may have become the desired one's.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The row that asks.
    pub desired: &'a DesiredObject,
    /// The row that the Account is linked to.
    pub owner: &'a SalesforceId,
    /// The Account.
    pub theirs: &'a ActualObject,
    /// The m3ter Account that the row that asks has already.
    pub own: Option<&'a ActualObject>,
    /// Why one thinks of it.
    pub evidence: Evidence,
}

/// Why a m3ter Account may have become another record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The record's code names it.
    Code,
    /// The deal was its owner's before, and names the record now.
    Deal,
}

/// What becomes of the Account.
#[derive(Debug, Clone, PartialEq)]
pub enum Handover {
    /// It stays where it is.
    Stays,
    /// It is the row's from now on.
    Moves,
    /// Somebody must decide.
    Undecided(Finding),
}

/// Judges a claim by what became of the owner.
pub fn hand_over(claim: &Claim<'_>, record_state: &RecordState) -> Handover {
    let Claim { desired, owner, theirs, own, evidence } = claim;
    let row = &desired.key.row;
    let other = own.filter(|own| own.id != theirs.id);
    match (record_state, evidence) {
        (RecordState::MergedInto(master), _) if master == row => match other {
            None => Handover::Moves,
            Some(own) => Handover::Undecided(Finding::new(
                FindingCode::AmbiguousMatch,
                format!(
                    "{owner} was merged into {row}, and m3ter has an Account of each: {} of {owner} and {} of {row}",
                    theirs.id, own.id
                ),
                format!(
                    "Decide which of the two to keep, and end the other one's billing in m3ter. Then link the one you keep to {row}: `sync-to-m3ter links forget {row} --kind Account` and `sync-to-m3ter links move {owner} {row}` for {}, or `sync-to-m3ter links forget {owner} --kind Account` for {}",
                    theirs.id, own.id
                ),
            )),
        },
        (RecordState::Deleted | RecordState::NotShown, Evidence::Code) => {
            let finding = code_in_use(desired, theirs, Some(owner));
            let remedy = remedy(owner, row, theirs);
            Handover::Undecided(Finding {
                message: format!("{}, which {}", finding.message, gone(record_state)),
                remedy,
                ..finding
            })
        }
        (RecordState::Deleted | RecordState::NotShown, Evidence::Deal) if other.is_none() => {
            Handover::Undecided(Finding::new(
                FindingCode::IdentityChanged,
                format!(
                    "Until now this was a deal of {owner}, which {}, and m3ter's Account {} belongs to it",
                    gone(record_state),
                    theirs.id
                ),
                remedy(owner, row, theirs),
            ))
        }
        (RecordState::Alive | RecordState::MergedInto(_), _)
        | (RecordState::Deleted | RecordState::NotShown, Evidence::Deal) => Handover::Stays,
    }
}

fn gone(record_state: &RecordState) -> &'static str {
    if *record_state == RecordState::Deleted { "was deleted" } else { "Salesforce no longer shows" }
}

fn remedy(owner: &SalesforceId, row: &SalesforceId, theirs: &ActualObject) -> String {
    format!(
        "It was probably merged into {row}. If so, run `sync-to-m3ter links move {owner} {row}` to hand over the m3ter Account {}, then sync again",
        theirs.id
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{account, actual_with_id, row};

    #[test]
    fn only_a_merge_that_salesforce_tells_of_moves_an_account() {
        let theirs = actual_with_id("293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e", json!({"code": "001"}));
        let own = actual_with_id("544ecdae-54a5-4654-b0fb-b503a7ed58b2", json!({"code": "002"}));
        let owner = SalesforceId::parse("001S90000079HOOIA2").unwrap();
        let desired = account(Vec::new());
        let merged = RecordState::MergedInto(row());
        let elsewhere = RecordState::MergedInto(owner.clone());
        let (code, deal) = (Evidence::Code, Evidence::Deal);
        for (record_state, evidence, own, expected) in [
            (&merged, code, None, "moves"),
            (&merged, deal, None, "moves"),
            (&merged, code, Some(&theirs), "moves"),
            (&merged, code, Some(&own), "AMBIGUOUS_MATCH"),
            (&merged, deal, Some(&own), "AMBIGUOUS_MATCH"),
            (&RecordState::Alive, code, None, "stays"),
            (&RecordState::Alive, deal, None, "stays"),
            (&elsewhere, code, None, "stays"),
            (&elsewhere, deal, None, "stays"),
            (&RecordState::Deleted, code, None, "CODE_IN_USE"),
            (&RecordState::NotShown, code, Some(&own), "CODE_IN_USE"),
            (&RecordState::Deleted, deal, None, "IDENTITY_CHANGED"),
            (&RecordState::NotShown, deal, None, "IDENTITY_CHANGED"),
            (&RecordState::NotShown, deal, Some(&own), "stays"),
        ] {
            let handover = hand_over(
                &Claim { desired: &desired, owner: &owner, theirs: &theirs, own, evidence },
                record_state,
            );
            let told = match &handover {
                Handover::Moves => "moves",
                Handover::Stays => "stays",
                Handover::Undecided(finding) => {
                    assert!(
                        finding.remedy.contains("links move 001S90000079HOOIA2"),
                        "{finding:?}"
                    );
                    finding.code.as_str()
                }
            };
            assert_eq!(told, expected, "{record_state:?} {evidence:?} {own:?}");
        }
    }
}
