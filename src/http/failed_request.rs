//! What is wrong with a request that is answered by a result: no run begins.

use strum::{IntoStaticStr, VariantArray};

use crate::domain::outcome::Failure;

/// The stable code of what is wrong with a request itself, as in `errorCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum RequestCode {
    /// More than one record in a request.
    MultipleRequests,
    /// No record in a request.
    EmptyRequest,
    /// `parentRecordId` null, absent or blank.
    MissingRecordId,
    /// `parentRecordId` is not an ID.
    InvalidRecordId,
    /// `salesforceUserId` is not the ID of a user.
    InvalidUserId,
    /// `endDate` null, absent or blank.
    MissingEndDate,
    /// `billingEntities` null, absent or empty.
    MissingBillingEntities,
    /// A word of `billingEntities` is not known.
    UnknownBillingEntity,
    /// `expectedPlan` is not a plan, or stands where none is taken.
    InvalidExpectedPlan,
}

/// Why a request is answered by a failed result without a run.
#[derive(Debug)]
pub(crate) struct FailedRequest {
    pub(crate) code: &'static str,
    pub(super) is_retryable: bool,
    pub(crate) reason: String,
}

impl FailedRequest {
    /// Something is wrong with the request itself: it fails again.
    pub(super) fn new(code: RequestCode, reason: impl Into<String>) -> Self {
        Self { code: code.into(), is_retryable: false, reason: reason.into() }
    }
}

impl From<Failure> for FailedRequest {
    fn from(failure: Failure) -> Self {
        let is_retryable = failure.code.retryable();
        Self { code: failure.code.as_str(), is_retryable, reason: failure.reason }
    }
}
