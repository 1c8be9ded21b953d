//! What an organization holds when it starts: the example records, from one data file, or what was
//! taken from another organization; and the objects of an earlier state.

use serde_json::{Map, Value as Json, json};

use super::doubles;
use super::resource::FieldType;
use super::resources::{RESOURCES, named, unknown_resource};
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

/// The objects of an organization when it starts.
#[derive(Debug, Clone)]
pub struct Contents(Map<String, Json>);

impl Default for Contents {
    fn default() -> Self {
        Self::examples()
    }
}

impl Contents {
    /// The example records.
    pub(super) fn examples() -> Self {
        Self(serde_json::from_str(EXAMPLES).expect("the example records are JSON"))
    }

    /// What was taken from another organization, in lists by resource. What the objects refer to
    /// and was not taken is there by its id alone. What is wrong with it is a sentence.
    pub fn taken(objects: &Json) -> Result<Self, String> {
        let Json::Object(mut objects) = held(objects.clone())? else {
            return Err("the objects of m3ter are lists by resource".to_owned());
        };
        let Self(examples) = Self::examples();
        if let Some(config) = examples.get("organizationconfig") {
            objects.entry("organizationconfig").or_insert_with(|| config.clone());
        }
        for (resource, object) in referred(&objects) {
            let list = objects.entry(resource).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(object);
            }
        }
        holding(objects.clone())?;
        Ok(Self(objects))
    }

    /// An organization that holds it.
    pub(super) fn state(&self) -> State {
        holding(self.0.clone()).expect("it was looked through before")
    }

    /// An organization that holds the objects of an earlier state; a resource that it does not name
    /// has what it had at first.
    pub(super) fn restored(&self, state: Json) -> Result<State, String> {
        let Json::Object(state) = held(state)? else {
            return Err("a state is an object of lists, by resource".to_owned());
        };
        let mut objects = self.0.clone();
        objects.extend(state);
        holding(objects)
    }
}

fn held(objects: Json) -> Result<Json, String> {
    doubles::held(objects).map_err(|(_, message)| message)
}

/// What objects refer to and is not among them.
fn referred(objects: &Map<String, Json>) -> Vec<(&'static str, Json)> {
    let mut missing: Vec<(&'static str, Json)> = Vec::new();
    let of = |path: &str| objects.get(path).and_then(Json::as_array).into_iter().flatten();
    for resource in RESOURCES {
        for object in of(resource.path) {
            for field in resource.fields {
                let (target, ids): (&'static str, Vec<&Json>) =
                    match (field.kind, &object[field.name]) {
                        (FieldType::Reference(target), id) => (target, vec![id]),
                        (FieldType::IdList(target), Json::Array(ids)) => {
                            (target, ids.iter().collect())
                        }
                        _ => continue,
                    };
                for id in ids.into_iter().filter(|id| id.is_string()) {
                    let is_there = of(target).any(|other| other["id"] == *id)
                        || missing.iter().any(|(of, other)| *of == target && other["id"] == *id);
                    if !is_there {
                        let mut stub = json!({ "id": id, "name": "Not taken along" });
                        if target == "plantemplates" {
                            stub["productId"] = object["productId"].clone();
                        }
                        missing.push((target, stub));
                    }
                }
            }
        }
    }
    missing
}

fn holding(mut objects: Map<String, Json>) -> Result<State, String> {
    let config = objects.remove("organizationconfig").unwrap_or_default();
    let mut state = State::with_organization_config(config);
    for path in ORDER {
        let resource = named(path).expect("the order names emulated resources");
        let list = objects.remove(path);
        for object in list.and_then(|list| list.as_array().cloned()).into_iter().flatten() {
            state.insert_example(resource, object.as_object().cloned().unwrap_or_default());
        }
    }
    match objects.keys().next() {
        Some(unknown) => Err(unknown_resource(unknown)),
        None => Ok(state),
    }
}
