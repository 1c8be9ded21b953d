//! What is written down: who asked for what, how it ended, and why somebody was turned away.

use std::process::{Child, Command};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use sync_to_m3ter::callers::new_key;

use crate::http::hostile_clients::{exchange, status};
use crate::operations::commands::{at_a_terminal, run_with};
use crate::support::program::serve;
use crate::support::*;

/// An entry of the file of keys, and its key.
fn entry(name: &str, role: &str, more: &str) -> (String, String) {
    let new = new_key();
    let entry =
        format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\n{more}\nhash = \"{}\"\n", new.hash);
    (entry, new.key.expose_secret().to_owned())
}

/// The lines of the target `audit`.
fn stop(program: Child) -> Vec<Json> {
    assert!(Command::new("kill").arg(program.id().to_string()).status().unwrap().success());
    let log = String::from_utf8(program.wait_with_output().unwrap().stderr).unwrap();
    log.lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|line| line["target"] == "audit")
        .collect()
}

fn text<'a>(line: &'a Json, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_key_is_recorded_with_its_outcome() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (ops, ops_key) = entry("ops", "operator", "");
    let (dry, dry_key) = entry("dry", "caller", "scopes = [\"dry_run\"]");
    let (order, order_key) = entry("orders", "caller", "objects = [\"Order\"]");
    let (away, away_key) = entry("away", "caller", "addresses = [\"198.51.100.1\"]");
    let (old, old_key) = entry("old", "caller", "expires = 2026-01-31");
    let (org, org_key) = entry("other", "caller", "org = \"00D000000000009EAA\"");
    let (slow, slow_key) = entry("slow", "viewer", "requests_per_minute = 1");
    std::fs::write(
        directory.path().join("keys.toml"),
        [&*ops, &dry, &order, &away, &old, &org, &slow].concat(),
    )
    .unwrap();
    let (program, address) = serve(&world, directory.path());
    let ask = async |method: &str, path: &str, key: &str, body: Option<Json>| {
        let request = world
            .client()
            .request(method.parse().unwrap(), format!("{address}{path}"))
            .bearer_auth(key);
        let request = request.header("x-forwarded-for", "203.0.113.7");
        let request = if let Some(body) = body {
            request.header("content-type", "application/json").body(body.to_string())
        } else {
            request
        };
        world.send(request).await.0
    };
    let sync = format!("/sync-to-m3ter/{DEAL}");
    let ending = json!([{ "parentRecordId": DEAL, "endDate": "2026-12-31", "billingEntities": ["ACCOUNTPLAN", "CONTRACT"] }]);
    let end = "/end-date-billing-entities";
    let mut statuses = Vec::new();
    for (method, path, key, body) in [
        ("POST", sync.as_str(), &ops_key, None),
        ("POST", &format!("{sync}?dryRun=true"), &dry_key, None),
        ("POST", &sync, &dry_key, None),
        ("POST", end, &dry_key, Some(ending.clone())),
        ("POST", &format!("{end}?dryRun=true"), &ops_key, Some(ending.clone())),
        ("POST", end, &ops_key, Some(ending.clone())),
        (
            "POST",
            end,
            &ops_key,
            Some(
                json!([{ "parentRecordId": DELETED, "endDate": "2026-12-31", "billingEntities": ["CONTRACT"], "applyToChildren": true }]),
            ),
        ),
        (
            "POST",
            "/sync-runs/replay",
            &ops_key,
            Some(json!({ "errorCode": "RECORD_DELETED", "since": "2026-01-01T00:00:00Z" })),
        ),
        ("POST", &format!("{sync}?waitSeconds=0"), &ops_key, None),
        ("POST", &sync, &order_key, None),
        ("POST", &sync, &away_key, None),
        ("POST", &sync, &old_key, None),
        ("POST", &sync, &org_key, None),
        ("GET", "/nothing", &slow_key, None),
        ("GET", "/nothing", &slow_key, None),
    ] {
        statuses.push(ask(method, path, key, body).await);
    }
    assert_eq!(
        statuses,
        [200, 200, 403, 403, 200, 200, 200, 202, 202, 403, 403, 401, 403, 404, 429]
    );
    // One key goes, another one comes, and a line is broken.
    let (new, new_key) = entry("erp", "caller", "");
    let changed = [
        &*ops,
        &dry.replace("scopes = [\"dry_run\"]", "objects = [\"Opportunity\"]"),
        &order,
        &away,
        &old,
        &org,
        &slow.replace("viewer", "boss"),
        &new,
    ];
    std::fs::write(
        directory.path().join("keys.toml"),
        changed[..4].iter().chain(&changed[5..]).map(|text| &**text).collect::<String>(),
    )
    .unwrap();
    for _ in 0..200 {
        if ask("GET", "/nothing", &new_key, None).await == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lines = stop(program);
    let of = |line: &Json| {
        let fields = ["caller", "status", "parameters", "outcome", "reason"]
            .map(|name| line[name].to_string().trim_matches('"').to_owned());
        fields.join("|")
    };
    let asked: Vec<String> =
        lines.iter().filter(|line| line["message"] == "asked").map(of).collect();
    assert_eq!(
        asked[..15],
        [
            "ops|200|dryRun=false|Completed|",
            "dry|200|dryRun=true|Completed|",
            "dry|403|dryRun=false||scope",
            "dry|403|||role",
            "ops|200|dryRun=true endDate=2026-12-31 billingEntities=CONTRACT,ACCOUNTPLAN applyToChildren=false|Completed|",
            "ops|200|dryRun=false endDate=2026-12-31 billingEntities=CONTRACT,ACCOUNTPLAN applyToChildren=false|Completed|",
            "ops|200|dryRun=false endDate=2026-12-31 billingEntities=CONTRACT applyToChildren=true|Failed APPLY_TO_CHILDREN_WITHOUT_ACCOUNT|",
            "ops|202|errorCode=RECORD_DELETED since=2026-01-01T00:00:00Z kind=sync maxRuns=100|planned 0|",
            "ops|202|dryRun=false|accepted|",
            "orders|403|dryRun=false||object",
            "away|403|||address",
            "old|401|||expired",
            "other|403|||org",
            "slow|404|||",
            "slow|429|||limit",
        ]
    );
    let ids: Vec<&str> = lines
        .iter()
        .filter(|line| line["message"] == "asked")
        .map(|line| text(line, "key"))
        .collect();
    assert!(ids.iter().all(|id| id.is_empty() || id.len() == 12), "{ids:?}");
    let change = lines
        .iter()
        .find(|line| line["message"] == "the API keys were read again")
        .expect("the change is written down");
    for (field, names) in
        [("added", "erp caller"), ("removed", "old caller"), ("changed", "dry caller")]
    {
        assert!(text(change, field).contains(names), "{change}");
    }
    assert!(
        text(change, "removed").contains("slow viewer"),
        "a broken entry lets nobody in: {change}"
    );
    let refused = lines
        .iter()
        .find(|line| line["message"] == "an API key is ignored")
        .expect("the broken entry is named");
    assert!(text(refused, "fault").contains("key `slow`: `boss` is not a role"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_recorded_with_its_reason_even_without_a_key_or_a_request() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (ops, ops_key) = entry("ops", "operator", "");
    let (old, old_key) = entry("old", "caller", "expires = 2026-01-31");
    std::fs::write(directory.path().join("keys.toml"), [&*ops, &old].concat()).unwrap();
    let (program, address) = serve(&world, directory.path());
    let socket = address.trim_start_matches("http://");
    for (path, key) in [
        ("/livez", Some(&ops_key)),
        ("/livez", None),
        ("/livez", Some(&old_key)),
        ("/livez", Some(&"wrong".to_owned())),
        ("/readyz", Some(&old_key)),
        ("/readyz", Some(&"wrong".to_owned())),
    ] {
        // Without a client, which may connect once more than it asks.
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{key}Connection: close\r\n\r\n");
        let answer = exchange(socket, request.as_bytes()).await;
        assert!(matches!(status(&answer), 200 | 503), "{answer}");
    }
    let too_large = format!("GET /livez HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let (too_large, malformed, too_slow) = tokio::join!(
        exchange(socket, too_large.as_bytes()),
        exchange(socket, b"what is this\r\n\r\n"),
        exchange(socket, b"GET /livez HTTP/1.1\r\nHost:"),
    );
    assert_eq!((status(&too_large), status(&malformed), too_slow.as_str()), (431, 400, ""));
    let lines = stop(program);
    let told: Vec<(&str, u64, &str)> = lines
        .iter()
        .filter(|line| line["message"] == "asked without a key")
        .map(|line| {
            (text(line, "client"), line["requests"].as_u64().unwrap(), text(line, "outcomes"))
        })
        .collect();
    let outcomes = "expired=2 head_too_large=1 head_too_slow=1 malformed=1 wrong_key=2";
    assert_eq!(told, [("127.0.0.1", 7, outcomes)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_at_the_terminal_are_recorded_with_who_did_them() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let mut users = Vec::new();
    for (arguments, parameters) in [
        (vec!["sync", DEAL], "dryRun=false"),
        (
            vec!["end-date", DEAL, "--date", "2026-12-31", "--entities", "CONTRACT", "--dry-run"],
            "dryRun=true endDate=2026-12-31 billingEntities=CONTRACT",
        ),
        (
            vec!["runs", "replay", "--error-code", "RECORD_DELETED"],
            "errorCode=RECORD_DELETED kind=sync maxRuns=50 planned=0",
        ),
    ] {
        let (_, said) =
            run_with(&world, directory.path(), &arguments, &[("LOG_FORMAT", "json")]).await;
        let lines: Vec<Json> =
            said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let asked = lines
            .iter()
            .find(|line| line["target"] == "audit" && line["message"] == "asked")
            .unwrap_or_else(|| panic!("{said}"));
        assert!(
            text(asked, "caller").starts_with("cli:")
                && text(asked, "parameters").contains(parameters),
            "{asked}"
        );
        users.push(text(asked, "caller").to_owned());
        if arguments[0] != "runs" {
            let ended = lines
                .iter()
                .find(|line| line["target"] == "audit" && line["message"] == "ended")
                .unwrap();
            assert_eq!(
                (text(ended, "outcome"), text(ended, "sync_run_id")),
                ("Completed", text(asked, "sync_run_id"))
            );
            let (_, shown) = run_with(
                &world,
                directory.path(),
                &["runs", "show", text(asked, "sync_run_id")],
                &[],
            )
            .await;
            assert!(
                shown.contains(&format!("\"{}\"", users[0])),
                "the run names who asked: {shown}"
            );
        }
    }
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
}

/// A person's terminal is no log.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_s_terminal_shows_no_line_of_the_audit_log_unless_it_is_asked_for() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (code, said) = at_a_terminal(&world, directory, &["sync", DEAL], "").await;
    assert!(code == 0 && said.contains("Completed") && !said.contains("asked"), "{code} {said}");
    let (_, shown) = run_with(&world, directory, &["runs", "show", "latest"], &[]).await;
    assert!(shown.contains("\"requestedBy\": \"cli:"), "the run keeps who asked: {shown}");
    let file = directory.join("audited.env");
    std::fs::write(&file, "RUST_LOG=warn,audit=info\n").unwrap();
    let arguments = ["sync", DEAL, "--env-file", file.to_str().unwrap()];
    let (code, said) = at_a_terminal(&world, directory, &arguments, "").await;
    assert!(code == 0 && said.contains("asked"), "{code} {said}");
}
