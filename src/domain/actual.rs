//! An object as m3ter holds it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::ids::M3terId;

/// What else m3ter says of every object, and nobody asks for.
const UNUSED: [&str; 5] = ["id", "version", "dtCreated", "createdBy", "lastModifiedBy"];

/// One object of m3ter, with its fields as they were read: an update sends them back, overlaid with
/// the mapped ones. A clone shares them.
#[derive(Debug, Clone, PartialEq)]
pub struct ActualObject {
    /// Its id.
    pub id: M3terId,
    /// Its version, which an update must name.
    pub version: i64,
    /// Its other fields, as far as they have a value.
    pub fields: Arc<Map<String, Json>>,
}

impl ActualObject {
    /// The object in m3ter's JSON; `None` when it has no usable `id` or `version`.
    pub fn from_json(json: Json) -> Option<Self> {
        let Json::Object(fields) = json else { return None };
        let id = M3terId::parse(fields.get("id")?.as_str()?).ok()?;
        let version = fields.get("version")?.as_i64()?;
        // There are thousands in a large deal. A map that is made in one go takes a third of one
        // that has grown.
        let is_kept =
            |(name, value): &(String, Json)| !value.is_null() && !UNUSED.contains(&name.as_str());
        let fields = fields.into_iter().filter(is_kept).collect();
        Some(Self { id, version, fields: Arc::new(fields) })
    }

    /// A text field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// m3ter's natural key.
    pub fn code(&self) -> Option<&str> {
        self.text("code")
    }
}
