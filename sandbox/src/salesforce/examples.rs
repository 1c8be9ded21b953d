//! The example records, from one data file, and the records of an earlier state.

use serde_json::{Map, Value as Json};

use super::org::{Fields, Org};
use super::tables::table;

const EXAMPLES: &str = include_str!("examples.json");

/// A fresh org that holds the example records.
pub(super) fn org() -> Org {
    holding(&examples()).expect("the example records are of emulated objects")
}

/// An org that holds the records of an earlier state; an object that it does not name has the
/// example records.
pub(super) fn restored(state: Json) -> Result<Org, String> {
    let Json::Object(state) = state else {
        return Err("a state is an object of lists, by object name".to_owned());
    };
    let mut records = examples();
    records.extend(state);
    holding(&records)
}

/// The ids of the examples that the integration user may not see.
pub(super) fn hidden() -> Vec<String> {
    examples()["hidden"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str().map(ToOwned::to_owned))
        .collect()
}

fn examples() -> Map<String, Json> {
    serde_json::from_str(EXAMPLES).expect("the example records are JSON")
}

fn holding(objects: &Map<String, Json>) -> Result<Org, String> {
    let mut records: Vec<(&'static str, Fields)> = Vec::new();
    for (name, rows) in objects.iter().filter(|(name, _)| *name != "hidden") {
        let table = table(name).ok_or_else(|| format!("`{name}` is not an emulated object"))?;
        for row in rows.as_array().into_iter().flatten().filter_map(Json::as_object) {
            if let Some(unknown) = row.keys().find(|field| table.column(field).is_none()) {
                return Err(format!("`{name}` has no field `{unknown}`"));
            }
            records.push((table.name, row.clone()));
        }
    }
    Ok(Org::new(records, hidden()))
}
