//! What a statement answers, whatever the engine.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::StoreError;
use super::value::Value;
use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};

/// A row of an answer: its columns are text or whole numbers of 64 bits, and are read by name as
/// what they stand for.
pub(super) struct Row {
    columns: Columns,
    /// Completes "cannot …" in errors.
    operation: &'static str,
}

enum Columns {
    Sqlite { names: Arc<[String]>, values: Vec<Value> },
    Postgres(PgRow),
}

/// What a statement, or a message of several, answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// How many rows were changed.
    pub(super) changed: u64,
    operation: &'static str,
}

impl Answer {
    pub(super) fn empty(operation: &'static str) -> Self {
        Self { rows: Vec::new(), changed: 0, operation }
    }

    pub(super) fn push_sqlite(&mut self, names: Arc<[String]>, values: Vec<Value>) {
        let operation = self.operation;
        self.rows.push(Row { columns: Columns::Sqlite { names, values }, operation });
    }

    pub(super) fn push_postgres(&mut self, row: PgRow) {
        let operation = self.operation;
        self.rows.push(Row { columns: Columns::Postgres(row), operation });
    }
}

impl Row {
    /// The value of a column that always has one.
    pub(super) fn get<T: Column>(&self, name: &str) -> Result<T, StoreError> {
        self.optional(name)?.ok_or_else(|| self.unreadable(format!("nothing in `{name}`")))
    }

    /// The value of a column that may have none.
    pub(super) fn optional<T: Column>(&self, name: &str) -> Result<Option<T>, StoreError> {
        T::read(self, name)
    }

    /// Whether a number is not 0.
    pub(super) fn is_set(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.get::<i64>(name)? != 0)
    }

    /// The words of a text, of which there may be none.
    pub(super) fn words(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let text = self.text(name)?.unwrap_or_default();
        Ok(text.split_whitespace().map(ToOwned::to_owned).collect())
    }

    /// What the JSON in a column says.
    pub(super) fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        self.parsed(name, |text| serde_json::from_str(text).ok())
    }

    /// What `parse` makes of the text in a column.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let parsed = self.read_text(name, parse)?;
        parsed.ok_or_else(|| self.unreadable(format!("nothing in `{name}`")))
    }

    /// A value that this version never writes.
    pub(super) fn unreadable(&self, value: String) -> StoreError {
        StoreError::Unreadable { operation: self.operation, value }
    }

    fn text(&self, name: &str) -> Result<Option<&str>, StoreError> {
        match &self.columns {
            Columns::Sqlite { names, values } => match value(names, values, name) {
                Some(Value::Text(text)) => Ok(text.as_deref()),
                other => Err(self.unreadable(no_such(name, "text", other))),
            },
            Columns::Postgres(row) => {
                row.try_get(name).map_err(|error| self.unreadable(error.to_string()))
            }
        }
    }

    fn integer(&self, name: &str) -> Result<Option<i64>, StoreError> {
        match &self.columns {
            Columns::Sqlite { names, values } => match value(names, values, name) {
                Some(Value::Integer(integer)) => Ok(*integer),
                Some(Value::Text(None)) => Ok(None),
                other => Err(self.unreadable(no_such(name, "number", other))),
            },
            Columns::Postgres(row) => {
                row.try_get(name).map_err(|error| self.unreadable(error.to_string()))
            }
        }
    }

    fn read_text<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| self.unreadable(text.to_owned()))
    }

    fn read_integer<T>(
        &self,
        name: &str,
        parse: impl FnOnce(i64) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(integer) = self.integer(name)? else { return Ok(None) };
        parse(integer).map(Some).ok_or_else(|| self.unreadable(integer.to_string()))
    }
}

/// `None` where there is no such column.
fn value<'v>(names: &[String], values: &'v [Value], name: &str) -> Option<&'v Value> {
    values.get(names.iter().position(|column| column == name)?)
}

fn no_such(name: &str, kind: &str, value: Option<&Value>) -> String {
    match value {
        None => format!("no column `{name}`"),
        Some(Value::Text(_) | Value::Shared(_)) => format!("a text in `{name}`, not a {kind}"),
        Some(Value::Integer(_)) => format!("a number in `{name}`, not a {kind}"),
    }
}

/// What a column can be read as.
pub(super) trait Column: Sized {
    /// `None` where the column has no value.
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError>;
}

impl Column for String {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        Ok(row.text(name)?.map(ToOwned::to_owned))
    }
}

impl Column for i64 {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.integer(name)
    }
}

impl Column for u32 {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_integer(name, |integer| integer.try_into().ok())
    }
}

impl Column for u64 {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_integer(name, |integer| integer.try_into().ok())
    }
}

/// In milliseconds since 1970.
impl Column for Timestamp {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_integer(name, |ms| Self::from_millisecond(ms).ok())
    }
}

impl Column for SalesforceId {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_text(name, |text| Self::parse(text).ok())
    }
}

impl Column for M3terId {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_text(name, |text| Self::parse(text).ok())
    }
}

impl Column for SyncRunId {
    fn read(row: &Row, name: &str) -> Result<Option<Self>, StoreError> {
        row.read_text(name, Self::parse)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row")
    }
}
