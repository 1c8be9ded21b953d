//! The emulated m3ter organization: Config API and token endpoint. Source: m3ter API reference.
//!
//! What m3ter does not document is fixed here, and where it may go either way it is a rule that a
//! test can change: Commitments overlap when account, contract (none = none), products (none = all)
//! and half-open dates intersect; a stale version, a duplicate code and a missing reference are 400
//! with a message. End dating leaves alone what has ended by then, fails for what has not begun by
//! then, and reaches the Pricings of bespoke Plans only. Numbers are doubles, as the API document
//! says.
//!
//! m3ter says how many requests a second may hold (50), and not how it counts that second. `PUT
//! /sandbox/limits` takes `{"requestsPerSecond":50,"counting":"calendar","offsetMs":0}`: each
//! second of its clock for itself, which is `offsetMs` ahead of the emulator's start; or
//! `"counting":"sliding"`, any window of a second; or `"counting":"bucket"`, a bucket of 50 tokens
//! that fills at 50 a second. The calendar without an offset is what counts until then.

mod doubles;
mod ending;
mod examples;
mod fields;
mod lists;
mod overlaps;
mod references;
mod refusal;
mod resource;
mod resources;
mod rules;
mod state;
mod tokens;
mod writes;

use std::sync::Mutex;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use uuid::Uuid;

use crate::control::{Control, lock};
use crate::emulator::{self, Emulator};
use crate::vendor::{Vendor, VendorRequest};
use refusal::{Refusal, bad_request, not_found};
use rules::Rules;
use state::State;
use tokens::Tokens;

pub use examples::Contents;

/// The id of the organization.
pub const ORGANIZATION: &str = "11111111-1111-4111-8111-111111111111";

/// m3ter's documented limit for one organization.
const REQUESTS_PER_SECOND: u32 = 50;

/// The emulated organization.
#[derive(Debug)]
pub struct M3ter {
    contents: Contents,
    state: Mutex<State>,
    tokens: Mutex<Tokens>,
    rules: Mutex<Rules>,
}

/// Starts the emulator with the example records on a loopback port; 0 takes a free one.
pub async fn start(port: u16) -> std::io::Result<Emulator<M3ter>> {
    start_with(port, Contents::examples()).await
}

/// The same with other contents.
pub async fn start_with(port: u16, contents: Contents) -> std::io::Result<Emulator<M3ter>> {
    let vendor = |_: &str| M3ter {
        state: Mutex::new(contents.state()),
        contents,
        tokens: Mutex::default(),
        rules: Mutex::default(),
    };
    emulator::start(port, Some(REQUESTS_PER_SECOND), vendor).await
}

/// What is wrong with the id of an object beside others.
fn check_id(id: &Json, others: &[Json]) -> Result<(), String> {
    let Some(text) = id.as_str().filter(|id| !id.is_empty()) else {
        return Err("has no `id`".to_owned());
    };
    if Uuid::try_parse(text).is_err() || text.len() != 36 {
        return Err(format!(
            "has the `id` `{text}`; m3ter's are such as 0000f400-0000-4000-8000-000000000000"
        ));
    }
    if others.iter().any(|other| other["id"] == *id) {
        return Err(format!("has the `id` {text}, which another one has already"));
    }
    Ok(())
}

impl M3ter {
    /// The objects of a resource (`accounts`), as the API answers them.
    pub fn objects(&self, resource: &str) -> Vec<Map<String, Json>> {
        lock(&self.state).present(resource).cloned().collect()
    }

    /// Adds objects, in lists by resource as `GET /sandbox/state` shows them: all, or none with what
    /// is wrong.
    pub fn add(&self, objects: &Json) -> Result<(), String> {
        let lists = objects.as_object().ok_or("`m3ter` is not lists of objects by resource")?;
        let mut state = lock(&self.state);
        let mut all = state.snapshot();
        for (resource, list) in lists {
            let present = all[resource].as_array_mut();
            let present = present.ok_or_else(|| resources::unknown_resource(resource))?;
            let list = list.as_array().ok_or_else(|| format!("`{resource}` is not a list"))?;
            for (place, object) in list.iter().enumerate() {
                check_id(&object["id"], present)
                    .map_err(|what| format!("object {} of `{resource}` {what}", place + 1))?;
                present.push(object.clone());
            }
        }
        *state = self.contents.restored(all)?;
        Ok(())
    }

