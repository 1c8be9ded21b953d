//! The runs: one row for each sync that was asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::database::Access;
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
        let sql = "INSERT INTO runs (id, parent_record_id, dry_run, state, started_at_ms) VALUES ($1, $2, $3, 'running', $4)";
        let values = vec![run.id.to_string().into(), run.parent_record_id.as_str().into(), run.dry_run.into(), run.started_at.into()];
        self.database.execute("save the start of a run", sql, values).await.map(drop)
    }

    /// Saves what a run has done so far, all or none: results by their position, a later one replacing the earlier, and links.
    pub async fn save_progress(&self, run: SyncRunId, results: &[(u32, ObjectResult)], links: &[Link]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "save the progress of a run").await?;
        if !results.is_empty() {
            let by_position: BTreeMap<u32, &ObjectResult> = results.iter().map(|(position, result)| (*position, result)).collect();
            let results: Json =
                by_position.iter().map(|(position, result)| json!({"position": position, "result": text(result)})).collect();
            let sql = "INSERT INTO run_object_results (run_id, position, result)
                 SELECT $1, CAST(value->>'position' AS BIGINT), value->>'result' FROM {objects:$2} WHERE true
                 ON CONFLICT (run_id, position) DO UPDATE SET result = excluded.result";
            transaction.execute(sql, vec![run.to_string().into(), results.to_string().into()]).await?;
        }
        insert_links(&mut transaction, links).await?;
        transaction.commit().await
    }

    /// Saves a run as `ended`, with its whole result.
    pub async fn save_run_ended(&self, run: SyncRunId, result: &SyncResult, ended_at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET state = 'ended', ended_at_ms = $1, sync_status = $2, error_code = $3, result = $4 WHERE id = $5";
        let values = vec![
            ended_at.into(),
            result.sync_status.to_string().into(),
            result.error_code.clone().into(),
            text(result).into(),
            run.to_string().into(),
        ];
        let ended = self.database.execute("save the end of a run", sql, values).await?;
        if ended == 0 { Err(StoreError::RunUnknown(run)) } else { Ok(()) }
    }

    pub(super) async fn interrupt_runs(&self) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET state = 'interrupted' WHERE state = 'running'";
        self.database.execute("mark interrupted runs", sql, Vec::new()).await.map(drop)
    }
}

fn text(result: &impl Serialize) -> String {
    serde_json::to_string(result).expect("a result has text keys only")
}
