//! Claims: which process works on which run, until when, and who continues when it does not.
//!
//! A claim is one UPDATE that sets the owner, raises the fence and sets the lease, judged by the
//! database's own clock. There are no locks beyond a transaction: what a process holds is in the
//! row, and ends by itself. A row that another transaction is changing is passed over, so that one
//! process which stands still in the middle of one keeps nobody from the other runs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::links::RecordLinks;
use super::row::Row;
use super::transaction::Access;
use super::value::Value;
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::plan::{Plan, PlanHash};
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

/// Which run a holder has, and by which claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: SyncRunId,
    /// How often it was claimed until then.
    pub fence: i64,
}

/// A run that a process holds, with what it needs to know to work on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run and the claim.
    pub claim: Claim,
    /// The record.
    pub parent_record_id: SalesforceId,
    /// What is to be done with it; `None` if this version does not know.
    pub task: Option<RunTask>,
    /// The plan that it was asked to carry out, and nothing else.
    pub expected_plan: Option<PlanHash>,
    /// That plan, once it was found to be what would be written: what is left of it is still to be
    /// done.
    pub plan: Option<Plan>,
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
    /// Who asked for it first, where callers have names.
    pub requested_by: Option<String>,
    /// Until when somebody waits for its answer, whatever process that is; `None`: nobody did.
    pub awaited_until: Option<Timestamp>,
    /// Whether it was planned with others to be run again and has not been tried before.
    pub is_planned: bool,
    /// Whether a crash of the machine still loses it: nothing outside may rely on it before it is
    /// settled.
    pub is_provisional: bool,
    /// The links of its record as they were when it was claimed; `None`: they were not read.
    pub links: Option<RecordLinks>,
}

/// What [`claimed`] reads of a row of `runs` that was changed.
macro_rules! returning_claimed {
    () => {
        "RETURNING id, fence, kind, parameters, plan, parent_record_id, dry_run, requested_at_ms, started_at_ms, takeovers, tries, callouts, trace,
             requested_by, awaited_until_ms"
    };
}
pub(super) use returning_claimed;

/// The lease of a run that has ended means nothing: it is only written, for the disk to be waited
/// for.
const SETTLE_ENDED: &str = "UPDATE runs SET lease_until_ms = lease_until_ms + 1 WHERE id = $1 AND state = 'ended' RETURNING id";

impl Store {
    /// Renews the leases of some runs; returns those that are still held, whose fences the caller
    /// compares. A lease that has run out is renewed too, as long as nobody else has claimed the
    /// run.
    pub async fn renew(
        &self,
        runs: &[SyncRunId],
        claimant: &Claimant,
    ) -> Result<Vec<Claim>, StoreError> {
        let operation = "renew the claims of this process";
        let sql = "UPDATE runs SET lease_until_ms = {now} + $1
             WHERE owner = $2 AND state = 'running' AND id IN (SELECT value FROM {texts:$3})
             RETURNING id, fence";
        let runs: Json = runs.iter().map(|run| Json::from(run.to_string())).collect();
        let rows = self
            .change(
                operation,
                sql,
                vec![
                    claimant.lease_ms().into(),
                    claimant.owner.as_str().into(),
                    runs.to_string().into(),
                ],
            )
            .await?;
        rows.iter().map(read_claim).collect()
    }

    /// Renews the claim of a run, which is on the disk afterwards, with all that was written before.
    /// So is a run that has ended meanwhile.
    pub async fn settle(&self, claim: Claim, claimant: &Claimant) -> Result<(), StoreError> {
        // A statement that changes nothing would write nothing, and wait for nothing.
        let renew = "UPDATE runs SET lease_until_ms = CASE
                 WHEN lease_until_ms < {now} + $2 THEN {now} + $2 ELSE lease_until_ms + 1
             END
             WHERE id = $1 AND fence = $3 AND state = 'running' AND owner = $4
             RETURNING id";
        let values = vec![
            claim.run.to_string().into(),
            claimant.lease_ms().into(),
            claim.fence.into(),
            claimant.owner.as_str().into(),
        ];
        let statements = [renew, SETTLE_ENDED];
        let rows = self.database.write_at_once("settle a run", &statements, values).await?;
        rows.first().map(drop).ok_or(StoreError::ClaimLost(claim.run))
    }

