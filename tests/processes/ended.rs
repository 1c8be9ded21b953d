//! SIGKILL in the middle of an end dating: whoever continues ends what is left, and what has ended
//! stays so.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

/// Ends the deal in the middle of its year, kills the process at a callout, and syncs the deal
/// afterwards.
async fn stays_ended(
    cluster: &Cluster,
    method: &'static str,
    path: &'static str,
    fault: FaultKind,
) {
    let case = format!(
        "{} {method} {path} {}",
        cluster.database_url.split(':').next().unwrap(),
        fault.name()
    );
    let replica = cluster.replica(&[]).await;
    let synced = cluster.begin(&replica, DEAL).await;
    cluster.ended(&replica, &synced).await;
    cluster.fault(method, path, 1, fault);
    let order = json!([{
        "parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"],
    }]);
    let (status, accepted) = cluster
        .ask(&replica.url, "/end-date-billing-entities?waitSeconds=0", &order)
        .await
        .unwrap();
    assert_eq!(status, 202, "{accepted}");
    let met = cluster.requests().iter().filter(|request| request.fault.is_some()).count();
    cluster.until_faulted(met.max(1)).await;
    replica.kill();
    cluster.clear_faults();
    let replica = cluster.replica(&[]).await;
    let ended = cluster.ended(&replica, accepted[0]["syncRunId"].as_str().unwrap()).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(1)),
        "{case}: {ended:#}"
    );
    let run = cluster.begin(&replica, DEAL).await;
    let synced = cluster.ended(&replica, &run).await;
    assert_eq!(
        (&synced["syncStatus"], &synced["attention"]),
        (&json!("Completed"), &json!(["ENDED"])),
        "{case}: {synced:#}"
    );
    for kind in ["contracts", "commitments", "pricings", "accountplans"] {
        let objects = cluster.organization.vendor().objects(kind);
        let of_deal = objects.iter().filter(|object| {
            ["2026-07-01", "2026-07-01T00:00:00Z"]
                .iter()
                .any(|end| object.get("endDate") == Some(&Json::from(*end)))
        });
        assert_eq!(of_deal.count(), 1, "{case}: {kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_made_before_the_process_died_stays_an_end() {
    for (method, path, fault) in [
        ("GET", "/query", FaultKind::Hang),
        ("PUT", "/contracts/*", FaultKind::Hang),
        ("PUT", "/contracts/*", FaultKind::HangAfterEffect),
    ] {
        let (sqlite, postgres) =
            (Cluster::on_sqlite().await, Cluster::on(postgres::database().await.1).await);
        tokio::join!(
            stays_ended(&sqlite, method, path, fault.clone()),
            stays_ended(&postgres, method, path, fault)
        );
    }
}
