//! Which records a verification looks at, page by page: those that were named; or for each root
//! those that are ready in Salesforce, then those that were synced before; and at last those whose
//! ids are codes of Contracts in m3ter.

use std::collections::BTreeSet;

use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::record::Record;
use crate::domain::verification::{Cursor, Stage, VerificationRequest};
use crate::m3ter::ListQuery;
use crate::mapping::{Mapping, MappingFault, Selection};
use crate::soql::SelectionQuery;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::metadata_cache::{MetadataCache, describe_all};
use crate::transport::Budget;

/// Records of one page.
pub(super) const PAGE: usize = 200;
/// What faults in the operator's condition are told of.
pub(super) const CONDITION: &str = "condition";

/// A record to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) id: SalesforceId,
    pub(super) name: Option<String>,
}

/// The records of one root.
#[derive(Debug)]
pub(super) struct Root<'a> {
    selection: Selection<'a>,
    query: SelectionQuery,
    prefix: String,
    /// Whether records are looked for that were never synced.
    looks_for_new: bool,
}

/// With what it is looked for them.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) metadata: &'a MetadataCache,
    pub(super) store: RetryingStore<'a>,
    pub(super) budget: &'a Budget,
    pub(super) request: &'a VerificationRequest,
    /// The verification.
    pub(super) id: &'a str,
}

impl<'a> Root<'a> {
    /// The records of a root that a request is about; `None` if the org does not have the object.
    pub(super) async fn new(
        metadata: &'a MetadataCache,
        mapping: &'a Mapping,
        condition: Option<&str>,
        budget: &Budget,
    ) -> Result<Option<Self>, Failure> {
        let faults = |faults: Vec<MappingFault>| {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Failure::new(ErrorCode::MappingInvalid, told.join("; "))
        };
        let selection = mapping.selection(condition, CONDITION).map_err(faults)?;
        let missing = |schema: &_| selection.reads().undescribed(schema);
        let schema = describe_all(&metadata.salesforce, missing, budget).await?;
        if mapping.reads().absent(&schema).is_some() {
            return Ok(None);
        }
        let query = selection.query(&schema).map_err(faults)?;
        let root = schema.sobject(mapping.root());
        let Some(prefix) = root.and_then(|root| root.key_prefix.clone()) else { return Ok(None) };
        let looks_for_new = mapping.says_what_is_ready();
        Ok(Some(Self { selection, query, prefix, looks_for_new }))
    }
}

fn candidate(record: &Record) -> Option<Candidate> {
    Some(Candidate { id: record.id()?, name: record.name().map(ToOwned::to_owned) })
}

/// The roots of a request, those that the org has.
pub(super) async fn roots<'a>(
    metadata: &'a MetadataCache,
    request: &VerificationRequest,
    budget: &Budget,
) -> Result<Vec<Root<'a>>, Failure> {
    let is_meant = |mapping: &&Mapping| {
        request.record_ids.is_empty()
            && (request.roots.is_empty()
                || request.roots.iter().any(|root| root.eq_ignore_ascii_case(mapping.root())))
    };
    let mut roots = Vec::new();
    for mapping in metadata.mappings().iter().filter(is_meant) {
        let root = Root::new(metadata, mapping, request.condition.as_deref(), budget).await?;
        // Nothing says of a customer without a deal that it belongs into m3ter.
        let is_named = !request.roots.is_empty();
        roots.extend(
            root.map(|root| Root { looks_for_new: root.looks_for_new || is_named, ..root }),
        );
    }
    Ok(roots)
}

