//! Running runs again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use uuid::Uuid;

use super::admission::NewRun;
use super::handover::LINKS_RUN;
use super::history::RunFilter;
use super::reopen::REOPEN_RUN;
use super::row::Row;
use super::transaction::Access;
use super::value::{Value, first_id_at};
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::RunTask;

/// A failed run that is run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The failed one.
    pub failed: SyncRunId,
    /// Its record.
    pub parent_record_id: SalesforceId,
    /// What it does; `None` if this version does not know.
    pub task: Option<RunTask>,
    /// How it failed.
    pub error_code: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The run that does it again; `None` as long as it is only planned.
    pub run: Option<SyncRunId>,
}

impl Store {
    /// What a run was asked to do.
    pub async fn load_request(&self, id: SyncRunId) -> Result<Option<NewRun>, StoreError> {
        let operation = "load the request of a run";
        let sql = "SELECT id, parent_record_id, kind, parameters, dry_run, requested_at_ms, requested_by FROM runs WHERE id = $1";
        let rows = self.database.fetch(operation, sql, vec![id.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let kind: String = row.get("kind")?;
        // What an operator did by hand is done once.
        if kind == LINKS_RUN || kind == REOPEN_RUN {
            return Ok(None);
        }
        let (task, expected_plan) = RunTask::from_saved(&kind, &row.get::<String>("parameters")?)
            .ok_or_else(|| row.unreadable(kind))?;
        Ok(Some(NewRun {
            id,
            parent_record_id: row.get("parent_record_id")?,
            task,
            expected_plan,
            dry_run: row.is_set("dry_run")?,
            requested_at: row.get("requested_at_ms")?,
            replay_of: None,
            requested_by: row.optional("requested_by")?,
            salesforce_user: None,
            awaited_until: None,
            trace: None,
        }))
    }

    /// The failed runs that [`Store::schedule_replays`] would run again.
    pub async fn plan_replays(&self, filter: &RunFilter) -> Result<Vec<Replay>, StoreError> {
        let operation = "look for the runs to replay";
        let (sql, values) = replayable(filter);
        self.database.fetch(operation, &sql, values).await?.iter().map(replay).collect()
    }

    /// Plans new runs for the failed ones that `filter` names, one every `spacing` from now: for
    /// each record the last one, unless a newer run of its kind is there, or one of any kind that
    /// was no failure ended since. One that would have been tried again by itself is not any more.
    pub async fn schedule_replays(
        &self,
        filter: &RunFilter,
        spacing: Duration,
        requested_by: Option<String>,
    ) -> Result<Vec<Replay>, StoreError> {
        let operation = "plan the replay of runs";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let (sql, values) = replayable(filter);
        let failed = transaction.fetch(&sql, values).await?;
        let spacing_ms = i64::try_from(spacing.as_millis()).unwrap_or(i64::MAX);
        let mut planned = Vec::with_capacity(failed.len());
        for (number, row) in (0_i64..).zip(&failed) {
            let failed: String = row.get("id")?;
            let id = SyncRunId(Uuid::now_v7());
            let sql = "UPDATE runs SET state = 'ended', next_try_at_ms = NULL, superseded_by = $2 WHERE id = $1 AND state = 'retrying'";
            transaction.execute(sql, vec![failed.as_str().into(), id.to_string().into()]).await?;
            let sql = "INSERT INTO runs
                     (id, parent_record_id, kind, parameters, dry_run, requested_at_ms, replay_of, requested_by, state, next_try_at_ms)
                 SELECT $1, parent_record_id, kind, parameters, 0, $2, id, $3, 'retrying', {now} + $4 FROM runs WHERE id = $5";
            let values = vec![
                id.to_string().into(),
                Timestamp::now().into(),
                requested_by.clone().into(),
                number.saturating_mul(spacing_ms).into(),
                failed.into(),
            ];
            transaction.execute(sql, values).await?;
            planned.push(Replay { run: Some(id), ..replay(row)? });
        }
        transaction.commit().await?;
        Ok(planned)
    }

    /// Plans new runs for the syncs that ended with one of these codes and were asked for less than
    /// `age` ago, at most so many, one every `spacing` from now: of each record the last sync, and
    /// each sync once in all, whichever process plans it.
    pub async fn schedule_after_login(
        &self,
        codes: &[&str],
        age: Duration,
        at_most: u32,
        spacing: Duration,
    ) -> Result<Vec<SyncRunId>, StoreError> {
        let operation = "plan what a refused login ended";
        let sql = "SELECT id FROM runs AS failed
             WHERE error_code IN (SELECT value FROM {texts:$1}) AND state = 'ended' AND dry_run = 0 AND kind = 'sync' AND after_login = 0
               AND id > $2
               AND NOT EXISTS (
                   SELECT 1 FROM runs AS newer
                   WHERE newer.parent_record_id = failed.parent_record_id AND newer.kind = failed.kind AND newer.dry_run = 0
                     AND newer.id > failed.id
               )
             ORDER BY id LIMIT $3";
        let codes: Json = codes.iter().copied().map(Json::from).collect();
        let since = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH);
        let values =
            vec![codes.to_string().into(), first_id_at(since).into(), i64::from(at_most).into()];
        let failed = self.database.fetch(operation, sql, values).await?;
        let mut planned = Vec::with_capacity(failed.len());
        if failed.is_empty() {
            return Ok(planned);
        }
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        for row in &failed {
            // Of several processes that found it the first one has it.
            let sql = "UPDATE runs SET after_login = 1 WHERE id = $1 AND after_login = 0";
            let failed: String = row.get("id")?;
            if transaction.execute(sql, vec![failed.as_str().into()]).await? == 0 {
                continue;
            }
            let (id, number) =
                (SyncRunId(Uuid::now_v7()), i64::try_from(planned.len()).unwrap_or(i64::MAX));
            let sql = "INSERT INTO runs (id, parent_record_id, kind, parameters, dry_run, requested_at_ms, replay_of, requested_by, salesforce_users,
                     state, next_try_at_ms, after_login)
                 SELECT $1, parent_record_id, kind, parameters, 0, $2, id, requested_by, salesforce_users, 'retrying', {now} + $3, 1 FROM runs WHERE id = $4";
            let delay =
                number.saturating_mul(i64::try_from(spacing.as_millis()).unwrap_or(i64::MAX));
            transaction
                .execute(
                    sql,
                    vec![
                        id.to_string().into(),
                        Timestamp::now().into(),
                        delay.into(),
                        failed.into(),
                    ],
                )
                .await?;
            planned.push(id);
        }
        transaction.commit().await?;
        Ok(planned)
    }
}

