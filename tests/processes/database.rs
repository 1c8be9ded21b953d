//! The database goes away in the middle of everything, and comes back.

use std::time::{Duration, Instant};

use serde_json::json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::cluster::Cluster;
use crate::postgres::Server;

/// Requests to m3ter in a second.
const LIMIT: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_running_syncs_survive_a_restart_of_the_database() {
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
async fn a_database_that_takes_no_writes_for_a_while_loses_and_doubles_nothing() {
    const NOT_SAVED: &str = "the end of a run is not saved yet";
    let server = Server::start();
    let cluster = Cluster::on(server.url()).await;
    let deal = cluster.add_deal();
    let log = cluster.path("log");
    // What is to be saved waits for the database as long as the sync may take.
    let settings = [("RUST_LOG", "warn"), ("RUN_LEASE", "30"), ("SYNC_TIME_LIMIT", "15")];
    let replica = cluster.start_with_log(&settings, std::fs::File::create(&log).unwrap().into());
    cluster.until_ready(&replica).await;
    cluster.fault("POST", "/commitments", 1, FaultKind::Delay { ms: 2_000 });
    let run = cluster.begin(&replica, &deal).await;
    cluster.until_faulted(1).await;
    server.switch_to_read_only(true).await;
    cluster
        .until("the replica shows that it is not ready", async || {
            cluster.get(&replica, "/readyz").await.is_some_and(|(status, body)| {
                status == 503 && body["problems"][0].as_str().unwrap().contains("is read-only")
            })
        })
        .await;
    let (status, fault) = cluster.post(&replica, &format!("/sync-to-m3ter/{deal}")).await.unwrap();
    assert_eq!((status, &fault["errorCode"]), (503, &json!("DATABASE_UNAVAILABLE")), "{fault}");
    let told = || std::fs::read_to_string(&log).unwrap();
    cluster.until("the run has come to its end", async || told().contains(NOT_SAVED)).await;
    // It is tried again four times a second, which is not told each time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told().matches(NOT_SAVED).count(), 1, "{}", told());
    server.switch_to_read_only(false).await;
    let ended = cluster.ended(&replica, &run).await;
    assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
    assert_eq!(ended["tries"].as_array().map(Vec::len), Some(1), "{ended:#}");
    cluster.assert_each_object_once(&deal, "while the database took no writes");
    cluster.until_ready(&replica).await;
}

/// The share of m3ter's limit is in memory: no callout waits for the database to get its place.
#[tokio::test(flavor = "multi_thread")]
async fn callouts_get_their_places_while_the_database_is_away() {
    let server = Server::start();
    let cluster = Cluster::on(server.url()).await;
    let deals: Vec<String> = (0..30).map(|_| cluster.add_deal()).collect();
    cluster.organization.set_requests_per_second(Some(LIMIT.try_into().unwrap()));
    // The widest margin: on a busy machine requests arrive late, and this is not about how late.
    let limit = LIMIT.to_string();
    let settings = [
        ("M3TER_REQUESTS_PER_SECOND", limit.as_str()),
        ("M3TER_WINDOW_MARGIN_MS", "500"),
        ("RUN_LEASE", "60"),
        ("SYNC_RETRY_MINUTES", "0.02,0.02,0.05"),
    ];
    let replica = cluster.replica(&settings).await;
    cluster.organization.set_latency(Duration::from_millis(100));
    let mut runs = Vec::new();
    for deal in &deals {
        runs.push(cluster.begin(&replica, deal).await);
    }
    cluster.until("the syncs write", async || cluster.creations() >= 20).await;
    server.stop();
    let (since, before) = (Instant::now(), cluster.organization.requests().len());
    let more = 2 * LIMIT;
    cluster
        .until("callouts go on without the database", async || {
            cluster.organization.requests().len() >= before + more
        })
        .await;
    // A share that waited for the database would be over after its lease of five seconds.
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    server.start_again();
    for (run, deal) in runs.iter().zip(&deals) {
        let ended = cluster.ended(&replica, run).await;
        assert_eq!(ended["result"]["syncStatus"], "Completed", "{ended:#}");
        cluster.assert_each_object_once(deal, "after callouts without the database");
    }
    let requests = cluster.organization.requests();
    assert!(requests.iter().all(|request| request.status != Some(429)), "the limit was exceeded");
}

/// What a server that crashes has not put on the disk yet, nobody has relied on: nothing is
/// written for it, and who waits is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_database_loses_has_written_nothing_and_its_caller_is_told() {
    let server = Server::start();
    let cluster = Cluster::on(server.url()).await;
    let replica = cluster.replica(&[]).await;
    let mut lost = Vec::new();
    // What something else commits meanwhile saves the run as well.
    for _ in 0..5 {
        let deal = cluster.add_deal();
        server.suspend_writer();
        let hangs = Fault::new("GET", "/query", FaultKind::Hang).containing(&deal);
        cluster.org.add_fault(hangs);
        let path = format!("/sync-to-m3ter/{deal}");
        let crash = async {
            cluster.until_faulted(1).await;
            server.stop();
            server.start_again();
            cluster.org.let_hanging_go();
        };
        let (answer, ()) = tokio::join!(cluster.post(&replica, &path), crash);
        let (status, result) = answer.unwrap();
        cluster.org.clear_requests();
        if (status, &result["errorCode"]) == (200, &json!("INTERRUPTED")) {
            assert!(
                !cluster
                    .organization
                    .requests()
                    .iter()
                    .any(|request| request.method == "POST" && request.path.ends_with("/accounts")),
                "something was written"
            );
            let run = result["syncRunId"].as_str().unwrap();
            let (status, _) = cluster.get(&replica, &format!("/sync-runs/{run}")).await.unwrap();
            assert_eq!(status, 404);
            lost.push(run.to_owned());
        } else {
            assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        }
        let (_, again) = cluster.post(&replica, &path).await.unwrap();
        assert_eq!(again["syncStatus"], "Completed", "{again:#}");
        cluster.assert_each_object_once(&deal, "after a crash of the database");
        if !lost.is_empty() {
            return;
        }
        cluster.organization.clear_requests();
    }
    panic!("the database lost no run");
}

