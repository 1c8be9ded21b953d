//! The program in processes of its own, between two emulators of this process.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::LoggedRequest;
use sync_to_m3ter_sandbox::m3ter::{self, M3ter};
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};
use sync_to_m3ter_sandbox::{CREDENTIAL, Emulator};
use tempfile::TempDir;

/// A service, its database and both vendors. All end with it.
pub(crate) struct World {
    pub(crate) org: Emulator<Salesforce>,
    pub(crate) organization: Emulator<M3ter>,
    pub(crate) http: reqwest::Client,
    pub(crate) service: Service,
    database_url: String,
    _directory: TempDir,
}

/// One process of the program.
pub(crate) struct Service {
    /// From the start of the process to its first `/readyz` of 200.
    pub(crate) ready_after: Duration,
    url: String,
    process: Child,
}

impl World {
    /// Starts the program on a new file of `SQLite`, with the rate limit lifted on both sides, and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::with(None, &[]).await
    }

    /// The same on a database of `PostgreSQL`, where one is named, and with environment variables on top of those that it needs.
    pub(crate) async fn with(database_url: Option<String>, settings: &[(&str, &str)]) -> Self {
        let org = salesforce::start(0).await.expect("a port for the org");
        let organization = m3ter::start(0).await.expect("a port for the organization");
        organization.set_requests_per_second(None);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database_url = database_url.unwrap_or_else(|| format!("sqlite://{}", directory.path().join("bench.db").display()));
        let http = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
        let service = Service::start((&org, &organization), &http, &database_url, settings).await;
        Self { org, organization, http, service, database_url, _directory: directory }
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> Service {
        Service::start((&self.org, &self.organization), &self.http, &self.database_url, settings).await
    }

    /// From now on, so much time goes by between a request and its answer.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.org.set_latency(latency);
        self.organization.set_latency(latency);
    }

    /// The result of one sync, and how long the caller waited for it.
    pub(crate) async fn sync(&self, record: &str) -> (Json, Duration) {
        let started = Instant::now();
        let (status, result) = self.ask(self.http.post(format!("{}/sync-to-m3ter/{record}", self.service.url))).await;
        let took = started.elapsed();
        assert_eq!((status, &result["syncStatus"]), (200, &Json::from("Completed")), "{result:#}");
        (result, took)
    }

    /// Begins a sync without waiting for it; the run's id.
    pub(crate) async fn begin(&self, record: &str) -> String {
        let (status, run) = self.ask(self.http.post(format!("{}/sync-to-m3ter/{record}?waitSeconds=0", self.service.url))).await;
        assert_eq!(status, 202, "{run:#}");
        run["syncRunId"].as_str().expect("an id").to_owned()
    }

    /// A run as one of the processes shows it.
    pub(crate) async fn run(&self, service: &Service, id: &str) -> Json {
        let (status, run) = self.ask(self.http.get(format!("{}/sync-runs/{id}", service.url))).await;
        assert_eq!(status, 200, "{run:#}");
        run
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Json) {
        let answer = send(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a whole answer");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// The requests that both vendors got since this was asked the last time.
    pub(crate) fn take_requests(&self) -> (Vec<LoggedRequest>, Vec<LoggedRequest>) {
        let requests = (self.org.requests(), self.organization.requests());
        self.org.clear_requests();
        self.organization.clear_requests();
        requests
    }

    /// How many these were.
    pub(crate) fn take_callouts(&self) -> usize {
        let (salesforce, m3ter) = self.take_requests();
        salesforce.len() + m3ter.len()
    }
}

impl Service {
    async fn start(
        (org, organization): (&Emulator<Salesforce>, &Emulator<M3ter>),
        http: &reqwest::Client,
        database_url: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let address = free_address();
        let started = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
            .env_clear()
            .envs([
                ("LISTEN_ADDRESS", address.as_str()),
                ("DATABASE_URL", database_url),
                ("SALESFORCE_LOGIN_URL", &org.base_url()),
                ("SALESFORCE_CLIENT_ID", CREDENTIAL),
                ("SALESFORCE_CLIENT_SECRET", CREDENTIAL),
                ("M3TER_BASE_URL", &organization.base_url()),
                ("M3TER_ORG_ID", m3ter::ORGANIZATION),
                ("M3TER_API_KEY", CREDENTIAL),
                ("M3TER_API_SECRET", CREDENTIAL),
                ("M3TER_REQUESTS_PER_SECOND", "0"),
                ("CALLER_REQUESTS_PER_MINUTE", "1000000"),
                ("RUST_LOG", "error"),
            ])
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut service = Self { ready_after: Duration::ZERO, url: format!("http://{address}"), process };
        while service.readiness(http).await != Some(200) {
            assert!(started.elapsed() < Duration::from_secs(20), "the program does not get ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        service.ready_after = started.elapsed();
        service
    }

    async fn readiness(&self, http: &reqwest::Client) -> Option<u16> {
        send(http.get(format!("{}/readyz", self.url))).await.ok().map(|response| response.status().as_u16())
    }

    /// Its memory in MB: all that is resident, and of it what the process wrote itself.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        (self.status_mb("VmRSS:"), self.status_mb("RssAnon:"))
    }

    /// The most memory that was ever resident, in MB.
    pub(crate) fn peak_memory_mb(&self) -> f64 {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a running process");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line of /proc/…/status");
        line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok()).expect("a number") / 1024.0
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a running process");
        self.process.wait().expect("a process that ends");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the caller's side of the front door")]
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    request.send().await
}

pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").to_string()
}

/// The middle of several values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
