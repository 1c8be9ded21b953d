//! The two engines behind one face: `SQLite` and `PostgreSQL` take the same statements, and errors mean the same on both.
//!
//! A statement is written once, with `$1` as its first parameter; what the engines spell differently has a name in braces, see
//! [`Dialect`]. All columns are text or whole numbers of 64 bits. A [`Transaction`] that is dropped before its commit closes its
//! connection, which rolls it back: it must never be held across a callout.
//!
//! On `PostgreSQL` every statement is sent unnamed and within a transaction, because `PgBouncer` in transaction mode gives a client the
//! same server only from BEGIN to COMMIT, and no session has settings or locks of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, SqlSafeStr, Sqlite, SqlitePool};

use super::StoreError;

/// How long `PostgreSQL` may take for one statement before it counts as away; a statement here takes about a millisecond.
const STATEMENT_TIME: Duration = Duration::from_secs(5);
/// A process that is stopped in the middle of a transaction, or whose machine is gone, holds the rows that it has changed no longer than
/// this: nobody could take over what it worked on. Set for the transaction, because a session is not ours behind `PgBouncer`.
const BEGIN_TO_WRITE: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'";
/// Connections that may turn out to be dead, one after the other, before a transaction is given up.
const DEAD_CONNECTIONS: u32 = 12;

/// An open database; a clone is another handle to it.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) engine: Engine,
    /// What errors call it: the file, or host, port and name.
    pub(super) place: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// One connection that writes and a few that read.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// Whether a transaction changes anything: `SQLite` takes its one lock at the beginning then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
}

/// A row of an answer.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A transaction under way.
pub(super) struct Transaction {
    connection: Connection,
    operation: &'static str,
    place: Arc<str>,
    is_open: bool,
}

enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Database {
    /// Begins a transaction; `operation` completes "cannot …" in its errors.
    ///
    /// A connection that died while nobody used it is noticed here, where nothing is lost: another one is taken.
    pub(super) async fn begin(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        let mut dead = 0;
        loop {
            let mut transaction = self.acquire(access, operation).await?;
            let begin = match (&self.engine, access) {
                (Engine::Sqlite { .. }, Access::Write) => "BEGIN IMMEDIATE",
                (Engine::Postgres(_), Access::Write) => BEGIN_TO_WRITE,
                _ => "BEGIN",
            };
            transaction.is_open = true;
            match transaction.run_plain(begin).await {
                Ok(()) => return Ok(transaction),
                Err(StoreError::Unavailable { .. }) if dead < DEAD_CONNECTIONS => dead += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The rows of one statement that reads.
    pub(super) async fn fetch(&self, operation: &'static str, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.begin_single(Access::Read, operation).await?;
        let rows = transaction.fetch(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Carries out one statement that writes; how many rows it changed.
    pub(super) async fn execute(&self, operation: &'static str, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let mut transaction = self.begin_single(Access::Write, operation).await?;
        let changed = transaction.execute(sql, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Begins a transaction of one statement: in `SQLite` the statement is one by itself.
    pub(super) async fn begin_single(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        match &self.engine {
            Engine::Sqlite { .. } => self.acquire(access, operation).await,
            Engine::Postgres(_) => self.begin(access, operation).await,
        }
    }

    /// A connection on which no transaction is open yet.
    async fn acquire(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        let connection = match (&self.engine, access) {
            (Engine::Sqlite { writer, .. }, Access::Write) => writer.acquire().await.map(Connection::Sqlite),
            (Engine::Sqlite { readers, .. }, Access::Read) => readers.acquire().await.map(Connection::Sqlite),
            (Engine::Postgres(pool), _) => pool.acquire().await.map(Connection::Postgres),
        };
        let connection = connection.map_err(|source| StoreError::from_sqlx(operation, &self.place, source))?;
        Ok(Transaction { connection, operation, place: Arc::clone(&self.place), is_open: false })
    }

    /// Waits for what is under way and closes all connections.
    pub(super) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    /// The rows of a statement.
    pub(super) async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let query = sqlite_query(Dialect::Sqlite.spell(sql), values);
                query.fetch_all(&mut **connection).await.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(connection) => {
                let query = postgres_query(Dialect::Postgres.spell(sql), values);
                in_time(query.fetch_all(&mut **connection)).await.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        outcome.map_err(|source| self.failed(source))
    }

    /// Carries out a statement; how many rows it changed.
    pub(super) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => {
                sqlite_query(Dialect::Sqlite.spell(sql), values).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Connection::Postgres(connection) => {
                let query = postgres_query(Dialect::Postgres.spell(sql), values);
                in_time(query.execute(&mut **connection)).await.map(|done| done.rows_affected())
            }
        };
        outcome.map_err(|source| self.failed(source))
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: impl SqlSafeStr) -> Result<(), StoreError> {
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
            Connection::Postgres(connection) => in_time(sqlx::raw_sql(sql).execute(&mut **connection)).await.map(drop),
        };
        outcome.map_err(|source| self.failed(source))
    }

    /// Makes it durable. An error may mean that it is nevertheless: only the answer may be lost.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if self.is_open {
            self.run_plain("COMMIT").await?;
        }
        self.is_open = false;
        Ok(())
    }

    /// Takes it back.
    pub(super) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.run_plain("ROLLBACK").await?;
        self.is_open = false;
        Ok(())
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(self.operation, &self.place, source)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            match &mut self.connection {
                Connection::Sqlite(connection) => connection.close_on_drop(),
                Connection::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(STATEMENT_TIME, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database gave no answer in time"))),
    }
}

fn sqlite_query(sql: String, values: Vec<Value>) -> Query<'static, Sqlite, SqliteArguments> {
    // Safe: the texts of statements are constants of the store, values are bound.
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
    })
}

fn postgres_query(sql: String, values: Vec<Value>) -> Query<'static, Postgres, PgArguments> {
    // Safe: the texts of statements are constants of the store, values are bound.
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
    })
}

