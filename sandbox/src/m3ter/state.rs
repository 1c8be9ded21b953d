//! The objects of the organization, with their history so that a list can lag behind.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::refusal::{Refusal, bad_request};
use super::resource::Resource;
use super::resources::{RESOURCES, named};

/// The fields by which objects are found without a look at every one.
const INDEXED: [&str; 4] = ["id", "code", "accountId", "planId"];

/// All objects by resource.
#[derive(Debug, Default)]
pub(super) struct State {
    objects: HashMap<&'static str, Objects>,
    organization_config: Json,
}

/// The objects of one resource.
#[derive(Debug, Default)]
struct Objects {
    /// Oldest first.
    histories: Vec<History>,
    /// Where the objects stand that hold a value in an indexed field, or once held it; in order.
    holders: [HashMap<String, Vec<usize>>; INDEXED.len()],
}

impl Objects {
    fn add(&mut self, version: (u64, Option<Map<String, Json>>)) {
        self.histories.push(History(Vec::new()));
        self.write(self.histories.len() - 1, version);
    }

    fn write(&mut self, position: usize, version: (u64, Option<Map<String, Json>>)) {
        let object = version.1.as_ref();
        for (field, holders) in INDEXED.iter().zip(&mut self.holders) {
            if let Some(value) = object.and_then(|object| object.get(*field)?.as_str()) {
                let positions = holders.entry(value.to_owned()).or_default();
                if let Err(place) = positions.binary_search(&position) {
                    positions.insert(place, position);
                }
            }
        }
        self.histories[position].0.push(version);
    }

    /// Where the objects stand that hold a value in a field, or once held it; `None` if the field
    /// is not indexed.
    fn holders(&self, field: &str, value: &str) -> Option<&[usize]> {
        let index = INDEXED.iter().position(|indexed| *indexed == field)?;
        Some(self.holders[index].get(value).map_or(&[], Vec::as_slice))
    }

    /// Where the object with an id stands now.
    fn position(&self, id: &str) -> Option<usize> {
        let is_it = |position: &&usize| {
            self.histories[**position].now().is_some_and(|object| object["id"] == id)
        };
        self.holders("id", id)?.iter().find(is_it).copied()
    }
}

/// One object in its versions; `None` once it is deleted.
#[derive(Debug)]
pub(super) struct History(Vec<(u64, Option<Map<String, Json>>)>);

impl History {
    fn now(&self) -> Option<&Map<String, Json>> {
        self.0.last().and_then(|(_, object)| object.as_ref())
    }

    /// The object as it was at an instant, in milliseconds since the start.
    pub(super) fn at(&self, instant_ms: u64) -> Option<&Map<String, Json>> {
        self.0
            .iter()
            .rev()
            .find(|(since, _)| *since <= instant_ms)
            .and_then(|(_, object)| object.as_ref())
    }
}

impl State {
    pub(super) fn with_organization_config(config: Json) -> Self {
        Self { objects: HashMap::new(), organization_config: config }
    }

    pub(super) fn organization_config(&self) -> &Json {
        &self.organization_config
    }

    pub(super) fn replace_organization_config(&mut self, body: Json) -> Result<Json, Refusal> {
        let required = [
            "timezone",
            "yearEpoch",
            "monthEpoch",
            "weekEpoch",
            "dayEpoch",
            "currency",
            "daysBeforeBillDue",
        ];
        if let Some(missing) =
            required.iter().find(|name| body.get(**name).is_none_or(Json::is_null))
        {
            return Err(bad_request(format!("{missing} must not be null")));
        }
        if body.get("allowOverlappingPlans").is_some_and(|allowed| !allowed.is_boolean()) {
            return Err(bad_request("allowOverlappingPlans must be a boolean"));
        }
        check_version(&body, &self.organization_config)?;
        let version = self.organization_config["version"].as_i64().unwrap_or_default() + 1;
        let id = self.organization_config["id"].clone();
        self.organization_config = body;
        self.organization_config["id"] = id;
        self.organization_config["version"] = json!(version);
        Ok(self.organization_config.clone())
    }

