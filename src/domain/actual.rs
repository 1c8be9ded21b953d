//! An object as m3ter holds it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::ids::M3terId;

/// One object of m3ter, with its JSON as it was read: an update sends it back, overlaid with the
/// mapped fields. A clone shares that.
#[derive(Debug, Clone, PartialEq)]
pub struct ActualObject {
    /// Its id.
    pub id: M3terId,
    /// Its version, which an update must name.
    pub version: i64,
    /// All its fields, also `id` and `version`.
    pub fields: Arc<Map<String, Json>>,
}

impl ActualObject {
    /// The object in m3ter's JSON; `None` when it has no usable `id` or `version`.
    pub fn from_json(json: Json) -> Option<Self> {
        let Json::Object(fields) = json else { return None };
        let id = M3terId::parse(fields.get("id")?.as_str()?).ok()?;
        let version = fields.get("version")?.as_i64()?;
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
