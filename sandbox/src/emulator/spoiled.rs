//! What a planned fault makes of a request and of its answer.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value as Json, json};

use crate::control::FaultKind;
use crate::vendor::{Server, Vendor, VendorRequest};

/// The most that a request may hold.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// What is said where a plan gives no words.
const PLANNED: &str = "a fault was planned here";

/// The connection is closed without an answer.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault closed the connection")
    }
}

impl std::error::Error for Dropped {}

/// Carries the request out, unless its fault has something else in mind.
pub(super) async fn spoiled<V: Vendor>(
    server: &Server<V>,
    request: VendorRequest,
    fault: Option<FaultKind>,
) -> Result<Response<Body>, Dropped> {
    let carry_out = |request| server.vendor.answer(request, &server.control);
    match fault {
        None => Ok(carry_out(request)),
        Some(FaultKind::Status { status, retry_after, message }) => {
            let mut response =
                server.vendor.error(planned(status), message.as_deref().unwrap_or(PLANNED));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(response)
        }
        Some(FaultKind::Error { status, error_code, message }) => {
            let body = server.vendor.coded_error(
                request.uri.path(),
                &error_code,
                message.as_deref().unwrap_or(PLANNED),
            );
            Ok(answer(status, &BTreeMap::new(), &body))
        }
        Some(FaultKind::Answer { status, headers, body }) => Ok(answer(status, &headers, &body)),
        Some(FaultKind::RefuseRows { rows, status_code, message }) => {
            let refusal = json!({ "statusCode": status_code, "message": message.as_deref().unwrap_or(PLANNED), "fields": [] });
            Ok(without_rows(request, &rows, &refusal, carry_out).await)
        }
        Some(FaultKind::CutPage { relationship, rows, done, next_records_url }) => {
            let cut = Cut { relationship, rows, done, next_records_url };
            Ok(changed(carry_out(request), |body| cut.answer(body)).await)
        }
        Some(FaultKind::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(carry_out(request))
        }
        Some(FaultKind::DropBeforeEffect) => Err(Dropped),
        Some(FaultKind::DropAfterEffect) => {
            drop(carry_out(request));
            Err(Dropped)
        }
        Some(FaultKind::Html) => {
            drop(carry_out(request));
            let page = Body::from(
                "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>",
            );
            let mut response = Response::new(page);
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Ok(response)
        }
        Some(FaultKind::Truncated) => Ok(truncated(carry_out(request)).await),
        Some(FaultKind::Redirect { location }) => Ok(answer(
            StatusCode::TEMPORARY_REDIRECT.as_u16(),
            &BTreeMap::from([("location".to_owned(), location)]),
            &Json::Null,
        )),
        Some(FaultKind::Hang) => {
            server.control.let_go().await;
            Ok(carry_out(request))
        }
        Some(FaultKind::HangAfterEffect) => {
            drop(carry_out(request));
            pending().await
        }
    }
}

fn planned(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer as it was planned; the controls have looked at its headers.
fn answer(status: u16, headers: &BTreeMap<String, String>, body: &Json) -> Response<Body> {
    let (content_type, body) = match body {
        Json::Null => (None, Body::empty()),
        Json::String(text) => (Some("text/plain"), Body::from(text.clone())),
        body => (Some("application/json;charset=UTF-8"), Body::from(body.to_string())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = planned(status);
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Carries a collection request out without some of its rows, and puts the refusal in their places.
async fn without_rows(
    mut request: VendorRequest,
    rows: &[usize],
    refusal: &Json,
    carry_out: impl FnOnce(VendorRequest) -> Response<Body>,
) -> Response<Body> {
    let Some((mut body, records)) =
        serde_json::from_slice::<Json>(&request.body).ok().and_then(|mut body| {
            let records =
                body.get_mut("records").and_then(Json::as_array_mut).map(std::mem::take)?;
            Some((body, records))
        })
    else {
        return carry_out(request);
    };
    let refused = || json!({ "success": false, "errors": [refusal] });
    let is_refused: Vec<bool> =
        (0..records.len()).map(|row| rows.is_empty() || rows.contains(&row)).collect();
    if body.get("allOrNone") == Some(&json!(true)) && is_refused.contains(&true) {
        let rolled_back = json!({
            "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "fields": [],
            "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
        });
        let row = |is_refused: &bool| {
            if *is_refused {
                refused()
            } else {
                json!({ "success": false, "errors": [rolled_back] })
            }
        };
        return answer(200, &BTreeMap::new(), &is_refused.iter().map(row).collect());
    }
    let kept: Vec<Json> = records
        .into_iter()
        .zip(&is_refused)
        .filter(|(_, is_refused)| !**is_refused)
        .map(|(record, _)| record)
        .collect();
    body["records"] = Json::Array(kept);
    request.body = Bytes::from(body.to_string());
    changed(carry_out(request), |body| {
        if let Some(results) = body.as_array_mut() {
            for (row, _) in is_refused.iter().enumerate().filter(|(_, is_refused)| **is_refused) {
                results.insert(row.min(results.len()), refused());
            }
        }
    })
    .await
}

/// The rows that are left of a page, and what it says of itself.
struct Cut {
    relationship: Option<String>,
    rows: usize,
    done: bool,
    next_records_url: Option<String>,
}

impl Cut {
    /// Cuts the pages in the answer to a query, or to a composite request with queries in it.
    fn answer(&self, body: &mut Json) {
        if let Some(responses) = body.get_mut("compositeResponse").and_then(Json::as_array_mut) {
            for body in responses.iter_mut().filter_map(|response| response.get_mut("body")) {
                self.answer(body);
            }
            return;
        }
        match &self.relationship {
            Some(relationship) => self.children(relationship, body),
            None => self.page(body),
        }
    }

    /// Cuts the pages of a child relationship, at any depth.
    fn children(&self, relationship: &str, page: &mut Json) {
        for row in page
            .get_mut("records")
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Json::as_object_mut)
        {
            for (name, child) in row.iter_mut() {
                if name == relationship {
                    self.page(child);
                }
                self.children(relationship, child);
            }
        }
    }

    fn page(&self, page: &mut Json) {
        let Some(page) = page.as_object_mut() else { return };
        let Some(records) = page.get_mut("records").and_then(Json::as_array_mut) else { return };
        records.truncate(self.rows);
        page.insert("done".to_owned(), json!(self.done));
        page.remove("nextRecordsUrl");
        if let Some(url) = &self.next_records_url {
            page.insert("nextRecordsUrl".to_owned(), json!(url));
        }
    }
}

/// The answer with another body, where it has a JSON one.
async fn changed(response: Response<Body>, change: impl FnOnce(&mut Json)) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let Ok(mut body) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    change(&mut body);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.to_string()))
}

/// The answer with its full content length and only half of its bytes; then the connection breaks.
async fn truncated(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let chunks = [Ok(body.slice(..body.len() / 2)), Err(std::io::Error::other(Dropped))];
    Response::from_parts(parts, Body::from_stream(futures_util::stream::iter(chunks)))
}
