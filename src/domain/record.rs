//! A Salesforce record as the REST API answers it: fields, parent records and child records in one
//! JSON object.

use serde_json::{Map, Value as Json};

use super::ids::SalesforceId;
use super::text::is_blank;

/// A record of a query. Field names are found without regard to case, as in SOQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(Map<String, Json>);

impl Record {
    /// Wraps the JSON object of one record.
    pub fn new(fields: Map<String, Json>) -> Self {
        Self(fields)
    }

    /// The record's own id, if the query asked for it.
    pub fn id(&self) -> Option<SalesforceId> {
        self.value("Id").and_then(Json::as_str).and_then(|id| SalesforceId::parse(id).ok())
    }

    /// The sObject type, from the record's attributes.
    pub fn sobject(&self) -> Option<&str> {
        self.0.get("attributes")?.get("type")?.as_str()
    }

    /// The value at a path of parents (`Account.Name`); `None` where it is absent, null or blank.
    pub fn value(&self, path: &str) -> Option<&Json> {
        let mut names = path.split('.');
        let mut value = member(&self.0, names.next()?)?;
        for name in names {
            value = member(value.as_object()?, name)?;
        }
        match value {
            Json::Null => None,
            Json::String(text) if is_blank(text) => None,
            value => Some(value),
        }
    }

    /// Whether the query asked for the field at a path, whatever it holds.
    pub fn has_field(&self, path: &str) -> bool {
        let mut names = path.split('.');
        let first = names.next().and_then(|name| member(&self.0, name));
        names
            .try_fold(first, |value, name| Some(member(value?.as_object()?, name)))
            .flatten()
            .is_some()
    }

    /// The rows of a child relationship, in the query's order.
    pub fn children(&self, relationship: &str) -> Vec<Record> {
        member(&self.0, relationship)
            .and_then(|children| children.get("records"))
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|child| child.as_object().cloned().map(Record))
            .collect()
    }

    /// The record with the parent at `relationship` added, so that a child's path through its
    /// parent can be read.
    #[must_use]
    pub fn with_parent(mut self, relationship: &str, parent: &Record) -> Self {
        self.0.insert(relationship.to_owned(), Json::Object(parent.0.clone()));
        self
    }

    /// The JSON object.
    pub fn fields(&self) -> &Map<String, Json> {
        &self.0
    }
}

fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
