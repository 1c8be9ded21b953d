//! Which actual object is a desired one? Wrong identity is wrong money.
//!
//! A link that an earlier sync left decides. Without one, an object with a code is found by it; a
//! Commitment, which has none, by the id in its write-back field, by a body that was sent for it
//! before, or by being equal, always under this deal's Contract only. What belongs to another
//! Salesforce row is never taken over.

use serde_json::{Map, Value as Json};

use super::KnownIds;
use super::body::resolved;
use super::successor::is_successor_code;
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, IdSet, M3terId, SalesforceId};
use crate::domain::money::double_in_json;
use crate::domain::value::date_in_text;

/// The rows that m3ter objects are linked to, from this and other deals.
pub type Owners = IdMap<M3terId, SalesforceId>;

/// The object under the desired one's code among `candidates` of its natural owner.
///
/// `scope` names the field and the id that a candidate must carry beside the code: a Pricing's
/// `planId`, for example.
pub fn by_code<'a>(
    desired: &DesiredObject,
    candidates: &[&'a ActualObject],
    scope: Option<(&str, &M3terId)>,
    owners: &Owners,
) -> Result<Option<&'a ActualObject>, Finding> {
    let Some(code) = &desired.code else { return Ok(None) };
    let in_scope = |object: &&ActualObject| {
        scope.is_none_or(|(field, id)| object.text(field) == Some(id.as_str()))
    };
    let has_code = |object: &&ActualObject| {
        object.code().is_some_and(|actual| actual == code || is_successor_code(desired, actual))
    };
    let as_typed = |object: &&ActualObject| {
        object.code().is_some() && object.code() == desired.verbatim.as_deref()
    };
    let mut matching: Vec<&ActualObject> =
        candidates.iter().copied().filter(in_scope).filter(as_typed).collect();
    if matching.is_empty() {
        matching = candidates.iter().copied().filter(in_scope).filter(has_code).collect();
    }
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
            format!(
                "m3ter has two {} objects with the code `{code}`: {} and {}",
                desired.kind(),
                first.id,
                second.id
            ),
            "Give one of them a different code in m3ter, then sync again",
        )),
    }
}

fn owned_by_this_row<'a>(
    desired: &DesiredObject,
    found: &'a ActualObject,
    owners: &Owners,
) -> Result<&'a ActualObject, Finding> {
    match owners.get(&found.id) {
        Some(owner) if *owner != desired.key.row && desired.on_found == OnFound::Adopt => {
            Err(code_in_use(desired, found, Some(owner)))
        }
        _ => Ok(found),
    }
}

/// The finding about an object that has the desired one's code and is not the desired one.
pub fn code_in_use(
    desired: &DesiredObject,
    found: &ActualObject,
    owner: Option<&SalesforceId>,
) -> Finding {
    let code = desired.code.as_deref().unwrap_or_default();
    let whose = owner.map_or_else(String::new, |owner| {
        format!(", which belongs to the Salesforce record {owner}")
    });
    Finding::new(
        FindingCode::CodeInUse,
        format!(
            "The code `{code}` is in use by the {} {} in m3ter{whose}",
            desired.kind(),
            found.id
        ),
        format!(
            "Give the {} of {} a different code, or change the code of the one in m3ter, then sync again",
            desired.kind(),
            desired.key.row
        ),
    )
}

/// What decides about a Commitment beside its link.
#[derive(Debug, Clone, Copy)]
pub struct CommitmentEvidence<'a> {
    /// Commitments of the Account, as m3ter lists them.
    pub candidates: &'a [&'a ActualObject],
    /// The Contract of this deal; without one in m3ter nothing can be this deal's Commitment.
    pub contract: Option<&'a M3terId>,
    /// Bodies that were sent for this object before, newest first.
    pub attempts: &'a [Map<String, Json>],
    /// What each candidate is linked to.
    pub owners: &'a Owners,
    /// Candidates that serve another object of this sync already.
    pub taken: &'a IdSet<M3terId>,
}

