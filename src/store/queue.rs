//! The queue: which runs wait for their turn, and the claims that begin them.
//!
//! A process with a free place asks for the heads: of each caller the next run of each class. It
//! chooses one of them and claims it. Both cost as much as there are callers, not as there are
//! runs.

use jiff::Timestamp;

use super::claims::{Claimant, ClaimedRun, returning_claimed};
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};

/// How urgent a run is that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueClass {
    /// Somebody waits for its answer.
    Awaited,
    /// Nobody does, or not any more.
    Accepted,
    /// It has failed before.
    Retry,
    /// It was planned with others, to run again what had failed.
    Replay,
}

/// The next run of a caller and a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueHead {
    /// The run.
    pub run: SyncRunId,
    /// Who asked for it, where callers have names.
    pub caller: Option<String>,
    /// Its class.
    pub class: QueueClass,
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueWait {
    /// Another run of its record.
    Record,
    /// Its turn, among all that wait.
    Turn {
        /// How many do.
        waiting: u32,
    },
}

/// What is to be done that no process does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claimable {
    /// Runs are running by the word of a process whose lease has run out, or were given back.
    pub abandoned: bool,
    /// So many wait for their turn or their record.
    pub waiting: u32,
    /// So many of them are of one caller, the one that has most.
    pub most_of_a_caller: u32,
    /// Runs are to be tried again.
    pub due: bool,
}

/// Leaves out what is due and what a newer run of the record has done meanwhile, and says which
/// one. A planned run that was never tried has that one's answer.
const LEAVE_OUT: &str = "UPDATE runs SET state = 'ended', next_try_at_ms = NULL, superseded_by = newer.id,
         ended_at_ms = COALESCE(runs.ended_at_ms, CASE WHEN runs.requested_at_ms > $1 THEN runs.requested_at_ms ELSE $1 END),
         sync_status = COALESCE(runs.sync_status, newer.sync_status), result = COALESCE(runs.result, newer.result),
         attention = CASE WHEN runs.result IS NULL THEN newer.attention ELSE runs.attention END
     FROM runs AS newer
     WHERE runs.state = 'retrying' AND runs.next_try_at_ms <= {now} AND newer.id = (
         SELECT max(done.id) FROM runs AS done
         WHERE done.parent_record_id = runs.parent_record_id AND done.id > runs.id AND done.kind = runs.kind
           AND done.parameters = runs.parameters AND done.dry_run = 0 AND done.state = 'ended' AND done.sync_status <> 'Failed'
     )";

/// Whether a waiting run may begin: a dry run always, others if the service is not paused, no run
/// of the record is under way, and none has waited for it longer.
macro_rules! may_begin {
    () => {
        "(waiting.dry_run = 1 OR (
             NOT EXISTS (SELECT 1 FROM pauses WHERE pauses.state = 'paused')
             AND NOT EXISTS (
                 SELECT 1 FROM runs AS running
                 WHERE running.parent_record_id = waiting.parent_record_id AND running.state = 'running' AND running.dry_run = 0
             )
             AND NOT EXISTS (
                 SELECT 1 FROM runs AS older
                 WHERE older.parent_record_id = waiting.parent_record_id AND older.state = 'waiting' AND older.dry_run = 0
                   AND older.id < waiting.id
             )
         ))"
    };
}

/// The same of a run that is tried again.
macro_rules! may_be_tried {
    () => {
        "NOT EXISTS (SELECT 1 FROM pauses WHERE pauses.state = 'paused')
         AND NOT EXISTS (
             SELECT 1 FROM runs AS running
             WHERE running.parent_record_id = due.parent_record_id AND running.state = 'running' AND running.dry_run = 0
         )"
    };
}

/// The callers of the rows of an index, one seek for each.
macro_rules! callers_of {
    ($rows:literal) => {
        concat!(
            "SELECT (SELECT COALESCE(requested_by, '') FROM runs WHERE ",
            $rows,
            " ORDER BY COALESCE(requested_by, '') LIMIT 1)
             UNION ALL
             SELECT (SELECT COALESCE(requested_by, '') FROM runs WHERE ",
            $rows,
            " AND COALESCE(requested_by, '') > callers.caller
                     ORDER BY COALESCE(requested_by, '') LIMIT 1)
             FROM callers WHERE callers.caller IS NOT NULL"
        )
    };
}

