//! Verifications: what is asked for, how far each is, what was found of each record, and which
//! process works on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::claims::Claimant;
use super::row::Row;
use super::transaction::Access;
use super::value::Value;
use super::{Store, StoreError};
use crate::domain::ids::SalesforceId;
use crate::domain::verification::{
    Compared, Cursor, Verification, VerificationRequest, VerificationState, VerifiedCounts,
    VerifiedRecord, VerifiedStatus,
};

/// A verification to be recorded.
#[derive(Debug, Clone)]
pub struct NewVerification {
    /// Its id.
    pub id: String,
    /// What is asked for.
    pub request: VerificationRequest,
    /// The digest of the mappings with which it is done.
    pub mappings: String,
    /// Who asks.
    pub requested_by: Option<String>,
    /// When.
    pub requested_at: Timestamp,
}

/// A verification that a process works on.
#[derive(Debug, Clone)]
pub struct ClaimedVerification {
    /// Its id.
    pub id: String,
    /// How often it was claimed until then.
    pub fence: i64,
    /// What was asked for.
    pub request: VerificationRequest,
    /// The digest of the mappings with which it was begun.
    pub mappings: String,
    /// How far it is.
    pub cursor: Cursor,
}

/// What a page has brought.
#[derive(Debug, Clone)]
pub struct VerifiedPage<'a> {
    /// How far the verification is now.
    pub cursor: &'a Cursor,
    /// How many records there are, as far as that became known.
    pub expected: Option<u64>,
    /// What was found.
    pub records: &'a [VerifiedRecord],
    /// How long it took.
    pub worked: Duration,
}

const COLUMNS: &str = "id, request, requested_by, requested_at_ms, state, cursor, expected, worked_ms, ended_at_ms, message, compared";

