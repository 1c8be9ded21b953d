//! What the org answers.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::org::WriteError;

/// An answer of success: a status and, mostly, a body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Option<Json>,
}

impl Answer {
    pub(super) fn ok(body: Json) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

/// An error in the REST API's shape: a list of one.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    pub(super) fn body(&self) -> Json {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            error["fields"] = json!(self.fields);
        }
        json!([error])
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: error.code,
            message: error.message,
            fields: error.fields,
        }
    }
}
