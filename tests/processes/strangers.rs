//! Who has no key can fill neither the memory, nor the metrics, nor the log.

use std::fs::File;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::cluster::Cluster;

/// More addresses than have a line of their own.
const ADDRESSES: u32 = 150;
const AT_THE_SERVICE: u32 = 30_000;
const AT_THE_METRICS: u32 = 20_000;
/// What the process may grow by: buffers of its connections, and what the allocator keeps.
const MAX_BYTES: u64 = 24 << 20;
/// New series of all metrics together: the histogram of one operation, and its few statuses.
const MAX_NEW_SERIES: usize = 40;
/// A line for each address, once or twice, and what a start tells.
const MAX_LOG_BYTES: u64 = 128 * 1024;

/// Sends requests of made-up methods, paths and heads over one connection from an address; how many
/// were answered.
async fn flood(address: SocketAddr, number: u32, requests: u32) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::from((
            [
                127,
                0,
                u8::try_from(1 + number / 250).unwrap(),
                u8::try_from(1 + number % 250).unwrap(),
            ],
            0,
        )))
        .unwrap();
    let (mut reading, mut writing) = socket.connect(address).await.unwrap().into_split();
    let writing = async move {
        for request in 0..requests {
            let unique = number * requests + request;
            let target = match request % 4 {
                0 => "/livez".to_owned(),
                1 => "/sync-runs".to_owned(),
                2 => "/metrics".to_owned(),
                _ => format!("/made-up/{unique}"),
            };
            let key = if request % 5 == 0 {
                format!("Authorization: Bearer s2m_{unique}\r\n")
            } else {
                String::new()
            };
            let last = if request + 1 == requests { "Connection: close\r\n" } else { "" };
            let head = format!(
                "X{unique} {target}?q={unique} HTTP/1.1\r\nHost: h{unique}.example\r\nX-Request-Id: id-{unique}\r\nX-{unique}: {unique}\r\n\
                 traceparent: 00-{unique:032x}-{unique:016x}-01\r\nForwarded: for=10.{unique}\r\nUser-Agent: agent-{unique}\r\n{key}{last}\r\n"
            );
            writing.write_all(head.as_bytes()).await.unwrap();
        }
        writing
    };
    let reading = async {
        let mut answers = 0;
        let (mut buffer, mut kept) = (vec![0; 64 * 1024], Vec::new());
        loop {
            let read = reading.read(&mut buffer).await.unwrap();
            if read == 0 {
                return answers;
            }
            kept.extend_from_slice(&buffer[..read]);
            let lines: Vec<_> = kept
                .windows(9)
                .enumerate()
                .filter(|(_, window)| *window == b"HTTP/1.1 ")
                .map(|(at, _)| at)
                .collect();
            answers += lines.len();
            // What may be the beginning of the next.
            kept.drain(..lines.last().map_or(kept.len().saturating_sub(8), |at| at + 9));
        }
    };
    let (_open, answers) = tokio::join!(writing, reading);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_requests_without_a_key_fill_neither_memory_nor_log() {
    let cluster = Cluster::on_sqlite().await;
    let metrics = SocketAddr::from(([127, 0, 0, 1], crate::ports::free_port()));
    let (keys, shown) = (cluster.keys_file(), metrics.to_string());
    let settings = [
        ("API_KEYS_FILE", keys.as_str()),
        ("METRICS_ADDRESS", &shown),
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "json"),
    ];
    let log = File::create(cluster.path("log")).unwrap();
    let mut replica = cluster.start_with_log(&settings, log.into());
    cluster.until_ready(&replica).await;
    let service: SocketAddr = replica.url.trim_start_matches("http://").parse().unwrap();
    let both = async |number: u32, at_the_service: u32, at_the_metrics: u32| {
        tokio::join!(flood(service, number, at_the_service), flood(metrics, number, at_the_metrics))
    };
    let series_of = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    let series_before =
        series_of(&cluster.get_text(&format!("http://{metrics}/metrics")).await).len();
    // As many connections as later: their buffers are no growth.
    join_all((0..ADDRESSES).map(|number| both(number, 2, 2))).await;
    let (before, started) = (replica.memory_bytes(), Instant::now());
    let answers =
        join_all((0..ADDRESSES).map(|number| {
            both(number, AT_THE_SERVICE / ADDRESSES, AT_THE_METRICS / ADDRESSES + 1)
        }))
        .await;
    let took = started.elapsed();
    let at_the_service: usize = answers.iter().map(|(answers, _)| answers).sum();
    let at_the_metrics: usize = answers.iter().map(|(_, answers)| answers).sum();
    assert!(
        (AT_THE_SERVICE as usize, true)
            == (at_the_service, at_the_metrics >= AT_THE_METRICS as usize),
        "{at_the_service} {at_the_metrics}"
    );

    let text = cluster.get_text(&format!("http://{metrics}/metrics")).await;
    let series = series_of(&text);
    assert!(
        series.len() < series_before + MAX_NEW_SERIES,
        "{} series, after {series_before}",
        series.len()
    );
    let refused =
        |line: &&String| line.starts_with("sync_to_m3ter_requests_total{operation=\"refused\"");
    let counted: usize = series
        .iter()
        .filter(refused)
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(counted, at_the_service + 2 * ADDRESSES as usize);
    for made_up in ["X1", "made-up", "example", "id-", "agent"] {
        assert!(!text.contains(made_up), "{made_up}");
    }
    let grown = replica.memory_bytes().saturating_sub(before);
    assert!(grown < MAX_BYTES, "it has grown by {grown} bytes");

    replica.signal("TERM");
    cluster
        .until("the process ends", async || {
            replica.has_exited().is_some_and(|status| status.success())
        })
        .await;
    let log = std::fs::read_to_string(cluster.path("log")).unwrap();
    assert!(log.len() as u64 <= MAX_LOG_BYTES, "{} bytes of log:\n{}", log.len(), &log[..2_000]);
    let lines: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<&Json> =
        lines.iter().filter(|line| line["message"] == "asked without a key").collect();
    let refused = |line: &Json| -> usize {
        let outcomes = line["outcomes"]
            .as_str()
            .unwrap()
            .split(' ')
            .map(|outcome| outcome.split_once('=').unwrap());
        outcomes
            .filter(|(outcome, _)| !matches!(*outcome, "answered" | "unavailable"))
            .map(|(_, count)| count.parse::<usize>().unwrap())
            .sum()
    };
    let all = counted + at_the_metrics + 2 * ADDRESSES as usize;
    assert_eq!(
        lines.iter().map(|line| refused(line)).sum::<usize>(),
        all,
        "each is counted in a line"
    );
    assert!(
        lines.iter().any(|line| line["client"] == "others")
            && lines.iter().any(|line| line["client"] == "127.0.1.1")
    );
    for made_up in ["X1", "made-up", ".example", "id-", "agent", "s2m_"] {
        assert!(!log.contains(made_up), "{made_up}");
    }
    println!(
        "{took:?}, {grown} bytes of memory, {} series, {} bytes of log",
        series.len(),
        log.len()
    );
    assert!(took < Duration::from_mins(1));
}
