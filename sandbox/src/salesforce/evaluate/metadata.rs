//! Queries of metadata instead of records: access, definitions, currencies.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::super::answer::ApiError;
use super::super::org::{ACTIVATE_ORDERS, EDIT_ACTIVATED_ORDERS, Fields};
use super::super::soql::{Filter, Literal, Operator, Query, Selected};
use super::super::tables::{Column, Table};
use super::{Evaluation, Rows, compare, matches};

/// The currencies that are in use, the corporate one first, with their rates.
const RATES: [(&str, f64, bool); 3] =
    [("USD", 1.0, true), ("EUR", 0.92, false), ("GBP", 0.79, false)];

impl Evaluation<'_> {
    /// The rows of a metadata object; `None` for the others.
    pub(super) fn of_metadata(&self, query: &Query) -> Result<Option<Rows>, ApiError> {
        let equal = |field: &str| query.filter.as_ref().and_then(|filter| equality(filter, field));
        let shown = || self.org.schema.tables().filter(|table| self.org.shows_table(table));
        let (name, rows): (&str, Vec<Json>) = match query.from.to_ascii_lowercase().as_str() {
            "userrecordaccess" => {
                let (Some(_), Some(id)) = (equal("UserId"), equal("RecordId")) else {
                    let problem =
                        "When querying UserRecordAccess, you must filter on UserId and RecordId";
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
                };
                let record = self
                    .org
                    .schema
                    .tables()
                    .filter(|table| table.is_shared)
                    .find_map(|table| self.org.find(table, &id));
                let row = |record: &Fields| {
                    let may_read = !self.org.is_hidden(record);
                    json!({ "attributes": { "type": "UserRecordAccess" }, "RecordId": record["Id"], "HasReadAccess": may_read, "MaxAccessLevel": if may_read { "All" } else { "None" } })
                };
                return Ok(Some(Rows {
                    records: record.map(row).into_iter().collect(),
                    count: None,
                }));
            }
            "entitydefinition" => {
                let row = |table: &Table| json!({ "DurableId": table.name, "QualifiedApiName": table.name, "DeveloperName": table.name.trim_end_matches("__c"), "Label": table.name.trim_end_matches("__c").replace('_', " "), "KeyPrefix": table.key_prefix, "IsQueryable": true });
                ("EntityDefinition", shown().map(row).collect())
            }
            "fielddefinition" => {
                let object = equal("EntityDefinition.QualifiedApiName")
                    .or_else(|| equal("EntityDefinitionId"));
                let Some(object) = object else {
                    let problem = "FieldDefinition: a filter on a reified column is required [EntityDefinitionId, EntityDefinition.QualifiedApiName]";
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
                };
                let table = shown().find(|table| table.name.eq_ignore_ascii_case(&object));
                let row = |table: &Table, column: &Column| json!({ "DurableId": format!("{}.{}", table.name, column.name), "QualifiedApiName": column.name, "DeveloperName": column.name.trim_end_matches("__c"), "EntityDefinitionId": table.name, "EntityDefinition.QualifiedApiName": table.name });
                let columns = table.into_iter().flat_map(|table| {
                    table
                        .columns()
                        .filter(|column| self.org.shows_column(table, column))
                        .map(move |column| row(table, column))
                });
                ("FieldDefinition", columns.collect())
            }
            "currencytype" if self.org.is_multi_currency() => {
                let row = |(code, rate, is_corporate): (&str, f64, bool)| json!({ "Id": format!("01LS9000000{code}1IAA"), "IsoCode": code, "ConversionRate": rate, "DecimalPlaces": 2, "IsActive": true, "IsCorporate": is_corporate });
                ("CurrencyType", RATES.into_iter().map(row).collect())
            }
            // What the user who asks may do; who may not view the setup may ask this. Source:
            // Object Reference, UserPermissionAccess.
            "userpermissionaccess" => {
                let may = |permission: &str| self.org.may(permission);
                let row = json!({
                    "Id": null, "PermissionsApiEnabled": true, "PermissionsViewSetup": false,
                    "PermissionsEditActivatedOrders": may(EDIT_ACTIVATED_ORDERS), "PermissionsActivateOrder": may(ACTIVATE_ORDERS),
                });
                ("UserPermissionAccess", vec![row])
            }
            "recordtype" => ("RecordType", Vec::new()),
            "profile" => (
                "Profile",
                vec![
                    json!({ "Id": "00eS90000000001IAA", "Name": "Minimum Access - API Only Integrations", "UserType": "Standard" }),
                ],
            ),
            _ => return Ok(None),
        };
        self.chosen(query, name, rows).map(Some)
    }

    /// Of some rows those that a query asks for, with the fields that it names.
    fn chosen(&self, query: &Query, name: &str, rows: Vec<Json>) -> Result<Rows, ApiError> {
        const ALSO_KNOWN: [&str; 6] =
            ["Id", "DeveloperName", "SobjectType", "Name", "IsActive", "DurableId"];
        let mut rows: Vec<Json> = rows
            .into_iter()
            .filter(|row| query.filter.as_ref().is_none_or(|filter| holds(filter, row)))
            .collect();
        for order in query.order.iter().rev() {
            let field = order.path.names.join(".");
            rows.sort_by(|one, other| {
                if order.descending {
                    compare(&other[&field], &one[&field])
                } else {
                    compare(&one[&field], &other[&field])
                }
            });
        }
        let rows: Vec<Json> =
            rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect();
        if query.select.contains(&Selected::Count) {
            return Ok(Rows { records: Vec::new(), count: Some(rows.len()) });
        }
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            let mut record = Map::new();
            record.insert("attributes".to_owned(), json!({ "type": name }));
            for selected in &query.select {
                let Selected::Path(path) = selected else {
                    let problem =
                        "the emulated org does not support this part of SOQL for a metadata object";
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
                };
                let field = path.names.join(".");
                let value = row
                    .as_object()
                    .and_then(|row| row.iter().find(|(key, _)| key.eq_ignore_ascii_case(&field)));
                match value {
                    Some((key, value)) => record.insert(key.clone(), value.clone()),
                    None if ALSO_KNOWN.contains(&field.as_str()) => {
                        record.insert(field, Json::Null)
                    }
                    None => {
                        let problem = self.with_place(
                            path.at,
                            &format!("No such column '{field}' on entity '{name}'."),
                        );
                        return Err(ApiError::new(
                            StatusCode::BAD_REQUEST,
                            "INVALID_FIELD",
                            problem,
                        ));
                    }
                };
            }
            records.push(Json::Object(record));
        }
        Ok(Rows { records, count: None })
    }
}

fn holds(filter: &Filter, row: &Json) -> bool {
    let value = |names: &[String]| {
        let field = names.join(".");
        row.as_object()
            .and_then(|row| row.iter().find(|(key, _)| key.eq_ignore_ascii_case(&field)))
            .map_or(Json::Null, |(_, value)| value.clone())
    };
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(part, row)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, row)),
        Filter::Not(part) => !holds(part, row),
        Filter::Compare(path, operator, literal) => {
            matches(&value(&path.names), *operator, literal)
        }
        Filter::In(path, literals) => {
            literals.iter().any(|literal| matches(&value(&path.names), Operator::Equal, literal))
        }
        Filter::InQuery(..) => false,
    }
}

/// The text that a filter demands of a field.
fn equality(filter: &Filter, field: &str) -> Option<String> {
    match filter {
        Filter::And(parts) => parts.iter().find_map(|part| equality(part, field)),
        Filter::Compare(path, Operator::Equal, Literal::Text(text))
            if path.names.join(".").eq_ignore_ascii_case(field) =>
        {
            Some(text.clone())
        }
        _ => None,
    }
}
