//! Runs that wait for their turn: in the database, for whichever process has a slot.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::cluster::{Cluster, Replica};
use crate::postgres;

/// The states of all runs.
async fn states(cluster: &Cluster, replica: &Replica) -> Vec<String> {
    let (_, page) = cluster.get(replica, "/sync-runs?limit=100").await.unwrap();
    page["syncRuns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["state"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_killed_while_many_wait_and_each_ends_once() {
    for cluster in [Cluster::on_sqlite().await, Cluster::on(postgres::database().await.1).await] {
        let deals: Vec<String> = (0..24).map(|_| cluster.add_deal()).collect();
        let first = cluster.replica(&[("RUNS_AT_ONCE", "4")]).await;
        cluster.organization.set_latency(Duration::from_millis(100));
        let mut runs = Vec::new();
        for deal in &deals {
            runs.push(cluster.begin(&first, deal).await);
        }
        let count =
            |states: &[String], state: &str| states.iter().filter(|other| *other == state).count();
        cluster
            .until("some have ended, and many wait", async || {
                let states = states(&cluster, &first).await;
                assert!(
                    count(&states, "running") <= 2,
                    "a caller has half of the slots: {states:?}"
                );
                count(&states, "ended") >= 3
            })
            .await;
        first.kill();
        let second = cluster.replica(&[("RUNS_AT_ONCE", "8")]).await;
        for run in &runs {
            let ended = cluster.ended(&second, run).await;
            assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
        }
        let distinct: BTreeSet<&String> = runs.iter().collect();
        assert_eq!((distinct.len(), states(&cluster, &second).await.len()), (24, 24));
        for deal in &deals {
            cluster.assert_each_object_once(deal, "after a kill while it waited");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waiting_at_a_full_replica_starts_at_an_idle_one_and_its_caller_is_answered() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    let deals: Vec<String> = (0..3).map(|_| cluster.add_deal()).collect();
    let full = cluster.replica(&[("RUNS_AT_ONCE", "1")]).await;
    cluster
        .org
        .add_fault(Fault::new("GET", "/query", FaultKind::Hang).containing(&deals[0]).times(1_000));
    let hanging = cluster.begin(&full, &deals[0]).await;
    cluster.until_faulted(1).await;
    let waits = cluster.begin(&full, &deals[1]).await;
    let state = async |run: &str| {
        cluster.get(&full, &format!("/sync-runs/{run}")).await.unwrap().1["state"].clone()
    };
    assert_eq!([state(&hanging).await, state(&waits).await], [json!("running"), json!("waiting")]);
    let idle = cluster.replica(&[("RUNS_AT_ONCE", "1")]).await;
    let (status, answer) =
        cluster.post(&full, &format!("/sync-to-m3ter/{}", deals[2])).await.unwrap();
    assert_eq!((status, &answer["syncStatus"]), (200, &json!("Completed")), "{answer:#}");
    assert_eq!(cluster.ended(&idle, &waits).await["takeovers"], 0, "it was nobody's before");
    assert_eq!(state(&hanging).await, "running");
    cluster.clear_faults();
    cluster.org.let_hanging_go();
    assert_eq!(cluster.ended(&full, &hanging).await["errorCode"], Json::Null);
    for deal in &deals {
        cluster.assert_each_object_once(deal, "of two replicas");
    }
}
