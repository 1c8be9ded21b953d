//! The emulated Salesforce org: OAuth, queries, describes, records and collections. Source: REST
//! API Developer Guide.
//!
//! What the integration user may not see is played as Salesforce plays it: a hidden field or object
//! is one that does not exist, a hidden record is absent.

mod answer;
mod collections;
mod describe;
mod evaluate;
mod examples;
mod identity;
mod limits;
mod numbers;
mod org;
mod paging;
mod records;
mod request;
#[doc(hidden)]
pub mod soql;
mod tables;
mod tokens;
mod tree;
mod upsert;
mod users;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value as Json, json};

use crate::control::{Act, Control, lock};
use crate::emulator::{self, Emulator};
use crate::vendor::{Vendor, VendorRequest};
use answer::{Answer, ApiError};
use evaluate::{Evaluation, Index};
use org::{Org, Rules};
use paging::{Cursors, Reader};
use request::{Request, VERSIONS, versioned, with_one_slash};
use tokens::{Site, Tokens};

pub use examples::{Contents, EXAMPLE_RECORDS};
pub use identity::{INTEGRATION_USER, INTEGRATION_USERNAME, ORGANIZATION};
pub use users::Added;

/// Daily API requests of the org, as `Sforce-Limit-Info` tells them.
const DAILY_REQUESTS: u32 = 100_000;

/// The emulated org.
#[derive(Debug)]
pub struct Salesforce {
    base_url: String,
    contents: Contents,
    org: Mutex<Org>,
    tokens: Mutex<Tokens>,
    cursors: Mutex<Cursors>,
    requests: AtomicU32,
}

/// Starts the emulator with the example records on a loopback port; 0 takes a free one.
pub async fn start(port: u16) -> std::io::Result<Emulator<Salesforce>> {
    start_with(port, Contents::examples()).await
}

/// The same with other contents.
pub async fn start_with(port: u16, contents: Contents) -> std::io::Result<Emulator<Salesforce>> {
    let vendor = |base_url: &str| Salesforce {
        base_url: base_url.to_owned(),
        org: Mutex::new(contents.org()),
        contents,
        tokens: Mutex::default(),
        cursors: Mutex::default(),
        requests: AtomicU32::new(0),
    };
    emulator::start(port, None, vendor).await
}

impl Salesforce {
    /// Changes who may see what; the shape of `PUT /sandbox/rules`.
    pub fn rules(&self, rules: &Json) -> Result<(), String> {
        let rules: Rules =
            serde_json::from_value(rules.clone()).map_err(|error| error.to_string())?;
        lock(&self.org).set_rules(rules, self.contents.hidden());
        Ok(())
    }

    fn log_in(&self, request: &VendorRequest, control: &Control) -> Answer {
        let (public_key, instance_url) = {
            let org = lock(&self.org);
            (org.rules.jwt_public_key.clone(), org.rules.instance_url.clone())
        };
        let site = Site {
            base_url: &self.base_url,
            instance_url: instance_url.as_deref().unwrap_or(&self.base_url),
            public_key: public_key.as_deref(),
            control,
        };
        lock(&self.tokens).issue(request, &site)
    }

    /// A request below `/services/data/vXX.X`.
    fn rest(&self, request: &Request<'_>, control: &Control) -> Result<Answer, ApiError> {
        let mut answer = self.carry_out(request, control)?;
        if let Some(url) = answer.body.as_mut().and_then(|body| body.pointer_mut("/attributes/url"))
            && let Some(path) = url.as_str().filter(|path| path.starts_with("/sobjects/"))
        {
            *url = json!(format!("{}{path}", request.version_path()));
        }
        Ok(answer)
    }

