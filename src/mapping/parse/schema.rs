//! The JSON Schema of a mapping file, for editors: the keys that the parser takes, each with what it
//! is.

use serde_json::{Map, Value as Json, json};

use super::TOP_KEYS;
use super::condition::TESTS;
use super::expression::{BELONGING, BESIDE, SOURCES};
use super::layers::OBJECT_TABLES;
use super::object::{BILLING_LINE_KEY, OBJECT_KEYS, OVERLAP_KEY, PARENTS_KEY};
use super::product;
use super::remark;
use super::rows::SET_KEYS;
use super::steps::STEP_KEYS;
use super::sync_status;
use crate::domain::catalog::CatalogKind;
use crate::domain::entity::EntityKind;
use crate::domain::field::{ADDRESS_PARTS, FieldSpec, FieldType};
use crate::domain::settings::{
    CommitmentBilling, EndedRule, OverlapRule, PricingChange, RemovedLines,
};
use crate::domain::warning::Attention;
use crate::mapping::structure::parts_of;

type Properties = Map<String, Json>;

/// The schema, as editors take it.
pub(in crate::mapping) fn schema() -> Json {
    let mut properties: Properties =
        TOP_KEYS.into_iter().map(|key| (key.to_owned(), top(key))).collect();
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
        "guard": condition(&["message"]),
        "readiness": condition(&["message", "otherwise"]),
        "remark": remark_table(&remark::KEYS),
        "rowRemark": remark_table(&[&remark::KEYS[..], &[remark::RATES_KEY]].concat()),
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

/// The name of the definition for a field that holds a list, by the first part of its entries.
fn list_name(spec: &FieldSpec) -> Option<String> {
    parts_of(spec).first().map(|part| format!("listBy{}", part.name))
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn one_or_more(inner: Json) -> Json {
    let mut list = json!({ "type": "array", "minItems": 1 });
    list["items"] = inner.clone();
    let mut schema = json!({});
    schema["anyOf"] = Json::Array(vec![inner, list]);
    schema
}

fn words<T, const N: usize>(words: &[(&'static str, T); N]) -> Json {
    Json::from(words.iter().map(|(word, _)| *word).collect::<Vec<_>>())
}

fn table(properties: Properties) -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["properties"] = Json::Object(properties);
    schema
}

/// The same with what it is.
fn described(mut schema: Json, key: &str) -> Json {
    schema["description"] = description(key).into();
    schema
}

fn keys<'k>(keys: impl IntoIterator<Item = &'k str>, form: fn(&str) -> Json) -> Properties {
    keys.into_iter().map(|key| (key.to_owned(), described(form(key), key))).collect()
}

fn top(key: &str) -> Json {
    let form = match key {
        "only_when" => one_or_more(reference("guard")),
        "ready_when" => one_or_more(reference("readiness")),
        "currency" => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        "commitment_billing" => json!({ "enum": words(&CommitmentBilling::WORDS) }),
        "pricing_change" => json!({ "enum": words(&PricingChange::WORDS) }),
        "removed_lines" => json!({ "enum": words(&RemovedLines::WORDS) }),
        "ended" => json!({ "enum": words(&EndedRule::WORDS) }),
        "running_lines" => json!({ "enum": ["leave_out", "report"] }),
        "deal_currency" => reference("value"),
        "sync_status" => table(keys(sync_status::KEYS, |_| reference("path"))),
        "lines" => row_set(),
        "rows" => json!({ "type": "object", "additionalProperties": row_set() }),
        "product_mapping" => table(keys(product::KEYS, |key| match key {
            "rows" => json!({ "type": "string" }),
            _ => reference("value"),
        })),
        "product_rule" => json!({
            "type": "array",
            "items": table(keys(product::RULE, |_| json!({ "type": "string" }))),
        }),
        "remove" => json!({ "type": "array", "items": { "type": "string" } }),
        _ => json!({ "type": "string" }),
    };
    // What stands beside a reference is not read.
    json!({ "description": description(key), "allOf": [form] })
}

fn row_set() -> Json {
    table(keys(SET_KEYS, |key| match key {
        "optional" => json!({ "type": "boolean" }),
        "leave_out" => json!({ "allOf": [reference("condition")] }),
        "refuse" => one_or_more(reference("guard")),
        "warn" => one_or_more(reference("rowRemark")),
        _ => json!({ "type": "string" }),
    }))
}

/// The table of one kind of object.
fn object(kind: EntityKind) -> Json {
    let mut properties = keys(OBJECT_KEYS, |key| match key {
        "rows" | "sobject" => json!({ "type": "string" }),
        "skip" | "leave_out" | "billing_line" => json!({ "allOf": [reference("condition")] }),
        "joins_with" => json!({ "anyOf": [reference("value"), { "const": false }] }),
        "custom_fields" => json!({ "enum": ["merge", "replace"] }),
        _ => json!({ "allOf": [reference("value")] }),
    });
    match kind {
        EntityKind::Account => {
            let levels = json!({ "type": "integer", "minimum": 1, "maximum": 4 });
            properties.insert(PARENTS_KEY.to_owned(), described(levels, PARENTS_KEY));
        }
        EntityKind::Commitment | EntityKind::AccountPlan => {
            let rules = json!({ "enum": words(&OverlapRule::WORDS) });
            properties.insert(OVERLAP_KEY.to_owned(), described(rules, OVERLAP_KEY));
        }
        _ => {}
    }
    if kind != EntityKind::Commitment {
        properties.remove(BILLING_LINE_KEY);
    }
    properties.extend(kind.fields().iter().map(|spec| (spec.name.to_owned(), field(kind, spec))));
    table(properties)
}

/// The value of one m3ter field.
fn field(kind: EntityKind, spec: &FieldSpec) -> Json {
    let form = match spec.field_type {
        FieldType::Address => {
            let parts =
                std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part));
            let mut properties: Properties =
                parts.map(|part| (part.to_owned(), reference("value"))).collect();
            properties.extend(keys(["once", "clear", "when"], beside));
            table(properties)
        }
        FieldType::Segment | FieldType::CustomFields => {
            json!({ "type": "object", "additionalProperties": reference("value") })
        }
        _ => reference(&list_name(spec).unwrap_or_else(|| "value".to_owned())),
    };
    let required = if spec.required { ", which m3ter requires" } else { "" };
    let text = format!("{kind} `{}` of m3ter: {}{required}.", spec.name, holds(spec.field_type));
    json!({ "description": text, "allOf": [form] })
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

/// A path, or a table with one source; with the parts of the entries of a list.
fn value(list: Option<&FieldSpec>) -> Json {
    let mut properties = keys(SOURCES, source);
    properties.extend(keys(BESIDE, beside));
    properties.extend(keys(STEP_KEYS, step));
    let belonging = BELONGING.iter().flat_map(|(_, keys)| keys.iter().copied());
    properties.extend(keys(belonging, |key| match key {
        "by_product" => json!({ "type": "boolean" }),
        "code" | "discount_percent" => json!({ "allOf": [reference("value")] }),
        _ => json!({ "type": "string" }),
    }));
    if let Some(name) = list.and_then(list_name) {
        let of_the_same = json!({ "type": "array", "minItems": 1, "items": reference(&name) });
        properties.insert("first".to_owned(), described(of_the_same, "first"));
    }
    for part in list.map(parts_of).unwrap_or_default() {
        let text = format!("A part of each entry: {}.", holds(part.field_type));
        let form = json!({ "description": text, "allOf": [reference("value")] });
        properties.insert(part.name.to_owned(), form);
    }
    let sources: Vec<Json> = SOURCES.iter().map(|key| json!({ "required": [key] })).collect();
    let mut table = table(properties);
    table["oneOf"] = sources.into();
    json!({ "anyOf": [reference("path"), table] })
}

fn source(key: &str) -> Json {
    let several = json!({ "type": "array", "minItems": 1, "items": reference("value") });
    match key {
        "value" => json!({ "allOf": [reference("constant")] }),
        "first" | "concat" | "earliest" | "latest" => several,
        "lookup" => json!({ "enum": CatalogKind::ALL.map(CatalogKind::word) }),
        "this" => json!({ "enum": OBJECT_TABLES.map(|(name, _)| name) }),
        "setting" | "templates" => json!({ "enum": ["currency"] }),
        "list" => json!({ "type": "array", "minItems": 1 }),
        _ => json!({ "type": "string" }),
    }
}

fn beside(key: &str) -> Json {
    match key {
        "when" => json!({ "allOf": [reference("condition")] }),
        "default" => json!({ "allOf": [reference("constant")] }),
        _ => json!({ "type": "boolean" }),
    }
}

fn step(key: &str) -> Json {
    match key {
        "split" => json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["at", "part"],
            "properties": { "at": { "type": "string" }, "part": { "type": "integer", "minimum": 1 } },
        }),
        "map" => json!({ "type": "object", "additionalProperties": reference("constant") }),
        "as" => json!({ "enum": ["number", "text"] }),
        "times" | "divided_by" | "percent_of" | "less_percent" | "add_months" | "add_days" => {
            json!({ "anyOf": [{ "type": "number" }, reference("value")] })
        }
        "round" => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 20 },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["decimals"],
                "properties": {
                    "decimals": { "type": "integer", "minimum": 0, "maximum": 20 },
                    "mode": { "enum": ["half_up", "half_even", "up", "down"] },
                },
            },
        ] }),
        "date_in" => json!({ "type": "string" }),
        "truncate" => {
            json!({ "anyOf": [{ "type": "boolean" }, { "type": "integer", "minimum": 1 }] })
        }
        "warn" => json!({ "anyOf": [{ "type": "string" }, reference("remark")] }),
        _ => json!({ "type": "boolean" }),
    }
}

