//! The answer about one record: an outcome as callers read it, and as the history of runs keeps it.
//!
//! The names and words are the contract of `POST /sync-to-m3ter`; `openapi.yaml` describes the same
//! shape. What was rendered once is read again from the history, also where another version wrote
//! it: so codes and names are texts here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entity::{EntityKind, ObjectKind};
use super::ids::SyncRunId;
use super::outcome::{
    Action, Failure, FieldChange, Message, ObjectOutcome, RunOutcome, SyncStatus,
};
use super::personal::{may_hold_email, without_emails};
use super::warning::{Attention, Warning};
use crate::domain::instant;

/// The answer about one requested record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncResult {
    /// Whether every object result is a success.
    pub success: bool,
    /// `Completed`, `Partial Success` or `Failed`.
    pub sync_status: SyncStatus,
    /// One sentence about the whole sync.
    pub message: String,
    /// On `Failed`: which failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// On `Failed`: whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// On `Failed`: when the run is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub next_try_at: Option<Timestamp>,
    /// The id that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_record_id: Option<String>,
    /// The recorded run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_run_id: Option<String>,
    /// Whether this was a dry run, which writes nothing.
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

/// A result and its JSON, which the history keeps and the caller gets: it is written once.
#[derive(Debug)]
pub struct WrittenResult {
    result: SyncResult,
    json: Arc<String>,
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

/// What an answer is about.
#[derive(Debug, Clone, Default)]
pub struct AnsweredRun {
    /// The id of the record that was asked for.
    pub parent_record_id: Option<String>,
    /// The recorded run, if there is one.
    pub sync_run_id: Option<SyncRunId>,
    /// Whether this was a dry run, which writes nothing.
    pub dry_run: bool,
    /// When the run is tried again by itself.
    pub next_try_at: Option<Timestamp>,
}

/// In the place of a value that is not kept.
const HIDDEN: &str = "(not kept)";

/// The sentence of `Completed` and of `Partial Success`.
pub const COMPLETED_MESSAGE: &str = "Sync process completed successfully";

impl WrittenResult {
    /// The result as JSON.
    pub fn json(&self) -> &Arc<String> {
        &self.json
    }
}

impl From<SyncResult> for WrittenResult {
    fn from(result: SyncResult) -> Self {
        let json = serde_json::to_string(&result).expect("a result has text keys only");
        Self { result, json: Arc::new(json) }
    }
}

impl Deref for WrittenResult {
    type Target = SyncResult;

    fn deref(&self) -> &SyncResult {
        &self.result
    }
}

impl SyncResult {
    /// The answer about a run that ended so.
    pub fn new(outcome: &RunOutcome, run: AnsweredRun) -> Self {
        let object_results: Vec<_> = outcome.objects.iter().map(ObjectResult::new).collect();
        let status = outcome.status();
        Self {
            success: status == SyncStatus::Completed,
            sync_status: status,
            message: outcome
                .failure
                .as_ref()
                .map_or_else(|| COMPLETED_MESSAGE.to_owned(), Failure::sentence),
            error_code: outcome.error_code().map(ToOwned::to_owned),
            retryable: outcome.failure.as_ref().map(|_| outcome.is_retryable()),
            next_try_at: run.next_try_at,
            parent_record_id: run.parent_record_id,
            sync_run_id: run.sync_run_id.map(|id| id.to_string()),
            dry_run: run.dry_run,
            plan_hash: outcome.plan.map(|hash| hash.to_string()),
            status_written: outcome.status_written,
            concatenated_results: concatenate(&object_results),
            warnings: outcome.warnings.clone(),
            attention: attention(outcome),
            counts: Some(Counts::of(&object_results)),
            object_results,
        }
    }

