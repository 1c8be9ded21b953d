//! What all syncs share of both vendors: the described org, m3ter's plan templates, aggregations
//! and organization.
//!
//! Loaded before the service reports ready, so that no sync pays for it; m3ter's settings are read
//! again beside a query once they are a minute old. A code that was found is remembered for a
//! while, one that was not found never is: somebody may create it at any moment.

pub(super) mod name_fields;
pub(super) mod organization_config;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::catalog::{Catalog, CatalogKind, PlanTemplate};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::org_schema::OrgSchema;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::mapping::{Mapping, MappingFault, Mappings};
use crate::soql::{Query, remembered_name};
use crate::store::Store;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::metadata_cache::name_fields::KnownBy;
use crate::sync::metadata_cache::organization_config::OrganizationConfigs;
use crate::telemetry::metrics;
use crate::transport::{Budget, TokenCache};
use crate::{m3ter, salesforce};

/// How long a code that was found is believed.
const FOUND_CODES_FOR: Duration = Duration::from_mins(10);

/// How long a describe is believed while something cannot be read that could be before: somebody
/// may give it back.
const DESCRIBED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The vendors and what is known about them.
pub(super) struct MetadataCache {
    pub(super) salesforce: salesforce::Client,
    pub(super) m3ter: m3ter::Client,
    store: Store,
    pub(super) mappings: Mappings,
    /// By root, with when the org was described.
    queries: RwLock<HashMap<String, (Arc<Query>, Instant)>>,
    /// Roots of mappings whose objects the org does not show at all.
    absent: RwLock<HashSet<String>>,
    key_prefixes: RwLock<HashMap<String, String>>,
    plan_templates: RwLock<Option<Arc<HashMap<String, PlanTemplate>>>>,
    /// Codes that were found, with when.
    codes: Mutex<HashMap<(CatalogKind, String), (M3terId, Instant)>>,
    organization: OrganizationConfigs,
    pub(super) known_by: KnownBy,
}

/// The key prefixes of objects that a built-in mapping may start from, the same in every org.
const STANDARD_KEY_PREFIXES: [(&str, &str); 4] =
    [("001", "Account"), ("006", "Opportunity"), ("800", "Contract"), ("801", "Order")];

impl MetadataCache {
    pub(super) fn new(
        salesforce: salesforce::Client,
        m3ter: m3ter::Client,
        mappings: Mappings,
        store: Store,
        organization_config_for: Duration,
    ) -> Self {
        let key_prefixes = STANDARD_KEY_PREFIXES
            .iter()
            .map(|(prefix, sobject)| ((*prefix).to_owned(), (*sobject).to_owned()))
            .collect();
        Self {
            salesforce,
            m3ter,
            store,
            mappings,
            queries: RwLock::default(),
            absent: RwLock::default(),
            key_prefixes: RwLock::new(key_prefixes),
            plan_templates: RwLock::default(),
            codes: Mutex::default(),
            organization: OrganizationConfigs::new(organization_config_for),
            known_by: KnownBy::default(),
        }
    }

    /// What is known about the credentials of both vendors.
    pub(super) fn tokens(&self) -> [&TokenCache; 2] {
        [self.salesforce.tokens(), self.m3ter.tokens()]
    }

    /// Tries the logins that were refused once more: what is refused again is in the log.
    pub(super) async fn try_refused_logins(&self, budget: &Budget) {
        let salesforce = async {
            if self.salesforce.tokens().is_refused() {
                self.salesforce.log_in(budget).await
            } else {
                Ok(())
            }
        };
        let m3ter = async {
            if self.m3ter.tokens().is_refused() { self.m3ter.log_in(budget).await } else { Ok(()) }
        };
        let (salesforce, m3ter) = tokio::join!(salesforce, m3ter);
        for error in [salesforce, m3ter].into_iter().filter_map(Result::err) {
            tracing::debug!(reason = error.reason(), "a login is still refused");
        }
    }

    /// Loads everything that a sync would otherwise have to wait for: both logins among it.
    pub(super) async fn load(&self, budget: &Budget) -> Result<(), Failure> {
        let queries = futures::future::try_join_all(
            self.mappings.iter().map(|mapping| self.load_query(mapping, budget)),
        );
        let (queries, templates, organization) =
            tokio::join!(queries, self.plan_templates(budget), self.organization(budget));
        queries.map(drop).and(templates.map(drop)).and(organization.map(drop))
    }

    /// The query of a mapping; a built-in one whose objects the org does not have, of CPQ for
    /// example, keeps nobody waiting.
    async fn load_query(&self, mapping: &Mapping, budget: &Budget) -> Result<(), Failure> {
        match self.query(mapping, budget).await {
            Err(failure)
                if mapping.is_built_in()
                    && self
                        .absent
                        .read()
                        .unwrap_or_else(PoisonError::into_inner)
                        .contains(mapping.root()) =>
            {
                tracing::info!(
                    mapping = mapping.file(),
                    reason = failure.reason,
                    "a built-in mapping cannot be used in this org"
                );
                Ok(())
            }
            query => query.map(drop),
        }
    }