/// A field that is on, a test of a field, or several, with what stands beside.
fn condition(more: &[&str]) -> Json {
    let beside = keys(more.iter().copied(), |key| match key {
        "otherwise" => json!({ "enum": ["refuse", "warn"] }),
        _ => json!({ "type": "string" }),
    });
    let mut properties = keys(TESTS, |key| match key {
        "is" | "is_not" => json!({ "allOf": [reference("constant")] }),
        "in" | "not_in" => {
            json!({ "type": "array", "minItems": 1, "items": reference("constant") })
        }
        "blank" => json!({ "type": "boolean" }),
        "above" | "below" => json!({ "type": "number" }),
        _ => json!({ "allOf": [reference("value")] }),
    });
    properties.extend(keys(["field", "optional"], |key| match key {
        "field" => json!({ "type": "string" }),
        _ => json!({ "type": "boolean" }),
    }));
    properties.extend(beside.clone());
    let mut several = keys(
        ["all", "any"],
        |_| json!({ "type": "array", "minItems": 1, "items": reference("condition") }),
    );
    several.extend(beside);
    let (mut test, mut several) = (table(properties), table(several));
    test["required"] = json!(["field"]);
    several["oneOf"] = json!([{ "required": ["all"] }, { "required": ["any"] }]);
    json!({ "anyOf": [reference("path"), test, several] })
}

