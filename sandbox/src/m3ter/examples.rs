//! The example records, from one data file, and the objects of an earlier state.

use serde_json::{Map, Value as Json};

use super::doubles;
use super::resources::named;
use super::state::State;

const EXAMPLES: &str = include_str!("examples.json");

/// The resources in an order in which everything that an object refers to comes before it, but for
/// meters and plan templates.
const ORDER: [&str; 16] = [
    "picklists/billgroupingkeys",
    "picklists/currency",
    "products",
    "meters",
    "aggregations",
    "compoundaggregations",
    "plantemplates",
    "accounts",
    "contracts",
    "plans",
    "plangroups",
    "pricings",
    "commitments",
    "accountplans",
    "counters",
    "counterpricings",
];

/// A fresh organization that holds the example records.
pub(super) fn state() -> State {
    holding(examples()).expect("the example records are of emulated resources")
}

/// An organization that holds the objects of an earlier state; a resource that it does not name has
/// the example records.
pub(super) fn restored(state: Json) -> Result<State, String> {
    let Json::Object(state) = doubles::held(state).map_err(|(_, message)| message)? else {
        return Err("a state is an object of lists, by resource".to_owned());
    };
    let mut objects = examples();
    objects.extend(state);
    holding(objects)
}

fn examples() -> Map<String, Json> {
    serde_json::from_str(EXAMPLES).expect("the example records are JSON")
}

fn holding(mut objects: Map<String, Json>) -> Result<State, String> {
    let config = objects.remove("organizationconfig").unwrap_or_default();
    let mut state = State::with_organization_config(config);
    for path in ORDER {
        let resource = named(path).expect("the order names emulated resources");
        for object in objects
            .remove(path)
            .and_then(|objects| objects.as_array().cloned())
            .into_iter()
            .flatten()
        {
            state.insert_example(resource, object.as_object().cloned().unwrap_or_default());
        }
    }
    match objects.keys().next() {
        Some(unknown) => Err(format!("`{unknown}` is not an emulated resource")),
        None => Ok(state),
    }
}
