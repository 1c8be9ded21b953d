//! The admission of runs: a request becomes a row that is claimed, one that waits for its turn, or
//! none because one like it waits already.
//!
//! A run begins at once if its process has a place for it and its record is free. How many may wait
//! is bounded, for each caller and for all; what is beyond leaves nothing behind.

use jiff::Timestamp;

use super::bounds::QueueBounds;
use super::claims::{Claim, Claimant, ClaimedRun};
use super::links::{RecordLinks, links};
use super::transaction::{Access, Transaction};
use super::value::Value;
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::plan::PlanHash;
use crate::domain::run::{RunState, RunTask};

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id, a UUID of version 7: later runs sort later.
    pub id: SyncRunId,
    /// The record.
    pub parent_record_id: SalesforceId,
    /// What is to be done with it.
    pub task: RunTask,
    /// The plan that it is to carry out, and nothing else.
    pub expected_plan: Option<PlanHash>,
    /// Whether nothing is to be written to m3ter or Salesforce.
    pub dry_run: bool,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Until when somebody waits for its answer; `None`: nobody does.
    pub awaited_until: Option<Timestamp>,
    /// The run that it repeats.
    pub replay_of: Option<SyncRunId>,
    /// Who asked for it, where callers have names.
    pub requested_by: Option<String>,
    /// The Salesforce user as whom it was asked for, if the request said so.
    pub salesforce_user: Option<SalesforceId>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

impl NewRun {
    /// The run as whoever claims it with the row that it becomes.
    pub(super) fn claimed(&self) -> ClaimedRun {
        ClaimedRun {
            claim: Claim { run: self.id, fence: 1 },
            parent_record_id: self.parent_record_id.clone(),
            task: Some(self.task.clone()),
            expected_plan: self.expected_plan,
            plan: None,
            dry_run: self.dry_run,
            started_at: self.requested_at,
            takeovers: 0,
            tries: Vec::new(),
            callouts: Vec::new(),
            trace: self.trace.clone(),
            requested_by: self.requested_by.clone(),
            awaited_until: self.awaited_until,
            is_planned: false,
            is_provisional: false,
            links: None,
        }
    }
}

/// What became of a request for a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Admission {
    /// The run is claimed and can begin.
    Claimed(ClaimedRun),
    /// It waits for its record or its turn, or joins one that does the same and waits.
    Waits(SyncRunId),
    /// As many wait as may.
    Refused(QueueFull),
}

/// Which bound is reached, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFull {
    /// So many of the caller wait.
    OfCaller(u32),
    /// So many wait in all.
    All(u32),
}

impl QueueFull {
    /// The bound in one word, as metrics have it.
    pub fn bound(self) -> &'static str {
        match self {
            Self::OfCaller(_) => "caller",
            Self::All(_) => "all",
        }
    }
}

/// Inserts a run, unless its id is there already, its state is one that the record has already, or
/// a condition is not met. Each condition has a statement of its own, which is cheap to plan.
macro_rules! insert_run {
    ($condition:literal) => {
        concat!(
            "INSERT INTO runs
                 (id, parent_record_id, kind, parameters, dry_run, requested_at_ms, replay_of, requested_by,
                  state, owner, fence, lease_until_ms, started_at_ms, trace, salesforce_users, awaited_until_ms)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $11 = 0 THEN 0 ELSE {now} + $12 END,
                 CAST($13 AS BIGINT), $14, $15, $16
             WHERE ",
            $condition,
            " ON CONFLICT DO NOTHING"
        )
    };
}

/// None begins while the service is paused.
const BEGIN_RUN: &str = insert_run!("NOT EXISTS (SELECT 1 FROM pauses WHERE state = 'paused')");
/// A dry run joins one that waits.
const BEGIN_DRY_RUN: &str = insert_run!(
    "NOT EXISTS (
         SELECT 1 FROM runs WHERE parent_record_id = $2 AND kind = $3 AND parameters = $4 AND dry_run = 1 AND state = 'waiting'
     )"
);
/// None waits beyond the bounds.
const QUEUE_RUN: &str = insert_run!(
    "(SELECT count(*) FROM (SELECT 1 FROM runs WHERE state = 'waiting' AND COALESCE(requested_by, '') = $17 LIMIT $18 + 0) AS own) < $18
     AND (SELECT count(*) FROM (SELECT 1 FROM runs WHERE state = 'waiting' LIMIT $19 + 0) AS others) < $19"
);

/// The run that has this id, and the one that waits for the same.
const FIND_ADMITTED: &str = "SELECT id, owner, fence FROM runs WHERE id = $1
     UNION ALL
     SELECT id, owner, fence FROM runs
     WHERE parent_record_id = $2 AND kind = $3 AND parameters = $4 AND dry_run = $5 AND state = 'waiting' AND id <> $1";

/// The length of the list of users from which on further ones are left out: some hundred of them.
const MAX_USERS_BYTES: i64 = 2_000;
/// A run that is awaited almost as long as a joiner waits need not be changed for him, in
/// milliseconds.
const AWAITED_ENOUGH_MS: i64 = 5_000;

