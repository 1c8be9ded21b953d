//! `/sobjects/X`: single records.

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::answer::{Answer, ApiError};
use super::describe::{describe, summary};
use super::numbers;
use super::org::{Fields, Org, is_deleted, is_id};
use super::tables::{Column, Data, Table};

/// `/sobjects/X…`.
pub(super) fn sobject(
    org: &mut Org,
    method: &Method,
    segments: &[&str],
    query: &str,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let missing = || {
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    };
    let name = segments.first().copied().unwrap_or_default();
    let table =
        org.schema.table(name).filter(|table| org.shows_table(table)).ok_or_else(missing)?;
    match (method, &segments[1..]) {
        (&Method::GET, []) => {
            Ok(Answer::ok(json!({ "objectDescribe": summary(table), "recentItems": [] })))
        }
        (&Method::GET, ["describe"]) => Ok(Answer::ok(describe(org, table))),
        (&Method::POST, []) => create(org, table, &parse(body)?),
        (&Method::GET, [id]) => get(org, table, id, query),
        (&Method::PATCH, [id]) => {
            existing(org, table, id)?;
            let fields = parse(body)?;
            if fields.keys().any(|name| name.eq_ignore_ascii_case("Id")) {
                return Err(in_path("Id"));
            }
            org.update(table, id, &fields).map(|()| Answer::empty()).map_err(ApiError::from)
        }
        (&Method::DELETE, [id]) => {
            existing(org, table, id)?;
            org.delete(table, id);
            Ok(Answer::empty())
        }
        _ => Err(missing()),
    }
}

/// A field that the path has must not stand in the body.
pub(super) fn in_path(field: &str) -> ApiError {
    let message = format!("The {field} field should not be specified in the sobject data.");
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_FIELD", message)
}

pub(super) fn parse(body: &[u8]) -> Result<Fields, ApiError> {
    let malformed = |error: serde_json::Error| {
        ApiError::new(StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR", error.to_string())
    };
    serde_json::from_slice(body).map_err(malformed)
}

fn existing<'a>(org: &'a Org, table: &'static Table, id: &str) -> Result<&'a Fields, ApiError> {
    if !is_id(id) {
        let message =
            format!("Provided external ID field does not exist or is not accessible: {id}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    }
    match org.find(table, id).filter(|record| !org.is_hidden(record)) {
        Some(record) if is_deleted(record) => {
            Err(ApiError::new(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted"))
        }
        Some(record) => Ok(record),
        None => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "The requested resource does not exist",
        )),
    }
}

pub(super) fn get(
    org: &Org,
    table: &'static Table,
    id: &str,
    query: &str,
) -> Result<Answer, ApiError> {
    let record = existing(org, table, id)?;
    let wanted = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "fields")
        .map(|(_, fields)| fields.into_owned());
    let columns: Vec<&Column> = match &wanted {
        None => table.columns().filter(|column| org.shows_column(table, column)).collect(),
        Some(names) => names
            .split(',')
            .map(|name| {
                table
                    .column(name.trim())
                    .filter(|column| org.shows_column(table, column))
                    .ok_or_else(|| {
                        let message =
                            format!("No such column '{name}' on sobject of type {}", table.name);
                        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_FIELD", message)
                    })
            })
            .collect::<Result<_, _>>()?,
    };
    let mut row = Fields::new();
    row.insert(
        "attributes".to_owned(),
        json!({ "type": table.name, "url": format!("/sobjects/{}/{id}", table.name) }),
    );
    row.insert("Id".to_owned(), record["Id"].clone());
    for column in columns {
        let default = if column.data == Data::Checkbox { json!(false) } else { Json::Null };
        row.insert(
            column.name.to_owned(),
            numbers::shown(column, record.get(column.name).cloned().unwrap_or(default)),
        );
    }
    Ok(Answer::ok(Json::Object(row)))
}

fn create(org: &mut Org, table: &'static Table, fields: &Fields) -> Result<Answer, ApiError> {
    let id = org.create(table, fields)?;
    Ok(Answer {
        status: StatusCode::CREATED,
        body: Some(json!({ "id": id, "success": true, "errors": [] })),
    })
}
