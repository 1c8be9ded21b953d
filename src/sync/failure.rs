//! How a fault on the way becomes the failure that a caller reads.

use crate::domain::outcome::{ErrorCode, Failure};
use crate::store::StoreError;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, CalloutError, CalloutErrorKind, Vendor};

/// The failure that a callout's error means for the whole sync.
pub(super) fn of_callout(error: &CalloutError) -> Failure {
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
        (CalloutErrorKind::LimitExceeded { .. }, Vendor::M3ter) => ErrorCode::M3terLimitExceeded,
        (CalloutErrorKind::Refused(_), Vendor::Salesforce) if error.refusal().is_some() => {
            ErrorCode::SalesforceRefused
        }
        (_, Vendor::Salesforce) => ErrorCode::SalesforceUnavailable,
        (_, Vendor::M3ter) => ErrorCode::M3terUnavailable,
    };
    Failure { code, reason: error.reason() }
}

/// The failure of a spent budget names the budget.
pub(super) fn with_limit(failure: &Failure, budget: &Budget) -> Failure {
    let reason = match failure.code {
        ErrorCode::TimeLimitExceeded => {
            format!("The sync did not end within {} s", budget.time_limit().as_secs())
        }
        ErrorCode::CalloutLimitExceeded => {
            format!("The sync did not end within {} callouts", thousands(budget.callout_limit()))
        }
        _ => return failure.clone(),
    };
    Failure { code: failure.code, reason }
}

fn thousands(count: u32) -> String {
    if count < 1_000 {
        count.to_string()
    } else {
        format!("{},{:03}", count / 1_000, count % 1_000)
    }
}

/// The failure that a fault of the store means. What went wrong stands in the log, not in the
/// answer.
pub(super) fn of_store(error: &StoreError) -> Failure {
    tracing::error!(error = %ErrorChain(error), "the store did not take a step of a sync");
    Failure {
        code: ErrorCode::InternalError,
        reason: "The service could not use its database; it is safe to sync again".to_owned(),
    }
}

/// What would be written now is not what was approved.
pub(super) fn of_changed_plan() -> Failure {
    let reason = "What would be written is not what `expectedPlan` says, in Salesforce or in m3ter something changed; look at the changes, and send their `planHash` if they are right";
    Failure { code: ErrorCode::PlanChanged, reason: reason.to_owned() }
}
