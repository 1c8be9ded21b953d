//! The switch for an incident: while the service is paused no run begins, in any process.
//!
//! Whatever begins a run asks in the same statement whether the service is paused, so there is
//! nothing that a process has to hear of.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::database::{Access, Row, Transaction};
use super::{Store, StoreError};

/// Pauses that are shown at once, the newest.
const MOST_SHOWN: i64 = 50;

/// One pause: when it began, by whom and why, and when it was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When no run began any more.
    pub paused_at: Timestamp,
    /// Who said so, where callers have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Why.
    pub reason: String,
    /// When runs began again; absent while the service is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<String>,
    /// Why, if it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_reason: Option<String>,
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
            Some(row) => Ok((pause(row, operation)?, is_new)),
            // It was resumed at the same moment.
            None => {
                Err(StoreError::Locked { operation, database: self.database.place.to_string() })
            }
        }
    }

    /// Lets the service go on; the pause that is over by that, or `None` if there was none.
    pub async fn resume(&self, said: Said<'_>) -> Result<Option<Pause>, StoreError> {
        let operation = "let the service go on";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "UPDATE pauses SET state = 'resumed', resumed_at_ms = $1, resumed_by = $2, resume_reason = $3 WHERE state = 'paused'
             RETURNING *";
        let rows = transaction
            .fetch(sql, vec![said.at.into(), said.by.into(), said.reason.into()])
            .await?;
        transaction.commit().await?;
        rows.first().map(|row| pause(row, operation)).transpose()
    }

    /// The pause that is in force.
    pub async fn load_pause(&self) -> Result<Option<Pause>, StoreError> {
        let operation = "look whether the service is paused";
        let rows = self
            .database
            .fetch(operation, "SELECT * FROM pauses WHERE state = 'paused'", Vec::new())
            .await?;
        rows.first().map(|row| pause(row, operation)).transpose()
    }

    /// The last pauses, the newest first.
    pub async fn list_pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let operation = "list pauses";
        let sql = "SELECT * FROM pauses ORDER BY id DESC LIMIT $1";
        let rows = self.database.fetch(operation, sql, vec![MOST_SHOWN.into()]).await?;
        rows.iter().map(|row| pause(row, operation)).collect()
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

fn pause(row: &Row, operation: &'static str) -> Result<Pause, StoreError> {
    Ok(Pause {
        paused_at: super::instant(row, "paused_at_ms", operation)?,
        paused_by: row.optional_text("paused_by"),
        reason: row.text("reason"),
        resumed_at: super::optional_instant(row, "resumed_at_ms", operation)?,
        resumed_by: row.optional_text("resumed_by"),
        resume_reason: row.optional_text("resume_reason"),
    })
}