/// Who has the run, and whether earlier runs of the record left changes open.
const OWNER: &str = "SELECT owner, fence, (SELECT count(*) FROM changes WHERE root = $2 AND changes.state = 'open') AS open_changes
     FROM runs WHERE id = $1";

/// The links of the record, for [`links`], where the run is the one that was inserted.
const LINKS: &str =
    "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
     WHERE root = $2 AND EXISTS (SELECT 1 FROM runs WHERE id = $1)";

/// How often an admission starts over because the run that it met ended meanwhile.
const ADMISSION_ROUNDS: u32 = 20;

impl Store {
    /// Saves a run for which the process has a place: claimed at once if its record is free, else
    /// as waiting, else not at all because one like it waits already or too many do. One that is
    /// claimed and whose caller waits may be provisional: see [`Store::settle`].
    pub async fn admit(&self, run: &NewRun, claimant: &Claimant) -> Result<Admission, StoreError> {
        let operation = "save a run";
        // Mostly the record is free: one message, whose answer is the same if it must be sent
        // twice. What the run reads of its record first comes along.
        let (statements, values) = ([begin(run), OWNER, LINKS], self.inserted(run, Some(claimant)));
        let is_provisional = run.awaited_until.is_some();
        let rows = if is_provisional {
            self.database.write_provisionally(operation, &statements, values).await?
        } else {
            self.database.write_at_once(operation, &statements, values).await?
        };
        let Some((row, linked)) = rows.split_first() else {
            return self.admit_in_steps(operation, run, Some(claimant)).await;
        };
        let owner: Option<String> = row.optional("owner")?;
        if owner.as_ref() == Some(&claimant.owner) && row.get::<i64>("fence")? == 1 {
            let has_open_changes = row.is_set("open_changes")?;
            let links = RecordLinks { links: links(linked)?, has_open_changes };
            let links = Some(links);
            return Ok(Admission::Claimed(ClaimedRun { is_provisional, links, ..run.claimed() }));
        }
        // The first answer was lost for so long that another process has the run by now.
        Ok(Admission::Waits(run.id))
    }

    /// Saves a run for which the process has no place: as waiting for its turn, or not at all
    /// because one like it waits already or too many do.
    pub async fn enqueue(&self, run: &NewRun) -> Result<Admission, StoreError> {
        let operation = "save a run that waits";
        let rows = self
            .database
            .write_at_once(operation, &[QUEUE_RUN, FIND_ADMITTED], self.inserted(run, None))
            .await?;
        match rows.first().map(|row| row.get::<SyncRunId>("id")).transpose()? {
            Some(id) if id == run.id => Ok(Admission::Waits(id)),
            _ => self.admit_in_steps(operation, run, None).await,
        }
    }

    async fn admit_in_steps(
        &self,
        operation: &'static str,
        run: &NewRun,
        claimant: Option<&Claimant>,
    ) -> Result<Admission, StoreError> {
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        for _ in 0..ADMISSION_ROUNDS {
            if let Some(claimant) = claimant
                && transaction.execute(begin(run), self.inserted(run, Some(claimant))).await? > 0
            {
                transaction.commit().await?;
                return Ok(Admission::Claimed(run.claimed()));
            }
            // A run that waits at this moment begins later, and so sees the record as it is now, or
            // newer.
            if let Some((waiting, awaited_until_ms)) = find_waiting(&mut transaction, run).await? {
                join(&mut transaction, waiting, run).await?;
                wait_for(&mut transaction, waiting, awaited_until_ms, run).await?;
                transaction.commit().await?;
                return Ok(Admission::Waits(waiting));
            }
            // The running one cannot end before this transaction does: it will find who waits for
            // it.
            let sql = "SELECT id FROM runs WHERE parent_record_id = $1 AND state = 'running' AND dry_run = 0 {locked}";
            let is_running = !run.dry_run
                && !transaction
                    .fetch(sql, vec![run.parent_record_id.as_str().into()])
                    .await?
                    .is_empty();
            // While the service is paused it waits for that.
            if claimant.is_none() || is_running || (!run.dry_run && transaction.is_paused().await?)
            {
                if transaction.execute(QUEUE_RUN, self.inserted(run, None)).await? > 0 {
                    transaction.commit().await?;
                    return Ok(Admission::Waits(run.id));
                }
                if let Some(full) = self.full(&mut transaction, run).await? {
                    transaction.roll_back().await?;
                    return Ok(Admission::Refused(full));
                }
            }
        }
        transaction.roll_back().await?;
        Err(StoreError::Locked { operation, database: self.database.place.to_string() })
    }

