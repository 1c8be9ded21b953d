//! The example records, from one data file.

use serde_json::{Map, Value as Json};

use super::resources::RESOURCES;
use super::state::State;

const EXAMPLES: &str = include_str!("examples.json");

/// A fresh organization that holds the example records.
pub(super) fn state() -> State {
    let mut examples: Map<String, Json> = serde_json::from_str(EXAMPLES).expect("the example records are JSON");
    let config = examples.remove("organizationconfig").expect("the example records hold the organization's configuration");
    let mut state = State::with_organization_config(config);
    // The table's order is one in which everything that an object refers to comes before it, but for meters and plan templates.
    for path in [
        "picklists/currency",
        "products",
        "meters",
        "aggregations",
        "plantemplates",
        "accounts",
        "contracts",
        "plans",
        "commitments",
        "accountplans",
        "counters",
        "counterpricings",
    ] {
        let resource = RESOURCES.iter().find(|resource| resource.path == path).expect("an example of an emulated resource");
        for object in examples.remove(path).and_then(|objects| objects.as_array().cloned()).into_iter().flatten() {
            state.insert_example(resource, object.as_object().cloned().unwrap_or_default());
        }
    }
    assert!(examples.is_empty(), "examples of unknown resources: {examples:?}");
    state
}
