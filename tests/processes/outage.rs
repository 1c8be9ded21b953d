//! m3ter answers 500 to everything for a minute: the service does not make it worse, and recovers
//! by itself.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::Cluster;

const OUTAGE: Duration = Duration::from_mins(1);
/// Asked for at once, and then one each second.
const DEALS_AT_ONCE: usize = 60;
/// After so many seconds a run is tried again, each time: all of it happens within two minutes.
const TRIED_AGAIN_AFTER_SECONDS: [u32; 8] = [6, 12, 12, 12, 12, 12, 12, 12];

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_minute_costs_few_callouts_and_heals_by_itself() {
    let cluster = Cluster::on_sqlite().await;
    let minutes =
        TRIED_AGAIN_AFTER_SECONDS.map(|seconds| (f64::from(seconds) / 60.0).to_string()).join(",");
    let replica = cluster.replica(&[("SYNC_RETRY_MINUTES", &minutes)]).await;
    cluster.organization.clear_requests();
    let down = FaultKind::Status { status: 500, retry_after: None, message: None };
    for method in ["GET", "POST", "PUT"] {
        cluster.fault(method, "/*", 1_000_000, down.clone());
    }
    let began = Instant::now();
    let mut runs = Vec::new();
    while began.elapsed() < OUTAGE {
        if runs.len() >= DEALS_AT_ONCE {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let deal = cluster.add_deal();
        runs.push((cluster.begin(&replica, &deal).await, deal));
    }
    let sent =
        cluster.organization.requests().iter().filter(|request| request.fault.is_some()).count();
    cluster.clear_faults();
    let recovering = Instant::now();
    let (mut without_retries, mut tries) = (0, 0);
    for (run, deal) in &runs {
        let ended = cluster.ended(&replica, run).await;
        assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
        let is_failed =
            |callout: &&Json| callout["vendor"] == "m3ter" && callout["outcome"] != json!("done");
        without_retries += ended["callouts"].as_array().unwrap().iter().filter(is_failed).count();
        tries += ended["tries"].as_array().unwrap().len() - 1;
        cluster.assert_each_object_once(deal, "after an outage");
    }
    // The whole minute was spent in it, and the documented tries were made: not one failed try, but
    // several of each run.
    assert!(tries >= 2 * runs.len(), "{tries} failed tries of {} runs", runs.len());
    // Each callout of each documented try once, and a fifth more at most.
    assert!(sent * 10 <= without_retries * 12, "{sent} callouts for {without_retries}");
    assert!(sent >= without_retries, "{sent} callouts for {without_retries}");
    let longest = Duration::from_secs(u64::from(TRIED_AGAIN_AFTER_SECONDS[1]) * 3);
    assert!(recovering.elapsed() < longest, "{:?}", recovering.elapsed());
    let deal = &runs[0].1;
    tokio::time::timeout(
        Duration::from_secs(10),
        cluster.post(&replica, &format!("/sync-to-m3ter/{deal}")),
    )
    .await
    .unwrap()
    .unwrap();
}
