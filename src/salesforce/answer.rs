//! Reading answers.

use serde_json::Value as Json;

/// The text of a field, if it is there and is one.
pub(super) fn text<'a>(json: &'a Json, field: &str) -> Option<&'a str> {
    json.get(field)?.as_str()
}
