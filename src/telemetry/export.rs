//! Spans, sent to a collector of `OpenTelemetry` by OTLP over HTTP: requests, syncs and callouts,
//! under the caller's trace.
//!
//! What they hold is what the log holds: ids of records and runs, names of callers and operations,
//! never a field of a record.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Handle;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};
use url::Url;

/// A collector is near; spans that it does not take within this are dropped.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What sends the spans; ended at last, it sends those that are left.
#[derive(Debug)]
pub(super) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Sends to a collector, which sees the headers that `shows` lists, from the runtime that this is called in.
    pub(super) fn new(endpoint: &str, shows: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            "OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https address".to_owned()
        })?;
        let mut headers = shows.map(headers).transpose()?.unwrap_or_default();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers);
        let http = client
            .build()
            .map_err(|error| format!("the client of the collector could not be made: {error}"))?;
        let url = format!("{}/v1/traces", url.as_str().trim_end_matches('/'));
        // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` count.
        let name = Resource::builder()
            .build()
            .get(&"service.name".into())
            .map(|name| name.to_string())
            .unwrap_or_default();
        let name =
            if name.starts_with("unknown_service") { "sync-to-m3ter".to_owned() } else { name };
        let resource = Resource::builder().with_service_name(name).build();
        let sender = Sender {
            http,
            url,
            runtime: Handle::current(),
            resource: ResourceAttributesWithSchema::default(),
        };
        Ok(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(sender)
                .with_resource(resource)
                .build(),
        ))
    }

    /// What hands spans over, and no events: those are the log's.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("sync-to-m3ter"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|about| {
                about.is_span()
                    && *about.level() <= Level::INFO
                    && about.target().starts_with(env!("CARGO_CRATE_NAME"))
            }))
            .boxed()
    }

    /// Sends what is left.
    pub(super) fn end(&self) -> Result<(), String> {
        self.0.shutdown().map_err(|error| error.to_string())
    }
}

/// `api-key=…,x-tenant=…`, percent-encoded. The values may be secrets: nothing of them is shown.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let header = |pair: &str| {
        // The form of a query is the same but for its separator, and `+`.
        let pair = pair.replace('+', "%2B");
        let (name, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name.trim()).ok()?, value))
    };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let headers: Option<HeaderMap> = pairs.map(header).collect();
    headers.ok_or_else(|| {
        "OTEL_EXPORTER_OTLP_HEADERS must have the form `name=value,name=value`".to_owned()
    })
}

/// Sends a batch at a time. The SDK asks from a thread of its own; the requests are made where the
/// program's others are.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    url: String,
    runtime: Handle,
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Sender {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let request = self.http.post(&self.url).body(request.encode_to_vec()).build();
        let http = self.http.clone();
        let exchange = async move { http.execute(request?).await?.error_for_status().map(drop) };
        let outcome = self.runtime.spawn(exchange).await.map_err(|error| error.to_string());
        outcome
            .and_then(|outcome| outcome.map_err(|error| error.without_url().to_string()))
            .map_err(|problem| {
                tracing::warn!(problem, "spans could not be sent to the collector");
                OTelSdkError::InternalFailure(problem)
            })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_never_shown() {
        let read = headers("api-key=a%2Cb+c, x-tenant = 7 ,").unwrap();
        assert_eq!(
            (&read["api-key"], &read["x-tenant"]),
            (&HeaderValue::from_static("a,b+c"), &HeaderValue::from_static("7"))
        );
        assert!(!format!("{read:?}").contains("a,b"));
        assert!(!headers("hunter 2=x").unwrap_err().contains("hunter"));
    }
}
