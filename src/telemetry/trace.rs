//! W3C trace context: what a caller calls its own piece of work continues through a run, whichever
//! process works on it, to both vendors.
//!
//! A header that is not as <https://www.w3.org/TR/trace-context/> has it counts as absent. Nothing
//! else of a request is taken over: a trace holds no more than numbers, and a state that is handed
//! on as it came and never logged.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: TraceContext;
}

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");
/// What each participant hands on at least.
const MAX_STATE_BYTES: usize = 512;
const MAX_MEMBERS: usize = 32;

/// Which trace something belongs to, and under which step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<String>,
}

impl TraceContext {
    /// A trace that begins here. No flag is set: its beginner records it nowhere.
    fn first() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: fastrand::u64(1..), flags: 0, state: None }
    }

    /// The trace that a request belongs to, if its caller has one.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(PARENT).iter();
        let parent = parents.next().filter(|_| parents.next().is_none())?.to_str().ok()?;
        let states: Option<Vec<&str>> =
            headers.get_all(STATE).iter().map(|value| value.to_str().ok()).collect();
        let state = states.map(|states| states.join(",")).filter(|state| is_state(state));
        Some(Self { state, ..parse_parent(parent)? })
    }

    /// The same trace, one step further.
    fn next_step(&self) -> Self {
        Self { span_id: fastrand::u64(1..), ..self.clone() }
    }

    /// Tells a request of ours which trace it belongs to.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Ok(parent) = HeaderValue::from_str(&self.parent()) {
            headers.insert(PARENT, parent);
        }
        if let Some(state) =
            self.state.as_deref().and_then(|state| HeaderValue::from_str(state).ok())
        {
            headers.insert(STATE, state);
        }
    }

    /// The trace, as logs name it.
    pub fn trace_id(&self) -> String {
        Uuid::from_u128(self.trace_id).simple().to_string()
    }

    fn parent(&self) -> String {
        let trace_id = Uuid::from_u128(self.trace_id).simple();
        format!("00-{trace_id}-{:016x}-{:02x}", self.span_id, self.flags)
    }

    /// The trace of what is answered at this moment.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Answers something within this trace.
    pub async fn within<F: Future>(self, answering: F) -> F::Output {
        CURRENT.scope(self, answering).await
    }
}

/// Begins what a span is about, as a step of the trace of `above`, or as the first one of a new
/// trace; what belongs to the span continues from what is returned.
pub fn begin(span: &Span, above: Option<&TraceContext>) -> TraceContext {
    let context = exported(span, above)
        .unwrap_or_else(|| above.map_or_else(TraceContext::first, TraceContext::next_step));
    if !span.is_disabled() {
        span.record("trace_id", context.trace_id());
    }
    context
}

/// A span is exported under its parent's trace, with a number that the exporter gives it.
#[cfg(feature = "otel")]
fn exported(span: &Span, above: Option<&TraceContext>) -> Option<TraceContext> {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    if let Some(above) = above {
        let (trace_id, span_id) = (
            TraceId::from_bytes(above.trace_id.to_be_bytes()),
            SpanId::from_bytes(above.span_id.to_be_bytes()),
        );
        let remote = SpanContext::new(
            trace_id,
            span_id,
            TraceFlags::new(above.flags),
            true,
            TraceState::default(),
        );
        // It fails where nothing is exported.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    own.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(own.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(own.span_id().to_bytes()),
        flags: own.trace_flags().to_u8(),
        state: above.and_then(|above| above.state.clone()),
    })
}

#[cfg(not(feature = "otel"))]
fn exported(_: &Span, _: Option<&TraceContext>) -> Option<TraceContext> {
    None
}

static IS_EXPORTED: AtomicBool = AtomicBool::new(false);

/// Whether spans are exported.
#[cfg(feature = "otel")]
pub(super) fn exported_from_now_on(is_exported: bool) {
    IS_EXPORTED.store(is_exported, Ordering::Relaxed);
}

/// A field of a span that only those see who look at exported spans.
pub fn for_export<T>(value: impl FnOnce() -> T) -> Option<T> {
    IS_EXPORTED.load(Ordering::Relaxed).then(value)
}

