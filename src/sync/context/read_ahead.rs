//! What was read for many records at once, and answers what each of them asks for: a value that
//! `verify` fills. What it does not know is asked of the vendors as ever.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::actual::ActualObject;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::record::Record;
use crate::m3ter::{ListQuery, Selection};
use crate::soql::Query;

/// Records, and objects of m3ter.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    records: Mutex<HashMap<SalesforceId, (Record, Arc<Query>)>>,
    objects: HashMap<EntityKind, HashMap<M3terId, ActualObject>>,
    /// What was asked for by id and by code, also what m3ter does not have.
    asked: HashSet<(EntityKind, M3terId)>,
    asked_codes: HashSet<(EntityKind, String)>,
    /// Contracts of which all is known that lies under them.
    contracts: HashMap<EntityKind, BTreeSet<M3terId>>,
}

impl ReadAhead {
    /// Takes the records that one query gave.
    pub(crate) fn add_records(&mut self, records: Vec<Record>, query: &Arc<Query>) {
        let known = self.records.get_mut().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            if let Some(id) = record.id() {
                known.insert(id, (record, Arc::clone(query)));
            }
        }
    }

    /// Takes what m3ter has of some ids.
    pub(crate) fn add_of_ids(
        &mut self,
        kind: EntityKind,
        ids: &[M3terId],
        objects: Vec<ActualObject>,
    ) {
        self.asked.extend(ids.iter().map(|id| (kind, id.clone())));
        self.add(kind, objects);
    }

    /// Takes what m3ter has under some codes.
    pub(crate) fn add_of_codes(
        &mut self,
        kind: EntityKind,
        codes: &[String],
        objects: Vec<ActualObject>,
    ) {
        self.asked_codes.extend(codes.iter().map(|code| (kind, code.clone())));
        self.add(kind, objects);
    }

    /// Takes objects beside those that were asked for.
    pub(crate) fn add(&mut self, kind: EntityKind, objects: Vec<ActualObject>) {
        let held = self.objects.entry(kind).or_default();
        held.extend(objects.into_iter().map(|object| (object.id.clone(), object)));
    }

    /// Notes Contracts of which all is known by now that lies under them.
    pub(crate) fn knows_all_under(&mut self, kind: EntityKind, contracts: BTreeSet<M3terId>) {
        self.contracts.entry(kind).or_default().extend(contracts);
    }

    /// The record, once.
    pub(crate) fn take_record(&self, id: &SalesforceId) -> Option<(Record, Arc<Query>)> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// An object that was read.
    pub(crate) fn object(&self, kind: EntityKind, id: &M3terId) -> Option<&ActualObject> {
        self.objects.get(&kind)?.get(id)
    }

    /// What a list would give; `None` where that is not known.
    pub(crate) fn list(&self, query: &ListQuery) -> Option<Vec<ActualObject>> {
        let kind = query.kind();
        match query.selection() {
            Selection::Ids(ids) => {
                let are_known = ids.iter().all(|id| self.asked.contains(&(kind, id.clone())));
                are_known
                    .then(|| ids.iter().filter_map(|id| self.object(kind, id).cloned()).collect())
            }
            Selection::Codes(codes) => {
                let is_known = |code: &String| self.asked_codes.contains(&(kind, code.clone()));
                codes.iter().all(is_known).then(|| {
                    let is_asked = |object: &ActualObject| {
                        object.code().is_some_and(|code| codes.iter().any(|asked| asked == code))
                    };
                    self.of_kind(kind, is_asked)
                })
            }
            Selection::Under(owners) => {
                let contract = owners.contract.as_ref()?;
                let is_known = self.contracts.get(&kind).is_some_and(|all| all.contains(contract));
                let is_under = |object: &ActualObject| {
                    let account = owners.account.as_ref();
                    object.text("contractId") == Some(contract.as_str())
                        && account.is_none_or(|id| object.text("accountId") == Some(id.as_str()))
                };
                is_known.then(|| self.of_kind(kind, is_under))
            }
            Selection::All | Selection::ActiveOn(_) => None,
        }
    }

    fn of_kind(
        &self,
        kind: EntityKind,
        is_wanted: impl Fn(&ActualObject) -> bool,
    ) -> Vec<ActualObject> {
        let all = self.objects.get(&kind).into_iter().flat_map(HashMap::values);
        all.filter(|object| is_wanted(object)).cloned().collect()
    }
}