/// The Commitment of this deal, if one of `evidence` is it.
pub fn commitment<'a>(
    desired: &DesiredObject,
    evidence: &CommitmentEvidence<'a>,
    known: &KnownIds,
) -> Option<&'a ActualObject> {
    let contract = evidence.contract?;
    let free: Vec<&ActualObject> = evidence
        .candidates
        .iter()
        .copied()
        .filter(|candidate| candidate.text("contractId") == Some(contract.as_str()))
        .filter(|candidate| !evidence.taken.contains(&candidate.id))
        .filter(|candidate| {
            evidence.owners.get(&candidate.id).is_none_or(|owner| *owner == desired.key.row)
        })
        .collect();
    let written_back =
        desired.write_back.as_ref().and_then(|write_back| write_back.current.as_deref());
    let by_written_back_id =
        || free.iter().find(|candidate| Some(candidate.id.as_str()) == written_back);
    let by_attempt = || {
        evidence
            .attempts
            .iter()
            .find_map(|body| free.iter().find(|candidate| is_body_of(body, candidate)))
    };
    let wanted: Map<String, Json> = DECIDING_FIELDS
        .iter()
        .filter_map(|field| {
            Some(((*field).to_owned(), resolved(desired.value(field)?, known).to_json()))
        })
        .collect();
    let by_equality =
        || free.iter().find(|candidate| !wanted.is_empty() && is_body_of(&wanted, candidate));
    by_written_back_id().or_else(by_attempt).or_else(by_equality).copied()
}

/// The fields by which a Commitment can be told from others under the same Contract.
const DECIDING_FIELDS: [&str; 5] = ["startDate", "endDate", "currency", "amount", "productIds"];

/// Whether `candidate` has the deciding fields of a body.
pub fn is_body_of(body: &Map<String, Json>, candidate: &ActualObject) -> bool {
    DECIDING_FIELDS.iter().all(|field| {
        let (wanted, actual) = (
            body.get(*field).unwrap_or(&Json::Null),
            candidate.fields.get(*field).unwrap_or(&Json::Null),
        );
        match *field {
            "amount" => {
                double_in_json(wanted).is_some() && double_in_json(wanted) == double_in_json(actual)
            }
            "startDate" | "endDate" => {
                let date = |value: &Json| value.as_str().and_then(date_in_text);
                date(wanted).is_some() && date(wanted) == date(actual)
            }
            "productIds" => texts(wanted) == texts(actual),
            _ => wanted == actual,
        }
    })
}

