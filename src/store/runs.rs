//! The runs: one row for each request that is not answered by another run; what its holder writes,
//! to its end.
//!
//! Whatever a holder writes is a transaction that begins with a look at its run by id, fence and
//! state, which holds it: it finds no row once another process has the run, and nothing else is
//! written then.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::changes::{Changes, save_changes};
use super::claims::{Claim, Claimant, ClaimedRun, claimed, returning_claimed};
use super::links::{Link, insert_links};
use super::row::Row;
use super::transaction::{Access, Transaction};
use super::value::Value;
use super::{Store, StoreError};
use crate::domain::answer::{ObjectResult, WrittenResult};
use crate::domain::entity::ObjectKey;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::plan::Plan;
use crate::domain::run::{RunCallout, RunState, RunTry};

/// What a run has done since the last time.
#[derive(Debug, Default)]
pub struct Progress<'a> {
    /// Results by their position; a later one replaces an earlier one.
    pub results: &'a [(u32, ObjectResult)],
    /// What belongs together from now on.
    pub links: &'a [Link],
    /// What was changed in m3ter, or is about to be.
    pub changes: Changes<'a>,
    /// All callouts of the run; `None` leaves those that are saved.
    pub callouts: Option<&'a [RunCallout]>,
}

/// How a try of a run ended.
#[derive(Debug)]
pub struct EndedTry<'a> {
    /// The answer.
    pub result: &'a WrittenResult,
    /// All tries, this one last.
    pub tries: &'a [RunTry],
    /// All callouts of the run.
    pub callouts: &'a [RunCallout],
    /// When.
    pub ended_at: Timestamp,
    /// Whether nothing relies on the run: it has written nothing, nothing was promised of it, and
    /// nobody must look at it.
    pub is_provisional: bool,
}

/// Ends a try, if its claim is still good.
const END: &str = "UPDATE runs SET state = $7, ended_at_ms = $3, sync_status = $8, error_code = $9, result = $10, next_try_at_ms = $11,
         tries = $12, callouts = $13, attention = $14, lease_until_ms = 0, plan = CASE WHEN $7 = 'ended' THEN NULL ELSE plan END
     WHERE id = $1 AND fence = $2 AND state = 'running'
     RETURNING id";

/// A statement sees what was committed before it began: this one also who was admitted to wait
/// while [`END`] had to wait for that. It begins a run only if the one before has ended under its
/// claim, now or by the same message before.
const BEGIN_NEXT: &str = concat!(
    "UPDATE runs SET state = 'running', owner = $5, fence = fence + 1,
         started_at_ms = CASE WHEN requested_at_ms > $3 THEN requested_at_ms ELSE $3 END,
         lease_until_ms = {now} + $6
     WHERE state = 'waiting' AND $5 IS NOT NULL
       AND id = (SELECT id FROM runs WHERE parent_record_id = $4 AND state = 'waiting' AND dry_run = 0 ORDER BY id LIMIT 1)
       AND EXISTS (SELECT 1 FROM runs WHERE id = $1 AND fence = $2 AND state <> 'running')
       AND NOT EXISTS (SELECT 1 FROM runs WHERE parent_record_id = $4 AND state = 'running' AND dry_run = 0)
       AND NOT EXISTS (SELECT 1 FROM pauses WHERE state = 'paused')
     ",
    returning_claimed!()
);

/// Whether there is one that [`BEGIN_NEXT`] might begin.
const FIND_NEXT: &str = "SELECT id FROM runs
     WHERE parent_record_id = $4 AND state = 'waiting' AND dry_run = 0 AND $5 IS NOT NULL LIMIT 1";

/// The parameters of [`BEGIN_NEXT`] and [`FIND_NEXT`], the first ones of [`END`].
fn next_values(run: &ClaimedRun, ended: &EndedTry<'_>, next: Option<&Claimant>) -> Vec<Value> {
    vec![
        run.claim.run.to_string().into(),
        run.claim.fence.into(),
        ended.ended_at.into(),
        run.parent_record_id.as_str().into(),
        next.map(|claimant| claimant.owner.clone()).into(),
        next.map_or(0, Claimant::lease_ms).into(),
    ]
}

