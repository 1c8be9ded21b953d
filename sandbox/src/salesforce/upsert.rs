//! Records by the key of another system. Source: REST API Developer Guide, Insert or Update
//! (Upsert) a Record Using an External ID.

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::answer::{Answer, ApiError};
use super::org::{Fields, Org, WriteError, id_of, is_deleted};
use super::records;
use super::tables::{Column, Table};

/// A record that was found or made.
pub(super) struct Upserted {
    pub(super) id: String,
    pub(super) created: bool,
}

/// The object and its field that is such a key.
pub(super) fn key(
    org: &Org,
    object: &str,
    field: &str,
) -> Result<(&'static Table, &'static Column), ApiError> {
    let missing = || {
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    };
    let table =
        org.schema.table(object).filter(|table| org.shows_table(table)).ok_or_else(missing)?;
    let column = table.column(field).filter(|column| {
        org.shows_column(table, column) && (column.is_external_id || column.name == "Id")
    });
    let message =
        format!("Provided external ID field does not exist or is not accessible: {field}");
    Ok((table, column.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message))?))
}

/// `/sobjects/X/FIELD/VALUE`.
pub(super) fn by_path(
    org: &mut Org,
    method: &Method,
    path: [&str; 3],
    version_path: &str,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let [object, field, value] = path;
    let (table, column) = key(org, object, field)?;
    let value = decoded(value);
    let found = ids(org, table, column, &value);
    if found.len() > 1 {
        let paths: Vec<String> =
            found.iter().map(|id| format!("{version_path}/sobjects/{}/{id}", table.name)).collect();
        return Ok(Answer { status: StatusCode::MULTIPLE_CHOICES, body: Some(json!(paths)) });
    }
    match (method, found.first()) {
        (&Method::PATCH, found) => {
            let mut fields = records::parse(body)?;
            let is_given = |field: &str| fields.keys().any(|name| name.eq_ignore_ascii_case(field));
            if let Some(field) = ["Id", column.name].into_iter().find(|field| is_given(field)) {
                return Err(records::in_path(field));
            }
            if found.is_none() {
                if column.name == "Id" {
                    return Err(unknown_id().into());
                }
                fields.insert(column.name.to_owned(), json!(value));
            }
            let Upserted { id, created } = write(org, table, found.map(String::as_str), &fields)?;
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            Ok(Answer {
                status,
                body: Some(json!({ "id": id, "success": true, "errors": [], "created": created })),
            })
        }
        (&Method::GET, Some(id)) => records::get(org, table, id, ""),
        (&Method::DELETE, Some(id)) => {
            org.delete(table, id);
            Ok(Answer::empty())
        }
        _ => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "The requested resource does not exist",
        )),
    }
}

/// One row of a collection.
pub(super) fn by_row(
    org: &mut Org,
    table: &'static Table,
    column: &Column,
    row: &Json,
) -> Result<Upserted, WriteError> {
    let fields = row.as_object().cloned().unwrap_or_default();
    let value = fields.get(column.name).and_then(Json::as_str).unwrap_or_default();
    if value.is_empty() {
        let message = format!("{} not specified", column.name);
        return Err(WriteError {
            fields: vec![column.name.to_owned()],
            ..WriteError::new("MISSING_ARGUMENT", message)
        });
    }
    let found = ids(org, table, column, value);
    if found.len() > 1 {
        let message = format!(
            "{}: more than one record found for external id field: [{}]",
            column.name,
            found.join(", ")
        );
        return Err(WriteError {
            fields: vec![column.name.to_owned()],
            ..WriteError::new("DUPLICATE_EXTERNAL_ID", message)
        });
    }
    let mut fields = fields.clone();
    if !found.is_empty() {
        fields.remove(column.name);
    } else if column.name == "Id" {
        return Err(unknown_id());
    }
    write(org, table, found.first().map(String::as_str), &fields)
}

/// A record is made under no id that a client gives.
fn unknown_id() -> WriteError {
    WriteError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

fn write(
    org: &mut Org,
    table: &'static Table,
    found: Option<&str>,
    fields: &Fields,
) -> Result<Upserted, WriteError> {
    match found {
        Some(id) => {
            org.update(table, id, fields).map(|()| Upserted { id: id.to_owned(), created: false })
        }
        None => org.create(table, fields).map(|id| Upserted { id, created: true }),
    }
}

/// The records whose key is this.
fn ids(org: &Org, table: &Table, column: &Column, value: &str) -> Vec<String> {
    if column.name == "Id" {
        return org
            .find(table, value)
            .filter(|record| !org.is_hidden(record))
            .map(id_of)
            .into_iter()
            .collect();
    }
    org.visible(table, false)
        .filter(|record| !is_deleted(record) && record.get(column.name) == Some(&json!(value)))
        .map(id_of)
        .collect()
}

/// A part of a path without its escapes.
fn decoded(part: &str) -> String {
    let form = format!("part={}", part.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
