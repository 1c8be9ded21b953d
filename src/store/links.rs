//! The links: which m3ter object belongs to which Salesforce row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::row::Row;
use super::transaction::{Access, Transaction};
use super::{Store, StoreError};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::link::ShownLink;

/// A m3ter object that a deal has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The record that was synced.
    pub root: SalesforceId,
    /// Which of its objects.
    pub object: ObjectKey,
    /// The object in m3ter.
    pub m3ter_id: M3terId,
    /// Whether the deal made it its own.
    pub relation: LinkRelation,
    /// The object's key as the record said it when the link was made.
    pub source_key: Option<String>,
}

/// What a run knows of its record before it has read anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLinks {
    /// The links of the deal, in the order of results.
    pub links: Vec<Link>,
    /// Whether earlier runs left changes of which nobody knows whether they were made. Of a record
    /// without links it may not be told.
    pub has_open_changes: bool,
}

/// How a deal stands to a m3ter object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkRelation {
    /// Created or adopted by the row, and updated from it.
    Owned,
    /// Another record's object that this one joins, never updated from it.
    Referred,
    /// Found by a code that somebody typed, and not updated from the row until an operator confirms
    /// that it is the row's. It keeps nobody else from it.
    Unconfirmed,
}

impl Store {
    /// Saves links that were taken along from another database.
    pub async fn save_links(&self, links: &[Link]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(Access::Write, "save links").await?;
        insert_links(&mut transaction, links).await?;
        transaction.commit().await
    }

    /// The links of one deal, in the order of results.
    pub async fn load_links(&self, root: &SalesforceId) -> Result<Vec<Link>, StoreError> {
        let operation = "load the links of a record";
        let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links WHERE root = $1";
        let rows = self.database.fetch(operation, sql, vec![root.as_str().into()]).await?;
        links(&rows)
    }

    /// The same, with what else a run knows of its record first.
    pub async fn load_record_links(&self, root: &SalesforceId) -> Result<RecordLinks, StoreError> {
        let operation = "load the links of a record";
        let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm,
                 (SELECT count(*) FROM changes WHERE changes.root = $1 AND state = 'open') AS open_changes
             FROM links WHERE root = $1";
        let rows = self.database.fetch(operation, sql, vec![root.as_str().into()]).await?;
        let has_open_changes = rows.first().map(|row| row.is_set("open_changes")).transpose()?;
        Ok(RecordLinks { links: links(&rows)?, has_open_changes: has_open_changes == Some(true) })
    }

    /// The links of some deals.
    pub async fn load_links_of(&self, roots: &[SalesforceId]) -> Result<Vec<Link>, StoreError> {
        let operation = "load the links of records";
        let sql =
            "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
             WHERE root IN (SELECT value FROM {texts:$1})";
        let roots = serde_json::to_string(roots).expect("ids are texts");
        links(&self.database.fetch(operation, sql, vec![roots.into()]).await?)
    }

    /// Those of some m3ter objects that any deal has linked.
    pub async fn load_linked_of(&self, ids: &[M3terId]) -> Result<Vec<M3terId>, StoreError> {
        let operation = "look which m3ter objects are linked";
        let sql =
            "SELECT DISTINCT m3ter_id FROM links WHERE m3ter_id IN (SELECT value FROM {texts:$1})";
        let ids = serde_json::to_string(ids).expect("ids are texts");
        let rows = self.database.fetch(operation, sql, vec![ids.into()]).await?;
        rows.iter().map(|row| row.get("m3ter_id")).collect()
    }

    /// Those of some Contracts that several deals have linked.
    pub async fn load_shared_contracts(
        &self,
        contracts: &[M3terId],
    ) -> Result<Vec<M3terId>, StoreError> {
        let operation = "look which Contracts are shared";
        let sql = "SELECT m3ter_id FROM links WHERE m3ter_id IN (SELECT value FROM {texts:$1}) AND kind = 'Contract'
             GROUP BY m3ter_id HAVING count(DISTINCT root) > 1";
        let contracts = serde_json::to_string(contracts).expect("ids are texts");
        let rows = self.database.fetch(operation, sql, vec![contracts.into()]).await?;
        rows.iter().map(|row| row.get("m3ter_id")).collect()
    }

    /// The links of one row of a kind, in any deal.
    pub async fn load_links_of_row(
        &self,
        kind: EntityKind,
        row: &SalesforceId,
    ) -> Result<Vec<Link>, StoreError> {
        let operation = "load the links of a row";
        let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links WHERE row = $1 AND kind = $2";
        let rows = self
            .database
            .fetch(operation, sql, vec![row.as_str().into(), kind.name().into()])
            .await?;
        links(&rows)
    }

