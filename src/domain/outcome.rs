//! The answer about one record: the result that callers read.
//!
//! The names and words are the contract of `POST /sync-to-m3ter`; `openapi.yaml` describes the same
//! shape.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entity::{EntityKind, ObjectKey};
use super::ids::SalesforceId;
use super::personal::without_emails;
use super::warning::{Attention, Warning};

/// The answer about one requested record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncResult {
    /// Whether every object result is a success.
    pub success: bool,
    /// `Completed`, `Partial Success` or `Failed`.
    pub sync_status: SyncStatus,
    /// One sentence about the whole.
    pub message: String,
    /// On `Failed`: which failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// On `Failed`: whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// On `Failed`: when the run is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<jiff::Timestamp>,
    /// The id that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_record_id: Option<String>,
    /// The recorded run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_run_id: Option<String>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// In a dry run, and where a plan was refused: the hash of what would be written, to be given
    /// back as `expectedPlan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// Whether the record's own status fields say now how this sync ended.
    #[serde(default)]
    pub status_written: bool,
    /// One for each object, in the order Account, Contract, Commitment, Plan, Pricing, AccountPlan.
    pub object_results: Vec<ObjectResult>,
    /// One line for each object result.
    pub concatenated_results: String,
    /// What a person should know; never changes success or status.
    pub warnings: Vec<Warning>,
    /// What somebody should look at, of the warnings here and of the object results.
    #[serde(default)]
    pub attention: Vec<String>,
    /// How many object results have each action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// How many objects there are of each action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Made, or in a dry run to be made.
    pub created: usize,
    /// Changed, or to be changed.
    pub updated: usize,
    /// As the record asks for.
    pub unchanged: usize,
    /// With their flag off.
    pub skipped: usize,
    /// Not as the record asks for.
    pub failed: usize,
}

impl Counts {
    /// Counts object results.
    pub fn of(results: &[ObjectResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            *match result.action {
                Action::Created => &mut counts.created,
                Action::Updated => &mut counts.updated,
                Action::Unchanged => &mut counts.unchanged,
                Action::Skipped => &mut counts.skipped,
                Action::Failed => &mut counts.failed,
            } += 1;
        }
        counts
    }
}

/// The status of a whole sync, spelled as on the original's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncStatus {
    /// Every object result is a success.
    Completed,
    /// At least one object result is not.
    #[serde(rename = "Partial Success")]
    PartialSuccess,
    /// Validation or a system failure.
    Failed,
}

impl fmt::Display for SyncStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "Completed",
            Self::PartialSuccess => "Partial Success",
            Self::Failed => "Failed",
        })
    }
}

/// The answer about one m3ter object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectResult {
    /// `Account`, `Contract`, `Commitment`, `Plan`, `Pricing` or `AccountPlan`.
    pub object_name: String,
    /// Whether m3ter now holds what the record asks for.
    pub success: bool,
    /// What happened.
    pub message: String,
    /// The row that the object comes from.
    pub salesforce_id: String,
    /// What was done, or in a dry run would be.
    pub action: Action,
    /// The object's id in m3ter, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m3ter_id: Option<String>,
    /// The stable code of what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding_code: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What a person should know although nothing is wrong.
    pub warnings: Vec<Warning>,
    /// In a dry run: field by field, what would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<FieldChange>>,
}

/// What was done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there before.
    Created,
    /// Some of its fields were changed.
    Updated,
    /// It held everything already.
    Unchanged,
    /// Its flag is off.
    Skipped,
    /// It is not as the record asks for.
    Failed,
}

impl Action {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One field that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// As m3ter spells it.
    pub field: String,
    /// What m3ter holds, absent for a new object or a field without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_value: Option<String>,
    /// What it would hold, absent for a field that would be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_value: Option<String>,
    /// Where the value comes from (`Opportunity.Amount`).
    pub source: String,
}

/// Why a sync ended as `Failed`.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The stable code.
    pub code: ErrorCode,
    /// What follows `Sync process failed: `.
    pub reason: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that nothing else explains.
    pub fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), source: None }
    }

    /// The same failure with its cause, which callers do not read.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The stable code of a failure, as in `errorCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray)]
