//! How a page is answered, and a fault as one.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::http::FaultShown;
use crate::http::fault::Fault;
use crate::http::permit::Denied;

#[derive(Template)]
#[template(path = "console/fault.html")]
struct FaultPage<'a> {
    title: &'a str,
    fault: &'a FaultShown<'a>,
}

/// A page, with its status.
pub(super) fn with_status(status: StatusCode, page: &impl Template) -> Result<Response, Fault> {
    Ok((status, Html(render(page)?)).into_response())
}

/// A page, or nothing if the browser shows it already.
pub(super) fn page(asked: &HeaderMap, page: &impl Template) -> Result<Response, Fault> {
    let text = render(page)?;
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..12]);
    let tag = format!("\"{hash}\"");
    let is_known =
        asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Html(text).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}

fn render(page: &impl Template) -> Result<String, Fault> {
    page.render().map_err(|_| {
        let message = "The page could not be made";
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    })
}

impl From<Denied> for Fault {
    /// What a person is told, whose form is about a record.
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Failed(request) => {
                Fault::new(StatusCode::UNPROCESSABLE_ENTITY, request.code, request.reason)
            }
            Denied::Refused(fault) => fault,
        }
    }
}

/// A fault as a page: what is wrong, and where to go.
pub(super) fn fault_page(fault: &FaultShown<'_>) -> String {
    let title = match fault.status {
        StatusCode::UNAUTHORIZED => "Sign in again",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT => "Not done",
        status if status.is_server_error() => "Not available now",
        _ => "That does not work",
    };
    FaultPage { title, fault }.render().unwrap_or_else(|_| title.to_owned())
}
