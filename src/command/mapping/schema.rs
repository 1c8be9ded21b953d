//! `mapping schema`: the keys that the parser takes, as a JSON Schema for editors.

use serde_json::{Map, Value as Json, json};

use crate::domain::entity::EntityKind;
use crate::domain::field::{ADDRESS_PARTS, FieldSpec, FieldType};
use crate::mapping::keys::{
    ADDRESS_KEYS, BESIDE, CONDITION_KEYS, Form, GUARD_KEYS, Key, OBJECT_KEYS, OBJECT_TABLES,
    READINESS_KEYS, REMARK_KEYS, ROW_REMARK_KEYS, SEVERAL_KEYS, SOURCES, STEPS, TOP_KEYS, keys_of,
};

type Properties = Map<String, Json>;

/// The schema of a mapping file.
pub(super) fn schema() -> Json {
    let mut properties = described(&TOP_KEYS);
    for (name, kind) in OBJECT_TABLES {
        let table = object(kind);
        let title = format!("How {kind} objects come about; several are written `[[{name}]]`.");
        properties.insert(
            name.to_owned(),
            json!({ "description": title, "anyOf": [table, { "type": "array", "items": table }] }),
        );
    }
    let mut definitions = json!({
        "path": {
            "type": "string",
            "description": "A Salesforce field by its API name; dots lead to parents: `Account.Name`.",
        },
        "constant": { "type": ["string", "number", "boolean"] },
        "value": value(None),
        "condition": condition(&[]),
        "guard": condition(&GUARD_KEYS),
        "readiness": condition(&READINESS_KEYS),
        "remark": table(described(&REMARK_KEYS), &["message"]),
        "rowRemark": table(described(&ROW_REMARK_KEYS), &["message"]),
    });
    for spec in EntityKind::ALL.iter().flat_map(|kind| kind.fields()) {
        if let Some(name) = list_name(spec) {
            definitions[name] = value(Some(spec));
        }
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A mapping of sync-to-m3ter",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "definitions": definitions,
    })
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn table(properties: Properties, required: &[&str]) -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["properties"] = Json::Object(properties);
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// A schema with what it is. What stands beside a reference is not read.
fn with_meaning(schema: &Json, meaning: &str) -> Json {
    json!({ "description": meaning, "allOf": [schema] })
}

fn described<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Properties {
    keys.into_iter()
        .map(|key| (key.name.to_owned(), with_meaning(&of_form(key.form), key.meaning)))
        .collect()
}

fn of_form(form: Form) -> Json {
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::CurrencyCode => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::False => json!({ "const": false }),
        Form::Number => json!({ "type": "number" }),
        Form::Whole(minimum, usize::MAX) => json!({ "type": "integer", "minimum": minimum }),
        Form::Whole(minimum, maximum) => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        Form::Word(words) => json!({ "enum": words() }),
        Form::Path => reference("path"),
        Form::Constant => reference("constant"),
        Form::Value => reference("value"),
        Form::Condition => reference("condition"),
        Form::Guard => reference("guard"),
        Form::Readiness => reference("readiness"),
        Form::Remark => reference("remark"),
        Form::RowRemark => reference("rowRemark"),
        Form::Table(keys, required) => table(described(keys), required),
        Form::Named(inner) => json!({ "type": "object", "additionalProperties": of_form(*inner) }),
        Form::List(inner) => json!({ "type": "array", "minItems": 1, "items": of_form(*inner) }),
        Form::OneOrMore(inner) => {
            json!({ "anyOf": [of_form(*inner), of_form(Form::List(inner))] })
        }
        Form::Pair => json!({ "type": "array", "minItems": 2, "maxItems": 2 }),
        Form::Entries => json!({ "type": "array", "minItems": 1 }),
        Form::AnyOf(forms) => {
            json!({ "anyOf": forms.iter().copied().map(of_form).collect::<Vec<_>>() })
        }
    }
}

/// The table of one kind of object.
fn object(kind: EntityKind) -> Json {
    let of_others = |key: &&Key| {
        !EntityKind::ALL.iter().any(|other| keys_of(*other).iter().any(|of| of.name == key.name))
    };
    let mut properties = described(OBJECT_KEYS.iter().filter(of_others).chain(keys_of(kind)));
    properties.extend(kind.fields().iter().map(|spec| (spec.name.to_owned(), field(kind, spec))));
    table(properties, &[])
}

