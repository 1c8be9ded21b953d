//! SIGKILL at every callout of a new deal's sync: before it has its effect, and after.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

/// The callouts of a new deal's sync with warm logins, as `a_new_deals_sync_makes_these_callouts`
/// finds them.
const CALLOUTS: [(&str, &str); 11] = [
    ("GET", "/query"),
    ("GET", "/accounts"),
    ("GET", "/contracts"),
    ("GET", "/aggregations"),
    ("POST", "/accounts"),
    ("POST", "/contracts"),
    ("POST", "/commitments"),
    ("POST", "/plans"),
    ("POST", "/pricings"),
    ("POST", "/accountplans"),
    ("PATCH", "/composite/sobjects"),
];
/// Worlds side by side: most of the time they wait for a lease.
const AT_ONCE: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

async fn cluster(engine: Engine) -> Cluster {
    match engine {
        Engine::Sqlite => Cluster::on_sqlite().await,
        Engine::Postgres => Cluster::on(postgres::database().await.1).await,
    }
}

/// Kills the process while one callout is under way, starts it again, and looks at what became of
/// the run.
async fn survives(engine: Engine, method: &'static str, path: &'static str, fault: FaultKind) {
    let case = format!("{engine:?} {method} {path} {}", fault.name());
    let cluster = cluster(engine).await;
    let replica = cluster.replica(&[]).await;
    cluster.fault(method, path, 1, fault);
    let run = cluster.begin(&replica, DEAL).await;
    cluster.until_faulted(1).await;
    replica.kill();
    cluster.clear_faults();
    let replica = cluster.replica(&[]).await;
    let ended = cluster.ended(&replica, &run).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(1)),
        "{case}: {ended:#}"
    );
    assert_eq!(ended["objectResults"].as_array().unwrap().len(), 6, "{case}");
    cluster.assert_each_object_once(DEAL, &case);
    assert_eq!(
        (&ended["result"]["statusWritten"], &told(&cluster).0),
        (&json!(true), &json!("Completed")),
        "{case}: {ended:#}"
    );
}

/// What the deal says of its last sync: status and message.
fn told(cluster: &Cluster) -> (Json, Json) {
    let deal = cluster.org.vendor().record("Opportunity", DEAL).unwrap();
    let [status, message] = ["M3ter_Sync_Status__c", "M3ter_Sync_Message__c"]
        .map(|field| deal.get(field).cloned().unwrap_or_default());
    (status, message)
}

async fn survives_everywhere(engine: Engine) {
    let cases = CALLOUTS.iter().flat_map(|(method, path)| {
        [FaultKind::Hang, FaultKind::HangAfterEffect].map(|fault| (*method, *path, fault))
    });
    let outcomes =
        stream::iter(cases).map(|(method, path, fault)| survives(engine, method, path, fault));
    outcomes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_callout_loses_and_doubles_nothing_on_sqlite() {
    survives_everywhere(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_callout_loses_and_doubles_nothing_on_postgres() {
    survives_everywhere(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_deals_sync_makes_these_callouts() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[]).await;
    cluster.org.clear_requests();
    cluster.organization.clear_requests();
    let run = cluster.begin(&replica, DEAL).await;
    cluster.ended(&replica, &run).await;
    let mut made: Vec<(String, String)> =
        cluster.requests().into_iter().map(|request| (request.method, request.path)).collect();
    made.sort();
    made.dedup();
    let mut expected = CALLOUTS.map(|(method, path)| (method.to_owned(), path.to_owned())).to_vec();
    expected.sort();
    assert_eq!(made, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_over_at_most_a_lease_later() {
    let cluster = cluster(Engine::Postgres).await;
    let (first, second) = (cluster.replica(&[]).await, cluster.replica(&[]).await);
    cluster.fault("POST", "/contracts", 1, FaultKind::HangAfterEffect);
    let run = cluster.begin(&first, DEAL).await;
    cluster.until_faulted(1).await;
    let killed = Instant::now();
    first.kill();
    cluster
        .until("the run is taken over", async || {
            cluster
                .get(&second, &format!("/sync-runs/{run}"))
                .await
                .is_some_and(|(_, shown)| shown["takeovers"] == 1)
        })
        .await;
    // The lease is 3 s; looking for it and being looked at take a moment.
    assert!(killed.elapsed() < Duration::from_millis(3_800), "{:?}", killed.elapsed());
    let ended = cluster.ended(&second, &run).await;
    assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
    cluster.assert_each_object_once(DEAL, "taken over");
    let traces: BTreeSet<String> = cluster
        .requests()
        .iter()
        .filter_map(|request| Some(request.traceparent.as_ref()?[3..35].to_owned()))
        .collect();
    assert_eq!(traces.len(), 1, "the trace goes on in the other replica: {traces:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_process_died_four_times_is_not_tried_a_fifth_time() {
    let cluster = Cluster::on_sqlite().await;
    cluster.fault("GET", "/accounts", 100, FaultKind::Hang);
    let mut run = None;
    for death in 1..=4 {
        let replica = cluster.replica(&[("RUN_LEASE", "2")]).await;
        if run.is_none() {
            run = Some(cluster.begin(&replica, DEAL).await);
        }
        cluster.until_faulted(death).await;
        replica.kill();
    }
    let replica = cluster.replica(&[("RUN_LEASE", "2")]).await;
    let ended = cluster.ended(&replica, &run.unwrap()).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["errorCode"]),
        (&json!("Failed"), &json!("INTERRUPTED")),
        "{ended:#}"
    );
    assert!(
        ended["result"]["message"].as_str().unwrap().contains("stopped 4 times during this sync"),
        "{ended:#}"
    );
    // Nothing of it came to its end, and the deal says so all the same.
    let (status, message) = told(&cluster);
    assert_eq!(
        (&ended["result"]["statusWritten"], status),
        (&json!(true), json!("Failed")),
        "{ended:#}"
    );
    assert!(message.as_str().unwrap().starts_with("Failed: INTERRUPTED"), "{message}");
}
