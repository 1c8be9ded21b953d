//! The mappings held against the org that Salesforce describes, and against the codes that m3ter
//! has.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::catalog::CatalogKind;
use crate::domain::org_remark::{OrgRemark, Severity};
use crate::domain::org_schema::OrgSchema;
use crate::domain::outcome::Failure;
use crate::mapping::{Mapping, Mappings};
use crate::sync::metadata_cache::describe;
use crate::sync::syncs::Syncs;
use crate::transport::{Budget, CalloutError};
use crate::{m3ter, salesforce};

/// What a check found about one mapping.
#[derive(Debug)]
pub struct CheckedMapping<'a> {
    /// The mapping.
    pub mapping: &'a Mapping,
    /// What Salesforce shows, or why it did not say.
    pub schema: Result<OrgSchema, Failure>,
    /// What somebody should know; nothing if the mapping fits.
    pub remarks: Vec<OrgRemark>,
}

/// Holds all mappings against the org and m3ter's codes. An error is m3ter's.
pub(crate) async fn check_mappings<'a>(
    salesforce: &salesforce::Client,
    m3ter: &m3ter::Client,
    mappings: &'a Mappings,
    budget: &Budget,
) -> Result<Vec<CheckedMapping<'a>>, CalloutError> {
    let missing = missing_codes(m3ter, mappings, budget).await?;
    let mut checked = Vec::new();
    for mapping in mappings.iter() {
        let schema = describe(salesforce, mapping, budget).await;
        let mut remarks = match &schema {
            Err(failure) => {
                vec![OrgRemark { severity: Severity::Red, message: failure.reason.clone() }]
            }
            Ok(schema) => {
                let mut remarks = mapping.org_report(schema, &BTreeSet::new());
                remarks.extend(mapping.value_report(schema));
                remarks
            }
        };
        for (catalog_kind, codes) in mapping.named_codes() {
            remarks.extend(codes.intersection(&missing[&catalog_kind]).map(|code| OrgRemark {
                severity: Severity::Red,
                message: format!("m3ter has no {} with the code `{code}`", catalog_kind.noun()),
            }));
        }
        checked.push(CheckedMapping { mapping, schema, remarks });
    }
    Ok(checked)
}

/// The codes that any mapping names and m3ter does not have; each kind is asked for once.
async fn missing_codes(
    m3ter: &m3ter::Client,
    mappings: &Mappings,
    budget: &Budget,
) -> Result<BTreeMap<CatalogKind, BTreeSet<String>>, CalloutError> {
    let mut missing: BTreeMap<CatalogKind, BTreeSet<String>> = BTreeMap::new();
    for (catalog_kind, codes) in mappings.iter().flat_map(Mapping::named_codes) {
        missing.entry(catalog_kind).or_default().extend(codes);
    }
    for (catalog_kind, codes) in missing.iter_mut().filter(|(_, codes)| !codes.is_empty()) {
        let named: Vec<String> = codes.iter().cloned().collect();
        let found = m3ter.fetch_ids(*catalog_kind, &named, budget).await?;
        codes.retain(|code| !found.contains_key(code));
    }
    Ok(missing)
}

impl Syncs {
    /// Holds all mappings against the org and m3ter's codes; both are asked each time. It fails if
    /// one of them does not answer.
    pub async fn check_mappings(&self) -> Result<Vec<CheckedMapping<'_>>, Failure> {
        let metadata = &self.shared.metadata;
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        let checked =
            check_mappings(&metadata.salesforce, &metadata.m3ter, &metadata.mappings, &budget);
        let checked = checked.await?;
        match checked.iter().find_map(|checked| checked.schema.as_ref().err()) {
            Some(failure) => Err(failure.clone()),
            None => Ok(checked),
        }
    }
}
