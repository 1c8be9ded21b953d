//! The switch for an incident: while the service is paused no run begins, in any process.
//!
//! Whatever begins a run asks in the same statement whether the service is paused, so there is
//! nothing that a process must be told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::Row;
use super::transaction::{Access, Transaction};
use super::{Store, StoreError};
use crate::domain::instant;

/// Pauses that are shown at once, the newest.
const MAX_SHOWN: i64 = 50;

/// One pause: when it began, by whom and why, and when it was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When no run began any more.
    #[serde(serialize_with = "instant::serialize")]
    pub paused_at: Timestamp,
    /// Who said so, where callers have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Why.
    pub reason: String,
    /// When runs began again; absent while the service is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "instant::serialize_option")]
    pub resumed_at: Option<Timestamp>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<String>,
    /// Why, if it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_reason: Option<String>,
}

/// Whether the service is paused, and the pause that this is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseAnswer {
    /// Whether it is.
    pub paused: bool,
    /// The pause that is in force, or that is over by what was asked for; `None`: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// Who says something about a pause, why, and when.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Who.
    pub by: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Pauses the service; the pause that is in force, and whether it is this one.
    pub async fn pause(&self, said: Said<'_>) -> Result<(Pause, bool), StoreError> {
        let operation = "pause the service";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "INSERT INTO pauses (id, state, paused_at_ms, paused_by, reason) VALUES ($1, 'paused', $2, $3, $4)
             ON CONFLICT DO NOTHING";
        let values = vec![
            Uuid::now_v7().to_string().into(),
            said.at.into(),
            said.by.into(),
            said.reason.unwrap_or_default().into(),
        ];
        let is_new = transaction.execute(sql, values).await? > 0;
        let rows =
            transaction.fetch("SELECT * FROM pauses WHERE state = 'paused'", Vec::new()).await?;
        transaction.commit().await?;
        match rows.first() {
            Some(row) => Ok((pause(row)?, is_new)),
            // It was resumed at the same moment.
            None => {
                Err(StoreError::Locked { operation, database: self.database.place.to_string() })
            }
        }
    }

    /// Lets the service go on; the pause that is over by that, or `None` if there was none.
    pub async fn resume(&self, said: Said<'_>) -> Result<Option<Pause>, StoreError> {
        let operation = "resume the service";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "UPDATE pauses SET state = 'resumed', resumed_at_ms = $1, resumed_by = $2, resume_reason = $3 WHERE state = 'paused'
             RETURNING *";
        let rows = transaction
            .fetch(sql, vec![said.at.into(), said.by.into(), said.reason.into()])
            .await?;
        transaction.commit().await?;
        rows.first().map(pause).transpose()
    }

    /// The pause that is in force.
    pub async fn load_pause(&self) -> Result<Option<Pause>, StoreError> {
        let operation = "look whether the service is paused";
        let rows = self
            .database
            .fetch(operation, "SELECT * FROM pauses WHERE state = 'paused'", Vec::new())
            .await?;
        rows.first().map(pause).transpose()
    }

    /// The last pauses, the newest first.
    pub async fn list_pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let operation = "list pauses";
        let sql = "SELECT * FROM pauses ORDER BY id DESC LIMIT $1";
        let rows = self.database.fetch(operation, sql, vec![MAX_SHOWN.into()]).await?;
        rows.iter().map(pause).collect()
    }
}

impl Transaction {
    /// Whether the service is paused.
    pub(super) async fn is_paused(&mut self) -> Result<bool, StoreError> {
        Ok(!self
            .fetch("SELECT id FROM pauses WHERE state = 'paused'", Vec::new())
            .await?
            .is_empty())
    }
}

fn pause(row: &Row) -> Result<Pause, StoreError> {
    Ok(Pause {
        paused_at: row.get("paused_at_ms")?,
        paused_by: row.optional("paused_by")?,
        reason: row.get("reason")?,
        resumed_at: row.optional("resumed_at_ms")?,
        resumed_by: row.optional("resumed_by")?,
        resume_reason: row.optional("resume_reason")?,
    })
}
