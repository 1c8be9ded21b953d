//! Serving a router until the service is told to stop, so that no peer can hold more than its
//! share.
//!
//! HTTP/1.1 only: TLS and HTTP/2 are the work of the proxy in front. After a request with
//! `Transfer-Encoding` the connection is closed: whatever a proxy that reads lengths differently
//! lets follow is never taken for a request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::places::{Connection, Places};
use super::strangers::Strangers;

/// The head of a request comes within this, also that of the next one on an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The same where connections run short.
const SHORT_HEAD_TIME: Duration = Duration::from_secs(5);
/// Headers with a key, a trace and what proxies add; larger ones are refused with 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// The first answer after this is the last one of its connection, so that no peer holds one for
/// ever.
const CONNECTION_AGE: Duration = Duration::from_mins(15);
/// The longest request, with a margin for its answer.
const MAX_REQUEST: Duration = Duration::from_secs(150);
/// A peer that takes nothing of its answers for so long has gone, or never wanted them.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Between two looks whether a connection that gives way has anything under way.
const LEAVE_TIME: Duration = Duration::from_millis(100);
/// After the accept queue failed, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server ends, in two steps.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// Connections are taken, and each answer is the last one of its connection: the next request
    /// goes elsewhere.
    pub draining: CancellationToken,
    /// No connection is taken any more, and those there end.
    pub closing: CancellationToken,
}

impl Shutdown {
    /// Both at once.
    pub fn at_once(closing: &CancellationToken) -> Self {
        Self { draining: closing.clone(), closing: closing.clone() }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A request on a connection without a place, which may not be served.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoPlace;

/// Serves until `shutdown` closes; then no new connection is taken, and those there get `grace` to
/// end. What is refused before there is a request is counted with the `strangers`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    places: Places,
    strangers: Strangers,
    shutdown: Shutdown,
    grace: Duration,
) -> std::io::Result<()> {
    let open = TaskTracker::new();
    loop {
        let (stream, address) = tokio::select! {
            () = shutdown.closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        match places.enter(address.ip()) {
            Some(held) => drop(open.spawn(connection(
                stream,
                address,
                router.clone(),
                strangers.clone(),
                shutdown.clone(),
                held,
            ))),
            None => {
                strangers.note(address.ip(), "no_place");
                tracing::debug!(client = %address.ip(), "a connection was closed: there are too many");
            }
        }
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(grace, open.wait()).await.is_err() {
        tracing::warn!(
            grace_s = grace.as_secs(),
            open = open.len(),
            "closed connections that did not end in time"
        );
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    strangers: Strangers,
    shutdown: Shutdown,
    held: Connection,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY on a connection");
    }
    let taken = Instant::now();
    let (held, draining) = (&held, &shutdown.draining);
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|mut request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        let (router, under_way) = (router.clone(), held.begin());
        request.extensions_mut().insert(Peer(address));
        async move {
            let _under_way = under_way;
            let is_of_unsure_length = request.headers().contains_key(header::TRANSFER_ENCODING);
            let has_place =
                if asks_for_health(&request) { held.has_place() } else { held.gets_place().await };
            if !has_place && !asks_for_health(&request) {
                request.extensions_mut().insert(NoPlace);
            }
            let answer: Result<Response<Body>, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            answer.map(|mut answer| {
                // A peer that hears it sends nothing more: no request meets a connection that is
                // closed meanwhile.
                if is_of_unsure_length
                    || !has_place
                    || draining.is_cancelled()
                    || taken.elapsed() >= CONNECTION_AGE
                {
                    answer
                        .headers_mut()
                        .insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            })
        }
    });
    let head_time = if held.is_short { SHORT_HEAD_TIME } else { HEAD_TIME };
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let serving = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
    tokio::pin!(serving);
    let ending = async {
        tokio::select! {
            outcome = serving.as_mut() => return outcome,
            () = shutdown.closing.cancelled() => {
                serving.as_mut().graceful_shutdown();
                return serving.await;
            }
            () = held.leaves() => serving.as_mut().graceful_shutdown(),
        }
        // What is under way ends first; a connection that never asked for anything goes at once.
        let mut pause = Duration::ZERO;
        loop {
            match tokio::time::timeout(pause, serving.as_mut()).await {
                Ok(outcome) => return outcome,
                Err(_) if held.is_idle() => return Ok(()),
                Err(_) => pause = LEAVE_TIME,
            }
        }
    };
    match tokio::time::timeout(CONNECTION_AGE + MAX_REQUEST, ending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            if let Some(reason) = refused(&error, has_asked.load(Ordering::Relaxed)) {
                strangers.note(address.ip(), reason);
            }
            tracing::debug!(client = %address.ip(), %error, "a connection ended early");
        }
        Err(_) => {
            tracing::debug!(client = %address.ip(), "a connection was cut: its last request did not end");
        }
    }
}

/// Why a connection was refused before it had a whole request; `None` where the peer has gone, or
/// was idle after its last one.
fn refused(error: &hyper::Error, has_asked: bool) -> Option<&'static str> {
    if error.is_parse_too_large() {
        Some("head_too_large")
    } else if error.is_parse() {
        Some("malformed")
    } else if error.is_timeout() && !has_asked {
        Some("head_too_slow")
    } else {
        None
    }
}

/// Whether a request is one of those that are served where no place is free.
fn asks_for_health<B>(request: &Request<B>) -> bool {
    matches!(request.method(), &Method::GET | &Method::HEAD)
        && matches!(request.uri().path(), "/livez" | "/readyz")
}
