//! A backfill: a planned sync for each record that a verification named, and what became of them.
//!
//! What serialises here is what the service answers; `openapi.yaml` describes the same shape.

use serde::{Deserialize, Serialize};

use super::ids::{SalesforceId, SyncRunId};
use super::verification::{VerifiedRecord, VerifiedStatus};

/// Records that one request to the service plans syncs of at most.
pub const MAX_BACKFILLED: u32 = 1_000;

/// What can come right by a sync.
pub const SYNCABLE: [VerifiedStatus; 5] = [
    VerifiedStatus::Gone,
    VerifiedStatus::Missing,
    VerifiedStatus::Failed,
    VerifiedStatus::Partial,
    VerifiedStatus::Differs,
];

/// What is synced if nobody says what.
pub const SYNCED_UNASKED: [VerifiedStatus; 2] = [VerifiedStatus::Missing, VerifiedStatus::Differs];

/// A status that [`SYNCABLE`] has; else what is wrong with the word.
pub fn syncable(word: &str) -> Result<VerifiedStatus, String> {
    let known = word.parse().ok();
    known.filter(|status| SYNCABLE.contains(status)).ok_or_else(|| {
        let words = SYNCABLE.map(VerifiedStatus::as_str).join(", ");
        format!("a sync can put right what is {words}")
    })
}

/// How far a backfill is: the syncs that were planned for the records of a verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    /// They have not begun.
    pub planned: u64,
    /// They go on.
    pub running: u64,
    /// They failed, and are tried again by themselves.
    pub retrying: u64,
    /// They ended with `Completed`.
    pub completed: u64,
    /// They ended with `Partial Success`.
    pub partial: u64,
    /// They failed.
    pub failed: u64,
}

/// What became of one record of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfilledRecord {
    /// The record.
    pub record_id: SalesforceId,
    /// Its sync.
    pub sync_run_id: SyncRunId,
    /// How it ended; `None` as long as it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_status: Option<String>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What there is to say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What was planned, or would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillPlan {
    /// Whether it is only told.
    pub dry_run: bool,
    /// How many syncs.
    pub planned: u64,
    /// The records, as the verification found them; only in a dry run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<VerifiedRecord>,
}

/// How far a backfill is, and one page of the records that are not in m3ter as they ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillPage {
    /// How many syncs there are of each state.
    pub counts: Backfill,
    /// Those that were tried and are not `Completed`, in the order of the records' IDs.
    pub records: Vec<BackfilledRecord>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillCancelled {
    /// How many syncs that had not begun.
    pub cancelled: u64,
}

impl Backfill {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.planned + self.running + self.tried()
    }

    /// Those that have been tried.
    pub fn tried(&self) -> u64 {
        self.retrying + self.completed + self.partial + self.failed
    }

    /// How many of them are how, in words; without those that none is.
    pub fn in_words(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let parts = [
            ("waiting for their turn", self.planned),
            ("running", self.running),
            ("Completed", self.completed),
            ("Partial Success", self.partial),
            ("Failed", self.failed),
            ("tried again later", self.retrying),
        ];
        parts.into_iter().filter(|(_, records)| *records > 0)
    }
}