    /// Carries out a request inside the organization as a trusted caller: for tests that change
    /// m3ter from outside a sync.
    pub fn request(&self, method: &str, path: &str, body: &Json) -> Result<Json, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let control = Control::new(None);
        self.inside_organization(&method, path, "", &body.to_string().into_bytes(), &control)
            .map_err(|(_, message)| message)
    }

    /// Changes what m3ter leaves open, as `PUT /sandbox/rules` does.
    pub fn change_rules(&self, rules: &Json) -> Result<(), String> {
        *lock(&self.rules) = Rules::deserialize(rules).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inside_organization(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        body: &[u8],
        control: &Control,
    ) -> Result<Json, Refusal> {
        let rules = *lock(&self.rules);
        let mut state = lock(&self.state);
        let body = || {
            let body = serde_json::from_slice::<Json>(body)
                .map_err(|error| bad_request(format!("Malformed JSON: {error}")))?;
            doubles::held(body)
        };
        if path == "/organizationconfig" {
            return match *method {
                Method::GET => Ok(state.organization_config().clone()),
                Method::PUT => state.replace_organization_config(body()?),
                _ => Err(unknown(method, path, control)),
            };
        }
        if let Some((resource, id, action)) = resources::find_action(path) {
            return match (method, resource.path, action) {
                (&Method::PUT, "accounts" | "contracts", "enddatebillingentities") => {
                    ending::end(&mut state, resource, id, &body()?, rules, control.elapsed_ms())
                }
                (&Method::POST, "accountplans", "replace") => {
                    ending::replace(&mut state, id, body()?, rules, control.elapsed_ms())
                }
                (&Method::GET, "accounts", "children") => {
                    lists::children(&state, resource, id, query, control)
                }
                _ => Err(unknown(method, path, control)),
            };
        }
        let Some((resource, id)) = resources::find(path) else {
            return Err(unknown(method, path, control));
        };
        match (method, id) {
            (&Method::GET, None) => lists::list(&state, resource, query, control),
            (&Method::GET, Some(id)) => state
                .get(resource, id)
                .map(|object| Json::Object(object.clone()))
                .ok_or_else(|| not_found(resource, id)),
            (&Method::POST, None) => state.create(resource, body()?, rules, control.elapsed_ms()),
            (&Method::PUT, Some(id)) => {
                state.replace(resource, id, body()?, rules, control.elapsed_ms())
            }
            (&Method::DELETE, Some(id)) => state.delete(resource, id, control.elapsed_ms()),
            _ => Err(unknown(method, path, control)),
        }
    }

    fn organization_answer(
        &self,
        request: &VendorRequest,
        path: &str,
        control: &Control,
    ) -> Result<Json, Refusal> {
        lock(&self.tokens).check(&request.headers)?;
        if !control.admit() {
            return Err((StatusCode::TOO_MANY_REQUESTS, "Too many requests".to_owned()));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        self.inside_organization(
            &request.method,
            path,
            request.uri.query().unwrap_or_default(),
            &request.body,
            control,
        )
    }
}

fn unknown(method: &Method, path: &str, control: &Control) -> Refusal {
    control.note_unexpected();
    (StatusCode::NOT_FOUND, format!("{method} {path} is not part of the API"))
}

impl Vendor for M3ter {
    fn answer(&self, request: VendorRequest, control: &Control) -> Response<Body> {
        let path = request.uri.path().to_owned();
        let outcome = if path == "/oauth/token" {
            lock(&self.tokens).issue(&request, control)
        } else if let Some(inside) = path.strip_prefix(&format!("/organizations/{ORGANIZATION}")) {
            self.organization_answer(&request, inside, control)
        } else if path.starts_with("/organizations/") {
            Err((StatusCode::FORBIDDEN, "The organization is unknown or not permitted".to_owned()))
        } else {
            Err(unknown(&request.method, &path, control))
        };
        match outcome {
            Ok(body) => json_response(StatusCode::OK, &body),
            Err((status, message)) => self.error(status, &message),
        }
    }

    fn logged_path(&self, path: &str) -> String {
        match path.strip_prefix("/organizations/") {
            Some(rest) => {
                rest.find('/').map_or_else(|| "/".to_owned(), |slash| rest[slash..].to_owned())
            }
            None => path.to_owned(),
        }
    }

    fn error(&self, status: StatusCode, message: &str) -> Response<Body> {
        json_response(status, &json!({ "message": message }))
    }

    fn coded_error(&self, path: &str, code: &str, message: &str) -> Json {
        if path.ends_with("/oauth/token") {
            return json!({ "error": code, "error_description": message });
        }
        json!({ "message": message, "errorCode": code })
    }

    fn state(&self) -> Json {
        lock(&self.state).snapshot()
    }

    fn restore(&self, state: Json) -> Result<(), String> {
        *lock(&self.state) = self.contents.restored(state)?;
        Ok(())
    }

    fn reset(&self) {
        *lock(&self.state) = self.contents.state();
        *lock(&self.rules) = Rules::default();
    }

    fn set_rules(&self, rules: Json) -> Result<(), String> {
        self.change_rules(&rules)
    }

    fn expire_tokens(&self) {
        lock(&self.tokens).expire();
    }
}

fn json_response(status: StatusCode, body: &Json) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The fields that only answers carry: a client that writes an object back leaves them out.
const ANSWERED: [&str; 8] = [
    "id",
    "dtCreated",
    "dtLastModified",
    "createdBy",
    "lastModifiedBy",
    "productId",
    "amountSpent",
    "aggregationType",
];

/// An object as it is written back.
pub fn written_back(mut object: Map<String, Json>) -> Map<String, Json> {
    object.retain(|name, _| !ANSWERED.contains(&name.as_str()));
    object
}