/// The statement that finds the runs that a filter lets be run again.
fn replayable(filter: &RunFilter) -> (String, Vec<Value>) {
    let (conditions, values) = filter.conditions();
    let sql = format!(
        "SELECT id, parent_record_id, kind, parameters, error_code, requested_at_ms FROM runs AS failed
         WHERE {conditions} AND sync_status = 'Failed' AND state IN ('ended', 'retrying') AND dry_run = 0
           AND NOT EXISTS (
               SELECT 1 FROM runs AS newer
               WHERE newer.parent_record_id = failed.parent_record_id AND newer.dry_run = 0 AND newer.id <> failed.id
                 AND (newer.id > failed.id AND newer.kind = failed.kind
                   OR (newer.id > failed.id OR newer.ended_at_ms > failed.ended_at_ms)
                     AND newer.kind IN ('sync', 'endDate') AND newer.sync_status <> 'Failed')
           )
         ORDER BY id LIMIT $1"
    );
    (sql, values)
}

fn replay(row: &Row) -> Result<Replay, StoreError> {
    let (kind, parameters): (String, String) = (row.get("kind")?, row.get("parameters")?);
    Ok(Replay {
        failed: row.get("id")?,
        parent_record_id: row.get("parent_record_id")?,
        task: RunTask::from_saved(&kind, &parameters).map(|(task, _)| task),
        error_code: row.optional("error_code")?,
        requested_at: row.get("requested_at_ms")?,
        run: None,
    })
}