    /// The answer to a request that is refused with a code of its own; no run began.
    pub fn refused(code: &str, retryable: bool, reason: &str, run: AnsweredRun) -> Self {
        Self {
            success: false,
            sync_status: SyncStatus::Failed,
            message: failed_because(reason),
            error_code: Some(code.to_owned()),
            retryable: Some(retryable),
            ..Self::new(&RunOutcome::default(), run)
        }
    }
}

impl Failure {
    /// What is told of it.
    pub fn sentence(&self) -> String {
        failed_because(&self.reason)
    }
}

fn failed_because(reason: &str) -> String {
    format!("Sync process failed: {reason}")
}

impl ObjectResult {
    /// The answer about one object.
    pub fn new(outcome: &ObjectOutcome) -> Self {
        Self {
            object_name: outcome.kind.name().to_owned(),
            success: outcome.is_success(),
            message: outcome.message.to_string(),
            salesforce_id: outcome.row.to_string(),
            action: outcome.action,
            m3ter_id: outcome.m3ter_id.as_ref().map(ToString::to_string),
            finding_code: outcome.finding.map(|code| code.to_string()),
            remedy: outcome.remedy.clone(),
            warnings: outcome.warnings.clone(),
            changes: outcome.changes.clone(),
        }
    }
}

impl RunOutcome {
    /// The outcome as it is kept: without what tells who a person is. An Account may be one: what
    /// would change in it is left out.
    pub fn for_history(&self) -> Cow<'_, Self> {
        let may_tell = self.failure.iter().any(|failure| may_hold_email(&failure.reason))
            || self.objects.iter().any(ObjectOutcome::may_tell_of_a_person)
            || self.warnings.iter().any(|warning| may_hold_email(&warning.text));
        if may_tell { Cow::Owned(self.without_persons()) } else { Cow::Borrowed(self) }
    }

    fn without_persons(&self) -> Self {
        let failure = self.failure.clone().map(|mut failure| {
            failure.reason = without_emails(&failure.reason);
            failure
        });
        Self {
            failure,
            objects: self.objects.iter().map(ObjectOutcome::for_history).collect(),
            warnings: self.warnings.iter().map(Warning::for_history).collect(),
            ..*self
        }
    }
}

impl ObjectOutcome {
    fn hides_changes(&self) -> bool {
        self.kind == ObjectKind::Entity(EntityKind::Account) && self.changes.is_some()
    }

    fn may_tell_of_a_person(&self) -> bool {
        let texts = [Some(&self.message.what), self.message.detail.as_ref(), self.remedy.as_ref()];
        self.hides_changes()
            || texts.into_iter().flatten().any(|text| may_hold_email(text))
            || self.warnings.iter().any(|warning| may_hold_email(&warning.text))
    }

    /// The outcome as it is kept, without what tells who a person is.
    #[must_use]
    pub fn for_history(&self) -> Self {
        let hides = self.hides_changes();
        let message = if hides { self.message.what.clone() } else { self.message.to_string() };
        let hidden = |change: &FieldChange| FieldChange {
            old_value: change.old_value.as_ref().map(|_| HIDDEN.to_owned()),
            new_value: change.new_value.as_ref().map(|_| HIDDEN.to_owned()),
            ..change.clone()
        };
        let kept = |change: &FieldChange| if hides { hidden(change) } else { change.clone() };
        Self {
            message: Message::from(without_emails(&message)),
            remedy: self.remedy.as_deref().map(without_emails),
            warnings: self.warnings.iter().map(Warning::for_history).collect(),
            changes: self.changes.as_ref().map(|changes| changes.iter().map(kept).collect()),
            ..self.clone()
        }
    }
}

impl Warning {
    /// The warning as it is kept: without e-mail addresses.
    #[must_use]
    pub fn for_history(&self) -> Self {
        Self { attention: self.attention, text: without_emails(&self.text) }
    }
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

/// The codes of what somebody should look at, sorted.
fn attention(outcome: &RunOutcome) -> Vec<String> {
    let codes: BTreeSet<&str> = outcome.attention().into_iter().map(Attention::as_str).collect();
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
    use crate::domain::entity::ObjectKey;
    use crate::domain::finding::FindingCode;
    use crate::domain::ids::{M3terId, SalesforceId};
    use crate::domain::outcome::ErrorCode;

    fn key(kind: EntityKind) -> ObjectKey {
        ObjectKey::only(kind, SalesforceId::parse("001S900000RzsIU").unwrap())
    }

    fn change(new_value: &str) -> FieldChange {
        FieldChange {
            field: "name".to_owned(),
            old_value: None,
            new_value: Some(new_value.to_owned()),
            source: "Account.Name".to_owned(),
        }
    }

    #[test]
    fn personal_data_is_not_stored() {
        let message = Message::with_detail("Would be updated", "name nothing → Jane Doe: 1");
        let account = ObjectOutcome {
            changes: Some(vec![change("Jane Doe")]),
            warnings: vec!["jane@acme.example is new".into()],
            ..ObjectOutcome::new(&key(EntityKind::Account), Action::Updated, message)
        };
        let contract = ObjectOutcome {
            changes: Some(vec![change("12.5")]),
            ..ObjectOutcome::new(
                &key(EntityKind::Contract),
                Action::Failed,
                Message::with_detail("no", "jane@acme.example"),
            )
        };
        let outcome = RunOutcome {
            failure: Some(Failure::new(ErrorCode::InternalError, "not for tom@acme.example")),
            ..RunOutcome::ended(vec![account, contract], vec!["ask bob@acme.example".into()])
        };
        let kept = SyncResult::new(&outcome.for_history(), AnsweredRun::default());
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("Jane") && !text.contains("acme.example"), "{text}");
        let messages: Vec<&str> =
            kept.object_results.iter().map(|result| result.message.as_str()).collect();
        assert_eq!(messages, ["Would be updated", "no: (an e-mail address)"]);
        assert!(text.contains("12.5") && text.contains("Account.Name"), "{text}");
    }

