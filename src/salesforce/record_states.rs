//! What became of records that are gone. Source: SOAP API Developer Guide, `merge`; Object
//! Reference, `MasterRecordId`.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::Client;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::record_state::RecordState;
use crate::soql::any_id;
use crate::transport::{Budget, CalloutError};

/// The objects whose records can be merged: only they have the field that names the master.
const MERGEABLE: [&str; 4] = ["Account", "Contact", "Lead", "Case"];
/// Records of one question; far more than one deal ever asks about.
const MAX_RECORDS: usize = 100;

impl Client {
    /// What became of some records of an object; one that is not in the answer is not shown.
    pub async fn fetch_record_states(
        &self,
        sobject: &str,
        ids: &[SalesforceId],
        budget: &Budget,
    ) -> Result<HashMap<SalesforceId, RecordState>, CalloutError> {
        let fields = if MERGEABLE.contains(&sobject) {
            "Id, IsDeleted, MasterRecordId"
        } else {
            "Id, IsDeleted"
        };
        let ids = any_id(ids.iter().take(MAX_RECORDS));
        let soql = format!("SELECT {fields} FROM {sobject} WHERE {ids}");
        let rows = self.query_all(&soql, budget).await?;
        Ok(rows.iter().filter_map(|row| Some((row.id()?, record_state(row)))).collect())
    }
}

fn record_state(row: &Record) -> RecordState {
    let master = row
        .value("MasterRecordId")
        .and_then(Json::as_str)
        .and_then(|id| SalesforceId::parse(id).ok());
    match (row.value("IsDeleted").and_then(Json::as_bool), master) {
        (Some(true), Some(master)) => RecordState::MergedInto(master),
        (Some(true), None) => RecordState::Deleted,
        _ => RecordState::Alive,
    }
}
