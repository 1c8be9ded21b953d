//! `POST /composite/tree/X`: records with the records below them, all or none. Source: REST API
//! Developer Guide, sObject Tree.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::answer::{Answer, ApiError};
use super::limits::MAX_RECORDS;
use super::org::{Fields, Org, WriteError};
use super::records;
use super::tables::Table;

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

/// Creates all records of a tree, or says what is wrong with which and creates none.
pub(super) fn create(org: &mut Org, object: &str, body: &[u8]) -> Result<Answer, ApiError> {
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
    let references: Vec<String> = nodes.iter().map(|node| node.reference.clone()).collect();
    for Node { reference, table, mut fields, parent } in nodes {
        let mut is_orphan = false;
        if let Some((place, field)) = parent {
            // What is wrong with the parent is said there.
            is_orphan = ids[place].is_none();
            fields.insert(field.to_owned(), json!(ids[place]));
        }
        let created = if is_orphan { None } else { Some(org.create(table, &fields)) };
        ids.push(
            created
                .and_then(|created| created.map_err(|error| errors.push((reference, error))).ok()),
        );
    }
    if !errors.is_empty() {
        org.roll_back(before);
        return Ok(refused(&errors));
    }
    let results: Vec<Json> = references
        .iter()
        .zip(ids)
        .map(|(reference, id)| json!({ "referenceId": reference, "id": id }))
        .collect();
    Ok(Answer {
        status: StatusCode::CREATED,
        body: Some(json!({ "hasErrors": false, "results": results })),
    })
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
