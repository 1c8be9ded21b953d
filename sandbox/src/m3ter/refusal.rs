//! What m3ter says to a request that it refuses.

use axum::http::StatusCode;

use super::resource::Resource;

/// A request that m3ter refuses: status and message.
pub(super) type Refusal = (StatusCode, String);

pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, message.into())
}

pub(super) fn not_found(resource: &Resource, id: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("{} {id} was not found", resource.name))
}
