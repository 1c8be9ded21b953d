//! A verification: many records compared with m3ter, and nothing written.
//!
//! What serialises here is what `GET /verifications` answers; `openapi.yaml` describes the same
//! shape.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::answer::ObjectResult;
use super::ids::SalesforceId;
use super::instant;
use super::warning::Warning;

/// Records that a request to the service names at most.
pub const MAX_NAMED: usize = 2_000;

/// Why a verification ends that was begun with other mappings: what it has found is of those.
pub const MAPPINGS_CHANGED: &str = "The mappings have changed since it began: begin a new one";

/// How a record stands to m3ter.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum VerifiedStatus {
    /// m3ter still bills for what Salesforce has no more.
    Gone,
    /// It is ready in Salesforce, and was never synced.
    Missing,
    /// A sync, or this look, cannot come to its end.
    Failed,
    /// A part of it cannot be as the record asks.
    Partial,
    /// m3ter holds something else than Salesforce says.
    Differs,
    /// Somebody else made something under its Contract.
    Foreign,
    /// It is not ready, and was never synced.
    NotReady,
    /// Nothing of it is billed any more.
    Ended,
    /// m3ter holds what Salesforce says.
    InSync,
}

impl VerifiedStatus {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether somebody should look at it.
    pub fn needs_somebody(self) -> bool {
        !matches!(self, Self::NotReady | Self::Ended | Self::InSync)
    }
}

/// Which records are compared, and how thoroughly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationRequest {
    /// The root objects; none: all that are mapped and that the org has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// A condition in the language of mappings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// These records and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_ids: Vec<SalesforceId>,
    /// Only records that were changed since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub since: Option<Timestamp>,
    /// Whether what m3ter has for the past and the future under each Contract is looked at too.
    #[serde(default)]
    pub deep: bool,
}

/// What becomes of a verification.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum VerificationState {
    /// It waits for its turn, or continues.
    Running,
    /// All records were compared.
    Completed,
    /// Somebody ended it.
    Cancelled,
    /// It could not go on.
    Failed,
}

impl VerificationState {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// The position of the root that is looked at.
    #[serde(default)]
    pub root: usize,
    /// Where its records come from.
    #[serde(default)]
    pub stage: Stage,
    /// What the stage has come to.
    #[serde(default)]
    pub after: Option<String>,
    /// How what nobody has linked is looked for, once that is decided.
    #[serde(default)]
    pub breadth: Option<Breadth>,
}

/// Where records come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// From the request.
    #[default]
    Named,
    /// From Salesforce: those that are ready.
    Ready,
    /// From the links: those that were synced before.
    Linked,
    /// From m3ter: Contracts whose code is the id of a record.
    Coded,
    /// There are no more.
    Done,
}

/// How objects are found that nobody has linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Breadth {
    /// By lists of all Commitments and of today's AccountPlans.
    Lists,
    /// By lists of what lies under each Contract, also in the past and the future.
    Contracts,
}

/// How many records there are of each status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedCounts {
    /// Those that m3ter still bills for.
    pub gone: u64,
    /// Those that were never synced.
    pub missing: u64,
    /// Those that could not be compared or synced.
    pub failed: u64,
    /// Those of which a part cannot be as asked.
    pub partial: u64,
    /// Those that differ.
    pub differs: u64,
    /// Those beside which somebody else made something.
    pub foreign: u64,
    /// Those that are not ready.
    pub not_ready: u64,
    /// Those of which nothing is billed any more.
    pub ended: u64,
    /// Those that m3ter holds as they are.
    pub in_sync: u64,
}

impl VerifiedCounts {
    /// From numbers by status.
    pub fn new(counts: &BTreeMap<VerifiedStatus, u64>) -> Self {
        let of = |status| counts.get(&status).copied().unwrap_or_default();
        Self {
            gone: of(VerifiedStatus::Gone),
            missing: of(VerifiedStatus::Missing),
            failed: of(VerifiedStatus::Failed),
            partial: of(VerifiedStatus::Partial),
            differs: of(VerifiedStatus::Differs),
            foreign: of(VerifiedStatus::Foreign),
            not_ready: of(VerifiedStatus::NotReady),
            ended: of(VerifiedStatus::Ended),
            in_sync: of(VerifiedStatus::InSync),
        }
    }

    /// How many there are.
    pub fn all(&self) -> u64 {
        VerifiedStatus::VARIANTS.iter().map(|status| self.of(*status)).sum()
    }

    /// How many there are of a status.
    pub fn of(&self, status: VerifiedStatus) -> u64 {
        match status {
            VerifiedStatus::Gone => self.gone,
            VerifiedStatus::Missing => self.missing,
            VerifiedStatus::Failed => self.failed,
            VerifiedStatus::Partial => self.partial,
            VerifiedStatus::Differs => self.differs,
            VerifiedStatus::Foreign => self.foreign,
            VerifiedStatus::NotReady => self.not_ready,
            VerifiedStatus::Ended => self.ended,
            VerifiedStatus::InSync => self.in_sync,
        }
    }
}

/// A verification, with how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Its id.
    pub verification_id: String,
    /// What becomes of it.
    pub state: VerificationState,
    /// What was asked for.
    pub request: VerificationRequest,
    /// Who asked, where callers have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// When.
    #[serde(serialize_with = "instant::serialize")]
    pub requested_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub ended_at: Option<Timestamp>,
    /// Why it ended before its end, or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many records there are, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// How many were compared.
    pub verified: u64,
    /// For how many more seconds it will go on, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// How many there are of each status.
    pub counts: VerifiedCounts,
    /// How objects were looked for that nobody has linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breadth: Option<Breadth>,
    /// How it differs from the last one; only of one that is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

impl Verification {
    /// Whether it was stopped, and can continue where it was.
    pub fn is_resumable(&self) -> bool {
        let is_stopped =
            matches!(self.state, VerificationState::Cancelled | VerificationState::Failed);
        is_stopped && self.message.as_deref() != Some(MAPPINGS_CHANGED)
    }
}

/// How a verification differs from the complete one before it that asked the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// That one.
    pub previous_verification_id: String,
    /// How many records need somebody that did not then.
    pub new_since: u64,
    /// How many records needed somebody then and do not now.
    pub solved_since: u64,
}

/// What was found of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedRecord {
    /// The record.
    pub record_id: SalesforceId,
    /// Its name, as far as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it stands to m3ter.
    pub status: VerifiedStatus,
    /// What was found, in one sentence.
    pub message: String,
    /// Where a dry run of it would fail: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Whether a later look may come to its end.
    #[serde(default)]
    pub retryable: bool,
    /// What a dry run says of the objects that are not as the record asks.
    #[serde(default)]
    pub object_results: Vec<ObjectResult>,
    /// What a dry run tells beside them.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl VerifiedRecord {
    /// A record of which there is nothing more to tell.
    pub fn in_sync(record_id: SalesforceId, status: VerifiedStatus) -> Self {
        Self {
            record_id,
            name: None,
            status,
            message: "m3ter holds what Salesforce says".to_owned(),
            error_code: None,
            retryable: false,
            object_results: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
