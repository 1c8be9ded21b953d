//! The connector's metadata records, as retrieved XML or as a query's JSON: fields by name, without
//! namespace and suffix.

use std::collections::BTreeMap;

use anyhow::Context as _;
use quick_xml::events::Event;
use serde_json::Value as Json;

/// One record of one of the connector's mapping types.
#[derive(Debug, Clone, Default)]
pub(super) struct MetadataRecord {
    /// The file or the record's own name, for messages.
    pub(super) name: String,
    /// Values by field name in lower case.
    fields: BTreeMap<String, String>,
}

impl MetadataRecord {
    /// The value of a field; `None` where it is absent or blank.
    pub(super) fn get(&self, field: &str) -> Option<&str> {
        self.fields
            .get(&field.to_ascii_lowercase())
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value of a field that names something in the org; `None` where it is no path of names.
    pub(super) fn path(&self, field: &str) -> Option<&str> {
        self.get(field).filter(|value| is_path(value))
    }

    /// All filled fields.
    pub(super) fn filled(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Whether the value of a field is a literal rather than a path.
    pub(super) fn is_hardcoded(&self, field: &str) -> bool {
        // The samples have stray spaces, also inside a name.
        let plain = |text: &str| {
            text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
        };
        self.get("hardcoded")
            .is_some_and(|list| list.split(',').any(|name| plain(name) == plain(field)))
    }

    fn insert(&mut self, field: &str, value: &str) {
        let plain = field.strip_prefix("m3__").unwrap_or(field);
        let plain =
            plain.strip_suffix("__c").or_else(|| plain.strip_suffix("__C")).unwrap_or(plain);
        self.fields.insert(plain.to_ascii_lowercase(), value.to_owned());
    }
}

/// Whether a text is names by dots, as Salesforce has them.
pub(super) fn is_path(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The records of one file.
pub(super) fn read(name: &str, text: &str) -> anyhow::Result<Vec<MetadataRecord>> {
    if text.trim_start().starts_with('<') {
        Ok(vec![from_xml(name, text)?])
    } else {
        from_json(name, text)
    }
}

/// A `CustomMetadata` file: `<values><field>…</field><value>…</value></values>` for each field.
fn from_xml(name: &str, text: &str) -> anyhow::Result<MetadataRecord> {
    let mut record = MetadataRecord { name: name.to_owned(), ..MetadataRecord::default() };
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut path, mut field, mut value) = (Vec::<String>::new(), String::new(), String::new());
    let mut is_metadata = false;
    loop {
        match reader.read_event().with_context(|| format!("{name} is not well-formed XML"))? {
            Event::Start(tag) => {
                let tag = tag.local_name().as_ref().to_owned();
                is_metadata |= path.is_empty() && tag == "CustomMetadata";
                if tag == "values" {
                    (field, value) = (String::new(), String::new());
                }
                path.push(tag);
            }
            Event::Text(part) => push(&path, &part.xml10_content(), &mut field, &mut value),
            Event::CData(part) => push(&path, &part.xml10_content(), &mut field, &mut value),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content().into_owned();
                let resolved = reference.resolve_char_ref()?.map(String::from);
                let resolved = resolved
                    .or_else(|| quick_xml::escape::resolve_xml_entity(&name).map(ToOwned::to_owned))
                    .unwrap_or_default();
                push(&path, &resolved, &mut field, &mut value);
            }
            Event::End(_) => match path.pop().as_deref() {
                Some("values") if !field.trim().is_empty() => record.insert(field.trim(), &value),
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    anyhow::ensure!(is_metadata, "{name} is XML, but not a CustomMetadata record");
    Ok(record)
}

fn push(path: &[String], text: &str, field: &mut String, value: &mut String) {
    match path {
        [.., values, last] if values == "values" && last == "field" => field.push_str(text),
        [.., values, last] if values == "values" && last == "value" => value.push_str(text),
        _ => {}
    }
}

/// A query's answer: `{"records": […]}`, the command line's `{"result": {"records": […]}}`, or the
/// list alone.
fn from_json(name: &str, text: &str) -> anyhow::Result<Vec<MetadataRecord>> {
    let json: Json =
        serde_json::from_str(text).with_context(|| format!("{name} is neither XML nor JSON"))?;
    let records = json
        .as_array()
        .or_else(|| json.get("records")?.as_array())
        .or_else(|| json.pointer("/result/records")?.as_array());
    let records = records.with_context(|| format!("{name} holds no list of records"))?;
    let record = |(index, record): (usize, &Json)| {
        let own = ["DeveloperName", "QualifiedApiName", "MasterLabel"]
            .iter()
            .find_map(|field| record.get(field)?.as_str());
        let mut read = MetadataRecord {
            name: own.map_or_else(|| format!("{name}, record {}", index + 1), ToOwned::to_owned),
            ..MetadataRecord::default()
        };
        for (field, value) in record.as_object().into_iter().flatten() {
            match value {
                Json::String(text) => read.insert(field, text),
                Json::Bool(_) | Json::Number(_) => read.insert(field, &value.to_string()),
                _ => {}
            }
        }
        read
    };
    Ok(records.iter().enumerate().map(record).collect())
}
