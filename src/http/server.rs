//! Serving a router until the service is told to stop, so that no peer can hold more than its share.
//!
//! HTTP/1.1 only: TLS and HTTP/2 are the work of the proxy in front. After a request with `Transfer-Encoding` the connection is
//! closed: whatever a proxy that reads lengths differently lets follow is never taken for a request.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The head of a request comes within this, also that of the next one on an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Headers with a key, a trace and what proxies add; larger ones are refused with 431.
const LARGEST_HEAD_BYTES: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// A connection serves no new request after this, so that no peer holds one for ever.
const CONNECTION_AGE: Duration = Duration::from_mins(15);
/// The longest request, with a margin for its answer.
const LONGEST_REQUEST: Duration = Duration::from_secs(150);
/// After the accept queue failed, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct Connections {
    /// In all; further ones wait in the kernel's queue.
    pub most: usize,
    /// From one address; further ones are closed at once.
    pub most_of_a_peer: usize,
    /// Who may open more than that: the proxies that everybody comes through.
    pub exempt: Vec<IpNet>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { most: 1_024, most_of_a_peer: 256, exempt: Vec::new() }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Serves until `shutdown`; then no new connection is taken, and those there get `grace` to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Connections,
    shutdown: CancellationToken,
    grace: Duration,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(connections.most));
    let peers = Peers::default();
    let open = TaskTracker::new();
    loop {
        // The place comes first: who waits for one waits in the kernel's queue and costs nothing here.
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(std::io::Error::other)?,
        };
        let (stream, address) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let ip = address.ip().to_canonical();
        let most = if connections.exempt.iter().any(|network| network.contains(&ip)) { usize::MAX } else { connections.most_of_a_peer };
        let Some(seat) = peers.enter(ip, most) else {
            tracing::debug!(client = %ip, "a connection was closed: its address has too many");
            continue;
        };
        open.spawn(connection(stream, address, router.clone(), shutdown.clone(), (place, seat)));
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(grace, open.wait()).await.is_err() {
        tracing::warn!(grace_s = grace.as_secs(), open = open.len(), "connections were cut that did not end in time");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
    _held: (OwnedSemaphorePermit, Seat),
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        let router = router.clone();
        request.extensions_mut().insert(Peer(address));
        async move {
            let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
            let answer: Result<Response<Body>, Infallible> = router.oneshot(request.map(Body::new)).await;
            answer.map(|mut answer| {
                if is_last {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            })
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(LARGEST_HEAD_BYTES).max_headers(MOST_HEADERS);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = async { tokio::select! { () = shutdown.cancelled() => {}, () = tokio::time::sleep(CONNECTION_AGE) => {} } } => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(LONGEST_REQUEST, serving).await {
                Ok(outcome) => outcome,
                Err(_) => return tracing::debug!(client = %address.ip(), "a connection was cut: its last request did not end"),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(client = %address.ip(), %error, "a connection ended early");
    }
}

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of an address; it is given back when this is dropped.
#[derive(Debug)]
struct Seat {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { peers: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_has_left_leaves_nothing_behind() {
        let peers = Peers::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let seats = (peers.enter(address, 2).unwrap(), peers.enter(address, 2).unwrap());
        assert!(peers.enter(address, 2).is_none());
        assert!(peers.enter("192.0.2.2".parse().unwrap(), 2).is_some());
        drop(seats);
        assert!(peers.0.lock().unwrap().is_empty());
    }
}
