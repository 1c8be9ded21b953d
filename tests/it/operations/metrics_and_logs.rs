//! What an operator sees: metrics, and alert rules that name existing ones.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use serde_json::Value as Json;
use strum::VariantArray as _;
use sync_to_m3ter::callers::{Role, append, new_key};
use sync_to_m3ter::domain::finding::FindingCode;
use sync_to_m3ter::domain::outcome::ErrorCode;

use crate::support::program::{serve, serve_with};
use crate::support::*;

/// The names of metrics in a text, without the endings that a histogram adds.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c)).filter(|word| word.starts_with("sync_to_m3ter_"));
    words
        .map(|name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| name.strip_suffix(ending))
                .unwrap_or(name)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_is_counted_and_the_alerts_and_the_page_name_existing_ones() {
    let metrics = std::net::SocketAddr::from(([127, 0, 0, 1], crate::support::ports::free_port()));
    let world = World::with_config(move |config| {
        config.metrics_address = Some(metrics);
        config.m3ter.requests_per_second = Some(50);
    })
    .await;
    world.fault(
        "GET",
        "/accounts",
        sync_to_m3ter_sandbox::control::FaultKind::Status {
            status: 503,
            retry_after: None,
            message: None,
        },
    );
    assert_all(&world.dry_run(DEAL).await, "created");
    assert_all(&world.sync(DEAL).await, "created");
    world.sync(DELETED).await;
    world.org.vendor().delete("OpportunityLineItem", "00kS9000001Nxy5IAC");
    world.sync(SECOND_SAMPLE).await;
    // One run takes its time, and one waits behind it.
    world.fault("GET", "/accounts", sync_to_m3ter_sandbox::control::FaultKind::Delay { ms: 2_000 });
    for _ in 0..2 {
        assert_eq!(world.post(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=0"), "").await.0, 202);
    }
    let (status, text) = world.send(world.client().get(format!("http://{metrics}/metrics"))).await;
    assert_eq!(status, 200);
    for line in [
        "sync_to_m3ter_requests_total{operation=\"POST /sync-to-m3ter\",status=\"200\"}",
        "sync_to_m3ter_syncs_total{kind=\"sync\",status=\"Completed\",error_code=\"\",dry_run=\"false\"}",
        "sync_to_m3ter_syncs_total{kind=\"sync\",status=\"Failed\",error_code=\"RECORD_DELETED\",dry_run=\"false\"}",
        "sync_to_m3ter_attention_total{code=\"NO_LINES\",dry_run=\"false\"}",
        "sync_to_m3ter_objects_total{object=\"Commitment\",action=\"created\",dry_run=\"false\"}",
        "sync_to_m3ter_callouts_total{vendor=\"m3ter\",operation=\"PostCommitment\",outcome=\"done\"}",
        "sync_to_m3ter_callouts_total{vendor=\"m3ter\",operation=\"ListAccounts\",outcome=\"unavailable\"}",
        "sync_to_m3ter_callouts_total{vendor=\"Salesforce\",operation=\"Query\",outcome=\"done\"}",
        "sync_to_m3ter_callout_retries_total{vendor=\"m3ter\"}",
        "sync_to_m3ter_queue{state=\"running\"} 1",
        "sync_to_m3ter_queue{state=\"waiting\"} 1",
        "sync_to_m3ter_queue{state=\"retrying\"} 0",
        "sync_to_m3ter_runs_given_up_total ",
        "sync_to_m3ter_syncs_total{kind=\"sync\",status=\"Failed\",error_code=\"INTERRUPTED\",dry_run=\"false\"} 0",
        "sync_to_m3ter_callouts_total{vendor=\"m3ter\",operation=\"GenerateToken\",outcome=\"auth_failed\"} 0",
        "sync_to_m3ter_findings_total{code=\"REQUIRED_VALUE_BLANK\",dry_run=\"false\"} 0",
        "sync_to_m3ter_rate_limit_places{of=\"limit\"} 50",
        "sync_to_m3ter_rate_limit_places{of=\"share\"} 50",
        "sync_to_m3ter_rate_limit_places{of=\"now\"} 50",
        "sync_to_m3ter_callouts_waiting{class=\"awaited\"} 0",
        "sync_to_m3ter_ready 1",
        "sync_to_m3ter_salesforce_requests_limit 100000",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_all(&world.sync(DEAL).await, "unchanged");
    let counted = names(&text);
    let page = include_str!("../../../docs/metrics.md")
        .replace("`…_limit`", "`sync_to_m3ter_salesforce_requests_limit`");
    assert_eq!(names(&page), counted, "docs/metrics.md has each metric");
    let dashboard = include_str!("../../../deploy/grafana-dashboard.json");
    let unknown: Vec<&str> = names(dashboard).difference(&counted).copied().collect();
    assert!(unknown.is_empty(), "the dashboard shows {unknown:?}, which are not counted");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(!names(expression).is_empty(), "{} shows {expression}", panel["title"]);
        }
    }
    let alerts = include_str!("../../../deploy/alerts.yaml");
    assert!(names(alerts).is_subset(&counted), "{:?}", names(alerts).difference(&counted));
    let rules: serde_json::Value = serde_yaml_ng::from_str(alerts).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let cases = include_str!("../../../deploy/alerts.test.yaml");
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(
            cases.contains(&format!("alertname: {name}\n")),
            "{name} has a case in which it fires"
        );
        assert!(
            cases.contains(&format!("alertname: {name}, exp_alerts: [] }}")),
            "{name} has a case in which it is silent"
        );
        assert_eq!(
            rule["annotations"]["runbook_url"],
            format!("docs/alerts.md#{}", name.to_lowercase()),
            "{name} leads to its section"
        );
    }
    // A heading there for each alert, and no other; each section has the same three points.
    let guide = include_str!("../../../docs/alerts.md");
    let unknown: Vec<&str> = names(guide).difference(&counted).copied().collect();
    assert!(unknown.is_empty(), "docs/alerts.md names {unknown:?}, which are not counted");
    let sections: Vec<&str> = guide.split("\n## ").skip(1).collect();
    let named: Vec<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
    let alerts: Vec<&str> = rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
    assert_eq!(named, alerts, "docs/alerts.md has each alert, in the order of the rules");
    for section in sections {
        for point in ["\n- **Meaning.** ", "\n- **Look.** ", "\n- **Do.** "] {
            assert!(section.contains(point), "{point} is not in {section}");
        }
    }
    let (is_well_formed, said) = check_metrics(&text);
    assert!(is_well_formed, "{said}");
    assert_eq!(world.get("/metrics").await.0, 404, "not where callers are");
    assert_eq!(world.send(world.client().get(format!("http://{metrics}/sync-runs"))).await.0, 404);
}

