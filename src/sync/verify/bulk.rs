//! Reads what a page of records needs: the records of one object with their rows in one query, and
//! of m3ter all that is linked to them, each kind in as few lists as it takes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::try_join_all;

use super::strays::Strays;
use crate::domain::desired::NaturalKey;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::record::Record;
use crate::m3ter::ListQuery;
use crate::mapping::{Context, Mapping};
use crate::soql::Query;
use crate::store::Link;
use crate::sync::context::read_ahead::ReadAhead;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::load::read::fetch_rows;
use crate::sync::metadata_cache::MetadataCache;
use crate::transport::Budget;

/// What was read for a page of records.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    pub(super) ahead: ReadAhead,
    /// What earlier syncs of each record linked.
    pub(super) links: HashMap<SalesforceId, Vec<Link>>,
}

/// With what it is read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) metadata: &'a MetadataCache,
    pub(super) store: RetryingStore<'a>,
    pub(super) budget: &'a Budget,
    /// Where what nobody has linked is known from lists.
    pub(super) strays: Option<&'a Strays>,
}

impl Reader<'_> {
    /// Reads for some records, by their mappings.
    pub(super) async fn read(
        &self,
        by_mapping: &[(&Mapping, Vec<SalesforceId>)],
    ) -> Result<Bulk, Failure> {
        let mut bulk = Bulk::default();
        let all: Vec<SalesforceId> =
            by_mapping.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
        let (rows, links) = tokio::join!(
            try_join_all(by_mapping.iter().map(|(mapping, ids)| self.read_rows(mapping, ids))),
            self.store.with(|store| store.load_links_of(&all)),
        );
        let (rows, links) = (rows?, links?);
        self.read_linked(&links, &mut bulk).await?;
        for link in links {
            bulk.links.entry(link.root.clone()).or_default().push(link);
        }
        for ((mapping, _), (records, query)) in by_mapping.iter().zip(rows) {
            self.read_coded(mapping, &records, &query, &mut bulk).await?;
            bulk.ahead.add_records(records, &query);
        }
        Ok(bulk)
    }

    async fn read_rows(
        &self,
        mapping: &Mapping,
        ids: &[SalesforceId],
    ) -> Result<(Vec<Record>, Arc<Query>), Failure> {
        fetch_rows(self.metadata, mapping, |query| query.soql_of(ids), self.budget).await
    }

    /// What is linked, and what lies beside it that nobody has linked.
    async fn read_linked(&self, links: &[Link], bulk: &mut Bulk) -> Result<(), Failure> {
        let m3ter = &self.metadata.m3ter;
        let of_kind = |kind: EntityKind| {
            let links = links.iter().filter(move |link| link.object.kind == kind);
            let ids: BTreeSet<M3terId> = links.map(|link| link.m3ter_id.clone()).collect();
            ids.into_iter().collect::<Vec<_>>()
        };
        let ids = EntityKind::ALL.map(|kind| (kind, of_kind(kind)));
        let lists =
            ids.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(kind, ids)| async move {
                let objects = m3ter.list(&ListQuery::ids(kind, ids.clone()), self.budget).await;
                objects.map(|objects| (kind, ids, objects))
            });
        for (kind, ids, objects) in try_join_all(lists).await? {
            bulk.ahead.add_of_ids(kind, &ids, objects);
        }
        let Some(strays) = self.strays else { return Ok(()) };
        let contracts = of_kind(EntityKind::Contract);
        // Under one that several records share lies more than what is linked to these.
        let shared = self.store.with(|store| store.load_shared_contracts(&contracts)).await?;
        let own: BTreeSet<M3terId> =
            contracts.into_iter().filter(|contract| !shared.contains(contract)).collect();
        for contract in &own {
            for (kind, object) in strays.under(contract) {
                bulk.ahead.add(*kind, vec![object.clone()]);
            }
        }
        for kind in [EntityKind::Commitment, EntityKind::AccountPlan] {
            bulk.ahead.knows_all_under(kind, own.clone());
        }
        Ok(())
    }

    /// Accounts and Contracts under the codes of records that nobody has synced.
    async fn read_coded(
        &self,
        mapping: &Mapping,
        records: &[Record],
        query: &Query,
        bulk: &mut Bulk,
    ) -> Result<(), Failure> {
        let is_new = |record: &&Record| record.id().is_some_and(|id| !bulk.links.contains_key(&id));
        let organization = self.metadata.organization(self.budget).await?;
        let time_zone = mapping.time_zone(&organization.time_zone);
        let (mut accounts, mut contracts) = (BTreeSet::new(), BTreeSet::new());
        for record in records.iter().filter(is_new) {
            let keys = mapping.read(record, Context::new(query, time_zone)).keys();
            accounts.extend(keys.accounts.iter().flat_map(NaturalKey::codes_and_own));
            contracts.extend(keys.contracts.iter().flat_map(NaturalKey::codes_and_own));
        }
        for (kind, codes) in [(EntityKind::Account, accounts), (EntityKind::Contract, contracts)] {
            if !codes.is_empty() {
                let codes: Vec<String> = codes.into_iter().collect();
                let list = ListQuery::codes(kind, codes.clone());
                let objects = self.metadata.m3ter.list(&list, self.budget).await?;
                bulk.ahead.add_of_codes(kind, &codes, objects);
            }
        }
        Ok(())
    }
}
