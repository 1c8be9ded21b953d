//! How many objects end dating may end within an hour, counted by all processes together.

use super::claims::Claim;
use super::transaction::Access;
use super::{Store, StoreError};

/// The time over which ends are counted.
const HOUR_MS: i64 = 60 * 60 * 1_000;

impl Store {
    /// Counts objects that a run is about to end, all or none: refused with how many may still be
    /// ended where that would be more than `per_hour` within an hour. Another try of the run takes
    /// the place of the one before.
    pub async fn reserve_ends(
        &self,
        claim: Claim,
        objects: u32,
        per_hour: u32,
    ) -> Result<Result<(), u32>, StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "count what is to be ended").await?;
        transaction.check_fence(claim).await?;
        // One process counts at a time.
        transaction
            .execute("UPDATE ended_objects SET objects = objects WHERE run_id = ''", Vec::new())
            .await?;
        let sql = "SELECT CAST(COALESCE(sum(objects), 0) AS BIGINT) AS taken FROM ended_objects
             WHERE at_ms > {now} - $1 AND run_id <> $2";
        let run = claim.run.to_string();
        let rows = transaction.fetch(sql, vec![HOUR_MS.into(), run.as_str().into()]).await?;
        let taken = rows.first().map(|row| row.get("taken")).transpose()?.unwrap_or(u32::MAX);
        let left = per_hour.saturating_sub(taken);
        if objects > left {
            transaction.roll_back().await?;
            return Ok(Err(left));
        }
        let sql = "INSERT INTO ended_objects (run_id, at_ms, objects) VALUES ($1, {now}, $2)
             ON CONFLICT (run_id) DO UPDATE SET at_ms = excluded.at_ms,
                 objects = CASE WHEN excluded.objects > ended_objects.objects THEN excluded.objects ELSE ended_objects.objects END";
        transaction.execute(sql, vec![run.into(), i64::from(objects).into()]).await?;
        transaction
            .execute(
                "DELETE FROM ended_objects WHERE at_ms <= {now} - $1 AND run_id <> ''",
                vec![HOUR_MS.into()],
            )
            .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }
}