/// A sync that found everything in place is not worth a wait for the disk: its answer stays true.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_changed_nothing_may_be_lost_and_its_answer_stays_true() {
    let server = Server::start();
    let cluster = Cluster::on(server.url()).await;
    let replica = cluster.replica(&[]).await;
    let deal = cluster.add_deal();
    let path = format!("/sync-to-m3ter/{deal}");
    let (_, first) = cluster.post(&replica, &path).await.unwrap();
    assert_eq!(first["syncStatus"], "Completed", "{first:#}");
    cluster.organization.clear_requests();
    // What something else commits meanwhile saves the run as well.
    for _ in 0..5 {
        server.suspend_writer();
        let (status, answer) = cluster.post(&replica, &path).await.unwrap();
        assert_eq!((status, &answer["syncStatus"]), (200, &json!("Completed")), "{answer:#}");
        server.stop();
        server.start_again();
        cluster.until_ready(&replica).await;
        let run = answer["syncRunId"].as_str().unwrap();
        let (status, _) = cluster.get(&replica, &format!("/sync-runs/{run}")).await.unwrap();
        let (_, again) = cluster.post(&replica, &path).await.unwrap();
        assert_eq!(again["syncStatus"], "Completed", "{again:#}");
        for object in again["objectResults"].as_array().unwrap() {
            assert_eq!(object["action"], "unchanged", "{again:#}");
        }
        let requests = cluster.organization.requests();
        assert!(requests.iter().all(|request| request.method == "GET"), "{requests:#?}");
        if status == 404 {
            return;
        }
        assert_eq!(status, 200);
    }
    panic!("the database lost no run");
}

/// `verify-full` asks who signed the server's certificate, and for whom.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_valid_certificate_is_refused_with_the_reason() {
    let server = Server::start_with_certificate();
    let open = |host: &str, authority: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
            .args(["links", "list"])
            .env_clear()
            .env("DATABASE_URL", server.verified_url(host, authority))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = open("localhost", "authority");
    assert_eq!(code, Some(0), "{said}");
    for (host, authority, words) in [
        ("127.0.0.1", "authority", "not valid for name"),
        ("localhost", "stranger", "UnknownIssuer"),
    ] {
        let (code, said) = open(host, authority);
        assert!(code == Some(2) && said.contains(words), "{host} {authority}: {said}");
        assert!(said.contains(&format!("`{host}:")), "{said}");
    }
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
