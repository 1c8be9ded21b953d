//! Two emulated vendors, a database, and any number of replicas of the program.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value as Json, json};
use sync_to_m3ter::callers::{Role, append, new_key};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind, LoggedRequest};
use sync_to_m3ter_sandbox::m3ter::{self, M3ter};
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};
use sync_to_m3ter_sandbox::{CREDENTIAL, Emulator};
use tempfile::TempDir;

use crate::document::{Answer, check_answer};

/// The deal that syncs to all six objects.
pub(crate) const DEAL: &str = "006S900000795MMIAY";
const PRICE_BOOK: &str = "01sS90000000001IAA";
const PROGRAM: &str = env!("CARGO_BIN_EXE_sync-to-m3ter");
const KEYS_FILE: &str = "keys.toml";
/// What is awaited comes much earlier; on a busy machine it may take its time.
const DEADLINE: Duration = Duration::from_mins(3);

pub(crate) struct Cluster {
    pub(crate) org: Emulator<Salesforce>,
    pub(crate) organization: Emulator<M3ter>,
    pub(crate) database_url: String,
    http: reqwest::Client,
    deals: AtomicU32,
    directory: TempDir,
}

pub(crate) struct Replica {
    pub(crate) url: String,
    process: Child,
}

impl Cluster {
    /// Without replicas yet, on a database of its own.
    pub(crate) async fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("processes.db").display());
        Self::new(url, directory).await
    }

    pub(crate) async fn on(database_url: String) -> Self {
        Self::new(database_url, tempfile::tempdir().unwrap()).await
    }

    async fn new(database_url: String, directory: TempDir) -> Self {
        let key = new_key();
        append(&directory.path().join(KEYS_FILE), "tests", Role::Operator, &key.hash).unwrap();
        let mut headers = HeaderMap::new();
        headers
            .insert(AUTHORIZATION, format!("Bearer {}", key.key.expose_secret()).parse().unwrap());
        let cluster = Self {
            org: salesforce::start(0).await.unwrap(),
            organization: m3ter::start(0).await.unwrap(),
            database_url,
            http: reqwest::Client::builder().default_headers(headers).build().unwrap(),
            deals: AtomicU32::new(0),
            directory,
        };
        cluster.organization.set_requests_per_second(None);
        cluster
    }

    /// For `API_KEYS_FILE`: a file with the one key that every request here shows, where keys are
    /// asked for or not.
    pub(crate) fn keys_file(&self) -> String {
        self.path(KEYS_FILE).display().to_string()
    }

    /// A file that goes with the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A ready replica; `settings` are environment variables on top of those that it needs.
    pub(crate) async fn replica(&self, settings: &[(&str, &str)]) -> Replica {
        let replica = self.start(settings);
        self.until_ready(&replica).await;
        replica
    }

    pub(crate) async fn until_ready(&self, replica: &Replica) {
        self.until("the replica is ready", async || {
            self.get(replica, "/readyz").await.is_some_and(|(status, _)| status == 200)
        })
        .await;
    }

    /// A replica that need not be ready yet.
    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Replica {
        self.start_with_log(settings, Stdio::inherit())
    }

    /// The same, with a place for what it tells.
    pub(crate) fn start_with_log(&self, settings: &[(&str, &str)], log: Stdio) -> Replica {
        self.start_as(Command::new(PROGRAM), settings, log)
    }

    /// The same under limits that a shell sets: `ulimit -Sn 128`.
    pub(crate) fn start_under(
        &self,
        limits: &str,
        settings: &[(&str, &str)],
        log: Stdio,
    ) -> Replica {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}; exec {PROGRAM}")]);
        self.start_as(shell, settings, log)
    }

    fn start_as(&self, mut program: Command, settings: &[(&str, &str)], log: Stdio) -> Replica {
        let given = settings
            .iter()
            .find(|(name, _)| *name == "LISTEN_ADDRESS")
            .map(|(_, address)| (*address).to_owned());
        let address = given.unwrap_or_else(|| format!("127.0.0.1:{}", crate::ports::free_port()));
        let process = program
            .env_clear()
            .envs(self.variables())
            .envs([
                ("LISTEN_ADDRESS", address.as_str()),
                ("M3TER_REQUESTS_PER_SECOND", "0"),
                ("RUN_LEASE", "3"),
                // The tests look very often.
                ("CALLER_REQUESTS_PER_MINUTE", "1000000"),
                ("RUST_LOG", "error"),
            ])
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Replica { url: format!("http://{address}"), process }
    }

    /// What every command must be told: the database, and both vendors.
    pub(crate) fn variables(&self) -> [(&'static str, String); 9] {
        [
            ("DATABASE_URL", self.database_url.as_str()),
            ("SALESFORCE_LOGIN_URL", &self.org.base_url()),
            ("SALESFORCE_CLIENT_ID", CREDENTIAL),
            ("SALESFORCE_CLIENT_SECRET", CREDENTIAL),
            ("M3TER_BASE_URL", &self.organization.base_url()),
            ("M3TER_ORG_ID", m3ter::ORGANIZATION),
            ("COMMITMENT_BILLING", "paid_outside"),
            ("M3TER_API_KEY", CREDENTIAL),
            ("M3TER_API_SECRET", CREDENTIAL),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    }

    /// A record with an account and a line of its own.
    pub(crate) fn add_deal(&self) -> String {
        self.add_deal_of(1)
    }

    /// A record with an account and so many lines of its own, each of another product.
    pub(crate) fn add_deal_of(&self, lines: usize) -> String {
        let number = self.deals.fetch_add(1, Ordering::Relaxed);
        let products: Vec<String> = (0..lines)
            .map(|line| self.add_product(&format!("PROCESSES_{number}_{line}")))
            .collect();
        let org = self.org.vendor();
        let account =
            org.insert("Account", &json!({"Name": "Acme", "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": "billing@acme.example"}));
        let deal = org.insert(
            "Opportunity",
            &json!({"Name": "Deal", "AccountId": account, "Pricebook2Id": PRICE_BOOK, "StageName": "Closed Won",
                "CloseDate": "2026-01-01", "End_Date__c": "2026-12-31", "CurrencyIsoCode": "USD",
                "M3ter_Commitment_Amount__c": 1000}),
        );
        for (position, product) in products.iter().enumerate() {
            org.insert(
                "OpportunityLineItem",
                &json!({"OpportunityId": deal, "PricebookEntryId": entry_of(product), "Quantity": 1, "UnitPrice": 0.05,
                    "SortOrder": position}),
            );
        }
        deal
    }

    /// A product with a meter, an aggregation and a plan template, and its price in the org: its id
    /// there.
    pub(crate) fn add_product(&self, code: &str) -> String {
        let create = |path: &str, body: Json| {
            let created = self.organization.vendor().request("POST", path, &body).unwrap();
            created["id"].as_str().unwrap().to_owned()
        };
        let product = create("/products", json!({"name": code, "code": code}));
        let field =
            json!({"category": "MEASURE", "code": "quantity", "name": "Quantity", "unit": "units"});
        let meter = create(
            "/meters",
            json!({"name": code, "code": code, "productId": product, "dataFields": [field], "derivedFields": []}),
        );
        create(
            "/aggregations",
            json!({"name": code, "code": code, "meterId": meter, "targetField": "quantity", "aggregation": "SUM", "rounding": "NONE",
                "quantityPerUnit": 1, "unit": "units"}),
        );
        create(
            "/plantemplates",
            json!({"name": code, "code": code, "productId": product, "currency": "USD", "standingCharge": 0, "billFrequency": "MONTHLY"}),
        );
        let org = self.org.vendor();
        let product =
            org.insert("Product2", &json!({"Name": code, "ProductCode": code, "IsActive": true}));
        let price = json!({"Id": entry_of(&product), "Pricebook2Id": PRICE_BOOK, "Product2Id": product, "UnitPrice": 0.05, "IsActive": true});
        org.insert("PricebookEntry", &price);
        product
    }

    /// Status and body of a GET; `None` if the replica does not answer.
    pub(crate) async fn get(&self, replica: &Replica, path: &str) -> Option<(u16, Json)> {
        self.get_from(&replica.url, path).await
    }

    pub(crate) async fn get_from(&self, url: &str, path: &str) -> Option<(u16, Json)> {
        self.send(self.http.get(format!("{url}{path}"))).await
    }

    /// Gives an emulator what its control API takes.
    pub(crate) async fn put(&self, url: &str, body: String) {
        let (client, request) = self.http.put(url).body(body).build_split();
        let answer = client.execute(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// The body of what is no part of the document.
    pub(crate) async fn get_text(&self, url: &str) -> String {
        let (client, request) = self.http.get(url).build_split();
        client.execute(request.unwrap()).await.unwrap().text().await.unwrap()
    }

    /// Status and body of a POST; `None` if the replica does not answer.
    pub(crate) async fn post(&self, replica: &Replica, path: &str) -> Option<(u16, Json)> {
        self.post_to(&replica.url, path).await
    }

    pub(crate) async fn post_to(&self, url: &str, path: &str) -> Option<(u16, Json)> {
        self.ask(url, path, &Json::Null).await
    }

    /// Status and body of a POST with a body, `null` for none.
    pub(crate) async fn ask(&self, url: &str, path: &str, body: &Json) -> Option<(u16, Json)> {
        let request = self.http.post(format!("{url}{path}"));
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// Every answer is one that the document declares, or the test fails.
    async fn send(&self, request: reqwest::RequestBuilder) -> Option<(u16, Json)> {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await.ok()?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get("content-type")
            .map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
        let body = response.text().await.ok()?;
        check_answer(&Answer {
            method: method.as_str(),
            path: url.path(),
            status,
            content_type: &content_type,
            body: &body,
        });
        Some((status, serde_json::from_str(&body).unwrap()))
    }

    /// Status of a POST, whether its answer is the last one of its connection, and how its sync
    /// ended.
    pub(crate) async fn ask_once(&self, url: &str) -> (u16, bool, Json) {
        let (client, request) = self.http.post(url).build_split();
        let response = client.execute(request.unwrap()).await.unwrap();
        let (status, is_last) = (
            response.status().as_u16(),
            response.headers().get("connection").is_some_and(|value| value == "close"),
        );
        let body: Json = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (status, is_last, body["syncStatus"].clone())
    }

    /// Status and text of what a POST is answered, whatever it is: what stands in between answers
    /// as well.
    pub(crate) async fn ask_raw(&self, url: &str) -> Option<(u16, String)> {
        let (client, request) = self.http.post(url).build_split();
        let response = client.execute(request.unwrap()).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.text().await.ok()?))
    }

    /// Begins a sync without waiting for it; the run's id.
    pub(crate) async fn begin(&self, replica: &Replica, record: &str) -> String {
        let (status, accepted) =
            self.post(replica, &format!("/sync-to-m3ter/{record}?waitSeconds=0")).await.unwrap();
        assert_eq!(status, 202, "{accepted}");
        accepted["syncRunId"].as_str().unwrap().to_owned()
    }

    /// The run once it has ended.
    pub(crate) async fn ended(&self, replica: &Replica, run: &str) -> Json {
        let mut last = None;
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            last = self.get(replica, &format!("/sync-runs/{run}")).await;
            if let Some((200, shown)) = &last
                && shown["state"] == "ended"
            {
                return shown.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the run does not end: {} answers {last:#?}", replica.url);
    }

    /// How many objects m3ter was asked to create; a login is none.
    pub(crate) fn creations(&self) -> usize {
        let is_creation =
            |request: &&LoggedRequest| request.method == "POST" && request.path != "/oauth/token";
        self.organization.requests().iter().filter(is_creation).count()
    }

    pub(crate) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so().await {
            assert!(Instant::now() < deadline, "it does not come to pass that {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Plans one fault with one of the vendors, by the path that the request has there.
    pub(crate) fn fault(&self, method: &str, path: &str, times: u32, fault: FaultKind) {
        let fault = Fault::new(method, path, fault).times(times);
        if is_of_salesforce(path) {
            self.org.add_fault(fault);
        } else {
            self.organization.add_fault(fault);
        }
    }

    pub(crate) fn clear_faults(&self) {
        self.org.clear_faults();
        self.organization.clear_faults();
    }

    /// The requests that both vendors got.
    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.org.requests().into_iter().chain(self.organization.requests()).collect()
    }

    pub(crate) async fn until_faulted(&self, count: usize) {
        let met = || self.requests().iter().filter(|request| request.fault.is_some()).count();
        self.until("a request meets the fault", async || met() >= count).await;
    }

    /// Fails unless m3ter holds each object of a deal exactly once.
    pub(crate) fn assert_each_object_once(&self, deal: &str, case: &str) {
        let objects = |kind: &str| self.organization.vendor().objects(kind);
        let one = |kind: &str, belongs: &dyn Fn(&Map<String, Json>) -> bool| {
            let found: Vec<_> =
                objects(kind).into_iter().filter(|object| belongs(object)).collect();
            assert_eq!(found.len(), 1, "{case}: {kind} of {deal}: {found:#?}");
            found.into_iter().next().unwrap()
        };
        let org = self.org.vendor();
        let account = org.record("Opportunity", deal).unwrap()["AccountId"].clone();
        let account = one("accounts", &|object| object["code"] == account);
        let contract = one("contracts", &|object| object["code"] == deal);
        for kind in ["commitments", "accountplans"] {
            one(kind, &|object| object.get("contractId") == Some(&contract["id"]));
        }
        let plan = one("plans", &|object| object.get("accountId") == Some(&account["id"]));
        one("pricings", &|object| object.get("planId") == Some(&plan["id"]));
    }
}

impl Replica {
    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.kill_and_wait();
    }

    /// The same, of one that another one takes the place of.
    pub(crate) fn kill_and_wait(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// `STOP`, `CONT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap();
        // The pages of every machine that runs these tests.
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
    }

    pub(crate) fn has_exited(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn is_of_salesforce(path: &str) -> bool {
    path.starts_with("/query") || path.starts_with("/composite")
}

/// The id of a product's entry in the standard price book.
pub(crate) fn entry_of(product: &str) -> String {
    product.replacen("01t", "01u", 1)
}
