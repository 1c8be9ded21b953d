//! The program in processes of its own, between two emulators of this process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use serde_json::Value as Json;
use sync_to_m3ter::callers::{Role, append, new_key};
use sync_to_m3ter_sandbox::control::LoggedRequest;
use sync_to_m3ter_sandbox::m3ter::{self, M3ter};
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};
use sync_to_m3ter_sandbox::{CREDENTIAL, Emulator};
use tempfile::TempDir;

/// A service, its database and both vendors. All end with it.
pub(crate) struct World {
    pub(crate) org: Emulator<Salesforce>,
    pub(crate) organization: Emulator<M3ter>,
    /// Shows the key of an operator.
    pub(crate) http: reqwest::Client,
    pub(crate) service: Service,
    program: PathBuf,
    pub(crate) database_url: String,
    directory: TempDir,
}

/// One process of the program.
pub(crate) struct Service {
    /// From the start of the process to its first `/readyz` of 200.
    pub(crate) ready_after: Duration,
    pub(crate) address: String,
    process: Child,
}

/// What is measured.
pub(crate) struct Setup<'a> {
    pub(crate) program: PathBuf,
    /// A new file of `SQLite`, unless it is named.
    pub(crate) database_url: Option<String>,
    /// Environment variables on top of those that the program needs.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            program: env!("CARGO_BIN_EXE_sync-to-m3ter").into(),
            database_url: None,
            settings: &[],
        }
    }
}

/// For `API_KEYS_FILE`: the file of keys, whose path is known only when the world is there.
pub(crate) const KEYS: &str = "a file with keys";
const KEYS_FILE: &str = "keys.toml";

