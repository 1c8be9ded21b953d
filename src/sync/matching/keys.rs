//! Keys: what is looked up by them, and what it means that one changed since its link was made.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::{Identified, Seen};
use crate::changeset::typed_key::{self, KeyVerdict};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent, NaturalKey};
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::m3ter::ListFilter;
use crate::store::{Link, LinkRelation};

impl Seen<'_> {
    /// Reads Accounts and Contracts by code, where no link tells which they are or the code is
    /// another one than it was. Runs beside the look-up of other codes.
    pub(in crate::sync) async fn fetch_codes(
        &mut self,
        accounts: &[NaturalKey],
        contracts: &[NaturalKey],
    ) -> Result<(), Failure> {
        let mut lists = Vec::new();
        for (kind, keys) in [(EntityKind::Account, accounts), (EntityKind::Contract, contracts)] {
            let open = keys.iter().filter(|key| !self.is_settled(key));
            let codes: BTreeSet<String> = open.flat_map(NaturalKey::codes_and_own).collect();
            if !codes.is_empty() {
                lists.push((kind, vec![ListFilter::Codes(codes.into_iter().collect())]));
            }
        }
        // An Account is shared: another deal's link tells of it as well.
        let unlinked = accounts.iter().filter(|key| self.link(&key.object).is_none());
        let rows: BTreeSet<SalesforceId> = unlinked.map(|key| key.object.row.clone()).collect();
        let store = self.context.store;
        let elsewhere =
            try_join_all(rows.iter().map(|row| {
                store.with(move |store| store.load_links_of_row(EntityKind::Account, row))
            }));
        let ((), elsewhere) = tokio::join!(self.fetch_lists(lists), elsewhere);
        self.elsewhere = elsewhere?.into_iter().flatten().collect();
        let is_found = |row: &SalesforceId| {
            let keys = accounts.iter().filter(|key| key.object.row == *row);
            let codes: BTreeSet<String> = keys.flat_map(NaturalKey::codes).collect();
            self.all(EntityKind::Account)
                .iter()
                .any(|account| account.code().is_some_and(|code| codes.contains(code)))
        };
        let linked = self.elsewhere.iter().filter(|link| {
            !self.has(EntityKind::Account, &link.m3ter_id) && !is_found(&link.object.row)
        });
        let ids: BTreeSet<M3terId> = linked.map(|link| link.m3ter_id.clone()).collect();
        if !ids.is_empty() {
            self.fetch_lists(vec![(
                EntityKind::Account,
                vec![ListFilter::Ids(ids.into_iter().collect())],
            )])
            .await;
        }
        Ok(())
    }

    /// Whether a link tells which object a key means: it was made under this key, or before links
    /// remembered any.
    fn is_settled(&self, key: &NaturalKey) -> bool {
        let Some(link) = self.link(&key.object) else { return false };
        let Some(actual) = self.object(key.object.kind, &link.m3ter_id) else { return false };
        link.source_key.as_ref().is_none_or(|remembered| *remembered == key.code)
            || key.codes().any(|code| actual.code() == Some(&code))
    }

    /// Whether it has to be looked for what an object's key means.
    pub(super) fn is_open(&self, object: &DesiredObject) -> bool {
        object.natural_key().map_or_else(
            || self.link(&object.key).is_none(),
            |key| {
                let is_linked = self.link(&object.key).is_some();
                !is_linked || self.linked(object).is_some() && !self.is_settled(&key)
            },
        )
    }

    /// The Account that the row has in another deal.
    pub(super) fn elsewhere(&self, object: &DesiredObject) -> Option<&ActualObject> {
        let is_its =
            |link: &&Link| link.object == object.key && link.relation != LinkRelation::Unconfirmed;
        let mut links = self.elsewhere.iter().filter(is_its);
        links.find_map(|link| self.object(object.kind(), &link.m3ter_id))
    }

    /// Whether it is known that an object is the row's: by a link of this deal or another one, or
    /// because it was handed over.
    pub(super) fn is_confirmed(&self, object: &DesiredObject, actual: &ActualObject) -> bool {
        let tells = |link: &Link| {
            link.object == object.key
                && link.m3ter_id == actual.id
                && link.relation != LinkRelation::Unconfirmed
        };
        self.links.iter().chain(&self.elsewhere).any(tells)
            || self.merged.iter().any(|(_, to)| *to == object.key.row)
    }

    /// What is to be told of an object's key.
    pub(super) fn judge_key(
        &self,
        object: &DesiredObject,
        identified: Option<&Identified>,
    ) -> KeyVerdict {
        let candidates = self.all(object.kind());
        let verdict = match identified {
            Some(Ok(Some(actual))) => typed_key::of_existing(
                object,
                actual,
                self.key_of_link(object, actual),
                &candidates,
            ),
            Some(Ok(None)) => typed_key::of_missing(object, &candidates),
            _ => KeyVerdict::default(),
        };
        match object.intent {
            Intent::Sync(_) => verdict,
            Intent::Flagged | Intent::Invalid(_) => {
                KeyVerdict { remembered: verdict.remembered, ..KeyVerdict::default() }
            }
        }
    }

    fn key_of_link(&self, object: &DesiredObject, actual: &ActualObject) -> typed_key::Link<'_> {
        let is_it = |link: &&Link| link.object == object.key && link.m3ter_id == actual.id;
        let link = self.links.iter().find(is_it).or_else(|| self.elsewhere.iter().find(is_it));
        match link {
            Some(link) => link
                .source_key
                .as_deref()
                .map_or(typed_key::Link::RemembersNothing, typed_key::Link::Remembers),
            // What was handed over comes without a key.
            None if self.merged.iter().any(|(_, to)| *to == object.key.row) => {
                typed_key::Link::RemembersNothing
            }
            None => typed_key::Link::None,
        }
    }
}
