//! Statements as `PostgreSQL` takes them: each is one message, its values written into its text by
//! [`spelled`], and BEGIN goes with the first one.
//!
//! A prepared statement would take two answers of the server, four with BEGIN and COMMIT around it,
//! because `PgBouncer` in transaction mode gives a client the same server only that long; and no
//! session has settings or locks of its own.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::postgres::PgQueryResult;
use sqlx::{AssertSqlSafe, Either, PgConnection, Postgres};

use super::connections::Lent;
use super::dialect::{self, Word};
use super::error::is_away;
use super::row::Answer;
use super::value::Value;

/// How long `PostgreSQL` may take for one statement before it counts as away; a statement here
/// takes about a millisecond.
const STATEMENT_TIME: Duration = Duration::from_secs(5);
/// How long migrations may take for one statement: an index of a large table.
const MIGRATION_TIME: Duration = Duration::from_mins(15);
/// The server's own limit for a message that is a whole transaction, below [`STATEMENT_TIME`]: what
/// this process has given up must not be carried out afterwards. Of a transaction of several
/// messages nothing is, because its COMMIT is not sent.
const LIMIT_STATEMENTS: &str = "SET LOCAL statement_timeout = '4s'; ";
/// Answers before it is on the disk.
const UNSYNCED: &str = "SET LOCAL synchronous_commit = off; ";
const BEGIN_TO_READ: &str = "BEGIN; ";
/// A process that is stopped in the middle of a transaction, or whose machine is gone, holds the
/// rows that it has changed no longer than this: nobody could take over what it worked on. Set for
/// the transaction, because a session is not ours behind `PgBouncer`.
const BEGIN_TO_WRITE: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'; ";
/// Connections that may turn out to be dead, one after the other, before a transaction is given up.
const MAX_DEAD_CONNECTIONS: u32 = 12;

/// A connection, on which a transaction may be open. If it is dropped while one is, it is closed,
/// which rolls back.
pub(super) struct PostgresSession {
    connection: Lent<Postgres>,
    stage: Stage,
    statement_time: Duration,
    operation: &'static str,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent yet: this goes before the first statement.
    New(&'static str),
    /// Begun, and neither committed nor taken back.
    Open,
    /// Nothing is left to be done: the statement is a transaction by itself, or all is over.
    Over,
}

impl PostgresSession {
    pub(super) fn new(connection: Lent<Postgres>, operation: &'static str) -> Self {
        Self { connection, stage: Stage::New(""), statement_time: STATEMENT_TIME, operation }
    }

    pub(super) fn begin_to_read(&mut self) {
        self.stage = Stage::New(BEGIN_TO_READ);
    }

    pub(super) fn begin_to_write(&mut self) {
        self.stage = Stage::New(BEGIN_TO_WRITE);
    }

    /// Gives each statement the time that a migration may need.
    pub(super) fn allow_long_statements(&mut self) {
        self.statement_time = MIGRATION_TIME;
    }

    /// Carries out a statement.
    pub(super) async fn ask(&mut self, sql: &str, values: &[Value]) -> Result<Answer, sqlx::Error> {
        self.run(&spelled(sql, values)).await
    }

    /// Carries out statements that write as one transaction, which `PostgreSQL` makes of each
    /// message.
    pub(super) async fn ask_at_once(
        &mut self,
        statements: &str,
        values: &[Value],
        is_synced: bool,
    ) -> Result<Answer, sqlx::Error> {
        let unsynced = if is_synced { "" } else { UNSYNCED };
        let statements = spelled(statements, values);
        self.run(&format!("{LIMIT_STATEMENTS}{unsynced}{statements}")).await
    }

