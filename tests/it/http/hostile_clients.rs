//! What a hostile peer sends: smuggled requests, drips, floods. Nothing gets in, and others are
//! answered meanwhile.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use crate::http::access::Guarded;
use crate::support::*;

/// More than any limit on time in the server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes as they are; everything that comes back until the connection closes.
pub(crate) async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("the connection was kept") {
            // A peer that closes while we still send resets the connection.
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

pub(crate) fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smuggled_request_is_never_carried_out() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    let address = guarded.world.address();
    let smuggled = format!(
        "POST /sync-to-m3ter/{DEAL} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Length: 0\r\n\r\n"
    );
    let head = format!(
        "POST /sync-to-m3ter/{SECOND_SAMPLE}?dryRun=true HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
    );
    for (headers, body) in [
        // Two lengths: a proxy that believes the other one hands on what follows as a request of
        // its own.
        (
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n", 5 + smuggled.len()),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n", 5 + smuggled.len()),
            format!("0\r\n\r\n{smuggled}"),
        ),
        ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        (
            format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
            smuggled.clone(),
        ),
        (format!("Content-Length: +{}\r\n\r\n", smuggled.len()), smuggled.clone()),
        ("Transfer-Encoding: xchunked\r\n\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("Transfer-Encoding : chunked\r\n\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("X: a\r\n Transfer-Encoding: chunked\r\n\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("X: a\0b\r\n\r\n".to_owned(), smuggled.clone()),
        (format!("X: {}\r\n\r\n", "x".repeat(20_000)), smuggled.clone()),
        (format!("{}\r\n", "X: a\r\n".repeat(100)), smuggled.clone()),
    ] {
        let answer = exchange(address, format!("{head}{headers}{body}").as_bytes()).await;
        assert_eq!(answers(&answer), 1, "{headers:?}: {answer}");
        assert!(matches!(status(&answer), 200 | 400 | 431), "{headers:?}: {answer}");
    }
    assert!(guarded.world.m3ter_writes().is_empty(), "the smuggled request was carried out");
    // Without tricks the same bytes are two requests.
    let last = smuggled.replace("Content", "Connection: close\r\nContent");
    let answer =
        exchange(address, format!("{head}Content-Length: 0\r\n\r\n{last}").as_bytes()).await;
    assert_eq!(answers(&answer), 2);
    assert!(!guarded.world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorizations_are_none() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    for other in ["Bearer wrong", "Basic b3BzOng=", &format!("Bearer {key}")] {
        for (first, second) in
            [(other, format!("Bearer {key}")), (&format!("Bearer {key}"), other.to_owned())]
        {
            let request = format!(
                "POST /sync-to-m3ter/{DEAL} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {first}\r\nAuthorization: {second}\r\n\r\n"
            );
            assert_eq!(status(&exchange(guarded.world.address(), request.as_bytes()).await), 401);
        }
    }
    assert!(guarded.world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_is_cut_off_while_others_are_answered() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    let address = guarded.world.address().to_owned();
    let drip = |head: String| {
        let address = address.clone();
        async move {
            let started = Instant::now();
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = stream.into_split();
            let dripping = async {
                while writing.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            };
            let mut answer = String::new();
            tokio::select! {
                () = dripping => {}
                _ = reading.read_to_string(&mut answer) => {}
                () = tokio::time::sleep(PATIENCE) => panic!("the drip went on: {head}"),
            }
            assert!(started.elapsed() < PATIENCE);
            answer
        }
    };
    let heads = (0..50).map(|_| drip("GET /livez HTTP/1.1\r\nX-A: ".to_owned()));
    let body = drip(format!(
        "POST /sync-to-m3ter HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
    ));
    let others = async {
        for _ in 0..20 {
            let request = guarded
                .world
                .client()
                .post(guarded.world.url(&format!("/sync-to-m3ter/{DEAL}?dryRun=true")))
                .bearer_auth(&key);
            let answered = timeout(Duration::from_secs(5), guarded.world.send(request))
                .await
                .expect("others wait");
            assert_eq!(answered.0, 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (_, answer, ()) = tokio::join!(futures::future::join_all(heads), body, others);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BODY_TOO_SLOW"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_a_gigabyte_is_refused_at_its_start() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    let head = |key: &str, length: &str| {
        format!(
            "POST /sync-to-m3ter HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        )
    };
    let announced = "Content-Length: 1073741824";
    for (request, expected) in [(head(&key, announced), 413), (head("wrong", announced), 401)] {
        assert_eq!(status(&exchange(guarded.world.address(), request.as_bytes()).await), expected);
    }
    // Without a length it is cut where the limit is.
    for (key, expected) in [(key.as_str(), 413), ("wrong", 401)] {
        let stream = TcpStream::connect(guarded.world.address()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        writing.write_all(head(key, "Transfer-Encoding: chunked").as_bytes()).await.unwrap();
        let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 65_536], b"\r\n"].concat();
        let sending = async {
            let mut sent = 0_u64;
            while sent < 1 << 30 && writing.write_all(&chunk).await.is_ok() {
                sent += 65_536;
            }
            sent
        };
        let mut answer = [0; 12];
        let (sent, read) =
            tokio::join!(sending, timeout(PATIENCE, reading.read_exact(&mut answer)));
        read.expect("no answer").unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {expected}"));
        // What lies in the sockets' buffers has been sent, but not taken in.
        assert!(sent < 64 << 20, "{sent} bytes were taken");
    }
    assert_eq!(guarded.world.get("/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_for_100_continue_gets_it() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    let body = format!("[{{\"parentRecordId\":\"{DEAL}\"}}]");
    let head = |key: &str| {
        format!(
            "POST /sync-to-m3ter?dryRun=true HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    };
    let mut stream = TcpStream::connect(guarded.world.address()).await.unwrap();
    stream.write_all(head(&key).as_bytes()).await.unwrap();
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut interim = vec![0; expected.len()];
    timeout(PATIENCE, stream.read_exact(&mut interim)).await.expect("no answer").unwrap();
    assert_eq!(interim, expected);
    stream.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 200);
    let refused = exchange(guarded.world.address(), head("wrong").as_bytes()).await;
    assert_eq!(
        (status(&refused), answers(&refused)),
        (401, 1),
        "a body that nobody reads is not asked for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_its_answers_is_cut_off() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let request = "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let started = Instant::now();
    // It asks until the service takes no more, and ends when that hangs up.
    let asking = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(Duration::from_mins(1), asking).await.expect("the connection was kept");
    assert!(
        started.elapsed() > Duration::from_secs(20),
        "a slow peer has its time: {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_connections() {
    let (guarded, key) = Guarded::new(60_000, &[]).await;
    let address: std::net::SocketAddr = guarded.world.address().parse().unwrap();
    let from = |source: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        socket.connect(address)
    };
    let mut greedy: Vec<TcpStream> = Vec::new();
    for _ in 0..400 {
        greedy.push(from("127.0.0.2").await.unwrap());
    }
    // Its own oldest ones have given way.
    for stream in &mut greedy[..80] {
        assert_eq!(read_to_end(stream).await, "");
    }
    // Somebody at that address still hears how the service is, and is served: another of its idle
    // ones goes.
    for (request, answer) in [("GET /livez", 200), ("GET /openapi.yaml", 200)] {
        let mut stream = from("127.0.0.2").await.unwrap();
        stream
            .write_all(
                format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .await
            .unwrap();
        assert_eq!(status(&read_to_end(&mut stream).await), answer);
    }
    let mut other = from("127.0.0.3").await.unwrap();
    let request = format!(
        "POST /sync-to-m3ter/{DEAL} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    other.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut other).await), 200);
}
