//! What became of records that are gone. Source: SOAP API Developer Guide, `merge`; Object
//! Reference, `MasterRecordId`.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::Client;
use crate::domain::fate::Fate;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::transport::{Budget, CalloutError};

/// The objects whose records can be merged: only they have the field that names the master.
const MERGEABLE: [&str; 4] = ["Account", "Contact", "Lead", "Case"];
/// Records of one question; far more than one deal ever asks about.
const MOST_RECORDS: usize = 100;

impl Client {
    /// What became of some records of an object; one that is not in the answer is not shown.
    pub async fn fetch_fates(
        &self,
        sobject: &str,
        ids: &[SalesforceId],
        budget: &Budget,
    ) -> Result<HashMap<SalesforceId, Fate>, CalloutError> {
        let fields = if MERGEABLE.contains(&sobject) {
            "Id, IsDeleted, MasterRecordId"
        } else {
            "Id, IsDeleted"
        };
        let ids: Vec<String> = ids.iter().take(MOST_RECORDS).map(|id| format!("'{id}'")).collect();
        let soql = format!("SELECT {fields} FROM {sobject} WHERE Id IN ({})", ids.join(", "));
        let rows = self.query_all(&soql, budget).await?;
        Ok(rows.iter().filter_map(|row| Some((row.id()?, fate(row)))).collect())
    }
}

fn fate(row: &Record) -> Fate {
    let master = row
        .value("MasterRecordId")
        .and_then(Json::as_str)
        .and_then(|id| SalesforceId::parse(id).ok());
    match (row.value("IsDeleted").and_then(Json::as_bool), master) {
        (Some(true), Some(master)) => Fate::MergedInto(master),
        (Some(true), None) => Fate::Deleted,
        _ => Fate::Alive,
    }
}
