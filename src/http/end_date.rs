//! `POST /end-date-billing-entities`: a list with exactly one record whose billing ends, answered
//! by a list of as many results.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::body::{Origin, Presence, SyncParameters, json_bytes, parse_requests};
use super::fault::Fault;
use super::notes;
use super::permit::{Asker, Denied, asker};
use super::wait::{Reply, answer_of, expected_plan, failed, shown_parameters, time_of};
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::outcome::ErrorCode;
use crate::domain::run::RunTask;
use crate::domain::shown;
use crate::sync::{RunRequest, Syncs};

/// One element of the request list. Null, absent and blank values are answered by a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndDateRequest {
    /// The Salesforce id of an Account, or of a record that was synced to a Contract.
    #[serde(default)]
    pub(super) parent_record_id: Option<String>,
    /// A date or a date-time.
    #[serde(default)]
    end_date: Option<String>,
    /// Words of m3ter's.
    #[serde(default)]
    billing_entities: Option<Vec<Option<String>>>,
    /// The org that the request comes from, if it says so.
    #[serde(default)]
    organization_id: Option<String>,
    /// The user of the org as whom it is asked, if it says so.
    #[serde(default)]
    salesforce_user_id: Option<String>,
    #[serde(default)]
    apply_to_children: Option<bool>,
    /// The `planHash` of a dry run: nothing else is ended.
    #[serde(default)]
    expected_plan: Option<String>,
}

/// What such a list looks like, for whoever sends something else.
const EXAMPLE: &str = r#"[{"parentRecordId": "…", "endDate": "2026-12-31", "billingEntities": ["CONTRACT", "ACCOUNTPLAN"]}]"#;

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
        [only] => return answer(&syncs, only, parameters, asker, arrived).await.map(Reply::list),
        several => {
            let reason = format!(
                "Only one record can be end-dated per request, but {} were sent",
                several.len()
            );
            let result = |request: &EndDateRequest| {
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

async fn answer(
    syncs: &Syncs,
    request: &EndDateRequest,
    parameters: SyncParameters,
    asker: Asker,
    arrived: Instant,
) -> Result<Reply, Fault> {
    let id = request.parent_record_id.as_deref();
    let origin = Origin {
        organization: request.organization_id.clone(),
        salesforce_user: request.salesforce_user_id.clone(),
    };
    let record = Box::pin(asker.record(syncs, id, &origin, parameters.mode)).await;
    let read = record.and_then(|(record, user)| {
        let ordered = order(request).and_then(|order| {
            Ok((order, expected_plan(request.expected_plan.as_deref(), parameters.mode)?))
        });
        let (order, plan) = ordered.map_err(|(code, reason)| Denied::Failed(code, reason))?;
        Ok((record, user, order, plan))
    });
    match read {
        Err(Denied::Refused(fault)) => Err(fault),
        Err(Denied::Failed(code, reason)) => {
            Ok(Reply::Result(Box::new(failed(code, reason, id, parameters.mode))))
        }
        Ok((record, salesforce_user, order, expected_plan)) => {
            notes::set_parameters(format!(
                "{} {order}",
                shown_parameters(parameters.mode, expected_plan.as_ref())
            ));
            let waiting = asker.wait(parameters.wait_seconds);
            let request = RunRequest {
                task: RunTask::EndDate(order),
                expected_plan,
                requested_by: asker.name(),
                salesforce_user,
                waits: time_of(waiting.as_ref(), parameters),
                ..RunRequest::sync(record.clone(), parameters.mode)
            };
            let started = syncs.start(request).await;
            answer_of(syncs, started, &record, parameters, waiting, arrived).await
        }
    }
}

/// The list of records in a body.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<EndDateRequest>, Fault> {
    parse_requests(bytes, EXAMPLE)
}

/// What is asked for, or the first thing that is wrong with it.
pub(super) fn order(request: &EndDateRequest) -> Result<EndDateOrder, (ErrorCode, String)> {
    let end_date = request.end_date.as_deref().filter(|text| !text.trim().is_empty());
    let end_date =
        end_date.ok_or_else(|| (ErrorCode::MissingEndDate, "`endDate` is required".to_owned()))?;
    let end_date = EndDate::parse(end_date)
        .map_err(|invalid| (ErrorCode::InvalidEndDate, invalid.to_string()))?;
    let known = || BillingEntity::ALL.map(|entity| format!("`{entity}`")).join(", ");
    let words = request.billing_entities.as_deref().unwrap_or_default();
    if words.is_empty() {
        return Err((
            ErrorCode::MissingBillingEntities,
            format!("`billingEntities` is empty; name at least one of {}", known()),
        ));
    }
    let mut entities = Vec::new();
    for word in words {
        let word = word.as_deref().unwrap_or_default();
        let entity = BillingEntity::from_word(word).ok_or_else(|| {
            (
                ErrorCode::UnknownBillingEntity,
                format!("`{}` is not a billing entity; there are {}", shown::word(word), known()),
            )
        })?;
        entities.push(entity);
    }
    entities.sort_unstable();
    entities.dedup();
    let children = if request.apply_to_children == Some(true) {
        Children::Included
    } else {
        Children::LeftAlone
    };
    Ok(EndDateOrder { end_date, entities, children })
}
