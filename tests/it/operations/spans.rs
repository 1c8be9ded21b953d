//! Spans at a collector: a request, its sync and each callout, under the caller's trace.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::support::program::program;
use crate::support::*;

/// A collector on loopback: where it is, and what it was sent.
pub(crate) async fn collector() -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&sent);
    let take = async move |body: Bytes| {
        taken.lock().unwrap().push(body);
        StatusCode::OK
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/v1/traces", post(take))).await.unwrap();
    });
    (format!("http://{address}"), sent)
}

/// All that a collector was sent, in which these words must stand: else it is looked through in
/// vain.
pub(crate) fn to_search(sent: &Mutex<Vec<Bytes>>, words: &[&str]) -> Vec<(String, Vec<u8>)> {
    let sent = sent.lock().unwrap();
    for words in words {
        let is_there = sent
            .iter()
            .any(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes()));
        assert!(is_there, "no span says `{words}`");
    }
    sent.iter().map(|bytes| ("a span".to_owned(), bytes.to_vec())).collect()
}

fn spans(sent: &Mutex<Vec<Bytes>>) -> Vec<Span> {
    let requests = sent
        .lock()
        .unwrap()
        .iter()
        .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap())
        .collect::<Vec<_>>();
    let resources: Vec<_> =
        requests.into_iter().flat_map(|request| request.resource_spans).collect();
    for resource in &resources {
        let attributes = texts(&resource.resource.as_ref().unwrap().attributes);
        assert_eq!(attributes["service.name"], "sync-to-m3ter");
    }
    resources
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn texts(
    attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue],
) -> BTreeMap<&str, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|pair| (pair.key.as_str(), text(pair.value.as_ref().unwrap().value.as_ref().unwrap())))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The program, whose spans go to a collector.
fn command(world: &World, directory: &std::path::Path, collector: &str) -> Command {
    let mut command = program(world, directory);
    command
        .env("RUST_LOG", "error")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .stdout(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_sync_and_its_callouts_reach_a_collector() {
    let world = World::new().await;
    let (address, sent) = collector().await;
    let directory = tempfile::tempdir().unwrap();
    let port = crate::support::ports::free_port();
    let mut command = command(&world, directory.path(), &address);
    let mut program = command.env("LISTEN_ADDRESS", format!("127.0.0.1:{port}")).spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    for attempt in 0.. {
        #[expect(clippy::disallowed_methods, reason = "the caller's side of the front door")]
        let ready = world
            .client()
            .get(format!("{url}/readyz"))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success());
        if ready {
            break;
        }
        assert!(attempt < 400, "the program does not get ready");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    world.fault("POST", "/contracts", sync_to_m3ter_sandbox::control::FaultKind::Html);
    world.org.clear_requests();
    world.organization.clear_requests();
    let (trace, caller) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let sync = world.client().post(format!("{url}/sync-to-m3ter/{DEAL}"));
    let (status, _) =
        world.send(sync.header("traceparent", format!("00-{trace}-{caller}-01"))).await;
    assert_eq!(status, 200);
    // Not sampled by its caller: not exported either.
    let sync = world.client().post(format!("{url}/sync-to-m3ter/{DEAL}"));
    world
        .send(
            sync.header("traceparent", format!("00-11112f3577b34da6a3ce929d0e0e4736-{caller}-00")),
        )
        .await;
    let callouts: Vec<_> = [world.org.requests(), world.organization.requests()].concat();
    assert!(Command::new("kill").arg(program.id().to_string()).status().unwrap().success());
    assert!(program.wait().unwrap().success());

    let spans = spans(&sent);
    assert!(
        !spans.iter().any(|span| hex(&span.trace_id).starts_with("1111")),
        "a trace that is not sampled"
    );
    let ours: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let under = |parent: &str| -> Vec<&&Span> {
        ours.iter().filter(|span| hex(&span.parent_span_id) == parent).collect()
    };
    let [request] = under(caller)[..] else { panic!("{ours:#?}") };
    assert_eq!((request.name.as_str(), request.kind), ("POST /sync-to-m3ter/{parentRecordId}", 2));
    assert_eq!(texts(&request.attributes)["http.response.status_code"], "200");
    let [sync] = under(&hex(&request.span_id))[..] else { panic!("{ours:#?}") };
    let attributes = texts(&sync.attributes);
    assert_eq!(
        (
            sync.name.as_str(),
            attributes["parent_record_id"].as_str(),
            attributes["sync_status"].as_str()
        ),
        ("sync", DEAL, "Completed")
    );
    // Each callout as the vendor saw it, one of them failed.
    let steps = under(&hex(&sync.span_id));
    assert_eq!(steps.len() + 2, ours.len());
    for step in &steps {
        let parent = format!("00-{trace}-{}-01", hex(&step.span_id));
        assert!(
            callouts.iter().any(|request| request.traceparent.as_ref() == Some(&parent)),
            "{step:#?}"
        );
        assert_eq!(step.kind, 3);
    }
    let failed: Vec<&str> = steps
        .iter()
        .filter(|step| step.status.as_ref().is_some_and(|status| status.code == 2))
        .map(|step| &*step.name)
        .collect();
    assert_eq!(failed, ["m3ter PostContract"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_keeps_no_sync_waiting() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    // Connections are taken by the kernel, and then by nobody.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command =
        command(&world, directory.path(), &format!("http://{}", silent.local_addr().unwrap()));
    command.args(["sync", DEAL]).stdout(Stdio::piped());
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(
        output.status.success() && String::from_utf8(output.stdout).unwrap().contains("Completed")
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn an_invalid_collector_address_is_reported() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    let output = command
        .arg("check")
        .env_clear()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https address")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_for_a_collector_may_stand_in_a_file() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headers");
    std::fs::write(&file, "api-key=of%20the%20file,x-tenant=acme\n").unwrap();
    let (sender, mut shown) = tokio::sync::mpsc::channel(100);
    let take = async move |headers: axum::http::HeaderMap| {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let _ = sender.try_send((header("api-key"), header("x-tenant")));
        StatusCode::OK
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/v1/traces", post(take))).await.unwrap();
    });
    let with_headers = |file: &std::path::Path| {
        let mut command = command(&world, directory.path(), &address);
        command.args(["sync", DEAL]).env("OTEL_EXPORTER_OTLP_HEADERS_FILE", file);
        command.stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = with_headers(&file).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(shown.recv().await.unwrap(), ("of the file".to_owned(), "acme".to_owned()));
    let output = with_headers(&directory.path().join("nowhere")).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && said.contains("OTEL_EXPORTER_OTLP_HEADERS_FILE"),
        "{said}"
    );
}
