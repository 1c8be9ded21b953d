//! The journal of Commitments: what was about to be sent to m3ter.

use jiff::Timestamp;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};

/// A Commitment that a run set out to create.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitmentAttempt {
    /// The run.
    pub run: SyncRunId,
    /// Which Commitment of the deal; its kind is always [`EntityKind::Commitment`].
    pub object: ObjectKey,
    /// The record that was synced.
    pub root: SalesforceId,
    /// The Account that it was to lie under.
    pub account_id: M3terId,
    /// The Contract that it was to lie under, if any.
    pub contract_id: Option<M3terId>,
    /// What was to be sent, digit for digit.
    pub body: Json,
    /// When.
    pub attempted_at: Timestamp,
}

impl Store {
    /// Saves an attempt; to be called before the request is sent. The run must have been saved.
    pub async fn save_commitment_attempt(&self, attempt: &CommitmentAttempt) -> Result<(), StoreError> {
        query(
            "INSERT INTO commitment_attempts (run_id, root, row, key, account_id, contract_id, body, attempted_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(attempt.run.to_string())
        .bind(attempt.root.as_str())
        .bind(attempt.object.row.as_str())
        .bind(&attempt.object.key)
        .bind(attempt.account_id.as_str())
        .bind(attempt.contract_id.as_ref().map(M3terId::as_str))
        .bind(attempt.body.to_string())
        .bind(attempt.attempted_at.as_millisecond())
        .execute(&self.writer)
        .await
        .map_err(self.failed("save an attempt to create a Commitment"))?;
        Ok(())
    }

    /// The attempts of one deal whose Commitments have no link, newest first.
    pub async fn load_commitment_attempts(&self, root: &SalesforceId) -> Result<Vec<CommitmentAttempt>, StoreError> {
        let operation = "load the attempts to create a Commitment";
        let rows = query(
            "SELECT run_id, root, row, key, account_id, contract_id, body, attempted_at_ms FROM commitment_attempts AS attempt
             WHERE root = ? AND NOT EXISTS (
                 SELECT 1 FROM links
                 WHERE links.root = attempt.root AND links.row = attempt.row AND links.kind = 'Commitment' AND links.key = attempt.key
             )
             ORDER BY attempted_at_ms DESC, rowid DESC",
        )
        .bind(root.as_str())
        .fetch_all(&self.readers)
        .await
        .map_err(self.failed(operation))?;
        rows.iter().map(|row| attempt(row, operation)).collect()
    }
}

fn attempt(row: &SqliteRow, operation: &'static str) -> Result<CommitmentAttempt, StoreError> {
    let text = |column: &str| row.get::<String, _>(column);
    let unreadable = |value: String| StoreError::Unreadable { operation, value };
    let attempted_at_ms: i64 = row.get("attempted_at_ms");
    Ok(CommitmentAttempt {
        run: SyncRunId(Uuid::try_parse(&text("run_id")).map_err(|_| unreadable(text("run_id")))?),
        object: ObjectKey { kind: EntityKind::Commitment, row: super::salesforce_id(text("row"), operation)?, key: text("key") },
        root: super::salesforce_id(text("root"), operation)?,
        account_id: super::m3ter_id(text("account_id"), operation)?,
        contract_id: row.get::<Option<String>, _>("contract_id").map(|id| super::m3ter_id(id, operation)).transpose()?,
        body: serde_json::from_str(&text("body")).map_err(|_| unreadable(text("body")))?,
        attempted_at: Timestamp::from_millisecond(attempted_at_ms).map_err(|_| unreadable(attempted_at_ms.to_string()))?,
    })
}