impl Store {
    /// Saves what a run has done so far, all or none.
    pub async fn save_progress(
        &self,
        claim: Claim,
        progress: &Progress<'_>,
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "save the progress of a run").await?;
        match progress.callouts {
            Some(callouts) => {
                let sql = "UPDATE runs SET callouts = $1 WHERE id = $2 AND fence = $3 AND state = 'running' RETURNING id";
                transaction.fenced(claim, sql, vec![text(callouts).into()]).await?;
            }
            None => transaction.check_fence(claim).await?,
        }
        if !progress.results.is_empty() {
            let by_position: BTreeMap<u32, &ObjectResult> =
                progress.results.iter().map(|(position, result)| (*position, result)).collect();
            let results: Json = by_position
                .iter()
                .map(|(position, result)| json!({"position": position, "result": text(result)}))
                .collect();
            let sql = "INSERT INTO run_object_results (run_id, position, fence, result)
                 SELECT $1, CAST(value->>'position' AS BIGINT), $2, value->>'result' FROM {objects:$3} WHERE true
                 ON CONFLICT (run_id, position) DO UPDATE SET result = excluded.result, fence = excluded.fence";
            transaction
                .execute(
                    sql,
                    vec![
                        claim.run.to_string().into(),
                        claim.fence.into(),
                        results.to_string().into(),
                    ],
                )
                .await?;
        }
        insert_links(&mut transaction, progress.links).await?;
        save_changes(&mut transaction, claim, &progress.changes).await?;
        transaction.commit().await
    }

    /// Saves the plan that a run carries out: a process that takes the run over continues with
    /// what is left of it.
    pub async fn save_plan(&self, claim: Claim, plan: &Plan) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "save the plan of a run").await?;
        let sql = "UPDATE runs SET plan = $1 WHERE id = $2 AND fence = $3 AND state = 'running' RETURNING id";
        transaction.fenced(claim, sql, vec![plan.to_saved().into()]).await?;
        transaction.commit().await
    }

    /// Deletes the links of some objects of a deal, all or none.
    pub async fn delete_links(
        &self,
        claim: Claim,
        root: &SalesforceId,
        objects: &[ObjectKey],
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "delete links of a record").await?;
        transaction.check_fence(claim).await?;
        let sql = "DELETE FROM links WHERE root = $1 AND EXISTS (
                 SELECT 1 FROM {objects:$2}
                 WHERE links.row = value->>'row' AND links.kind = value->>'kind' AND links.key = value->>'key'
             )";
        let object = |object: &ObjectKey| json!({"row": object.row, "kind": object.kind.name(), "key": object.key});
        let objects: Json = objects.iter().map(object).collect();
        transaction.execute(sql, vec![root.as_str().into(), objects.to_string().into()]).await?;
        transaction.commit().await
    }

    /// Saves the end of a try, and begins the run that waits for the record, claimed by `next`; if
    /// that is `None` it waits on for its turn among all. With `next_try_at` in the result the run
    /// stays to be tried again.
    ///
    /// The end of a provisional run is provisional, too: see [`Store::settle`].
    pub async fn end(
        &self,
        run: &ClaimedRun,
        ended: &EndedTry<'_>,
        next: Option<&Claimant>,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let operation = "save the end of a run";
        let result = ended.result;
        let state = if result.next_try_at.is_some() { RunState::Retrying } else { RunState::Ended };
        let mut values = next_values(run, ended, next);
        values.extend([
            state.as_str().into(),
            result.sync_status.to_string().into(),
            result.error_code.clone().into(),
            Arc::clone(result.json()).into(),
            result.next_try_at.into(),
            text(ended.tries).into(),
            text(ended.callouts).into(),
            (!result.attention.is_empty())
                .then(|| format!(" {} ", result.attention.join(" ")))
                .into(),
        ]);
        let rows = if ended.is_provisional {
            self.database.write_provisionally(operation, &[END, FIND_NEXT], values).await?
        } else {
            self.database.write_at_once(operation, &[END, BEGIN_NEXT], values).await?
        };
        match rows.as_slice() {
            [row, found @ ..] if row.get::<SyncRunId>("id")? == run.claim.run => {
                if found.is_empty() || !ended.is_provisional {
                    return found.first().map(claimed).transpose();
                }
                // A claim is never provisional: a crash would let another one have the same fence.
                let values = next_values(run, ended, next);
                let begun = self.database.write_at_once(operation, &[BEGIN_NEXT], values).await?;
                begun.first().map(claimed).transpose()
            }
            _ => self.ended_before(run, ended, next).await,
        }
    }

    /// What [`Store::end`] did whose answer was lost: the run that it began, with a new lease.
    async fn ended_before(
        &self,
        run: &ClaimedRun,
        ended: &EndedTry<'_>,
        next: Option<&Claimant>,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let operation = "look at the end of a run";
        let sql = "SELECT id FROM runs WHERE id = $1 AND fence = $2 AND state <> 'running'";
        let values = vec![run.claim.run.to_string().into(), run.claim.fence.into()];
        if self.database.fetch(operation, sql, values).await?.is_empty() {
            return Err(StoreError::ClaimLost(run.claim.run));
        }
        let Some(claimant) = next else { return Ok(None) };
        // A run that waited was never claimed before.
        let sql = concat!(
            "UPDATE runs SET lease_until_ms = {now} + $1
             WHERE parent_record_id = $2 AND state = 'running' AND dry_run = 0 AND owner = $3 AND fence = 1 AND started_at_ms >= $4
             ",
            returning_claimed!()
        );
        let values = vec![
            claimant.lease_ms().into(),
            run.parent_record_id.as_str().into(),
            claimant.owner.as_str().into(),
            ended.ended_at.into(),
        ];
        let rows = self.database.write_at_once(operation, &[sql], values).await?;
        rows.first().map(claimed).transpose()
    }
}

impl Transaction {
    /// Begins what a holder writes with a statement that checks the claim: id and fence are its
    /// last two parameters. Stops on 0 rows.
    async fn fenced(
        &mut self,
        claim: Claim,
        sql: &'static str,
        mut values: Vec<Value>,
    ) -> Result<Row, StoreError> {
        values.extend([claim.run.to_string().into(), claim.fence.into()]);
        let row = self.fetch(sql, values).await?.pop();
        row.ok_or(StoreError::ClaimLost(claim.run))
    }

    /// The same where the run itself does not change. An UPDATE would write its row again, which is
    /// long in a large deal.
    pub(super) async fn check_fence(&mut self, claim: Claim) -> Result<(), StoreError> {
        let sql = "SELECT id FROM runs WHERE id = $1 AND fence = $2 AND state = 'running' {locked}";
        self.fenced(claim, sql, Vec::new()).await.map(drop)
    }
}

fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("what is saved has text keys only")
}
