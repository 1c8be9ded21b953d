//! A fault of the transport: what External Services read has the same names as a result, RFC 9457
//! is there for who asks for it.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::pages::FaultShown;
use crate::sync::{QueueFull, StartError, StoreError};
use crate::telemetry::ErrorChain;

/// When a caller should come again after a 503.
pub(super) const RETRY_AFTER_SECONDS: u32 = 5;

/// When to ask again while a run of the record is under way.
pub(super) const BUSY_SECONDS: u32 = 10;

/// When a caller should come again whose run could not be recorded because too many wait: some of
/// theirs have ended by then.
const FULL_RETRY_AFTER_SECONDS: u32 = 10;

/// The credentials that are taken, in the words of RFC 9110.
const CHALLENGES: [&str; 2] =
    ["Bearer realm=\"sync-to-m3ter\"", "Basic realm=\"sync-to-m3ter\", charset=\"UTF-8\""];

/// A request that never became a sync.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u32>,
    challenge: bool,
    /// What the log has of it, and no caller reads.
    source: Option<Arc<StoreError>>,
}

/// A fault on its way out; the middleware adds the request's id and chooses the form.
#[derive(Debug, Clone)]
pub(super) struct PendingFault(Fault);

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::with_code(status, code, message.into())
    }

    /// A fault with the code of a result, where a run can only begin or not.
    pub(super) fn with_code(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, message, retry_after_seconds: None, challenge: false, source: None }
    }

    /// What there is to say about it.
    pub(crate) fn into_parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.code, self.message)
    }

    /// Says which kinds of credentials are taken.
    pub(super) fn challenge(mut self) -> Self {
        self.challenge = true;
        self
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A sync goes on, and nobody can promise that it does to its end.
    pub(super) fn unsaved(error: StoreError) -> Self {
        let words = error.in_words();
        let message =
            format!("The sync goes on, but its run could not be saved: {words}; try again");
        Self { message, ..error.into() }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let message = format!("The request was not carried out: {}; try again", error.in_words());
        let fault = Fault::new(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE", message)
            .retry_after(RETRY_AFTER_SECONDS);
        Self { source: Some(Arc::new(error)), ..fault }
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        match error {
            StartError::ShuttingDown => Fault::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "SHUTTING_DOWN",
                "The service is shutting down; try again",
            )
            .retry_after(RETRY_AFTER_SECONDS),
            StartError::QueueFull(full) => {
                let whose = match full {
                    QueueFull::OfCaller(bound) => {
                        format!(
                            "{bound} runs of this caller are waiting, which is the limit for one caller"
                        )
                    }
                    QueueFull::All(bound) => {
                        format!("{bound} runs are waiting, which is the limit")
                    }
                };
                let message =
                    format!("{whose} (RUNS_WAITING); nothing was recorded, send it again later");
                Fault::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_RUNS", message)
                    .retry_after(FULL_RETRY_AFTER_SECONDS)
            }
            StartError::Store(cause) => cause.into(),
        }
    }
}

impl PendingFault {
    /// Tells the log what the caller is not told.
    pub(super) fn log(&self) {
        if let Some(error) = &self.0.source {
            tracing::error!(error = %ErrorChain(error), "a request could not use the database");
        }
    }

    /// The response that a person reads in a browser, which would ask for a password if it were
    /// challenged.
    pub(super) fn write_page(
        self,
        mut response: Response,
        request_id: &str,
        page: fn(&FaultShown<'_>) -> String,
    ) -> Response {
        let Fault { status, message, retry_after_seconds, .. } = self.0;
        let shown = FaultShown { status, message: &message, request_id };
        *response.body_mut() = axum::body::Body::from(page(&shown));
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if let Some(seconds) = retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The response with the body that the caller reads.
    pub(super) fn write(
        self,
        mut response: Response,
        request_id: &str,
        as_problem: bool,
    ) -> Response {
        let Fault { status, code, message, retry_after_seconds, challenge, .. } = self.0;
        let mut body = json!({
            "success": false, "syncStatus": "Failed", "message": message, "errorCode": code,
            "status": status.as_u16(), "requestId": request_id,
        });
        if let Some(seconds) = retry_after_seconds {
            body["retryAfterSeconds"] = Json::from(seconds);
        }
        let mut content_type = "application/json";
        if as_problem {
            body["type"] =
                json!(format!("urn:sync-to-m3ter:{}", code.to_ascii_lowercase().replace('_', "-")));
            body["title"] = json!(status.canonical_reason().unwrap_or("Error"));
            body["detail"] = body["message"].clone();
            content_type = "application/problem+json";
        }
        *response.body_mut() = axum::body::Body::from(body.to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if challenge {
            for kind in CHALLENGES {
                response
                    .headers_mut()
                    .append(header::WWW_AUTHENTICATE, HeaderValue::from_static(kind));
            }
        }
        if let Some(seconds) = retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(PendingFault(self));
        response
    }
}
