//! What a fault on the way means for the whole run.

use crate::domain::outcome::{ErrorCode, Failure};
use crate::store::StoreError;
use crate::transport::{CalloutError, CalloutErrorKind, Vendor};

impl From<CalloutError> for Failure {
    fn from(error: CalloutError) -> Self {
        let code = match (&error.kind, error.vendor) {
            (CalloutErrorKind::TimeLimit, _) => ErrorCode::TimeLimitExceeded,
            (CalloutErrorKind::CalloutLimit, _) => ErrorCode::CalloutLimitExceeded,
            (CalloutErrorKind::AuthFailed { .. }, Vendor::Salesforce) => {
                ErrorCode::SalesforceAuthFailed
            }
            (CalloutErrorKind::AuthFailed { .. }, Vendor::M3ter) => ErrorCode::M3terAuthFailed,
            (CalloutErrorKind::LimitExceeded { .. }, Vendor::Salesforce) => {
                ErrorCode::SalesforceLimitExceeded
            }
            (CalloutErrorKind::LimitExceeded { .. }, Vendor::M3ter) => {
                ErrorCode::M3terLimitExceeded
            }
            (CalloutErrorKind::Refused(_), Vendor::Salesforce) if error.refusal().is_some() => {
                ErrorCode::SalesforceRefused
            }
            (_, Vendor::Salesforce) => ErrorCode::SalesforceUnavailable,
            (_, Vendor::M3ter) => ErrorCode::M3terUnavailable,
        };
        Self::new(code, error.reason()).caused_by(error)
    }
}

impl From<StoreError> for Failure {
    /// What went wrong is for the log: an answer does not tell of the database.
    fn from(error: StoreError) -> Self {
        let reason = "The service could not use its database; it is safe to sync again";
        Self::new(ErrorCode::InternalError, reason).caused_by(error)
    }
}
