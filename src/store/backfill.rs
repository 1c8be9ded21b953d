//! Backfills: a planned sync for each record that a verification named, and what became of them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use uuid::Uuid;

use super::transaction::Access;
use super::value::Value;
use super::verifications::verified;
use super::{Store, StoreError};
use crate::domain::backfill::{Backfill, BackfilledRecord};
use crate::domain::ids::SalesforceId;
use crate::domain::run::RunTask;
use crate::domain::verification::{VerifiedRecord, VerifiedStatus};

/// The records that a verification found with these statuses, and for which no sync is planned yet.
const NAMED: &str = "SELECT record, status, document FROM verified_records
     WHERE verification = $1 AND status IN (SELECT value FROM {texts:$2}) AND run IS NULL
     ORDER BY record LIMIT $3";

fn named(id: &str, statuses: &[VerifiedStatus], limit: u32) -> Vec<Value> {
    let statuses: Json = statuses.iter().map(|status| Json::from(status.as_str())).collect();
    vec![id.into(), statuses.to_string().into(), i64::from(limit).into()]
}

impl Store {
    /// The records that [`Store::schedule_backfill`] would plan syncs for.
    pub async fn plan_backfill(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
    ) -> Result<Vec<VerifiedRecord>, StoreError> {
        let operation = "look for the records to sync";
        let rows = self.database.fetch(operation, NAMED, named(id, statuses, limit)).await?;
        rows.iter().map(verified).collect()
    }

    /// Plans a sync for each record that a verification found with one of these statuses, unless
    /// one is planned for it: at most so many, one every `spacing` from now. How many were planned.
    pub async fn schedule_backfill(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
        spacing: Duration,
        requested_by: Option<&str>,
    ) -> Result<u64, StoreError> {
        let operation = "plan the sync of records";
        let spacing_ms = i64::try_from(spacing.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let rows = transaction.fetch(NAMED, named(id, statuses, limit)).await?;
        let mut planned = 0;
        for (number, row) in (0_i64..).zip(&rows) {
            let (record, run): (String, String) = (row.get("record")?, Uuid::now_v7().to_string());
            // Of two that plan at the same time the first one has the record.
            let sql = "UPDATE verified_records SET run = $3 WHERE verification = $1 AND record = $2 AND run IS NULL";
            let values = vec![id.into(), record.as_str().into(), run.as_str().into()];
            if transaction.execute(sql, values).await? == 0 {
                continue;
            }
            let sql = "INSERT INTO runs
                     (id, parent_record_id, kind, parameters, dry_run, requested_at_ms, requested_by, state, next_try_at_ms)
                 VALUES ($1, $2, 'sync', $6, 0, $3, $4, 'retrying', {now} + $5)";
            let values = vec![
                run.into(),
                record.into(),
                Timestamp::now().into(),
                requested_by.into(),
                number.saturating_mul(spacing_ms).into(),
                RunTask::Sync.parameters(None).into(),
            ];
            transaction.execute(sql, values).await?;
            planned += 1;
        }
        transaction.commit().await?;
        Ok(planned)
    }

    /// Takes back the syncs of a backfill that have not begun: how many. They can be planned again.
    pub async fn cancel_backfill(&self, id: &str) -> Result<u64, StoreError> {
        let operation = "cancel a backfill";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "DELETE FROM runs WHERE state = 'retrying' AND started_at_ms IS NULL
               AND id IN (SELECT run FROM verified_records WHERE verification = $1 AND run IS NOT NULL)
             RETURNING id";
        let rows = transaction.fetch(sql, vec![id.into()]).await?;
        let runs: Vec<String> = rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        let sql = "UPDATE verified_records SET run = NULL
             WHERE verification = $1 AND run IN (SELECT value FROM {texts:$2})";
        let ids = serde_json::to_string(&runs).expect("ids are texts");
        transaction.execute(sql, vec![id.into(), ids.into()]).await?;
        transaction.commit().await?;
        Ok(runs.len() as u64)
    }

    /// How far the backfill of a verification is.
    pub async fn load_backfill(&self, id: &str) -> Result<Backfill, StoreError> {
        let operation = "look how far a backfill is";
        let sql = "SELECT CASE
                   WHEN runs.state = 'retrying' AND runs.started_at_ms IS NULL THEN 'planned'
                   WHEN runs.state IN ('waiting', 'running', 'retrying') THEN runs.state
                   ELSE COALESCE(runs.sync_status, 'Failed') END AS progress,
                 count(*) AS records
             FROM verified_records JOIN runs ON runs.id = verified_records.run
             WHERE verified_records.verification = $1 GROUP BY 1";
        let mut backfill = Backfill::default();
        for row in self.database.fetch(operation, sql, vec![id.into()]).await? {
            let count: u64 = row.get("records")?;
            match row.get::<String>("progress")?.as_str() {
                "planned" => backfill.planned += count,
                "waiting" | "running" => backfill.running += count,
                "retrying" => backfill.retrying += count,
                "Completed" => backfill.completed += count,
                "Partial Success" => backfill.partial += count,
                _ => backfill.failed += count,
            }
        }
        Ok(backfill)
    }

    /// The records of a backfill whose syncs were tried and are not `Completed`, in the order of
    /// their ids: at most so many, after `after`.
    pub async fn list_backfilled(
        &self,
        id: &str,
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<BackfilledRecord>, StoreError> {
        let operation = "list what a backfill could not bring into m3ter";
        let sql = "SELECT verified_records.record AS record, runs.id AS id, runs.sync_status AS sync_status,
                 runs.error_code AS error_code, {json:runs.result}->>'message' AS message
             FROM verified_records JOIN runs ON runs.id = verified_records.run
             WHERE verified_records.verification = $1 AND runs.state IN ('ended', 'retrying')
               AND runs.sync_status IS NOT NULL AND runs.sync_status <> 'Completed'
               AND verified_records.record > $2
             ORDER BY verified_records.record LIMIT $3";
        let after = after.map_or("", SalesforceId::as_str);
        let values = vec![id.into(), after.into(), i64::from(limit).into()];
        let rows = self.database.fetch(operation, sql, values).await?;
        let found = rows.iter().map(|row| {
            Ok(BackfilledRecord {
                record_id: row.get("record")?,
                sync_run_id: row.get("id")?,
                sync_status: row.optional("sync_status")?,
                error_code: row.optional("error_code")?,
                message: row.optional("message")?,
            })
        });
        found.collect()
    }
}
