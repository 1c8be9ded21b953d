//! The two engines behind one face: `SQLite` and `PostgreSQL` take the same statements, and errors mean the same on both.
//!
//! A statement is written once, with `$1` as its first parameter; what the engines spell differently has a name in braces, see
//! [`Dialect`]. All columns are text or whole numbers of 64 bits. A [`Transaction`] that is dropped before its commit closes its
//! connection, which rolls it back: it must never be held across a callout.
//!
//! On `PostgreSQL` a statement is one message, its values written into its text by [`literals`], and BEGIN goes with the first one. A
//! prepared statement would take two answers of the server, four with BEGIN and COMMIT around it, because `PgBouncer` in transaction mode
//! gives a client the same server only that long; and no session has settings or locks of its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Either, Executor as _, PgConnection, PgPool, Postgres, Row as _, Sqlite, SqliteConnection, SqlitePool};

use super::StoreError;

/// How long `PostgreSQL` may take for one statement before it counts as away; a statement here takes about a millisecond.
const STATEMENT_TIME: Duration = Duration::from_secs(5);
/// A process that is stopped in the middle of a transaction, or whose machine is gone, holds the rows that it has changed no longer than
/// this: nobody could take over what it worked on. Set for the transaction, because a session is not ours behind `PgBouncer`.
const BEGIN_TO_WRITE: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'; ";
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
    database: Database,
    connection: Connection,
    operation: &'static str,
    stage: Stage,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent yet: this goes before the first statement of `PostgreSQL`.
    New(&'static str),
    /// Begun, and neither committed nor taken back.
    Open,
    /// Nothing is left to be done: the statement is a transaction by itself, or all is over.
    Over,
}

/// What a statement answers.
struct Answer {
    rows: Vec<Row>,
    changed: u64,
}

enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Database {
    /// Begins a transaction; `operation` completes "cannot …" in its errors.
    pub(super) async fn begin(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        let mut transaction = self.acquire(access, operation).await?;
        match (&self.engine, access) {
            (Engine::Sqlite { .. }, access) => {
                transaction.stage = Stage::Open;
                transaction.run_plain(if access == Access::Write { "BEGIN IMMEDIATE" } else { "BEGIN" }).await?;
            }
            (Engine::Postgres(_), Access::Write) => transaction.stage = Stage::New(BEGIN_TO_WRITE),
            (Engine::Postgres(_), Access::Read) => transaction.stage = Stage::New("BEGIN; "),
        }
        Ok(transaction)
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

    /// Begins a transaction of one statement, which is one by itself. Not so one that writes to `PostgreSQL`: whether it was carried out on a
    /// connection that turns out to be dead, nobody could tell.
    pub(super) async fn begin_single(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        match (&self.engine, access) {
            (Engine::Postgres(_), Access::Write) => self.begin(access, operation).await,
            _ => self.acquire(access, operation).await,
        }
    }

    /// A connection on which no transaction is open yet.
    async fn acquire(&self, access: Access, operation: &'static str) -> Result<Transaction, StoreError> {
        let connection = self.connection(access).await.map_err(|source| StoreError::from_sqlx(operation, &self.place, source))?;
        let stage = match &self.engine {
            Engine::Sqlite { .. } => Stage::Over,
            Engine::Postgres(_) => Stage::New(""),
        };
        Ok(Transaction { database: self.clone(), connection, operation, stage })
    }

    async fn connection(&self, access: Access) -> Result<Connection, sqlx::Error> {
        match (&self.engine, access) {
            (Engine::Sqlite { writer, .. }, Access::Write) => writer.acquire().await.map(Connection::Sqlite),
            (Engine::Sqlite { readers, .. }, Access::Read) => readers.acquire().await.map(Connection::Sqlite),
            (Engine::Postgres(pool), _) => pool.acquire().await.map(Connection::Postgres),
        }
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
        Ok(self.ask(sql, values).await?.rows)
    }

    /// Carries out a statement; how many rows it changed.
    pub(super) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        Ok(self.ask(sql, values).await?.changed)
    }

    async fn ask(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Answer, StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let answer = sqlite_answer(connection, sqlite_query(Dialect::Sqlite.spell(sql), values)).await;
                answer.map_err(|source| self.failed(source))
            }
            Connection::Postgres(_) => self.ask_postgres(literals(&Dialect::Postgres.spell(sql), &values)).await,
        }
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<(), StoreError> {
        match &mut self.connection {
            // Safe: the text is a constant of the store, or a migration.
            Connection::Sqlite(connection) => {
                let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **connection).await;
                done.map(drop).map_err(|source| self.failed(source))
            }
            Connection::Postgres(_) => self.ask_postgres(sql.to_owned()).await.map(drop),
        }
    }

    /// A connection that died while nobody used it is noticed at the first message, where nothing is lost: another one is taken.
    async fn ask_postgres(&mut self, sql: String) -> Result<Answer, StoreError> {
        let Stage::New(before) = self.stage else { return self.send(&sql).await };
        let message = format!("{before}{sql}");
        let started = Instant::now();
        for _ in 0..DEAD_CONNECTIONS {
            // From here on a connection that is dropped is in an unknown state.
            self.stage = Stage::Open;
            match self.send(&message).await {
                Err(StoreError::Unavailable { .. }) if started.elapsed() < STATEMENT_TIME => {}
                Ok(answer) if before.is_empty() => {
                    self.stage = Stage::Over;
                    return Ok(answer);
                }
                outcome => return outcome,
            }
            let next = self.database.connection(Access::Write).await.map_err(|source| self.failed(source))?;
            std::mem::replace(&mut self.connection, next).close();
        }
        self.send(&message).await
    }

    async fn send(&mut self, sql: &str) -> Result<Answer, StoreError> {
        let Connection::Postgres(connection) = &mut self.connection else { unreachable!("only PostgreSQL takes whole messages") };
        let answer = in_time(postgres_answer(connection, sql.to_owned())).await;
        answer.map_err(|source| self.failed(source))
    }

    /// Makes it durable. An error may mean that it is nevertheless: only the answer may be lost.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Takes it back.
    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, word: &'static str) -> Result<(), StoreError> {
        if self.stage == Stage::Open {
            self.run_plain(word).await?;
        }
        self.stage = Stage::Over;
        Ok(())
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(self.operation, &self.database.place, source)
    }
}

