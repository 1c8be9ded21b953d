//! The two engines behind one face: `SQLite` and `PostgreSQL` take the same statements, and errors
//! mean the same on both.
//!
//! A statement is written once, with `$1` as its first parameter; what the engines spell
//! differently has a name in braces, see [`Dialect`]. All columns are text or whole numbers of 64
//! bits. A [`Transaction`] that is dropped before its commit closes its connection, which rolls it
//! back: it must never be held across a callout.
//!
//! On `PostgreSQL` a statement is one message, its values written into its text by [`literals`],
//! and BEGIN goes with the first one; [`Database::write_at_once`] makes one message of a whole
//! transaction. A prepared statement would take two answers of the server, four with BEGIN and
//! COMMIT around it, because `PgBouncer` in transaction mode gives a client the same server only
//! that long; and no session has settings or locks of its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    AssertSqlSafe, Either, Executor as _, PgConnection, Postgres, Row as _, Sqlite,
    SqliteConnection,
};

use super::StoreError;
use super::connections::{Connections, Lent};
use super::dialect::{Dialect, literals};

/// How long `PostgreSQL` may take for one statement before it counts as away; a statement here
/// takes about a millisecond.
const STATEMENT_TIME: Duration = Duration::from_secs(5);
/// The server's own limit for a message that is a whole transaction, below [`STATEMENT_TIME`]: what
/// this process has given up must not be carried out afterwards. Of a transaction of several
/// messages nothing is, because its COMMIT is not sent.
const LIMIT_STATEMENTS: &str = "SET LOCAL statement_timeout = '4s'; ";
/// Answers before it is on the disk.
const UNSYNCED: &str = "SET LOCAL synchronous_commit = off; ";
/// How long migrations may take for one statement: an index of a large table.
pub(super) const MIGRATION_TIME: Duration = Duration::from_mins(15);
/// A process that is stopped in the middle of a transaction, or whose machine is gone, holds the
/// rows that it has changed no longer than this: nobody could take over what it worked on. Set for
/// the transaction, because a session is not ours behind `PgBouncer`.
const BEGIN_TO_WRITE: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'; ";
/// Connections that may turn out to be dead, one after the other, before a transaction is given up.
const DEAD_CONNECTIONS: u32 = 12;

/// An open database; a clone is another handle to it.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) engine: Engine,
    /// What errors call it: the file, or host, port and name.
    pub(super) place: Arc<str>,
    /// All statements so far, as the engine got them.
    #[cfg(test)]
    pub(super) statements: Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>,
}

#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// One connection that writes, another one that does not wait for the disk, and a few that
    /// read.
    Sqlite {
        writer: Connections<Sqlite>,
        unsynced: Connections<Sqlite>,
        readers: Connections<Sqlite>,
    },
    Postgres(Connections<Postgres>),
}

/// Whether a transaction changes anything: `SQLite` takes its one lock at the beginning then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// What a crash of the machine may lose.
    WriteUnsynced,
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
    /// How long one statement may take.
    pub(super) statement_time: Duration,
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
    Sqlite(Lent<Sqlite>),
    Postgres(Lent<Postgres>),
}

impl Database {
    pub(super) fn new(engine: Engine, place: Arc<str>) -> Self {
        Self {
            engine,
            place,
            #[cfg(test)]
            statements: Arc::default(),
        }
    }

    /// Begins a transaction; `operation` completes "cannot …" in its errors.
    pub(super) async fn begin(
        &self,
        access: Access,
        operation: &'static str,
    ) -> Result<Transaction, StoreError> {
        let mut transaction = self.acquire(access, operation).await?;
        match (&self.engine, access) {
            (Engine::Sqlite { .. }, access) => {
                transaction.stage = Stage::Open;
                transaction
                    .run_plain(if access == Access::Read { "BEGIN" } else { "BEGIN IMMEDIATE" })
                    .await?;
            }
            (Engine::Postgres(_), Access::Read) => transaction.stage = Stage::New("BEGIN; "),
            (Engine::Postgres(_), _) => transaction.stage = Stage::New(BEGIN_TO_WRITE),
        }
        Ok(transaction)
    }

