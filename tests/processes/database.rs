//! The database goes away in the middle of everything, and comes back.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::postgres::Server;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_running_syncs_outlive_a_restart_of_the_database() {
    let server = Server::start();
    let cluster = Cluster::on(server.url()).await;
    let deals: Vec<String> = (0..50).map(|_| cluster.add_deal()).collect();
    let replica = cluster.replica(&[("SYNC_RETRY_MINUTES", "0.02,0.02,0.05")]).await;
    cluster.organization.set_latency(Duration::from_millis(400));
    let mut runs = Vec::new();
    for deal in &deals {
        runs.push(cluster.begin(&replica, deal).await);
    }
    let writes = || cluster.creations();
    cluster.until("the syncs write", async || writes() >= 25).await;
    server.stop();
    cluster
        .until("the replica shows that it is not ready", async || {
            cluster.get(&replica, "/readyz").await.is_some_and(|(status, body)| {
                status == 503
                    && body["problems"][0]
                        .as_str()
                        .is_some_and(|problem| problem.contains("database is not available"))
            })
        })
        .await;
    let (status, fault) =
        cluster.post(&replica, &format!("/sync-to-m3ter/{}", deals[0])).await.unwrap();
    assert_eq!((status, &fault["errorCode"]), (503, &json!("DATABASE_UNAVAILABLE")), "{fault}");
    assert!(fault["retryAfterSeconds"].as_u64() > Some(0), "{fault}");
    assert_eq!(cluster.get(&replica, "/livez").await.unwrap().0, 200);
    // Past the lease, nothing is begun any more.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = cluster.requests().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.requests().len(), before, "callouts were begun without a lease");

    server.start_again();
    for (run, deal) in runs.iter().zip(&deals) {
        let ended = cluster.ended(&replica, run).await;
        assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
        cluster.assert_each_object_once(deal, "after a restart of the database");
    }
    assert_eq!(cluster.get(&replica, "/readyz").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_program_does_not_start_and_says_why() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
        .env_clear()
        .envs([
            ("DATABASE_URL", "postgres://postgres:hunter2@127.0.0.1:1/billing"),
            ("SALESFORCE_LOGIN_URL", "http://127.0.0.1:1"),
            ("SALESFORCE_CLIENT_ID", "x"),
            ("SALESFORCE_CLIENT_SECRET", "x"),
            ("M3TER_BASE_URL", "http://127.0.0.1:1"),
            ("M3TER_ORG_ID", "11111111-1111-4111-8111-111111111111"),
            ("COMMITMENT_BILLING", "paid_outside"),
            ("M3TER_API_KEY", "x"),
            ("M3TER_API_SECRET", "x"),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("the database `127.0.0.1:1/billing` is not available")
            && !said.contains("hunter2"),
        "{said}"
    );
}