impl Connection {
    /// Lets it not be used again.
    fn close(mut self) {
        match &mut self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.stage == Stage::Open {
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

async fn sqlite_answer(connection: &mut SqliteConnection, query: Query<'static, Sqlite, SqliteArguments>) -> Result<Answer, sqlx::Error> {
    let mut answer = Answer { rows: Vec::new(), changed: 0 };
    let mut parts = connection.fetch_many(query);
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += done.rows_affected(),
            Either::Right(row) => answer.rows.push(Row::Sqlite(row)),
        }
    }
    Ok(answer)
}

async fn postgres_answer(connection: &mut PgConnection, sql: String) -> Result<Answer, sqlx::Error> {
    let mut answer = Answer { rows: Vec::new(), changed: 0 };
    // Safe: the texts of statements are constants of the store, and `literals` quotes the values.
    let mut parts = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += PgQueryResult::rows_affected(&done),
            Either::Right(row) => answer.rows.push(Row::Postgres(row)),
        }
    }
    Ok(answer)
}

/// A statement of `PostgreSQL` with its values in place of `$1`, `$2`, …
///
/// Numbers are digits. Texts stand in `E'…'`, whose rules no setting of the server changes, with every quote and backslash doubled; they
/// cannot hold a NUL, which no text of `PostgreSQL` can. What a value holds is never looked at again.
fn literals(sql: &str, values: &[Value]) -> String {
    let mut text = String::with_capacity(sql.len() + 200);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = after[..digits].parse().expect("a parameter has a number");
        text.push_str(before);
        text.push_str(&literal(&values[number - 1]));
        rest = &after[digits..];
    }
    text.push_str(rest);
    text
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(None) | Value::Integer(None) => "NULL".to_owned(),
        Value::Integer(Some(integer)) => format!("({integer})"),
        Value::Text(Some(text)) => {
            let mut literal = String::with_capacity(text.len() + 16);
            literal.push_str("E'");
            for character in text.chars() {
                match character {
                    '\\' | '\'' => literal.extend([character, character]),
                    '\0' => literal.push(char::REPLACEMENT_CHARACTER),
                    character => literal.push(character),
                }
            }
            literal.push('\'');
            literal
        }
    }
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