    /// Whether any record whose ids begin with `prefix`, or any at all, has a Commitment that this
    /// service made or took over.
    pub async fn has_made_commitments(&self, prefix: Option<&str>) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM links WHERE kind = 'Commitment' AND relation = 'owned' AND ($1 IS NULL OR substr(root, 1, 3) = $1) LIMIT 1";
        Ok(!self
            .database
            .fetch("look for a Commitment", sql, vec![prefix.into()])
            .await?
            .is_empty())
    }

    /// The links of some rows of a kind, in any deal.
    pub async fn load_links_of_rows(
        &self,
        kind: EntityKind,
        rows: &[SalesforceId],
    ) -> Result<Vec<Link>, StoreError> {
        let operation = "load the links of rows";
        let sql =
            "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
             WHERE row IN (SELECT value FROM {texts:$1}) AND kind = $2";
        let rows = serde_json::to_string(rows).expect("ids are texts");
        links(&self.database.fetch(operation, sql, vec![rows.into(), kind.name().into()]).await?)
    }

    /// The owners of some m3ter objects, in any deal.
    pub async fn load_owners(&self, ids: &[M3terId]) -> Result<Vec<Link>, StoreError> {
        let operation = "load the owners of m3ter objects";
        let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
             WHERE m3ter_id IN (SELECT value FROM {texts:$1}) AND relation = 'owned' AND to_confirm = 0";
        let ids = serde_json::to_string(ids).expect("ids are texts");
        links(&self.database.fetch(operation, sql, vec![ids.into()]).await?)
    }
}

impl From<&Link> for ShownLink {
    fn from(link: &Link) -> Self {
        Self {
            parent_record_id: link.root.to_string(),
            salesforce_id: link.object.row.to_string(),
            object_name: link.object.kind.to_string(),
            key: link.object.key.clone(),
            m3ter_id: link.m3ter_id.to_string(),
            relation: link.relation.as_str().to_owned(),
            source_key: link.source_key.clone(),
        }
    }
}

impl LinkRelation {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Referred => "referred",
            Self::Unconfirmed => "to confirm",
        }
    }

    /// What the store has in its two columns.
    fn saved(self) -> (&'static str, i64) {
        match self {
            Self::Owned => ("owned", 0),
            Self::Referred => ("referred", 0),
            Self::Unconfirmed => ("owned", 1),
        }
    }
}

pub(super) fn links(rows: &[Row]) -> Result<Vec<Link>, StoreError> {
    let mut links = rows.iter().map(link).collect::<Result<Vec<_>, _>>()?;
    links.sort_by(|a, b| a.object.cmp(&b.object).then_with(|| a.root.cmp(&b.root)));
    Ok(links)
}

fn link(row: &Row) -> Result<Link, StoreError> {
    let is_to_confirm = row.is_set("to_confirm")?;
    let relation = row.parsed("relation", |word| match word {
        "owned" if is_to_confirm => Some(LinkRelation::Unconfirmed),
        "owned" => Some(LinkRelation::Owned),
        "referred" => Some(LinkRelation::Referred),
        _ => None,
    })?;
    Ok(Link {
        root: row.get("root")?,
        object: ObjectKey {
            kind: row.parsed("kind", EntityKind::from_name)?,
            row: row.get("row")?,
            key: row.get("key")?,
        },
        m3ter_id: row.get("m3ter_id")?,
        relation,
        source_key: row.optional("source_key")?,
    })
}

/// Inserts links or replaces earlier ones; of several for one object the last counts.
pub(super) async fn insert_links(
    transaction: &mut Transaction,
    links: &[Link],
) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    let by_object: BTreeMap<_, _> =
        links.iter().map(|link| ((&link.root, &link.object), link)).collect();
    let json = |link: &&Link| {
        json!({
            "root": link.root, "row": link.object.row, "kind": link.object.kind.name(), "key": link.object.key,
            "m3terId": link.m3ter_id, "relation": link.relation.saved().0, "toConfirm": link.relation.saved().1, "sourceKey": link.source_key,
        })
    };
    let links: Json = by_object.values().map(json).collect();
    let sql = "INSERT INTO links (root, row, kind, key, m3ter_id, relation, source_key, to_confirm)
         SELECT value->>'root', value->>'row', value->>'kind', value->>'key', value->>'m3terId', value->>'relation', value->>'sourceKey',
             CAST(value->>'toConfirm' AS BIGINT)
         FROM {objects:$1}
         WHERE true
         ON CONFLICT (root, row, kind, key) DO UPDATE
         SET m3ter_id = excluded.m3ter_id, relation = excluded.relation, source_key = excluded.source_key,
             to_confirm = excluded.to_confirm";
    transaction.execute(sql, vec![links.to_string().into()]).await.map(drop)
}
