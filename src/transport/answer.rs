//! What the status and the bytes of an answer mean, before anybody knows what it is about.

use serde_json::Value as Json;

use super::ErrorReader;
use super::error::{CalloutErrorKind, Refusal, Vendor};

/// The body as JSON, `null` for none; for anything else a few words about it.
pub fn read_body(bytes: &[u8]) -> Result<Json, String> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    serde_json::from_slice(bytes).map_err(|_| {
        let is_page = bytes.trim_ascii_start().first() == Some(&b'<');
        if is_page { "an HTML page instead of JSON".to_owned() } else { "an answer that is not JSON".to_owned() }
    })
}

/// The body of a success, or what went wrong. The status counts even when the body cannot be read.
pub fn meaning(vendor: Vendor, errors: ErrorReader, status: u16, body: Result<Json, String>) -> Result<Json, CalloutErrorKind> {
    if (200..300).contains(&status) {
        return body.map_err(|cause| CalloutErrorKind::Unavailable { status: Some(status), cause });
    }
    let is_unreadable = body.is_err();
    let refusal = match body {
        Ok(body) => errors(status, &body),
        Err(cause) => Refusal { status, message: cause, ..Refusal::default() },
    };
    Err(match status {
        401 => CalloutErrorKind::AuthFailed { message: refusal.message },
        403 if refusal.code.as_deref() == Some("REQUEST_LIMIT_EXCEEDED") => CalloutErrorKind::LimitExceeded { message: refusal.message },
        403 if vendor == Vendor::M3ter => CalloutErrorKind::AuthFailed { message: refusal.message },
        429 => CalloutErrorKind::LimitExceeded { message: refusal.message },
        300..=399 => CalloutErrorKind::Unavailable { status: Some(status), cause: "a redirect, which is not followed".to_owned() },
        408 | 500.. => CalloutErrorKind::Unavailable { status: Some(status), cause: refusal.message },
        _ if is_unreadable => CalloutErrorKind::Unavailable { status: Some(status), cause: refusal.message },
        _ => CalloutErrorKind::Refused(Box::new(refusal)),
    })
}
