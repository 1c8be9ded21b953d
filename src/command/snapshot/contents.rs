//! What was read, as an org and an organization hold it: describes, records by object, objects of
//! m3ter by resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::m3ter::ORGANIZATION_CONFIG;
use crate::salesforce::DESCRIBE;
use crate::transport::{ReadAnswer, Vendor};

/// What a describe says of a field that a sync, or the emulated org, goes by.
const OF_A_FIELD: [&str; 18] = [
    "autoNumber",
    "calculated",
    "createable",
    "defaultedOnCreate",
    "externalId",
    "filterable",
    "length",
    "name",
    "nameField",
    "nillable",
    "precision",
    "referenceTo",
    "relationshipName",
    "restrictedPicklist",
    "scale",
    "type",
    "unique",
    "updateable",
];
/// The same of a relationship to the records below.
const OF_A_RELATIONSHIP: [&str; 4] = ["cascadeDelete", "childSObject", "field", "relationshipName"];
/// What m3ter's organization has set that a sync, or the emulated organization, goes by.
const OF_THE_ORGANIZATION: [&str; 10] = [
    "allowOverlappingPlans",
    "currency",
    "dayEpoch",
    "daysBeforeBillDue",
    "id",
    "monthEpoch",
    "timezone",
    "version",
    "weekEpoch",
    "yearEpoch",
];
/// Who wrote an object, and where somebody is on a map: not taken along.
const LEFT_OUT: [&str; 4] = ["createdby", "lastmodifiedby", "latitude", "longitude"];

/// Fields by name.
pub(in crate::command) type Fields = Map<String, Json>;
/// Records or objects, by what they are of and by their ids.
pub(in crate::command) type ById = BTreeMap<String, BTreeMap<String, Fields>>;

/// What was taken of both systems.
#[derive(Debug, Clone, Default)]
pub(in crate::command) struct Taken {
    /// By object.
    pub(in crate::command) describes: BTreeMap<String, Json>,
    pub(in crate::command) records: ById,
    /// The ids of records that the integration user may not see.
    pub(in crate::command) hidden: BTreeSet<String>,
    /// By m3ter's resource.
    pub(in crate::command) objects: ById,
    /// What m3ter's organization has set.
    pub(in crate::command) organization: Option<Json>,
}

impl Taken {
    /// What some answers hold.
    pub(super) fn of(answers: &[ReadAnswer]) -> Self {
        let mut taken = Self::default();
        let is_describe =
            |answer: &&ReadAnswer| answer.vendor == Vendor::Salesforce && answer.what == DESCRIBE;
        for answer in answers.iter().filter(is_describe) {
            if let Some(name) = answer.body["name"].as_str() {
                taken.describes.insert(name.to_owned(), answer.body.clone());
            }
        }
        for answer in answers.iter().filter(|answer| !is_describe(answer)) {
            match (answer.vendor, &answer.body) {
                (Vendor::Salesforce, Json::Object(row)) => drop(taken.add_row(row)),
                (Vendor::M3ter, body) if answer.what == ORGANIZATION_CONFIG => {
                    taken.organization = Some(only(body, &OF_THE_ORGANIZATION));
                }
                (Vendor::M3ter, Json::Object(object)) => taken.add_object(&answer.what, object),
                _ => {}
            }
        }
        taken.shorten_describes();
        taken
    }

    /// The object whose ids begin so.
    pub(super) fn object_of(&self, prefix: &str) -> Option<&str> {
        let of_prefix = |(_, describe): &(&String, &Json)| describe["keyPrefix"] == prefix;
        self.describes.iter().find(of_prefix).map(|(name, _)| name.as_str())
    }

    pub(super) fn m3ter_ids(&self) -> impl Iterator<Item = &str> {
        self.objects.values().flat_map(|objects| objects.keys().map(String::as_str))
    }

    pub(super) fn record_count(&self) -> usize {
        self.records.values().map(BTreeMap::len).sum()
    }

    pub(super) fn object_count(&self) -> usize {
        self.objects.values().map(BTreeMap::len).sum()
    }

    fn add_object(&mut self, resource: &str, object: &Fields) {
        let Some(id) = object.get("id").and_then(Json::as_str) else { return };
        let mut fields = object.clone();
        fields.retain(|name, _| !is_left_out(name));
        // What was read last is what m3ter has.
        self.objects.entry(resource.to_owned()).or_default().insert(id.to_owned(), fields);
    }

