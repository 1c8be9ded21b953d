//! The runs: one row for each sync that was asked for.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::query;

use super::links::{Link, insert_links};
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::{ObjectResult, SyncResult};

/// A run that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id, a UUID of version 7: later runs sort later.
    pub id: SyncRunId,
    /// The record to be synced.
    pub parent_record_id: SalesforceId,
    /// Whether nothing is to be written to m3ter or Salesforce.
    pub dry_run: bool,
    /// When it was asked for.
    pub started_at: Timestamp,
}

impl Store {
    /// Saves a run as `running`.
    pub async fn save_run_started(&self, run: &NewRun) -> Result<(), StoreError> {
        query("INSERT INTO runs (id, parent_record_id, dry_run, state, started_at_ms) VALUES (?, ?, ?, 'running', ?)")
            .bind(run.id.to_string())
            .bind(run.parent_record_id.as_str())
            .bind(run.dry_run)
            .bind(run.started_at.as_millisecond())
            .execute(&self.writer)
            .await
            .map_err(self.failed("save the start of a run"))?;
        Ok(())
    }

    /// Saves what a run has done so far, all or none: results by their position, a later one replacing the earlier, and links.
    pub async fn save_progress(&self, run: SyncRunId, results: &[(u32, ObjectResult)], links: &[Link]) -> Result<(), StoreError> {
        let operation = "save the progress of a run";
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed(operation))?;
        for (position, result) in results {
            query(
                "INSERT INTO run_object_results (run_id, position, result) VALUES (?, ?, ?)
                 ON CONFLICT (run_id, position) DO UPDATE SET result = excluded.result",
            )
            .bind(run.to_string())
            .bind(position)
            .bind(json(result))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(operation))?;
        }
        insert_links(&mut transaction, links).await.map_err(self.failed(operation))?;
        transaction.commit().await.map_err(self.failed(operation))
    }

    /// Saves a run as `ended`, with its whole result.
    pub async fn save_run_ended(&self, run: SyncRunId, result: &SyncResult, ended_at: Timestamp) -> Result<(), StoreError> {
        let done = query("UPDATE runs SET state = 'ended', ended_at_ms = ?, sync_status = ?, error_code = ?, result = ? WHERE id = ?")
            .bind(ended_at.as_millisecond())
            .bind(result.sync_status.to_string())
            .bind(&result.error_code)
            .bind(json(result))
            .bind(run.to_string())
            .execute(&self.writer)
            .await
            .map_err(self.failed("save the end of a run"))?;
        if done.rows_affected() == 0 { Err(StoreError::RunUnknown(run)) } else { Ok(()) }
    }

    pub(super) async fn interrupt_runs(&self) -> Result<(), StoreError> {
        query("UPDATE runs SET state = 'interrupted' WHERE state = 'running'")
            .execute(&self.writer)
            .await
            .map_err(self.failed("mark interrupted runs"))?;
        Ok(())
    }
}

fn json(result: &impl Serialize) -> String {
    serde_json::to_string(result).expect("a result has text keys only")
}
