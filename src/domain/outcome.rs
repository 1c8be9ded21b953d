//! What a run brought about: the words in which a sync tells of itself.
//!
//! `answer` renders them for callers and for the history of runs.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

use super::entity::{ObjectKey, ObjectKind};
use super::finding::FindingCode;
use super::ids::{M3terId, SalesforceId};
use super::plan::PlanHash;
use super::warning::{Attention, Warning};

/// How a run ended, with everything that it did.
#[derive(Debug, Clone, Default)]
pub struct RunOutcome {
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Whether it continues by itself although its caller has an answer.
    pub goes_on: bool,
    /// One for each object, in the order Account, Contract, Commitment, Plan, Pricing, AccountPlan.
    pub objects: Vec<ObjectOutcome>,
    /// What a person should know of the whole.
    pub warnings: Vec<Warning>,
    /// What would be written, where that is to be told.
    pub plan: Option<PlanHash>,
    /// Whether the record's own status fields say now how this sync ended.
    pub status_written: bool,
}

/// The status of a whole sync, spelled as on the original's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr, Serialize, Deserialize)]
pub enum SyncStatus {
    /// Every object is as the record asks.
    Completed,
    /// At least one object is not.
    #[serde(rename = "Partial Success")]
    #[strum(serialize = "Partial Success")]
    PartialSuccess,
    /// Validation or a system failure.
    Failed,
}

/// What became of one m3ter object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectOutcome {
    /// What it is.
    pub kind: ObjectKind,
    /// The row that it comes from.
    pub row: SalesforceId,
    /// What was done, or in a dry run would be.
    pub action: Action,
    /// What happened.
    pub message: Message,
    /// Its id in m3ter, if it has one.
    pub m3ter_id: Option<M3terId>,
    /// What is wrong.
    pub finding: Option<FindingCode>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What a person should know although nothing is wrong.
    pub warnings: Vec<Warning>,
    /// In a dry run: field by field, what would change.
    pub changes: Option<Vec<FieldChange>>,
}

/// What happened to an object, as a sentence; what may tell who a person is stands apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub what: String,
    /// What follows it after a colon: values, or a sentence that may hold some.
    pub detail: Option<String>,
}

/// What was done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
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

impl RunOutcome {
    /// A run that reached its end.
    pub fn ended(objects: Vec<ObjectOutcome>, warnings: Vec<Warning>) -> Self {
        Self { objects, warnings, ..Self::default() }
    }

    /// A run that failed before it did anything.
    pub fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// Completed, in part or not at all.
    pub fn status(&self) -> SyncStatus {
        if self.failure.is_some() {
            SyncStatus::Failed
        } else if self.objects.iter().all(ObjectOutcome::is_success) {
            SyncStatus::Completed
        } else {
            SyncStatus::PartialSuccess
        }
    }

    /// The code of its failure, if it failed.
    pub fn error_code(&self) -> Option<&'static str> {
        self.failure.as_ref().map(|failure| failure.code.as_str())
    }

    /// Whether it failed, and the same call may succeed later: of a run in progress, it finds
    /// later what was done.
    pub fn is_retryable(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.code.retryable() || self.goes_on)
    }

    /// All warnings, those of the objects first.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.objects.iter().flat_map(|object| &object.warnings).chain(&self.warnings)
    }

    /// What somebody should look at.
    pub fn attention(&self) -> BTreeSet<Attention> {
        self.all_warnings().filter_map(|warning| warning.attention).collect()
    }

    /// Adds what a person should know of the object at a position, or of the whole.
    pub fn warn(&mut self, position: Option<usize>, warning: Warning) {
        let of_object = position.and_then(|position| self.objects.get_mut(position));
        of_object.map_or(&mut self.warnings, |object| &mut object.warnings).push(warning);
    }
}

impl SyncStatus {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl ObjectOutcome {
    /// An outcome of the object `key` without finding, id, warnings or changes.
    pub fn new(key: &ObjectKey, action: Action, message: impl Into<Message>) -> Self {
        Self::of_kind(key.kind.into(), &key.row, action, message)
    }

    /// An outcome of an object of whatever kind, which may be none of the six.
    pub fn of_kind(
        kind: ObjectKind,
        row: &SalesforceId,
        action: Action,
        message: impl Into<Message>,
    ) -> Self {
        Self {
            kind,
            row: row.clone(),
            action,
            message: message.into(),
            m3ter_id: None,
            finding: None,
            remedy: None,
            warnings: Vec::new(),
            changes: None,
        }
    }

    /// Whether m3ter now holds what the record asks for.
    pub fn is_success(&self) -> bool {
        !matches!(self.action, Action::Skipped | Action::Failed)
    }
}

impl Message {
    /// A sentence that continues after a colon.
    pub fn with_detail(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), detail: Some(detail.into()) }
    }
}

impl From<String> for Message {
    fn from(what: String) -> Self {
        Self { what, detail: None }
    }
}

impl From<&str> for Message {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl Action {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// `endDate` is neither a date nor a date-time.
    InvalidEndDate,
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
        self.into()
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