pub enum ErrorCode {
    /// More than one record in a request.
    MultipleRequests,
    /// No record in a request.
    EmptyRequest,
    /// `parentRecordId` null, absent or blank.
    MissingRecordId,
    /// `parentRecordId` is not an id.
    InvalidRecordId,
    /// `salesforceUserId` is not the id of a user.
    InvalidUserId,
    /// `endDate` null, absent or blank.
    MissingEndDate,
    /// `endDate` is neither a date nor a date-time.
    InvalidEndDate,
    /// `billingEntities` null, absent or empty.
    MissingBillingEntities,
    /// A word of `billingEntities` is not known.
    UnknownBillingEntity,
    /// `applyToChildren` for a record that is no Account.
    ApplyToChildrenWithoutAccount,
    /// m3ter has no Account or Contract of the record to end.
    RecordNotSynced,
    /// The Account or Contract to end belongs to another record.
    OwnedByAnotherRecord,
    /// Only a typed code leads to the Account, and nobody has confirmed it.
    AdoptionToConfirm,
    /// Two Accounts or Contracts could be meant.
    AmbiguousRecord,
    /// `expectedPlan` is no plan, or stands where none is taken.
    InvalidExpectedPlan,
    /// What would be written is not what `expectedPlan` says.
    PlanChanged,
    /// Nothing is ended here without an `expectedPlan`.
    PlanRequired,
    /// More would be ended within an hour than may be.
    EndDateLimitExceeded,
    /// More would be ended, lowered or repriced than is usual.
    UnusualChange,
    /// The service is paused; the run waits.
    ServicePaused,
    /// No mapping for the record's object.
    UnsupportedObject,
    /// The record does not exist, or Salesforce cannot tell whether it does.
    RecordNotFound,
    /// The record lies in the recycle bin.
    RecordDeleted,
    /// The integration user may not see the record.
    RecordNotAccessible,
    /// The mapping's `only_when` does not hold for the record, or its `ready_when` before its first
    /// sync.
    RecordNotReady,
    /// The mapping names a field that the org does not show.
    MappingInvalid,
    /// Salesforce refused the login.
    SalesforceAuthFailed,
    /// Salesforce gave no usable answer.
    SalesforceUnavailable,
    /// Salesforce said no, and will say so again until somebody changes something.
    SalesforceRefused,
    /// Salesforce's own request limit is spent.
    SalesforceLimitExceeded,
    /// m3ter refused the login.
    M3terAuthFailed,
    /// m3ter gave no usable answer.
    M3terUnavailable,
    /// m3ter's own request limit is spent.
    M3terLimitExceeded,
    /// The time budget is spent.
    TimeLimitExceeded,
    /// The callout budget is spent.
    CalloutLimitExceeded,
    /// The processes that worked on it died, one after the other.
    Interrupted,
    /// The request comes from another org than the service is for.
    WrongOrganization,
    /// A fault of the service.
    InternalError,
}

