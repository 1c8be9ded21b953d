//! What m3ter holds, as far as a sync has read it, and which of it is linked to whom. A value:
//! `fetch` fills it, everything else asks it.

pub(super) mod fetch;
pub(super) mod identify;
pub(super) mod referred;

use std::collections::BTreeSet;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent, NaturalKey, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, IdSet, M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::store::{Link, LinkRelation};

/// What is known of m3ter.
#[derive(Debug, Default)]
pub(super) struct ActualState {
    /// All objects that a list or a GET gave, by kind; the newest version of each.
    objects: IdMap<EntityKind, IdMap<M3terId, ActualObject>>,
    /// Reads that gave no answer: objects of the kind cannot be decided.
    unread: IdMap<EntityKind, Failure>,
    /// Linked objects that their own GET no longer finds.
    gone: IdSet<M3terId>,
    /// What earlier syncs of the record linked.
    links: Vec<Link>,
    /// Whether it is open what became of changes that earlier runs of the record set out to make.
    has_open_changes: bool,
    /// Where the link of an object is among them.
    positions: IdMap<ObjectKey, usize>,
    /// Links of this record's Accounts in other deals.
    elsewhere: Vec<Link>,
    /// Records that were merged into others: who had something in m3ter, and who has it now.
    merged: Vec<(SalesforceId, SalesforceId)>,
}

impl ActualState {
    /// Nothing is read yet.
    pub(super) fn new(links: Vec<Link>) -> Self {
        let position = |(position, link): (usize, &Link)| (link.object.clone(), position);
        let positions = links.iter().enumerate().map(position).collect();
        Self { links, positions, ..Self::default() }
    }

    /// The same, knowing whether earlier runs of the record left changes open.
    pub(super) fn with_open_changes(self, has_open_changes: bool) -> Self {
        Self { has_open_changes, ..self }
    }

    /// Whether it is open what became of changes that earlier runs of the record set out to make.
    pub(super) fn has_open_changes(&self) -> bool {
        self.has_open_changes
    }

    /// Takes what a read gave.
    pub(super) fn take(
        &mut self,
        kind: EntityKind,
        answer: Result<impl IntoIterator<Item = ActualObject>, impl Into<Failure>>,
    ) {
        match answer {
            Ok(objects) => {
                let held = self.objects.entry(kind).or_default();
                for object in objects {
                    match held.get(&object.id) {
                        Some(newer) if newer.version > object.version => {}
                        _ => {
                            held.insert(object.id.clone(), object);
                        }
                    }
                }
            }
            Err(error) => {
                self.unread.entry(kind).or_insert_with(|| error.into());
            }
        }
    }

    /// Notes that m3ter has an object no more that a list showed.
    pub(super) fn drop_object(&mut self, kind: EntityKind, id: &M3terId) {
        if let Some(held) = self.objects.get_mut(&kind) {
            held.remove(id);
        }
    }

    /// Notes that m3ter has a linked object no more.
    pub(super) fn note_gone(&mut self, id: M3terId) {
        self.gone.insert(id);
    }

    /// Notes the links of the record's Accounts in other deals.
    pub(super) fn note_elsewhere(&mut self, links: Vec<Link>) {
        self.elsewhere = links;
    }

    /// Notes that what a record had is another one's now.
    pub(super) fn note_merged(&mut self, from: SalesforceId, to: SalesforceId) {
        self.merged.push((from, to));
    }

    /// All objects of a kind that were read.
    pub(super) fn all(&self, kind: EntityKind) -> Vec<&ActualObject> {
        self.objects.get(&kind).into_iter().flat_map(IdMap::values).collect()
    }

    /// An object that was read.
    pub(super) fn object(&self, kind: EntityKind, id: &M3terId) -> Option<&ActualObject> {
        self.objects.get(&kind)?.get(id)
    }

    /// Whether a list of a kind gave an answer.
    pub(super) fn is_listed(&self, kind: EntityKind) -> bool {
        self.objects.contains_key(&kind)
    }

    /// The failures of reads, in the order of kinds.
    pub(super) fn failures(&self) -> Vec<Failure> {
        EntityKind::ALL.iter().filter_map(|kind| self.unread.get(kind).cloned()).collect()
    }

    /// What is to be told of an object whose kind could not be read.
    pub(super) fn unread(&self, kind: EntityKind) -> Option<Finding> {
        let reason = &self.unread.get(&kind)?.reason;
        Some(Finding::new(
            FindingCode::OutcomeUnknown,
            format!("Not attempted because m3ter's {} could not be read: {reason}", kind.plural()),
            "Sync again",
        ))
    }

    /// What earlier syncs of the record linked.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Whether an earlier sync of the record linked an object, whatever became of that.
    pub(super) fn has_link(&self, key: &ObjectKey) -> bool {
        self.positions.contains_key(key)
    }

    /// What other deals have linked of the record's Accounts.
    pub(super) fn linked_elsewhere(&self) -> impl Iterator<Item = &M3terId> {
        self.elsewhere.iter().map(|link| &link.m3ter_id)
    }

