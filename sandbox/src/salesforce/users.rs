//! What users of the org do between two syncs, without a request.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::org::{self, Org, id_of};
use super::{Salesforce, tree};
use crate::control::lock;

/// A record that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its ID, which the org has made.
    pub id: String,
    /// Its object.
    pub object: &'static str,
    /// What the file calls it.
    pub reference: String,
}

/// The one object that the top records of a tree are of.
fn object_of(records: &Json, org: &Org) -> Result<&'static str, String> {
    let records = records.as_array().ok_or("`records` is not a list")?;
    let mut first = None;
    for (place, record) in records.iter().enumerate() {
        let text = |pointer: &str| {
            let text =
                record.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
            text.ok_or_else(|| {
                format!(
                    "record {} of `records` has no `{}`: write `\"attributes\": {{ \"type\": \"Account\", \"referenceId\": \"a1\" }}`",
                    place + 1,
                    pointer.trim_start_matches('/').replace('/', ".")
                )
            })
        };
        let (object, reference) = (text("/attributes/type")?, text("/attributes/referenceId")?);
        let table = org.schema.table(object).ok_or_else(|| org.schema.unknown_object(object))?;
        let first = *first.get_or_insert(table.name);
        if first != table.name {
            return Err(format!(
                "{reference}: it is of {}, and the first record is of {first}: take a file for each object, and put child records below their record",
                table.name
            ));
        }
    }
    first.ok_or_else(|| "`records` has no record".to_owned())
}

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
    /// wrong with which. The object is that of the first record. `@references` to records that were
    /// added before are resolved, and those of these records noted.
    pub fn add_tree(
        &self,
        tree: &Json,
        references: &mut BTreeMap<String, String>,
    ) -> Result<Vec<Added>, String> {
        let mut org = lock(&self.org);
        let object = object_of(&tree["records"], &org)?;
        let mut known = references.clone();
        let created = tree::create(&mut org, object, tree.to_string().as_bytes(), Some(&mut known));
        let body = created.map_err(|error| error.message)?.body.unwrap_or_default();
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for row in body["results"].as_array().into_iter().flatten() {
            let text = |pointer: &str| row.pointer(pointer).and_then(Json::as_str);
            let reference = text("/referenceId").unwrap_or_default();
            match text("/errors/0/message") {
                Some(message) if reference.is_empty() => refused.push(message.to_owned()),
                Some(message) => refused.push(format!("{reference}: {message}")),
                None => {
                    let id = text("/id").unwrap_or_default();
                    let table = org.find_anywhere(id).map_or("", |(table, _)| table.name);
                    added.push(Added {
                        id: id.to_owned(),
                        object: table,
                        reference: reference.to_owned(),
                    });
                }
            }
        }
        if refused.is_empty() {
            *references = known;
            Ok(added)
        } else {
            Err(refused.join("\n"))
        }
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