    /// Puts a run on the disk that has ended, if it has.
    pub async fn settle_ended(&self, run: SyncRunId) -> Result<(), StoreError> {
        let values = vec![run.to_string().into()];
        self.database.write_at_once("settle a run", &[SETTLE_ENDED], values).await.map(drop)
    }

    /// Takes over one run whose lease has run out, or that was given back; of one record only, if
    /// one is named.
    pub async fn claim_abandoned(
        &self,
        record: Option<&SalesforceId>,
        claimant: &Claimant,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let sql = concat!(
            "UPDATE runs SET owner = $1, fence = fence + 1, lease_until_ms = {now} + $2,
                 takeovers = takeovers + CASE WHEN owner IS NULL THEN 0 ELSE 1 END
             WHERE id = (
                 SELECT id FROM runs
                 WHERE state = 'running' AND lease_until_ms <= {now} AND ($3 IS NULL OR parent_record_id = $3)
                 ORDER BY lease_until_ms LIMIT 1 {unlocked:runs}
             ) AND state = 'running' AND lease_until_ms <= {now}
             ",
            returning_claimed!()
        );
        let values = vec![
            claimant.owner.as_str().into(),
            claimant.lease_ms().into(),
            record.map(SalesforceId::as_str).into(),
        ];
        self.claim("take over a run", sql, values).await
    }

    /// Gives a run back, so that another process can go on with it at once.
    pub async fn release(&self, claim: Claim) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET owner = NULL, lease_until_ms = 0 WHERE id = $1 AND fence = $2 AND state = 'running'";
        self.database
            .execute("hand over a run", sql, vec![claim.run.to_string().into(), claim.fence.into()])
            .await
            .map(drop)
    }

    pub(super) async fn claim(
        &self,
        operation: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        match self.change(operation, sql, values).await {
            Ok(rows) => rows.first().map(claimed).transpose(),
            // Someone else began a run of the record at the same moment.
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn change(
        &self,
        operation: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let rows = transaction.fetch(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

fn read_claim(row: &Row) -> Result<Claim, StoreError> {
    Ok(Claim { run: row.get("id")?, fence: row.get("fence")? })
}

/// A row of `runs` as the process needs it that has just claimed it.
pub(super) fn claimed(row: &Row) -> Result<ClaimedRun, StoreError> {
    let (kind, parameters): (String, String) = (row.get("kind")?, row.get("parameters")?);
    let (task, expected_plan) = RunTask::from_saved(&kind, &parameters).unzip();
    let plan = |text: String| Plan::from_saved(&text).ok_or_else(|| row.unreadable(text));
    let started_at: Option<Timestamp> = row.optional("started_at_ms")?;
    let awaited_until: Timestamp = row.get("awaited_until_ms")?;
    Ok(ClaimedRun {
        claim: read_claim(row)?,
        parent_record_id: row.get("parent_record_id")?,
        task,
        expected_plan: expected_plan.flatten(),
        plan: row.optional("plan")?.map(plan).transpose()?,
        dry_run: row.is_set("dry_run")?,
        started_at: started_at.unwrap_or(row.get("requested_at_ms")?),
        takeovers: row.get("takeovers")?,
        tries: row.document("tries")?,
        callouts: row.document("callouts")?,
        trace: row.optional("trace")?,
        requested_by: row.optional("requested_by")?,
        awaited_until: Some(awaited_until).filter(|until| *until > Timestamp::UNIX_EPOCH),
        is_planned: false,
        is_provisional: false,
        links: None,
    })
}
