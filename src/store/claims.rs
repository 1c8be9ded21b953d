//! Claims: which process works on which run, until when, and who goes on when it does not.
//!
//! A claim is one UPDATE that sets the owner, raises the fence and sets the lease, judged by the database's own clock. There are no
//! locks beyond a transaction: what a process holds is in the row, and ends by itself. A row that another transaction is changing is
//! passed over, so that one process which stands still in the middle of one keeps nobody from the other runs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::database::{Access, Row};
use super::runs::{Held, NewRun};
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::{RunCallout, RunTask, RunTry};

/// Who claims, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// The process, by an id that no other process ever has.
    pub owner: String,
    /// How long a claim is good without a renewal.
    pub lease: Duration,
}

impl Claimant {
    pub(super) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Whether there is work that no process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimable {
    /// Running, by the word of a process whose lease has run out, or given back.
    pub abandoned: bool,
    /// Waiting, and nothing goes before it.
    pub orphaned: bool,
    /// To be tried again.
    pub due: bool,
}

/// A run that a process holds, with what it needs to know to work on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run and the claim.
    pub held: Held,
    /// The record.
    pub parent_record_id: SalesforceId,
    /// What is to be done with it; `None` if this version does not know.
    pub task: Option<RunTask>,
    /// Whether nothing is to be written to m3ter or Salesforce.
    pub dry_run: bool,
    /// When the present try began.
    pub started_at: Timestamp,
    /// How often the run was taken over from a process that had died.
    pub takeovers: u32,
    /// The tries that have ended.
    pub tries: Vec<RunTry>,
    /// The callouts of those who worked on it before.
    pub callouts: Vec<RunCallout>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

impl ClaimedRun {
    /// A run that was claimed when it was saved.
    pub(super) fn first(run: &NewRun) -> Self {
        Self {
            held: Held { run: run.id, fence: 1 },
            parent_record_id: run.parent_record_id.clone(),
            task: Some(run.task.clone()),
            dry_run: run.dry_run,
            started_at: run.requested_at,
            takeovers: 0,
            tries: Vec::new(),
            callouts: Vec::new(),
            trace: run.trace.clone(),
        }
    }
}

impl Store {
    /// Renews the leases of some runs; returns those that are still held, whose fences the caller compares. A lease that has run out
    /// is renewed too, as long as nobody else has claimed the run.
    pub async fn renew(&self, runs: &[SyncRunId], claimant: &Claimant) -> Result<Vec<Held>, StoreError> {
        let operation = "renew the claims of this process";
        let sql = "UPDATE runs SET lease_until_ms = {now} + $1
             WHERE owner = $2 AND state = 'running' AND id IN (SELECT value FROM {texts:$3})
             RETURNING id, fence";
        let runs: Json = runs.iter().map(|run| Json::from(run.to_string())).collect();
        let rows =
            self.change(operation, sql, vec![claimant.lease_ms().into(), claimant.owner.as_str().into(), runs.to_string().into()]).await?;
        rows.iter().map(|row| held(row, operation)).collect()
    }

    /// Takes over one run whose lease has run out, or that was given back; of one record only, if one is named.
    pub async fn claim_abandoned(&self, record: Option<&SalesforceId>, claimant: &Claimant) -> Result<Option<ClaimedRun>, StoreError> {
        let sql = "UPDATE runs SET owner = $1, fence = fence + 1, lease_until_ms = {now} + $2,
                 takeovers = takeovers + CASE WHEN owner IS NULL THEN 0 ELSE 1 END
             WHERE id = (
                 SELECT id FROM runs
                 WHERE state = 'running' AND lease_until_ms <= {now} AND ($3 IS NULL OR parent_record_id = $3)
                 ORDER BY lease_until_ms LIMIT 1 {unlocked:runs}
             ) AND state = 'running' AND lease_until_ms <= {now}
             RETURNING *";
        let values = vec![claimant.owner.as_str().into(), claimant.lease_ms().into(), record.map(SalesforceId::as_str).into()];
        self.claim("take over a run", sql, values).await
    }

    /// What is to be done that no process does; of one record only, if one is named.
    pub async fn load_claimable(&self, record: Option<&SalesforceId>) -> Result<Claimable, StoreError> {
        let sql = "SELECT
                 (SELECT count(*) FROM runs WHERE state = 'running' AND lease_until_ms <= {now} AND ($1 IS NULL OR parent_record_id = $1))
                     AS abandoned,
                 (SELECT count(*) FROM runs AS waiting
                  WHERE state = 'waiting' AND dry_run = 0 AND ($1 IS NULL OR parent_record_id = $1) AND NOT EXISTS (
                      SELECT 1 FROM runs AS running
                      WHERE running.parent_record_id = waiting.parent_record_id AND running.state = 'running' AND running.dry_run = 0
                  )) AS orphaned,
                 (SELECT count(*) FROM runs WHERE state = 'retrying' AND next_try_at_ms <= {now}) AS due";
        let rows = self.database.fetch("look for work", sql, vec![record.map(SalesforceId::as_str).into()]).await?;
        let is_there = |column| rows.first().is_some_and(|row| row.integer(column) > 0);
        Ok(Claimable { abandoned: is_there("abandoned"), orphaned: is_there("orphaned"), due: is_there("due") })
    }

