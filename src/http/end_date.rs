//! `POST /end-date-billing-entities`: a list with exactly one record whose billing ends, answered
//! by a list of as many results.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::body::RequestList;
use super::failed_request::{FailedRequest, RequestCode};
use super::fault::Fault;
use super::log_fields;
use super::permit::{Denied, Requester};
use super::query::SyncParameters;
use super::record::{RecordRequest, RequestedRecord, expected_plan, render_parameters};
use super::reply::{Reply, only, run};
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::excerpt;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::run::RunTask;
use crate::sync::{RunRequest, Syncs};

/// One element of the request list. Null, absent and blank values are answered by a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndDateRequest {
    /// The Salesforce ID of an Account, or of a record that was synced to a Contract.
    #[serde(default)]
    pub(crate) parent_record_id: Option<String>,
    /// A date or a date-time.
    #[serde(default)]
    pub(crate) end_date: Option<String>,
    /// Words of m3ter's.
    #[serde(default)]
    pub(crate) billing_entities: Option<Vec<Option<String>>>,
    /// The org that the request comes from, if it says so.
    #[serde(default)]
    pub(crate) organization_id: Option<String>,
    /// The user of the org as whom it is asked, if it says so.
    #[serde(default)]
    pub(crate) salesforce_user_id: Option<String>,
    #[serde(default)]
    pub(crate) apply_to_children: Option<bool>,
    /// The `planHash` of a dry run: nothing else is ended.
    #[serde(default)]
    pub(crate) expected_plan: Option<String>,
}

impl RecordRequest for EndDateRequest {
    const EXAMPLE: &'static str = r#"[{"parentRecordId": "…", "endDate": "2026-12-31", "billingEntities": ["CONTRACT", "ACCOUNTPLAN"]}]"#;

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
    requests: RequestList<EndDateRequest>,
) -> Result<Response, Fault> {
    let mode = parameters.mode;
    match only(requests, mode) {
        Ok(request) => {
            let answer = Box::pin(end_date(&syncs, &asker, &request, parameters)).await;
            answer.or_else(|denied| denied.reply(request.record().id, mode)).map(Reply::list)
        }
        Err(results) => Ok(Json(results).into_response()),
    }
}

/// Begins an end dating, and waits for its answer as long as the caller does.
pub(super) async fn end_date(
    syncs: &Syncs,
    asker: &Requester,
    request: &EndDateRequest,
    parameters: SyncParameters,
) -> Result<Reply, Denied> {
    let mode = parameters.mode;
    let permitted = asker.permit(syncs, request.record(), mode).await?;
    let order = request.order()?;
    let expected_plan = expected_plan(request.expected_plan.as_deref(), mode)?;
    log_fields::set_parameters(format!(
        "{} {order}",
        render_parameters(mode, expected_plan.as_ref())
    ));
    let wait = asker.wait(parameters.wait_seconds);
    let task = RunTask::EndDate(order);
    let request = RunRequest { task, expected_plan, waits: wait.time(), ..permitted };
    Ok(run(syncs, request, wait).await?)
}

impl EndDateRequest {
    /// What is asked for, or the first thing that is wrong with it.
    pub(crate) fn order(&self) -> Result<EndDateOrder, FailedRequest> {
        let end_date = self.end_date.as_deref().filter(|text| !text.trim().is_empty());
        let end_date = end_date.ok_or_else(|| {
            FailedRequest::new(RequestCode::MissingEndDate, "`endDate` is required")
        })?;
        let end_date = EndDate::parse(end_date)
            .map_err(|invalid| Failure::new(ErrorCode::InvalidEndDate, invalid.to_string()))?;
        let words = self.billing_entities.as_deref().unwrap_or_default();
        if words.is_empty() {
            let reason =
                format!("`billingEntities` is empty; name at least one of {}", known_entities());
            return Err(FailedRequest::new(RequestCode::MissingBillingEntities, reason));
        }
        let entities = words.iter().map(|word| entity(word.as_deref().unwrap_or_default()));
        let mut entities: Vec<BillingEntity> = entities.collect::<Result<_, _>>()?;
        entities.sort_unstable();
        entities.dedup();
        let children = if self.apply_to_children == Some(true) {
            Children::Included
        } else {
            Children::LeftAlone
        };
        Ok(EndDateOrder { end_date, entities, children })
    }
}

fn entity(word: &str) -> Result<BillingEntity, FailedRequest> {
    BillingEntity::from_word(word).ok_or_else(|| {
        let reason = format!(
            "`{}` is not a billing entity; they are {}",
            excerpt::word(word),
            known_entities()
        );
        FailedRequest::new(RequestCode::UnknownBillingEntity, reason)
    })
}

fn known_entities() -> String {
    BillingEntity::ALL.map(|entity| format!("`{entity}`")).join(", ")
}