    /// Adds a row with the rows around it; its id, if it is a record.
    fn add_row(&mut self, row: &Fields) -> Option<String> {
        let attribute = |name: &str| row.get("attributes")?.get(name)?.as_str();
        let object = attribute("type")?;
        if object == "UserRecordAccess" {
            self.note_access(row);
            return None;
        }
        let describe = self.describes.get(object)?.clone();
        let of_address = || attribute("url")?.rsplit('/').next();
        let id = row.get("Id").and_then(Json::as_str).or_else(of_address)?.to_owned();
        let mut fields = Fields::new();
        fields.insert("Id".to_owned(), json!(id));
        for (name, value) in row.iter().filter(|(name, _)| *name != "attributes") {
            if let Some(rows) = value.get("records").and_then(Json::as_array) {
                let field = below(&describe, name);
                self.add_rows_below(&id, field, rows);
            } else if value.get("attributes").is_some() {
                let parent = value.as_object().and_then(|parent| self.add_row(parent));
                if let (Some(field), Some(parent)) = (lookup(&describe, name), parent) {
                    fields.insert(field.to_owned(), json!(parent));
                }
            } else if let Some(name) = own_name(&describe, name)
                && !value.is_null()
                && !is_left_out(name)
            {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        let known = self.records.entry(object.to_owned()).or_default().entry(id.clone());
        known.or_default().extend(fields);
        Some(id)
    }

    fn add_rows_below(&mut self, id: &str, field: Option<&str>, rows: &[Json]) {
        for row in rows.iter().filter_map(Json::as_object) {
            let mut row = row.clone();
            if let Some(field) = field {
                row.insert(field.to_owned(), json!(id));
            }
            self.add_row(&row);
        }
    }

    /// A record that the integration user may not see is known by its id alone.
    fn note_access(&mut self, row: &Fields) {
        let id = row.get("RecordId").and_then(Json::as_str);
        if let (Some(id), Some(false)) = (id, row.get("HasReadAccess").and_then(Json::as_bool))
            && let Some(object) = id.get(..3).and_then(|prefix| self.object_of(prefix))
        {
            let object = object.to_owned();
            self.hidden.insert(id.to_owned());
            let record = self.records.entry(object).or_default().entry(id.to_owned());
            record.or_default().insert("Id".to_owned(), json!(id));
        }
    }

    /// Leaves of the describes what is gone by.
    fn shorten_describes(&mut self) {
        let names: BTreeSet<String> = self.describes.keys().cloned().collect();
        for (name, describe) in &mut self.describes {
            let list = |property: &str| describe[property].as_array().into_iter().flatten();
            let fields: Vec<Json> = list("fields").map(short_field).collect();
            let children: Vec<Json> = list("childRelationships")
                .filter(|child| child["childSObject"].as_str().is_some_and(|of| names.contains(of)))
                .filter(|child| child["relationshipName"].is_string())
                .map(|child| only(child, &OF_A_RELATIONSHIP))
                .collect();
            *describe = json!({
                "name": name, "keyPrefix": describe["keyPrefix"], "fields": fields, "childRelationships": children,
            });
        }
    }
}

fn short_field(field: &Json) -> Json {
    let mut short = only(field, &OF_A_FIELD);
    let values = field["picklistValues"].as_array().into_iter().flatten();
    let values: Vec<Json> = values.map(|value| only(value, &["active", "value"])).collect();
    if !values.is_empty() {
        short["picklistValues"] = Json::Array(values);
    }
    short
}

/// Some properties of an object.
fn only(object: &Json, names: &[&str]) -> Json {
    let properties = object.as_object().into_iter().flatten();
    let kept = properties.filter(|(name, _)| names.contains(&name.as_str()));
    Json::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn is_left_out(name: &str) -> bool {
    let name = name.to_lowercase();
    LEFT_OUT.iter().any(|left_out| name.ends_with(left_out))
}

/// The field of the records below that names the one above.
fn below<'d>(describe: &'d Json, relationship: &str) -> Option<&'d str> {
    found(&describe["childRelationships"], "relationshipName", relationship)?["field"].as_str()
}

/// The field behind a relationship to a parent.
fn lookup<'d>(describe: &'d Json, relationship: &str) -> Option<&'d str> {
    found(&describe["fields"], "relationshipName", relationship)?["name"].as_str()
}

/// A field as the org spells it.
fn own_name<'d>(describe: &'d Json, name: &str) -> Option<&'d str> {
    found(&describe["fields"], "name", name)?["name"].as_str()
}

fn found<'d>(list: &'d Json, property: &str, name: &str) -> Option<&'d Json> {
    let is_it = |entry: &&Json| {
        entry[property].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    list.as_array()?.iter().find(is_it)
}
