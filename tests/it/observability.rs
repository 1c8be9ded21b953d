//! What an operator sees: metrics, and alert rules that name existing ones.

use std::collections::BTreeSet;

use crate::support::*;

/// The names of metrics in a text, without the endings that a histogram adds.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c)).filter(|word| word.starts_with("sync_to_m3ter_"));
    words.map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_is_counted_and_the_alerts_and_the_page_name_existing_ones() {
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with_config(move |config| config.metrics_address = Some(metrics)).await;
    world.fault("GET", "/accounts", sync_to_m3ter_sandbox::control::FaultKind::Status { status: 503, retry_after: None, message: None });
    assert_all(&world.dry_run(DEAL).await, "created");
    assert_all(&world.sync(DEAL).await, "created");
    world.sync(DELETED).await;
    let (status, text) = world.send(world.client().get(format!("http://{metrics}/metrics"))).await;
    assert_eq!(status, 200);
    for line in [
        "sync_to_m3ter_requests_total{operation=\"POST /sync-to-m3ter\",status=\"200\"}",
        "sync_to_m3ter_syncs_total{kind=\"sync\",status=\"Completed\",error_code=\"\",dry_run=\"false\"}",
        "sync_to_m3ter_syncs_total{kind=\"sync\",status=\"Failed\",error_code=\"RECORD_DELETED\",dry_run=\"false\"}",
        "sync_to_m3ter_objects_total{object=\"Commitment\",action=\"created\",dry_run=\"false\"}",
        "sync_to_m3ter_callouts_total{vendor=\"m3ter\",operation=\"PostCommitment\",outcome=\"done\"}",
        "sync_to_m3ter_callouts_total{vendor=\"m3ter\",operation=\"ListAccounts\",outcome=\"unavailable\"}",
        "sync_to_m3ter_callouts_total{vendor=\"Salesforce\",operation=\"Query\",outcome=\"done\"}",
        "sync_to_m3ter_callout_retries_total{vendor=\"m3ter\"}",
        "sync_to_m3ter_ready 1",
        "sync_to_m3ter_salesforce_requests_limit 100000",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let counted = names(&text);
    let page = include_str!("../../docs/metrics.md").replace("`…_limit`", "`sync_to_m3ter_salesforce_requests_limit`");
    assert_eq!(names(&page), counted, "docs/metrics.md has each metric");
    let alerts = include_str!("../../deploy/alerts.yaml");
    assert!(names(alerts).is_subset(&counted), "{:?}", names(alerts).difference(&counted));
    let rules: serde_json::Value = serde_yaml_ng::from_str(alerts).unwrap();
    assert!(rules["groups"][0]["rules"].as_array().unwrap().iter().all(|rule| rule["expr"].is_string() && rule["alert"].is_string()));
    assert_eq!(world.get("/metrics").await.0, 404, "not where callers are");
    assert_eq!(world.send(world.client().get(format!("http://{metrics}/sync-runs"))).await.0, 404);
}

const CALLERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_goes_on_to_both_vendors() {
    let world = World::new().await;
    let sync = |headers: &[(&'static str, &str)]| {
        world.org.clear_requests();
        world.organization.clear_requests();
        let request = world.client().post(world.url(&format!("/sync-to-m3ter/{DEAL}")));
        world.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    let parent = format!("00-{CALLERS_TRACE}-00f067aa0ba902b7-01");
    sync(&[("traceparent", &parent), ("tracestate", "congo=t61rcWkgMzE")]).await;
    let sent = || [world.org.requests(), world.organization.requests()].concat();
    let steps: BTreeSet<String> = sent()
        .into_iter()
        .map(|request| {
            assert_eq!(request.tracestate.as_deref(), Some("congo=t61rcWkgMzE"), "{request:?}");
            let parent = request.traceparent.unwrap();
            let rest = parent.strip_prefix(&format!("00-{CALLERS_TRACE}-")).unwrap_or_else(|| panic!("{parent}"));
            rest.strip_suffix("-01").unwrap().to_owned()
        })
        .collect();
    assert!(sent().len() > 5 && world.org.requests().len() > 1);
    assert_eq!(steps.len(), sent().len(), "each callout is a step of its own");
    assert!(!steps.contains("00f067aa0ba902b7"), "the caller's own step is not ours");
    // Whatever cannot be a trace is as if it were not there: the run gets one of its own.
    for parent in ["", "00-x", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"] {
        sync(&[("traceparent", parent), ("tracestate", "congo=t61rcWkgMzE")]).await;
        let traces: BTreeSet<String> = sent().iter().map(|request| request.traceparent.as_deref().unwrap()[..35].to_owned()).collect();
        assert!(traces.len() == 1 && !traces.iter().any(|trace| trace.contains(CALLERS_TRACE)), "{traces:?}");
        assert!(sent().iter().all(|request| request.tracestate.is_none()));
    }
}
