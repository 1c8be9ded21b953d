//! More peers than there are places, and few open files: who has a key is served, and health is
//! always answered.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use crate::cluster::{Cluster, DEAL, Replica};

/// Requests that wait at once: more than there are places.
const CROWD: usize = 1_050;
/// Of half of the places what one caller may have.
const MAY_WAIT: usize = 410;
/// m3ter takes so long that no sync ends.
const AWAY: Duration = Duration::from_mins(5);
/// Far above what an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn address(replica: &Replica) -> SocketAddr {
    replica.url.trim_start_matches("http://").parse().unwrap()
}

async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Status and all that comes with it.
async fn ask(from: &str, to: SocketAddr, request: &str) -> String {
    let mut stream = connect(from, to).await;
    stream
        .write_all(format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer
}

async fn assert_is_well(from: &str, to: SocketAddr) {
    for path in ["/livez", "/readyz"] {
        let answer = ask(from, to, &format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path} from {from}: {answer}");
    }
}

/// This process has both ends of many connections.
fn open_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_beside_a_thousand_waiting_requests() {
    open_many_files();
    let cluster = Cluster::on_sqlite().await;
    let (keys, log) = (cluster.keys_file(), std::fs::File::create(cluster.path("log")).unwrap());
    let settings = [
        ("API_KEYS_FILE", keys.as_str()),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("RUST_LOG", "warn"),
        ("LOG_FORMAT", "json"),
    ];
    let replica = cluster.start_with_log(&settings, log.into());
    cluster.until_ready(&replica).await;
    cluster.organization.set_latency(AWAY);
    let before = replica.memory_bytes();
    let url = format!("{}/sync-to-m3ter/{DEAL}", replica.url);
    let mut requests: FuturesUnordered<_> = (0..CROWD).map(|_| cluster.ask_raw(&url)).collect();
    let mut answered = Vec::new();
    while answered.len() < CROWD - MAY_WAIT {
        answered.push(
            timeout(PATIENCE, requests.next())
                .await
                .expect("it waits although it may not")
                .unwrap(),
        );
    }
    for (status, body) in answered.iter().flatten() {
        let body: Json = serde_json::from_str(body).unwrap();
        assert!(
            *status == 200
                && body["errorCode"] == "TIME_LIMIT_EXCEEDED"
                && body["retryable"] == true,
            "{status} {body:#}"
        );
        assert!(
            body["syncRunId"].is_string()
                && body["message"].as_str().unwrap().contains("the sync goes on"),
            "{body:#}"
        );
    }
    assert_eq!(answered.iter().flatten().count(), CROWD - MAY_WAIT, "each has an answer");
    let asked = Instant::now();
    let health = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
        .arg("health")
        .env_clear()
        .env("LISTEN_ADDRESS", address(&replica).to_string())
        .stdout(Stdio::null())
        .status();
    assert!(health.unwrap().success());
    // The others still wait while it is asked.
    tokio::select! {
        biased;
        answer = requests.next() => panic!("{answer:?}"),
        () = assert_is_well("127.0.0.1", address(&replica)) => {}
    }
    println!(
        "{:?}, {} MB after {} MB",
        asked.elapsed(),
        replica.memory_bytes() >> 20,
        before >> 20
    );
    let log = std::fs::read_to_string(cluster.path("log")).unwrap();
    assert_eq!(log.matches("many requests are waiting for an answer").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_open_files_leave_fewer_places_and_idle_connections_give_way() {
    let cluster = Cluster::on_sqlite().await;
    let (keys, log) = (cluster.keys_file(), std::fs::File::create(cluster.path("log")).unwrap());
    let settings = [("API_KEYS_FILE", keys.as_str()), ("RUST_LOG", "warn"), ("LOG_FORMAT", "json")];
    let replica = cluster.start_under("ulimit -n 256", &settings, log.into());
    cluster.until_ready(&replica).await;
    let to = address(&replica);
    // 64 places: four addresses with a quarter each, that ask for nothing.
    let idle =
        join_all((0..64).map(async |number| connect(&format!("127.0.1.{}", number % 4), to).await))
            .await;
    assert_is_well("127.0.2.1", to).await;
    // Callers with a key are served, and see that those who did nothing have gone.
    let (status, answer) = cluster.post(&replica, &format!("/sync-to-m3ter/{DEAL}")).await.unwrap();
    assert_eq!((status, &answer["syncStatus"]), (200, &Json::from("Completed")), "{answer:#}");
    drop(idle);
    // The same of those that ask for much and take nothing of it.
    let pipelined = "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200);
    let mut takers = Vec::new();
    for number in 0..64 {
        let mut stream = connect(&format!("127.0.3.{}", number % 4), to).await;
        stream.write_all(pipelined.as_bytes()).await.unwrap();
        takers.push(stream);
    }
    assert_is_well("127.0.2.1", to).await;
    let (status, _) = cluster.get(&replica, "/sync-runs").await.unwrap();
    assert_eq!(status, 200);
    drop(takers);
    let log = std::fs::read_to_string(cluster.path("log")).unwrap();
    assert!(
        log.contains("limit of open files") && log.contains("\"limit\":256,\"connections\":64"),
        "{log}"
    );
    assert!(!log.contains("could not be accepted"), "{log}");
    assert!(log.contains("connections are running short: closing idle ones"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_half_of_the_places_requests_that_cannot_be_recorded_are_refused() {
    let cluster = Cluster::on_sqlite().await;
    let (keys, log) = (cluster.keys_file(), std::fs::File::create(cluster.path("log")).unwrap());
    // 64 places, of which 32 are for requests that wait; four runs of a caller may wait.
    let settings = [
        ("API_KEYS_FILE", keys.as_str()),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("RUNS_AT_ONCE", "1"),
        ("RUNS_WAITING", "8"),
        ("RUST_LOG", "warn"),
    ];
    let replica = cluster.start_under("ulimit -n 256", &settings, log.into());
    cluster.until_ready(&replica).await;
    let deals: Vec<String> = (0..6).map(|_| cluster.add_deal()).collect();
    cluster.organization.set_latency(AWAY);
    let url = format!("{}/sync-to-m3ter/{DEAL}", replica.url);
    let mut requests: FuturesUnordered<_> = (0..40).map(|_| cluster.ask_raw(&url)).collect();
    // Of 32 one caller may have 26.
    for _ in 0..40 - 26 {
        let answer =
            timeout(PATIENCE, requests.next()).await.expect("it waits although it may not");
        assert_eq!(answer.flatten().unwrap().0, 200);
    }
    let mut answers = Vec::new();
    for deal in &deals {
        let path = format!("/sync-to-m3ter/{deal}");
        let asked = cluster.post(&replica, &path);
        answers.push(timeout(PATIENCE, asked).await.expect("nobody waits").unwrap());
    }
    let codes: Vec<(u16, &str)> = answers
        .iter()
        .map(|(status, body)| (*status, body["errorCode"].as_str().unwrap_or_default()))
        .collect();
    let recorded = codes.iter().take_while(|code| **code == (200, "TIME_LIMIT_EXCEEDED")).count();
    assert!((1..=4).contains(&recorded), "{codes:?}");
    assert!(codes[recorded..].iter().all(|code| *code == (429, "TOO_MANY_RUNS")), "{codes:?}");
    let (status, list) = cluster.get(&replica, "/sync-runs").await.unwrap();
    let runs = list["syncRuns"].as_array().unwrap();
    let is_recorded = |deal: &&String| runs.iter().any(|run| run["parentRecordId"] == **deal);
    assert_eq!((status, deals.iter().filter(is_recorded).count()), (200, recorded), "{list:#}");
    let log = || std::fs::read_to_string(cluster.path("log")).unwrap();
    cluster
        .until("the full queue is told", async || {
            log().contains("the queue of waiting runs is almost full (RUNS_WAITING)")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_soft_limit_of_open_files_is_raised() {
    open_many_files();
    let cluster = Cluster::on_sqlite().await;
    let (keys, log) = (cluster.keys_file(), std::fs::File::create(cluster.path("log")).unwrap());
    let settings = [("API_KEYS_FILE", keys.as_str()), ("RUST_LOG", "warn"), ("LOG_FORMAT", "json")];
    let replica = cluster.start_under("ulimit -Sn 128", &settings, log.into());
    cluster.until_ready(&replica).await;
    let to = address(&replica);
    let _open = join_all(
        (0..1_000).map(async |number| connect(&format!("127.0.1.{}", number % 5), to).await),
    )
    .await;
    assert_is_well("127.0.2.1", to).await;
    let (status, _) = cluster.get(&replica, "/sync-runs").await.unwrap();
    assert_eq!(status, 200);
    let log = std::fs::read_to_string(cluster.path("log")).unwrap();
    assert!(!log.contains("open files") && !log.contains("could not be accepted"), "{log}");
}
