//! Looking at runs from outside, and forgetting old ones.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::changes::ChangeFilter;
use super::handover::LINKS_RUN;
use super::reopen::REOPEN_RUN;
use super::row::Row;
use super::value::{Value, first_id_at};
use super::{Store, StoreError};
use crate::domain::answer::{ObjectResult, SyncResult};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::{RunState, RunTry, SyncRun};
use crate::domain::warning::AttentionFilter;

/// Which runs are meant; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this record.
    pub parent_record_id: Option<SalesforceId>,
    /// That are there.
    pub state: Option<RunState>,
    /// That did this: one of [`RunFilter::KINDS`].
    pub kind: Option<&'static str>,
    /// Whether they wrote nothing.
    pub dry_run: Option<bool>,
    /// Asked for by this caller, first or after others.
    pub requested_by: Option<String>,
    /// That failed, or succeeded in part, and no later run of the record did better: of each record
    /// and kind the last one.
    pub unresolved: bool,
    /// Whose last try ended so.
    pub sync_status: Option<String>,
    /// Whose last try ended with this code.
    pub error_code: Option<String>,
    /// Of whose last try somebody should look at something.
    pub attention: Option<AttentionFilter>,
    /// Asked for at this moment or later.
    pub since: Option<Timestamp>,
    /// Asked for before this moment.
    pub until: Option<Timestamp>,
    /// Older than this run: where the page before ended.
    pub before: Option<SyncRunId>,
    /// At most so many.
    pub limit: u32,
}