    /// Links to objects that m3ter no longer has.
    pub(super) fn gone_links(&self) -> Vec<ObjectKey> {
        self.links
            .iter()
            .filter(|link| self.gone.contains(&link.m3ter_id))
            .map(|link| link.object.clone())
            .collect()
    }

    /// Who was merged into whom, as this sync found out.
    pub(super) fn merged(&self) -> &[(SalesforceId, SalesforceId)] {
        &self.merged
    }

    /// The link that decides which object a desired one is.
    pub(super) fn link(&self, key: &ObjectKey) -> Option<&Link> {
        // One that is to be confirmed decides nothing: its code leads there again, or no more.
        let decides = |link: &&Link| {
            link.relation != LinkRelation::Unconfirmed && !self.gone.contains(&link.m3ter_id)
        };
        self.own_link(key).filter(decides)
    }

    fn own_link(&self, key: &ObjectKey) -> Option<&Link> {
        self.links.get(*self.positions.get(key)?)
    }

    /// The m3ter object that a desired one is linked to, if m3ter still has it. What a record only
    /// joined is its own as little as before once the record no longer names it.
    pub(super) fn linked(&self, object: &DesiredObject) -> Option<&ActualObject> {
        let joined = |link: &&Link| {
            link.relation == LinkRelation::Referred && object.on_found == OnFound::Adopt
        };
        let link = self.link(&object.key).filter(|link| !joined(link))?;
        self.object(object.kind(), &link.m3ter_id)
    }

    /// The Account that the row has in another deal.
    pub(super) fn elsewhere(&self, object: &DesiredObject) -> Option<&ActualObject> {
        let is_its =
            |link: &&Link| link.object == object.key && link.relation != LinkRelation::Unconfirmed;
        let mut links = self.elsewhere.iter().filter(is_its);
        links.find_map(|link| self.object(object.kind(), &link.m3ter_id))
    }

    /// The Accounts of other deals' links that were not read, for rows of which `is_wanted` says
    /// so.
    pub(super) fn unread_elsewhere(
        &self,
        is_wanted: impl Fn(&SalesforceId) -> bool,
    ) -> BTreeSet<M3terId> {
        let is_unread = |link: &&Link| {
            self.object(EntityKind::Account, &link.m3ter_id).is_none()
                && is_wanted(&link.object.row)
        };
        self.elsewhere.iter().filter(is_unread).map(|link| link.m3ter_id.clone()).collect()
    }

    /// Whether a link tells which object a key means: it was made under this key, or before links
    /// remembered any.
    pub(super) fn is_settled(&self, key: &NaturalKey) -> bool {
        let Some(link) = self.link(&key.object) else { return false };
        let Some(actual) = self.object(key.object.kind, &link.m3ter_id) else { return false };
        link.source_key.as_ref().is_none_or(|remembered| *remembered == key.code)
            || key.codes().any(|code| actual.code() == Some(&code))
    }

    /// Whether it must be looked for what an object's key means.
    pub(super) fn is_open(&self, object: &DesiredObject) -> bool {
        let is_linked = self.link(&object.key).is_some();
        object.natural_key().map_or(!is_linked, |key| {
            !is_linked || self.linked(object).is_some() && !self.is_settled(&key)
        })
    }

    /// Whether it is known that an object is the row's: by a link of this deal or another one, or
    /// because it was handed over.
    pub(super) fn is_confirmed(&self, object: &DesiredObject, actual: &ActualObject) -> bool {
        let tells = |link: &Link| {
            link.object == object.key
                && link.m3ter_id == actual.id
                && link.relation != LinkRelation::Unconfirmed
        };
        self.own_link(&object.key).into_iter().chain(&self.elsewhere).any(tells)
            || self.was_handed_to(&object.key.row)
    }

    /// Whether the row has what a record had that was merged into it.
    pub(super) fn was_handed_to(&self, row: &SalesforceId) -> bool {
        self.merged.iter().any(|(_, to)| to == row)
    }

    /// The link of a desired object to an actual one, in this deal or in another one.
    pub(super) fn link_between(
        &self,
        object: &DesiredObject,
        actual: &ActualObject,
    ) -> Option<&Link> {
        let is_it = |link: &&Link| link.object == object.key && link.m3ter_id == actual.id;
        self.own_link(&object.key).filter(is_it).or_else(|| self.elsewhere.iter().find(is_it))
    }

    /// Whether an object was made by another record, and this one only joins it.
    pub(super) fn is_referred(&self, object: &DesiredObject, actual: &ActualObject) -> bool {
        let owned = self.link(&object.key).is_some_and(|link| link.relation == LinkRelation::Owned);
        // A code that is the row's own id is of what the row made.
        let is_own = actual.code() == Some(object.key.row.as_str());
        object.on_found == OnFound::Refer
            && !owned
            && !is_own
            && matches!(object.intent, Intent::Sync(_))
    }
}