fn texts(list: &Json) -> IdSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{
        account, actual_with_id, commitment as desired_commitment, row,
    };

    const FIRST: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
    const SECOND: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
    const CONTRACT: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";

    fn id(text: &str) -> M3terId {
        M3terId::parse(text).unwrap()
    }

    fn under_contract(commitment: &str, start: &str) -> ActualObject {
        actual_with_id(
            commitment,
            json!({"contractId": CONTRACT, "startDate": start, "endDate": "2027-01-01", "currency": "USD", "amount": 12000}),
        )
    }

    fn evidence<'a>(
        candidates: &'a [&'a ActualObject],
        contract: &'a M3terId,
        attempts: &'a [Map<String, Json>],
        owners: &'a Owners,
        taken: &'a IdSet<M3terId>,
    ) -> CommitmentEvidence<'a> {
        CommitmentEvidence { candidates, contract: Some(contract), attempts, owners, taken }
    }

    #[test]
    fn an_object_of_another_row_is_not_taken_over() {
        let desired = account(Vec::new());
        let found = [actual_with_id(FIRST, json!({"code": desired.code}))];
        let owners =
            Owners::from_iter([(id(FIRST), SalesforceId::parse("006S900000795MN").unwrap())]);
        let finding = by_code(&desired, &found.each_ref(), None, &owners).unwrap_err();
        assert_eq!(finding.code, FindingCode::CodeInUse);
        assert!(finding.message.contains("006S900000795MNIAY"), "{}", finding.message);
        assert!(
            by_code(&desired, &found.each_ref(), None, &Owners::from_iter([(id(FIRST), row())]))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_code_that_m3ter_has_exactly_as_typed_is_the_one_meant() {
        let desired = DesiredObject {
            code: Some("006S900000795MMIAY".into()),
            verbatim: Some("006S900000795MM".into()),
            ..account(Vec::new())
        };
        let [typed, meant] = [(FIRST, "006S900000795MM"), (SECOND, "006S900000795MMIAY")]
            .map(|(id, code)| actual_with_id(id, json!({"code": code})));
        let found = |candidates: &[&ActualObject]| {
            by_code(&desired, candidates, None, &Owners::default())
                .unwrap()
                .map(|found| found.id.clone())
        };
        assert_eq!(found(&[&meant, &typed]), Some(id(FIRST)));
        assert_eq!(found(&[&meant]), Some(id(SECOND)));
    }

    #[test]
    fn two_objects_with_the_code_are_named_and_none_is_guessed() {
        let desired = account(Vec::new());
        let found = [
            actual_with_id(FIRST, json!({"code": desired.code})),
            actual_with_id(SECOND, json!({"code": desired.code})),
        ];
        let finding = by_code(&desired, &found.each_ref(), None, &Owners::default()).unwrap_err();
        assert!(
            finding.code == FindingCode::AmbiguousMatch
                && finding.message.contains(FIRST)
                && finding.message.contains(SECOND)
        );
    }

    #[test]
    fn a_commitment_is_found_by_the_id_that_was_written_back_only_under_its_own_contract() {
        let desired = desired_commitment("2026-02-01", Some(FIRST));
        let candidates = [under_contract(FIRST, "2026-01-01")];
        let (owners, taken) = (Owners::default(), IdSet::default());
        let contract = id(CONTRACT);
        assert_eq!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &[], &owners, &taken),
                &KnownIds::default()
            )
            .unwrap()
            .id,
            id(FIRST)
        );
        let other_contract = id(SECOND);
        assert_eq!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &other_contract, &[], &owners, &taken),
                &KnownIds::default()
            ),
            None
        );
    }

    #[test]
    fn a_commitment_is_found_by_a_body_that_was_sent_before() {
        let desired = desired_commitment("2026-03-01", None);
        let candidates = [under_contract(FIRST, "2026-01-01")];
        let sent = json!({"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD", "amount": 12000.00});
        let attempts = [sent.as_object().cloned().unwrap()];
        let (owners, taken, contract) = (Owners::default(), IdSet::default(), id(CONTRACT));
        assert!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &attempts, &owners, &taken),
                &KnownIds::default()
            )
            .is_some()
        );
        assert!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &[], &owners, &taken),
                &KnownIds::default()
            )
            .is_none()
        );
    }

    #[test]
    fn an_equal_commitment_serves_one_row_only() {
        let desired = desired_commitment("2026-01-01", None);
        let candidates = [under_contract(FIRST, "2026-01-01")];
        let (owners, contract) = (Owners::default(), id(CONTRACT));
        assert!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &[], &owners, &IdSet::default()),
                &KnownIds::default()
            )
            .is_some()
        );
        let taken = IdSet::from_iter([id(FIRST)]);
        assert!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &[], &owners, &taken),
                &KnownIds::default()
            )
            .is_none()
        );
        let owners =
            Owners::from_iter([(id(FIRST), SalesforceId::parse("006S900000795MN").unwrap())]);
        assert!(
            commitment(
                &desired,
                &evidence(&candidates.each_ref(), &contract, &[], &owners, &IdSet::default()),
                &KnownIds::default()
            )
            .is_none()
        );
    }
}
