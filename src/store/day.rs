//! The runs of the last hours at one look: how many ended how, and which m3ter object is whose.

use jiff::Timestamp;

use super::links::links;
use super::{Link, Store, StoreError};

/// Links that are shown where many have the same code.
const MAX_FOUND: i64 = 50;

/// How many runs ended in one hour, in one way; dry runs do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourOfRuns {
    /// Full hours since the moment from which on runs were counted.
    pub hour: usize,
    /// How they ended.
    pub sync_status: String,
    /// How many.
    pub runs: u64,
}

impl Store {
    /// The runs that ended since a moment, by hour and outcome, from an index alone.
    pub async fn count_ended_runs(&self, since: Timestamp) -> Result<Vec<HourOfRuns>, StoreError> {
        let sql =
            "SELECT (ended_at_ms - $1) / 3600000 AS hour, sync_status, count(*) AS runs FROM runs
             WHERE state = 'ended' AND dry_run = 0 AND ended_at_ms >= $1 AND sync_status IS NOT NULL
             GROUP BY 1, 2";
        let rows = self.database.fetch("count the runs of a day", sql, vec![since.into()]).await?;
        rows.iter()
            .map(|row| {
                let hour: i64 = row.get("hour")?;
                Ok(HourOfRuns {
                    hour: usize::try_from(hour).unwrap_or_default(),
                    sync_status: row.get("sync_status")?,
                    runs: row.get("runs")?,
                })
            })
            .collect()
    }

    /// The links to what somebody names: a m3ter id, a Salesforce row, or a code that was typed.
    pub async fn find_links(&self, text: &str) -> Result<Vec<Link>, StoreError> {
        let operation = "look for a m3ter object or a code";
        let mut found = Vec::new();
        for column in ["m3ter_id", "row", "source_key"] {
            let sql = format!(
                "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links WHERE {column} = $1 LIMIT $2"
            );
            let rows =
                self.database.fetch(operation, &sql, vec![text.into(), MAX_FOUND.into()]).await?;
            found.extend(links(&rows)?);
        }
        Ok(found)
    }
}
