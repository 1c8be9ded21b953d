//! `POST /composite/tree/X`: records with the records below them, all or none. Source: REST API
//! Developer Guide, sObject Tree.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::answer::{Answer, ApiError};
use super::limits::MAX_RECORDS;
use super::org::{Fields, Org, WriteError};
use super::records;
use super::tables::{Data, Table};

/// Levels of records, the top one among them.
const MAX_LEVELS: usize = 5;
/// Objects in one tree.
const MAX_OBJECTS: usize = 5;

/// One record of the tree, in the order in which they are created: parents first.
struct Node {
    reference: String,
    table: &'static Table,
    fields: Fields,
    /// The place of its parent in the list, and the field that names it.
    parent: Option<(usize, &'static str)>,
}

/// The ids of the records that other records may name, by reference.
pub(super) type References = BTreeMap<String, String>;

/// Creates all records of a tree, or says what is wrong with which and creates none. With
/// `references`, a look-up may be `@reference` of a record that is among them or comes before in the
/// tree, as the Salesforce CLI resolves it before it sends a tree.
pub(super) fn create(
    org: &mut Org,
    object: &str,
    body: &[u8],
    mut references: Option<&mut References>,
) -> Result<Answer, ApiError> {
    let top = org.schema.table(object).filter(|table| org.shows_table(table));
    let top = top.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    })?;
    let body = records::parse(body)?;
    let mut tree =
        Flattened { org, nodes: Vec::new(), objects: BTreeSet::new(), references: BTreeSet::new() };
    if let Err(refusal) = tree.add(&Json::Object(body), top, None, 1) {
        return Ok(refused(&[refusal]));
    }
    let nodes = tree.nodes;
    let before = org.checkpoint();
    let mut ids: Vec<Option<String>> = Vec::new();
    let mut errors: Vec<(String, WriteError)> = Vec::new();
    let named: Vec<String> = nodes.iter().map(|node| node.reference.clone()).collect();
    for Node { reference, table, mut fields, parent } in nodes {
        if let Some((place, field)) = parent {
            let Some(above) = &ids[place] else {
                // What is wrong with the parent is said there.
                ids.push(None);
                continue;
            };
            fields.insert(field.to_owned(), json!(above));
        }
        let resolved = match references.as_deref() {
            Some(known) => resolve(table, &mut fields, known),
            None => Ok(()),
        };
        match resolved.and_then(|()| org.create(table, &fields)) {
            Ok(id) => {
                if let Some(known) = references.as_deref_mut() {
                    known.insert(reference, id.clone());
                }
                ids.push(Some(id));
            }
            Err(error) => {
                errors.push((reference, error));
                ids.push(None);
            }
        }
    }
    if !errors.is_empty() {
        org.roll_back(before);
        return Ok(refused(&errors));
    }
    let results: Vec<Json> = named
        .iter()
        .zip(ids)
        .map(|(reference, id)| json!({ "referenceId": reference, "id": id }))
        .collect();
    Ok(Answer {
        status: StatusCode::CREATED,
        body: Some(json!({ "hasErrors": false, "results": results })),
    })
}

/// Puts ids in the place of the references in look-ups.
fn resolve(table: &Table, fields: &mut Fields, known: &References) -> Result<(), WriteError> {
    for (name, value) in fields.iter_mut() {
        let is_look_up =
            table.column(name).is_some_and(|column| matches!(column.data, Data::Lookup(..)));
        let reference = value.as_str().and_then(|text| text.strip_prefix('@'));
        let Some(reference) = reference.filter(|_| is_look_up) else { continue };
        let Some(id) = known.get(reference) else {
            let message = format!(
                "`{name}` is `@{reference}`, and no record before it has this `referenceId`: put that record, or its file, first"
            );
            return Err(WriteError {
                fields: vec![name.clone()],
                ..WriteError::new("INVALID_CROSS_REFERENCE_KEY", message)
            });
        };
        *value = json!(id);
    }
    Ok(())
}

/// A tree's records in the order in which they are created, or the first one that no tree may hold.
struct Flattened<'a> {
    org: &'a Org,
    nodes: Vec<Node>,
    objects: BTreeSet<&'static str>,
    references: BTreeSet<String>,
}

impl Flattened<'_> {
    fn add(
        &mut self,
        list: &Json,
        expected: &'static Table,
        parent: Option<(usize, &'static str)>,
        level: usize,
    ) -> Result<(), (String, WriteError)> {
        for row in list.get("records").and_then(Json::as_array).into_iter().flatten() {
            let text =
                |pointer: &str| row.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
            let reference = text("/attributes/referenceId").to_owned();
            let problem = if reference.is_empty() || !self.references.insert(reference.clone()) {
                Some(("INVALID_INPUT", "Each record needs a reference id of its own".to_owned()))
            } else if !text("/attributes/type").eq_ignore_ascii_case(expected.name) {
                Some((
                    "INVALID_INPUT",
                    format!("Include {} as the type of this record", expected.name),
                ))
            } else if level > MAX_LEVELS {
                Some(("INVALID_INPUT", format!("A tree has at most {MAX_LEVELS} levels")))
            } else if self.nodes.len() == MAX_RECORDS {
                Some(("INVALID_INPUT", format!("A tree has at most {MAX_RECORDS} records")))
            } else {
                self.objects.insert(expected.name);
                (self.objects.len() > MAX_OBJECTS)
                    .then(|| ("INVALID_INPUT", format!("A tree has at most {MAX_OBJECTS} objects")))
            };
            if let Some((code, message)) = problem {
                return Err((reference, WriteError::new(code, message)));
            }
            let (mut fields, mut below) = (Fields::new(), Vec::new());
            for (name, value) in row.as_object().into_iter().flatten() {
                match self
                    .org
                    .schema
                    .child(expected, name)
                    .filter(|(_, child, _)| self.org.shows_table(child))
                {
                    Some((_, child, field)) if value.get("records").is_some() => {
                        below.push((value, child, field));
                    }
                    _ => {
                        fields.insert(name.clone(), value.clone());
                    }
                }
            }
            let place = self.nodes.len();
            self.nodes.push(Node { reference, table: expected, fields, parent });
            for (list, child, field) in below {
                self.add(list, child, Some((place, field)), level + 1)?;
            }
        }
        Ok(())
    }
}

fn refused(errors: &[(String, WriteError)]) -> Answer {
    let results: Vec<Json> = errors
        .iter()
        .map(|(reference, error)| json!({ "referenceId": reference, "errors": [error.as_row()] }))
        .collect();
    Answer {
        status: StatusCode::BAD_REQUEST,
        body: Some(json!({ "hasErrors": true, "results": results })),
    }
}
