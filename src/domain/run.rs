//! A run: one request for a record, from its row in the store to its end, with everything that was
//! tried for it.
//!
//! What serialises here is what `GET /sync-runs/{syncRunId}` answers; `openapi.yaml` describes the
//! same shape.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use strum::{Display, EnumString, IntoStaticStr};

use super::answer::{Counts, ObjectResult, SyncResult};
use super::change::ObjectChange;
use super::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use super::ids::SyncRunId;
use super::outcome::SyncStatus;
use super::plan::PlanHash;
use crate::domain::instant;

/// What a run does with its record, with everything that a process that takes it over needs to
/// know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunTask {
    /// Brings the record into m3ter.
    Sync,
    /// Ends what m3ter bills for it.
    EndDate(EndDateOrder),
}

impl RunTask {
    /// The name in the store and in answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::EndDate(_) => "endDate",
        }
    }

    /// What the kind does not say, as text for the store, with the plan that is to be carried out.
    /// Two requests with the same kind and parameters may share a run.
    pub fn parameters(&self, expected_plan: Option<&PlanHash>) -> String {
        let mut parameters = match self {
            Self::Sync => json!({}),
            Self::EndDate(order) => {
                let words: Vec<&str> = order.entities.iter().map(|entity| entity.word()).collect();
                let children = order.children == Children::Included;
                json!({"endDate": order.end_date.to_string(), "billingEntities": words, "applyToChildren": children})
            }
        };
        match expected_plan {
            None if *self == Self::Sync => return String::new(),
            None => {}
            Some(plan) => parameters["expectedPlan"] = plan.to_string().into(),
        }
        parameters.to_string()
    }

    /// The task that `kind` and `parameters` stand for, and the plan that is to be carried out;
    /// `None` for what another version wrote.
    pub fn from_saved(kind: &str, parameters: &str) -> Option<(Self, Option<PlanHash>)> {
        let saved: Json = if parameters.is_empty() {
            json!({})
        } else {
            serde_json::from_str(parameters).ok()?
        };
        // A plan that is not understood is not taken for none: the run would write what nobody
        // approved.
        let expected_plan = match saved.get("expectedPlan") {
            None => None,
            Some(plan) => Some(plan.as_str()?.parse().ok()?),
        };
        let task = match kind {
            "sync" => Self::Sync,
            "endDate" => {
                let words = saved.get("billingEntities")?.as_array()?;
                Self::EndDate(EndDateOrder {
                    end_date: EndDate::parse(saved.get("endDate")?.as_str()?).ok()?,
                    entities: words
                        .iter()
                        .map(|word| BillingEntity::from_word(word.as_str()?))
                        .collect::<Option<_>>()?,
                    children: if saved.get("applyToChildren")?.as_bool()? {
                        Children::Included
                    } else {
                        Children::LeftAlone
                    },
                })
            }
            _ => return None,
        };
        Some((task, expected_plan))
    }
}

/// Where a run is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum RunState {
    /// Another run of the record goes first.
    Waiting,
    /// A process works on it.
    Running,
    /// It failed, and is tried again by itself.
    Retrying,
    /// It has its final answer.
    Ended,
}

impl RunState {
    /// All of them, as answers spell them.
    pub const WORDS: [&'static str; 4] = ["waiting", "running", "retrying", "ended"];

    /// The name in the store and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One try of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTry {
    /// When it began.
    #[serde(serialize_with = "instant::serialize")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "instant::serialize")]
    pub ended_at: Timestamp,
    /// How.
    pub sync_status: SyncStatus,
    /// On `Failed`: which failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// One sentence about it.
    pub message: String,
}

/// One callout of a run: no bodies, no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCallout {
    /// `Salesforce` or `m3ter`.
    pub vendor: String,
    /// As the vendor names it.
    pub operation: String,
    /// The HTTP status of the last attempt, if it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `done`, `refused`, `notDone` or `unknown`.
    pub outcome: String,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was first sent; if it never was, when that was given up.
    #[serde(serialize_with = "instant::serialize")]
    pub started_at: Timestamp,
    /// How long it waited before that: for a token, for the rate limit, for the lease of its run.
    /// `None` of a run of an earlier version, whose `elapsed_ms` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// From `started_at` to the last answer.
    pub elapsed_ms: u64,
}