    fn carry_out(&self, request: &Request<'_>, control: &Control) -> Result<Answer, ApiError> {
        let segments: Vec<&str> =
            request.path.split('/').filter(|segment| !segment.is_empty()).collect();
        match (request.method, segments.as_slice()) {
            (&Method::GET, []) => Ok(Answer::ok(json!({
                "identity": format!("{}/id/{ORGANIZATION}/{INTEGRATION_USER}", self.base_url),
                "query": format!("{}/query", request.version_path()), "sobjects": format!("{}/sobjects", request.version_path()),
            }))),
            (&Method::GET, ["query"]) => self.query(request, false),
            (&Method::GET, ["queryAll"]) => self.query(request, true),
            (&Method::GET, ["query" | "queryAll", cursor]) => self.next_page(request, cursor),
            (&Method::GET, ["limits"]) => {
                let used = self.requests.load(Ordering::Relaxed);
                Ok(Answer::ok(
                    json!({ "DailyApiRequests": { "Max": DAILY_REQUESTS, "Remaining": DAILY_REQUESTS.saturating_sub(used) } }),
                ))
            }
            (&Method::GET, ["sobjects"]) => Ok(describe::global_describe(&lock(&self.org))),
            (_, ["sobjects", object, field, value]) => {
                let path = [*object, *field, *value];
                upsert::by_path(
                    &mut lock(&self.org),
                    request.method,
                    path,
                    &request.version_path(),
                    request.body,
                )
            }
            (_, ["sobjects", rest @ ..]) => records::sobject(
                &mut lock(&self.org),
                request.method,
                rest,
                request.query,
                request.body,
            ),
            (
                &Method::PATCH | &Method::POST | &Method::DELETE,
                ["composite", "sobjects", rest @ ..],
            ) => collections::collection(
                &mut lock(&self.org),
                request.method,
                rest,
                request.query,
                request.body,
            ),
            (&Method::POST, ["composite", "tree", object]) => {
                tree::create(&mut lock(&self.org), object, request.body, None)
            }
            (&Method::POST, ["composite"]) => self.composite(request, control),
            // Clients look there for what only some orgs have.
            (&Method::GET, ["tooling", "query"]) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "INVALID_TYPE",
                "the emulated org has no objects of the Tooling API",
            )),
            _ => {
                control.note_unexpected();
                Err(ApiError::new(
                    StatusCode::NOT_FOUND,
                    "NOT_FOUND",
                    "The requested resource does not exist",
                ))
            }
        }
    }

    fn query(&self, request: &Request<'_>, with_deleted: bool) -> Result<Answer, ApiError> {
        let soql = url::form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == "q")
            .map(|(_, soql)| soql.into_owned());
        let soql = soql.ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "MALFORMED_QUERY",
                "A query string has to be specified",
            )
        })?;
        let query = soql::parse(&soql).map_err(|malformed| {
            let place = format!("\nERROR at Row:1:Column:{}\n{malformed}", malformed.at + 1);
            ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", place)
        })?;
        // What the columns are, without rows: the Salesforce CLI asks for it to print a table.
        if url::form_urlencoded::parse(request.query.as_bytes())
            .any(|(name, value)| name == "columns" && value == "true")
        {
            return Ok(Answer::ok(
                json!({ "columnMetadata": soql::columns(&query), "entityName": query.from, "groupBy": !query.group.is_empty(), "idSelected": false, "keyPrefix": null }),
            ));
        }
        let org = lock(&self.org);
        let rows = Evaluation {
            org: &org,
            text: &soql,
            with_deleted,
            version: request.version,
            index: Index::default(),
        }
        .rows(&query)?;
        if let Some(count) = rows.count {
            return Ok(Answer::ok(json!({ "totalSize": count, "done": true, "records": [] })));
        }
        let most = request.batch_size();
        let mut cursors = lock(&self.cursors);
        let reader = Reader {
            session: tokens::session(request.headers).unwrap_or_default(),
            page_rows: most,
            child_rows: org.rules.child_page_rows.unwrap_or(most),
            version_path: &request.version_path(),
        };
        let mut page = cursors.first_page(rows.records, reader);
        if let Some(next) = &org.rules.next_records_url {
            page["nextRecordsUrl"] = json!(next);
        }
        Ok(Answer::ok(page))
    }

    fn next_page(&self, request: &Request<'_>, cursor: &str) -> Result<Answer, ApiError> {
        let mut cursors = lock(&self.cursors);
        cursors.keep(|session| lock(&self.tokens).has(session));
        let page = cursors.next_page(cursor, &request.version_path());
        let expired = || {
            ApiError::new(StatusCode::BAD_REQUEST, "INVALID_QUERY_LOCATOR", "invalid query locator")
        };
        page.map(Answer::ok).ok_or_else(expired)
    }

    /// Subrequests one after the other, each for itself.
    fn composite(&self, request: &Request<'_>, control: &Control) -> Result<Answer, ApiError> {
        let malformed = |error: serde_json::Error| {
            ApiError::new(StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR", error.to_string())
        };
        let body: Json = serde_json::from_slice(request.body).map_err(malformed)?;
        let subrequests =
            body.get("compositeRequest").and_then(Json::as_array).cloned().unwrap_or_default();
        if subrequests.len() > 25 {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "PROCESSING_HALTED",
                "at most 25 subrequests are allowed",
            ));
        }
        let responses: Vec<Json> = subrequests
            .iter()
            .map(|subrequest| {
                let text = |field: &str| subrequest.get(field).and_then(Json::as_str).unwrap_or_default();
                let method = Method::from_bytes(text("method").as_bytes()).unwrap_or(Method::GET);
                let (path, query) = text("url").split_once('?').unwrap_or((text("url"), ""));
                let (version, path) = versioned(path).unwrap_or((request.version, path));
                let body = subrequest.get("body").map(Json::to_string).unwrap_or_default();
                let inner = Request { method: &method, version, path, query, headers: request.headers, body: body.as_bytes() };
                let (status, body) = match self.rest(&inner, control) {
                    Ok(answer) => (answer.status, answer.body.unwrap_or(Json::Null)),
                    Err(error) => (error.status, error.body()),
                };
                json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status.as_u16(), "referenceId": text("referenceId") })
            })
            .collect();
        Ok(Answer::ok(json!({ "compositeResponse": responses })))
    }

    fn dispatch(&self, request: &VendorRequest, control: &Control) -> Result<Answer, ApiError> {
        let path = with_one_slash(request.uri.path());
        match (&request.method, path.trim_end_matches('/')) {
            (&Method::POST, "/services/oauth2/token") => return Ok(self.log_in(request, control)),
            (&Method::POST | &Method::GET, "/services/oauth2/revoke") => {
                return Ok(lock(&self.tokens).revoke(request));
            }
            (&Method::GET, "/services/data") => {
                let versions = VERSIONS.map(|version| json!({ "label": format!("{version}.0"), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0") }));
                return Ok(Answer::ok(versions.collect()));
            }
            _ => {}
        }
        if !lock(&self.tokens).is_open(&request.headers) {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "INVALID_SESSION_ID",
                "Session expired or invalid",
            ));
        }
        if path.trim_end_matches('/') == "/services/oauth2/userinfo" || path.starts_with("/id/") {
            return Ok(Answer::ok(
                json!({ "user_id": INTEGRATION_USER, "organization_id": ORGANIZATION, "preferred_username": INTEGRATION_USERNAME }),
            ));
        }
        if !control.admit() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded.",
            ));
        }
        let Some((version, path)) = versioned(path) else {
            control.note_unexpected();
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "The requested resource does not exist",
            ));
        };
        let query = request.uri.query().unwrap_or_default();
        self.rest(
            &Request {
                method: &request.method,
                version,
                path,
                query,
                headers: &request.headers,
                body: &request.body,
            },
            control,
        )
    }
}

