//! The door: who is at home where no keys are, what a browser is made to send, and what an answer
//! never holds.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter::callers::Role;
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::http::access::Guarded;
use crate::http::hostile_clients::{exchange, status};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_a_page_of_another_origin_or_host_is_refused() {
    let world = World::new().await;
    let sync = || world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}")));
    for request in [
        sync().header("host", "evil.example"),
        sync().header("host", "localhost:x@evil.example"),
        sync().header("origin", "https://evil.example"),
        sync().header("origin", "null"),
        sync().header("sec-fetch-site", "cross-site"),
        sync().header("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(world.send(request).await.0, 403);
    }
    assert!(world.m3ter_writes().is_empty());
    assert_eq!(
        world
            .send(sync().header("origin", "http://localhost:3000").header("sec-fetch-site", "none"))
            .await
            .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_a_proxied_request_is_refused() {
    let world = World::new().await;
    let address = world.address().to_owned();
    let ask = async |line: &str, headers: &str| {
        exchange(&address, format!("{line}\r\n{headers}Connection: close\r\n\r\n").as_bytes()).await
    };
    let runs = "GET /sync-runs HTTP/1.1";
    for (line, headers) in [
        (runs, "Host: localhost\r\nForwarded: for=203.0.113.9\r\n"),
        (runs, "Host: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n"),
        (runs, "Host: localhost\r\nX-Forwarded-Proto: https\r\n"),
        (runs, "Host: localhost\r\nX-Real-IP: 203.0.113.9\r\n"),
        (runs, "Host: localhost\r\nVia: 1.1 proxy\r\n"),
        (runs, "Host: localhost\r\nVia: \r\n"),
        (runs, "Host: localhost\r\nHost: evil.example\r\n"),
        (runs, "Host: evil.example\r\nHost: localhost\r\n"),
        (runs, "Host: localhost\r\nHost: localhost\r\n"),
        ("GET http://evil.example/sync-runs HTTP/1.1", "Host: localhost\r\n"),
        ("GET http://evil.example/sync-runs HTTP/1.1", "Host: evil.example\r\n"),
        ("GET http://evil.example/sync-runs HTTP/1.1", ""),
        ("GET /sync-runs HTTP/1.0", "Host: localhost\r\n"),
        ("GET /livez HTTP/1.1", "Host: localhost\r\nVia: 1.1 proxy\r\n"),
    ] {
        let answer = ask(line, headers).await;
        // What is no request at all, hyper refuses.
        assert!(matches!(status(&answer), 400 | 403), "{line} {headers:?}: {answer}");
    }
    for (line, headers) in [
        (runs, "Host: localhost\r\n"),
        (runs, ""),
        ("GET http://localhost/sync-runs HTTP/1.1", "Host: localhost\r\n"),
    ] {
        assert_eq!(status(&ask(line, headers).await), 200, "{line} {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_from_a_service_without_keys() {
    let mut world = World::new().await;
    world.sync(FIVE_LINES).await;
    world
        .org
        .vendor()
        .rules(&json!({ "hiddenFields": ["OpportunityLineItem.M3ter_Unit_Price__c"] }))
        .unwrap();
    world.sync(FIVE_LINES).await;
    world.restart(100).await;
    for (host, hears) in [("localhost", true), ("evil.example", false)] {
        let (_, text) =
            world.send(world.client().get(world.url("/readyz")).header("host", host)).await;
        assert_eq!(text.contains("M3ter_Unit_Price__c"), hears, "{host}: {text}");
    }
}

/// A browser that remembers a key for Basic sends it along for any page that asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_gets_nowhere_even_with_a_key() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let caller = guarded.add("flow", Role::Caller).await;
    let world = &guarded.world;
    let sync = || world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}")));
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for request in [
            sync().basic_auth("ops", Some(&operator)),
            sync().bearer_auth(&operator),
            sync().bearer_auth(&caller),
        ] {
            let (status, text) = world.send(request.header(name, value)).await;
            assert_eq!(status, 403, "{name}: {value}: {text}");
        }
        let replay = world
            .client()
            .post(world.url("/sync-runs/replay"))
            .basic_auth("ops", Some(&operator))
            .header(name, value);
        assert_eq!(world.send(replay).await.0, 403);
    }
    assert!(world.m3ter_writes().is_empty());
    let own = sync()
        .basic_auth("flow", Some(&caller))
        .header("origin", format!("http://{}", world.address()));
    assert_eq!(world.send(own.header("sec-fetch-site", "same-origin")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_cached_or_rendered_as_a_page() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    for (method, path, key, expected) in [
        ("POST", format!("/sync-to-m3ter/{DEAL}"), Some(&operator), 200),
        ("GET", "/sync-runs".to_owned(), Some(&operator), 200),
        ("GET", "/nothing".to_owned(), Some(&operator), 404),
        ("DELETE", "/sync-runs".to_owned(), Some(&operator), 405),
        ("GET", "/sync-runs".to_owned(), None, 401),
        ("GET", "/readyz".to_owned(), None, 200),
        ("GET", "/openapi.yaml".to_owned(), None, 200),
    ] {
        let request = world.client().request(method.parse().unwrap(), world.url(&path));
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        let (head, _) = world.exchange(request).await;
        assert_eq!(head.status, expected, "{method} {path}");
        assert!(
            head.headers["cache-control"] == "no-store"
                && head.headers["x-content-type-options"] == "nosniff",
            "{path}"
        );
    }
}

/// What turns a line around, ends it or hides in it: U+202E, U+2066, U+2028, U+2029, U+200B,
/// U+FEFF, U+AD, and control characters.
const HARMFUL: &str =
    "a\u{202e}b\u{2066}c\u{2028}d\u{2029}e\u{200b}f\u{feff}g\u{ad}h\u{1b}[2J\u{85}\u{0}i";

fn assert_harmless(text: &str, what: &str) {
    let read: Json = serde_json::from_str(text).unwrap_or_else(|_| panic!("{what}: {text}"));
    let mut shown = String::new();
    texts(&read, &mut shown);
    // The lines of `concatenatedResults` are ours.
    let found: Vec<char> = HARMFUL
        .chars()
        .filter(|c| !c.is_ascii() || c.is_control())
        .filter(|c| shown.contains(*c))
        .collect();
    assert!(found.is_empty(), "{what}: {found:?} stand in {read:#}");
}

fn texts(json: &Json, all: &mut String) {
    match json {
        Json::String(text) => all.push_str(text),
        Json::Array(elements) => elements.iter().for_each(|element| texts(element, all)),
        Json::Object(members) => members.iter().for_each(|(name, member)| {
            all.push_str(name);
            texts(member, all);
        }),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bidi_and_newline_characters_do_not_reach_an_answer() {
    let world = World::new().await;
    let refusal =
        || FaultKind::Status { status: 400, retry_after: None, message: Some(HARMFUL.to_owned()) };
    let sync = async |what: &str, body: Json| {
        let request = world
            .client()
            .post(world.url("/sync-to-m3ter?dryRun=false"))
            .header("content-type", "application/json");
        let (_, text) = world.send(request.body(body.to_string())).await;
        assert_harmless(&text, what);
        let result: Json = serde_json::from_str(&text).unwrap();
        if let Some(run) = result[0]["syncRunId"].as_str() {
            assert_harmless(&world.get(&format!("/sync-runs/{run}")).await.1, what);
        }
    };
    let deal = json!([{ "parentRecordId": DEAL }]);
    for (method, path) in [("GET", "/accounts"), ("POST", "/accounts"), ("POST", "/commitments")] {
        world.fault(method, path, refusal());
        sync(path, deal.clone()).await;
    }
    sync("an id", json!([{ "parentRecordId": HARMFUL }])).await;
    sync("an organization", json!([{ "parentRecordId": DEAL, "organizationId": HARMFUL }])).await;
    sync("a property", json!([{ "parentRecordId": DEAL, HARMFUL: 1 }])).await;
    sync("a value", json!([{ "parentRecordId": { HARMFUL: 1 } }])).await;
    // A customer's own name: what changes is shown.
    world.sync(DEAL).await;
    for (object, id, field) in [
        ("Account", ACCOUNT, "Name"),
        ("Account", ACCOUNT, "BillingStreet"),
        ("Opportunity", DEAL, "CurrencyIsoCode"),
    ] {
        world.org.vendor().update(object, id, &json!({ field: HARMFUL }));
        let (_, text) = world
            .send(world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}?dryRun=true"))))
            .await;
        assert_harmless(&text, field);
        sync(field, deal.clone()).await;
    }
    for query in ["dryRun", "waitSeconds", "of_nobody"] {
        let url = url::Url::parse_with_params(
            &world.url(&format!("/sync-to-m3ter/{DEAL}")),
            [(query, HARMFUL)],
        )
        .unwrap();
        assert_harmless(&world.send(world.client().post(url)).await.1, query);
    }
    for parameter in ["syncStatus", "cursor", "since", "attention", "errorCode", "parentRecordId"] {
        let url =
            url::Url::parse_with_params(&world.url("/sync-runs"), [(parameter, HARMFUL)]).unwrap();
        assert_harmless(&world.send(world.client().get(url)).await.1, parameter);
    }
    let mut url = url::Url::parse(&world.url("/")).unwrap();
    url.set_path(HARMFUL);
    assert_harmless(&world.send(world.client().get(url)).await.1, "a path");
    let end = json!([{ "parentRecordId": DEAL, "billingEntities": [HARMFUL], "endDate": HARMFUL }]);
    let request = world
        .client()
        .post(world.url("/end-date-billing-entities"))
        .header("content-type", "application/json");
    assert_harmless(&world.send(request.body(end.to_string())).await.1, "end dating");
}

/// The program on a database of its own, with vendors that nobody is.
fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command
        .env_clear()
        .envs([
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("DATABASE_URL", &format!("sqlite://{}", directory.join("s.db").display())),
            ("SALESFORCE_LOGIN_URL", "http://127.0.0.1:1"),
            ("M3TER_BASE_URL", "http://127.0.0.1:1"),
            ("M3TER_ORG_ID", "11111111-1111-4111-8111-111111111111"),
        ])
        .envs(
            [
                "SALESFORCE_CLIENT_ID",
                "SALESFORCE_CLIENT_SECRET",
                "M3TER_API_KEY",
                "M3TER_API_SECRET",
            ]
            .map(|name| (name, "sandbox")),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits until the program says something; then it ends.
fn until_it_says(mut command: Command, words: &str, while_it_runs: impl FnOnce()) {
    let mut program = command.spawn().unwrap();
    let told: Vec<String> = BufReader::new(program.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .take(20)
        .take_while(|line| !line.contains(words))
        .collect();
    while_it_runs();
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(told.len() < 20, "`{words}` is not in {told:#?}");
}

#[test]
fn a_service_without_keys_says_at_startup_who_is_an_operator_and_keeps_its_files_private() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    until_it_says(program(directory.path()), "everybody on this machine is an operator", || {
        for file in ["s.db", "s.db-wal", "s.db-shm"] {
            // Those beside the database come with the first connection.
            let path = directory.path().join(file);
            let there = async {
                while !path.exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            runtime
                .block_on(async { tokio::time::timeout(Duration::from_secs(10), there).await })
                .expect(file);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{file}: {mode:o}");
        }
    });
    std::fs::set_permissions(directory.path().join("s.db"), Permissions::from_mode(0o644)).unwrap();
    until_it_says(program(directory.path()), "is readable by others than its owner", || {});
}

#[test]
fn a_keys_file_writable_by_others_is_refused_and_a_readable_private_key_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.toml");
    std::fs::write(&keys, "").unwrap();
    std::fs::set_permissions(&keys, Permissions::from_mode(0o666)).unwrap();
    let output = program(directory.path()).env("API_KEYS_FILE", &keys).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2)
            && told.contains("API_KEYS_FILE")
            && told.contains("by others than its owner"),
        "{told}"
    );
    let key = directory.path().join("key.pem");
    std::fs::write(&key, "no key").unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let mut command = program(directory.path());
    command
        .env_remove("SALESFORCE_CLIENT_SECRET")
        .env("SALESFORCE_USERNAME", "x")
        .env("SALESFORCE_PRIVATE_KEY_FILE", &key);
    until_it_says(command, "is readable by others than its owner", || {});
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_go_first_and_the_history_has_a_bound() {
    let mut world = World::new().await;
    let synced = [world.sync(DEAL).await, world.sync(DEAL).await, world.sync(DEAL).await];
    for _ in 0..3 {
        world.dry_run(DEAL).await;
    }
    let kept = async |world: &World| -> Vec<String> {
        let runs: Json = serde_json::from_str(&world.get("/sync-runs").await.1).unwrap();
        runs["syncRuns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["syncRunId"].as_str().unwrap().to_owned())
            .collect()
    };
    let until = async |world: &World, expected: &[&Json]| {
        let expected: Vec<&str> =
            expected.iter().map(|result| result["syncRunId"].as_str().unwrap()).collect();
        for _ in 0..400 {
            if kept(world).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{:?} is kept, and not {expected:?}", kept(world).await);
    };
    assert_eq!(kept(&world).await.len(), 6);
    world.reconfigure(|config| config.runs.dry_run_retention = Duration::ZERO).await;
    until(&world, &[&synced[2], &synced[1], &synced[0]]).await;
    world.reconfigure(|config| config.runs.history_rows = Some(2)).await;
    until(&world, &[&synced[2], &synced[1]]).await;
}

/// What tells how the service is, tells it to those whom it is for.
#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_for_prometheus_alone() {
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, "a-token-of-some-length\n").unwrap();
    let address = || SocketAddr::from(([127, 0, 0, 1], crate::support::ports::free_port()));
    let (open, guarded) = (address(), address());
    let mut world = World::with_config(move |config| config.metrics_address = Some(open)).await;
    let scrape = async |world: &World, address: SocketAddr, name: &'static str, value: &str| {
        let (head, text) = world
            .exchange(world.client().get(format!("http://{address}/metrics")).header(name, value))
            .await;
        assert!(
            head.headers["cache-control"] == "no-store"
                && head.headers["x-content-type-options"] == "nosniff"
        );
        assert_eq!(head.status == 200, text.contains("sync_to_m3ter_ready"), "{text}");
        head.status.as_u16()
    };
    for (name, value, expected) in [
        ("host", "localhost", 200),
        ("host", "evil.example", 403),
        ("origin", "https://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        assert_eq!(scrape(&world, open, name, value).await, expected, "{name}: {value}");
    }
    let file = token_file.clone();
    world
        .reconfigure(move |config| {
            config.metrics_address = Some(guarded);
            config.metrics_token_file = Some(file.clone());
        })
        .await;
    for attempt in 0.. {
        if tokio::net::TcpStream::connect(guarded).await.is_ok() {
            break;
        }
        assert!(attempt < 400, "nobody listens");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let until = async |value: &str, expected: u16| {
        for _ in 0..100 {
            if scrape(&world, guarded, "authorization", value).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{value} is not answered with {expected}");
    };
    until("Bearer a-token-of-some-length", 200).await;
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic a-token-of-some-length",
        "Bearer a-token-of-some-lengthx",
    ] {
        assert_eq!(scrape(&world, guarded, "authorization", value).await, 401, "{value}");
    }
    assert_eq!(scrape(&world, guarded, "x-nothing", "").await, 401);
    // Two at once are given the same, and what comes later is in it a second later.
    let text = async || {
        world
            .send(
                world
                    .client()
                    .get(format!("http://{guarded}/metrics"))
                    .bearer_auth("a-token-of-some-length"),
            )
            .await
            .1
    };
    let (first, second) = tokio::join!(text(), text());
    assert_eq!(first, second);
    std::fs::write(&token_file, "another-token-of-some-length").unwrap();
    until("Bearer another-token-of-some-length", 200).await;
    assert_eq!(
        scrape(&world, guarded, "authorization", "Bearer a-token-of-some-length").await,
        401
    );
    std::fs::remove_file(&token_file).unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        scrape(&world, guarded, "authorization", "Bearer another-token-of-some-length").await,
        200,
        "the last that could be read"
    );
}