    /// The objects of a resource that exist now, oldest first.
    pub(super) fn present(&self, resource: &str) -> impl Iterator<Item = &Map<String, Json>> {
        self.objects
            .get(resource)
            .into_iter()
            .flat_map(|objects| &objects.histories)
            .filter_map(History::now)
    }

    /// Those of them that hold a value in a field.
    pub(super) fn present_with<'a>(
        &'a self,
        resource: &str,
        field: &'a str,
        value: &'a str,
    ) -> impl Iterator<Item = &'a Map<String, Json>> {
        self.histories_with(resource, field, &[value])
            .into_iter()
            .filter_map(History::now)
            .filter(move |object| object.get(field).is_some_and(|held| held == value))
    }

    /// The histories of a resource, oldest object first.
    pub(super) fn histories(&self, resource: &str) -> Vec<&History> {
        self.objects.get(resource).into_iter().flat_map(|objects| &objects.histories).collect()
    }

    /// Those of them that may hold one of the values in a field: all, if the field is not indexed.
    pub(super) fn histories_with(
        &self,
        resource: &str,
        field: &str,
        values: &[impl AsRef<str>],
    ) -> Vec<&History> {
        let Some(objects) = self.objects.get(resource) else {
            return Vec::new();
        };
        let mut positions = Vec::new();
        for value in values {
            match objects.holders(field, value.as_ref()) {
                Some(holders) => positions.extend_from_slice(holders),
                None => return self.histories(resource),
            }
        }
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter().map(|position| &objects.histories[position]).collect()
    }

    pub(super) fn get(&self, resource: &Resource, id: &str) -> Option<&Map<String, Json>> {
        let objects = self.objects.get(resource.path)?;
        objects.histories[objects.position(id)?].now()
    }

    /// Takes the last change of an object back.
    pub(super) fn take_back(&mut self, resource: &Resource, id: &str) {
        let Some(objects) = self.objects.get_mut(resource.path) else { return };
        if let Some(position) = objects.position(id) {
            objects.histories[position].0.pop();
        }
    }

    /// Adds an object at an instant, in milliseconds since the start.
    pub(super) fn add(
        &mut self,
        resource: &'static Resource,
        now_ms: u64,
        object: Map<String, Json>,
    ) {
        self.objects.entry(resource.path).or_default().add((now_ms, Some(object)));
    }

    /// Gives an object another version, or none any more.
    pub(super) fn write(
        &mut self,
        resource: &Resource,
        id: &str,
        now_ms: u64,
        object: Option<Map<String, Json>>,
    ) {
        let Some(objects) = self.objects.get_mut(resource.path) else { return };
        if let Some(position) = objects.position(id) {
            objects.write(position, (now_ms, object));
        }
    }

    /// All objects by resource, as `GET /sandbox/state` shows them.
    pub(super) fn snapshot(&self) -> Json {
        let by_resource = RESOURCES.iter().map(|resource| {
            let objects: Vec<Json> =
                self.present(resource.path).cloned().map(Json::Object).collect();
            (resource.path.to_owned(), Json::Array(objects))
        });
        let mut all: Map<String, Json> = by_resource.collect();
        all.insert("organizationconfig".to_owned(), self.organization_config.clone());
        Json::Object(all)
    }

    /// The object with this id in a resource named by its path.
    pub(super) fn find(&self, path: &str, id: &Json) -> Option<&Map<String, Json>> {
        self.get(named(path)?, id.as_str()?)
    }
}

pub(super) fn check_version(body: &Json, present: &Json) -> Result<(), Refusal> {
    match body.get("version").and_then(Json::as_i64) {
        None => Err(bad_request("version must not be null")),
        Some(version) if Some(version) != present["version"].as_i64() => Err(bad_request(format!(
            "version {version} is stale, the current one is {}",
            present["version"]
        ))),
        Some(_) => Ok(()),
    }
}
