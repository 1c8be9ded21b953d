//! m3ter answers 500 to everything for a while: the service does not make it worse, and recovers by itself.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_hardly_more_callouts_than_tries_and_mends_itself() {
    let cluster = Cluster::on_sqlite().await;
    let deals: Vec<String> = (0..100).map(|_| cluster.add_deal()).collect();
    let replica = cluster.replica(&[("SYNC_RETRY_MINUTES", "0.05,0.1,0.2,0.2,0.2")]).await;
    cluster.organization.clear_requests();
    let down = FaultKind::Status { status: 500, retry_after: None, message: None };
    for method in ["GET", "POST", "PUT"] {
        cluster.fault(method, "/*", 1_000_000, down.clone());
    }
    let mut runs = Vec::new();
    for deal in &deals {
        runs.push(cluster.begin(&replica, deal).await);
    }
    // Until every run has failed once, and some have been tried again.
    cluster
        .until("the runs are tried again", async || {
            let (_, page) = cluster.get(&replica, "/sync-runs?limit=200").await.unwrap();
            let tries: Vec<usize> = page["syncRuns"].as_array().unwrap().iter().map(|run| run["tries"].as_array().unwrap().len()).collect();
            tries.iter().all(|tries| *tries >= 2)
        })
        .await;
    let sent = cluster.organization.requests().iter().filter(|request| request.fault.is_some()).count();
    cluster.clear_faults();
    let mut without_retries = 0;
    for (run, deal) in runs.iter().zip(&deals) {
        let ended = cluster.ended(&replica, run).await;
        assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
        let is_failed = |callout: &&Json| callout["vendor"] == "m3ter" && callout["outcome"] != json!("done");
        without_retries += ended["callouts"].as_array().unwrap().iter().filter(is_failed).count();
        cluster.assert_each_object_once(deal, "after an outage");
    }
    // Each callout of each documented try once, and a fifth more at most.
    assert!(sent * 10 <= without_retries * 12, "{sent} callouts for {without_retries}");
    tokio::time::timeout(Duration::from_secs(10), cluster.post(&replica, &format!("/sync-to-m3ter/{}", deals[0]))).await.unwrap().unwrap();
}
