//! Three replicas on one PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use sync_to_m3ter_sandbox::control::FaultKind;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_dies_and_one_is_paused_past_its_lease_and_every_object_exists_once() {
    let cluster = Arc::new(Cluster::on(postgres::database().await.1).await);
    let deals: Vec<String> = (0..20).map(|_| cluster.add_deal()).collect();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(cluster.replica(&[]).await);
    }
    cluster.organization.set_latency(Duration::from_millis(150));
    let urls: Vec<String> = replicas.iter().map(|replica| replica.url.clone()).collect();
    let mut requests = JoinSet::new();
    for number in 0..200 {
        let (cluster, url, deal) =
            (Arc::clone(&cluster), urls[number % 3].clone(), deals[number % 20].clone());
        requests.spawn(async move {
            let answer = cluster.post_to(&url, &format!("/sync-to-m3ter/{deal}")).await;
            answer.map(|(status, answer)| (url, deal, status, answer))
        });
    }
    let writes = || cluster.creations();
    cluster.until("the syncs are in the middle of their writes", async || writes() >= 30).await;
    let (dying, paused, kept) = (replicas.remove(0), replicas.remove(0), replicas.remove(0));
    paused.signal("STOP");
    dying.kill();
    // Whatever it holds is taken over by the third one, while it does not know.
    cluster
        .until("the paused one has lost what it had", async || {
            let (_, page) = cluster.get(&kept, "/sync-runs?limit=200").await.unwrap();
            let runs = page["syncRuns"].as_array().unwrap();
            runs.iter().any(|run| run["takeovers"].as_u64() > Some(0))
                && runs.iter().all(|run| run["state"] == "ended")
        })
        .await;
    paused.signal("CONT");

    let answers = requests.join_all().await;
    let of_the_third = answers.iter().flatten().filter(|(url, ..)| *url == kept.url).count();
    assert_eq!(of_the_third, 66, "it answers all that it was asked");
    for (url, deal, status, mut answer) in answers.into_iter().flatten() {
        let mut status = status;
        // What it sent to the database before its pause, and heard no answer to in time, it cannot
        // know: it says so, and the request may be sent again.
        if url == paused.url && answer["errorCode"] == "DATABASE_UNAVAILABLE" {
            assert_eq!(status, 503, "{answer:#}");
            let path = format!("/sync-to-m3ter/{deal}");
            (status, answer) = cluster.post_to(&url, &path).await.unwrap();
        }
        assert_eq!((status, &answer["syncStatus"]), (200, &json!("Completed")), "{answer:#}");
    }
    for replica in [&kept, &paused] {
        let (_, page) = cluster.get(replica, "/sync-runs?limit=200").await.unwrap();
        for run in page["syncRuns"].as_array().unwrap() {
            assert_eq!(
                (&run["state"], &run["syncStatus"]),
                (&json!("ended"), &json!("Completed")),
                "{run:#}"
            );
        }
    }
    for deal in &deals {
        cluster.assert_each_object_once(deal, "after a death and a pause");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waiting_on_another_replicas_run_is_answered_within_a_tenth_of_a_second() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    let (here, there) = (cluster.replica(&[]).await, cluster.replica(&[]).await);
    let mut late_ms = Vec::new();
    for _ in 0..5 {
        cluster.org.clear_requests();
        cluster.fault("GET", "/query", 1, FaultKind::Delay { ms: 300 });
        let first = cluster.begin(&here, DEAL).await;
        cluster.until_faulted(1).await;
        // It waits for the first one, in the replica that has not got it.
        let (status, answer) =
            cluster.post(&there, &format!("/sync-to-m3ter/{DEAL}")).await.unwrap();
        let answered = jiff::Timestamp::now();
        assert_eq!((status, &answer["syncStatus"]), (200, &json!("Completed")), "{answer:#}");
        assert_ne!(answer["syncRunId"], json!(first));
        let run = cluster.ended(&there, answer["syncRunId"].as_str().unwrap()).await;
        let ended: jiff::Timestamp = run["endedAt"].as_str().unwrap().parse().unwrap();
        late_ms.push(answered.as_millisecond() - ended.as_millisecond());
    }
    late_ms.sort_unstable();
    assert!(late_ms[2] <= 100, "{late_ms:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waiting_at_a_paused_replica_is_answered_once_it_resumes() {
    let cluster = Arc::new(Cluster::on(postgres::database().await.1).await);
    let (paused, other) = (cluster.replica(&[]).await, cluster.replica(&[]).await);
    cluster.organization.set_latency(Duration::from_millis(300));
    let waiting = tokio::spawn({
        let (cluster, url) = (Arc::clone(&cluster), paused.url.clone());
        async move { cluster.post_to(&url, &format!("/sync-to-m3ter/{DEAL}")).await }
    });
    let writes = || cluster.creations();
    cluster.until("the sync is in the middle of its writes", async || writes() >= 2).await;
    paused.signal("STOP");
    let run = || async {
        let (_, page) = cluster.get(&other, "/sync-runs").await.unwrap();
        page["syncRuns"][0].clone()
    };
    cluster
        .until("the other one has ended the run", async || run().await["state"] == "ended")
        .await;
    paused.signal("CONT");
    // Nobody asks the paused one for anything more, and the wait of its caller would end after 105
    // s.
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("the answer was there before the pause ended");
    let (status, answer) = answer.unwrap().unwrap();
    assert_eq!((status, &answer["syncStatus"]), (200, &json!("Completed")), "{answer:#}");
    assert_eq!(answer["syncRunId"], run().await["syncRunId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_at_once_cost_two_syncs() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    // All of them come from here.
    let keys = cluster.keys_file();
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("API_KEYS_FILE", &keys)];
    let (here, there) = (cluster.replica(&settings).await, cluster.replica(&settings).await);
    cluster.organization.set_latency(Duration::from_millis(500));
    let requests = (0..1_000).map(|number| {
        let replica = if number % 2 == 0 { &here } else { &there };
        let cluster = &cluster;
        async move { cluster.begin(replica, DEAL).await }
    });
    let runs: std::collections::BTreeSet<String> = join_all(requests).await.into_iter().collect();
    assert!(runs.len() <= 3, "{} runs", runs.len());
    for run in &runs {
        assert_eq!(cluster.ended(&here, run).await["syncStatus"], "Completed");
    }
    cluster.assert_each_object_once(DEAL, "a thousand callers");
}
