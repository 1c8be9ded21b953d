//! A world for one test: an org, an organization, the service between them, a database of its own.
//!
//! When it goes away it fails the test if an emulator met a request that it did not understand, or
//! if the service sent m3ter a body that m3ter's own OpenAPI document does not allow.

pub(crate) mod document;
pub(crate) mod m3ter_schema;
pub(crate) mod ports;
pub(crate) mod program;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use sync_to_m3ter::app::App;
use sync_to_m3ter::command::sandbox;
use sync_to_m3ter::config::Config;
use sync_to_m3ter::sync::Scope;
use sync_to_m3ter_sandbox::Emulator;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind, LoggedRequest};
use sync_to_m3ter_sandbox::m3ter::{self, M3ter};
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use document::{Answer, check_answer_and_note};

/// A busy machine may take its time.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// The deal that syncs to all six objects; its account and its line.
pub(crate) const DEAL: &str = "006S900000795MMIAY";
pub(crate) const ACCOUNT: &str = "001S900000RzsIUIAZ";
pub(crate) const LINE: &str = "00kS900000079M1IAI";
/// The deal of the action page's second sample.
pub(crate) const SECOND_SAMPLE: &str = "006S900000795MNIAY";
/// Five lines of different products and tiers.
pub(crate) const FIVE_LINES: &str = "006S90000079FIVIA2";
pub(crate) const DELETED: &str = "006S90000079DELIA2";
pub(crate) const HIDDEN: &str = "006S90000079HIDIA2";
pub(crate) const WITHOUT_TEMPLATE: &str = "006S90000079NOTIA2";
pub(crate) const IN_EURO: &str = "006S90000079EURIA2";

/// The six kinds as m3ter's paths have them.
pub(crate) const KINDS: [&str; 6] =
    ["accounts", "contracts", "commitments", "plans", "pricings", "accountplans"];

pub(crate) struct World {
    pub(crate) org: Emulator<Salesforce>,
    pub(crate) organization: Emulator<M3ter>,
    directory: TempDir,
    mappings_dir: Option<PathBuf>,
    adjust: Box<dyn Fn(&mut Config) + Send + Sync>,
    service: Option<Service>,
    http: reqwest::Client,
    seen: Mutex<BTreeSet<String>>,
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: reqwest::StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
}

