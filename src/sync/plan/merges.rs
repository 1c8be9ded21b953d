//! Accounts whose record was merged into another one: the m3ter Account continues with the record
//! that is left.
//!
//! Salesforce is asked only where a code belongs to another record, or a deal has another Account
//! than before.

use crate::changeset::merge::{Claim, Evidence, Handover, hand_over};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{IdMap, IdSet, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::record_state::RecordState;
use crate::store::{Link, LinkRelation};
use crate::sync::actual::ActualState;
use crate::sync::actual::identify::Identities;
use crate::sync::context::RunContext;

/// A record that was merged into one that was merged itself, and so on: so often at most.
const MERGES_IN_A_ROW: usize = 4;

/// What only accounts can be, by their ids.
const ACCOUNT_KEY_PREFIX: &str = "001";

/// A m3ter Account that may have become a desired one's.
struct Suspect {
    position: usize,
    owner: SalesforceId,
    theirs: ActualObject,
    evidence: Evidence,
}

/// Lets each desired Account have what a record had that was merged into its own.
pub(crate) async fn follow_merges(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &mut [DesiredObject],
    identities: &mut Identities,
) -> Result<(), Failure> {
    let suspects = suspects(context, state, desired, identities).await?;
    if suspects.is_empty() {
        return Ok(());
    }
    let rows: IdSet<SalesforceId> =
        accounts(desired).map(|(_, object)| object.key.row.clone()).collect();
    let Some(record_states) = fetch_record_states(context, &suspects, &rows).await? else {
        return Ok(());
    };
    for Suspect { position, owner, theirs, evidence } in suspects {
        let object = &mut desired[position];
        let record_state = record_states.get(&owner).unwrap_or(&RecordState::NotShown);
        // Of several Accounts it cannot be told which one a record that is gone was merged into.
        if evidence == Evidence::Deal
            && rows.len() > 1
            && matches!(record_state, RecordState::Deleted | RecordState::NotShown)
        {
            continue;
        }
        let own = match identities.get(&object.key) {
            Some(Ok(own)) => own.as_ref(),
            _ => state.elsewhere(object).or_else(|| with_own_id(state, object)),
        };
        let claim = Claim { desired: object, owner: &owner, theirs: &theirs, own, evidence };
        match hand_over(&claim, record_state) {
            Handover::Stays => {}
            Handover::Undecided(finding) => identities.set(object.key.clone(), Err(finding)),
            Handover::Moves => {
                let row = object.key.row.clone();
                let text = format!(
                    "{owner} was merged into {row}: its m3ter Account {} is kept",
                    theirs.id
                );
                object.warnings.push(text.into());
                state.note_merged(owner, row);
                identities.set(object.key.clone(), Ok(Some(theirs)));
            }
        }
    }
    Ok(())
}

async fn suspects(
    context: &RunContext<'_>,
    state: &ActualState,
    desired: &[DesiredObject],
    identities: &Identities,
) -> Result<Vec<Suspect>, Failure> {
    let rows: IdSet<&SalesforceId> = accounts(desired).map(|(_, object)| &object.key.row).collect();
    // What waits to be confirmed is nobody's to hand over.
    let is_known = |link: &Link| {
        link.object.kind == EntityKind::Account && link.relation != LinkRelation::Unconfirmed
    };
    let is_left = |link: &&Link| is_known(link) && !rows.contains(&link.object.row);
    let left: Vec<(&Link, &ActualObject)> = state
        .links()
        .iter()
        .filter(is_left)
        .filter_map(|link| Some((link, state.object(EntityKind::Account, &link.m3ter_id)?)))
        .collect();
    let mut suspects = Vec::new();
    for (position, object) in accounts(desired) {
        if matches!(identities.get(&object.key), Some(Err(finding)) if finding.code == FindingCode::CodeInUse)
        {
            let found = state
                .all(EntityKind::Account)
                .into_iter()
                .find(|account| account.code().is_some_and(|code| object.is_code(code)));
            let Some(theirs) = found.cloned() else { continue };
            let owners = context.load_owners(std::slice::from_ref(&theirs.id)).await?;
            let owner = owners.get(&theirs.id);
            if let Some(owner) = owner.filter(|owner| owner.key_prefix() == ACCOUNT_KEY_PREFIX) {
                let (owner, evidence) = (owner.clone(), Evidence::Code);
                suspects.push(Suspect { position, owner, theirs, evidence });
            }
            continue;
        }
        let is_linked = state.linked(object).is_some();
        for (link, theirs) in &left {
            // A deal that has long been synced under its present Account is of interest only if it
            // has something under the other one.
            if !is_linked || has_contract_under(state, theirs) {
                suspects.push(Suspect {
                    position,
                    owner: link.object.row.clone(),
                    theirs: (*theirs).clone(),
                    evidence: Evidence::Deal,
                });
            }
        }
    }
    Ok(suspects)
}

fn has_contract_under(state: &ActualState, account: &ActualObject) -> bool {
    let mut linked = state.links().iter().filter(|link| link.object.kind == EntityKind::Contract);
    linked.any(|link| {
        let contract = state.object(EntityKind::Contract, &link.m3ter_id);
        contract.is_some_and(|contract| contract.text("accountId") == Some(account.id.as_str()))
    })
}

fn with_own_id<'s>(state: &'s ActualState, object: &DesiredObject) -> Option<&'s ActualObject> {
    state
        .all(EntityKind::Account)
        .into_iter()
        .find(|account| account.code() == Some(object.key.row.as_str()))
}

