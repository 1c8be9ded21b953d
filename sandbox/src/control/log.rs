//! The request log.

use serde::Serialize;
use serde_json::Value as Json;

/// One request to an emulator, without credentials.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// Counts from 1.
    pub sequence: u64,
    /// When it came, in milliseconds since the emulator started.
    pub started_at: u64,
    /// When its answer went out.
    pub finished_at: Option<u64>,
    /// The HTTP method.
    pub method: String,
    /// The path below the organization or the API version.
    pub path: String,
    /// The query string as it came.
    pub query: String,
    /// The status of the answer; none where the connection was closed.
    pub status: Option<u16>,
    /// The body: JSON, or a form as an object.
    pub body: Json,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    /// The header `tracestate`.
    pub tracestate: Option<String>,
    /// The fault that it met.
    pub fault: Option<&'static str>,
}

/// All requests in their order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: Vec<LoggedRequest>,
    sequence: u64,
}

impl Log {
    pub(crate) fn begin(&mut self, mut request: LoggedRequest) -> u64 {
        self.sequence += 1;
        request.sequence = self.sequence;
        self.requests.push(request);
        self.sequence
    }

    pub(crate) fn end(&mut self, sequence: u64, finished_at: u64, status: Option<u16>) {
        if let Some(request) =
            self.requests.iter_mut().rev().find(|request| request.sequence == sequence)
        {
            request.finished_at = Some(finished_at);
            request.status = status;
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.clone()
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