    /// The rows of one statement that reads.
    pub(super) async fn fetch(
        &self,
        operation: &'static str,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.begin_single(Access::Read, operation).await?;
        let rows = transaction.fetch(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Carries out one statement that writes; how many rows it changed.
    pub(super) async fn execute(
        &self,
        operation: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin_single(Access::Write, operation).await?;
        let changed = transaction.execute(sql, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Carries out statements that write as one transaction and one message, whatever each of them
    /// answers; the rows of all of them. They share their parameters. If a connection of
    /// `PostgreSQL` dies they are sent again, although they may have been carried out: they must be
    /// such that a second time changes nothing.
    pub(super) async fn write_at_once(
        &self,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.write_message(Access::Write, operation, statements, values).await
    }

    /// The same without waiting for the disk: a crash of the machine may lose it, with all that was
    /// written so after it.
    pub(super) async fn write_unsynced(
        &self,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.write_message(Access::WriteUnsynced, operation, statements, values).await
    }

    async fn write_message(
        &self,
        access: Access,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.acquire(access, operation).await?;
        let statements = statements.join("; ");
        let message = match &self.engine {
            Engine::Sqlite { .. } => {
                transaction.stage = Stage::Open;
                format!("BEGIN IMMEDIATE; {statements}; COMMIT")
            }
            // PostgreSQL makes each message a transaction by itself.
            Engine::Postgres(_) if access == Access::WriteUnsynced => {
                format!("{LIMIT_STATEMENTS}{UNSYNCED}{statements}")
            }
            Engine::Postgres(_) => format!("{LIMIT_STATEMENTS}{statements}"),
        };
        let answer = transaction.ask(&message, values).await?;
        transaction.finish();
        Ok(answer.rows)
    }

    /// Begins a transaction of one statement, which is one by itself. Not so one that writes to
    /// `PostgreSQL`: whether it was carried out on a connection that turns out to be dead, nobody
    /// could tell.
    async fn begin_single(
        &self,
        access: Access,
        operation: &'static str,
    ) -> Result<Transaction, StoreError> {
        match (&self.engine, access) {
            (Engine::Postgres(_), Access::Write) => self.begin(access, operation).await,
            _ => self.acquire(access, operation).await,
        }
    }

    /// A connection on which no transaction is open yet.
    async fn acquire(
        &self,
        access: Access,
        operation: &'static str,
    ) -> Result<Transaction, StoreError> {
        let connection = self
            .connection(access)
            .await
            .map_err(|source| StoreError::from_sqlx(operation, &self.place, source))?;
        let stage = match &self.engine {
            Engine::Sqlite { .. } => Stage::Over,
            Engine::Postgres(_) => Stage::New(""),
        };
        Ok(Transaction {
            database: self.clone(),
            connection,
            operation,
            stage,
            statement_time: STATEMENT_TIME,
        })
    }

    async fn connection(&self, access: Access) -> Result<Connection, sqlx::Error> {
        match (&self.engine, access) {
            (Engine::Sqlite { writer, .. }, Access::Write) => {
                writer.lend().await.map(Connection::Sqlite)
            }
            (Engine::Sqlite { unsynced, .. }, Access::WriteUnsynced) => {
                unsynced.lend().await.map(Connection::Sqlite)
            }
            (Engine::Sqlite { readers, .. }, Access::Read) => {
                readers.lend().await.map(Connection::Sqlite)
            }
            (Engine::Postgres(connections), _) => {
                connections.lend().await.map(Connection::Postgres)
            }
        }
    }

    /// Waits for what is under way and closes all connections.
    pub(super) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, unsynced, readers } => {
                readers.close().await;
                unsynced.close().await;
                writer.close().await;
            }
            Engine::Postgres(connections) => connections.close().await,
        }
    }
}

impl Transaction {
    /// The rows of a statement.
    pub(super) async fn fetch(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(self.ask(sql, values).await?.rows)
    }

    /// Carries out a statement; how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        Ok(self.ask(sql, values).await?.changed)
    }

    async fn ask(&mut self, sql: &str, values: Vec<Value>) -> Result<Answer, StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let sql = Dialect::Sqlite.spell(sql);
                #[cfg(test)]
                self.database.statements.lock().unwrap().insert(sql.clone());
                let answer = sqlite_answer(connection, sqlite_query(sql, values)).await;
                answer.map_err(|source| self.failed(source))
            }
            Connection::Postgres(_) => {
                self.ask_postgres(literals(&Dialect::Postgres.spell(sql), &values)).await
            }
        }
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<(), StoreError> {
        match &mut self.connection {
            // Safe: the text is a constant of the store, or a migration.
            Connection::Sqlite(connection) => {
                let done =
                    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **connection).await;
                done.map(drop).map_err(|source| self.failed(source))
            }
            Connection::Postgres(_) => self.ask_postgres(sql.to_owned()).await.map(drop),
        }
    }

    /// A connection that died while nobody used it is noticed at the first message, where nothing
    /// is lost: another one is taken.
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
            if let Connection::Postgres(connection) = &mut self.connection {
                let replaced = connection.replace().await;
                replaced.map_err(|source| self.failed(source))?;
            }
        }
        self.send(&message).await
    }

    async fn send(&mut self, sql: &str) -> Result<Answer, StoreError> {
        let Connection::Postgres(connection) = &mut self.connection else {
            unreachable!("only PostgreSQL takes whole messages")
        };
        let answer =
            in_time(self.statement_time, postgres_answer(connection, sql.to_owned())).await;
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
        self.finish();
        Ok(())
    }

    fn finish(&mut self) {
        self.stage = Stage::Over;
        match &mut self.connection {
            Connection::Sqlite(connection) => connection.keep(),
            Connection::Postgres(connection) => connection.keep(),
        }
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(self.operation, &self.database.place, source)
    }
}

impl Connection {
    /// Lets it not be used again.
    fn give_up(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.give_up(),
            Self::Postgres(connection) => connection.give_up(),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.stage == Stage::Open {
            self.connection.give_up();
        }
    }
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "the database gave no answer in time",
        ))),
    }
}

fn sqlite_query(sql: String, values: Vec<Value>) -> Query<'static, Sqlite, SqliteArguments> {
    // Safe: the texts of statements are made of constants of the store, values are bound.
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
    })
}

async fn sqlite_answer(
    connection: &mut SqliteConnection,
    query: Query<'static, Sqlite, SqliteArguments>,
) -> Result<Answer, sqlx::Error> {
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

async fn postgres_answer(
    connection: &mut PgConnection,
    sql: String,
) -> Result<Answer, sqlx::Error> {
    let mut answer = Answer { rows: Vec::new(), changed: 0 };
    // Safe: the texts of statements are made of constants of the store, and `literals` quotes the
    // values.
    let mut parts = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += PgQueryResult::rows_affected(&done),
            Either::Right(row) => answer.rows.push(Row::Postgres(row)),
        }
    }
    Ok(answer)
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
