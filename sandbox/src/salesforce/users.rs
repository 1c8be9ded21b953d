//! What users of the org do between two syncs, without a request.

use serde_json::{Map, Value as Json};

use super::org::{self, id_of};
use super::{Salesforce, tree};
use crate::control::lock;

impl Salesforce {
    /// Changes fields of a record without asking whether anybody may: what a user of the org does
    /// between two syncs.
    pub fn update(&self, sobject: &str, id: &str, fields: &Json) {
        let mut org = lock(&self.org);
        let table = org.emulated(sobject);
        org.overwrite(table, id, fields.as_object().cloned().unwrap_or_default());
    }

    /// Adds a record; its id, made up where `fields` holds none.
    pub fn insert(&self, sobject: &str, fields: &Json) -> String {
        let mut org = lock(&self.org);
        let table = org.emulated(sobject);
        org.insert(table, fields.as_object().cloned().unwrap_or_default())
    }

    /// The ids of the records that are there and whose field holds a value.
    pub fn ids(&self, sobject: &str, field: &str, value: &str) -> Vec<String> {
        let org = lock(&self.org);
        let table = org.emulated(sobject);
        let holds = |record: &&Map<String, Json>| {
            !org::is_deleted(record) && record.get(field).and_then(Json::as_str) == Some(value)
        };
        org.all(table).filter(holds).map(|record| id_of(record).clone()).collect()
    }

    /// Creates the records of a tree, as `POST /composite/tree/X` does: all, or none with what is
    /// wrong with which. The object is that of the first record.
    pub fn add_tree(&self, tree: &Json) -> Result<usize, String> {
        let object = tree.pointer("/records/0/attributes/type").and_then(Json::as_str);
        let object = object.ok_or("the first of `records` has no `attributes.type`")?;
        let mut org = lock(&self.org);
        if org.schema.table(object).is_none() {
            return Err(org.schema.unknown_object(object));
        }
        let created = tree::create(&mut org, object, tree.to_string().as_bytes());
        let body = created.map_err(|error| error.message)?.body.unwrap_or_default();
        let results = body["results"].as_array().cloned().unwrap_or_default();
        let refused: Vec<String> = results
            .iter()
            .filter_map(|row| {
                let message = row.pointer("/errors/0/message")?.as_str()?;
                Some(format!("{}: {message}", row["referenceId"].as_str().unwrap_or_default()))
            })
            .collect();
        if refused.is_empty() { Ok(results.len()) } else { Err(refused.join("\n")) }
    }

    /// Moves a record to the recycle bin.
    pub fn delete(&self, sobject: &str, id: &str) {
        let mut org = lock(&self.org);
        let table = org.emulated(sobject);
        org.delete(table, id);
    }

    /// Takes a record out of the recycle bin, if it is there.
    pub fn undelete(&self, sobject: &str, id: &str) {
        let mut org = lock(&self.org);
        let table = org.emulated(sobject);
        org.undelete(table, id);
    }

    /// Removes a record for good, from the recycle bin too.
    pub fn purge(&self, sobject: &str, id: &str) {
        let mut org = lock(&self.org);
        let table = org.emulated(sobject);
        org.purge(table, id);
    }

    /// Merges one Account into another, as a user does in the browser; the shape of an error is
    /// Salesforce's message.
    pub fn merge(&self, master: &str, loser: &str) -> Result<(), String> {
        lock(&self.org).merge(master, loser).map_err(|error| error.message)
    }

    /// A record's stored fields.
    pub fn record(&self, sobject: &str, id: &str) -> Option<Map<String, Json>> {
        let org = lock(&self.org);
        org.find(org.schema.table(sobject)?, id).cloned()
    }
}
