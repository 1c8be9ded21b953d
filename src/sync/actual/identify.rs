//! Which m3ter object is each desired one? By its link, else by its natural key. Pure: what is to be
//! looked at was read before.

use crate::changeset::KnownIds;
use crate::changeset::identity::{self, CommitmentEvidence, Owners};
use crate::changeset::typed_key::{self, KeyVerdict};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::Finding;
use crate::domain::ids::{IdMap, IdSet, M3terId};
use crate::store::CommitmentAttempt;
use crate::sync::actual::ActualState;
use crate::sync::actual::referred::{Referred, plan_of};

/// The outcome of identifying one desired object.
pub(crate) type Identified = Result<Option<ActualObject>, Finding>;

/// Which m3ter objects the desired ones are, as far as that was asked.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    identified: IdMap<ObjectKey, Identified>,
    known: KnownIds,
}

/// What tells of objects that no link tells of.
pub(crate) struct Evidence<'a> {
    /// What m3ter holds.
    pub(crate) state: &'a ActualState,
    /// The rows that its objects are linked to.
    pub(crate) owners: &'a Owners,
    /// What earlier tries set out to create.
    pub(crate) attempts: &'a [CommitmentAttempt],
}

impl Identities {
    /// Identifies the desired objects of some kinds, whose owners are identified already.
    pub(crate) fn identify(
        &mut self,
        desired: &[DesiredObject],
        kinds: &[EntityKind],
        evidence: &Evidence<'_>,
    ) {
        // Mostly all are linked, and nobody asks.
        let mut taken: Option<IdSet<M3terId>> = None;
        let referred = Referred::new(desired);
        for kind in kinds {
            let candidates = evidence.state.all(*kind);
            for object in desired.iter().filter(|object| object.kind() == *kind) {
                let identified = match evidence.state.linked(object) {
                    Some(linked) => Ok(Some(linked.clone())),
                    None => {
                        let known = &self.known;
                        let taken = taken.get_or_insert_with(|| {
                            let links = evidence.state.links().iter();
                            let linked = links.map(|link| link.m3ter_id.clone());
                            linked.chain(known.values().cloned()).collect()
                        });
                        evidence.by_natural_key(object, &candidates, &referred, known, taken)
                    }
                };
                if let (Some(taken), Ok(Some(actual))) = (&mut taken, &identified) {
                    taken.insert(actual.id.clone());
                }
                self.set(object.key.clone(), identified);
            }
        }
    }

    /// Says what an object is.
    pub(crate) fn set(&mut self, key: ObjectKey, identified: Identified) {
        match &identified {
            Ok(Some(actual)) => self.known.insert(key.clone(), actual.id.clone()),
            Ok(None) | Err(_) => self.known.remove(&key),
        };
        self.identified.insert(key, identified);
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Identified> {
        self.identified.get(key)
    }

    /// The actual object, where m3ter has it.
    pub(crate) fn actual(&self, key: &ObjectKey) -> Option<&ActualObject> {
        self.identified.get(key)?.as_ref().ok()?.as_ref()
    }

    /// The ids of all that m3ter has.
    pub(crate) fn known(&self) -> &KnownIds {
        &self.known
    }
}

impl Evidence<'_> {
    fn by_natural_key<'s>(
        &'s self,
        object: &DesiredObject,
        candidates: &[&'s ActualObject],
        referred: &Referred<'_>,
        known: &KnownIds,
        taken: &IdSet<M3terId>,
    ) -> Identified {
        let by_code = |scope: Option<(&str, M3terId)>| {
            let scope = scope.as_ref().map(|(field, id)| (*field, id));
            identity::by_code(object, candidates, scope, self.owners)
        };
        let found = match object.kind() {
            EntityKind::Account | EntityKind::Contract => {
                by_code(None)?.or_else(|| self.under_own_id(object, candidates))
            }
            EntityKind::Plan | EntityKind::AccountPlan => match referred.account(object, known) {
                Some(account) => by_code(Some(("accountId", account)))?,
                None => None,
            },
            EntityKind::Pricing => match plan_of(object, known) {
                Some(plan) => by_code(Some(("planId", plan)))?,
                None => None,
            },
            EntityKind::Commitment => {
                let attempts: Vec<_> = self
                    .attempts
                    .iter()
                    .filter(|attempt| attempt.object == object.key)
                    .filter_map(|attempt| attempt.body.as_object().cloned())
                    .collect();
                let contract = referred.contract(object, known);
                let evidence = CommitmentEvidence {
                    candidates,
                    contract: contract.as_ref(),
                    attempts: &attempts,
                    owners: self.owners,
                    taken,
                };
                return Ok(identity::commitment(object, &evidence, known).cloned());
            }
        };
        Ok(found.cloned())
    }

    /// What has the row's own id as its code, or what the row has in another deal.
    fn under_own_id<'s>(
        &'s self,
        object: &DesiredObject,
        candidates: &[&'s ActualObject],
    ) -> Option<&'s ActualObject> {
        let is_own = |own: &&ActualObject| {
            self.owners.get(&own.id).is_none_or(|owner| *owner == object.key.row)
        };
        typed_key::by_own_id(object, candidates)
            .filter(is_own)
            .or_else(|| self.state.elsewhere(object))
    }
}

/// What is to be told of an object's key.
pub(crate) fn judge_key(
    state: &ActualState,
    object: &DesiredObject,
    identified: Option<&Identified>,
) -> KeyVerdict {
    let candidates = || state.all(object.kind());
    let verdict = match identified {
        Some(Ok(Some(actual))) => typed_key::of_existing(
            object,
            actual,
            remembered_key(state, object, actual),
            candidates,
        ),
        Some(Ok(None)) => typed_key::of_missing(object, candidates),
        _ => KeyVerdict::default(),
    };
    match object.intent {
        Intent::Sync(_) => verdict,
        Intent::Flagged | Intent::Invalid(_) => {
            KeyVerdict { remembered: verdict.remembered, ..KeyVerdict::default() }
        }
    }
}

fn remembered_key<'s>(
    state: &'s ActualState,
    object: &DesiredObject,
    actual: &ActualObject,
) -> typed_key::Link<'s> {
    match state.link_between(object, actual) {
        Some(link) => link
            .source_key
            .as_deref()
            .map_or(typed_key::Link::RemembersNothing, typed_key::Link::Remembers),
        // What was handed over comes without a key.
        None if state.was_handed_to(&object.key.row) => typed_key::Link::RemembersNothing,
        None => typed_key::Link::None,
    }
}

/// Whether it is worth knowing if m3ter has the object: one that is flagged or invalid matters only
/// to what refers to it.
pub(crate) fn matters(object: &DesiredObject) -> bool {
    matches!(object.intent, Intent::Sync(_))
        || matches!(object.kind(), EntityKind::Account | EntityKind::Contract | EntityKind::Plan)
}
