//! The changes: what was written to m3ter, with its values, for longer than the runs that wrote it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::claims::Claim;
use super::row::Row;
use super::transaction::{Access, Transaction};
use super::value::{Value, first_id_at};
use super::{Store, StoreError};
use crate::domain::change::{
    ChangeAction, ChangeId, ChangedField, ErasedValues, NewChange, ObjectChange, OpenChange,
};
use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};

/// What is to be kept of changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// The sObject of the record.
    pub root_object: Option<&'a str>,
    /// Changes that are made, or about to be; one that is there already is replaced.
    pub new: &'a [NewChange],
    /// What became of those that were about to be made, in the order in which it got known.
    pub settled: &'a [(ChangeId, ChangeFate)],
}

/// What became of a change that was about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeFate {
    /// m3ter has it.
    Made,
    /// m3ter does not have it: it is forgotten.
    NotMade,
    /// Nobody will know.
    Unknown,
}

/// Which changes are meant; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of this run.
    pub run: Option<SyncRunId>,
    /// By runs of this record, or of objects that come from it.
    pub record: Option<SalesforceId>,
    /// Under this m3ter Account.
    pub account: Option<M3terId>,
    /// Of this m3ter object.
    pub m3ter_id: Option<M3terId>,
    /// Of this field, as m3ter spells it.
    pub field: Option<String>,
    /// Asked for by this caller.
    pub requested_by: Option<String>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Older than this change: where the page before ended.
    pub before: Option<ChangeId>,
    /// At most so many.
    pub limit: u32,
}

impl ChangeFilter {
    /// The filter as conditions about a row of `changes`, with the values of all parameters; `$1`
    /// is the limit.
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut conditions = "true".to_owned();
        let mut values: Vec<Value> = vec![i64::from(self.limit).into()];
        let wanted = [
            ("run_id = $", self.run.map(|run| run.to_string().into())),
            ("account_id = $", self.account.as_ref().map(|id| id.as_str().into())),
            ("m3ter_id = $", self.m3ter_id.as_ref().map(|id| id.as_str().into())),
            ("requested_by = $", self.requested_by.as_deref().map(Value::from)),
            ("at_ms >= $", self.since.map(Value::from)),
            ("id >= $", self.since.map(|since| first_id_at(since).into())),
            ("at_ms < $", self.until.map(Value::from)),
            ("id < $", self.before.map(|id| id.to_string().into())),
        ];
        for (condition, value) in wanted {
            if let Some(value) = value {
                values.push(value);
                let _ = write!(conditions, " AND {condition}{}", values.len());
            }
        }
        if let Some(record) = &self.record {
            values.push(record.as_str().into());
            let at = values.len();
            let _ = write!(conditions, " AND (root = ${at} OR row = ${at})");
        }
        if let Some(field) = &self.field {
            let escaped = field.replace('!', "!!").replace('%', "!%").replace('_', "!_");
            values.push(format!("% {escaped} %").into());
            let _ = write!(conditions, " AND fields LIKE ${} ESCAPE '!'", values.len());
        }
        (conditions, values)
    }
}

impl Store {
    /// Changes, newest first; of a filter's field alone where it names one.
    pub async fn list_changes(
        &self,
        filter: &ChangeFilter,
    ) -> Result<Vec<ObjectChange>, StoreError> {
        let (conditions, values) = filter.conditions();
        let sql = format!(
            "SELECT id, run_id, root, root_object, kind, row, m3ter_id, account_id, action, fields, details, state, at_ms,
                 requested_by, salesforce_users
             FROM changes WHERE {conditions} ORDER BY id DESC LIMIT $1"
        );
        let rows = self.database.fetch("list changes", &sql, values).await?;
        let mut changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        if let Some(wanted) = &filter.field {
            for change in &mut changes {
                change.fields.retain(|field| field.field.eq_ignore_ascii_case(wanted));
            }
        }
        Ok(changes)
    }

    /// The changes of runs of a record of which it is not known whether they were made, the oldest
    /// first.
    pub async fn load_open_changes(
        &self,
        root: &SalesforceId,
    ) -> Result<Vec<OpenChange>, StoreError> {
        let operation = "load the changes whose outcome is not known";
        let sql = "SELECT id, kind, m3ter_id, version, fields, details FROM changes WHERE root = $1 AND state = 'open' ORDER BY id";
        let rows = self.database.fetch(operation, sql, vec![root.as_str().into()]).await?;
        let open = |row: &Row| {
            Ok(OpenChange {
                id: id(row)?,
                object_name: row.get("kind")?,
                m3ter_id: row.get("m3ter_id")?,
                version: row.optional("version")?,
                fields: fields(row)?,
            })
        };
        rows.iter().map(open).collect()
    }

    /// Saves changes of the run that is held.
    pub async fn save_changes(
        &self,
        claim: Claim,
        changes: &Changes<'_>,
    ) -> Result<(), StoreError> {
        if changes.new.is_empty() && changes.settled.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin(Access::Write, "save changes").await?;
        transaction.check_fence(claim).await?;
        save_changes(&mut transaction, claim, changes).await?;
        transaction.commit().await
    }

