//! Logs: one structured line for each event, errors with their whole chain of causes; metrics, for
//! Prometheus; spans, for a collector.

#[cfg(feature = "otel")]
mod export;
pub mod metrics;
pub mod trace;

use std::error::Error;
use std::fmt;

use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// An error with all its sources, outermost first: tracing's JSON format prints the outermost only.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let next = error.to_string();
            // Some errors of libraries tell their source themselves.
            if !told.ends_with(&next) {
                write!(f, ": {next}")?;
                told = next;
            }
            source = error.source();
        }
        Ok(())
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// A collector of `OpenTelemetry`.
#[derive(Clone)]
pub struct Collector {
    /// Where it is: `http://collector:4318`.
    pub endpoint: String,
    /// What it wants to see: `name=value,name=value`.
    pub headers: Option<String>,
}

/// What was started; it is ended when the program ends.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    exporter: Option<export::Exporter>,
}

/// Sends log lines to standard error, as `filter` (the syntax of `RUST_LOG`) admits them, and spans
/// to a collector, if there is one.
pub fn start(
    filter: &str,
    format: LogFormat,
    collector: Option<&Collector>,
) -> Result<Telemetry, String> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|_| {
        "RUST_LOG is not a valid filter, such as `info` or `warn,audit=info`".to_owned()
    })?;
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    #[cfg(feature = "otel")]
    let (telemetry, layers) = {
        let exporter = collector
            .map(|to| export::Exporter::new(&to.endpoint, to.headers.as_deref()))
            .transpose()?;
        trace::exported_from_now_on(exporter.is_some());
        let layers: Vec<_> =
            std::iter::once(lines).chain(exporter.as_ref().map(export::Exporter::layer)).collect();
        (Telemetry { exporter }, layers)
    };
    #[cfg(not(feature = "otel"))]
    let (telemetry, layers) = (Telemetry {}, vec![lines]);
    tracing_subscriber::registry().with(layers).try_init().map_err(|error| error.to_string())?;
    if cfg!(not(feature = "otel")) && collector.is_some() {
        tracing::warn!(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this program was built without the feature `otel`: no spans are sent"
        );
    }
    Ok(telemetry)
}

impl Telemetry {
    /// Sends what is left.
    pub fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(Err(problem)) = self.exporter.map(|exporter| exporter.end()) {
            tracing::warn!(problem, "the last spans could not be sent to the collector");
        }
    }
}
