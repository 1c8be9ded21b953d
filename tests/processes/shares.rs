//! Replicas that share m3ter's limit on one PostgreSQL: the emulator counts what comes of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sync_to_m3ter_sandbox::control::Counting;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Replica};
use crate::postgres;

const LIMIT: usize = 50;
/// The widest margin: on a busy machine requests arrive late, and this is not about how late.
const SETTINGS: [(&str, &str); 2] =
    [("M3TER_REQUESTS_PER_SECOND", "50"), ("M3TER_WINDOW_MARGIN_MS", "500")];

async fn cluster() -> Arc<Cluster> {
    under_limit(Cluster::on(postgres::database().await.1).await)
}

fn under_limit(cluster: Cluster) -> Arc<Cluster> {
    cluster.organization.set_counting(Counting::Sliding);
    cluster.organization.set_requests_per_second(Some(LIMIT.try_into().unwrap()));
    cluster.organization.set_latency(Duration::from_millis(20));
    Arc::new(cluster)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_the_share_of_one_that_died_says_so() {
    let cluster = Cluster::on_sqlite().await;
    cluster.replica(&SETTINGS).await.kill();
    let log = cluster.path("log");
    let settings = [SETTINGS.as_slice(), &[("RUST_LOG", "info")]].concat();
    let replica = cluster.start_with_log(&settings, std::fs::File::create(&log).unwrap().into());
    let mut told = String::new();
    cluster
        .until("the replica is ready", async || match cluster.get(&replica, "/readyz").await {
            Some((200, _)) => true,
            Some((_, problems)) if problems.to_string().contains("1 other replica holds") => {
                told = problems.to_string();
                false
            }
            _ => false,
        })
        .await;
    // The lease that the tests have, and a window.
    let words = "The service waits for a share of m3ter's limit: 1 other replica holds all of it; what a dead one holds is free after 4 s";
    assert!(told.contains(words), "{told}");
    let log = std::fs::read_to_string(&log).unwrap();
    let position = |words: &str| log.find(words).unwrap_or_else(|| panic!("{words}: {log}"));
    assert!(position("waiting for a share of m3ter's limit") < position("are free again"), "{log}");
}

/// Callers that wait for new deals at a replica.
fn sync_deals(
    cluster: &Arc<Cluster>,
    replica: &Replica,
    deals: usize,
) -> JoinSet<Option<(String, String)>> {
    let mut callers = JoinSet::new();
    for _ in 0..deals {
        let (cluster, url, deal) = (Arc::clone(cluster), replica.url.clone(), cluster.add_deal());
        callers.spawn(async move {
            let (_, answer) = cluster.post_to(&url, &format!("/sync-to-m3ter/{deal}")).await?;
            Some((deal, answer["syncStatus"].as_str()?.to_owned()))
        });
    }
    callers
}

fn assert_completed(cluster: &Cluster, answers: Vec<Option<(String, String)>>) {
    for answer in answers {
        let (deal, status) = answer.unwrap();
        assert_eq!(status, "Completed");
        cluster.assert_each_object_once(&deal, "under a shared limit");
    }
}

/// The most requests that m3ter got within a second; none of them may have been refused.
fn busiest_second(cluster: &Cluster) -> usize {
    let requests = cluster.organization.requests();
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    assert_eq!(refused, 0, "of {}", requests.len());
    let mut times: Vec<u64> = requests.iter().map(|request| request.started_at).collect();
    times.sort_unstable();
    let most = (0..times.len())
        .map(|from| times[from..].partition_point(|at| *at < times[from] + 1_000))
        .max()
        .unwrap_or(0);
    assert!(most <= LIMIT, "{most} within a second");
    most
}

async fn share(cluster: &Cluster, metrics: &str) -> Option<u32> {
    let text = cluster.get_text(metrics).await;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("sync_to_m3ter_rate_limit_places{of=\"share\"} "))?;
    line.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_keep_to_one_limit_and_a_busy_one_has_what_an_idle_one_does_not_need() {
    let cluster = cluster().await;
    let address = format!("127.0.0.1:{}", crate::ports::free_port());
    let metrics = format!("http://{address}/metrics");
    let busy = cluster.replica(&[&SETTINGS[..], &[("METRICS_ADDRESS", &address)]].concat()).await;
    let other = cluster.replica(&SETTINGS).await;
    let callers = sync_deals(&cluster, &busy, 40);
    cluster
        .until("the busy one has nine parts of ten", async || {
            share(&cluster, &metrics).await.is_some_and(|share| share >= 45)
        })
        .await;
    assert_completed(&cluster, callers.join_all().await);
    busiest_second(&cluster);
    let (here, there) = (sync_deals(&cluster, &busy, 15), sync_deals(&cluster, &other, 15));
    assert_completed(&cluster, here.join_all().await);
    assert_completed(&cluster, there.join_all().await);
    let most = busiest_second(&cluster);
    assert!(most > LIMIT / 2, "they shared what one of them may send: {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_replica_counts_until_its_lease_expires_and_starts_afresh() {
    let cluster = cluster().await;
    let address = format!("127.0.0.1:{}", crate::ports::free_port());
    let metrics = format!("http://{address}/metrics");
    let kept = cluster.replica(&[&SETTINGS[..], &[("METRICS_ADDRESS", &address)]].concat()).await;
    let stopped = cluster.replica(&SETTINGS).await;
    let (here, there) = (sync_deals(&cluster, &kept, 30), sync_deals(&cluster, &stopped, 30));
    cluster.until("both are in the middle", async || cluster.creations() > 20).await;
    stopped.signal("STOP");
    cluster
        .until("the other one has all places", async || share(&cluster, &metrics).await == Some(50))
        .await;
    assert_completed(&cluster, here.join_all().await);
    let more = sync_deals(&cluster, &kept, 30);
    cluster.until("the other one is busy", async || cluster.creations() > 20).await;
    stopped.signal("CONT");
    assert_completed(&cluster, more.join_all().await);
    assert_completed(&cluster, there.join_all().await);
    cluster
        .until("each has its part again", async || share(&cluster, &metrics).await == Some(25))
        .await;
    busiest_second(&cluster);
    let (_, page) = cluster.get(&kept, "/sync-runs?limit=200").await.unwrap();
    for run in page["syncRuns"].as_array().unwrap() {
        assert_eq!(
            (&run["state"], &run["syncStatus"]),
            (&json!("ended"), &json!("Completed")),
            "{run:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_killed_midway_restarts_and_finishes_its_work() {
    for url in [None, Some(postgres::database().await.1)] {
        let cluster = match url {
            Some(url) => Cluster::on(url).await,
            None => Cluster::on_sqlite().await,
        };
        let cluster = under_limit(cluster);
        let killed = cluster.replica(&SETTINGS).await;
        let callers = sync_deals(&cluster, &killed, 20);
        cluster.until("it is in the middle", async || cluster.creations() > 20).await;
        killed.kill();
        callers.join_all().await;
        // What the dead one held is free once its share's lease is over: until then nobody logs in
        // to m3ter.
        let again = cluster.replica(&SETTINGS).await;
        assert_completed(&cluster, sync_deals(&cluster, &again, 5).join_all().await);
        cluster
            .until("all runs have ended", async || {
                let (_, page) = cluster.get(&again, "/sync-runs?limit=200").await.unwrap();
                page["syncRuns"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|run| run["state"] == "ended" && run["syncStatus"] == "Completed")
            })
            .await;
        busiest_second(&cluster);
    }
}