struct Service {
    url: String,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_mapping(None).await
    }

    /// A world whose service is configured otherwise.
    pub(crate) async fn with_config(adjust: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        Self::start(None, Box::new(adjust)).await
    }

    /// A world whose Opportunity mapping is the built-in one with some texts replaced.
    pub(crate) async fn with_mapping(replacements: Option<&[(&str, &str)]>) -> Self {
        Self::start(replacements, Box::new(|_| {})).await
    }

    async fn start(
        replacements: Option<&[(&str, &str)]>,
        adjust: Box<dyn Fn(&mut Config) + Send + Sync>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mappings_dir = replacements.map(|replacements| {
            let built_in = include_str!("../../mappings/opportunity.toml");
            let text = replacements.iter().fold(built_in.to_owned(), |text, (from, to)| {
                assert!(text.contains(from), "the built-in mapping has no `{from}`");
                text.replace(from, to)
            });
            std::fs::write(directory.path().join("opportunity.toml"), text).unwrap();
            directory.path().to_owned()
        });
        let mut world = Self {
            org: salesforce::start(0).await.unwrap(),
            organization: m3ter::start(0).await.unwrap(),
            directory,
            mappings_dir,
            adjust,
            service: None,
            http: reqwest::Client::new(),
            seen: Mutex::default(),
        };
        // Rate limits have tests of their own; elsewhere they only take time.
        world.organization.set_requests_per_second(None);
        world.start_service("service.db", 100).await;
        world.until_ready().await;
        world
    }

    async fn start_service(&mut self, database: &str, time_limit_seconds: u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let database = self.directory.path().join(database).display().to_string();
        let mut config = sandbox::config(
            &self.org.base_url(),
            &self.organization.base_url(),
            &database,
            address,
        )
        .unwrap();
        config.m3ter.requests_per_second = None;
        config.access.requests_per_minute = 1_000_000;
        config.mappings_dir = self.mappings_dir.clone();
        config.limits.time = Duration::from_secs(time_limit_seconds);
        (self.adjust)(&mut config);
        let app = App::new(&config, Scope::Everything).await.unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { app.serve(listener, shutdown).await.unwrap() }
        });
        self.service = Some(Service { url: format!("http://{address}"), shutdown, serving });
    }

    pub(crate) async fn until_ready(&self) {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if self.get("/readyz").await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the service did not get ready: {}", self.get("/readyz").await.1);
    }

    /// Waits until a verification has come to a state; its last answer.
    pub(crate) async fn until(&self, path: &str, state: &str) -> Json {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let (status, text) = self.get(path).await;
            assert_eq!(status, 200, "{text}");
            let verification: Json = serde_json::from_str(&text).unwrap();
            if verification["state"] == state {
                return verification;
            }
            assert!(Instant::now() < deadline, "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The URL of the database that the service began with.
    pub(crate) fn database_url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("service.db").display())
    }

    /// Stops the service and starts another one with an empty database: what it remembered is lost.
    pub(crate) async fn lose_the_database(&mut self) {
        self.stop_service().await;
        self.start_service("another.db", 100).await;
        self.until_ready().await;
    }

    /// Stops the service and starts it again on its database.
    pub(crate) async fn restart(&mut self, time_limit_seconds: u64) {
        self.stop_service().await;
        self.start_service("service.db", time_limit_seconds).await;
        self.until_ready().await;
    }

    /// Stops the service and starts it again on a database that a script makes: that of an earlier
    /// version.
    pub(crate) async fn open_database(&mut self, script: &str) {
        self.stop_service().await;
        let file = SqliteConnectOptions::new()
            .filename(self.directory.path().join("earlier.db"))
            .create_if_missing(true)
            .foreign_keys(false);
        let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.start_service("earlier.db", 100).await;
        self.until_ready().await;
    }

    /// Stops the service and starts it with another configuration, with which it may never get
    /// ready.
    pub(crate) async fn reconfigure(
        &mut self,
        adjust: impl Fn(&mut Config) + Send + Sync + 'static,
    ) {
        self.stop_service().await;
        self.adjust = Box::new(adjust);
        self.start_service("service.db", 100).await;
    }

    /// Ends the world before the test ends: where one test has many, the port of an emulator may
    /// become another one's, and nothing may still ask for the former one there.
    pub(crate) async fn end(mut self) {
        self.stop_service().await;
    }

    async fn stop_service(&mut self) {
        let Service { shutdown, serving, .. } = self.service.take().unwrap();
        shutdown.cancel();
        serving.await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.as_ref().unwrap().url)
    }

    /// `127.0.0.1:…`.
    pub(crate) fn address(&self) -> &str {
        self.service.as_ref().unwrap().url.trim_start_matches("http://")
    }

    /// Status and body of a GET.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.send(self.http.get(self.url(path))).await
    }

    /// Status and JSON body of a POST with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, Json) {
        let request = self
            .http
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body.to_owned());
        let (status, body) = self.send(request).await;
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("not JSON: {body}")))
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let (head, body) = self.exchange(request).await;
        (head.status.as_u16(), body)
    }

    /// Head and body of an answer; that of the service is one that its document declares, or the
    /// test fails.
    pub(crate) async fn exchange(&self, request: reqwest::RequestBuilder) -> (Head, String) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await.unwrap();
        let head = Head { status: response.status(), headers: response.headers().clone() };
        let body = response.text().await.unwrap();
        // The emulators and the metrics have addresses of their own, and name no request.
        if url.authority() == self.address() || head.headers.contains_key("x-request-id") {
            let content_type =
                head.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
            let answer = Answer {
                method: method.as_str(),
                path: url.path(),
                status: head.status.as_u16(),
                content_type,
                body: &body,
            };
            check_answer_and_note(&answer, &mut self.seen.lock().unwrap());
        }
        (head, body)
    }

    /// The properties that answers of the service had so far, by their schema.
    pub(crate) fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The one result of a sync.
    pub(crate) async fn sync(&self, id: &str) -> Json {
        self.sync_with(id, "").await
    }

    pub(crate) async fn dry_run(&self, id: &str) -> Json {
        self.sync_with(id, "?dryRun=true").await
    }

    async fn sync_with(&self, id: &str, query: &str) -> Json {
        let (status, mut body) = self
            .post(&format!("/sync-to-m3ter{query}"), &json!([{ "parentRecordId": id }]).to_string())
            .await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.as_array().map(Vec::len), Some(1), "{body}");
        body[0].take()
    }

    /// The objects of a kind that m3ter holds.
    pub(crate) fn objects(&self, kind: &str) -> Vec<Map<String, Json>> {
        self.organization.vendor().objects(kind)
    }

    /// The one object of a kind whose field has a value.
    pub(crate) fn object(&self, kind: &str, field: &str, value: &str) -> Map<String, Json> {
        let mut found: Vec<_> = self
            .objects(kind)
            .into_iter()
            .filter(|object| object.get(field).and_then(Json::as_str) == Some(value))
            .collect();
        assert_eq!(found.len(), 1, "{kind} with {field} {value}: {found:?}");
        found.remove(0)
    }

    /// Changes an object in m3ter from outside the service.
    pub(crate) fn change_in_m3ter(&self, kind: &str, object: &Map<String, Json>) {
        let body = m3ter::written_back(object.clone());
        let id = object["id"].as_str().unwrap();
        self.organization
            .vendor()
            .request("PUT", &format!("/{kind}/{id}"), &Json::Object(body))
            .unwrap();
    }

    /// The writes to m3ter since the log was cleared.
    pub(crate) fn m3ter_writes(&self) -> Vec<LoggedRequest> {
        let is_write = |request: &LoggedRequest| {
            matches!(request.method.as_str(), "POST" | "PUT" | "DELETE")
                && request.path != "/oauth/token"
        };
        self.organization.requests().into_iter().filter(is_write).collect()
    }

    pub(crate) fn fault(&self, method: &str, path: &str, fault: FaultKind) {
        self.organization.add_fault(Fault::new(method, path, fault));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(service) = &self.service {
            service.shutdown.cancel();
        }
        if std::thread::panicking() {
            return;
        }
        assert_eq!(
            self.organization.unexpected_requests(),
            0,
            "m3ter met a request that it does not know"
        );
        assert_eq!(
            self.org.unexpected_requests(),
            0,
            "Salesforce met a request that it does not know"
        );
        for request in self.organization.requests() {
            m3ter_schema::check(&request);
        }
    }
}

