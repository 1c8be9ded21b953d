//! The objects of the organization, with their history so that a list can lag behind.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::refusal::{Refusal, bad_request};
use super::resource::Resource;
use super::resources::{RESOURCES, named};

/// All objects by resource, oldest first.
#[derive(Debug, Default)]
pub(super) struct State {
    objects: HashMap<&'static str, Vec<History>>,
    organization_config: Json,
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
        self.objects.get(resource).into_iter().flatten().filter_map(History::now)
    }

    /// The histories of a resource, oldest object first.
    pub(super) fn histories(&self, resource: &str) -> impl DoubleEndedIterator<Item = &History> {
        self.objects.get(resource).into_iter().flatten()
    }

    pub(super) fn get(&self, resource: &Resource, id: &str) -> Option<&Map<String, Json>> {
        self.present(resource.path).find(|object| object["id"] == id)
    }

    /// Takes the last change of an object back.
    pub(super) fn take_back(&mut self, resource: &Resource, id: &str) {
        let history = self
            .objects
            .get_mut(resource.path)
            .into_iter()
            .flatten()
            .find(|history| history.now().is_some_and(|now| now["id"] == id));
        if let Some(history) = history {
            history.0.pop();
        }
    }

    /// Adds an object at an instant, in milliseconds since the start.
    pub(super) fn add(
        &mut self,
        resource: &'static Resource,
        now_ms: u64,
        object: Map<String, Json>,
    ) {
        let histories = self.objects.entry(resource.path).or_default();
        histories.push(History(vec![(now_ms, Some(object))]));
    }

    /// Gives an object another version, or none any more.
    pub(super) fn write(
        &mut self,
        resource: &Resource,
        id: &str,
        now_ms: u64,
        object: Option<Map<String, Json>>,
    ) {
        let history = self.objects.get_mut(resource.path).and_then(|all| {
            all.iter_mut().find(|history| history.now().is_some_and(|now| now["id"] == id))
        });
        if let Some(history) = history {
            history.0.push((now_ms, object));
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