/// In a process of its own: what other tests do counts there.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_used_by_alerts_start_at_0_and_show_a_pause() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let key = new_key();
    append(&directory.path().join("keys.toml"), "ops", Role::Operator, &key.hash).unwrap();
    let metrics = format!("127.0.0.1:{}", crate::support::ports::free_port());
    let (mut program, address) =
        serve_with(&world, directory.path(), &[("METRICS_ADDRESS", &metrics)]);
    // What answers serves its metrics as well.
    assert_eq!(world.send(world.client().get(format!("{address}/livez"))).await.0, 200);
    let scrape =
        async || world.send(world.client().get(format!("http://{metrics}/metrics"))).await.1;
    let text = scrape().await;
    let of_codes = ErrorCode::VARIANTS.iter().flat_map(|code| {
        ["sync", "endDate"].map(|kind| {
            format!("syncs_total{{kind=\"{kind}\",status=\"Failed\",error_code=\"{}\",dry_run=\"false\"}}", code.as_str())
        })
    });
    let of_findings = FindingCode::VARIANTS
        .iter()
        .map(|code| format!("findings_total{{code=\"{code}\",dry_run=\"false\"}}"));
    let of_refusals = ["401", "429"]
        .map(|status| format!("requests_total{{operation=\"refused\",status=\"{status}\"}}"));
    for series in of_codes
        .chain(of_findings)
        .chain(of_refusals)
        .chain(["paused", "runs_given_up_total"].map(ToOwned::to_owned))
    {
        let line = format!("sync_to_m3ter_{series} 0\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let post = async |path: &str, key: &str| {
        let request = world.client().post(format!("{address}{path}")).bearer_auth(key);
        let request = request.header("content-type", "application/json");
        world.send(request.body(r#"{"reason": "wrong prices"}"#)).await.0
    };
    let until = async |line: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = scrape().await;
            if text.contains(line) {
                return;
            }
            assert!(Instant::now() < deadline, "{line} is not in\n{text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let key = key.key.expose_secret();
    assert_eq!((post("/pause", "wrong").await, post("/pause", key).await), (401, 200));
    until("sync_to_m3ter_paused 1\n").await;
    until("sync_to_m3ter_requests_total{operation=\"refused\",status=\"401\"} 1\n").await;
    assert_eq!(post("/resume", key).await, 200);
    until("sync_to_m3ter_paused 0\n").await;
    program.kill().unwrap();
    program.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_serves_metrics_on_loopback_where_it_is_told_to() {
    let sandbox = |address: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
        command
            .args(["sandbox", "--port", "0", "--salesforce-port", "0", "--m3ter-port", "0"])
            .env_clear()
            .env("METRICS_ADDRESS", address);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let refused = sandbox("0.0.0.0:9090").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(2)
            && said.contains("METRICS_ADDRESS must be a loopback address"),
        "{said}"
    );
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], crate::support::ports::free_port()));
    let mut running = sandbox(&address.to_string()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let client = reqwest::Client::new();
    let text = loop {
        let request = client.get(format!("http://{address}/metrics")).build().unwrap();
        match client.execute(request).await {
            Ok(answer) => break answer.text().await.unwrap(),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(text.contains("sync_to_m3ter_connections_limit"), "{text}");
}

/// What Prometheus' own tool says of a text in its format.
fn check_metrics(text: &str) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "only the test script knows where the tool is")]
    let promtool =
        std::env::var("TEST_PROMTOOL").expect("TEST_PROMTOOL names promtool; scripts/test sets it");
    let mut tool = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tool.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout),
    )
}

