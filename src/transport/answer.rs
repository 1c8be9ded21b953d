//! What the status and the bytes of an answer mean, before anybody knows what it is about.

use serde_json::Value as Json;

use super::error::{CalloutErrorKind, Meaning, Refusal};

/// How a vendor's client reads an error answer: what it says, and what it means. A body that cannot
/// be read is `null`.
pub type ErrorReader = fn(status: u16, body: &Json) -> Refusal;
/// What a vendor's client finds in an answer of success: another one within it, perhaps of an
/// error.
pub type Unwrap = fn(body: Json) -> Result<Json, CalloutErrorKind>;

/// The body as JSON, `null` for none; for anything else a few words about it.
pub fn read_body(bytes: &[u8]) -> Result<Json, String> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    // Of a text that is known to be one, each string in it need not be looked at again.
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| {
        let is_page = bytes.trim_ascii_start().first() == Some(&b'<');
        if is_page {
            "an HTML page instead of JSON".to_owned()
        } else {
            "an answer that is not JSON".to_owned()
        }
    })
}

/// The body of a success, or what went wrong. The status counts even when the body cannot be read.
pub fn meaning(
    errors: ErrorReader,
    status: u16,
    body: Result<Json, String>,
) -> Result<Json, CalloutErrorKind> {
    if (200..300).contains(&status) {
        return body.map_err(|cause| CalloutErrorKind::Unavailable { status: Some(status), cause });
    }
    let is_unreadable = body.is_err();
    let refusal = match body {
        Ok(body) => errors(status, &body),
        Err(cause) => Refusal { message: cause, ..errors(status, &Json::Null) },
    };
    let is_redirect = (300..400).contains(&status);
    let cause = if is_redirect {
        "a redirect, which is not followed".to_owned()
    } else {
        refusal.in_words()
    };
    let status = Some(status);
    Err(match refusal.meaning {
        Meaning::StaleLogin => CalloutErrorKind::AuthFailed { message: cause },
        Meaning::StaleAddress => {
            CalloutErrorKind::Moved { status, cause: with_advice(cause, is_redirect, &refusal) }
        }
        Meaning::Limit => CalloutErrorKind::LimitExceeded { message: cause },
        Meaning::Passing if is_redirect || matches!(status, Some(408 | 500..)) => {
            CalloutErrorKind::Unavailable { status, cause }
        }
        _ if is_unreadable => CalloutErrorKind::Unavailable { status, cause: refusal.message },
        _ => CalloutErrorKind::Refused(Box::new(refusal)),
    })
}

/// A redirect has words of its own, and the vendor's advice.
fn with_advice(cause: String, is_redirect: bool, refusal: &Refusal) -> String {
    match refusal.advice {
        Some(advice) if is_redirect => format!("{cause}; {advice}"),
        _ => cause,
    }
}