impl ErrorCode {
    /// The code's spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MultipleRequests => "MULTIPLE_REQUESTS",
            Self::EmptyRequest => "EMPTY_REQUEST",
            Self::MissingRecordId => "MISSING_RECORD_ID",
            Self::InvalidRecordId => "INVALID_RECORD_ID",
            Self::InvalidUserId => "INVALID_USER_ID",
            Self::MissingEndDate => "MISSING_END_DATE",
            Self::InvalidEndDate => "INVALID_END_DATE",
            Self::MissingBillingEntities => "MISSING_BILLING_ENTITIES",
            Self::UnknownBillingEntity => "UNKNOWN_BILLING_ENTITY",
            Self::ApplyToChildrenWithoutAccount => "APPLY_TO_CHILDREN_WITHOUT_ACCOUNT",
            Self::RecordNotSynced => "RECORD_NOT_SYNCED",
            Self::OwnedByAnotherRecord => "OWNED_BY_ANOTHER_RECORD",
            Self::AdoptionToConfirm => "ADOPTION_TO_CONFIRM",
            Self::AmbiguousRecord => "AMBIGUOUS_RECORD",
            Self::InvalidExpectedPlan => "INVALID_EXPECTED_PLAN",
            Self::PlanChanged => "PLAN_CHANGED",
            Self::PlanRequired => "PLAN_REQUIRED",
            Self::EndDateLimitExceeded => "END_DATE_LIMIT_EXCEEDED",
            Self::UnusualChange => "UNUSUAL_CHANGE",
            Self::ServicePaused => "SERVICE_PAUSED",
            Self::UnsupportedObject => "UNSUPPORTED_OBJECT",
            Self::RecordNotFound => "RECORD_NOT_FOUND",
            Self::RecordDeleted => "RECORD_DELETED",
            Self::RecordNotAccessible => "RECORD_NOT_ACCESSIBLE",
            Self::RecordNotReady => "RECORD_NOT_READY",
            Self::MappingInvalid => "MAPPING_INVALID",
            Self::SalesforceAuthFailed => "SALESFORCE_AUTH_FAILED",
            Self::SalesforceUnavailable => "SALESFORCE_UNAVAILABLE",
            Self::SalesforceRefused => "SALESFORCE_REFUSED",
            Self::SalesforceLimitExceeded => "SALESFORCE_LIMIT_EXCEEDED",
            Self::M3terAuthFailed => "M3TER_AUTH_FAILED",
            Self::M3terUnavailable => "M3TER_UNAVAILABLE",
            Self::M3terLimitExceeded => "M3TER_LIMIT_EXCEEDED",
            Self::TimeLimitExceeded => "TIME_LIMIT_EXCEEDED",
            Self::CalloutLimitExceeded => "CALLOUT_LIMIT_EXCEEDED",
            Self::Interrupted => "INTERRUPTED",
            Self::WrongOrganization => "WRONG_ORGANIZATION",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// Whether the same call may succeed later without anyone changing anything.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::SalesforceUnavailable
                | Self::SalesforceLimitExceeded
                | Self::M3terUnavailable
                | Self::M3terLimitExceeded
                | Self::TimeLimitExceeded
                | Self::ServicePaused
                | Self::InternalError
        )
    }
}

/// In the place of a value that is not kept.
const HIDDEN: &str = "(not kept)";

/// The sentence of `Completed` and of `Partial Success`.
pub const COMPLETED_MESSAGE: &str = "Sync process completed successfully";

impl SyncResult {
    /// The result of a sync that reached its end.
    pub fn ended(object_results: Vec<ObjectResult>, warnings: Vec<Warning>) -> Self {
        let success = object_results.iter().all(|result| result.success);
        Self {
            success,
            sync_status: if success { SyncStatus::Completed } else { SyncStatus::PartialSuccess },
            message: COMPLETED_MESSAGE.to_owned(),
            error_code: None,
            retryable: None,
            next_try_at: None,
            parent_record_id: None,
            sync_run_id: None,
            dry_run: false,
            plan_hash: None,
            status_written: false,
            concatenated_results: concatenate(&object_results),
            attention: attention(&object_results, &warnings),
            counts: Some(Counts::of(&object_results)),
            object_results,
            warnings,
        }
    }

    /// The result of a sync that failed, with what was done before.
    pub fn failed(
        failure: &Failure,
        object_results: Vec<ObjectResult>,
        warnings: Vec<Warning>,
    ) -> Self {
        Self {
            success: false,
            sync_status: SyncStatus::Failed,
            message: format!("Sync process failed: {}", failure.reason),
            error_code: Some(failure.code.as_str().to_owned()),
            retryable: Some(failure.code.retryable()),
            ..Self::ended(object_results, warnings)
        }
    }

    /// Adds what a person should know of the object result at a position, or of the whole.
    pub fn warn(&mut self, position: Option<usize>, warning: Warning) {
        let of_object = position.and_then(|position| self.object_results.get_mut(position));
        of_object.map_or(&mut self.warnings, |object| &mut object.warnings).push(warning);
        self.attention = attention(&self.object_results, &self.warnings);
    }

