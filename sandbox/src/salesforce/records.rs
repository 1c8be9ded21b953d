//! `/sobjects` and `/composite/sobjects`: describes, single records, collections.

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::org::{Fields, Org, WriteError, is_deleted, is_id};
use super::tables::{Column, Data, TABLES, Table, table};
use super::{Answer, ApiError};

/// Records in one collection call.
const MOST_RECORDS: usize = 200;

/// `GET /sobjects`.
pub(super) fn global_describe(org: &Org) -> Answer {
    let sobjects: Vec<Json> = TABLES.iter().filter(|table| org.shows_table(table)).map(summary).collect();
    Answer::ok(json!({ "encoding": "UTF-8", "maxBatchSize": MOST_RECORDS, "sobjects": sobjects }))
}

fn summary(table: &Table) -> Json {
    json!({
        "name": table.name, "label": table.name, "keyPrefix": table.key_prefix, "custom": table.name.ends_with("__c"),
        "queryable": true, "createable": true, "updateable": true, "deletable": true,
        "urls": { "describe": format!("/sobjects/{}/describe", table.name) },
    })
}

/// `/sobjects/X…`.
pub(super) fn sobject(org: &mut Org, method: &Method, segments: &[&str], query: &str, body: &[u8]) -> Result<Answer, ApiError> {
    let missing = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist");
    let name = segments.first().copied().unwrap_or_default();
    let table = table(name).filter(|table| org.shows_table(table)).ok_or_else(missing)?;
    match (method, &segments[1..]) {
        (&Method::GET, []) => Ok(Answer::ok(json!({ "objectDescribe": summary(table), "recentItems": [] }))),
        (&Method::GET, ["describe"]) => Ok(Answer::ok(describe(org, table))),
        (&Method::POST, []) => create(org, table, &parse(body)?),
        (&Method::GET, [id]) => get(org, table, id, query),
        (&Method::PATCH, [id]) => {
            existing(org, table, id)?;
            let fields = parse(body)?;
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

fn parse(body: &[u8]) -> Result<Fields, ApiError> {
    let malformed = |error: serde_json::Error| ApiError::new(StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR", error.to_string());
    serde_json::from_slice(body).map_err(malformed)
}

fn existing<'a>(org: &'a Org, table: &'static Table, id: &str) -> Result<&'a Fields, ApiError> {
    if !is_id(id) {
        let message = format!("Provided external ID field does not exist or is not accessible: {id}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    }
    match org.find(table, id).filter(|record| !org.is_hidden(record)) {
        Some(record) if is_deleted(record) => Err(ApiError::new(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted")),
        Some(record) => Ok(record),
        None => Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")),
    }
}

fn get(org: &Org, table: &'static Table, id: &str, query: &str) -> Result<Answer, ApiError> {
    let record = existing(org, table, id)?;
    let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "fields").map(|(_, fields)| fields.into_owned());
    let columns: Vec<&Column> = match &wanted {
        None => table.columns().filter(|column| org.shows_column(table, column)).collect(),
        Some(names) => names
            .split(',')
            .map(|name| {
                table.column(name.trim()).filter(|column| org.shows_column(table, column)).ok_or_else(|| {
                    let message = format!("No such column '{name}' on sobject of type {}", table.name);
                    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_FIELD", message)
                })
            })
            .collect::<Result<_, _>>()?,
    };
    let mut row = Fields::new();
    row.insert("attributes".to_owned(), json!({ "type": table.name, "url": format!("/sobjects/{}/{id}", table.name) }));
    row.insert("Id".to_owned(), record["Id"].clone());
    for column in columns {
        let default = if column.data == Data::Checkbox { json!(false) } else { Json::Null };
        row.insert(column.name.to_owned(), record.get(column.name).cloned().unwrap_or(default));
    }
    Ok(Answer::ok(Json::Object(row)))
}

fn create(org: &mut Org, table: &'static Table, fields: &Fields) -> Result<Answer, ApiError> {
    let id = insert(org, table, fields)?;
    Ok(Answer { status: StatusCode::CREATED, body: Some(json!({ "id": id, "success": true, "errors": [] })) })
}

fn insert(org: &mut Org, table: &'static Table, fields: &Fields) -> Result<String, WriteError> {
    let checked = org.checked(table, fields)?;
    if table.column("Name").is_some_and(|column| org.is_writable(table, column)) && !checked.contains_key("Name") {
        return Err(WriteError {
            fields: vec!["Name".to_owned()],
            ..WriteError::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]")
        });
    }
    Ok(org.insert(table, checked))
}

/// `/composite/sobjects`: PATCH changes, POST creates.
pub(super) fn collection(org: &mut Org, method: &Method, body: &[u8]) -> Result<Answer, ApiError> {
    let body = parse(body)?;
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    let records = body.get("records").and_then(Json::as_array).cloned().unwrap_or_default();
    if records.len() > MOST_RECORDS {
        let message = format!("The maximum number of records allowed is {MOST_RECORDS}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "EXCEEDED_MAX_SIZE_REQUEST", message));
    }
    let mut outcomes: Vec<Result<String, WriteError>> = Vec::new();
    if all_or_none && *method == Method::PATCH {
        // Checked before anything is written, so that one refusal leaves all as they are.
        let checks: Vec<Result<String, WriteError>> = records.iter().map(|record| check_change(org, record)).collect();
        if checks.iter().any(Result::is_err) {
            let rolled_back = || {
                WriteError::new(
                    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                    "Record rolled back because not all records were valid and the request was using AllOrNone header",
                )
            };
            let results: Vec<Json> = checks.into_iter().map(|check| result(&check.and_then(|_| Err(rolled_back())))).collect();
            return Ok(Answer::ok(Json::Array(results)));
        }
    }
    for record in &records {
        outcomes.push(if *method == Method::PATCH { change(org, record) } else { add(org, record) });
    }
    Ok(Answer::ok(outcomes.iter().map(result).collect()))
}

fn table_of(record: &Json) -> Result<&'static Table, WriteError> {
    let name = record.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
    table(name).ok_or_else(|| WriteError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported.")))
}

fn target(record: &Json) -> Result<(&'static Table, &str, Fields), WriteError> {
    let table = table_of(record)?;
    let id = record.get("id").or_else(|| record.get("Id")).and_then(Json::as_str).unwrap_or_default();
    if !is_id(id) {
        return Err(WriteError::new("MALFORMED_ID", format!("malformed id {id}")));
    }
    Ok((table, id, record.as_object().cloned().unwrap_or_default()))
}

fn check_change(org: &Org, record: &Json) -> Result<String, WriteError> {
    let (table, id, fields) = target(record)?;
    if org.find(table, id).is_none_or(|record| org.is_hidden(record) || is_deleted(record)) {
        return Err(WriteError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"));
    }
    org.checked(table, &fields).map(|_| id.to_owned())
}

fn change(org: &mut Org, record: &Json) -> Result<String, WriteError> {
    let (table, id, fields) = target(record)?;
    org.update(table, id, &fields).map(|()| id.to_owned())
}

fn add(org: &mut Org, record: &Json) -> Result<String, WriteError> {
    insert(org, table_of(record)?, &record.as_object().cloned().unwrap_or_default())
}

fn result(outcome: &Result<String, WriteError>) -> Json {
    match outcome {
        Ok(id) => json!({ "id": id, "success": true, "errors": [] }),
        Err(error) => {
            json!({ "success": false, "errors": [{ "statusCode": error.code, "message": error.message, "fields": error.fields }] })
        }
    }
}

fn describe(org: &Org, table: &'static Table) -> Json {
    let fields: Vec<Json> =
        table.columns().filter(|column| org.shows_column(table, column)).map(|column| describe_field(org, table, column)).collect();
    let children: Vec<Json> = table
        .children
        .iter()
        .filter(|(_, child, _)| self::table(child).is_some_and(|child| org.shows_table(child)))
        .map(|(relationship, child, field)| {
            let ties = self::table(child).into_iter().flat_map(Table::ties);
            let cascades = ties.into_iter().any(|(column, _)| column.name == *field);
            json!({ "relationshipName": relationship, "childSObject": child, "field": field, "cascadeDelete": cascades })
        })
        .collect();
    let mut describe = summary(table);
    describe["fields"] = Json::Array(fields);
    describe["childRelationships"] = Json::Array(children);
    describe
}

fn describe_field(org: &Org, table: &Table, column: &Column) -> Json {
    let (kind, length, precision, scale) = match column.data {
        Data::Id => ("id", 18, 0, 0),
        Data::Text(most) => ("string", most, 0, 0),
        Data::LongText(most) => ("textarea", most, 0, 0),
        Data::Email => ("email", 80, 0, 0),
        Data::Checkbox => ("boolean", 0, 0, 0),
        Data::Date => ("date", 0, 0, 0),
        Data::DateTime => ("datetime", 0, 0, 0),
        Data::Currency => ("currency", 0, 18, 2),
        Data::Number => ("double", 0, 18, 10),
        Data::Percent => ("percent", 0, 5, 2),
        Data::Picklist(_) => ("picklist", 255, 0, 0),
        Data::Lookup(..) => ("reference", 18, 0, 0),
    };
    let (relationship, reference_to) = match column.data {
        Data::Lookup(relationship, target) => (json!(relationship), vec![target]),
        _ => (Json::Null, Vec::new()),
    };
    let values: Vec<Json> = match column.data {
        Data::Picklist(values) => {
            values.iter().map(|value| json!({ "value": value, "label": value, "active": true, "defaultValue": false })).collect()
        }
        _ => Vec::new(),
    };
    let writable = org.is_writable(table, column);
    json!({
        "name": column.name, "label": column.name, "type": kind, "length": length, "precision": precision, "scale": scale,
        "nillable": column.data != Data::Id && column.data != Data::Checkbox, "custom": column.is_custom(),
        "updateable": writable, "createable": writable, "referenceTo": reference_to, "relationshipName": relationship,
        "externalId": column.name == "M3ter_Account_Code__c", "unique": column.name == "M3ter_Account_Code__c", "picklistValues": values,
    })
}
