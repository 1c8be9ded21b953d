//! `GET /sobjects` and `GET /sobjects/X/describe`. Source: SOAP API Developer Guide,
//! `describeSObjects`.

use serde_json::{Value as Json, json};

use super::answer::Answer;
use super::limits::MAX_RECORDS;
use super::org::{Org, Write};
use super::tables::{Access, Column, Data, Fill, Table};

/// `GET /sobjects`.
pub(super) fn global_describe(org: &Org) -> Answer {
    let sobjects: Vec<Json> =
        org.schema.tables().filter(|table| org.shows_table(table)).map(summary).collect();
    Answer::ok(json!({ "encoding": "UTF-8", "maxBatchSize": MAX_RECORDS, "sobjects": sobjects }))
}

pub(super) fn summary(table: &Table) -> Json {
    json!({
        "name": table.name, "label": table.name, "keyPrefix": table.key_prefix, "custom": table.name.contains("__"),
        "queryable": true, "createable": table.is_createable(), "updateable": true, "deletable": true,
        "urls": { "describe": format!("/sobjects/{}/describe", table.name) },
    })
}

pub(super) fn describe(org: &Org, table: &'static Table) -> Json {
    if let Some(describe) = org.schema.described(table) {
        return as_described(org, table, describe);
    }
    let fields: Vec<Json> = table
        .columns()
        .filter(|column| org.shows_column(table, column))
        .map(|column| describe_field(org, table, column))
        .collect();
    let children: Vec<Json> = table
        .children
        .iter()
        .filter(|(_, child, _)| org.schema.table(child).is_some_and(|child| org.shows_table(child)))
        .map(|(relationship, child, field)| {
            let ties = org.schema.table(child).into_iter().flat_map(Table::ties);
            let cascades = ties.into_iter().any(|(column, _)| column.name == *field);
            json!({ "relationshipName": relationship, "childSObject": child, "field": field, "cascadeDelete": cascades })
        })
        .collect();
    let mut describe = summary(table);
    describe["fields"] = Json::Array(fields);
    describe["childRelationships"] = Json::Array(children);
    describe
}

/// A describe as it was taken, but for what the rules hide since.
fn as_described(org: &Org, table: &'static Table, describe: &Json) -> Json {
    let mut described = summary(table);
    let fields = describe["fields"].as_array().into_iter().flatten().filter_map(|field| {
        let column = table.column(field["name"].as_str()?)?;
        org.shows_column(table, column).then(|| {
            let mut field = field.clone();
            field["updateable"] = json!(org.is_writable(table, column, Write::Update));
            field
        })
    });
    let is_shown = |child: &&Json| {
        let child = child["childSObject"].as_str().and_then(|name| org.schema.table(name));
        child.is_some_and(|child| org.shows_table(child))
    };
    let children = describe["childRelationships"].as_array().into_iter().flatten();
    described["fields"] = fields.collect();
    described["childRelationships"] = children.filter(is_shown).cloned().collect();
    described
}

fn describe_field(org: &Org, table: &Table, column: &Column) -> Json {
    let (kind, length) = match column.data {
        Data::Id => ("id", 18),
        Data::Text(most) => ("string", most),
        Data::LongText(most) => ("textarea", most),
        Data::Email => ("email", 80),
        Data::Checkbox => ("boolean", 0),
        Data::Date => ("date", 0),
        Data::DateTime => ("datetime", 0),
        Data::Currency => ("currency", 0),
        Data::Number => ("double", 0),
        Data::Integer => ("int", 0),
        Data::Percent => ("percent", 0),
        Data::Picklist(_) => ("picklist", 255),
        Data::Lookup(..) => ("reference", 18),
    };
    let (relationship, reference_to) = match column.data {
        Data::Lookup(relationship, target) => (json!(relationship), vec![target]),
        _ => (Json::Null, Vec::new()),
    };
    let values: Vec<Json> = match column.data {
        Data::Picklist(values) => {
            let is_default = |value: &str| column.fill == Fill::Text(value_of(values, value));
            values
                .iter()
                .map(|value| json!({ "value": value, "label": value, "active": true, "defaultValue": is_default(value) }))
                .collect()
        }
        _ => Vec::new(),
    };
    let (precision, scale) = if column.data == Data::Integer { (0, 0) } else { column.digits };
    json!({
        "name": column.name, "label": column.name, "type": kind, "length": length, "precision": precision, "scale": scale,
        "nillable": column.is_nillable(), "custom": column.is_custom(), "defaultedOnCreate": column.is_defaulted(),
        "createable": org.is_writable(table, column, Write::Create), "updateable": org.is_writable(table, column, Write::Update),
        "filterable": !matches!(column.data, Data::LongText(_)), "calculated": column.access == Access::Formula, "autoNumber": matches!(column.fill, Fill::Numbered(..)),
        "referenceTo": reference_to, "relationshipName": relationship, "restrictedPicklist": column.is_restricted,
        "nameField": column.name == table.name_field(), "externalId": column.is_external_id, "unique": column.is_external_id, "picklistValues": values,
    })
}

/// The value of a picklist in its own spelling.
fn value_of(values: &'static [&'static str], value: &str) -> &'static str {
    values.iter().find(|known| **known == value).copied().unwrap_or_default()
}
