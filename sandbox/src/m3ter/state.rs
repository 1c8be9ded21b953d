//! The objects of the organization, with their history so that a list can lag behind.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::resources::{RESOURCES, Resource, named};
use super::{Refusal, Rules, bad_request, fields, not_found, overlaps, references};

/// Whom the audit fields name.
const SERVICE_USER: &str = "00000000-0000-4000-8000-00000000beef";

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

    /// Puts an example object in place, as it is.
    pub(super) fn insert_example(
        &mut self,
        resource: &'static Resource,
        fields: Map<String, Json>,
    ) {
        let mut object = fields;
        for (name, value) in [
            ("version", json!(1)),
            ("dtCreated", json!("2026-01-01T00:00:00.000Z")),
            ("dtLastModified", json!("2026-01-01T00:00:00.000Z")),
            ("createdBy", json!(SERVICE_USER)),
            ("lastModifiedBy", json!(SERVICE_USER)),
        ] {
            object.entry(name).or_insert(value);
        }
        references::derive(self, resource, &mut object);
        self.objects.entry(resource.path).or_default().push(History(vec![(0, Some(object))]));
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

    pub(super) fn create(
        &mut self,
        resource: &'static Resource,
        body: Json,
        rules: Rules,
        now_ms: u64,
    ) -> Result<Json, Refusal> {
        let Json::Object(mut object) = body else {
            return Err(bad_request("The body must be an object"));
        };
        object.remove("version");
        self.check(resource, &object, None, rules)?;
        let object = self.complete(resource, object, &Uuid::new_v4().to_string(), 1, None);
        self.objects
            .entry(resource.path)
            .or_default()
            .push(History(vec![(now_ms, Some(object.clone()))]));
        Ok(Json::Object(object))
    }

    pub(super) fn replace(
        &mut self,
        resource: &'static Resource,
        id: &str,
        body: Json,
        rules: Rules,
        now_ms: u64,
    ) -> Result<Json, Refusal> {
        let present = self.get(resource, id).cloned().ok_or_else(|| not_found(resource, id))?;
        check_version(&body, &Json::Object(present.clone()))?;
        let Json::Object(object) = body else {
            return Err(bad_request("The body must be an object"));
        };
        self.check(resource, &object, Some(&present), rules)?;
        let version = present["version"].as_i64().unwrap_or_default() + 1;
        let object = self.complete(resource, object, id, version, Some(&present));
        self.write(resource, id, now_ms, Some(object.clone()));
        Ok(Json::Object(object))
    }

    pub(super) fn delete(
        &mut self,
        resource: &'static Resource,
        id: &str,
        now_ms: u64,
    ) -> Result<Json, Refusal> {
        let present = self.get(resource, id).cloned().ok_or_else(|| not_found(resource, id))?;
        if let Some(user) = references::user_of(self, resource, id) {
            return Err(bad_request(format!("{} {id} is in use by a {user}", resource.name)));
        }
        self.write(resource, id, now_ms, None);
        Ok(Json::Object(present))
    }

    /// Ends an object as the end-date calls do: its version rises, nothing else changes.
    pub(super) fn end(
        &mut self,
        resource: &Resource,
        id: &str,
        end_date: &str,
        now_ms: u64,
    ) -> Result<Json, Refusal> {
        let mut object = self.get(resource, id).cloned().ok_or_else(|| not_found(resource, id))?;
        object.insert("endDate".to_owned(), json!(end_date));
        object.insert(
            "version".to_owned(),
            json!(object["version"].as_i64().unwrap_or_default() + 1),
        );
        object.insert(
            "dtLastModified".to_owned(),
            json!(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
        );
        self.write(resource, id, now_ms, Some(object.clone()));
        Ok(Json::Object(object))
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

    fn write(
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

    fn check(
        &self,
        resource: &Resource,
        body: &Map<String, Json>,
        present: Option<&Map<String, Json>>,
        rules: Rules,
    ) -> Result<(), Refusal> {
        fields::check(resource, body, rules.reject_unknown_properties)?;
        references::check(self, resource, body, present)?;
        if let Some(code) = body.get("code").filter(|code| !code.is_null()) {
            let own_id = present.map(|object| &object["id"]);
            if self
                .present(resource.path)
                .any(|other| other.get("code") == Some(code) && Some(&other["id"]) != own_id)
            {
                return Err(bad_request(format!("{} code {code} already exists", resource.name)));
            }
        }
        overlaps::check(self, resource, body, present, rules)
    }

    fn complete(
        &self,
        resource: &Resource,
        mut object: Map<String, Json>,
        id: &str,
        version: i64,
        present: Option<&Map<String, Json>>,
    ) -> Map<String, Json> {
        object.retain(|_, value| !value.is_null());
        let now = json!(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        let before = |name: &str| present.and_then(|object| object.get(name)).cloned();
        object.insert("id".to_owned(), json!(id));
        object.insert("version".to_owned(), json!(version));
        object.insert("dtCreated".to_owned(), before("dtCreated").unwrap_or_else(|| now.clone()));
        object.insert("dtLastModified".to_owned(), now);
        object.insert(
            "createdBy".to_owned(),
            before("createdBy").unwrap_or_else(|| json!(SERVICE_USER)),
        );
        object.insert("lastModifiedBy".to_owned(), json!(SERVICE_USER));
        references::derive(self, resource, &mut object);
        object
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

fn check_version(body: &Json, present: &Json) -> Result<(), Refusal> {
    match body.get("version").and_then(Json::as_i64) {
        None => Err(bad_request("version must not be null")),
        Some(version) if Some(version) != present["version"].as_i64() => Err(bad_request(format!(
            "version {version} is stale, the current one is {}",
            present["version"]
        ))),
        Some(_) => Ok(()),
    }
}