    /// Deletes the changes that are older than a moment, the oldest first, at most so many; how many
    /// were.
    pub async fn delete_changes(&self, before: Timestamp, at_most: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE id < $1 ORDER BY id LIMIT $2 {unlocked:changes})";
        let values = vec![first_id_at(before).into(), i64::from(at_most).into()];
        self.database.execute("delete old changes", sql, values).await
    }

    /// Removes the values of all changes by runs of a record or of objects that come from it, and
    /// its dry runs, which hold values too.
    pub async fn erase(&self, record: &SalesforceId) -> Result<ErasedValues, StoreError> {
        let mut transaction = self.database.begin(Access::Write, "erase values").await?;
        let record = record.as_str();
        let sql = "UPDATE changes SET details = NULL WHERE (root = $1 OR row = $1) AND details IS NOT NULL";
        let changes = transaction.execute(sql, vec![record.into()]).await?;
        // Dry runs are kept for a day: they are fewer than the runs that a record may have.
        let sql = "DELETE FROM runs WHERE state = 'ended' AND dry_run = 1 AND parent_record_id || '' = $1";
        let dry_runs = transaction.execute(sql, vec![record.into()]).await?;
        transaction.commit().await?;
        Ok(ErasedValues { parent_record_id: record.to_owned(), changes, dry_runs })
    }
}

/// Saves changes of the run that is held, in its transaction.
pub(super) async fn save_changes(
    transaction: &mut Transaction,
    claim: Claim,
    changes: &Changes<'_>,
) -> Result<(), StoreError> {
    insert(transaction, claim, changes).await?;
    let mut fates: BTreeMap<ChangeId, ChangeFate> = BTreeMap::new();
    fates.extend(changes.settled.iter().copied());
    let ids = |wanted: ChangeFate| {
        let ids: Json = fates
            .iter()
            .filter(|(_, fate)| **fate == wanted)
            .map(|(id, _)| Json::from(id.to_string()))
            .collect();
        (ids != json!([])).then(|| ids.to_string())
    };
    let statements = [
        (
            ChangeFate::Made,
            "UPDATE changes SET state = 'made' WHERE id IN (SELECT value FROM {texts:$1})",
        ),
        (
            ChangeFate::Unknown,
            "UPDATE changes SET state = 'unknown' WHERE id IN (SELECT value FROM {texts:$1})",
        ),
        (ChangeFate::NotMade, "DELETE FROM changes WHERE id IN (SELECT value FROM {texts:$1})"),
    ];
    for (fate, sql) in statements {
        if let Some(ids) = ids(fate) {
            transaction.execute(sql, vec![ids.into()]).await?;
        }
    }
    Ok(())
}

async fn insert(
    transaction: &mut Transaction,
    claim: Claim,
    changes: &Changes<'_>,
) -> Result<(), StoreError> {
    if changes.new.is_empty() {
        return Ok(());
    }
    // Of several of an id the last counts.
    let by_id: BTreeMap<ChangeId, &NewChange> =
        changes.new.iter().map(|change| (change.id, change)).collect();
    let row = |change: &&NewChange| {
        let names: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
        json!({
            "id": change.id.to_string(), "kind": change.kind.name(), "row": change.row, "m3terId": change.m3ter_id,
            "accountId": change.account, "action": change.action, "version": change.version,
            "fields": format!(" {} ", names.join(" ")), "details": text(&change.fields),
            "state": if change.is_made { "made" } else { "open" }, "at": change.at.as_millisecond(),
        })
    };
    let rows: Json = by_id.values().map(row).collect();
    let sql = "INSERT INTO changes (id, run_id, root, root_object, kind, row, m3ter_id, account_id, action, version, fields, details, state,
             at_ms, requested_by, salesforce_users)
         SELECT value->>'id', runs.id, runs.parent_record_id, $3, value->>'kind', value->>'row', value->>'m3terId', value->>'accountId',
             value->>'action', CAST(value->>'version' AS BIGINT), value->>'fields', value->>'details', value->>'state',
             CAST(value->>'at' AS BIGINT), runs.requested_by, runs.salesforce_users
         FROM runs, {objects:$2} WHERE runs.id = $1
         ON CONFLICT (id) DO UPDATE
         SET version = excluded.version, fields = excluded.fields, details = excluded.details, state = excluded.state, at_ms = excluded.at_ms";
    let values =
        vec![claim.run.to_string().into(), rows.to_string().into(), changes.root_object.into()];
    transaction.execute(sql, values).await.map(drop)
}

fn change(row: &Row) -> Result<ObjectChange, StoreError> {
    let state: String = row.get("state")?;
    let details: Option<String> = row.optional("details")?;
    Ok(ObjectChange {
        change_id: row.get("id")?,
        changed_at: row.get("at_ms")?,
        sync_run_id: row.get("run_id")?,
        parent_record_id: row.get("root")?,
        parent_object: row.optional("root_object")?,
        object_name: row.get("kind")?,
        salesforce_id: row.get("row")?,
        m3ter_id: row.get("m3ter_id")?,
        account_id: row.optional("account_id")?,
        action: row.parsed("action", |word| word.parse::<ChangeAction>().ok())?,
        settled: state == "made",
        erased: details.is_none(),
        requested_by: row.optional("requested_by")?,
        salesforce_user_ids: row.words("salesforce_users")?,
        fields: fields(row)?,
    })
}

fn id(row: &Row) -> Result<ChangeId, StoreError> {
    row.parsed("id", ChangeId::parse)
}

/// The fields with their values, or their names alone where the values were erased.
fn fields(row: &Row) -> Result<Vec<ChangedField>, StoreError> {
    let details: Option<String> = row.optional("details")?;
    match details {
        Some(_) => row.document("details"),
        None => {
            let names = row.words("fields")?;
            Ok(names.iter().map(|name| ChangedField::erased(name)).collect())
        }
    }
}

fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("what is saved has text keys only")
}
