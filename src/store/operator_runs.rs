//! Runs that tell of what an operator changed by hand, in the transaction of the change: one for
//! each record that it concerns.
//!
//! They run as long as the transaction does, so that no other run of such a record is under way
//! meanwhile.

use jiff::Timestamp;
use serde_json::Value as Json;
use uuid::Uuid;

use super::StoreError;
use super::transaction::Transaction;
use crate::domain::answer::{AnsweredRun, SyncResult};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::outcome::RunOutcome;

/// What an operator wants, and who it is.
pub(super) struct OperatorOrder<'a> {
    /// The kind of the runs that tell of it.
    pub(super) kind: &'static str,
    /// What is wanted, as it is kept.
    pub(super) parameters: Json,
    /// Who asked for it, where callers have names.
    pub(super) requested_by: Option<&'a str>,
    /// When.
    pub(super) now: Timestamp,
}

impl OperatorOrder<'_> {
    /// Begins the run of a record; none if another one of it is under way.
    pub(super) async fn begin(
        &self,
        transaction: &mut Transaction,
        record: &SalesforceId,
    ) -> Result<Option<SyncRunId>, StoreError> {
        let run = SyncRunId(Uuid::now_v7());
        let sql =
            "INSERT INTO runs (id, parent_record_id, kind, parameters, dry_run, requested_at_ms, started_at_ms, requested_by, state, fence)
             VALUES ($1, $2, $6, $3, 0, $4, $4, $5, 'running', 1)
             ON CONFLICT DO NOTHING";
        let values = vec![
            run.to_string().into(),
            record.as_str().into(),
            self.parameters.to_string().into(),
            self.now.into(),
            self.requested_by.map(ToOwned::to_owned).into(),
            self.kind.into(),
        ];
        Ok((transaction.execute(sql, values).await? > 0).then_some(run))
    }

    /// Ends the run of a record with what was done.
    pub(super) async fn end(
        &self,
        transaction: &mut Transaction,
        run: SyncRunId,
        record: &SalesforceId,
        told: impl Iterator<Item = String>,
    ) -> Result<(), StoreError> {
        let outcome = RunOutcome::ended(Vec::new(), told.map(Into::into).collect());
        let answered = AnsweredRun {
            parent_record_id: Some(record.to_string()),
            sync_run_id: Some(run),
            ..AnsweredRun::default()
        };
        let result = SyncResult::new(&outcome, answered);
        let sql = "UPDATE runs SET state = 'ended', ended_at_ms = $1, sync_status = $2, result = $3 WHERE id = $4";
        let text = serde_json::to_string(&result).expect("what is saved has text keys only");
        let values = vec![
            self.now.into(),
            result.sync_status.to_string().into(),
            text.into(),
            run.to_string().into(),
        ];
        transaction.execute(sql, values).await.map(drop)
    }
}