impl Search<'_> {
    /// How many records there are, about.
    pub(super) async fn count(&self, roots: &[Root<'_>]) -> Result<u64, Failure> {
        let mut count = self.request.record_ids.len() as u64;
        for root in roots {
            let ready = if root.looks_for_new {
                let soql = root.query.count(self.request.since);
                self.metadata.salesforce.count(&soql, self.budget).await?
            } else {
                0
            };
            let linked = self.store.with(|store| store.count_linked_records(&root.prefix)).await?;
            count += if self.request.since.is_some() { ready } else { ready.max(linked) };
        }
        Ok(count)
    }

    /// The next records, and how far the verification is with them; `None` if there are no more.
    pub(super) async fn next(
        &self,
        roots: &[Root<'_>],
        cursor: &Cursor,
    ) -> Result<Option<(Vec<Candidate>, Cursor)>, Failure> {
        let mut cursor = cursor.clone();
        while cursor.stage != Stage::Done {
            let after = cursor.after.as_deref();
            let (page, after) = match (cursor.stage, roots.get(cursor.root)) {
                (Stage::Named, _) => self.named(after),
                (Stage::Ready, Some(root)) if root.looks_for_new => self.ready(root, after).await?,
                (Stage::Linked, Some(root)) => self.linked(root, after).await?,
                (Stage::Coded, _) => self.coded(roots, after).await?,
                _ => (Vec::new(), None),
            };
            cursor = match after {
                Some(after) => Cursor { after: Some(after), ..cursor },
                None => self.after_stage(&cursor, roots.len()),
            };
            if !page.is_empty() {
                return Ok(Some((page, cursor)));
            }
        }
        Ok(None)
    }

    /// Where the verification continues after a stage.
    fn after_stage(&self, cursor: &Cursor, roots: usize) -> Cursor {
        let is_whole = self.request.since.is_none();
        let (root, stage) = match cursor.stage {
            Stage::Named if roots > 0 => (0, Stage::Ready),
            Stage::Ready if is_whole && cursor.root < roots => (cursor.root, Stage::Linked),
            Stage::Ready | Stage::Linked if cursor.root + 1 < roots => {
                (cursor.root + 1, Stage::Ready)
            }
            Stage::Ready | Stage::Linked if is_whole && self.request.condition.is_none() => {
                (roots, Stage::Coded)
            }
            _ => (roots, Stage::Done),
        };
        Cursor { root, stage, after: None, breadth: cursor.breadth }
    }

    /// Those that the request names.
    fn named(&self, after: Option<&str>) -> (Vec<Candidate>, Option<String>) {
        let from: usize = after.and_then(|after| after.parse().ok()).unwrap_or_default();
        let ids = self.request.record_ids.iter().skip(from).take(PAGE).cloned();
        let page: Vec<Candidate> = ids.map(|id| Candidate { id, name: None }).collect();
        let next = (from + page.len()).to_string();
        let next = (!page.is_empty()).then_some(next);
        (page, next)
    }

    /// Those that are ready in Salesforce, as far as a query can tell.
    async fn ready(
        &self,
        root: &Root<'_>,
        after: Option<&str>,
    ) -> Result<(Vec<Candidate>, Option<String>), Failure> {
        // What the store has kept becomes part of a query: it must be an id still.
        let after = after.and_then(|after| SalesforceId::parse(after).ok());
        let soql = root.query.page(self.request.since, after.as_ref(), PAGE);
        let records = self.metadata.salesforce.query(&soql, self.budget).await?;
        let next = records.last().and_then(Record::id).map(|id| id.to_string());
        let next = next.filter(|_| records.len() == PAGE);
        let meant = records.iter().filter(|record| root.selection.admits(record));
        Ok((meant.filter_map(candidate).collect(), next))
    }

    /// Those that were synced before, and were not looked at yet.
    async fn linked(
        &self,
        root: &Root<'_>,
        after: Option<&str>,
    ) -> Result<(Vec<Candidate>, Option<String>), Failure> {
        let after = after.and_then(|after| SalesforceId::parse(after).ok());
        let most = u32::try_from(PAGE).unwrap_or(u32::MAX);
        let (prefix, after) = (&*root.prefix, after.as_ref());
        let list = self.store.with(|store| store.list_linked_records(prefix, after, most));
        let ids = list.await?;
        let next = ids.last().map(ToString::to_string).filter(|_| ids.len() == PAGE);
        let ids = self.not_verified(ids).await?;
        if self.request.condition.is_none() || ids.is_empty() {
            let page = ids.into_iter().map(|id| Candidate { id, name: None });
            return Ok((page.collect(), next));
        }
        // What is no more has no values of which a condition could hold.
        let soql = root.query.any_of(&ids);
        let records = self.metadata.salesforce.query(&soql, self.budget).await?;
        let meant = records.iter().filter(|record| root.selection.admits(record));
        Ok((meant.filter_map(candidate).collect(), next))
    }

    /// Those of which m3ter has a Contract that nobody has linked.
    async fn coded(
        &self,
        roots: &[Root<'_>],
        token: Option<&str>,
    ) -> Result<(Vec<Candidate>, Option<String>), Failure> {
        let query = ListQuery::all(EntityKind::Contract);
        let (contracts, next) = self.metadata.m3ter.list_page(&query, token, self.budget).await?;
        let ids: Vec<M3terId> = contracts.iter().map(|contract| contract.id.clone()).collect();
        let linked = self.store.with(|store| store.load_linked_of(&ids)).await?;
        let is_of_a_root =
            |id: &SalesforceId| roots.iter().any(|root| root.prefix == id.key_prefix());
        let records: BTreeSet<SalesforceId> = contracts
            .iter()
            .filter(|contract| !linked.contains(&contract.id))
            .filter_map(|contract| SalesforceId::parse(contract.code()?).ok())
            .filter(is_of_a_root)
            .collect();
        let ids = self.not_verified(records.into_iter().collect()).await?;
        Ok((ids.into_iter().map(|id| Candidate { id, name: None }).collect(), next))
    }

    async fn not_verified(&self, ids: Vec<SalesforceId>) -> Result<Vec<SalesforceId>, Failure> {
        let verified = self.store.with(|store| store.verified_of(self.id, &ids)).await?;
        Ok(ids.into_iter().filter(|id| !verified.contains(id)).collect())
    }
}