/// One row for each caller and class; `id` is NULL if there is no such run. $1 is the record that
/// is meant, or NULL, $2 the present moment.
const WAITING_HEADS: &str = concat!(
    "WITH RECURSIVE callers (caller) AS (",
    callers_of!("state = 'waiting'"),
    ")
     SELECT caller, 'awaited' AS class, (
         SELECT id FROM runs AS waiting
         WHERE state = 'waiting' AND COALESCE(requested_by, '') = callers.caller AND awaited_until_ms > $2
           AND ($1 IS NULL OR parent_record_id = $1) AND ",
    may_begin!(),
    "
         ORDER BY awaited_until_ms LIMIT 1
     ) AS id FROM callers WHERE caller IS NOT NULL
     UNION ALL
     SELECT caller, 'accepted' AS class, (
         SELECT id FROM runs AS waiting
         WHERE state = 'waiting' AND COALESCE(requested_by, '') = callers.caller AND awaited_until_ms > 0 AND awaited_until_ms <= $2
           AND ($1 IS NULL OR parent_record_id = $1) AND ",
    may_begin!(),
    "
         ORDER BY awaited_until_ms LIMIT 1
     ) AS id FROM callers WHERE caller IS NOT NULL
     UNION ALL
     SELECT caller, 'accepted' AS class, (
         SELECT id FROM runs AS waiting
         WHERE state = 'waiting' AND COALESCE(requested_by, '') = callers.caller AND awaited_until_ms = 0
           AND ($1 IS NULL OR parent_record_id = $1) AND ",
    may_begin!(),
    "
         ORDER BY id LIMIT 1
     ) AS id FROM callers WHERE caller IS NOT NULL"
);
const RETRY_HEADS: &str = concat!(
    "WITH RECURSIVE callers (caller) AS (",
    callers_of!("state = 'retrying' AND started_at_ms IS NOT NULL"),
    ")
     SELECT caller, 'retry' AS class, (
         SELECT id FROM runs AS due
         WHERE state = 'retrying' AND started_at_ms IS NOT NULL AND COALESCE(requested_by, '') = callers.caller AND next_try_at_ms <= $1
           AND ",
    may_be_tried!(),
    "
         ORDER BY next_try_at_ms LIMIT 1
     ) AS id FROM callers WHERE caller IS NOT NULL"
);
const PLANNED_HEADS: &str = concat!(
    "WITH RECURSIVE callers (caller) AS (",
    callers_of!("state = 'retrying' AND started_at_ms IS NULL"),
    ")
     SELECT caller, 'replay' AS class, (
         SELECT id FROM runs AS due
         WHERE state = 'retrying' AND started_at_ms IS NULL AND COALESCE(requested_by, '') = callers.caller AND next_try_at_ms <= $1
           AND ",
    may_be_tried!(),
    "
         ORDER BY next_try_at_ms LIMIT 1
     ) AS id FROM callers WHERE caller IS NOT NULL"
);

impl Store {
    /// What is to be done that no process does; of one record only, if one is named. What is to be
    /// tried again is nobody's then.
    pub async fn load_claimable(
        &self,
        record: Option<&SalesforceId>,
    ) -> Result<Claimable, StoreError> {
        let sql = "SELECT
                 (SELECT count(*) FROM runs WHERE state = 'running' AND lease_until_ms <= {now} AND ($1 IS NULL OR parent_record_id = $1))
                     AS abandoned,
                 (SELECT count(*) FROM runs WHERE state = 'waiting') AS waiting,
                 (SELECT coalesce(max(runs_of), 0) FROM (
                      SELECT count(*) AS runs_of FROM runs WHERE state = 'waiting' GROUP BY COALESCE(requested_by, '')
                  ) AS callers) AS most_of_a_caller,
                 (SELECT count(*) FROM (SELECT 1 FROM runs WHERE state = 'retrying' AND next_try_at_ms <= {now} LIMIT 1) AS due) AS due";
        let rows = self
            .database
            .fetch("look for work", sql, vec![record.map(SalesforceId::as_str).into()])
            .await?;
        let Some(row) = rows.first() else { return Ok(Claimable::default()) };
        Ok(Claimable {
            abandoned: row.is_set("abandoned")?,
            waiting: row.get("waiting")?,
            most_of_a_caller: row.get("most_of_a_caller")?,
            due: row.is_set("due")? && record.is_none(),
        })
    }