impl RunFilter {
    /// What runs do: two that callers ask for, and two that operators do by hand.
    pub const KINDS: [&'static str; 4] = ["sync", "endDate", LINKS_RUN, REOPEN_RUN];

    /// The filter on the line of an audit log. Codes are words; what is none of ours is not for a
    /// log.
    pub fn in_words(&self) -> String {
        let is_code = |code: &str| {
            code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let code = self.error_code.as_deref().map(|code| if is_code(code) { code } else { "?" });
        let parts = [
            self.parent_record_id.as_ref().map(|record| format!("parentRecordId={record}")),
            code.map(|code| format!("errorCode={code}")),
            self.since.map(|since| format!("since={since}")),
            self.until.map(|until| format!("until={until}")),
            self.kind.map(|kind| format!("kind={kind}")),
            Some(format!("maxRuns={}", self.limit)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// How many runs are not over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenRuns {
    /// Some process works on it, or has died over it.
    pub running: u32,
    /// They wait for their turn, or for another run of their record.
    pub waiting: u32,
    /// So many of these somebody waits for.
    pub awaited: u32,
    /// So many of those that wait are of one caller, the one that has most.
    pub most_of_a_caller: u32,
    /// Ended, and to be tried again.
    pub retrying: u32,
    /// So many of these are due by now: what has failed before, and what is run again with others.
    pub due: [u32; 2],
    /// How long the oldest one that waits has waited; zero if none does.
    pub oldest_waiting: Duration,
}

/// Which of the runs that have ended are old enough to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRuns {
    /// All that ended before a moment.
    EndedBefore(Timestamp),
    /// Dry runs alone.
    DryRunsEndedBefore(Timestamp),
    /// Whichever are the oldest.
    Any,
}

/// How much is kept of runs that have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistorySize {
    /// So many.
    pub runs: u64,
    /// What the tables of all runs take up; of `SQLite`, the file.
    pub bytes: u64,
}

impl RunFilter {
    /// The filter as conditions about a row of `runs`, with the values of all parameters; `$1` is
    /// the limit. What does not matter is not in them: `SQLite` uses no index for `$2 IS NULL OR
    /// …`.
    pub(super) fn conditions(&self) -> (String, Vec<Value>) {
        let mut conditions = "true".to_owned();
        let mut values: Vec<Value> = vec![i64::from(self.limit).into()];
        let status = match self.sync_status.as_deref() {
            // As the index of the failed ones has it.
            Some("Failed") => {
                conditions.push_str(" AND sync_status = 'Failed'");
                None
            }
            status => status.map(Value::from),
        };
        // The first is what the index has.
        if self.attention.is_some() {
            conditions.push_str(" AND attention IS NOT NULL");
        }
        let wanted = [
            ("parent_record_id =", self.parent_record_id.as_ref().map(|id| id.as_str().into())),
            ("state =", self.state.map(|state| state.as_str().into())),
            ("kind =", self.kind.map(Value::from)),
            ("dry_run =", self.dry_run.map(Value::from)),
            ("sync_status =", status),
            ("error_code =", self.error_code.as_deref().map(Value::from)),
            ("requested_at_ms >=", self.since.map(Value::from)),
            ("id >=", self.since.map(|since| first_id_at(since).into())),
            ("requested_at_ms <", self.until.map(Value::from)),
            ("id <", self.before.map(|id| id.to_string().into())),
        ];
        for (condition, value) in wanted {
            if let Some(value) = value {
                values.push(value);
                let _ = write!(conditions, " AND {condition} ${}", values.len());
            }
        }
        if let Some(AttentionFilter::Code(code)) = self.attention {
            values.push(format!("% {} %", code.as_str().replace('_', "!_")).into());
            let _ = write!(conditions, " AND attention LIKE ${} ESCAPE '!'", values.len());
        }
        if let Some(caller) = &self.requested_by {
            values.push(caller.as_str().into());
            let at = values.len();
            let _ = write!(
                conditions,
                " AND (requested_by = ${at} OR EXISTS (SELECT 1 FROM run_joiners WHERE run_joiners.run_id = runs.id AND name = ${at}))"
            );
        }
        if self.unresolved {
            // The first is what the index has.
            conditions.push_str(
                " AND sync_status IN ('Failed', 'Partial Success') AND dry_run = 0 AND NOT EXISTS (
                     SELECT 1 FROM runs AS later
                     WHERE later.parent_record_id = runs.parent_record_id AND later.id > runs.id AND later.kind = runs.kind
                         AND later.dry_run = 0 AND later.sync_status IS NOT NULL
                 )",
            );
        }
        (conditions, values)
    }
}

impl Store {
    /// One run with everything about it.
    pub async fn load_run(&self, id: SyncRunId) -> Result<Option<SyncRun>, StoreError> {
        let operation = "load a run";
        let rows = self
            .database
            .fetch(operation, "SELECT * FROM runs WHERE id = $1", vec![id.to_string().into()])
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut run = run(row)?;
        run.callouts = Some(row.document("callouts")?);
        let result: Option<String> = row.optional("result")?;
        let result: Option<SyncResult> = result.map(|_| row.document("result")).transpose()?;
        let is_over = run.is_over();
        run.counts = result.as_ref().filter(|_| is_over).and_then(|result| result.counts);
        run.object_results = Some(match &result {
            Some(result) if is_over => result.object_results.clone(),
            _ => self.load_object_results(id, row.get("fence")?).await?,
        });
        run.result = result.filter(|_| is_over);
        let changes = ChangeFilter { run: Some(id), limit: u32::MAX, ..ChangeFilter::default() };
        run.changes = Some(self.list_changes(&changes).await?);
        let sql = "SELECT id FROM runs WHERE replay_of = $1 ORDER BY id";
        let replays = self.database.fetch(operation, sql, vec![id.to_string().into()]).await?;
        run.replays = replays.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        let joiners = self
            .database
            .fetch(
                operation,
                "SELECT name FROM run_joiners WHERE run_id = $1",
                vec![id.to_string().into()],
            )
            .await?;
        for joiner in &joiners {
            run.requested_by.push(joiner.get("name")?);
        }
        Ok(Some(run))
    }

    /// Which of some records a process syncs at this moment.
    pub async fn load_records_at_work(
        &self,
        records: &[SalesforceId],
    ) -> Result<Vec<SalesforceId>, StoreError> {
        let operation = "load the records that are being synced";
        let sql = "SELECT DISTINCT parent_record_id FROM runs
             WHERE parent_record_id IN (SELECT value FROM {texts:$1}) AND state = 'running' AND kind = 'sync' AND dry_run = 0";
        let records = serde_json::to_string(records).expect("ids are texts");
        let rows = self.database.fetch(operation, sql, vec![records.into()]).await?;
        rows.iter().map(|row| row.get("parent_record_id")).collect()
    }

    /// Runs without their results and callouts, newest first.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<SyncRun>, StoreError> {
        let operation = "list runs";
        let (conditions, values) = filter.conditions();
        let sql = format!(
            "SELECT id, parent_record_id, kind, state, dry_run, requested_at_ms, started_at_ms, ended_at_ms, sync_status, error_code,
                 attention, takeovers, tries, next_try_at_ms, replay_of, superseded_by, requested_by, salesforce_users, lease_until_ms,
                 {{json:result}}->>'counts' AS counts
             FROM runs WHERE {conditions} ORDER BY id DESC LIMIT $1"
        );
        let rows = self.database.fetch(operation, &sql, values).await?;
        let listed = |row: &Row| {
            let counts: Option<String> = row.optional("counts")?;
            let counts = counts.map(|_| row.document("counts")).transpose()?;
            let run = run(row)?;
            Ok(SyncRun { counts: counts.filter(|_| run.is_over()), ..run })
        };
        rows.iter().map(listed).collect()
    }

    /// The runs whose ids begin with these hexadecimal digits and hyphens, two of them at most: enough to tell whether it is one.
    pub async fn find_runs(&self, beginning: &str) -> Result<Vec<SyncRunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE id LIKE $1 ORDER BY id LIMIT 2";
        // No letter of an id means something to LIKE.
        let rows =
            self.database.fetch("find a run", sql, vec![format!("{beginning}%").into()]).await?;
        rows.iter().map(|row| row.get("id")).collect()
    }