fn remark_table(known: &[&str]) -> Json {
    let mut remark = table(keys(known.iter().copied(), |key| match key {
        "when" => json!({ "allOf": [reference("condition")] }),
        "attention" => json!({ "enum": Attention::codes() }),
        remark::RATES_KEY => json!({ "type": "array", "minItems": 2, "maxItems": 2 }),
        _ => json!({ "type": "string" }),
    }));
    remark["required"] = json!(["message"]);
    remark
}

/// What a key is, in a sentence.
fn description(key: &str) -> &'static str {
    match key {
        "root" => "The Salesforce object that is synced, by its API name.",
        "extends" => "The mapping that this file differs from, by its root object.",
        "remove" => {
            "Tables and keys of the extended mapping that do not apply: `commitment`, `account.address`."
        }
        "only_when" => "A record that does not meet this is never synced.",
        "ready_when" => {
            "A state that the record reaches later; `otherwise` says what happens before."
        }
        "currency" => "The currency of an org with a single one, or of a product rule.",
        "time_zone" => {
            "In which a date begins, else that of m3ter's organization: `Europe/London`."
        }
        "commitment_billing" => {
            "Who invoices the committed amount: `paid_outside` or `billed_by_plan`."
        }
        "pricing_change" => "From when a new price applies.",
        "removed_lines" => "Whether a deleted line bills on.",
        "ended" => "Whether Salesforce may extend what an operator ended.",
        "running_lines" => "What happens if a line asks for what is already billed.",
        "deal_currency" => {
            "The currency of the whole record, against which plan templates are checked."
        }
        "sync_status" => "The record's own fields that show how its last sync ended.",
        "lines" => "The child relationship that holds the lines.",
        "rows" => {
            "More child relationships by a name of yours; in a table of objects: one object for each row of these."
        }
        "product_mapping" => {
            "Where a row's product, billing frequency and currency are, by which product rules are chosen."
        }
        "product_rule" => "Which plan template or plan a product uses.",
        "status" => "The field that gets `Completed`, `Partial Success` or `Failed`.",
        "synced_at" => "The field that gets the time of the last change.",
        "message" => "A sentence; of `sync_status`, the field that gets the sentences.",
        "of" => "The rows that these lie below; without it, the record itself.",
        "relationship" => "The child relationship's name, such as `OpportunityLineItems`.",
        "sobject" => "The object's API name.",
        "parent" => {
            "The relationship back to the row above: a path that starts with it reads that row."
        }
        "order_by" => "The order of the rows, as in SOQL.",
        "optional" => "The org need not have it.",
        "leave_out" => "Rows for which this holds make no object and no result.",
        "refuse" => "Rows for which this holds are a finding on all their objects.",
        "warn" => "A sentence that the result gets.",
        "row" => "The ID of the Salesforce row, if it is not that of the rows.",
        "key" => "Tells several objects of one row apart; it is appended to the code.",
        "skip" => "If on, the object is skipped.",
        "write_back" => "The field of the row that gets m3ter's ID.",
        "joins_by" => "If filled, the deal joins a Contract of another record.",
        "joins_with" => "A look-up by which records share a Contract; `false` for none.",
        "billing_line" => "Marks the line whose Plan bills the Commitment.",
        "custom_fields" => "`replace` removes the custom fields that are not named.",
        "parents" => "How many levels of parent Accounts are synced, too.",
        "overlap" => "What happens if another one is already running.",
        "field" => "A Salesforce field by its API name; dots lead to parents.",
        "value" => "A constant: a text, a number, true or false.",
        "first" => "The first of these that is not blank.",
        "concat" => "Texts that are joined.",
        "earliest" => "The earliest of these dates.",
        "latest" => "The latest of these dates.",
        "lookup" => "The ID of the m3ter object with the code beside it.",
        "this" => "The ID of an object of this sync.",
        "same_as" => "A value of another object of this sync: `contract.endDate`.",
        "setting" => "A setting of the file: `currency`.",
        "templates" => "The one currency that all plan templates have: `currency`.",
        "months" => "A number of months, counted from the date that `after` names.",
        "bands_text" => "A text with a pricing band on each line.",
        "unit_price" => "A price per unit, as one band.",
        "each" => "An entry for each of these rows.",
        "list" => "Entries that are written out.",
        "once" => "Sent only when the object is created.",
        "clear" => "A blank value clears m3ter's field.",
        "when" => "Blank, or not told, where this does not hold.",
        "default" => "The value if it is blank.",
        "only_row_of" => "The field of the only row of these rows.",
        "code" => "The code that is looked up.",
        "by_product" => "Product rules go first.",
        "separator" => {
            "What stands between the texts; without it, one blank part makes the whole blank."
        }
        "after" => "A date of the same object, such as `startDate`.",
        "discount_percent" => "The field with a discount in percent.",
        "split" => "One part of a text.",
        "trim" => "Without spaces at both ends.",
        "map" => "Replaces one value by another; `*` is all others.",
        "upper" => "In capital letters.",
        "lower" => "In small letters.",
        "as" => "The other type: `number` or `text`.",
        "zero_is_blank" => "0 is treated as blank.",
        "times" => "Multiplied by a number or a field.",
        "divided_by" => "Divided by a number or a field; needs `round`.",
        "percent_of" => "So many percent of a number or a field.",
        "less_percent" => "Less so many percent.",
        "round" => "To so many decimals.",
        "date_in" => "The date of a date-time in this time zone; `mapping` is the file's own.",
        "add_months" => "So many months later.",
        "add_days" => "So many days later.",
        "end_exclusive" => "Salesforce's last day becomes m3ter's first day after it.",
        "truncate" => "Cut to what m3ter's field holds, or to so many characters, with a warning.",
        "is" => "Has this value.",
        "is_not" => "Has another value.",
        "in" => "Has one of these values.",
        "not_in" => "Has none of these values.",
        "blank" => "Is blank, or with `false` is filled.",
        "above" => "Is more than this number.",
        "below" => "Is less than this number.",
        "equals" => "Is the same as this field.",
        "differs_from" => "Is another value than this field's.",
        "otherwise" => "`refuse` refuses the first sync, `warn` syncs with a warning.",
        "all" => "All of these hold.",
        "any" => "One of these holds.",
        "attention" => "The code under which lists and metrics count the sentence.",
        "unless_equal" => "Two rates; told only where they differ.",
        "product" => "The product's code.",
        "billing_frequency" => "The billing frequency.",
        "plan_template" => "The code of the plan template.",
        "plan" => "The code of an existing plan.",
        _ => "",
    }
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
