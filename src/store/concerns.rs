//! What the last run of each record left for somebody, counted by code.

use jiff::Timestamp;

use super::value::first_id_at;
use super::{Store, StoreError};
use crate::domain::finding::FindingCode;
use crate::domain::ids::SyncRunId;

/// A code that the last runs of records say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidCode {
    /// Of a failure, of a finding, or of what to look at.
    pub code: String,
    /// Of how many records.
    pub records: u64,
    /// The newest of them, with the run that says so.
    pub newest: Vec<(String, SyncRunId)>,
}

/// No later run of the record has ended: this one is its last.
const IS_LAST: &str = "dry_run = 0 AND NOT EXISTS (
         SELECT 1 FROM runs AS later
         WHERE later.parent_record_id = runs.parent_record_id AND later.id > runs.id
             AND later.dry_run = 0 AND later.sync_status IS NOT NULL
     )";

impl Store {
    /// What the last runs since a moment say, most records first: a failure its code, what was
    /// left in part its findings, and each what to look at. Of each code so many records are
    /// named. What only waits for another object is no cause.
    pub async fn count_said_codes(
        &self,
        since: Timestamp,
        named: u32,
    ) -> Result<Vec<SaidCode>, StoreError> {
        // Each part of `last` has an index of few runs. Answers are read of those alone that say
        // their codes nowhere else.
        let sql = format!(
            "WITH last AS (
                 SELECT id, parent_record_id, sync_status, error_code, attention FROM runs
                 WHERE sync_status IN ('Failed', 'Partial Success') AND id >= $1 AND {IS_LAST}
                 UNION ALL
                 SELECT id, parent_record_id, sync_status, error_code, attention FROM runs
                 WHERE attention IS NOT NULL AND sync_status = 'Completed' AND id >= $1 AND {IS_LAST}
             ), said AS (
                 SELECT id, parent_record_id, error_code AS code FROM last WHERE error_code IS NOT NULL
                 UNION
                 SELECT last.id, last.parent_record_id, value->>'findingCode' AS code
                 FROM last JOIN runs ON runs.id = last.id CROSS JOIN {{members:runs.result objectResults}}
                 WHERE last.error_code IS NULL AND last.sync_status <> 'Completed' AND value->>'findingCode' <> $2
                 UNION
                 SELECT last.id, last.parent_record_id, value AS code
                 FROM last CROSS JOIN {{texts:'[\"' || replace(trim(attention), ' ', '\",\"') || '\"]'}}
                 WHERE attention IS NOT NULL
             ), ranked AS (
                 SELECT code, id, parent_record_id, count(*) OVER (PARTITION BY code) AS records,
                     row_number() OVER (PARTITION BY code ORDER BY id DESC) AS position
                 FROM said
             )
             SELECT code, id, parent_record_id, records FROM ranked WHERE position <= $3
             ORDER BY records DESC, code, position"
        );
        let values = vec![
            first_id_at(since).into(),
            FindingCode::DependencyFailed.as_str().into(),
            i64::from(named).into(),
        ];
        let rows = self.database.fetch("count what needs attention", &sql, values).await?;
        let mut said: Vec<SaidCode> = Vec::new();
        for row in &rows {
            let code: String = row.get("code")?;
            let newest = (row.get("parent_record_id")?, row.get("id")?);
            if let Some(last) = said.last_mut().filter(|last| last.code == code) {
                last.newest.push(newest);
            } else {
                said.push(SaidCode { code, records: row.get("records")?, newest: vec![newest] });
            }
        }
        Ok(said)
    }
}