    /// Notes that a run is shared with who asks for another one, which is not saved.
    pub async fn join(&self, shared: SyncRunId, run: &NewRun) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "join a run").await?;
        join(&mut transaction, shared, run).await?;
        wait_for(&mut transaction, shared, 0, run).await?;
        transaction.commit().await
    }

    /// The bound that a further run would go beyond.
    async fn full(
        &self,
        transaction: &mut Transaction,
        run: &NewRun,
    ) -> Result<Option<QueueFull>, StoreError> {
        let QueueBounds { of_caller, all } = self.bounds;
        let sql = "SELECT
                 (SELECT count(*) FROM runs WHERE state = 'waiting' AND COALESCE(requested_by, '') = $1) AS own,
                 (SELECT count(*) FROM runs WHERE state = 'waiting') AS others";
        let rows = transaction.fetch(sql, vec![caller(run).into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if row.get::<i64>("own")? >= i64::from(of_caller) {
            return Ok(Some(QueueFull::OfCaller(of_caller)));
        }
        if row.get::<i64>("others")? >= i64::from(all) {
            return Ok(Some(QueueFull::All(all)));
        }
        Ok(None)
    }

    /// The parameters of what inserts a run.
    fn inserted(&self, run: &NewRun, claimant: Option<&Claimant>) -> Vec<Value> {
        vec![
            run.id.to_string().into(),
            run.parent_record_id.as_str().into(),
            run.task.kind().into(),
            run.task.parameters(run.expected_plan.as_ref()).into(),
            run.dry_run.into(),
            run.requested_at.into(),
            run.replay_of.map(|id| id.to_string()).into(),
            run.requested_by.clone().into(),
            if claimant.is_some() { RunState::Running } else { RunState::Waiting }.as_str().into(),
            claimant.map(|claimant| claimant.owner.clone()).into(),
            i64::from(claimant.is_some()).into(),
            claimant.map_or(0, Claimant::lease_ms).into(),
            claimant.map(|_| run.requested_at).into(),
            run.trace.clone().into(),
            run.salesforce_user.as_ref().map(SalesforceId::as_str).into(),
            awaited_until_ms(run).into(),
            caller(run).into(),
            i64::from(self.bounds.of_caller).into(),
            i64::from(self.bounds.all).into(),
        ]
    }
}

/// What begins a run.
fn begin(run: &NewRun) -> &'static str {
    if run.dry_run { BEGIN_DRY_RUN } else { BEGIN_RUN }
}

/// Who asks, as the index has it.
fn caller(run: &NewRun) -> &str {
    run.requested_by.as_deref().unwrap_or_default()
}

fn awaited_until_ms(run: &NewRun) -> i64 {
    run.awaited_until.map_or(0, Timestamp::as_millisecond)
}

/// The run that waits for the same, and until when it is awaited.
async fn find_waiting(
    transaction: &mut Transaction,
    run: &NewRun,
) -> Result<Option<(SyncRunId, i64)>, StoreError> {
    let sql = "SELECT id, awaited_until_ms FROM runs
         WHERE parent_record_id = $1 AND kind = $2 AND parameters = $3 AND dry_run = $4 AND state = 'waiting'";
    let values = vec![
        run.parent_record_id.as_str().into(),
        run.task.kind().into(),
        run.task.parameters(run.expected_plan.as_ref()).into(),
        run.dry_run.into(),
    ];
    let rows = transaction.fetch(sql, values).await?;
    let found = rows.first().map(|row| Ok((row.get("id")?, row.get("awaited_until_ms")?)));
    found.transpose()
}

/// A run is awaited as long as the last one waits who shares it.
async fn wait_for(
    transaction: &mut Transaction,
    waiting: SyncRunId,
    present_ms: i64,
    run: &NewRun,
) -> Result<(), StoreError> {
    if awaited_until_ms(run) < present_ms.saturating_add(AWAITED_ENOUGH_MS) {
        return Ok(());
    }
    let sql = "UPDATE runs SET awaited_until_ms = $1 WHERE id = $2 AND state = 'waiting' AND awaited_until_ms < $1";
    transaction
        .execute(sql, vec![awaited_until_ms(run).into(), waiting.to_string().into()])
        .await
        .map(drop)
}

/// Notes who shares a run from now on, if that is somebody else than its first asker. It may begin
/// or end meanwhile: its row stays.
async fn join(
    transaction: &mut Transaction,
    waiting: SyncRunId,
    run: &NewRun,
) -> Result<(), StoreError> {
    if let Some(user) = &run.salesforce_user {
        let sql = "UPDATE runs SET salesforce_users = CASE WHEN salesforce_users IS NULL THEN $1 ELSE salesforce_users || ' ' || $1 END
             WHERE id = $2 AND (salesforce_users IS NULL OR (salesforce_users NOT LIKE '%' || $1 || '%' AND length(salesforce_users) < $3))";
        let values = vec![user.as_str().into(), waiting.to_string().into(), MAX_USERS_BYTES.into()];
        transaction.execute(sql, values).await?;
    }
    let Some(name) = &run.requested_by else { return Ok(()) };
    let sql = "INSERT INTO run_joiners (run_id, name)
         SELECT id, $1 FROM runs WHERE id = $2 AND (requested_by IS NULL OR requested_by <> $1)
         ON CONFLICT DO NOTHING";
    transaction.execute(sql, vec![name.as_str().into(), waiting.to_string().into()]).await.map(drop)
}