    /// Begins one run that waits for a record whose turn nobody has: whoever had it could not pass it on.
    pub async fn claim_orphaned(
        &self,
        record: Option<&SalesforceId>,
        now: Timestamp,
        claimant: &Claimant,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let sql = "UPDATE runs SET state = 'running', owner = $1, fence = fence + 1, lease_until_ms = {now} + $2, started_at_ms = $3
             WHERE id = (
                 SELECT id FROM runs AS waiting
                 WHERE state = 'waiting' AND dry_run = 0 AND ($4 IS NULL OR parent_record_id = $4) AND NOT EXISTS (
                     SELECT 1 FROM runs AS running
                     WHERE running.parent_record_id = waiting.parent_record_id AND running.state = 'running' AND running.dry_run = 0
                 )
                 ORDER BY id LIMIT 1 {unlocked:waiting}
             ) AND state = 'waiting'
             RETURNING *";
        let record = record.map(SalesforceId::as_str);
        let values = vec![claimant.owner.as_str().into(), claimant.lease_ms().into(), now.into(), record.into()];
        self.claim("begin a waiting run", sql, values).await
    }

    /// Begins the next try of one run that is due, unless a newer run of the record succeeded, which ends it. A record at which
    /// another run is at work comes later.
    pub async fn claim_due(&self, now: Timestamp, claimant: &Claimant) -> Result<Option<ClaimedRun>, StoreError> {
        let operation = "try a run again";
        let sql = "UPDATE runs SET state = 'ended', next_try_at_ms = NULL
             WHERE state = 'retrying' AND next_try_at_ms <= {now} AND EXISTS (
                 SELECT 1 FROM runs AS newer
                 WHERE newer.parent_record_id = runs.parent_record_id AND newer.id > runs.id AND newer.kind = runs.kind
                   AND newer.parameters = runs.parameters
                   AND newer.dry_run = 0 AND newer.state = 'ended' AND newer.sync_status <> 'Failed'
             )";
        self.database.execute(operation, sql, Vec::new()).await?;
        let sql = "UPDATE runs SET state = 'running', owner = $1, fence = fence + 1, lease_until_ms = {now} + $2, started_at_ms = $3,
                 next_try_at_ms = NULL
             WHERE id = (
                 SELECT id FROM runs AS due
                 WHERE state = 'retrying' AND next_try_at_ms <= {now} AND NOT EXISTS (
                     SELECT 1 FROM runs AS running
                     WHERE running.parent_record_id = due.parent_record_id AND running.state = 'running' AND running.dry_run = 0
                 )
                 ORDER BY next_try_at_ms LIMIT 1 {unlocked:due}
             ) AND state = 'retrying'
             RETURNING *";
        let values = vec![claimant.owner.as_str().into(), claimant.lease_ms().into(), now.into()];
        self.claim(operation, sql, values).await
    }

    /// Gives a run back, so that another process can go on with it at once.
    pub async fn release(&self, held: Held) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET owner = NULL, lease_until_ms = 0 WHERE id = $1 AND fence = $2 AND state = 'running'";
        self.database.execute("give a run back", sql, vec![held.run.to_string().into(), held.fence.into()]).await.map(drop)
    }

    /// Notes that a process lives; how many do, itself among them, that gave a sign of life `within` this time.
    pub async fn save_heartbeat(&self, claimant: &Claimant, within: Duration) -> Result<u32, StoreError> {
        let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.database.begin(Access::Write, "note that this process lives").await?;
        let sql = "INSERT INTO replicas (id, seen_at_ms) VALUES ($1, {now})
             ON CONFLICT (id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms";
        transaction.execute(sql, vec![claimant.owner.as_str().into()]).await?;
        let sql = "SELECT count(*) AS living FROM replicas WHERE seen_at_ms > {now} - $1";
        let rows = transaction.fetch(sql, vec![within_ms.into()]).await?;
        transaction.commit().await?;
        Ok(rows.first().and_then(|row| u32::try_from(row.integer("living")).ok()).unwrap_or(1))
    }

    /// Notes that a process ends; those that died without saying so are forgotten as well.
    pub async fn delete_heartbeat(&self, claimant: &Claimant) -> Result<(), StoreError> {
        let sql = "DELETE FROM replicas WHERE id = $1 OR seen_at_ms < {now} - 86400000";
        self.database.execute("note that this process ends", sql, vec![claimant.owner.as_str().into()]).await.map(drop)
    }

    async fn claim(
        &self,
        operation: &'static str,
        sql: &'static str,
        values: Vec<super::database::Value>,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        match self.change(operation, sql, values).await {
            Ok(rows) => rows.first().map(|row| claimed(row, operation)).transpose(),
            // Someone else began a run of the record at the same moment.
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn change(
        &self,
        operation: &'static str,
        sql: &'static str,
        values: Vec<super::database::Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let rows = transaction.fetch(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

fn held(row: &Row, operation: &'static str) -> Result<Held, StoreError> {
    Ok(Held { run: super::run_id(row.text("id"), operation)?, fence: row.integer("fence") })
}

/// A row of `runs` as the process needs it that has just claimed it.
pub(super) fn claimed(row: &Row, operation: &'static str) -> Result<ClaimedRun, StoreError> {
    Ok(ClaimedRun {
        held: held(row, operation)?,
        parent_record_id: super::salesforce_id(row.text("parent_record_id"), operation)?,
        task: RunTask::from_saved(&row.text("kind"), &row.text("parameters")),
        dry_run: row.integer("dry_run") != 0,
        started_at: super::optional_instant(row, "started_at_ms", operation)?.unwrap_or(super::instant(row, "requested_at_ms", operation)?),
        takeovers: u32::try_from(row.integer("takeovers")).unwrap_or(u32::MAX),
        tries: super::document(row, "tries", operation)?,
        callouts: super::document(row, "callouts", operation)?,
        trace: row.optional_text("trace"),
    })
}