/// Marks the exported span as failed.
pub fn failed(span: &Span) {
    if let Some(code) = for_export(|| "ERROR") {
        span.record("otel.status_code", code);
    }
}

/// As it is kept: the parent, and the state after a space.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parent())?;
        self.state.iter().try_for_each(|state| write!(f, " {state}"))
    }
}

/// What is kept is no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTrace;

impl FromStr for TraceContext {
    type Err = NoTrace;

    fn from_str(text: &str) -> Result<Self, NoTrace> {
        let (parent, state) =
            text.split_once(' ').map_or((text, None), |(parent, state)| (parent, Some(state)));
        let state = state.filter(|state| is_state(state)).map(ToOwned::to_owned);
        parse_parent(parent).map(|context| Self { state, ..context }).ok_or(NoTrace)
    }
}

/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; later versions may have more after
/// that.
fn parse_parent(text: &str) -> Option<TraceContext> {
    let mut parts = text.splitn(5, '-');
    let version = hexadecimal(parts.next()?, 2)?;
    let (trace_id, span_id, flags) = (
        hexadecimal(parts.next()?, 32)?,
        hexadecimal(parts.next()?, 16)?,
        hexadecimal(parts.next()?, 2)?,
    );
    let is_whole =
        version != 0xff && (version > 0 || parts.next().is_none()) && trace_id != 0 && span_id != 0;
    // Version 00 knows two flags: sampled, and that the trace's number is random.
    let flags = u8::try_from(flags).ok()? & 0b11;
    is_whole.then_some(TraceContext {
        trace_id,
        span_id: u64::try_from(span_id).ok()?,
        flags,
        state: None,
    })
}

fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_plain =
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(text, 16).ok().filter(|_| is_plain)
}

/// `vendor=value,other@vendor=value`, of bounded length.
fn is_state(text: &str) -> bool {
    let is_key = |key: &str| {
        let is_letter =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
        (1..=256).contains(&key.len()) && key.bytes().all(is_letter)
    };
    let is_value = |value: &str| {
        (1..=256).contains(&value.len())
            && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=')
    };
    let mut members = text.split(',').map(str::trim).filter(|member| !member.is_empty()).peekable();
    text.len() <= MAX_STATE_BYTES
        && members.peek().is_some()
        && members.clone().count() <= MAX_MEMBERS
        && members.all(|member| {
            member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT_TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn a_trace_header_is_read_kept_and_passed_on() {
        let given = headers(&[
            ("traceparent", PARENT_TEXT),
            ("tracestate", "rojo=00f067aa0ba902b7,t61@congo=t61rcWkgMzE"),
        ]);
        let context = TraceContext::from_headers(&given).unwrap();
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.to_string().parse(), Ok(context.clone()));
        let mut told = HeaderMap::new();
        context.inject(&mut told);
        assert_eq!(told, given);
        let next = context.next_step();
        assert_eq!((next.trace_id, next.flags, &next.state), (context.trace_id, 1, &context.state));
        assert_ne!(next.span_id, context.span_id);
    }

    #[test]
    fn a_malformed_trace_header_counts_as_absent() {
        for parent in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(
                TraceContext::from_headers(&headers(&[("traceparent", parent)])),
                None,
                "{parent}"
            );
        }
        let twice = headers(&[("traceparent", PARENT_TEXT), ("traceparent", PARENT_TEXT)]);
        assert_eq!(TraceContext::from_headers(&twice), None);
        let later = PARENT_TEXT.replacen("00", "01", 1) + "-more";
        assert!(
            TraceContext::from_headers(&headers(&[("traceparent", &later)])).is_some(),
            "a later version"
        );
        for state in [
            "x",
            "=x",
            "a=b,,c",
            "A=b",
            "a=b=c",
            &format!("a={}", "x".repeat(257)),
            &"a=b,".repeat(33),
            &"a=b,".repeat(200),
        ] {
            let context = TraceContext::from_headers(&headers(&[
                ("traceparent", PARENT_TEXT),
                ("tracestate", state),
            ]))
            .unwrap();
            assert_eq!(context.state, None, "{state}");
        }
    }
}