impl World {
    /// Starts the program on a new file of `SQLite`, with the rate limit lifted on both sides, and
    /// waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::of(Setup::default()).await
    }

    /// The same on a database of `PostgreSQL`, where one is named, and with environment variables
    /// on top of those that it needs.
    pub(crate) async fn with(database_url: Option<String>, settings: &[(&str, &str)]) -> Self {
        Self::of(Setup { database_url, settings, ..Setup::default() }).await
    }

    pub(crate) async fn of(Setup { program, database_url, settings }: Setup<'_>) -> Self {
        let org = salesforce::start(0).await.expect("a port for the org");
        let organization = m3ter::start(0).await.expect("a port for the organization");
        organization.set_requests_per_second(None);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database_url = database_url
            .unwrap_or_else(|| format!("sqlite://{}", directory.path().join("bench.db").display()));
        let http = caller(&directory, "bench", Role::Operator);
        let service = Service::start(
            (&program, &directory),
            (&org, &organization),
            &http,
            (&database_url, &free_address()),
            settings,
        )
        .await;
        Self { org, organization, http, service, program, database_url, directory }
    }

    /// A client with a key of its own.
    pub(crate) fn caller(&self, name: &str) -> reqwest::Client {
        caller(&self.directory, name, Role::Caller)
    }

    /// A file that goes with the world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> Service {
        self.at(&free_address(), settings).await
    }

    /// The same at an address.
    pub(crate) async fn at(&self, address: &str, settings: &[(&str, &str)]) -> Service {
        let parts = (self.program.as_path(), &self.directory);
        Service::start(
            parts,
            (&self.org, &self.organization),
            &self.http,
            (&self.database_url, address),
            settings,
        )
        .await
    }

    /// From now on, so much time goes by between a request and its answer.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.org.set_latency(latency);
        self.organization.set_latency(latency);
    }

    /// The result of one sync, and how long the caller waited for it.
    pub(crate) async fn sync(&self, record: &str) -> (Json, Duration) {
        let started = Instant::now();
        let result = self.ask_for(record).await;
        let took = started.elapsed();
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        (result, took)
    }

    /// What is answered to a sync.
    pub(crate) async fn ask_for(&self, record: &str) -> Json {
        let (status, result) =
            self.ask(self.http.post(self.service.url(&format!("/sync-to-m3ter/{record}")))).await;
        assert_eq!(status, 200, "{result:#}");
        result
    }

    /// Begins a sync without waiting for it; the run's id.
    pub(crate) async fn begin(&self, record: &str) -> String {
        let (status, run) = self
            .ask(
                self.http.post(self.service.url(&format!("/sync-to-m3ter/{record}?waitSeconds=0"))),
            )
            .await;
        assert_eq!(status, 202, "{run:#}");
        run["syncRunId"].as_str().expect("an id").to_owned()
    }

    /// A run as one of the processes shows it.
    pub(crate) async fn run(&self, service: &Service, id: &str) -> Json {
        let (status, run) = self.ask(self.http.get(service.url(&format!("/sync-runs/{id}")))).await;
        assert_eq!(status, 200, "{run:#}");
        run
    }

    pub(crate) async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Json) {
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
        (program, directory): (&Path, &TempDir),
        (org, organization): (&Emulator<Salesforce>, &Emulator<M3ter>),
        http: &reqwest::Client,
        (database_url, address): (&str, &str),
        settings: &[(&str, &str)],
    ) -> Self {
        let started = Instant::now();
        let keys = directory.path().join(KEYS_FILE).display().to_string();
        // Proxies are believed only where keys are asked for.
        let trusts = settings
            .iter()
            .any(|(name, _)| *name == "TRUSTED_PROXIES")
            .then_some(("API_KEYS_FILE", KEYS));
        let settings = settings.iter().copied().chain(trusts);
        let process = Command::new(program)
            .env_clear()
            .envs([
                ("LISTEN_ADDRESS", address),
                ("DATABASE_URL", database_url),
                ("SALESFORCE_LOGIN_URL", &org.base_url()),
                ("SALESFORCE_CLIENT_ID", CREDENTIAL),
                ("SALESFORCE_CLIENT_SECRET", CREDENTIAL),
                ("M3TER_BASE_URL", &organization.base_url()),
                ("M3TER_ORG_ID", m3ter::ORGANIZATION),
                ("COMMITMENT_BILLING", "paid_outside"),
                ("M3TER_API_KEY", CREDENTIAL),
                ("M3TER_API_SECRET", CREDENTIAL),
                ("M3TER_REQUESTS_PER_SECOND", "0"),
                ("CALLER_REQUESTS_PER_MINUTE", "1000000"),
                ("RUST_LOG", "error"),
            ])
            .envs(
                settings
                    .map(|(name, value)| (name, if value == KEYS { keys.as_str() } else { value })),
            )
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut service =
            Self { ready_after: Duration::ZERO, address: address.to_owned(), process };
        while service.readiness(http).await != Some(200) {
            assert!(started.elapsed() < Duration::from_secs(20), "the program does not get ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        service.ready_after = started.elapsed();
        service
    }

    async fn readiness(&self, http: &reqwest::Client) -> Option<u16> {
        send(http.get(format!("http://{}/readyz", self.address)))
            .await
            .ok()
            .map(|response| response.status().as_u16())
    }

    /// Where a path of it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its memory in MB: all that is resident, and of it what the process wrote itself.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        (self.status_mb("VmRSS:"), self.status_mb("RssAnon:"))
    }

    /// The most memory that was ever resident, in MB.
    pub(crate) fn peak_memory_mb(&self) -> f64 {
        self.status_mb("VmHWM:")
    }

    /// The processor time that it has taken, in milliseconds, to a hundredth of a second.
    pub(crate) fn processor_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))
            .expect("a running process");
        // The name of the program, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let ticks: f64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<f64>().expect("a number"))
            .sum();
        ticks * 10.0
    }

    fn status_mb(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("a running process");
        let line =
            status.lines().find(|line| line.starts_with(name)).expect("a line of /proc/…/status");
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<f64>().ok())
            .expect("a number")
            / 1024.0
    }

    /// SIGTERM, and its end.
    pub(crate) fn stop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .expect("a running process");
        let status = self.process.wait().expect("a process that ends");
        assert!(status.success(), "it ends with {status}");
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

/// A client that shows a new key of the file in `directory`.
fn caller(directory: &TempDir, name: &str, role: Role) -> reqwest::Client {
    let key = new_key();
    append(&directory.path().join(KEYS_FILE), name, role, &key.hash).expect("a file of keys");
    let bearer =
        HeaderValue::from_str(&format!("Bearer {}", key.key.expose_secret())).expect("a header");
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    reqwest::Client::builder()
        .tls_certs_only([])
        .default_headers(headers)
        .build()
        .expect("a client")
}

#[expect(clippy::disallowed_methods, reason = "the caller's side of the front door")]
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    request.send().await
}

pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .to_string()
}

/// The middle of several values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