/// Who asked, and for what, from the log alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_one_line_for_each_request_and_sync_and_says_who_asked_for_what() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let keys_file = directory.path().join("keys.toml");
    let key = |name: &str, role: Role| {
        let new = new_key();
        append(&keys_file, name, role, &new.hash).unwrap();
        new.key.expose_secret().to_owned()
    };
    let (flow, billing) = (key("flow", Role::Caller), key("billing", Role::Viewer));
    let (program, address) = serve(&world, directory.path());
    let ask = async |method: &str, path: &str, key: Option<&str>, id: &str| {
        let request = world.client().request(method.parse().unwrap(), format!("{address}{path}"));
        let request = request.header("x-request-id", id).header("x-forwarded-for", "203.0.113.7");
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        let (status, text) = world.send(request).await;
        (status, serde_json::from_str::<Json>(&text).unwrap())
    };
    let sync = format!("/sync-to-m3ter/{DEAL}");
    let (status, result) =
        ask("POST", &format!("{sync}?salesforceUserId=005S90000000001"), Some(&flow), "one").await;
    assert_eq!((status, result["syncStatus"].as_str()), (200, Some("Completed")), "{result:#}");
    let run = result["syncRunId"].as_str().unwrap();
    for (method, path, key, id, expected) in [
        ("POST", sync.as_str(), None, "two", 401),
        ("POST", &sync, Some(billing.as_str()), "three", 403),
        ("GET", &format!("/sync-runs/{run}"), Some(&billing), "four", 200),
        ("GET", "/livez", None, "five", 200),
    ] {
        assert_eq!(ask(method, path, key, id).await.0, expected, "{id}");
    }
    assert!(Command::new("kill").arg(program.id().to_string()).status().unwrap().success());
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Json> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let told = |message: &str, fields: &[&str]| -> Vec<String> {
        let of_message = lines.iter().filter(|line| line["message"] == message);
        let field = |line: &Json, name: &str| match name.strip_prefix("span.") {
            Some(name) => line["span"][name].to_string(),
            None => line[name].to_string(),
        };
        of_message
            .map(|line| {
                fields
                    .iter()
                    .map(|name| field(line, name))
                    .collect::<Vec<_>>()
                    .join(" ")
                    .replace('"', "")
            })
            .collect()
    };
    let (route, shown) = ("POST /sync-to-m3ter/{parentRecordId}", "GET /sync-runs/{syncRunId}");
    assert_eq!(
        told(
            "a request ended",
            &[
                "span.request_id",
                "operation",
                "status",
                "caller",
                "parent_record_id",
                "sync_run_id"
            ]
        ),
        [
            format!("one {route} 200 flow {DEAL} {run}"),
            format!("three {route} 403 billing {DEAL} "),
            format!("four {shown} 200 billing  {run}"),
        ]
    );
    assert_eq!(
        told(
            "asked",
            &[
                "target",
                "caller",
                "role",
                "client",
                "operation",
                "parent_record_id",
                "sync_run_id",
                "status",
                "reason"
            ]
        ),
        [
            format!("audit flow caller 203.0.113.7 {route} {DEAL} {run} 200 "),
            format!("audit billing viewer 203.0.113.7 {route} {DEAL}  403 role"),
            format!("audit billing viewer 203.0.113.7 {shown}  {run} 200 "),
        ]
    );
    let user =
        sync_to_m3ter::domain::ids::SalesforceId::parse("005S90000000001").unwrap().to_string();
    assert_eq!(told("asked", &["salesforce_user"]), [user.as_str(), "null", "null"]);
    // Who is nobody has one line for a minute.
    assert_eq!(
        told("asked without a key", &["target", "client", "requests", "outcomes"]),
        ["audit 203.0.113.7 1 no_key=1"]
    );
    assert_eq!(
        told(
            "a sync ended",
            &["sync_run_id", "parent_record_id", "sync_status", "dry_run", "objects"]
        ),
        [format!("{run} {DEAL} Completed false 6")]
    );
}

const CALLERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_goes_on_to_both_vendors() {
    let world = World::new().await;
    let sync = |headers: &[(&'static str, &str)]| {
        world.org.clear_requests();
        world.organization.clear_requests();
        let request = world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}")));
        world.send(
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
        )
    };
    let parent = format!("00-{CALLERS_TRACE}-00f067aa0ba902b7-01");
    sync(&[("traceparent", &parent), ("tracestate", "congo=t61rcWkgMzE")]).await;
    let sent = || [world.org.requests(), world.organization.requests()].concat();
    let steps: BTreeSet<String> = sent()
        .into_iter()
        .map(|request| {
            assert_eq!(request.tracestate.as_deref(), Some("congo=t61rcWkgMzE"), "{request:?}");
            let parent = request.traceparent.unwrap();
            let rest = parent
                .strip_prefix(&format!("00-{CALLERS_TRACE}-"))
                .unwrap_or_else(|| panic!("{parent}"));
            rest.strip_suffix("-01").unwrap().to_owned()
        })
        .collect();
    assert!(sent().len() > 5 && world.org.requests().len() > 1);
    assert_eq!(steps.len(), sent().len(), "each callout is a step of its own");
    assert!(!steps.contains("00f067aa0ba902b7"), "the caller's own step is not ours");
    // Whatever cannot be a trace is as if it were not there: the run gets one of its own.
    for parent in ["", "00-x", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"] {
        sync(&[("traceparent", parent), ("tracestate", "congo=t61rcWkgMzE")]).await;
        let traces: BTreeSet<String> = sent()
            .iter()
            .map(|request| request.traceparent.as_deref().unwrap()[..35].to_owned())
            .collect();
        assert!(
            traces.len() == 1 && !traces.iter().any(|trace| trace.contains(CALLERS_TRACE)),
            "{traces:?}"
        );
        assert!(sent().iter().all(|request| request.tracestate.is_none()));
    }
}
