//! Two replicas behind a real Caddy with the Caddyfile of `deploy/`, under load: restarted one
//! after the other, and killed.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Replica};
use crate::postgres;

/// Of the vendors: a new deal is under way for half a second, so that some always are.
const LATENCY: Duration = Duration::from_millis(70);
/// Between two requests.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long the load continues after a kill: longer than Caddy takes to see that a replica is gone.
const AFTER_A_KILL: Duration = Duration::from_secs(6);

/// One request through the proxy.
struct Asked {
    deal: String,
    sent: Instant,
    answered: Instant,
    /// Its status and body; `None` if there was none.
    answer: Option<(u16, String)>,
}

impl Asked {
    fn is_lost(&self) -> bool {
        self.answer.as_ref().is_none_or(|(status, _)| *status != 200)
    }
}

struct Caddy {
    url: String,
    process: Child,
    _directory: TempDir,
}

impl Caddy {
    fn start(upstreams: &[String; 2]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = include_str!("../../deploy/Caddyfile");
        assert!(file.contains("sync-1:8080 sync-2:8080"), "{file}");
        std::fs::write(
            directory.path().join("Caddyfile"),
            file.replace("sync-1:8080 sync-2:8080", &upstreams.join(" ")),
        )
        .unwrap();
        #[expect(clippy::disallowed_methods, reason = "only the test script knows where Caddy is")]
        let program =
            std::env::var("TEST_CADDY").expect("TEST_CADDY names Caddy; scripts/test sets it");
        let url = format!("http://127.0.0.1:{}", crate::ports::free_port());
        let process = Command::new(program)
            .args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"])
            .current_dir(directory.path())
            .env_clear()
            .envs(["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name, directory.path())))
            .env("SITE_ADDRESS", &url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { url, process, _directory: directory }
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two replicas, and Caddy before them.
struct Behind {
    cluster: Cluster,
    addresses: [String; 2],
    replicas: [Replica; 2],
    caddy: Caddy,
}

impl Behind {
    async fn caddy() -> Self {
        let cluster = Cluster::on(postgres::database().await.1).await;
        cluster.org.set_latency(LATENCY);
        cluster.organization.set_latency(LATENCY);
        let addresses = [(); 2].map(|()| format!("127.0.0.1:{}", crate::ports::free_port()));
        let replicas = [start(&cluster, &addresses[0]), start(&cluster, &addresses[1])];
        for replica in &replicas {
            cluster.until_ready(replica).await;
        }
        let caddy = Caddy::start(&addresses);
        let is_there = async || {
            cluster
                .ask_raw(&format!("{}/sync-to-m3ter/none", caddy.url))
                .await
                .is_some_and(|(status, _)| status == 200)
        };
        cluster.until("Caddy passes requests on", is_there).await;
        Self { cluster, addresses, replicas, caddy }
    }

    /// Asks for one new deal after the other until `done`, and waits for all answers.
    async fn load(cluster: &Cluster, caddy: &Caddy, done: &CancellationToken) -> Vec<Asked> {
        let mut due = tokio::time::interval(ASK_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut under_way, mut asked) = (FuturesUnordered::new(), Vec::new());
        let ask = async || {
            let (deal, sent) = (cluster.add_deal(), Instant::now());
            let answer = cluster.ask_raw(&format!("{}/sync-to-m3ter/{deal}", caddy.url)).await;
            Asked { deal, sent, answered: Instant::now(), answer }
        };
        loop {
            tokio::select! {
                () = done.cancelled() => break,
                _ = due.tick() => under_way.push(ask()),
                Some(one) = under_way.next() => asked.push(one),
            }
        }
        asked.extend(under_way.collect::<Vec<_>>().await);
        asked
    }

    /// Fails unless each deal has one run, which ended well, and each object once; a deal whose
    /// request was lost may have none of it.
    async fn assert_carried_out_once(&self, asked: &[Asked]) {
        for one in asked {
            let path = format!("/sync-runs?parentRecordId={}", one.deal);
            let (_, listed) = self.cluster.get(&self.replicas[0], &path).await.unwrap();
            let runs = listed["syncRuns"].as_array().unwrap();
            match runs.as_slice() {
                [] if one.is_lost() => continue,
                [run] => {
                    let ended = self
                        .cluster
                        .ended(&self.replicas[0], run["syncRunId"].as_str().unwrap())
                        .await;
                    assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
                }
                _ => panic!("{}: {runs:#?}", one.deal),
            }
            self.cluster.assert_each_object_once(&one.deal, "behind Caddy");
        }
    }
}

fn start(cluster: &Cluster, address: &str) -> Replica {
    let keys = cluster.keys_file();
    cluster.start(&[
        ("LISTEN_ADDRESS", address),
        ("API_KEYS_FILE", &keys),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_caddy_loses_no_request_and_carries_out_none_twice() {
    let mut behind = Behind::caddy().await;
    let done = CancellationToken::new();
    let Behind { cluster, addresses, replicas, caddy } = &mut behind;
    let restarts = async {
        for (address, replica) in addresses.iter().zip(replicas) {
            tokio::time::sleep(ASK_EVERY * 10).await;
            replica.signal("TERM");
            cluster
                .until("it is not ready", async || {
                    cluster.get(replica, "/readyz").await.is_none_or(|(status, _)| status == 503)
                })
                .await;
            cluster
                .until("it ends", async || {
                    replica.has_exited().is_some_and(|status| status.success())
                })
                .await;
            *replica = start(cluster, address);
            // Caddy need not have seen it yet when the other one goes.
            cluster.until_ready(replica).await;
        }
        tokio::time::sleep(ASK_EVERY * 10).await;
        done.cancel();
    };
    let (asked, ()) = tokio::join!(Behind::load(cluster, caddy, &done), restarts);
    let mut outcomes = BTreeMap::<String, usize>::new();
    for one in &asked {
        let (status, body) = one.answer.clone().unwrap_or_default();
        let body: Json = serde_json::from_str(&body).unwrap_or_default();
        *outcomes
            .entry(format!("{status} {} {}", body["syncStatus"], body["errorCode"]))
            .or_default() += 1;
    }
    println!("{outcomes:?}");
    assert!(asked.len() > 50 && asked.iter().all(|one| !one.is_lost()), "{outcomes:?}");
    behind.assert_carried_out_once(&asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_killed_behind_caddy_loses_only_requests_in_progress() {
    let mut behind = Behind::caddy().await;
    let done = CancellationToken::new();
    let Behind { cluster, addresses, replicas: [first, _], caddy } = &mut behind;
    let kill = async {
        tokio::time::sleep(ASK_EVERY * 20).await;
        let began = Instant::now();
        first.kill_and_wait();
        let killed = Instant::now();
        tokio::time::sleep(AFTER_A_KILL).await;
        *first = start(cluster, &addresses[0]);
        cluster.until_ready(first).await;
        done.cancel();
        (began, killed)
    };
    let (asked, (began, killed)) = tokio::join!(Behind::load(cluster, caddy, &done), kill);
    let lost: Vec<&Asked> = asked.iter().filter(|one| one.is_lost()).collect();
    println!("{} of {} lost", lost.len(), asked.len());
    for one in lost {
        assert!(
            one.sent <= killed && one.answered >= began,
            "{} was lost although it was not under way: {:?}",
            one.deal,
            one.answer
        );
    }
    behind.assert_carried_out_once(&asked).await;
}