/// The value of one m3ter field.
fn field(kind: EntityKind, spec: &FieldSpec) -> Json {
    let form = match spec.field_type {
        FieldType::Address => {
            let parts =
                std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part));
            let mut properties: Properties =
                parts.map(|part| (part.to_owned(), reference("value"))).collect();
            properties.extend(described(&ADDRESS_KEYS));
            table(properties, &[])
        }
        FieldType::Segment | FieldType::CustomFields => of_form(Form::Named(&Form::Value)),
        _ => reference(&list_name(spec).unwrap_or_else(|| "value".to_owned())),
    };
    let required = if spec.required { ", which m3ter requires" } else { "" };
    let text = format!("{kind} `{}` of m3ter: {}{required}.", spec.name, holds(spec.field_type));
    with_meaning(&form, &text)
}

/// What a m3ter field holds, in words.
fn holds(field_type: FieldType) -> String {
    match field_type {
        FieldType::Text { max } => format!("a text of at most {max} characters"),
        FieldType::Code => "a code of 1 to 80 characters".to_owned(),
        FieldType::Email => "an e-mail address".to_owned(),
        FieldType::Currency => "a currency, such as `USD`".to_owned(),
        FieldType::Date => "a date".to_owned(),
        FieldType::DateTime => "a date, or a date with its time".to_owned(),
        FieldType::Decimal { .. } => "a number".to_owned(),
        FieldType::Integer { minimum, maximum } => {
            format!("a whole number from {minimum} to {maximum}")
        }
        FieldType::Boolean => "true or false".to_owned(),
        FieldType::Enum(words) => format!("one of {}", words.join(", ")),
        FieldType::EnumList(words) => format!("a list of {}", words.join(", ")),
        FieldType::Address => "an address, part by part".to_owned(),
        FieldType::PricingBands => "pricing bands".to_owned(),
        FieldType::FeeDates => "fees, each with its date".to_owned(),
        FieldType::UsageFilters => "usage filters".to_owned(),
        FieldType::Segment => "a value for each dimension".to_owned(),
        FieldType::CustomFields => "values by names of your own".to_owned(),
        FieldType::Id => "the ID of a m3ter object".to_owned(),
        FieldType::IdList => "a list of IDs of m3ter objects".to_owned(),
    }
}

/// The name of the definition for a field that holds a list, by the first part of its entries.
fn list_name(spec: &FieldSpec) -> Option<String> {
    spec.parts().first().map(|part| format!("listBy{}", part.name))
}

/// A path, or a table with one source; with the parts of the entries of a list.
fn value(list: Option<&FieldSpec>) -> Json {
    let sources = SOURCES.iter().flat_map(|source| [&source.key].into_iter().chain(source.beside));
    let steps = STEPS.iter().map(|step| &step.key);
    let mut properties = described(sources.chain(&BESIDE).chain(steps));
    if let Some(name) = list.and_then(list_name) {
        let of_the_same = json!({ "type": "array", "minItems": 1, "items": reference(&name) });
        properties["first"]["allOf"] = json!([of_the_same]);
    }
    for part in list.map(FieldSpec::parts).unwrap_or_default() {
        let text = format!("A part of each entry: {}.", holds(part.field_type));
        properties.insert(part.name.to_owned(), with_meaning(&reference("value"), &text));
    }
    let one_of = SOURCES.iter().map(|source| json!({ "required": [source.key.name] }));
    let mut table = table(properties, &[]);
    table["oneOf"] = one_of.collect();
    json!({ "anyOf": [reference("path"), table] })
}

/// A field that is on, a test of a field, or several, with what stands beside.
fn condition(beside: &[Key]) -> Json {
    let test = table(described(CONDITION_KEYS.iter().chain(beside)), &["field"]);
    let mut several = table(described(SEVERAL_KEYS.iter().chain(beside)), &[]);
    several["oneOf"] = SEVERAL_KEYS.iter().map(|key| json!({ "required": [key.name] })).collect();
    json!({ "anyOf": [reference("path"), test, several] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undescribed(place: &str, schema: &Json, found: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            for (name, property) in properties {
                if property.get("description").is_some_and(|text| text.as_str() == Some("")) {
                    found.push(format!("{place}.{name}"));
                }
            }
        }
        match schema {
            Json::Object(fields) => {
                fields.iter().for_each(|(name, inner)| {
                    undescribed(&format!("{place}.{name}"), inner, found);
                });
            }
            Json::Array(items) => items.iter().for_each(|item| undescribed(place, item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_key_says_what_it_is() {
        let mut found = Vec::new();
        undescribed("", &schema(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
