//! Objects as the describes of another org have them: tables that are made when an emulator starts,
//! and stay as long as the process. Source: SOAP API Developer Guide, `describeSObjects`.

use serde_json::Value as Json;

use super::column::{Access, Column, Data, Tie, column};
use super::table::{Children, Table, is_audit};
use super::{Schema, TABLES};

impl Schema {
    /// The objects of some describes, and of the example org those that are named and not among
    /// them.
    pub(in super::super) fn of_describes(
        describes: Vec<Json>,
        further: &[&str],
    ) -> Result<Self, String> {
        let mut tables = describes
            .iter()
            .map(|describe| table(describe, &describes))
            .collect::<Result<Vec<_>, _>>()?;
        let is_described = |name: &str| describes.iter().any(|describe| describe["name"] == name);
        tables.extend(
            TABLES
                .iter()
                .filter(|table| further.contains(&table.name) && !is_described(table.name))
                .cloned(),
        );
        Ok(Self { tables: Vec::leak(tables), describes: Vec::leak(describes) })
    }
}

fn table(describe: &Json, all: &[Json]) -> Result<Table, String> {
    let name = text(describe, "name").ok_or("a describe has no `name`")?;
    let fields = describe["fields"].as_array().filter(|fields| !fields.is_empty());
    let fields = fields.ok_or_else(|| format!("the describe of `{name}` has no `fields`"))?;
    let columns: &'static [Column] = fields
        .iter()
        .filter(|field| text(field, "name").is_some_and(|name| !is_audit(name)))
        .map(|field| described_column(name, field, all))
        .collect::<Vec<_>>()
        .leak();
    let children = describe["childRelationships"].as_array().into_iter().flatten();
    let children: Children = children
        .filter_map(|child| {
            Some((
                leaked(text(child, "relationshipName")?),
                leaked(text(child, "childSObject")?),
                leaked(text(child, "field")?),
            ))
        })
        .collect::<Vec<_>>()
        .leak();
    Ok(Table {
        name: leaked(name),
        key_prefix: leaked(text(describe, "keyPrefix").unwrap_or_default()),
        is_shared: true,
        fields: vec![columns].leak(),
        children,
    })
}

fn described_column(object: &str, field: &Json, all: &[Json]) -> Column {
    let is = |property: &str| field[property] == true;
    let number = |property: &str| {
        field[property].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    };
    let name = leaked(text(field, "name").unwrap_or_default());
    let access = match (is("updateable"), is("createable")) {
        (true, _) => Access::Open,
        (false, true) => Access::Once,
        (false, false) if is("calculated") => Access::Formula,
        (false, false) => Access::Org,
    };
    Column {
        tie: tie(object, name, all),
        access,
        is_required: is("createable") && !is("nillable") && !is("defaultedOnCreate"),
        is_restricted: is("restrictedPicklist"),
        is_external_id: is("externalId"),
        digits: (number("precision"), number("scale")),
        ..column(name, data(field, all))
    }
}

fn data(field: &Json, all: &[Json]) -> Data {
    let length = field["length"].as_u64().and_then(|length| usize::try_from(length).ok());
    let length = length.unwrap_or_default();
    match text(field, "type").unwrap_or_default() {
        "id" => Data::Id,
        "textarea" => Data::LongText(length),
        "email" => Data::Email,
        "boolean" => Data::Checkbox,
        "date" => Data::Date,
        "datetime" => Data::DateTime,
        "currency" => Data::Currency,
        "double" => Data::Number,
        "int" => Data::Integer,
        "percent" => Data::Percent,
        "picklist" => {
            let values = field["picklistValues"].as_array().into_iter().flatten();
            Data::Picklist(
                values
                    .filter_map(|value| text(value, "value"))
                    .map(leaked)
                    .collect::<Vec<_>>()
                    .leak(),
            )
        }
        "reference" => {
            let targets = || field["referenceTo"].as_array().into_iter().flatten();
            let is_described =
                |target: &&Json| all.iter().any(|describe| describe["name"] == **target);
            // Of several, the one whose records are there.
            let target = targets().find(is_described).or_else(|| targets().next());
            match (text(field, "relationshipName"), target.and_then(Json::as_str)) {
                (Some(relationship), Some(target)) => {
                    Data::Lookup(leaked(relationship), leaked(target))
                }
                _ => Data::Id,
            }
        }
        _ => Data::Text(length),
    }
}

/// What becomes of a record when the one that its field names goes.
fn tie(object: &str, field: &str, all: &[Json]) -> Tie {
    let mut children = all
        .iter()
        .flat_map(|describe| describe["childRelationships"].as_array().into_iter().flatten());
    let is_part = children.any(|child| {
        child["childSObject"] == object && child["field"] == field && child["cascadeDelete"] == true
    });
    let has_owner = all
        .iter()
        .filter(|describe| describe["name"] == object)
        .flat_map(|describe| describe["fields"].as_array().into_iter().flatten())
        .any(|field| field["name"] == "OwnerId");
    match (is_part, has_owner) {
        (false, _) => Tie::Loose,
        (true, true) => Tie::Deleted,
        (true, false) => Tie::Detail,
    }
}

fn text<'a>(json: &'a Json, property: &str) -> Option<&'a str> {
    json[property].as_str()
}

fn leaked(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