    /// The answers of those of some runs whose last try has ended.
    pub async fn load_answers(
        &self,
        runs: &[SyncRunId],
    ) -> Result<HashMap<SyncRunId, SyncResult>, StoreError> {
        let operation = "load the answers of runs";
        let sql = "SELECT id, result FROM runs
             WHERE id IN (SELECT value FROM {texts:$1}) AND state IN ('ended', 'retrying') AND result IS NOT NULL";
        let ids: Json = runs.iter().map(|run| Json::from(run.to_string())).collect();
        let rows = self.database.fetch(operation, sql, vec![ids.to_string().into()]).await?;
        rows.iter().map(|row| Ok((row.get("id")?, row.document("result")?))).collect()
    }

    /// How many runs are not over, in all processes together. Each number is of a partial index:
    /// the runs that have ended are not read.
    pub async fn count_open_runs(&self) -> Result<OpenRuns, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM runs WHERE state = 'running') AS running,
                 (SELECT count(*) FROM runs WHERE state = 'waiting') AS waiting,
                 (SELECT count(*) FROM runs WHERE state = 'waiting' AND awaited_until_ms > {now}) AS awaited,
                 (SELECT coalesce(max(runs_of), 0) FROM (
                      SELECT count(*) AS runs_of FROM runs WHERE state = 'waiting' GROUP BY COALESCE(requested_by, '')
                  ) AS callers) AS most_of_a_caller,
                 (SELECT count(*) FROM runs WHERE state = 'retrying') AS retrying,
                 (SELECT count(*) FROM runs WHERE state = 'retrying' AND started_at_ms IS NOT NULL AND next_try_at_ms <= {now}) AS due_again,
                 (SELECT count(*) FROM runs WHERE state = 'retrying' AND started_at_ms IS NULL AND next_try_at_ms <= {now}) AS due_planned,
                 (SELECT coalesce({now} - min(requested_at_ms), 0) FROM runs WHERE state = 'waiting') AS oldest_waiting_ms";
        let rows = self.database.fetch("count the runs that are not over", sql, Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(OpenRuns::default()) };
        // The clock of the process that asked may be ahead of the database's.
        let oldest_ms = u64::try_from(row.get::<i64>("oldest_waiting_ms")?).unwrap_or(0);
        Ok(OpenRuns {
            running: row.get("running")?,
            waiting: row.get("waiting")?,
            awaited: row.get("awaited")?,
            most_of_a_caller: row.get("most_of_a_caller")?,
            retrying: row.get("retrying")?,
            due: [row.get("due_again")?, row.get("due_planned")?],
            oldest_waiting: Duration::from_millis(oldest_ms),
        })
    }

    /// Deletes runs that have ended, the oldest first, at most so many; how many were. Links stay.
    pub async fn delete_runs(&self, which: OldRuns, at_most: u32) -> Result<u64, StoreError> {
        let at_most = i64::from(at_most).into();
        let (sql, values) = match which {
            OldRuns::EndedBefore(moment) => (
                "DELETE FROM runs WHERE id IN (
                     SELECT id FROM runs WHERE state = 'ended' AND ended_at_ms < $1 ORDER BY ended_at_ms LIMIT $2 {unlocked:runs}
                 )",
                vec![moment.into(), at_most],
            ),
            OldRuns::DryRunsEndedBefore(moment) => (
                "DELETE FROM runs WHERE id IN (
                     SELECT id FROM runs WHERE state = 'ended' AND dry_run = 1 AND ended_at_ms < $1 ORDER BY ended_at_ms LIMIT $2
                     {unlocked:runs}
                 )",
                vec![moment.into(), at_most],
            ),
            OldRuns::Any => (
                "DELETE FROM runs WHERE id IN (
                     SELECT id FROM runs WHERE state = 'ended' ORDER BY ended_at_ms LIMIT $1 {unlocked:runs}
                 )",
                vec![at_most],
            ),
        };
        self.database.execute("delete old runs", sql, values).await
    }

    /// How large the history of runs is. It reads an index of all runs that have ended: not for
    /// each request.
    pub async fn measure_history(&self) -> Result<HistorySize, StoreError> {
        let sql =
            "SELECT (SELECT count(*) FROM runs WHERE state = 'ended') AS ended, {size} AS bytes";
        let rows = self.database.fetch("measure the history of runs", sql, Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(HistorySize::default()) };
        Ok(HistorySize { runs: row.get("ended")?, bytes: row.get("bytes")? })
    }

    async fn load_object_results(
        &self,
        id: SyncRunId,
        fence: i64,
    ) -> Result<Vec<ObjectResult>, StoreError> {
        let operation = "load the results of a run";
        // What an earlier claim saved may be about other objects.
        let sql = "SELECT result FROM run_object_results WHERE run_id = $1 AND fence = $2 ORDER BY position";
        let rows =
            self.database.fetch(operation, sql, vec![id.to_string().into(), fence.into()]).await?;
        rows.iter().map(|row| row.document("result")).collect()
    }
}

