//! SIGTERM: what runs is given back, and another replica continues with it at once.

use std::time::{Duration, Instant};

use serde_json::json;
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stops_gives_its_runs_back_at_the_next_safe_point() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    // A lease that would last much longer than the test.
    let settings = [("RUN_LEASE", "60"), ("SHUTDOWN_GRACE", "4")];
    let (mut first, second) = (cluster.replica(&settings).await, cluster.replica(&settings).await);
    cluster.fault("POST", "/contracts", 1, FaultKind::Delay { ms: 3_000 });
    let url = first.url.clone();
    let path = format!("/sync-to-m3ter/{DEAL}");
    let stop = async {
        cluster.until_faulted(1).await;
        first.signal("TERM");
        Instant::now()
    };
    let (answer, told) = tokio::join!(cluster.post_to(&url, &path), stop);
    // Those who wait hear where to look.
    let (status, answer) = answer.unwrap();
    let (code, retryable, run) = (
        &answer["errorCode"],
        &answer["retryable"],
        answer["syncRunId"].as_str().unwrap().to_owned(),
    );
    assert_eq!(
        (status, code, retryable),
        (200, &json!("TIME_LIMIT_EXCEEDED"), &json!(true)),
        "{answer:#}"
    );
    assert!(answer["message"].as_str().unwrap().contains("the sync goes on"), "{answer:#}");
    let waiting = tokio::spawn(async move {
        loop {
            if let Some(status) = first.has_exited() {
                return (status, told.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let ended = cluster.ended(&second, &run).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(0)),
        "{ended:#}"
    );
    assert!(told.elapsed() < Duration::from_secs(12), "{:?}", told.elapsed());
    let (status, took) = waiting.await.unwrap();
    assert!(status.success() && took < Duration::from_secs(8), "{status} after {took:?}");
    cluster.assert_each_object_once(DEAL, "given back");
    let posts = cluster
        .organization
        .requests()
        .iter()
        .filter(|request| request.method == "POST" && request.path == "/contracts")
        .count();
    assert_eq!(posts, 1, "the callout under way had its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_ends_soon_is_answered_before_the_process_stops() {
    let cluster = Cluster::on_sqlite().await;
    let mut replica = cluster.replica(&[]).await;
    cluster.fault("POST", "/contracts", 1, FaultKind::Delay { ms: 500 });
    let path = format!("/sync-to-m3ter/{DEAL}");
    let request = cluster.post(&replica, &path);
    let stop = async {
        cluster.until_faulted(1).await;
        replica.signal("TERM");
    };
    let (answer, ()) = tokio::join!(request, stop);
    assert_eq!(answer.unwrap().1["syncStatus"], "Completed");
    cluster
        .until("the process ends", async || {
            replica.has_exited().is_some_and(|status| status.success())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_drains_is_red_and_serves_each_request_as_the_last_of_its_connection() {
    let cluster = Cluster::on_sqlite().await;
    let keys = cluster.keys_file();
    // It drains until it is told a second time.
    let mut replica = cluster
        .replica(&[("API_KEYS_FILE", &keys), ("SHUTDOWN_GRACE", "600"), ("SHUTDOWN_DRAIN", "300")])
        .await;
    let url = format!("{}/sync-to-m3ter/{DEAL}", replica.url);
    assert_eq!(cluster.ask_once(&url).await, (200, false, "Completed".into()));
    replica.signal("TERM");
    cluster
        .until("it is red", async || cluster.get(&replica, "/readyz").await.unwrap().0 == 503)
        .await;
    assert_eq!(cluster.get(&replica, "/livez").await.unwrap().0, 200);
    assert_eq!(cluster.ask_once(&url).await, (200, true, "Completed".into()));
    assert!(replica.has_exited().is_none());
    replica.signal("TERM");
    cluster.until("the process ends", async || replica.has_exited().is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let cluster = Cluster::on_sqlite().await;
    let mut replica = cluster.replica(&[]).await;
    cluster.fault("POST", "/contracts", 1, FaultKind::Hang);
    cluster.begin(&replica, DEAL).await;
    cluster.until_faulted(1).await;
    replica.signal("TERM");
    cluster
        .until("it takes no requests", async || cluster.get(&replica, "/livez").await.is_none())
        .await;
    assert!(replica.has_exited().is_none(), "it waits for the callout");
    let told = Instant::now();
    replica.signal("TERM");
    cluster.until("the process ends", async || replica.has_exited().is_some()).await;
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
}
