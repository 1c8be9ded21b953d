//! Step 6 of a sync: the m3ter ids go to the Salesforce fields that the mapping names, only where they change.
//!
//! No time and no status by default: a Flow that this triggers again costs one sync without a write, and ends. What Salesforce
//! refuses is a warning, never a failed sync.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::changeset::Change;
use crate::domain::ids::SalesforceId;
use crate::salesforce::{self, RecordUpdate};
use crate::sync::apply::Applied;
use crate::transport::{Budget, CalloutError, CalloutErrorKind, Meaning};

/// What becomes of ids that could not be written for the moment.
const NEXT_SYNC: &str = "the next sync of this record writes it";

/// Writes the ids back; each warning comes with the position of the object that it is about.
pub(super) async fn write_back(
    salesforce: &salesforce::Client,
    changes: &[Change],
    applied: &[Applied],
    budget: &Budget,
) -> Vec<(usize, String)> {
    let mut warnings = Vec::new();
    let mut updates: BTreeMap<(String, SalesforceId), Map<String, Json>> = BTreeMap::new();
    let mut positions: BTreeMap<(String, SalesforceId), usize> = BTreeMap::new();
    for (position, (change, applied)) in changes.iter().zip(applied).enumerate() {
        let (Some(target), Some(id)) = (&change.desired.write_back, &applied.id) else { continue };
        match target.current.as_deref() {
            Some(current) if current == id.as_str() => continue,
            Some(other) => warnings.push((
                position,
                format!("`{}.{}` held {other}, and this record's is {id}; it was overwritten", target.sobject, target.field),
            )),
            None => {}
        }
        let record = (target.sobject.clone(), target.record.clone());
        positions.entry(record.clone()).or_insert(position);
        updates.entry(record).or_default().insert(target.field.clone(), Json::String(id.to_string()));
    }
    if updates.is_empty() {
        return warnings;
    }
    let records: Vec<((String, SalesforceId), Map<String, Json>)> = updates.into_iter().collect();
    let requests = records
        .iter()
        .map(|((sobject, id), fields)| RecordUpdate { sobject: sobject.clone(), id: id.clone(), fields: fields.clone() })
        .collect();
    let refused = |why: &str, fields: &Map<String, Json>, sobject: &str| {
        let names: Vec<String> = fields.keys().map(|field| format!("`{sobject}.{field}`")).collect();
        format!("The m3ter id could not be written to {}: {why}", names.join(" and "))
    };
    match salesforce.update_collection(requests, budget).await {
        Ok(outcomes) => {
            for ((record, fields), outcome) in records.iter().zip(outcomes) {
                if let Err(why) = outcome {
                    let is_passing = matches!(why.meaning, Meaning::Passing | Meaning::Limit);
                    let reason = if is_passing { format!("{}; {NEXT_SYNC}", why.reason) } else { why.reason };
                    warnings.push((positions[record], refused(&reason, fields, &record.0)));
                }
            }
        }
        Err(error) => {
            let reason = if is_passing(&error) { format!("{}; {NEXT_SYNC}", error.reason()) } else { error.reason() };
            for (record, fields) in &records {
                warnings.push((positions[record], refused(&reason, fields, &record.0)));
            }
        }
    }
    warnings
}

/// Whether nobody has to change anything before it can be written.
fn is_passing(error: &CalloutError) -> bool {
    error.refusal().is_none() && !matches!(error.kind, CalloutErrorKind::AuthFailed { .. })
}