fn run(row: &Row) -> Result<SyncRun, StoreError> {
    let tries: Vec<RunTry> = row.document("tries")?;
    let started_at: Option<Timestamp> = row.optional("started_at_ms")?;
    let requested_by: Option<String> = row.optional("requested_by")?;
    let state: RunState = row.parsed("state", |word| word.parse().ok())?;
    let took = |ended: &RunTry| ended.ended_at.duration_since(ended.started_at).as_millis();
    let took_ms: i128 = tries.iter().map(took).sum();
    let lease_until: Option<Timestamp> = row.optional("lease_until_ms")?;
    Ok(SyncRun {
        message: tries.last().map(|last| last.message.clone()),
        duration_ms: (!tries.is_empty()).then(|| i64::try_from(took_ms).unwrap_or(i64::MAX)),
        counts: None,
        lease_until: lease_until.filter(|_| state == RunState::Running),
        sync_run_id: row.get("id")?,
        parent_record_id: row.get("parent_record_id")?,
        kind: row.get("kind")?,
        state,
        dry_run: row.is_set("dry_run")?,
        requested_at: row.get("requested_at_ms")?,
        started_at: tries.first().map(|first| first.started_at).or(started_at),
        ended_at: row.optional("ended_at_ms")?,
        sync_status: row.optional("sync_status")?,
        error_code: row.optional("error_code")?,
        attention: row.words("attention")?,
        takeovers: row.get("takeovers")?,
        tries,
        next_try_at: row.optional("next_try_at_ms")?,
        replay_of: row.optional("replay_of")?,
        replays: Vec::new(),
        superseded_by: row.optional("superseded_by")?,
        requested_by: requested_by.into_iter().collect(),
        salesforce_user_ids: row.words("salesforce_users")?,
        object_results: None,
        callouts: None,
        changes: None,
        result: None,
    })
}