/// A run that was begun and is not waited for, as the API answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedRun {
    /// Its id.
    pub sync_run_id: SyncRunId,
    /// Its record.
    pub parent_record_id: String,
}

/// A run as callers see it. A list leaves out `objectResults`, `callouts`, `changes` and `result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRun {
    /// Its id.
    pub sync_run_id: SyncRunId,
    /// The record.
    pub parent_record_id: String,
    /// What it does with the record: `sync`, `endDate`, or what an operator did by hand.
    pub kind: String,
    /// Where it is.
    pub state: RunState,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// When it was asked for.
    #[serde(serialize_with = "instant::serialize")]
    pub requested_at: Timestamp,
    /// When its first try began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub started_at: Option<Timestamp>,
    /// When its last try ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub ended_at: Option<Timestamp>,
    /// The status of the last try that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_status: Option<String>,
    /// On `Failed`: which failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What somebody should look at of its last try that ended, sorted.
    #[serde(default)]
    pub attention: Vec<String>,
    /// How often another process took it over, because the one before had died.
    pub takeovers: u32,
    /// The tries that have ended, the first one first.
    pub tries: Vec<RunTry>,
    /// When it is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub next_try_at: Option<Timestamp>,
    /// The run that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<SyncRunId>,
    /// The runs that repeat this one.
    pub replays: Vec<SyncRunId>,
    /// The run that did the same meanwhile, or is to do it, so that this one is not tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<SyncRunId>,
    /// Who asked for it, where callers have names. A list knows only the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested_by: Vec<String>,
    /// The Salesforce users as whom it was asked for, by their ids, as far as requests said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub salesforce_user_ids: Vec<String>,
    /// What its last try that ended says, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long its tries that ended took together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// How many objects of its last try that ended have each action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// While it is running: until when its process has it. If that is over, the process has died or
    /// is stuck, and another one takes the run over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub lease_until: Option<Timestamp>,
    /// What became of its objects so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_results: Option<Vec<ObjectResult>>,
    /// Its callouts, of all tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callouts: Option<Vec<RunCallout>>,
    /// What it changed in m3ter, of all tries, newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<ObjectChange>>,
    /// The answer of its last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<SyncResult>,
}

impl SyncRun {
    /// Whether a try of it has ended, and none is in progress.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Ended | RunState::Retrying)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Plan;

    #[test]
    fn a_task_is_read_as_it_was_saved() {
        let order = |end_date, children| EndDateOrder {
            end_date: EndDate::parse(end_date).unwrap(),
            entities: vec![BillingEntity::Contract, BillingEntity::CounterPricings],
            children,
        };
        for task in [
            RunTask::Sync,
            RunTask::EndDate(order("2026-12-31", Children::LeftAlone)),
            RunTask::EndDate(order("2026-12-31T00:00:00.000+0000", Children::Included)),
        ] {
            for plan in [None, Some(Plan::default().hash())] {
                let parameters = task.parameters(plan.as_ref());
                assert_eq!(
                    RunTask::from_saved(task.kind(), &parameters),
                    Some((task.clone(), plan)),
                    "{parameters}"
                );
            }
        }
        assert_eq!(RunTask::Sync.parameters(None), "", "as earlier versions have it");
        for plan in [r#"{"expectedPlan":"02"}"#, r#"{"expectedPlan":null}"#, "{"] {
            assert_eq!(
                RunTask::from_saved("sync", plan),
                None,
                "{plan} is not taken for a sync without a plan"
            );
        }
        assert_eq!(RunTask::from_saved("endDate", "{}"), None);
        assert_eq!(RunTask::from_saved("of a later version", ""), None);
    }
}
