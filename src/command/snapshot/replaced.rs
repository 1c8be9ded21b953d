//! Stand-ins for what tells who a person or a customer is, the same in both systems, so that a sync
//! compares what it compared before.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::folder::Snapshot;
use crate::domain::pseudonym::{Class, Pseudonyms};

/// The types of fields whose values are a word of a list, a number, a moment or an ID.
const LEFT_AS_THEY_ARE: [&str; 12] = [
    "boolean",
    "currency",
    "date",
    "datetime",
    "double",
    "id",
    "int",
    "multipicklist",
    "percent",
    "picklist",
    "reference",
    "time",
];

/// How many values have stand-ins.
#[derive(Debug)]
pub(super) struct Replaced([(usize, &'static str, &'static str); 6]);

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted: Vec<String> = self
            .0
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, several)| {
                format!("{count} {}", if *count == 1 { one } else { several })
            })
            .collect();
        if counted.is_empty() { f.write_str("nothing") } else { f.write_str(&counted.join(", ")) }
    }
}

/// The snapshot with stand-ins.
pub(super) fn replaced(mut snapshot: Snapshot) -> (Snapshot, Replaced) {
    let mut pseudonyms = Pseudonyms::default();
    state_fields(&mut pseudonyms, &snapshot);
    let Snapshot { taken, links, mappings, .. } = &mut snapshot;
    for (object, records) in &taken.records {
        for record in records.values() {
            pseudonyms.learn(object, record);
        }
    }
    for (resource, objects) in &taken.objects {
        let kind = kind_of(resource);
        for object in objects.values() {
            pseudonyms.learn_beside(kind, object);
        }
    }
    for source in mappings.iter() {
        pseudonyms.learn_text(&String::from_utf8_lossy(&source.bytes));
    }
    for (object, records) in &mut taken.records {
        for record in records.values_mut() {
            pseudonyms.replace(object, record);
        }
    }
    for (resource, objects) in &mut taken.objects {
        let kind = kind_of(resource);
        for object in objects.values_mut() {
            pseudonyms.replace(kind, object);
        }
    }
    for source in mappings {
        let text = pseudonyms.in_source(&String::from_utf8_lossy(&source.bytes));
        source.bytes = text.into_bytes();
    }
    for link in links {
        link.source_key = link.source_key.as_deref().map(|key| pseudonyms.stand_in(key));
    }
    let count = |class, one, several| (pseudonyms.count(class), one, several);
    let counts = Replaced([
        count(Class::Name, "name", "names"),
        count(Class::Email, "e-mail address", "e-mail addresses"),
        count(Class::Phone, "phone number", "phone numbers"),
        count(Class::Place, "part of an address", "parts of addresses"),
        count(Class::Site, "web page", "web pages"),
        count(Class::Text, "description", "descriptions"),
    ]);
    (snapshot, counts)
}

/// The kind of object that a resource of m3ter holds.
fn kind_of(resource: &str) -> &str {
    resource.strip_suffix('s').unwrap_or(resource)
}

/// Says what the describes know of their fields.
fn state_fields(pseudonyms: &mut Pseudonyms, snapshot: &Snapshot) {
    let is_root = |object: &str| {
        snapshot.manifest.records.iter().any(|record| record.object.eq_ignore_ascii_case(object))
    };
    for (object, describe) in &snapshot.taken.describes {
        let fields = describe["fields"].as_array().into_iter().flatten();
        for field in fields.filter_map(Json::as_object) {
            let Some(name) = field.get("name").and_then(Json::as_str) else { continue };
            match field.get("type").and_then(Json::as_str).unwrap_or_default() {
                "email" => pseudonyms.state(object, name, Class::Email),
                "phone" => pseudonyms.state(object, name, Class::Phone),
                "url" => pseudonyms.state(object, name, Class::Site),
                word if LEFT_AS_THEY_ARE.contains(&word) => {
                    pseudonyms.state(object, name, Class::Nothing);
                }
                // What a deal is called is made of its customer's name more often than not.
                "string" if is_root(object) && is_name(name, field) => {
                    pseudonyms.state(object, name, Class::Name);
                }
                _ => {}
            }
        }
    }
}

fn is_name(name: &str, field: &Map<String, Json>) -> bool {
    let is = |property: &str| field.get(property).and_then(Json::as_bool).unwrap_or_default();
    (is("nameField") || name == "Name") && !is("autoNumber") && !is("calculated")
}
