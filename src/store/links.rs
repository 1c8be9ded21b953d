//! The links: which m3ter object belongs to which Salesforce row.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Store, StoreError};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};

/// A m3ter object that a deal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The record that was synced.
    pub root: SalesforceId,
    /// Which of its objects.
    pub object: ObjectKey,
    /// The object in m3ter.
    pub m3ter_id: M3terId,
    /// Whether the deal made it its own.
    pub relation: LinkRelation,
}

/// How a deal stands to a m3ter object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRelation {
    /// Created or adopted by the row, and updated from it.
    Owned,
    /// Another record's object that this one joins, never updated from it.
    Referred,
}

impl Store {
    /// The links of one deal, in the order of results.
    pub async fn load_links(&self, root: &SalesforceId) -> Result<Vec<Link>, StoreError> {
        let operation = "load the links of a record";
        let rows = query("SELECT root, row, kind, key, m3ter_id, relation FROM links WHERE root = ?")
            .bind(root.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(self.failed(operation))?;
        links(&rows, operation)
    }

    /// Saves links, all or none; one for the same object of the same deal replaces the earlier one.
    pub async fn save_links(&self, links: &[Link]) -> Result<(), StoreError> {
        let operation = "save links";
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed(operation))?;
        insert_links(&mut transaction, links).await.map_err(self.failed(operation))?;
        transaction.commit().await.map_err(self.failed(operation))
    }

    /// Deletes the links of some objects of one deal, all or none.
    pub async fn delete_links(&self, root: &SalesforceId, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let operation = "delete links";
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed(operation))?;
        for object in objects {
            query("DELETE FROM links WHERE root = ? AND row = ? AND kind = ? AND key = ?")
                .bind(root.as_str())
                .bind(object.row.as_str())
                .bind(object.kind.name())
                .bind(&object.key)
                .execute(&mut *transaction)
                .await
                .map_err(self.failed(operation))?;
        }
        transaction.commit().await.map_err(self.failed(operation))
    }

    /// The owners of some m3ter objects, in any deal.
    pub async fn load_owners(&self, ids: &[M3terId]) -> Result<Vec<Link>, StoreError> {
        let operation = "load the owners of m3ter objects";
        let ids = serde_json::to_string(ids).expect("ids are texts");
        let rows = query(
            "SELECT root, row, kind, key, m3ter_id, relation FROM links
             WHERE m3ter_id IN (SELECT value FROM json_each(?)) AND relation = 'owned'",
        )
        .bind(ids)
        .fetch_all(&self.readers)
        .await
        .map_err(self.failed(operation))?;
        links(&rows, operation)
    }
}

impl LinkRelation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Referred => "referred",
        }
    }
}

fn links(rows: &[SqliteRow], operation: &'static str) -> Result<Vec<Link>, StoreError> {
    let mut links = rows.iter().map(|row| link(row, operation)).collect::<Result<Vec<_>, _>>()?;
    links.sort_by(|a, b| a.object.cmp(&b.object).then_with(|| a.root.cmp(&b.root)));
    Ok(links)
}

fn link(row: &SqliteRow, operation: &'static str) -> Result<Link, StoreError> {
    let text = |column: &str| row.get::<String, _>(column);
    let unreadable = |value: String| StoreError::Unreadable { operation, value };
    let relation = match text("relation").as_str() {
        "owned" => LinkRelation::Owned,
        "referred" => LinkRelation::Referred,
        other => return Err(unreadable(other.to_owned())),
    };
    Ok(Link {
        root: super::salesforce_id(text("root"), operation)?,
        object: ObjectKey {
            kind: EntityKind::from_name(&text("kind")).ok_or_else(|| unreadable(text("kind")))?,
            row: super::salesforce_id(text("row"), operation)?,
            key: text("key"),
        },
        m3ter_id: super::m3ter_id(text("m3ter_id"), operation)?,
        relation,
    })
}

pub(super) async fn insert_links(connection: &mut sqlx::SqliteConnection, links: &[Link]) -> Result<(), sqlx::Error> {
    for link in links {
        query(
            "INSERT INTO links (root, row, kind, key, m3ter_id, relation) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (root, row, kind, key) DO UPDATE SET m3ter_id = excluded.m3ter_id, relation = excluded.relation",
        )
        .bind(link.root.as_str())
        .bind(link.object.row.as_str())
        .bind(link.object.kind.name())
        .bind(&link.object.key)
        .bind(link.m3ter_id.as_str())
        .bind(link.relation.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
