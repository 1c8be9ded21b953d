//! The one record that a request is about.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::failed_request::{FailedRequest, RequestCode};
use super::log_fields;
use crate::domain::excerpt;
use crate::domain::ids::SalesforceId;
use crate::domain::plan::{InvalidPlanHash, PlanHash};
use crate::sync::SyncMode;

/// IDs of users begin so.
const USER_PREFIX: &str = "005";

/// A request about one record, an element of a list.
pub(super) trait RecordRequest: DeserializeOwned {
    /// What a list of one looks like, for callers that send something else.
    const EXAMPLE: &'static str;

    /// The record, and who asks for it.
    fn record(&self) -> RequestedRecord<'_>;
}

/// The record that a request names, and who asks for it, as they came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestedRecord<'a> {
    /// The Salesforce ID of the record.
    pub(crate) id: Option<&'a str>,
    /// The ID of the org that the request comes from, if it says so.
    pub(crate) organization: Option<&'a str>,
    /// The ID of the user of the org as whom it is asked, if it says so.
    pub(crate) salesforce_user: Option<&'a str>,
}

/// The ID at the end of a path, as it came; `None` for an empty one.
#[derive(Debug)]
pub(super) struct PathId(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // A path that is not UTF-8 is not an ID either; it is shown as it came.
        let id = Path::<String>::from_request_parts(parts, state).await.map_or_else(
            |_| parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned(),
            |Path(id)| id,
        );
        Ok(Self(Some(id).filter(|id| !id.is_empty())))
    }
}

impl RequestedRecord<'_> {
    /// The record's ID, or what is wrong with it.
    pub(super) fn record_id(&self) -> Result<SalesforceId, FailedRequest> {
        let id = given(self.id).ok_or_else(|| {
            FailedRequest::new(RequestCode::MissingRecordId, "`parentRecordId` is required")
        })?;
        let record = SalesforceId::parse(id).map_err(|invalid| {
            FailedRequest::new(RequestCode::InvalidRecordId, invalid.to_string())
        })?;
        log_fields::set_record(&record);
        Ok(record)
    }

    /// The Salesforce user who asks, if the request names one.
    pub(super) fn user_id(&self) -> Result<Option<SalesforceId>, FailedRequest> {
        let Some(id) = given(self.salesforce_user) else { return Ok(None) };
        let user = SalesforceId::parse(id).ok().filter(|id| id.key_prefix() == USER_PREFIX);
        let user = user.ok_or_else(|| {
            let reason = format!(
                "`salesforceUserId` is `{}`, which is not the ID of a Salesforce user (they begin with {USER_PREFIX})",
                excerpt::word(id)
            );
            FailedRequest::new(RequestCode::InvalidUserId, reason)
        })?;
        log_fields::set_salesforce_user(&user);
        Ok(Some(user))
    }

    /// The ID of the org that the request comes from, if it says so.
    pub(super) fn organization(&self) -> Option<&str> {
        given(self.organization)
    }
}

/// What is blank is not given.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// The plan that is to be carried out, or what is wrong with it. One that is blank is not taken for
/// none: a caller that sends one means it.
pub(crate) fn expected_plan(
    text: Option<&str>,
    mode: SyncMode,
) -> Result<Option<PlanHash>, FailedRequest> {
    let Some(text) = text else { return Ok(None) };
    let invalid = |reason: String| FailedRequest::new(RequestCode::InvalidExpectedPlan, reason);
    if mode == SyncMode::DryRun {
        return Err(invalid(
            "`expectedPlan` is for a call that writes; with `dryRun=true` the answer has the `planHash` for it".to_owned(),
        ));
    }
    text.parse()
        .map(Some)
        .map_err(|problem: InvalidPlanHash| invalid(format!("`expectedPlan`: {problem}")))
}

/// How the audit log has what is asked for.
pub(crate) fn render_parameters(mode: SyncMode, expected_plan: Option<&PlanHash>) -> String {
    let plan = expected_plan.map_or_else(String::new, |plan| format!(" expectedPlan={plan}"));
    format!("dryRun={}{plan}", mode == SyncMode::DryRun)
}