/// Asserts that an object has these values in these fields, whatever else it has.
macro_rules! assert_fields {
    ($object:expr, $fields:tt $(, $($message:tt)+)?) => {{
        let (object, expected) = (&$object, serde_json::json!($fields));
        let names = expected.as_object().into_iter().flat_map(serde_json::Map::keys);
        let actual: serde_json::Map<String, serde_json::Value> =
            names.map(|name| (name.clone(), object[name.as_str()].clone())).collect();
        assert_eq!(serde_json::Value::Object(actual), expected $(, $($message)+)?);
    }};
}
pub(crate) use assert_fields;

/// One object result by its name, the first of several.
pub(crate) fn object_result<'a>(result: &'a Json, name: &str) -> &'a Json {
    let results = result["objectResults"].as_array().unwrap();
    results
        .iter()
        .find(|object| object["objectName"] == name)
        .unwrap_or_else(|| panic!("no result for {name}: {result:#}"))
}

/// Name and action of every object result.
pub(crate) fn actions(result: &Json) -> Vec<String> {
    let results = result["objectResults"].as_array().unwrap();
    results
        .iter()
        .map(|object| {
            format!(
                "{} {}",
                object["objectName"].as_str().unwrap(),
                object["action"].as_str().unwrap()
            )
        })
        .collect()
}

/// Asserts that every object result has one action.
pub(crate) fn assert_all(result: &Json, action: &str) {
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let actions = actions(result);
    assert!(
        !actions.is_empty() && actions.iter().all(|text| text.ends_with(action)),
        "{actions:?}"
    );
}