impl Store {
    /// Records a verification that any process may work on, or that this one holds at once.
    pub async fn insert_verification(
        &self,
        new: &NewVerification,
        holder: Option<&Claimant>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO verifications (id, request, mappings, requested_by, requested_at_ms, state, cursor, owner, lease_until_ms)
             VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, CASE WHEN $7 IS NULL THEN 0 ELSE {now} + $8 END)";
        let mut values = values_of(new);
        values.extend(held_by(holder));
        self.database.execute("record a verification", sql, values).await.map(drop)
    }

    /// Records a verification that is due, unless another process has recorded it, or an earlier
    /// one of the schedule continues; whether it was recorded.
    pub async fn insert_due_verification(&self, new: &NewVerification) -> Result<bool, StoreError> {
        let sql = "INSERT INTO verifications (id, request, mappings, requested_by, requested_at_ms, state, cursor)
             SELECT $1, $2, $3, $4, $5, 'running', $6
             WHERE NOT EXISTS (SELECT 1 FROM verifications WHERE state = 'running' AND requested_by = $4)
             ON CONFLICT (id) DO NOTHING";
        let operation = "record a verification that is due";
        Ok(self.database.execute(operation, sql, values_of(new)).await? > 0)
    }

    /// The last complete verification that somebody asked for, with how it differs from the one
    /// before.
    pub async fn last_verification_of(
        &self,
        requested_by: &str,
    ) -> Result<Option<Verification>, StoreError> {
        let sql = "SELECT id FROM verifications WHERE state = 'completed' AND requested_by = $1 ORDER BY id DESC LIMIT 1";
        let operation = "look for the last verification";
        let rows = self.database.fetch(operation, sql, vec![requested_by.into()]).await?;
        match rows.first() {
            Some(row) => self.load_verification(&row.get::<String>("id")?).await,
            None => Ok(None),
        }
    }

    /// The verification in progress, if there is one.
    pub async fn running_verification(&self) -> Result<Option<Verification>, StoreError> {
        let sql = "SELECT id FROM verifications WHERE state = 'running' ORDER BY id LIMIT 1";
        let operation = "look for the verification that goes on";
        let rows = self.database.fetch(operation, sql, Vec::new()).await?;
        match rows.first() {
            Some(row) => self.load_verification(&row.get::<String>("id")?).await,
            None => Ok(None),
        }
    }

    /// How a verification differs from the last complete one before it that asked the same: how
    /// many records need somebody now and did not, and the other way round.
    async fn compare_verification(&self, id: &str) -> Result<Option<Compared>, StoreError> {
        let operation = "compare a verification with the last one";
        let sql = "SELECT earlier.id AS id FROM verifications AS earlier, verifications AS this
             WHERE this.id = $1 AND earlier.id < this.id AND earlier.request = this.request AND earlier.state = 'completed'
             ORDER BY earlier.id DESC LIMIT 1";
        let rows = self.database.fetch(operation, sql, vec![id.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let earlier: String = row.get("id")?;
        let (new_since, solved_since) =
            (self.count_only_in(id, &earlier).await?, self.count_only_in(&earlier, id).await?);
        Ok(Some(Compared { previous_verification_id: earlier, new_since, solved_since }))
    }

    /// How many records need somebody by one verification and not by another one.
    async fn count_only_in(&self, one: &str, other: &str) -> Result<u64, StoreError> {
        let operation = "compare two verifications";
        let sql = "SELECT count(*) AS records FROM verified_records AS here
             WHERE here.verification = $1 AND here.status NOT IN ('in_sync', 'ended', 'not_ready')
               AND NOT EXISTS (
                   SELECT 1 FROM verified_records AS there
                   WHERE there.verification = $2 AND there.record = here.record
                     AND there.status NOT IN ('in_sync', 'ended', 'not_ready'))";
        let rows = self.database.fetch(operation, sql, vec![one.into(), other.into()]).await?;
        rows.first().map_or(Ok(0), |row| row.get("records"))
    }

    /// Claims a verification that nobody else holds: the oldest one, or this one.
    pub async fn claim_verification(
        &self,
        id: Option<&str>,
        claimant: &Claimant,
    ) -> Result<Option<ClaimedVerification>, StoreError> {
        let operation = "claim a verification";
        let sql =
            "UPDATE verifications SET owner = $1, fence = fence + 1, lease_until_ms = {now} + $2
             WHERE id = (
                 SELECT id FROM verifications
                 WHERE state = 'running' AND (lease_until_ms <= {now} OR owner = $1) AND ($3 IS NULL OR id = $3)
                 ORDER BY id LIMIT 1 {unlocked:verifications}
             ) AND state = 'running' AND (lease_until_ms <= {now} OR owner = $1)
             RETURNING id, fence, request, mappings, cursor";
        let values = vec![claimant.owner.as_str().into(), claimant.lease_ms().into(), id.into()];
        // Mostly there is none: that is found out without a write.
        let waiting = "SELECT 1 AS one FROM verifications WHERE state = 'running' AND (lease_until_ms <= {now} OR owner = $1) LIMIT 1";
        let own = vec![claimant.owner.as_str().into()];
        if self.database.fetch(operation, waiting, own).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let rows = transaction.fetch(sql, values).await?;
        transaction.commit().await?;
        rows.first().map(claimed).transpose()
    }

    /// Prolongs the claim on a verification; `false` if it is over or another process has it.
    pub async fn renew_verification(
        &self,
        id: &str,
        fence: i64,
        claimant: &Claimant,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE verifications SET lease_until_ms = {now} + $1
             WHERE id = $2 AND fence = $3 AND owner = $4 AND state = 'running'";
        let values = vec![
            claimant.lease_ms().into(),
            id.into(),
            fence.into(),
            claimant.owner.as_str().into(),
        ];
        Ok(self.database.execute("renew the claim on a verification", sql, values).await? > 0)
    }

    /// Gives a verification back, so that another process continues with it at once.
    pub async fn release_verification(&self, id: &str, fence: i64) -> Result<(), StoreError> {
        let sql = "UPDATE verifications SET owner = NULL, lease_until_ms = 0
             WHERE id = $1 AND fence = $2 AND state = 'running'";
        let operation = "give a verification back";
        self.database.execute(operation, sql, vec![id.into(), fence.into()]).await.map(drop)
    }

    /// Saves what a page has brought; `false`, and nothing is saved, if the verification is over or
    /// another process has it.
    pub async fn save_verified(
        &self,
        id: &str,
        fence: i64,
        page: &VerifiedPage<'_>,
    ) -> Result<bool, StoreError> {
        let operation = "save what a verification found";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "UPDATE verifications SET cursor = $3, expected = COALESCE($4, expected), worked_ms = worked_ms + $5, message = NULL
             WHERE id = $1 AND fence = $2 AND state = 'running'";
        let expected = page.expected.and_then(|expected| i64::try_from(expected).ok());
        let worked_ms = i64::try_from(page.worked.as_millis()).unwrap_or(i64::MAX);
        let values = vec![
            id.into(),
            fence.into(),
            document(page.cursor).into(),
            Value::Integer(expected),
            worked_ms.into(),
        ];
        if transaction.execute(sql, values).await? == 0 {
            transaction.roll_back().await?;
            return Ok(false);
        }
        if !page.records.is_empty() {
            let rows: Json = page.records.iter().map(row_of).collect();
            let sql = "INSERT INTO verified_records (verification, record, status, document)
                 SELECT $1, value->>'record', value->>'status', value->>'document' FROM {objects:$2} WHERE true
                 ON CONFLICT (verification, record) DO UPDATE SET status = excluded.status, document = excluded.document";
            transaction.execute(sql, vec![id.into(), rows.to_string().into()]).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Says why a verification does not go on for the moment.
    pub async fn note_verification(
        &self,
        id: &str,
        fence: i64,
        message: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE verifications SET message = $3 WHERE id = $1 AND fence = $2 AND state = 'running'";
        let values = vec![id.into(), fence.into(), message.into()];
        self.database.execute("note why a verification waits", sql, values).await.map(drop)
    }

    /// Ends a verification that a process holds. One that is complete is compared with the one
    /// before once and for all: nothing of both changes any more.
    pub async fn end_verification(
        &self,
        id: &str,
        fence: i64,
        state: VerificationState,
        message: Option<&str>,
    ) -> Result<(), StoreError> {
        let is_complete = state == VerificationState::Completed;
        let compared = if is_complete { Some(self.compare_verification(id).await?) } else { None };
        let sql = "UPDATE verifications SET state = $3, message = $4, compared = $5, ended_at_ms = {now}, owner = NULL, lease_until_ms = 0
             WHERE id = $1 AND fence = $2 AND state = 'running'";
        let compared = compared.as_ref().map(document);
        let values =
            vec![id.into(), fence.into(), state.as_str().into(), message.into(), compared.into()];
        self.database.execute("end a verification", sql, values).await.map(drop)
    }

    /// Cancels a verification; whether it was going on.
    pub async fn cancel_verification(&self, id: &str, message: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE verifications SET state = 'cancelled', message = $2, ended_at_ms = {now}, owner = NULL, lease_until_ms = 0
             WHERE id = $1 AND state = 'running'";
        let values = vec![id.into(), message.into()];
        Ok(self.database.execute("cancel a verification", sql, values).await? > 0)
    }

    /// Lets a verification go on that was cancelled or failed, where it was, in any process or in
    /// this one; whether it was one.
    pub async fn resume_verification(
        &self,
        id: &str,
        holder: Option<&Claimant>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE verifications SET state = 'running', message = NULL, ended_at_ms = NULL, fence = fence + 1,
                 owner = $2, lease_until_ms = CASE WHEN $2 IS NULL THEN 0 ELSE {now} + $3 END
             WHERE id = $1 AND state IN ('cancelled', 'failed')";
        let mut values = vec![id.into()];
        values.extend(held_by(holder));
        Ok(self.database.execute("resume a verification", sql, values).await? > 0)
    }

    /// One verification, with how far it is.
    pub async fn load_verification(&self, id: &str) -> Result<Option<Verification>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM verifications WHERE id = $1");
        let rows = self.database.fetch("load a verification", &sql, vec![id.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let found = verification(row, self.count_verified(id).await?)?;
        // An earlier version compared at each look.
        let is_kept = row.optional::<String>("compared")?.is_some();
        let compared = if is_kept || found.state != VerificationState::Completed {
            found.compared
        } else {
            self.compare_verification(id).await?
        };
        Ok(Some(Verification { compared, ..found }))
    }

    /// Verifications, the newest first.
    pub async fn list_verifications(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Verification>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM verifications WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
        );
        let values = vec![before.into(), i64::from(limit).into()];
        let rows = self.database.fetch("list verifications", &sql, values).await?;
        let mut verifications = Vec::with_capacity(rows.len());
        for row in &rows {
            let counts = self.count_verified(&row.get::<String>("id")?).await?;
            verifications.push(verification(row, counts)?);
        }
        Ok(verifications)
    }

    /// The ids of the verifications whose ids begin with `beginning`: two at most.
    pub async fn find_verifications(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM verifications WHERE id LIKE $1 ORDER BY id LIMIT 2";
        // No letter of an id means something to LIKE.
        let values = vec![format!("{beginning}%").into()];
        let rows = self.database.fetch("find a verification", sql, values).await?;
        rows.iter().map(|row| row.get("id")).collect()
    }

    async fn count_verified(&self, id: &str) -> Result<VerifiedCounts, StoreError> {
        let sql = "SELECT status, count(*) AS records FROM verified_records WHERE verification = $1 GROUP BY status";
        let rows = self.database.fetch("count what was verified", sql, vec![id.into()]).await?;
        let counts: BTreeMap<VerifiedStatus, u64> = rows
            .iter()
            .map(|row| Ok((status(row)?, row.get("records")?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(VerifiedCounts::new(&counts))
    }

    /// What was found of records, in the order of their ids, those in sync without more.
    pub async fn list_verified(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<VerifiedRecord>, StoreError> {
        let sql = "SELECT record, status, document FROM verified_records
             WHERE verification = $1 AND ($2 IS NULL OR record > $2) AND status IN (SELECT value FROM {texts:$3})
             ORDER BY record LIMIT $4";
        let statuses: Json = statuses.iter().map(|status| Json::from(status.as_str())).collect();
        let values = vec![
            id.into(),
            after.map(SalesforceId::as_str).into(),
            statuses.to_string().into(),
            i64::from(limit).into(),
        ];
        let rows = self.database.fetch("list what was verified", sql, values).await?;
        rows.iter().map(verified).collect()
    }

    /// Those of some records that a verification has a result of.
    pub async fn verified_of(
        &self,
        id: &str,
        records: &[SalesforceId],
    ) -> Result<BTreeSet<SalesforceId>, StoreError> {
        let sql = "SELECT record FROM verified_records
             WHERE verification = $1 AND record IN (SELECT value FROM {texts:$2})";
        let records = serde_json::to_string(records).expect("ids are texts");
        let values = vec![id.into(), records.into()];
        let rows = self.database.fetch("look what was verified", sql, values).await?;
        rows.iter().map(|row| row.get("record")).collect()
    }

    /// Records whose ids begin with `prefix` and that have links, in the order of their ids.
    pub async fn list_linked_records(
        &self,
        prefix: &str,
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<SalesforceId>, StoreError> {
        let sql = "SELECT DISTINCT root FROM links WHERE substr(root, 1, 3) = $1 AND ($2 IS NULL OR root > $2)
             ORDER BY root LIMIT $3";
        let values =
            vec![prefix.into(), after.map(SalesforceId::as_str).into(), i64::from(limit).into()];
        let rows = self.database.fetch("list the records that have links", sql, values).await?;
        rows.iter().map(|row| row.get("root")).collect()
    }

    /// How many records have links whose ids begin with `prefix`.
    pub async fn count_linked_records(&self, prefix: &str) -> Result<u64, StoreError> {
        let sql = "SELECT count(DISTINCT root) AS records FROM links WHERE substr(root, 1, 3) = $1";
        let operation = "count the records that have links";
        let rows = self.database.fetch(operation, sql, vec![prefix.into()]).await?;
        rows.first().map_or(Ok(0), |row| row.get("records"))
    }

    /// Deletes verifications that ended before a moment; how many.
    pub async fn delete_verifications(&self, before: Timestamp) -> Result<u64, StoreError> {
        let operation = "delete old verifications";
        let mut transaction = self.database.begin(Access::Write, operation).await?;
        let sql = "DELETE FROM verified_records WHERE verification IN (
                 SELECT id FROM verifications WHERE state <> 'running' AND ended_at_ms < $1)";
        transaction.execute(sql, vec![before.into()]).await?;
        let sql = "DELETE FROM verifications WHERE state <> 'running' AND ended_at_ms < $1";
        let deleted = transaction.execute(sql, vec![before.into()]).await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

fn document(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what a verification is about becomes JSON")
}

fn row_of(record: &VerifiedRecord) -> Json {
    let has_more = record.status != VerifiedStatus::InSync
        || record.name.is_some()
        || !record.object_results.is_empty()
        || !record.warnings.is_empty();
    json!({
        "record": record.record_id,
        "status": record.status,
        "document": has_more.then(|| document(record)),
    })
}

/// What a new one begins with.
fn values_of(new: &NewVerification) -> Vec<Value> {
    vec![
        new.id.as_str().into(),
        document(&new.request).into(),
        new.mappings.as_str().into(),
        new.requested_by.clone().into(),
        new.requested_at.into(),
        document(&Cursor::default()).into(),
    ]
}

/// Owner and lease.
fn held_by(holder: Option<&Claimant>) -> [Value; 2] {
    let lease_ms = holder.map_or(0, Claimant::lease_ms);
    [holder.map(|holder| holder.owner.as_str()).into(), lease_ms.into()]
}

fn claimed(row: &Row) -> Result<ClaimedVerification, StoreError> {
    Ok(ClaimedVerification {
        id: row.get("id")?,
        fence: row.get("fence")?,
        request: row.document("request")?,
        mappings: row.get("mappings")?,
        cursor: row.document("cursor")?,
    })
}

fn status(row: &Row) -> Result<VerifiedStatus, StoreError> {
    row.parsed("status", |word| word.parse().ok())
}

pub(super) fn verified(row: &Row) -> Result<VerifiedRecord, StoreError> {
    let text: Option<String> = row.optional("document")?;
    match text {
        Some(text) => serde_json::from_str(&text).map_err(|_| row.unreadable(text)),
        None => Ok(VerifiedRecord::in_sync(row.get("record")?, status(row)?)),
    }
}

fn verification(row: &Row, counts: VerifiedCounts) -> Result<Verification, StoreError> {
    let state: VerificationState = row.parsed("state", |word| word.parse().ok())?;
    let cursor: Cursor = row.document("cursor")?;
    let verified = counts.all();
    let expected: Option<u64> = row.optional("expected")?;
    let worked_ms: u64 = row.get("worked_ms")?;
    let is_compared = row.optional::<String>("compared")?.is_some();
    let compared = if is_compared { row.document("compared")? } else { None };
    let left = expected.filter(|_| state == VerificationState::Running && verified > 0);
    let left = left.map(|expected| expected.saturating_sub(verified));
    Ok(Verification {
        verification_id: row.get("id")?,
        state,
        request: row.document("request")?,
        requested_by: row.optional("requested_by")?,
        requested_at: row.get("requested_at_ms")?,
        ended_at: row.optional("ended_at_ms")?,
        message: row.optional("message")?,
        expected,
        verified,
        seconds_left: left.map(|left| (worked_ms * left / verified).div_ceil(1_000)),
        counts,
        breadth: cursor.breadth,
        compared,
    })
}
