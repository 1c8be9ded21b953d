//! One emulator: a server on loopback that logs, delays and spoils requests before and after its
//! vendor carries them out.

mod spoiled;

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value as Json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use crate::control::{self, Asked, Control, FaultKind, LoggedRequest, lock};
use crate::vendor::{Server, Vendor, VendorRequest};
use spoiled::{Dropped, MAX_BODY_BYTES, spoiled};

/// A running emulator. It stops when this is dropped.
pub struct Emulator<V> {
    server: Arc<Server<V>>,
    address: SocketAddr,
    _stop: DropGuard,
}

impl<V> fmt::Debug for Emulator<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<V> Deref for Emulator<V> {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.server.control
    }
}

impl<V> Emulator<V> {
    /// The address that clients use, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The emulated vendor.
    pub fn vendor(&self) -> &V {
        &self.server.vendor
    }
}

/// Starts a vendor on a loopback port; 0 takes a free one.
pub(crate) async fn start<V: Vendor>(
    port: u16,
    requests_per_second: Option<u32>,
    vendor: impl FnOnce(&str) -> V,
) -> std::io::Result<Emulator<V>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server {
        vendor: vendor(&format!("http://{address}")),
        control: Control::new(requests_per_second),
    });
    let stop = CancellationToken::new();
    tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
        listener,
        Arc::clone(&server),
        stop.clone(),
    )));
    Ok(Emulator { server, address, _stop: stop.drop_guard() })
}

async fn accept<V: Vendor>(listener: TcpListener, server: Arc<Server<V>>, stop: CancellationToken) {
    let controls = control::router(Arc::clone(&server));
    while let Ok((stream, _)) = listener.accept().await {
        let connection = serve(stream, Arc::clone(&server), controls.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

async fn serve<V: Vendor>(stream: TcpStream, server: Arc<Server<V>>, controls: Router) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (server, controls) = (Arc::clone(&server), controls.clone());
        async move {
            if request.uri().path().starts_with("/sandbox/") {
                let answer = controls.oneshot(request).await;
                return answer.map_err(|never: Infallible| match never {});
            }
            answer(&server, request).await
        }
    });
    // A connection that a fault closes ends with an error here: that is its purpose.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer<V: Vendor>(
    server: &Server<V>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), MAX_BODY_BYTES).await.map_err(|_| Dropped)?;
    let control = &server.control;
    let path = server.vendor.logged_path(parts.uri.path());
    let query = parts.uri.query().unwrap_or_default();
    let fault = lock(&control.faults).meet(&Asked {
        method: parts.method.as_str(),
        path: &path,
        query,
        body: &body,
    });
    let sequence = lock(&control.log).begin(LoggedRequest {
        sequence: 0,
        started_at: control.elapsed_ms(),
        finished_at: None,
        method: parts.method.to_string(),
        path,
        query: query.to_owned(),
        status: None,
        body: readable(&body),
        traceparent: text(&parts.headers, "traceparent"),
        tracestate: text(&parts.headers, "tracestate"),
        fault: fault.as_ref().map(FaultKind::name),
    });
    let request =
        VendorRequest { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    let latency = control.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut outcome = spoiled(server, request, fault).await;
    if let Ok(response) = &mut outcome
        && let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&control.now())
        && let Ok(date) = HeaderValue::from_str(&date)
    {
        response.headers_mut().insert(header::DATE, date);
    }
    lock(&control.log).end(
        sequence,
        control.elapsed_ms(),
        outcome.as_ref().ok().map(|response| response.status().as_u16()),
    );
    outcome
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

/// The body for the log: JSON, or a form as an object without its secrets.
fn readable(body: &[u8]) -> Json {
    if let Ok(json) = serde_json::from_slice(body) {
        return json;
    }
    let pairs: Map<String, Json> = url::form_urlencoded::parse(body)
        .map(|(name, value)| {
            let is_secret =
                matches!(name.as_ref(), "client_secret" | "assertion" | "password" | "token");
            (
                name.into_owned(),
                Json::String(if is_secret { "…".to_owned() } else { value.into_owned() }),
            )
        })
        .collect();
    if body.is_empty() { Json::Null } else { Json::Object(pairs) }
}