    /// Carries out statements without parameters.
    ///
    /// A connection that died while nobody used it is noticed at the first message, where nothing
    /// is lost: another one is taken.
    pub(super) async fn run(&mut self, sql: &str) -> Result<Answer, sqlx::Error> {
        let Stage::New(before) = self.stage else { return self.send(sql.to_owned()).await };
        let message = format!("{before}{sql}");
        let started = Instant::now();
        for _ in 0..MAX_DEAD_CONNECTIONS {
            // From here on a connection that is dropped is in an unknown state.
            self.stage = Stage::Open;
            match self.send(message.clone()).await {
                Err(error) if is_away(&error) && started.elapsed() < STATEMENT_TIME => {}
                Ok(answer) if before.is_empty() => {
                    self.stage = Stage::Over;
                    return Ok(answer);
                }
                outcome => return outcome,
            }
            self.connection.replace().await?;
        }
        self.send(message).await
    }

    async fn send(&mut self, message: String) -> Result<Answer, sqlx::Error> {
        let answer = answer(&mut self.connection, message, self.operation);
        tokio::time::timeout(self.statement_time, answer).await.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "the database gave no answer in time",
            )))
        })
    }

    /// Carries out `COMMIT` or `ROLLBACK`, if a transaction is open.
    pub(super) async fn end(&mut self, word: &'static str) -> Result<(), sqlx::Error> {
        if self.stage == Stage::Open {
            self.send(word.to_owned()).await?;
        }
        self.finish();
        Ok(())
    }

    /// Nothing is open any more: the connection may be lent again.
    pub(super) fn finish(&mut self) {
        self.stage = Stage::Over;
        self.connection.keep();
    }
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        if self.stage == Stage::Open {
            self.connection.give_up();
        }
    }
}

async fn answer(
    connection: &mut PgConnection,
    sql: String,
    operation: &'static str,
) -> Result<Answer, sqlx::Error> {
    let mut answer = Answer::empty(operation);
    // Safe: the texts of statements are made of constants of the store, and `spelled` quotes the
    // values.
    let mut parts = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += PgQueryResult::rows_affected(&done),
            Either::Right(row) => answer.push_postgres(row),
        }
    }
    Ok(answer)
}

/// A statement with its values in place of `$1`, `$2`, …
///
/// Numbers are digits. Texts stand in `E'…'`, whose rules no setting of the server changes, with
/// every quote and backslash doubled; they cannot hold a NUL, which no text of `PostgreSQL` can.
/// What a value holds is never looked at again.
fn spelled(sql: &str, values: &[Value]) -> String {
    let sql = dialect::spelled(sql, word);
    let mut text = String::with_capacity(sql.len() + 200);
    let mut rest = sql.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = after[..digits].parse().expect("a parameter has a number");
        text.push_str(before);
        push_literal(&mut text, &values[number - 1]);
        rest = &after[digits..];
    }
    text.push_str(rest);
    text
}

fn word(word: Word<'_>) -> Cow<'static, str> {
    match word {
        Word::Now => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)".into(),
        Word::Texts(list) => {
            format!("json_array_elements_text(CAST({list} AS json)) AS each(value)").into()
        }
        Word::Objects(list) => {
            format!("json_array_elements(CAST({list} AS json)) AS each(value)").into()
        }
        Word::Locked => "FOR NO KEY UPDATE".into(),
        Word::Unlocked(table) => format!("FOR UPDATE OF {table} SKIP LOCKED").into(),
        Word::Json(column) => format!("CAST({column} AS json)").into(),
        Word::Members(column, member) => {
            let list = format!("CAST({column} AS json)->'{member}'");
            format!("json_array_elements({list}) AS each(value)").into()
        }
        Word::Size => "CAST(pg_total_relation_size('runs') + pg_total_relation_size('run_object_results') AS BIGINT)".into(),
        Word::Sequence => "sequence".into(),
    }
}

fn push_literal(text: &mut String, value: &Value) {
    match value {
        Value::Text(None) | Value::Integer(None) => text.push_str("NULL"),
        Value::Integer(Some(integer)) => {
            let _ = write!(text, "({integer})");
        }
        Value::Text(Some(value)) => {
            text.reserve(value.len() + 16);
            text.push_str("E'");
            for character in value.chars() {
                match character {
                    '\\' | '\'' => text.extend([character, character]),
                    '\0' => text.push(char::REPLACEMENT_CHARACTER),
                    character => text.push(character),
                }
            }
            text.push('\'');
        }
    }
}