    /// The result as it is kept: without what tells who a person is. An Account may be one: what
    /// would change in it is left out.
    #[must_use]
    pub fn for_history(&self) -> Self {
        let mut kept = self.clone();
        for result in &mut kept.object_results {
            *result = result.for_history();
        }
        kept.message = without_emails(&kept.message);
        kept.warnings = kept.warnings.iter().map(Warning::for_history).collect();
        kept.concatenated_results = concatenate(&kept.object_results);
        kept
    }
}

impl ObjectResult {
    /// A result about the object `key` without finding, id, warnings or changes.
    pub fn new(key: &ObjectKey, action: Action, message: impl Into<String>) -> Self {
        Self::named(key.kind.name(), &key.row, action, message)
    }

    /// A result about an object of whatever kind, which may be none of the six.
    pub fn named(
        object_name: &str,
        row: &SalesforceId,
        action: Action,
        message: impl Into<String>,
    ) -> Self {
        Self {
            object_name: object_name.to_owned(),
            success: !matches!(action, Action::Skipped | Action::Failed),
            message: message.into(),
            salesforce_id: row.as_str().to_owned(),
            action,
            m3ter_id: None,
            finding_code: None,
            remedy: None,
            warnings: Vec::new(),
            changes: None,
        }
    }

    /// The result as it is kept, without what tells who a person is.
    #[must_use]
    pub fn for_history(&self) -> Self {
        let mut kept = self.clone();
        if let Some(changes) =
            kept.changes.as_mut().filter(|_| self.kind() == Some(EntityKind::Account))
        {
            for change in changes {
                change.old_value = change.old_value.take().map(|_| HIDDEN.to_owned());
                change.new_value = change.new_value.take().map(|_| HIDDEN.to_owned());
            }
            if let Some((what, _)) = kept.message.split_once(':') {
                kept.message = what.to_owned();
            }
        }
        kept.message = without_emails(&kept.message);
        kept.remedy = kept.remedy.map(|remedy| without_emails(&remedy));
        kept.warnings = kept.warnings.iter().map(Warning::for_history).collect();
        kept
    }

    /// The kind of object that the result is about.
    pub fn kind(&self) -> Option<EntityKind> {
        EntityKind::from_name(&self.object_name)
    }
}

fn attention(results: &[ObjectResult], warnings: &[Warning]) -> Vec<String> {
    let all = results.iter().flat_map(|result| &result.warnings).chain(warnings);
    let codes: BTreeSet<&str> =
        all.filter_map(|warning| warning.attention.map(Attention::as_str)).collect();
    codes.into_iter().map(ToOwned::to_owned).collect()
}

fn concatenate(results: &[ObjectResult]) -> String {
    let mut text = String::new();
    for result in results {
        if !text.is_empty() {
            text.push('\n');
        }
        let ObjectResult { object_name, success, message, salesforce_id, .. } = result;
        let _ = write!(
            text,
            "Object: {object_name}, Success: {success}, Message: {message}, Salesforce ID: {salesforce_id}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SalesforceId;

    #[test]
    fn what_tells_who_a_person_is_is_not_kept() {
        let key = |kind| ObjectKey {
            kind,
            row: SalesforceId::parse("001S900000RzsIU").unwrap(),
            key: String::new(),
        };
        let change = FieldChange {
            field: "name".to_owned(),
            old_value: None,
            new_value: Some("Jane Doe".to_owned()),
            source: "Account.Name".to_owned(),
        };
        let mut account = ObjectResult::new(
            &key(EntityKind::Account),
            Action::Updated,
            "Would be updated: name → Jane Doe",
        );
        account.changes = Some(vec![change.clone()]);
        account.warnings.push("jane@acme.example is new".into());
        let mut contract =
            ObjectResult::new(&key(EntityKind::Contract), Action::Failed, "no: jane@acme.example");
        contract.changes = Some(vec![FieldChange { new_value: Some("12.5".to_owned()), ..change }]);
        let kept = SyncResult::ended(vec![account, contract], vec!["ask bob@acme.example".into()])
            .for_history();
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("Jane") && !text.contains("acme.example"), "{text}");
        assert!(
            text.contains("Would be updated")
                && text.contains("12.5")
                && text.contains("Account.Name"),
            "{text}"
        );
    }
}
