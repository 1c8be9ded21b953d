//! The controls over HTTP, under `/sandbox/`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Act, Counting, Fault};
use crate::vendor::{Server, Vendor};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consistency {
    list_lag_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Clock {
    offset_seconds: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Limits {
    requests_per_second: Option<u32>,
    #[serde(default)]
    counting: Second,
    offset_ms: Option<u64>,
}

/// How the vendor counts a second.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Second {
    #[default]
    Calendar,
    Sliding,
    Bucket,
}

type Shared<V> = State<Arc<Server<V>>>;
type Answer = Result<Json<Value>, Refusal>;

/// A control that was not understood: 400 with a message.
struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "message": self.0 }))).into_response()
    }
}

pub(crate) fn router<V: Vendor>(server: Arc<Server<V>>) -> Router {
    Router::new()
        .route("/sandbox/requests", get(requests::<V>).delete(clear_requests::<V>))
        .route("/sandbox/state", get(state::<V>).put(restore::<V>))
        .route("/sandbox/reset", post(reset::<V>))
        .route("/sandbox/latency", put(latency::<V>))
        .route("/sandbox/consistency", put(consistency::<V>))
        .route("/sandbox/limits", put(limits::<V>))
        .route("/sandbox/rules", put(rules::<V>))
        .route("/sandbox/faults", post(add_fault::<V>).delete(clear_faults::<V>))
        .route("/sandbox/tokens", delete(expire_tokens::<V>))
        .route("/sandbox/credentials", put(credentials::<V>))
        .route("/sandbox/clock", put(clock::<V>))
        .route("/sandbox/merge", post(act::<V>))
        .route("/sandbox/purge", post(act::<V>))
        .route("/sandbox/undelete", post(act::<V>))
        .with_state(server)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal(error.to_string()))
}

fn done() -> Json<Value> {
    Json(json!({}))
}

async fn requests<V: Vendor>(State(server): Shared<V>) -> Answer {
    Ok(Json(json!(server.control.requests())))
}

async fn clear_requests<V: Vendor>(State(server): Shared<V>) -> Answer {
    server.control.clear_requests();
    Ok(done())
}

async fn state<V: Vendor>(State(server): Shared<V>) -> Answer {
    Ok(Json(server.vendor.state()))
}

async fn restore<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    server.vendor.restore(parse(&body)?).map_err(Refusal)?;
    Ok(done())
}

async fn reset<V: Vendor>(State(server): Shared<V>) -> Answer {
    server.vendor.reset();
    Ok(done())
}

async fn latency<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let Latency { ms } = parse(&body)?;
    server.control.set_latency(Duration::from_millis(ms));
    Ok(done())
}

async fn consistency<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let Consistency { list_lag_ms } = parse(&body)?;
    server.control.set_list_lag(Duration::from_millis(list_lag_ms));
    Ok(done())
}

async fn limits<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let Limits { requests_per_second, counting, offset_ms } = parse(&body)?;
    let counting = match (counting, offset_ms) {
        (Second::Calendar, offset) => {
            Counting::Calendar { offset: Duration::from_millis(offset.unwrap_or_default()) }
        }
        (_, Some(_)) => return Err(Refusal("`offsetMs` is for `calendar` only".to_owned())),
        (Second::Sliding, None) => Counting::Sliding,
        (Second::Bucket, None) => Counting::Bucket,
    };
    server.control.set_counting(counting);
    server.control.set_requests_per_second(requests_per_second);
    Ok(done())
}

async fn rules<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    server.vendor.set_rules(parse(&body)?).map_err(Refusal)?;
    Ok(done())
}

async fn add_fault<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let fault: Fault = parse(&body)?;
    if let Some(problem) = fault.problem() {
        return Err(Refusal(problem));
    }
    server.control.add_fault(fault);
    Ok(done())
}

async fn clear_faults<V: Vendor>(State(server): Shared<V>) -> Answer {
    server.control.clear_faults();
    Ok(done())
}

async fn expire_tokens<V: Vendor>(State(server): Shared<V>) -> Answer {
    server.vendor.expire_tokens();
    Ok(done())
}

async fn credentials<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let pairs: Vec<Credential> = parse(&body)?;
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|pair| (pair.id.as_str(), pair.secret.as_str())).collect();
    server.control.set_credentials(&pairs);
    Ok(done())
}

async fn clock<V: Vendor>(State(server): Shared<V>, body: Bytes) -> Answer {
    let Clock { offset_seconds } = parse(&body)?;
    server.control.set_clock_offset(offset_seconds);
    Ok(done())
}

async fn act<V: Vendor>(State(server): Shared<V>, uri: Uri, body: Bytes) -> Answer {
    let name = uri.path().trim_start_matches("/sandbox/");
    let act: Act = serde_json::from_value(json!({ name: parse::<Value>(&body)? }))
        .map_err(|error| Refusal(error.to_string()))?;
    server.vendor.act(act).map_err(Refusal)?;
    Ok(done())
}