    /// The next run of each caller and class that may begin at `now`, the one that was asked for
    /// first at the beginning; of one record only, if one is named, and then none that is tried
    /// again.
    pub async fn load_queue_heads(
        &self,
        record: Option<&SalesforceId>,
        now: Timestamp,
    ) -> Result<Vec<QueueHead>, StoreError> {
        let operation = "look up whose turn it is";
        let mut rows = self
            .database
            .fetch(
                operation,
                WAITING_HEADS,
                vec![record.map(SalesforceId::as_str).into(), now.into()],
            )
            .await?;
        if record.is_none() {
            for sql in [RETRY_HEADS, PLANNED_HEADS] {
                rows.extend(self.database.fetch(operation, sql, vec![now.into()]).await?);
            }
        }
        let mut heads = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(run) = row.optional("id")? else { continue };
            let class = match row.get::<String>("class")?.as_str() {
                "awaited" => QueueClass::Awaited,
                "accepted" => QueueClass::Accepted,
                "retry" => QueueClass::Retry,
                _ => QueueClass::Replay,
            };
            let caller = Some(row.get("caller")?).filter(|caller: &String| !caller.is_empty());
            heads.push(QueueHead { run, caller, class });
        }
        heads.sort_by_key(|head| head.run);
        Ok(heads)
    }

    /// What a run waits for; `None` if it has begun.
    pub async fn load_wait(&self, run: SyncRunId) -> Result<Option<QueueWait>, StoreError> {
        let sql = "SELECT
                 (SELECT count(*) FROM runs AS running
                  WHERE running.parent_record_id = waiting.parent_record_id AND running.state = 'running' AND running.dry_run = 0
                    AND waiting.dry_run = 0) AS is_behind,
                 (SELECT count(*) FROM runs WHERE state = 'waiting') AS all_waiting
             FROM runs AS waiting WHERE id = $1 AND state = 'waiting'";
        let rows = self
            .database
            .fetch("look up what a run waits for", sql, vec![run.to_string().into()])
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(if row.is_set("is_behind")? {
            QueueWait::Record
        } else {
            QueueWait::Turn { waiting: row.get("all_waiting")? }
        }))
    }

    /// Begins a run that waits, unless another process has begun it or another run of its record by
    /// now.
    pub async fn claim_waiting(
        &self,
        run: SyncRunId,
        now: Timestamp,
        claimant: &Claimant,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let sql = concat!(
            "UPDATE runs SET state = 'running', owner = $1, fence = fence + 1, lease_until_ms = {now} + $2,
                 started_at_ms = CASE WHEN requested_at_ms > $3 THEN requested_at_ms ELSE $3 END
             WHERE id = (SELECT id FROM runs AS waiting WHERE id = $4 AND state = 'waiting' AND ",
            may_begin!(),
            " {unlocked:waiting})
               AND state = 'waiting'
             ",
            returning_claimed!()
        );
        let values = vec![
            claimant.owner.as_str().into(),
            claimant.lease_ms().into(),
            now.into(),
            run.to_string().into(),
        ];
        self.claim("begin a waiting run", sql, values).await
    }

    /// Begins the next try of a run that is due, unless a newer run of the record has done the
    /// same, which ends it. While another run is at work at the record it stays due.
    pub async fn claim_due(
        &self,
        run: SyncRunId,
        now: Timestamp,
        claimant: &Claimant,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let operation = "try a run again";
        self.database.execute(operation, LEAVE_OUT, vec![now.into()]).await?;
        let sql = concat!(
            "UPDATE runs SET state = 'running', owner = $1, fence = fence + 1, lease_until_ms = {now} + $2, next_try_at_ms = NULL,
                 started_at_ms = CASE WHEN requested_at_ms > $3 THEN requested_at_ms ELSE $3 END
             WHERE id = (
                 SELECT id FROM runs AS due
                 WHERE id = $4 AND state = 'retrying' AND next_try_at_ms <= {now} AND ",
            may_be_tried!(),
            " {unlocked:due}
             ) AND state = 'retrying'
             ",
            returning_claimed!()
        );
        let values = vec![
            claimant.owner.as_str().into(),
            claimant.lease_ms().into(),
            now.into(),
            run.to_string().into(),
        ];
        let claimed = self.claim(operation, sql, values).await?;
        Ok(claimed.map(|run| ClaimedRun { is_planned: run.tries.is_empty(), ..run }))
    }
}
