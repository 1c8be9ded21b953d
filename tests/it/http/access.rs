//! Who is let in, and to what.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use sync_to_m3ter::callers::{Callers, Role, append, new_key};
use sync_to_m3ter_sandbox::control::FaultKind;
use tempfile::TempDir;

use crate::support::*;

/// A service that takes the keys of a file.
pub(crate) struct Guarded {
    pub(crate) world: World,
    pub(crate) keys_file: PathBuf,
    _directory: TempDir,
}

impl Guarded {
    /// Without an operator's key nobody could ever look: one is there, and its key is returned.
    pub(crate) async fn new(requests_per_minute: u32, trusted_proxies: &[&str]) -> (Self, String) {
        Self::with(requests_per_minute, trusted_proxies, None).await
    }

    /// One that lets nobody in once its file could not be read for so long.
    pub(crate) async fn locking_out_after(time: Option<Duration>) -> (Self, String) {
        Self::with(60_000, &[], time).await
    }

    async fn with(
        requests_per_minute: u32,
        trusted_proxies: &[&str],
        lock_out_after: Option<Duration>,
    ) -> (Self, String) {
        let directory = tempfile::tempdir().unwrap();
        let keys_file = directory.path().join("keys.toml");
        let operator = add_key(&keys_file, "ops", Role::Operator);
        let proxies: Vec<ipnet::IpNet> =
            trusted_proxies.iter().map(|network| network.parse().unwrap()).collect();
        let path = keys_file.clone();
        let world = World::with_config(move |config| {
            config.access.callers =
                Some(Callers::from_file(path.clone()).unwrap().locking_out_after(lock_out_after));
            config.access.trusted_proxies.clone_from(&proxies);
            config.access.requests_per_minute = requests_per_minute;
        });
        (Self { world: world.await, keys_file, _directory: directory }, operator)
    }

    /// Adds a key and waits until the service takes it.
    pub(crate) async fn add(&self, name: &str, role: Role) -> String {
        let key = add_key(&self.keys_file, name, role);
        self.until(&key, |status| status == 404).await;
        key
    }

    /// Adds an entry with further fields, without waiting; its key.
    pub(crate) fn append_entry(&self, name: &str, role: &str, more: &str) -> String {
        let new = new_key();
        let entry = format!(
            "[[key]]\nname = \"{name}\"\nrole = \"{role}\"\n{more}\nhash = \"{}\"\n",
            new.hash
        );
        self.write(&format!("{}{entry}", self.text()));
        new.key.expose_secret().to_owned()
    }

    /// The same, and waits until the service takes it.
    pub(crate) async fn add_entry(&self, name: &str, role: &str, more: &str) -> String {
        let key = self.append_entry(name, role, more);
        self.until(&key, |status| status == 404).await;
        key
    }

