//! `/composite/sobjects`: up to 200 records at a time. Source: REST API Developer Guide, sObject
//! Collections.

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::answer::{Answer, ApiError};
use super::limits::MAX_RECORDS;
use super::org::{Fields, Org, WriteError, is_id};
use super::records;
use super::tables::Table;
use super::upsert::{self, Upserted};

/// What became of one record.
struct Outcome {
    id: String,
    /// Said of an upsert only.
    created: Option<bool>,
}

/// POST creates, PATCH changes, PATCH with an object and a field finds by that field and creates
/// what it does not find, DELETE deletes.
pub(super) fn collection(
    org: &mut Org,
    method: &Method,
    segments: &[&str],
    query: &str,
    body: &[u8],
) -> Result<Answer, ApiError> {
    if *method == Method::DELETE {
        return delete(org, query);
    }
    let body = records::parse(body)?;
    let key = match segments {
        [] => None,
        [object, field] => Some(upsert::key(org, object, field)?),
        _ => {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "The requested resource does not exist",
            ));
        }
    };
    let rows = body.get("records").and_then(Json::as_array).cloned().unwrap_or_default();
    check_size(rows.len())?;
    let write = |org: &mut Org, row: &Json| match key {
        Some((table, column)) => upsert::by_row(org, table, column, row)
            .map(|Upserted { id, created }| Outcome { id, created: Some(created) }),
        None if *method == Method::PATCH => change(org, row),
        None => add(org, row),
    };
    Ok(all(org, body.get("allOrNone") == Some(&json!(true)), &rows, write))
}

fn delete(org: &mut Org, query: &str) -> Result<Answer, ApiError> {
    let parameter = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let ids: Vec<String> =
        parameter("ids").unwrap_or_default().split(',').map(ToOwned::to_owned).collect();
    check_size(ids.len())?;
    let write = |org: &mut Org, id: &String| {
        let gone = || WriteError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
        let (table, record) = org.find_anywhere(id).ok_or_else(gone)?;
        let id = record["Id"].as_str().unwrap_or_default().to_owned();
        if org.is_hidden(record) {
            return Err(gone());
        }
        if org.delete(table, &id) {
            Ok(Outcome { id, created: None })
        } else {
            Err(WriteError::new("ENTITY_IS_DELETED", "entity is deleted"))
        }
    };
    Ok(all(org, parameter("allOrNone").as_deref() == Some("true"), &ids, write))
}

fn check_size(records: usize) -> Result<(), ApiError> {
    if records <= MAX_RECORDS {
        return Ok(());
    }
    let message = format!("The maximum number of records allowed is {MAX_RECORDS}");
    Err(ApiError::new(StatusCode::BAD_REQUEST, "EXCEEDED_MAX_SIZE_REQUEST", message))
}

/// One after the other; where it is all or none, one refusal takes back what was done.
fn all<T>(
    org: &mut Org,
    all_or_none: bool,
    rows: &[T],
    write: impl Fn(&mut Org, &T) -> Result<Outcome, WriteError>,
) -> Answer {
    let before = all_or_none.then(|| org.checkpoint());
    let mut outcomes: Vec<Result<Outcome, WriteError>> =
        rows.iter().map(|row| write(org, row)).collect();
    if let Some(before) = before.filter(|_| outcomes.iter().any(Result::is_err)) {
        org.roll_back(before);
        let rolled_back = || {
            let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
            WriteError::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)
        };
        outcomes =
            outcomes.into_iter().map(|outcome| outcome.and_then(|_| Err(rolled_back()))).collect();
    }
    Answer::ok(outcomes.iter().map(result).collect())
}

fn table_of(org: &Org, row: &Json) -> Result<&'static Table, WriteError> {
    let name = row.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
    org.schema.table(name).ok_or_else(|| {
        WriteError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
    })
}

fn change(org: &mut Org, row: &Json) -> Result<Outcome, WriteError> {
    let table = table_of(org, row)?;
    let id = row.get("id").or_else(|| row.get("Id")).and_then(Json::as_str).unwrap_or_default();
    if !is_id(id) {
        return Err(WriteError::new("MALFORMED_ID", format!("malformed id {id}")));
    }
    org.update(table, id, &fields_of(row)).map(|()| Outcome { id: id.to_owned(), created: None })
}

fn add(org: &mut Org, row: &Json) -> Result<Outcome, WriteError> {
    org.create(table_of(org, row)?, &fields_of(row)).map(|id| Outcome { id, created: None })
}

fn fields_of(row: &Json) -> Fields {
    row.as_object().cloned().unwrap_or_default()
}

fn result(outcome: &Result<Outcome, WriteError>) -> Json {
    match outcome {
        Ok(Outcome { id, created: None }) => json!({ "id": id, "success": true, "errors": [] }),
        Ok(Outcome { id, created: Some(created) }) => {
            json!({ "id": id, "success": true, "errors": [], "created": created })
        }
        Err(error) => json!({ "success": false, "errors": [error.as_row()] }),
    }
}