    #[test]
    fn an_answer_has_its_properties_in_this_order() {
        let created = ObjectOutcome {
            m3ter_id: Some(M3terId::parse("21e063b6-2350-4add-a028-3e6ad5b233ed").unwrap()),
            warnings: vec![Warning::of(Attention::PriceIsZero, "The price is 0")],
            changes: Some(vec![change("Acme")]),
            ..ObjectOutcome::new(&key(EntityKind::Account), Action::Created, "Would be created")
        };
        let refused = ObjectOutcome {
            finding: Some(FindingCode::RefusedByM3ter),
            remedy: Some("Fix it".to_owned()),
            ..ObjectOutcome::of_kind(
                ObjectKind::CounterPricing,
                &key(EntityKind::Contract).row,
                Action::Failed,
                "m3ter said no",
            )
        };
        let outcome = RunOutcome {
            failure: Some(Failure::new(ErrorCode::M3terUnavailable, "m3ter did not answer")),
            status_written: true,
            plan: None,
            ..RunOutcome::ended(
                vec![created, refused],
                vec![Warning::of(Attention::CommitmentLeft, "One is left"), "Another".into()],
            )
        };
        let run = AnsweredRun {
            parent_record_id: Some("006S900000795MMIAY".to_owned()),
            sync_run_id: SyncRunId::parse("0197e0c8-0000-7000-8000-000000000000"),
            dry_run: true,
            next_try_at: Some("2026-12-31T00:00:00Z".parse().unwrap()),
        };
        let answer = SyncResult::new(&outcome, run);
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            text,
            r#"{"success":false,"syncStatus":"Failed","message":"Sync process failed: m3ter did not answer","errorCode":"M3TER_UNAVAILABLE","retryable":true,"nextTryAt":"2026-12-31T00:00:00.000Z","parentRecordId":"006S900000795MMIAY","syncRunId":"0197e0c8-0000-7000-8000-000000000000","dryRun":true,"statusWritten":true,"objectResults":[{"objectName":"Account","success":true,"message":"Would be created","salesforceId":"001S900000RzsIUIAZ","action":"created","m3terId":"21e063b6-2350-4add-a028-3e6ad5b233ed","warnings":["The price is 0"],"changes":[{"field":"name","newValue":"Acme","source":"Account.Name"}]},{"objectName":"CounterPricing","success":false,"message":"m3ter said no","salesforceId":"001S900000RzsIUIAZ","action":"failed","findingCode":"REFUSED_BY_M3TER","remedy":"Fix it","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: Would be created, Salesforce ID: 001S900000RzsIUIAZ\nObject: CounterPricing, Success: false, Message: m3ter said no, Salesforce ID: 001S900000RzsIUIAZ","warnings":["One is left","Another"],"attention":["COMMITMENT_LEFT","PRICE_IS_ZERO"],"counts":{"created":1,"updated":0,"unchanged":0,"skipped":0,"failed":1}}"#
        );
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<SyncResult>(&text).unwrap()).unwrap(),
            text
        );
    }

    #[test]
    fn history_of_another_version_can_be_read() {
        let earlier = r#"{"success":false,"syncStatus":"Partial Success","message":"Sync process completed successfully","dryRun":false,"objectResults":[{"objectName":"Account","success":false,"message":"no","salesforceId":"001S900000RzsIUIAZ","action":"failed","findingCode":"OF_ANOTHER_VERSION","warnings":[]}],"concatenatedResults":"","warnings":[]}"#;
        let read: SyncResult = serde_json::from_str(earlier).unwrap();
        assert_eq!(
            (read.object_results[0].finding_code.as_deref(), read.attention.len(), read.counts),
            (Some("OF_ANOTHER_VERSION"), 0, None)
        );
    }
}
