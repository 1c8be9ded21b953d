//! The request log.

use std::collections::VecDeque;

use axum::body::Bytes;
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
    /// The fault that it met.
    pub fault: Option<&'static str>,
    /// The body of its answer as it went out; empty where a fault spoiled it.
    #[serde(skip)]
    pub answer: Bytes,
}

/// The most that is remembered: a sandbox that runs for days forgets the oldest requests.
const MOST_REQUESTS: usize = 20_000;

/// All requests in their order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: VecDeque<LoggedRequest>,
    sequence: u64,
}

impl Log {
    pub(crate) fn begin(&mut self, mut request: LoggedRequest) -> u64 {
        self.sequence += 1;
        request.sequence = self.sequence;
        if self.requests.len() == MOST_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.sequence
    }

    pub(crate) fn end(&mut self, sequence: u64, finished_at: u64, status: Option<u16>, answer: Bytes) {
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.sequence == sequence) {
            request.finished_at = Some(finished_at);
            request.status = status;
            request.answer = answer;
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
