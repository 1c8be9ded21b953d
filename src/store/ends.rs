//! The ends that end dating made: written before m3ter is asked, so that a process that dies in
//! between loses none.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::claims::Claim;
use super::row::Row;
use super::transaction::Access;
use super::{Store, StoreError};
use crate::domain::ending::BillingEntity;
use crate::domain::ids::{M3terId, SyncRunId};
use crate::domain::made_end::{MadeEnd, SaidBy, SaidEnd};

impl Store {
    /// Remembers ends that the run is about to make; to be called before m3ter is asked for them.
    /// Who asked is taken from the run.
    pub async fn remember_ends(&self, claim: Claim, ends: &[MadeEnd]) -> Result<(), StoreError> {
        if ends.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin(Access::Write, "remember ends").await?;
        transaction.check_fence(claim).await?;
        let end = |end: &MadeEnd| {
            json!({
                "m3terId": end.m3ter_id, "entity": end.entity.word(), "record": end.record, "at": end.at.as_millisecond(), "end": end.end,
                "formerEnd": end.former_end, "saidEnd": end.said.end, "saidBy": end.said.by.as_str(),
            })
        };
        let ends: Json = ends
            .iter()
            .map(|made| (&made.m3ter_id, end(made)))
            .collect::<HashMap<_, _>>()
            .into_values()
            .collect();
        let sql = "INSERT INTO ends (m3ter_id, run_id, entity, record, ended_by, ended_at_ms, end_date, former_end, said_end, said_by)
             SELECT value->>'m3terId', $1, value->>'entity', value->>'record', (SELECT requested_by FROM runs WHERE id = $1),
                 CAST(value->>'at' AS BIGINT), value->>'end', value->>'formerEnd', value->>'saidEnd', value->>'saidBy'
             FROM {objects:$2} WHERE true
             ON CONFLICT (m3ter_id, run_id) DO UPDATE
             SET end_date = excluded.end_date, former_end = excluded.former_end, said_end = excluded.said_end,
                 said_by = excluded.said_by, ended_at_ms = excluded.ended_at_ms";
        transaction
            .execute(sql, vec![claim.run.to_string().into(), ends.to_string().into()])
            .await?;
        transaction.commit().await
    }

    /// What became of the ends that a run set out to make: those that are made are the only ones of
    /// their objects, those that are not are forgotten. What nobody knows of stays as it is.
    pub async fn settle_ends(
        &self,
        claim: Claim,
        made: &[M3terId],
        not_made: &[M3terId],
    ) -> Result<(), StoreError> {
        if made.is_empty() && not_made.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin(Access::Write, "settle ends").await?;
        transaction.check_fence(claim).await?;
        let run = claim.run.to_string();
        let sql =
            "DELETE FROM ends WHERE m3ter_id IN (SELECT value FROM {texts:$1}) AND run_id <> $2";
        transaction.execute(sql, vec![ids(made).into(), run.clone().into()]).await?;
        let sql =
            "DELETE FROM ends WHERE m3ter_id IN (SELECT value FROM {texts:$1}) AND run_id = $2";
        transaction.execute(sql, vec![ids(not_made).into(), run.into()]).await?;
        transaction.commit().await
    }

    /// The ends of some objects, by object.
    pub async fn load_ends(
        &self,
        objects: &[M3terId],
    ) -> Result<HashMap<M3terId, Vec<MadeEnd>>, StoreError> {
        let operation = "load the ends of objects";
        let sql = "SELECT m3ter_id, run_id, entity, record, ended_by, ended_at_ms, end_date, former_end, said_end, said_by
             FROM ends WHERE m3ter_id IN (SELECT value FROM {texts:$1})";
        let rows = self.database.fetch(operation, sql, vec![ids(objects).into()]).await?;
        let mut by_object: HashMap<M3terId, Vec<MadeEnd>> = HashMap::new();
        for end in ends(&rows)? {
            by_object.entry(end.m3ter_id.clone()).or_default().push(end);
        }
        Ok(by_object)
    }

    /// Forgets ends that Salesforce has taken back; one that was made meanwhile stays.
    pub async fn forget_ends(
        &self,
        claim: Claim,
        ends: &[(M3terId, SyncRunId)],
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "forget ends").await?;
        transaction.check_fence(claim).await?;
        let ends: Json = ends
            .iter()
            .map(|(object, run)| json!({"m3terId": object, "run": run.to_string()}))
            .collect();
        let sql = "DELETE FROM ends WHERE EXISTS (
                 SELECT 1 FROM {objects:$1} WHERE ends.m3ter_id = value->>'m3terId' AND ends.run_id = value->>'run'
             )";
        transaction.execute(sql, vec![ends.to_string().into()]).await?;
        transaction.commit().await
    }

    /// What counts for one object counts for the one that follows it, such as a Pricing with a new
    /// price.
    pub async fn inherit_ends(
        &self,
        claim: Claim,
        from: &M3terId,
        to: &M3terId,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "keep an end").await?;
        transaction.check_fence(claim).await?;
        let sql = "INSERT INTO ends (m3ter_id, run_id, entity, record, ended_by, ended_at_ms, end_date, former_end, said_end, said_by)
             SELECT $1, run_id, entity, record, ended_by, ended_at_ms, end_date, former_end, said_end, said_by FROM ends WHERE m3ter_id = $2
             ON CONFLICT DO NOTHING";
        transaction.execute(sql, vec![to.as_str().into(), from.as_str().into()]).await?;
        transaction.commit().await
    }
}

fn ids(ids: &[M3terId]) -> String {
    serde_json::to_string(ids).expect("ids are texts")
}

pub(super) fn ends(rows: &[Row]) -> Result<Vec<MadeEnd>, StoreError> {
    rows.iter().map(end).collect()
}

fn end(row: &Row) -> Result<MadeEnd, StoreError> {
    Ok(MadeEnd {
        m3ter_id: row.get("m3ter_id")?,
        entity: row.parsed("entity", BillingEntity::from_word)?,
        run: row.get("run_id")?,
        record: row.get("record")?,
        by: row.optional("ended_by")?,
        at: row.get("ended_at_ms")?,
        end: row.get("end_date")?,
        former_end: row.optional("former_end")?,
        said: SaidEnd {
            end: row.optional("said_end")?,
            by: row.parsed("said_by", SaidBy::from_word)?,
        },
    })
}
