//! The program in a process of its own, between two emulators of this process.

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
    /// From the start of the process to its first `/readyz` of 200.
    pub(crate) ready_after: Duration,
    url: String,
    process: Child,
    _directory: TempDir,
}

impl World {
    /// Starts the program with the rate limit lifted on both sides, and waits until it is ready.
    pub(crate) async fn start(latency: Duration) -> Self {
        let org = salesforce::start(0).await.expect("a port for the org");
        let organization = m3ter::start(0).await.expect("a port for the organization");
        organization.set_requests_per_second(None);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let address = free_address();
        let http = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
        let started = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
            .env_clear()
            .envs([
                ("LISTEN_ADDRESS", address.as_str()),
                ("DATABASE_URL", &format!("sqlite://{}", directory.path().join("bench.db").display())),
                ("SALESFORCE_LOGIN_URL", &org.base_url()),
                ("SALESFORCE_CLIENT_ID", CREDENTIAL),
                ("SALESFORCE_CLIENT_SECRET", CREDENTIAL),
                ("M3TER_BASE_URL", &organization.base_url()),
                ("M3TER_ORG_ID", m3ter::ORGANIZATION),
                ("M3TER_API_KEY", CREDENTIAL),
                ("M3TER_API_SECRET", CREDENTIAL),
                ("M3TER_REQUESTS_PER_SECOND", "0"),
                ("CALLER_REQUESTS_PER_MINUTE", "1000000"),
                ("RUST_LOG", "warn"),
            ])
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut world =
            Self { org, organization, http, ready_after: Duration::ZERO, url: format!("http://{address}"), process, _directory: directory };
        while world.status("/readyz").await != Some(200) {
            assert!(started.elapsed() < Duration::from_secs(20), "the program does not get ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.ready_after = started.elapsed();
        world.org.set_latency(latency);
        world.organization.set_latency(latency);
        world
    }

    /// The result of one sync, and how long the caller waited for it.
    pub(crate) async fn sync(&self, record: &str) -> (Json, Duration) {
        let request = self.http.post(format!("{}/sync-to-m3ter/{record}", self.url));
        let started = Instant::now();
        let answer = send(request).await.expect("an answer").bytes().await.expect("a whole answer");
        let took = started.elapsed();
        let result: Json = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        (result, took)
    }

    /// The requests that both vendors got since this was asked the last time.
    pub(crate) fn take_requests(&self) -> (Vec<LoggedRequest>, Vec<LoggedRequest>) {
        let requests = (self.org.requests(), self.organization.requests());
        self.org.clear_requests();
        self.organization.clear_requests();
        requests
    }

    /// The memory of the program's process, in MB: all that is resident, and of it what the process wrote itself.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a running process");
        let kilobytes = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a line of /proc/…/status");
            line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok()).expect("a number")
        };
        (kilobytes("VmRSS:") / 1024.0, kilobytes("RssAnon:") / 1024.0)
    }

    async fn status(&self, path: &str) -> Option<u16> {
        send(self.http.get(format!("{}{path}", self.url))).await.ok().map(|response| response.status().as_u16())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the caller's side of the front door")]
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    request.send().await
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").to_string()
}

/// The middle of several values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
