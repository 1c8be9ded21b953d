//! `POST /sync-to-m3ter`: a list with exactly one record, answered by a list of as many results as
//! requests.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use super::body::{Presence, SyncParameters, SyncRequest, json_bytes, parse_requests};
use super::fault::Fault;
use super::permit::asker;
use super::wait::{Reply, answer_for, failed};
use crate::domain::outcome::ErrorCode;
use crate::sync::Syncs;

/// What a request list looks like, for whoever sends something else.
const EXAMPLE: &str = r#"[{"parentRecordId": "…"}]"#;

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Response, Fault> {
    let (arrived, asker) = (Instant::now(), asker(&request));
    let parameters = SyncParameters::parse(request.uri().query())?;
    let requests = read(&json_bytes(request, Presence::Required).await?)?;
    let results = match requests.as_slice() {
        [] => vec![failed(
            ErrorCode::EmptyRequest,
            "The request holds no record; send exactly one".to_owned(),
            None,
            parameters.mode,
        )],
        [only] => {
            return answer_for(&syncs, only, parameters, asker, arrived).await.map(Reply::list);
        }
        several => {
            let reason = format!(
                "Only one record can be synced per request, but {} were sent",
                several.len()
            );
            let result = |request: &SyncRequest| {
                failed(
                    ErrorCode::MultipleRequests,
                    reason.clone(),
                    request.parent_record_id.as_deref(),
                    parameters.mode,
                )
            };
            several.iter().map(result).collect()
        }
    };
    Ok(Json(results).into_response())
}

/// The list of records in a body.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<SyncRequest>, Fault> {
    parse_requests(bytes, EXAMPLE)
}
