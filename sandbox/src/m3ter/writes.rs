//! What a request makes of the objects, if the rules allow it.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::refusal::{Refusal, bad_request, not_found};
use super::resource::Resource;
use super::rules::Rules;
use super::state::{State, check_version};
use super::{fields, overlaps, references};

/// Whom the audit fields name.
const SERVICE_USER: &str = "00000000-0000-4000-8000-00000000beef";

impl State {
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
        self.add(resource, 0, object);
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
        self.add(resource, now_ms, object.clone());
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

    fn check(
        &self,
        resource: &Resource,
        body: &Map<String, Json>,
        present: Option<&Map<String, Json>>,
        rules: Rules,
    ) -> Result<(), Refusal> {
        fields::check(resource, body, rules.reject_unknown_properties)?;
        references::check(self, resource, body, present)?;
        if let Some(code) = body.get("code").and_then(Json::as_str) {
            let own_id = present.map(|object| &object["id"]);
            let mut others = self.present_with(resource.path, "code", code);
            if others.any(|other| Some(&other["id"]) != own_id) {
                return Err(bad_request(format!("{} code {code:?} already exists", resource.name)));
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
}