    /// What the file of keys says.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.keys_file).unwrap_or_default()
    }

    /// Another file in its place, at once.
    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.keys_file, text).unwrap();
    }

    /// Leaves the operator's key alone in the file.
    pub(crate) fn empty(&self) {
        let text = self.text();
        let end = text.match_indices("[[key]]").nth(1).map_or(text.len(), |(at, _)| at);
        self.write(&text[..end]);
    }

    /// Waits for an answer to a key that comes from an address.
    pub(crate) async fn until_answers(
        &self,
        key: &str,
        from: &str,
        holds: impl Fn(u16, &str) -> bool,
    ) {
        for _ in 0..200 {
            let request = self
                .world
                .client()
                .get(self.world.url("/nothing"))
                .bearer_auth(key)
                .header("x-forwarded-for", from);
            let (status, text) = self.world.send(request).await;
            if holds(status, &text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the service did not take in the file of keys");
    }

    /// Waits until an operator reads something in `/readyz`.
    pub(crate) async fn until_operator_reads(&self, key: &str, part: &str) {
        for _ in 0..200 {
            if self
                .world
                .send(self.world.client().get(self.world.url("/readyz")).bearer_auth(key))
                .await
                .1
                .contains(part)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("/readyz does not say `{part}`");
    }

    pub(crate) async fn until_ready(&self) {
        while self.world.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until(&self, key: &str, holds: impl Fn(u16) -> bool) {
        for _ in 0..200 {
            if holds(self.status("GET", "/nothing", Some(key)).await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the service did not take in the file of keys");
    }

    pub(crate) async fn until_ended(&self, run: &str, key: &str) {
        for _ in 0..1_000 {
            let request = self
                .world
                .client()
                .get(self.world.url(&format!("/sync-runs/{run}")))
                .bearer_auth(key);
            if self.world.send(request).await.1.contains(r#""state":"ended""#) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the run does not end");
    }

    pub(crate) async fn status(&self, method: &str, path: &str, key: Option<&str>) -> u16 {
        let request = self.world.client().request(method.parse().unwrap(), self.world.url(path));
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        self.world.send(request).await.0
    }
}

fn add_key(file: &std::path::Path, name: &str, role: Role) -> String {
    let new = new_key();
    append(file, name, role, &new.hash).unwrap();
    new.key.expose_secret().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_valid_key_get_nowhere() {
    let (guarded, operator) = Guarded::new(600, &[]).await;
    let world = &guarded.world;
    let (callouts, body) =
        (world.org.requests().len(), json!([{ "parentRecordId": DEAL }]).to_string());
    let wrong = new_key().key.expose_secret().to_owned();
    for authorization in [
        None,
        Some(format!("Bearer {wrong}")),
        Some("Basic b3BzOndyb25n".to_owned()),
        Some("Bearer".to_owned()),
    ] {
        let request = world
            .client()
            .post(world.url("/sync-to-m3ter"))
            .header("content-type", "application/json")
            .body(body.clone());
        let request = if let Some(value) = &authorization {
            request.header("authorization", value)
        } else {
            request
        };
        let (head, answer) = world.exchange(request).await;
        let challenges: Vec<&str> = head
            .headers
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert_eq!(
            challenges,
            ["Bearer realm=\"sync-to-m3ter\"", "Basic realm=\"sync-to-m3ter\", charset=\"UTF-8\""]
        );
        assert_eq!(head.status, 401);
        let fault: Json = serde_json::from_str(&answer).unwrap();
        assert_fields!(fault, {
            "errorCode": "UNAUTHORIZED",
            "syncStatus": "Failed",
        }, "{authorization:?}");
    }
    for path in ["/nothing", "/sync-runs", "/sync-to-m3ter", "/metrics"] {
        assert_eq!(guarded.status("GET", path, None).await, 401, "{path}");
    }
    for path in ["/livez", "/readyz", "/openapi.yaml"] {
        assert_eq!(guarded.status("GET", path, None).await, 200, "{path}");
    }
    assert_eq!(world.org.requests().len(), callouts, "nothing was asked of Salesforce");
    assert!(world.m3ter_writes().is_empty());
    let request = world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}?dryRun=true")));
    assert_eq!(world.send(request.basic_auth("ops", Some(operator))).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_be_rotated_and_revoked_without_a_restart() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let old = guarded.add("flow", Role::Caller).await;
    let new = guarded.add("flow", Role::Caller).await;
    let sync = format!("/sync-to-m3ter/{DEAL}");
    assert_eq!(
        (
            guarded.status("POST", &sync, Some(&old)).await,
            guarded.status("POST", &sync, Some(&new)).await
        ),
        (200, 200)
    );
    let text = std::fs::read_to_string(&guarded.keys_file).unwrap();
    let entries: Vec<&str> = text.split_inclusive("[[key]]").collect();
    let (kept, revoked) = (entries[3], entries[2]);
    std::fs::write(&guarded.keys_file, text.replace(&format!("{revoked}{kept}"), kept)).unwrap();
    // 401, or 429 after some more tries.
    guarded.until(&old, |status| status != 404).await;
    assert!(
        matches!(guarded.status("POST", &sync, Some(&old)).await, 401 | 429),
        "the revoked key"
    );
    assert_eq!(guarded.status("POST", &sync, Some(&new)).await, 200, "its successor");
    std::fs::write(&guarded.keys_file, "broken").unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        guarded.status("GET", "/nothing", Some(&operator)).await,
        404,
        "a file that cannot be read locks nobody out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_can_do_its_own_and_no_more() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let caller = guarded.add("flow", Role::Caller).await;
    let viewer = guarded.add("billing", Role::Viewer).await;
    let sync = format!("/sync-to-m3ter/{DEAL}?dryRun=true");
    for (method, path, expected) in [
        ("POST", sync.as_str(), [200, 403, 200]),
        ("DELETE", "/sync-to-m3ter", [403, 403, 405]),
        ("GET", "/nothing", [404, 404, 404]),
    ] {
        for (key, expected) in [&caller, &viewer, &operator].into_iter().zip(expected) {
            assert_eq!(guarded.status(method, path, Some(key)).await, expected, "{method} {path}");
        }
    }
    let (_, text) = guarded
        .world
        .send(guarded.world.client().post(guarded.world.url(&sync)).bearer_auth(&viewer))
        .await;
    let fault: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(
        fault["message"],
        "The API key `billing` has the role `viewer`, which does not cover this: use a key with the role `caller` or `operator`"
    );
    assert!(guarded.world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_only_sees_the_runs_that_it_asked_for() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let (flow, erp) =
        (guarded.add("flow", Role::Caller).await, guarded.add("erp", Role::Caller).await);
    let viewer = guarded.add("billing", Role::Viewer).await;
    let world = &guarded.world;
    let begin = async |key: &str| {
        let request = world
            .client()
            .post(world.url(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=0")))
            .bearer_auth(key);
        let (status, text) = world.send(request).await;
        assert_eq!(status, 202, "{text}");
        serde_json::from_str::<Json>(&text).unwrap()["syncRunId"].as_str().unwrap().to_owned()
    };
    world.fault("POST", "/accounts", FaultKind::Delay { ms: 500 });
    // The first one runs, the second one waits, and what the other caller asks for is joined to it.
    let (running, waiting) = (begin(&flow).await, begin(&flow).await);
    assert_eq!(begin(&erp).await, waiting);
    for (run, statuses) in [(&running, [200, 404, 200, 200]), (&waiting, [200; 4])] {
        for (key, status) in [&flow, &erp, &viewer, &operator].into_iter().zip(statuses) {
            assert_eq!(
                guarded.status("GET", &format!("/sync-runs/{run}"), Some(key)).await,
                status,
                "{run}"
            );
        }
    }
    let answer = async |run: &str| {
        let (_, text) = world
            .send(world.client().get(world.url(&format!("/sync-runs/{run}"))).bearer_auth(&erp))
            .await;
        let fault: Json = serde_json::from_str(&text).unwrap();
        (fault["errorCode"].clone(), fault["message"].as_str().unwrap().replace(run, "…"))
    };
    assert_eq!(
        answer(&running).await,
        answer("00000000-0000-7000-8000-000000000000").await,
        "somebody else's is as good as none"
    );
    assert_eq!(guarded.status("GET", "/sync-runs", Some(&flow)).await, 403);
    guarded.until_ended(&waiting, &operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_guesses_find_no_key_and_lock_nobody_out() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let guess = |number: usize| {
        // No key has a tilde, so that none of the guesses is right by luck.
        let near = format!("{}{number:04}~", &operator[..operator.len() - 5]);
        // A guesser who writes another address into each request is the same guesser.
        let request =
            world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}"))).bearer_auth(near);
        world.send(request.header("x-forwarded-for", format!("203.0.113.{}", number % 256)))
    };
    let answers: Vec<(u16, String)> =
        stream::iter((0..10_000).map(guess)).buffer_unordered(32).collect().await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, _) in &answers {
        *statuses.entry(*status).or_default() += 1;
    }
    let refused = statuses[&401];
    assert!((10..100).contains(&refused), "{refused} were answered with 401");
    assert_eq!(statuses, BTreeMap::from([(401, refused), (429, 10_000 - refused)]));
    let (_, text) = answers.iter().find(|(status, _)| *status == 429).unwrap();
    let fault: Json = serde_json::from_str(text).unwrap();
    assert_eq!(fault["errorCode"], "TOO_MANY_REQUESTS");
    assert!(fault["retryAfterSeconds"].as_u64().unwrap() >= 1);
    assert!(world.m3ter_writes().is_empty());
    assert_eq!(
        guarded
            .status("POST", &format!("/sync-to-m3ter/{DEAL}?dryRun=true"), Some(&operator))
            .await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_tells_guessers_apart() {
    let (guarded, _) = Guarded::new(600, &["127.0.0.0/8"]).await;
    let world = &guarded.world;
    let guess = async |forwarded: &str| {
        let request = world.client().get(world.url("/nothing")).bearer_auth("wrong");
        world.send(request.header("x-forwarded-for", forwarded)).await.0
    };
    for _ in 0..10 {
        assert_eq!(guess("203.0.113.1").await, 401);
    }
    assert_eq!(
        guess("198.51.100.7, 203.0.113.1").await,
        429,
        "what stands before the proxy's own entry is not believed"
    );
    assert_eq!(guess("203.0.113.2").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_over_its_limit_is_told_when_to_retry() {
    let (guarded, operator) = Guarded::new(5, &[]).await;
    let world = &guarded.world;
    for _ in 0..5 {
        assert_eq!(guarded.status("GET", "/nothing", Some(&operator)).await, 404);
    }
    let (head, answer) =
        world.exchange(world.client().get(world.url("/nothing")).bearer_auth(&operator)).await;
    assert_eq!(head.status, 429);
    let header: u64 = head.headers["retry-after"].to_str().unwrap().parse().unwrap();
    let fault: Json = serde_json::from_str(&answer).unwrap();
    assert_eq!(fault["retryAfterSeconds"], header);
    assert!((1..=13).contains(&header), "{header}");
    let other = add_key(&guarded.keys_file, "flow", Role::Caller);
    guarded.until(&other, |status| status == 404).await;
    assert_eq!(world.get("/livez").await.0, 200);
}

pub(crate) fn program(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    let output =
        command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn keys_are_made_by_the_program_and_shown_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let file = path.to_str().unwrap();
    let (code, key, _) =
        program(&["keys", "new", "--name", "flow", "--role", "caller"], &[("API_KEYS_FILE", file)]);
    assert_eq!(code, 0);
    let callers = Callers::from_file(path.clone()).unwrap();
    let anywhere = std::net::Ipv4Addr::LOCALHOST.into();
    assert_eq!(
        callers.authenticate(&format!("Bearer {}", key.trim()), anywhere).unwrap().role,
        Role::Caller
    );
    assert!(!std::fs::read_to_string(&path).unwrap().contains(key.trim()));
    let (code, text, _) = program(&["keys", "new", "--name", "ops", "--role", "operator"], &[]);
    let (shown, entry) = text.split_once("[[key]]").unwrap();
    assert!(code == 0 && shown.contains("s2m_") && entry.contains("role = \"operator\""), "{text}");
    for arguments in [
        ["--name", "a b", "--role", "caller"],
        ["--name", "flow", "--role", "admin"],
        ["--name", "flow", "--role", "viewer"],
    ] {
        let (code, _, problem) =
            program(&[&["keys", "new"], &arguments[..]].concat(), &[("API_KEYS_FILE", file)]);
        assert!(code == 2 && !problem.is_empty(), "{arguments:?}: {problem}");
    }
}

#[test]
fn other_machines_can_reach_the_service_only_if_keys_are_required() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", directory.path().join("s.db").display());
    let open = [
        ("LISTEN_ADDRESS", "0.0.0.0:0"),
        ("DATABASE_URL", database.as_str()),
        ("SALESFORCE_LOGIN_URL", "https://acme.my.salesforce.com"),
        ("SALESFORCE_CLIENT_ID", "id"),
        ("SALESFORCE_CLIENT_SECRET", "secret"),
        ("M3TER_ORG_ID", "11111111-1111-4111-8111-111111111111"),
        ("M3TER_API_KEY", "key"),
        ("M3TER_API_SECRET", "secret"),
    ];
    let (code, _, problem) = program(&["serve"], &open);
    assert!(
        code == 2 && problem.contains("LISTEN_ADDRESS is 0.0.0.0:0, which others can reach"),
        "{problem}"
    );
    let missing = directory.path().join("none.toml").display().to_string();
    let (code, _, problem) =
        program(&["serve"], &[&open[..], &[("API_KEYS_FILE", missing.as_str())]].concat());
    assert!(code == 2 && problem.contains("API_KEYS_FILE"), "{problem}");
}
