//! The example records, from one data file.

use serde_json::{Map, Value as Json};

use super::org::{Fields, Org};
use super::tables::table;

const EXAMPLES: &str = include_str!("examples.json");

/// A fresh org that holds the example records.
pub(super) fn org() -> Org {
    let examples: Map<String, Json> = serde_json::from_str(EXAMPLES).expect("the example records are JSON");
    let mut records: Vec<(&'static str, Fields)> = Vec::new();
    for (name, rows) in examples.iter().filter(|(name, _)| *name != "hidden") {
        let table = table(name).expect("an example of an emulated object");
        for row in rows.as_array().into_iter().flatten().filter_map(Json::as_object) {
            let unknown = row.keys().find(|field| table.column(field).is_none());
            assert!(unknown.is_none(), "{name} has no field {unknown:?}");
            records.push((table.name, row.clone()));
        }
    }
    Org::new(records, hidden())
}

/// The ids of the examples that the integration user may not see.
pub(super) fn hidden() -> Vec<String> {
    let examples: Map<String, Json> = serde_json::from_str(EXAMPLES).expect("the example records are JSON");
    examples["hidden"].as_array().into_iter().flatten().filter_map(|id| id.as_str().map(ToOwned::to_owned)).collect()
}