/// How an engine spells what the statements name in braces.
///
/// - `{now}`: the database's clock at this moment, also within a transaction, in milliseconds since 1970;
/// - `{texts:$1}`: the texts of the JSON list `$1` as rows with the column `value`;
/// - `{objects:$1}`: the objects of the JSON list `$1` likewise, for `value->>'name'`;
/// - `{unlocked:name}`: of the rows of the table `name` in a SELECT those that no other transaction is changing, to be changed by this one;
/// - `{sequence}`: a number that is larger for a row that was inserted later.
#[derive(Debug, Clone, Copy)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    fn spell(self, sql: &'static str) -> String {
        let mut spelled = String::with_capacity(sql.len() + 100);
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a brace of a statement is closed");
            spelled.push_str(before);
            spelled.push_str(&self.word(name));
            rest = after;
        }
        spelled.push_str(rest);
        spelled
    }

    fn word(self, name: &str) -> String {
        match (self, name.split_once(':').unwrap_or((name, ""))) {
            (Self::Sqlite, ("now", _)) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)".to_owned(),
            (Self::Postgres, ("now", _)) => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)".to_owned(),
            (Self::Sqlite, ("texts" | "objects", parameter)) => format!("json_each({parameter})"),
            (Self::Postgres, ("texts", parameter)) => format!("json_array_elements_text(CAST({parameter} AS json)) AS each(value)"),
            (Self::Postgres, ("objects", parameter)) => format!("json_array_elements(CAST({parameter} AS json)) AS each(value)"),
            // Whoever writes is alone there.
            (Self::Sqlite, ("unlocked", _)) => String::new(),
            (Self::Postgres, ("unlocked", table)) => format!("FOR UPDATE OF {table} SKIP LOCKED"),
            (Self::Sqlite, ("sequence", _)) => "rowid".to_owned(),
            (Self::Postgres, ("sequence", _)) => "sequence".to_owned(),
            (_, (other, _)) => unreachable!("no statement has the word {other}"),
        }
    }
}

impl Row {
    pub(super) fn text(&self, column: &str) -> String {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => row.get(column),
        }
    }

    pub(super) fn optional_text(&self, column: &str) -> Option<String> {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => row.get(column),
        }
    }

    pub(super) fn integer(&self, column: &str) -> i64 {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => row.get(column),
        }
    }

    pub(super) fn optional_integer(&self, column: &str) -> Option<i64> {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => row.get(column),
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row")
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(ToOwned::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(Some(i64::from(truth)))
    }
}

impl From<Option<jiff::Timestamp>> for Value {
    fn from(instant: Option<jiff::Timestamp>) -> Self {
        Self::Integer(instant.map(jiff::Timestamp::as_millisecond))
    }
}

impl From<jiff::Timestamp> for Value {
    fn from(instant: jiff::Timestamp) -> Self {
        Self::Integer(Some(instant.as_millisecond()))
    }
}
