//! `POST /sync-to-m3ter`: a list with exactly one record, answered by a list of as many results as
//! requests.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::body::RequestList;
use super::fault::Fault;
use super::log_fields;
use super::permit::{Denied, Requester};
use super::query::SyncParameters;
use super::record::{RecordRequest, RequestedRecord, expected_plan, render_parameters};
use super::reply::{Reply, only, run};
use crate::sync::{RunRequest, Syncs};

/// One element of the request list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SyncRequest {
    /// The Salesforce id; null, absent and blank are answered by a result.
    #[serde(default)]
    pub(super) parent_record_id: Option<String>,
    /// The org that the request comes from, if it says so.
    #[serde(default)]
    pub(super) organization_id: Option<String>,
    /// The user of the org as whom it is asked, if it says so.
    #[serde(default)]
    pub(super) salesforce_user_id: Option<String>,
    /// The `planHash` of a dry run: nothing else is written.
    #[serde(default)]
    pub(super) expected_plan: Option<String>,
}

impl RecordRequest for SyncRequest {
    const EXAMPLE: &'static str = r#"[{"parentRecordId": "…"}]"#;

    fn record(&self) -> RequestedRecord<'_> {
        RequestedRecord {
            id: self.parent_record_id.as_deref(),
            organization: self.organization_id.as_deref(),
            salesforce_user: self.salesforce_user_id.as_deref(),
        }
    }
}

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    asker: Requester,
    parameters: SyncParameters,
    requests: RequestList<SyncRequest>,
) -> Result<Response, Fault> {
    match only(requests, parameters.mode) {
        Ok(request) => answer(&syncs, &asker, &request, parameters).await.map(Reply::list),
        Err(results) => Ok(Json(results).into_response()),
    }
}

/// The answer about one record: of its sync, or why there was none.
pub(super) async fn answer(
    syncs: &Syncs,
    asker: &Requester,
    request: &SyncRequest,
    parameters: SyncParameters,
) -> Result<Reply, Fault> {
    let answer = Box::pin(sync(syncs, asker, request, parameters)).await;
    answer.or_else(|denied| denied.reply(request.record().id, parameters.mode))
}

/// Begins a sync, and waits for its answer as long as the caller does.
pub(super) async fn sync(
    syncs: &Syncs,
    asker: &Requester,
    request: &SyncRequest,
    parameters: SyncParameters,
) -> Result<Reply, Denied> {
    let mode = parameters.mode;
    // Of what is refused as well.
    log_fields::set_parameters(render_parameters(mode, None));
    let permitted = asker.permit(syncs, request.record(), mode).await?;
    let expected_plan = expected_plan(request.expected_plan.as_deref(), mode)?;
    log_fields::set_parameters(render_parameters(mode, expected_plan.as_ref()));
    let wait = asker.wait(parameters.wait_seconds);
    let request = RunRequest { expected_plan, waits: wait.time(), ..permitted };
    Ok(run(syncs, request, wait).await?)
}