    /// The name of the object that ids with `prefix` belong to; `None` when the org has none.
    pub(super) async fn sobject_of(
        &self,
        prefix: &str,
        budget: &Budget,
    ) -> Result<Option<String>, Failure> {
        if let Some(known) =
            self.key_prefixes.read().unwrap_or_else(PoisonError::into_inner).get(prefix)
        {
            return Ok(Some(known.clone()));
        }
        let sobject = self.salesforce.sobject_of_key_prefix(prefix, budget).await?;
        if let Some(name) = &sobject {
            self.key_prefixes
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(prefix.to_owned(), name.clone());
        }
        Ok(sobject)
    }

    /// The mappings, by root.
    pub(super) fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    /// The mapping of an object.
    pub(super) fn mapping(&self, sobject: &str) -> Option<&Mapping> {
        self.mappings.for_root(sobject)
    }

    /// The query of a mapping, from the org's describe; described once, and again from time to time
    /// while something cannot be read.
    pub(super) async fn query(
        &self,
        mapping: &Mapping,
        budget: &Budget,
    ) -> Result<Arc<Query>, Failure> {
        if let Some((query, described_at)) =
            self.queries.read().unwrap_or_else(PoisonError::into_inner).get(mapping.root())
            && (query.unreadable.names().is_empty()
                || described_at.elapsed() < DESCRIBED_AGAIN_AFTER)
        {
            return Ok(Arc::clone(query));
        }
        let schema = describe(&self.salesforce, mapping, budget).await?;
        if mapping.reads().absent(&schema).is_some() {
            self.absent
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(mapping.root().to_owned());
        }
        let mut query = mapping.query(&schema).map_err(|faults| {
            // The messages of these faults name the file and the line.
            let reason = faults.iter().map(MappingFault::advice).collect::<Vec<_>>().join("; ");
            Failure::new(ErrorCode::MappingInvalid, reason)
        })?;
        query.unreadable = mapping
            .reads()
            .unreadable(&schema, &self.shown_before(mapping, &schema, budget).await?);
        for name in query.unreadable.names() {
            tracing::warn!(
                mapping = mapping.file(),
                name,
                "a field or relationship could be read before and cannot be read now"
            );
        }
        let query = Arc::new(query);
        self.queries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(mapping.root().to_owned(), (Arc::clone(&query), Instant::now()));
        metrics::unreadable(self.unreadable().len());
        Ok(query)
    }

    /// What the org had shown before this describe; what it shows now is remembered.
    async fn shown_before(
        &self,
        mapping: &Mapping,
        schema: &OrgSchema,
        budget: &Budget,
    ) -> Result<BTreeSet<String>, Failure> {
        let org = self.salesforce.organization(budget).await?;
        let org = org.map(|org| org.to_string()).unwrap_or_default();
        let store = RetryingStore::new(&self.store, budget);
        let before = store.with(|store| store.load_shown_names(&org)).await?;
        let shown: BTreeSet<String> =
            mapping.reads().shown_names(schema).iter().map(|name| remembered_name(name)).collect();
        let new: BTreeSet<String> = shown.difference(&before).cloned().collect();
        if !new.is_empty() {
            store.with(|store| store.save_shown_names(&org, &new)).await?;
        }
        Ok(before)
    }

    /// Whether syncs of a record let it say how they ended, as far as is known without asking.
    pub(super) fn keeps_status(&self, record: &SalesforceId) -> bool {
        let sobject = self
            .key_prefixes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(record.key_prefix())
            .cloned();
        let mapping = sobject.and_then(|sobject| self.mapping(&sobject));
        let queries = self.queries.read().unwrap_or_else(PoisonError::into_inner);
        mapping
            .and_then(|mapping| queries.get(mapping.root()))
            .is_some_and(|(query, _)| query.status.status.is_some())
    }

    /// What the mappings name and cannot be read, though it could be before.
    pub(super) fn unreadable(&self) -> BTreeSet<String> {
        let queries = self.queries.read().unwrap_or_else(PoisonError::into_inner);
        queries
            .values()
            .flat_map(|(query, _)| query.unreadable.names())
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Forgets a query that the org refused: its fields have changed since the describe.
    pub(super) fn forget_query(&self, mapping: &Mapping) {
        self.queries.write().unwrap_or_else(PoisonError::into_inner).remove(mapping.root());
    }

    /// All plan templates by code, as last read.
    pub(super) async fn plan_templates(
        &self,
        budget: &Budget,
    ) -> Result<Arc<HashMap<String, PlanTemplate>>, Failure> {
        if let Some(templates) =
            &*self.plan_templates.read().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(Arc::clone(templates));
        }
        self.read_plan_templates(budget).await
    }

