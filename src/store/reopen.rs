//! An operator takes ends of end dating back: they are forgotten, and the next sync follows
//! Salesforce.
//!
//! It is a run of each record that it concerns, as a change of links is: no end dating of these is
//! under way meanwhile, none that failed is tried again afterwards, and the history has it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::ends::ends;
use super::operator_runs::OperatorOrder;
use super::transaction::{Access, Transaction};
use super::{Store, StoreError};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::made_end::{MadeEnd, ReopenAnswer, ReopenedEntity};

/// The kind of the runs that tell of what an operator reopened.
pub(super) const REOPEN_RUN: &str = "reopen";

/// What was reopened, or would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reopening {
    /// The ends that are forgotten, in the order of results.
    pub ends: Vec<MadeEnd>,
    /// The runs that tell of it, one for each record.
    pub runs: Vec<(SalesforceId, SyncRunId)>,
}

impl Reopening {
    /// As callers see it.
    pub fn answer(self, record: SalesforceId, dry_run: bool) -> ReopenAnswer {
        ReopenAnswer {
            parent_record_id: record,
            dry_run,
            reopened: self.ends.into_iter().map(ReopenedEntity::from).collect(),
            sync_run_ids: self.runs.into_iter().map(|(_, run)| run).collect(),
        }
    }
}

/// Why nothing was reopened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReopened {
    /// Nothing is remembered.
    #[error("no end dating is remembered of the record {0}")]
    NothingEnded(SalesforceId),
    /// A run of a record that it concerns is under way.
    #[error("a run of the record {0} is in progress")]
    Busy(SalesforceId),
}

impl Store {
    /// What would be reopened with a record: all that was ended with it, and all of its own.
    pub async fn plan_reopening(
        &self,
        record: &SalesforceId,
    ) -> Result<Result<Reopening, NotReopened>, StoreError> {
        let mut transaction = self.database.begin(Access::Read, "look at ends").await?;
        let ends = ends_of(&mut transaction, record).await?;
        transaction.roll_back().await?;
        Ok(if ends.is_empty() {
            Err(NotReopened::NothingEnded(record.clone()))
        } else {
            Ok(Reopening { ends, runs: Vec::new() })
        })
    }

    /// Forgets the ends of a record, all or none, unless a run of a record that it concerns is
    /// under way.
    pub async fn reopen(
        &self,
        record: &SalesforceId,
        requested_by: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<Reopening, NotReopened>, StoreError> {
        let mut transaction = self.database.begin(Access::Write, "reopen a record").await?;
        let ends = ends_of(&mut transaction, record).await?;
        if ends.is_empty() {
            transaction.roll_back().await?;
            return Ok(Err(NotReopened::NothingEnded(record.clone())));
        }
        let records: BTreeSet<SalesforceId> =
            ends.iter().map(|end| end.record.clone()).chain([record.clone()]).collect();
        let order = OperatorOrder {
            kind: REOPEN_RUN,
            parameters: json!({"reopen": record}),
            requested_by,
            now,
        };
        let mut runs = Vec::new();
        for concerned in records {
            let Some(run) = order.begin(&mut transaction, &concerned).await? else {
                transaction.roll_back().await?;
                return Ok(Err(NotReopened::Busy(concerned)));
            };
            give_up_end_datings(&mut transaction, &concerned, run).await?;
            runs.push((concerned, run));
        }
        let objects: serde_json::Value = ends
            .iter()
            .map(|end| json!({"m3terId": end.m3ter_id, "run": end.run.to_string()}))
            .collect();
        let sql = "DELETE FROM ends WHERE EXISTS (
                 SELECT 1 FROM {objects:$1} WHERE ends.m3ter_id = value->>'m3terId' AND ends.run_id = value->>'run'
             )";
        transaction.execute(sql, vec![objects.to_string().into()]).await?;
        for (concerned, run) in &runs {
            order.end(&mut transaction, *run, concerned, ends.iter().map(forgotten)).await?;
        }
        transaction.commit().await?;
        Ok(Ok(Reopening { ends, runs }))
    }
}

async fn ends_of(
    transaction: &mut Transaction,
    record: &SalesforceId,
) -> Result<Vec<MadeEnd>, StoreError> {
    let sql = "SELECT m3ter_id, run_id, entity, record, ended_by, ended_at_ms, end_date, former_end, said_end, said_by
         FROM ends WHERE record = $1 OR m3ter_id IN (SELECT m3ter_id FROM links WHERE (root = $1 OR row = $1) AND relation = 'owned')";
    let rows = transaction.fetch(sql, vec![record.as_str().into()]).await?;
    let mut ends = ends(&rows)?;
    ends.sort_by(|a, b| (a.entity, &a.m3ter_id, a.at).cmp(&(b.entity, &b.m3ter_id, b.at)));
    Ok(ends)
}

/// What an end dating of a record was to do again by itself is not done any more.
async fn give_up_end_datings(
    transaction: &mut Transaction,
    record: &SalesforceId,
    run: SyncRunId,
) -> Result<(), StoreError> {
    let sql = "UPDATE runs SET state = 'ended', next_try_at_ms = NULL, superseded_by = $2
         WHERE parent_record_id = $1 AND kind = 'endDate' AND state = 'retrying'";
    transaction.execute(sql, vec![record.as_str().into(), run.to_string().into()]).await.map(drop)
}

fn forgotten(end: &MadeEnd) -> String {
    format!(
        "The end of the m3ter {} {} at {} (end dating {}) was forgotten: the next sync follows Salesforce",
        end.entity.object_name(),
        end.m3ter_id,
        end.end,
        end.run
    )
}
