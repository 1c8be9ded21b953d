//! The journal of Commitments: what was about to be sent to m3ter.

use super::claims::Claim;
use super::row::Row;
use super::transaction::Access;
use super::{Store, StoreError};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};
use jiff::Timestamp;
use serde_json::Value as Json;

/// A Commitment that a run set out to create.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitmentAttempt {
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
    /// Saves an attempt of the run that is held; to be called before the request is sent.
    pub async fn save_commitment_attempt(
        &self,
        claim: Claim,
        attempt: &CommitmentAttempt,
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "save an attempt to create a Commitment").await?;
        transaction.check_fence(claim).await?;
        let sql = "INSERT INTO commitment_attempts (run_id, root, row, key, account_id, contract_id, body, attempted_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = vec![
            claim.run.to_string().into(),
            attempt.root.as_str().into(),
            attempt.object.row.as_str().into(),
            attempt.object.key.as_str().into(),
            attempt.account_id.as_str().into(),
            attempt.contract_id.as_ref().map(ToString::to_string).into(),
            attempt.body.to_string().into(),
            attempt.attempted_at.into(),
        ];
        transaction.execute(sql, values).await?;
        transaction.commit().await
    }

    /// The attempts of one deal whose Commitments have no link, newest first.
    pub async fn load_commitment_attempts(
        &self,
        root: &SalesforceId,
    ) -> Result<Vec<CommitmentAttempt>, StoreError> {
        let operation = "load the attempts to create a Commitment";
        let sql = "SELECT root, row, key, account_id, contract_id, body, attempted_at_ms FROM commitment_attempts AS attempt
             WHERE root = $1 AND NOT EXISTS (
                 SELECT 1 FROM links
                 WHERE links.root = attempt.root AND links.row = attempt.row AND links.kind = 'Commitment' AND links.key = attempt.key
             )
             ORDER BY attempted_at_ms DESC, {sequence} DESC";
        let rows = self.database.fetch(operation, sql, vec![root.as_str().into()]).await?;
        rows.iter().map(attempt).collect()
    }
}

fn attempt(row: &Row) -> Result<CommitmentAttempt, StoreError> {
    Ok(CommitmentAttempt {
        object: ObjectKey {
            kind: EntityKind::Commitment,
            row: row.get("row")?,
            key: row.get("key")?,
        },
        root: row.get("root")?,
        account_id: row.get("account_id")?,
        contract_id: row.optional("contract_id")?,
        body: row.document("body")?,
        attempted_at: row.get("attempted_at_ms")?,
    })
}
