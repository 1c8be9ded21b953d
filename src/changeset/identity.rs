//! Which actual object is a desired one? Wrong identity is wrong money.
//!
//! A link that an earlier sync left decides. Without one, an object with a code is found by it; a Commitment, which has none, by
//! the id in its write-back field, by a body that was sent for it before, or by being equal, always under this deal's Contract
//! only. What belongs to another Salesforce row is never taken over.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};

use super::body::resolved;
use super::{KnownIds, compare};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::money::decimal_in_json;
use crate::domain::value::date_in_text;

/// The rows that m3ter objects are linked to, from this and other deals.
pub type Owners = HashMap<M3terId, SalesforceId>;

/// The object under the desired one's code among `candidates` of its natural owner.
///
/// `scope` names the field and the id that a candidate must carry beside the code: a Pricing's `planId`, for example.
pub fn by_code<'a>(
    desired: &DesiredObject,
    candidates: &'a [ActualObject],
    scope: Option<(&str, &M3terId)>,
    owners: &Owners,
) -> Result<Option<&'a ActualObject>, Finding> {
    let Some(code) = &desired.code else { return Ok(None) };
    let in_scope = |object: &&ActualObject| scope.is_none_or(|(field, id)| object.text(field) == Some(id.as_str()));
    let has_code =
        |object: &&ActualObject| object.code().is_some_and(|actual| actual == code || compare::is_successor_code(desired, actual));
    let mut matching: Vec<&ActualObject> = candidates.iter().filter(in_scope).filter(has_code).collect();
    if desired.kind() == EntityKind::Pricing {
        // Of a pricing and its successors the latest one is the one to compare with.
        matching.sort_by(|a, b| b.text("startDate").cmp(&a.text("startDate")));
        matching.truncate(1);
    }
    match matching.as_slice() {
        [] => Ok(None),
        [only] => owned_by_this_row(desired, only, owners).map(Some),
        [first, second, ..] => Err(Finding::new(
            FindingCode::AmbiguousMatch,
            format!("m3ter has two {} objects with the code `{code}`: {} and {}", desired.kind(), first.id, second.id),
            "Give one of them another code in m3ter, then sync again",
        )),
    }
}

fn owned_by_this_row<'a>(desired: &DesiredObject, found: &'a ActualObject, owners: &Owners) -> Result<&'a ActualObject, Finding> {
    match owners.get(&found.id) {
        Some(owner) if *owner != desired.key.row && desired.on_found == OnFound::Adopt => Err(code_in_use(desired, found, Some(owner))),
        _ => Ok(found),
    }
}

/// The finding about an object that has the desired one's code and is not the desired one.
pub fn code_in_use(desired: &DesiredObject, found: &ActualObject, owner: Option<&SalesforceId>) -> Finding {
    let code = desired.code.as_deref().unwrap_or_default();
    let whose = owner.map_or_else(String::new, |owner| format!(", which belongs to the Salesforce record {owner}"));
    Finding::new(
        FindingCode::CodeInUse,
        format!("The code `{code}` is in use by the {} {} in m3ter{whose}", desired.kind(), found.id),
        format!(
            "Give the {} of {} a code of its own, or give the one in m3ter another code, then sync again",
            desired.kind(),
            desired.key.row
        ),
    )
}

/// What decides about a Commitment beside its link.
#[derive(Debug, Clone, Copy)]
pub struct CommitmentEvidence<'a> {
    /// Commitments of the Account, as m3ter lists them.
    pub candidates: &'a [ActualObject],
    /// The Contract of this deal; without one in m3ter nothing can be this deal's Commitment.
    pub contract: Option<&'a M3terId>,
    /// Bodies that were sent for this object before, newest first.
    pub attempts: &'a [Map<String, Json>],
    /// What each candidate is linked to.
    pub owners: &'a Owners,
    /// Candidates that serve another object of this sync already.
    pub taken: &'a HashSet<M3terId>,
}

/// The Commitment of this deal, if one of `evidence` proves to be it.
pub fn commitment<'a>(desired: &DesiredObject, evidence: &CommitmentEvidence<'a>, known: &KnownIds) -> Option<&'a ActualObject> {
    let contract = evidence.contract?;
    let free: Vec<&ActualObject> = evidence
        .candidates
        .iter()
        .filter(|candidate| candidate.text("contractId") == Some(contract.as_str()))
        .filter(|candidate| !evidence.taken.contains(&candidate.id))
        .filter(|candidate| evidence.owners.get(&candidate.id).is_none_or(|owner| *owner == desired.key.row))
        .collect();
    let written_back = desired.write_back.as_ref().and_then(|write_back| write_back.current.as_deref());
    let by_written_back_id = || free.iter().find(|candidate| Some(candidate.id.as_str()) == written_back);
    let by_attempt = || evidence.attempts.iter().find_map(|body| free.iter().find(|candidate| is_body_of(body, candidate)));
    let wanted: Map<String, Json> =
        DECIDING_FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), resolved(desired.value(field)?, known).to_json()))).collect();
    let by_equality = || free.iter().find(|candidate| !wanted.is_empty() && is_body_of(&wanted, candidate));
    by_written_back_id().or_else(by_attempt).or_else(by_equality).copied()
}

/// The fields by which a Commitment can be told from others under the same Contract.
const DECIDING_FIELDS: [&str; 5] = ["startDate", "endDate", "currency", "amount", "productIds"];

/// Whether `candidate` has the deciding fields of a body.
pub fn is_body_of(body: &Map<String, Json>, candidate: &ActualObject) -> bool {
    DECIDING_FIELDS.iter().all(|field| {
        let (wanted, actual) = (body.get(*field).unwrap_or(&Json::Null), candidate.fields.get(*field).unwrap_or(&Json::Null));
        match *field {
            "amount" => decimal_in_json(wanted).is_some() && decimal_in_json(wanted) == decimal_in_json(actual),
            "startDate" | "endDate" => {
                let date = |value: &Json| value.as_str().and_then(date_in_text);
                date(wanted).is_some() && date(wanted) == date(actual)
            }
            "productIds" => texts(wanted) == texts(actual),
            _ => wanted == actual,
        }
    })
}

fn texts(list: &Json) -> HashSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}