impl Vendor for Salesforce {
    fn answer(&self, request: VendorRequest, control: &Control) -> Response<Body> {
        let used = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut response = match self.dispatch(&request, control) {
            Ok(Answer { status, body }) => respond(status, body.as_ref()),
            Err(error) => respond(error.status, Some(&error.body())),
        };
        if let Ok(usage) = HeaderValue::from_str(&format!("api-usage={used}/{DAILY_REQUESTS}")) {
            response.headers_mut().insert("Sforce-Limit-Info", usage);
        }
        response
    }

    fn logged_path(&self, path: &str) -> String {
        let path = with_one_slash(path);
        let path = versioned(path).map_or(path, |(_, path)| path).trim_end_matches('/');
        if path.is_empty() { "/".to_owned() } else { path.to_owned() }
    }

    fn error(&self, status: StatusCode, message: &str) -> Response<Body> {
        let code = match status.as_u16() {
            401 => "INVALID_SESSION_ID",
            403 => "REQUEST_LIMIT_EXCEEDED",
            503 => "SERVER_UNAVAILABLE",
            500.. => "UNKNOWN_EXCEPTION",
            _ => "INVALID_OPERATION",
        };
        respond(status, Some(&ApiError::new(status, code, message).body()))
    }

    fn coded_error(&self, path: &str, code: &str, message: &str) -> Json {
        if path.starts_with("/services/oauth2/") {
            return json!({ "error": code, "error_description": message });
        }
        json!([{ "message": message, "errorCode": code }])
    }

    fn state(&self) -> Json {
        lock(&self.org).snapshot()
    }

    fn restore(&self, state: Json) -> Result<(), String> {
        *lock(&self.org) = self.contents.restored(state)?;
        *lock(&self.cursors) = Cursors::default();
        Ok(())
    }

    fn reset(&self) {
        *lock(&self.org) = self.contents.org();
        *lock(&self.cursors) = Cursors::default();
    }

    fn set_rules(&self, rules: Json) -> Result<(), String> {
        self.rules(&rules)
    }

    fn expire_tokens(&self) {
        lock(&self.tokens).expire();
    }

    fn act(&self, act: Act) -> Result<(), String> {
        let mut org = lock(&self.org);
        let table_of = |org: &Org, id: &str| {
            org.find_anywhere(id)
                .map(|(table, _)| table)
                .ok_or_else(|| format!("no record has the id {id}"))
        };
        match act {
            Act::Merge { master, loser } => {
                org.merge(&master, &loser).map_err(|error| error.message)
            }
            Act::Purge { id } => {
                let table = table_of(&org, &id)?;
                org.purge(table, &id);
                Ok(())
            }
            Act::Undelete { id } => {
                let table = table_of(&org, &id)?;
                if org.undelete(table, &id) {
                    Ok(())
                } else {
                    Err(format!("{id} is not in the recycle bin"))
                }
            }
        }
    }
}

fn respond(status: StatusCode, body: Option<&Json>) -> Response<Body> {
    let mut response =
        Response::new(body.map_or_else(Body::empty, |body| Body::from(numbers::write(body))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}