    async fn read_plan_templates(
        &self,
        budget: &Budget,
    ) -> Result<Arc<HashMap<String, PlanTemplate>>, Failure> {
        let templates = Arc::new(self.m3ter.fetch_plan_templates(budget).await?);
        *self.plan_templates.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::clone(&templates));
        Ok(templates)
    }

    /// What the m3ter organization has set, as of a minute ago at most. A sync asks for it beside
    /// its query.
    pub(super) async fn organization(
        &self,
        budget: &Budget,
    ) -> Result<m3ter::OrganizationConfig, Failure> {
        self.organization.current(&self.m3ter, budget).await
    }

    /// What m3ter has under these codes.
    pub(super) async fn catalog(
        &self,
        codes: &BTreeMap<CatalogKind, BTreeSet<String>>,
        budget: &Budget,
    ) -> Result<Catalog, Failure> {
        let none = BTreeSet::new();
        let templates = self
            .plan_templates_with(codes.get(&CatalogKind::PlanTemplate).unwrap_or(&none), budget);
        let others =
            codes.iter().filter(|(catalog_kind, _)| **catalog_kind != CatalogKind::PlanTemplate);
        let ids = others.map(|(catalog_kind, codes)| async move {
            Ok::<_, Failure>((*catalog_kind, self.ids_of(*catalog_kind, codes, budget).await?))
        });
        let (plan_templates, ids) = tokio::join!(templates, futures::future::try_join_all(ids));
        Ok(Catalog { plan_templates: plan_templates?, ids: ids?.into_iter().collect() })
    }

    async fn plan_templates_with(
        &self,
        codes: &BTreeSet<String>,
        budget: &Budget,
    ) -> Result<Arc<HashMap<String, PlanTemplate>>, Failure> {
        let templates = self.plan_templates(budget).await?;
        if codes.iter().all(|code| templates.contains_key(code)) {
            Ok(templates)
        } else {
            self.read_plan_templates(budget).await
        }
    }

    async fn ids_of(
        &self,
        catalog_kind: CatalogKind,
        codes: &BTreeSet<String>,
        budget: &Budget,
    ) -> Result<HashMap<String, M3terId>, Failure> {
        let (mut found, unknown) = self.remembered(catalog_kind, codes);
        if unknown.is_empty() {
            return Ok(found);
        }
        let fetched = self.m3ter.fetch_ids(catalog_kind, &unknown, budget).await?;
        let now = Instant::now();
        let mut remembered = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.extend(
            fetched.iter().map(|(code, id)| ((catalog_kind, code.clone()), (id.clone(), now))),
        );
        found.extend(fetched);
        Ok(found)
    }

    fn remembered(
        &self,
        catalog_kind: CatalogKind,
        codes: &BTreeSet<String>,
    ) -> (HashMap<String, M3terId>, Vec<String>) {
        let mut remembered = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        remembered.retain(|_, (_, since)| now.duration_since(*since) < FOUND_CODES_FOR);
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for code in codes {
            match remembered.get(&(catalog_kind, code.clone())) {
                Some((id, _)) => {
                    found.insert(code.clone(), id.clone());
                }
                None => unknown.push(code.clone()),
            }
        }
        (found, unknown)
    }

    /// Forgets what m3ter refused a reference to, so that the next sync looks it up again.
    pub(super) fn forget_references(&self) {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.plan_templates.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The describes of all objects that a mapping reads, parents and children after the objects that
/// lead to them.
pub(crate) async fn describe(
    salesforce: &salesforce::Client,
    mapping: &Mapping,
    budget: &Budget,
) -> Result<OrgSchema, Failure> {
    describe_all(salesforce, |schema| mapping.reads().undescribed(schema), budget).await
}

/// Describes objects until none is `missing`.
pub(super) async fn describe_all(
    salesforce: &salesforce::Client,
    missing: impl Fn(&OrgSchema) -> Vec<String>,
    budget: &Budget,
) -> Result<OrgSchema, Failure> {
    let mut schema = OrgSchema::default();
    loop {
        let missing = missing(&schema);
        if missing.is_empty() {
            return Ok(schema);
        }
        let described = futures::future::try_join_all(
            missing.iter().map(|sobject| salesforce.describe(sobject, budget)),
        );
        for (name, sobject) in missing.iter().zip(described.await?) {
            // An object that the org does not show is one without fields: the mapping says which of
            // them it misses.
            schema.insert(sobject.unwrap_or_else(|| crate::domain::org_schema::SObject {
                name: name.clone(),
                ..Default::default()
            }));
        }
    }
}