/// What became of the owners; who was merged more than once is followed to one of `rows`. `None`
/// where Salesforce does not say.
async fn fetch_record_states(
    context: &RunContext<'_>,
    suspects: &[Suspect],
    rows: &IdSet<SalesforceId>,
) -> Result<Option<IdMap<SalesforceId, RecordState>>, Failure> {
    let RunContext { salesforce, budget, .. } = *context;
    let mut record_states: IdMap<SalesforceId, RecordState> = IdMap::default();
    let mut ask: IdSet<SalesforceId> =
        suspects.iter().map(|suspect| suspect.owner.clone()).collect();
    for _ in 0..MERGES_IN_A_ROW {
        let ids: Vec<SalesforceId> = ask.drain().collect();
        let answer = match salesforce.fetch_record_states("Account", &ids, budget).await {
            Ok(answer) => answer,
            Err(error) if error.refusal().is_some() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let masters = answer.values().filter_map(|record_state| match record_state {
            RecordState::MergedInto(master)
                if !rows.contains(master) && !record_states.contains_key(master) =>
            {
                Some(master.clone())
            }
            _ => None,
        });
        ask = masters.collect();
        record_states.extend(answer);
        if ask.is_empty() {
            break;
        }
    }
    let last = |owner: &SalesforceId| {
        let mut record_state = record_states.get(owner)?;
        for _ in 0..MERGES_IN_A_ROW {
            match record_state {
                RecordState::MergedInto(master) if !rows.contains(master) => {
                    match record_states.get(master) {
                        Some(next @ RecordState::MergedInto(_)) => record_state = next,
                        _ => break,
                    }
                }
                _ => break,
            }
        }
        Some((owner.clone(), record_state.clone()))
    };
    Ok(Some(suspects.iter().filter_map(|suspect| last(&suspect.owner)).collect()))
}

/// The Accounts that are to be synced, with their positions.
fn accounts(desired: &[DesiredObject]) -> impl Iterator<Item = (usize, &DesiredObject)> {
    let is_account = |object: &DesiredObject| {
        object.kind() == EntityKind::Account
            && matches!(object.intent, Intent::Sync(_))
            && object.key.row.key_prefix() == ACCOUNT_KEY_PREFIX
    };
    desired.iter().enumerate().filter(move |(_, object)| is_account(object))
}
