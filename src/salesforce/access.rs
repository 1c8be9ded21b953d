//! What the integration user may see and do, and why a record does not show up: deleted, hidden, or
//! of an object that is not known. Source: SOQL and SOSL Reference, `UserRecordAccess`; Tooling
//! API, `EntityDefinition`; Object Reference, `UserPermissionAccess`, which a user may ask about
//! itself without *View Setup and Configuration*.

use serde_json::Value as Json;

use super::Client;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::soql::{any_id, is_name, literal};
use crate::transport::{Budget, CalloutError, Meaning};

/// Ids in one query: far below the longest address that Salesforce takes.
const MAX_IDS: usize = 200;

/// A row that was asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Its id.
    pub id: SalesforceId,
    /// Whether it lies in the recycle bin.
    pub is_deleted: bool,
    /// The record that its parent field names.
    pub parent: Option<SalesforceId>,
}

impl Client {
    /// The API name of the object whose ids begin with three letters or digits.
    pub async fn sobject_of_key_prefix(
        &self,
        prefix: &str,
        budget: &Budget,
    ) -> Result<Option<String>, CalloutError> {
        let rows = self.query(&key_prefix_query(prefix), budget).await?;
        Ok(rows
            .first()
            .and_then(|row| row.value("QualifiedApiName"))
            .and_then(Json::as_str)
            .map(ToOwned::to_owned))
    }

    /// The records of an object whose field names a record, in the order in which they were made.
    pub async fn find_by_reference(
        &self,
        sobject: &str,
        field: &str,
        value: &SalesforceId,
        budget: &Budget,
    ) -> Result<Vec<SalesforceId>, CalloutError> {
        if ![sobject, field].iter().all(|name| is_name(name)) {
            return Ok(Vec::new());
        }
        let soql = format!(
            "SELECT Id, {field}, CreatedDate FROM {sobject} WHERE {field} = '{value}' ORDER BY CreatedDate, Id LIMIT {MAX_IDS}"
        );
        Ok(self.query(&soql, budget).await?.iter().filter_map(Record::id).collect())
    }

    /// The rows of an object by their ids, as far as the integration user may see them, deleted
    /// ones among them. None where Salesforce refuses the question.
    pub async fn find_rows(
        &self,
        sobject: &str,
        parent_field: &str,
        ids: &[&SalesforceId],
        budget: &Budget,
    ) -> Result<Vec<FoundRow>, CalloutError> {
        let mut found = Vec::new();
        if ![sobject, parent_field].iter().all(|name| is_name(name)) {
            return Ok(found);
        }
        for ids in ids.chunks(MAX_IDS) {
            let soql = format!(
                "SELECT Id, IsDeleted, {parent_field} FROM {sobject} WHERE {}",
                any_id(ids.iter().copied())
            );
            let rows = match self.query_all(&soql, budget).await {
                Ok(rows) => rows,
                // What may not be asked is not known; what cannot be answered for the moment is
                // asked again by the next sync.
                Err(error)
                    if error
                        .refusal()
                        .is_some_and(|refusal| refusal.meaning != Meaning::Passing) =>
                {
                    Vec::new()
                }
                Err(error) => return Err(error),
            };
            found.extend(rows.iter().filter_map(|row| {
                Some(FoundRow {
                    id: row.id()?,
                    is_deleted: row.value("IsDeleted").and_then(Json::as_bool).unwrap_or_default(),
                    parent: row
                        .value(parent_field)
                        .and_then(Json::as_str)
                        .and_then(|id| SalesforceId::parse(id).ok()),
                })
            }));
        }
        Ok(found)
    }

    /// Whether the integration user may read the record; `None` where Salesforce cannot tell.
    pub async fn has_read_access(
        &self,
        id: &SalesforceId,
        budget: &Budget,
    ) -> Result<Option<bool>, CalloutError> {
        let Some(user) = self.user(budget).await? else { return Ok(None) };
        let soql = format!(
            "SELECT RecordId, HasReadAccess FROM UserRecordAccess WHERE UserId = '{user}' AND RecordId = '{id}'"
        );
        match self.query(&soql, budget).await {
            Ok(rows) => {
                Ok(rows.first().and_then(|row| row.value("HasReadAccess")).and_then(Json::as_bool))
            }
            Err(error) if error.refusal().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the integration user may change activated Orders and their products; `None` where
    /// Salesforce does not say, as in an org without Orders.
    pub async fn may_edit_activated_orders(
        &self,
        budget: &Budget,
    ) -> Result<Option<bool>, CalloutError> {
        const PERMISSION: &str = "PermissionsEditActivatedOrders";
        match self.query(&format!("SELECT {PERMISSION} FROM UserPermissionAccess"), budget).await {
            Ok(rows) => {
                Ok(rows.first().and_then(|row| row.value(PERMISSION)).and_then(Json::as_bool))
            }
            Err(error) if error.refusal().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The integration user's name in the org; `None` where it may not read itself.
    pub async fn user_name(&self, budget: &Budget) -> Result<Option<String>, CalloutError> {
        let Some(user) = self.user(budget).await? else { return Ok(None) };
        match self.query(&format!("SELECT Username FROM User WHERE Id = '{user}'"), budget).await {
            Ok(rows) => Ok(rows
                .first()
                .and_then(|row| row.value("Username"))
                .and_then(Json::as_str)
                .map(ToOwned::to_owned)),
            Err(error) if error.refusal().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn user(&self, budget: &Budget) -> Result<Option<SalesforceId>, CalloutError> {
        Ok(self.token(budget).await?.user_id.and_then(|id| SalesforceId::parse(&id).ok()))
    }
}

/// The query for the object whose ids begin so.
pub(super) fn key_prefix_query(prefix: &str) -> String {
    format!("SELECT QualifiedApiName FROM EntityDefinition WHERE KeyPrefix = {}", literal(prefix))
}
