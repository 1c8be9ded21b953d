//! A record that a mapping is tried with: from a file, beside which it stands what m3ter has, or read
//! from the org.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::settled::StandIn;
use crate::command::text_file;
use crate::config::Config;
use crate::domain::catalog::{Catalog, CatalogKind};
use crate::domain::desired::NaturalKeys;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::settings::CommitmentBilling;
use crate::domain::text::nearest;
use crate::mapping::{Mapping, MappingFault, Mappings};
use crate::sync::describe;
use crate::transport::Budget;
use crate::{m3ter, salesforce};

/// The currency of plan templates of which a case says nothing.
const CURRENCY: &str = "USD";

/// A file with one record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Case {
    /// The record, as Salesforce's REST API answers it.
    pub(super) record: Map<String, Json>,
    /// The time zone of m3ter's organization; else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// The currency of m3ter's plan templates; else USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Codes that m3ter does not have, by kind; it has all others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    missing: BTreeMap<String, BTreeSet<String>>,
    /// Plan templates that have another currency, or a product that others have too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    plan_templates: BTreeMap<String, Template>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Template {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product: Option<String>,
}

impl Case {
    /// A case of which nothing more is said than its record.
    pub(super) fn of(record: Map<String, Json>) -> Self {
        Self {
            record,
            time_zone: None,
            currency: None,
            missing: BTreeMap::new(),
            plan_templates: BTreeMap::new(),
        }
    }

    /// Says in which time zone m3ter's organization is.
    pub(super) fn set_time_zone(&mut self, name: Option<&str>) {
        self.time_zone = name.map(ToOwned::to_owned);
    }

    /// Reads a file, or says what is wrong with it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = text_file::read(path, "JSON").map_err(anyhow::Error::msg)?;
        serde_json::from_str(&text).map_err(|error| {
            anyhow::anyhow!(
                "`{}` is not a case: {error}; a case is `{{ \"record\": {{ \"attributes\": {{ \"type\": \"Opportunity\" }}, \"Id\": \"006…\", … }} }}`",
                path.display()
            )
        })
    }

    /// The mapping for its record, or why there is none.
    pub(super) fn mapping<'m>(&self, mappings: &'m Mappings) -> Result<&'m Mapping, String> {
        let object = self.record.get("attributes").and_then(|of| of.get("type")?.as_str());
        let Some(object) = object else {
            return Err("the record does not say its object: add `\"attributes\": { \"type\": \"Opportunity\" }`".to_owned());
        };
        if self
            .record
            .get("Id")
            .and_then(Json::as_str)
            .is_none_or(|id| SalesforceId::parse(id).is_err())
        {
            return Err("the record has no `Id` with 15 or 18 characters".to_owned());
        }
        mappings.for_root(object).ok_or_else(|| no_mapping(object, mappings))
    }

    /// What stands for m3ter.
    pub(super) fn stand_in(&self) -> Result<StandIn, String> {
        let mut missing = BTreeMap::new();
        for (word, codes) in &self.missing {
            let kind = CatalogKind::ALL.into_iter().find(|kind| kind.word() == word);
            let kind = kind.ok_or_else(|| {
                let words = CatalogKind::ALL.map(CatalogKind::word);
                match nearest(word, words) {
                    Some(near) => {
                        format!("`missing`: m3ter has no `{word}`; did you mean `{near}`?")
                    }
                    None => format!("`missing`: m3ter has no `{word}`, only {}", words.join(", ")),
                }
            })?;
            missing.insert(kind, codes.clone());
        }
        let name = self.time_zone.as_deref().unwrap_or("UTC");
        let time_zone =
            TimeZone::get(name).map_err(|_| format!("`timeZone`: `{name}` is not a time zone"))?;
        let of_templates = |part: fn(&Template) -> &Option<String>| {
            let named = self.plan_templates.iter();
            named.filter_map(|(code, of)| Some((code.clone(), part(of).clone()?))).collect()
        };
        Ok(StandIn {
            missing,
            currencies: of_templates(|template| &template.currency),
            products: of_templates(|template| &template.product),
            currency: self.currency.clone().unwrap_or_else(|| CURRENCY.to_owned()),
            time_zone,
        })
    }
}

/// How Commitments are billed, by its word.
pub(super) fn billing_of(word: Option<&str>) -> anyhow::Result<Option<CommitmentBilling>> {
    let Some(word) = word else { return Ok(None) };
    CommitmentBilling::from_word(word).map(Some).with_context(|| {
        let words = CommitmentBilling::WORDS.map(|(word, _)| format!("`{word}`"));
        format!("how Commitments are billed is `{word}`; it takes {}", words.join(" or "))
    })
}

pub(super) fn no_mapping(object: &str, mappings: &Mappings) -> String {
    let known: Vec<&str> = mappings.iter().map(Mapping::root).collect();
    format!("There is no mapping for `{object}`, only for {}", known.join(", "))
}

/// A record of the org, with what is needed to resolve it.
pub(super) struct OrgRecord<'m> {
    pub(super) mapping: &'m Mapping,
    pub(super) record: Record,
    pub(super) query: crate::soql::Query,
    pub(super) time_zone: TimeZone,
    m3ter: m3ter::Client,
    budget: Budget,
}

impl<'m> OrgRecord<'m> {
    /// Reads the record as a sync would.
    pub(super) async fn read(
        config: Config,
        mappings: &'m Mappings,
        id: &SalesforceId,
    ) -> anyhow::Result<Self> {
        let budget = Budget::new(config.limits.time, config.limits.callouts);
        let salesforce = salesforce::Client::new(config.salesforce)?;
        let m3ter = m3ter::Client::new(config.m3ter)?;
        let object = salesforce.sobject_of_key_prefix(id.key_prefix(), &budget).await?;
        let object = object.with_context(|| {
            format!("the org has no object whose IDs begin with `{}`", id.key_prefix())
        })?;
        let mapping = mappings.for_root(&object).with_context(|| no_mapping(&object, mappings))?;
        let schema = describe(&salesforce, mapping, &budget)
            .await
            .map_err(|failure| anyhow::anyhow!(failure.reason))?;
        let query = mapping.query(&schema).map_err(|faults| {
            // The messages of these faults name the file and the line.
            let faults: Vec<String> = faults.iter().map(MappingFault::advice).collect();
            anyhow::anyhow!("{}", faults.join("\n"))
        })?;
        let rows = salesforce.query(&query.soql(id), &budget).await?;
        let record = rows.into_iter().next().with_context(|| {
            format!("the record {id} does not exist, is deleted, or is not accessible to the integration user")
        })?;
        let organization = m3ter.fetch_organization_config(&budget).await?;
        let time_zone = mapping.time_zone(&organization.time_zone).clone();
        Ok(Self { mapping, record, query, time_zone, m3ter, budget })
    }

    /// What m3ter has under the codes of the record.
    pub(super) async fn catalog(&self, keys: &NaturalKeys) -> anyhow::Result<Catalog> {
        let mut catalog = Catalog::default();
        for (kind, codes) in &keys.codes {
            if *kind == CatalogKind::PlanTemplate {
                let templates = self.m3ter.fetch_plan_templates(&self.budget).await?;
                catalog.plan_templates = std::sync::Arc::new(templates);
            } else {
                let codes: Vec<String> = codes.iter().cloned().collect();
                let ids = self.m3ter.fetch_ids(*kind, &codes, &self.budget).await?;
                catalog.ids.insert(*kind, ids);
            }
        }
        Ok(catalog)
    }
}
