//! The rows by which replicas share m3ter's request limit; `domain::share` decides what is in them.
//!
//! A row is written only as the version that was read, so that nothing that comes late changes what
//! was written since. Each write is one message: a process that stops in the middle of one keeps
//! nobody waiting. Nobody waits for the disk, but whoever takes on `PostgreSQL`: if a crash of the
//! server loses what only keeps or gives, the row says more than its replica has.

use std::time::Duration;

use super::database::Engine;
use super::row::Row;
use super::{Store, StoreError};
use crate::domain::share::{HeldShare, ReplicaRow, Step};

/// Only one replica at a time can take; reads are not blocked.
const ALONE: &str = "LOCK TABLE replicas IN SHARE ROW EXCLUSIVE MODE";

const ENTER: &str =
    "INSERT INTO replicas (id, seen_at_ms, share, need, lease_ms) VALUES ($1, {now}, $2, $3, $4) ON CONFLICT (id) DO NOTHING
     RETURNING id";
/// Earlier versions forget none of those that died.
const FORGET_EARLIER: &str =
    "DELETE FROM replicas WHERE lease_ms IS NULL AND seen_at_ms < {now} - $5";
const KEEP: &str = "UPDATE replicas SET share = $2, need = $3, lease_ms = $4,
         seen_at_ms = CASE WHEN {now} > seen_at_ms THEN {now} ELSE seen_at_ms + 1 END
     WHERE id = $1 AND seen_at_ms = $5 AND share >= $2
     RETURNING id";
const TAKE: &str = "UPDATE replicas SET share = $2, need = $3, lease_ms = $4,
         seen_at_ms = CASE WHEN {now} > seen_at_ms THEN {now} ELSE seen_at_ms + 1 END
     WHERE id = $1 AND seen_at_ms = $5
       AND (SELECT COALESCE(sum(CASE WHEN others.lease_ms IS NULL THEN $7 ELSE others.share END), 0) FROM replicas AS others
            WHERE others.id <> $1) <= $6 - $2
     RETURNING id";

impl Store {
    /// The rows of all replicas, in the order of their ids.
    pub async fn load_replicas(&self) -> Result<Vec<ReplicaRow>, StoreError> {
        let sql = "SELECT id, seen_at_ms, {now} - seen_at_ms AS age_ms, share, need, lease_ms FROM replicas ORDER BY id";
        let rows = self.database.fetch("look at the replicas", sql, Vec::new()).await?;
        rows.iter().map(replica).collect()
    }

    /// Carries out a step of the replica `id`; `false` if its row is not what it was, or others
    /// have taken what there was.
    pub async fn save_share(&self, id: &str, step: &Step) -> Result<bool, StoreError> {
        let values = |held: &HeldShare| {
            vec![
                id.into(),
                i64::from(held.share).into(),
                i64::from(held.need).into(),
                in_ms(held.lease).into(),
            ]
        };
        let rows = match step {
            Step::Enter { held, earlier_for } => {
                let mut values = values(held);
                values.push(in_ms(*earlier_for).into());
                self.database
                    .write_unsynced("enter this replica", &[FORGET_EARLIER, ENTER], values)
                    .await?
            }
            Step::Keep { held, version } => {
                let mut values = values(held);
                values.push((*version).into());
                self.database.write_unsynced("keep this replica's share", &[KEEP], values).await?
            }
            Step::Take { held, version, limit, earlier_version, .. } => {
                let (operation, mut values) = ("take a larger share", values(held));
                values.extend([
                    (*version).into(),
                    i64::from(*limit).into(),
                    i64::from(*earlier_version).into(),
                ]);
                match &self.database.engine {
                    Engine::Postgres(_) => {
                        self.database.write_at_once(operation, &[ALONE, TAKE], values).await?
                    }
                    // One process writes, and a machine that crashes takes all replicas along.
                    Engine::Sqlite { .. } => {
                        self.database.write_unsynced(operation, &[TAKE], values).await?
                    }
                }
            }
        };
        Ok(!rows.is_empty())
    }

    /// Forgets rows that count no more, as they were when they were read.
    pub async fn forget_replicas(&self, rows: &[ReplicaRow]) -> Result<(), StoreError> {
        for row in rows {
            let sql = "DELETE FROM replicas WHERE id = $1 AND seen_at_ms = $2";
            self.database
                .execute("forget a replica", sql, vec![row.id.as_str().into(), row.version.into()])
                .await?;
        }
        Ok(())
    }

    /// A replica ends: its row is gone, or says for a window what it has `spent` in the last one.
    pub async fn end_replica(&self, id: &str, spent: u32) -> Result<(), StoreError> {
        let operation = "note that this replica ends";
        if spent == 0 {
            return self
                .database
                .execute(operation, "DELETE FROM replicas WHERE id = $1", vec![id.into()])
                .await
                .map(drop);
        }
        let sql = "UPDATE replicas SET share = CASE WHEN share < $2 THEN share ELSE $2 END, need = 0, lease_ms = 0,
                 seen_at_ms = CASE WHEN {now} > seen_at_ms THEN {now} ELSE seen_at_ms + 1 END
             WHERE id = $1";
        self.database
            .execute(operation, sql, vec![id.into(), i64::from(spent).into()])
            .await
            .map(drop)
    }
}

fn in_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn replica(row: &Row) -> Result<ReplicaRow, StoreError> {
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let (share, need) = (row.optional("share")?, row.optional("need")?);
    let lease = row.optional("lease_ms")?.map(ms);
    let held = share.zip(need).zip(lease);
    Ok(ReplicaRow {
        id: row.get("id")?,
        version: row.get("seen_at_ms")?,
        // No more than it is: both instants are cut to milliseconds.
        age: ms(row.get::<i64>("age_ms")? - 1),
        held: held.map(|((share, need), lease)| HeldShare { share, need, lease }),
    })
}
