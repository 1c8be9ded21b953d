//! Statements as `PostgreSQL` takes them: each is one message with its values in it, and BEGIN goes
//! with the first one.
//!
//! A prepared statement of the protocol would take two answers of the server, four with BEGIN and
//! COMMIT around it. A message that is a whole transaction uses what its connection has prepared
//! ([`plans`]), where the session is this process's own. Behind `PgBouncer` in transaction mode it
//! is not, because a client has the same server only until COMMIT: there values are written into
//! the statements ([`literals`]), and no session has settings or locks of its own.

mod literals;
mod plans;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgQueryResult};
use sqlx::{AssertSqlSafe, Either, PgConnection, PgPool, Postgres};

use super::connections::{Connections, Lent};
use super::error::is_away;
use super::row::Answer;
use super::value::Value;
use literals::spelled;
use plans::{Plan, Plans, executed, is_of_another_session, prepared};

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

/// A server; a clone is another handle to it.
#[derive(Debug, Clone)]
pub(super) struct PostgresServer {
    connections: Connections<Postgres>,
    plans: Arc<Plans>,
}

impl PostgresServer {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { connections: Connections::new(pool), plans: Arc::default() }
    }

    /// Waits for a connection.
    pub(super) async fn session(
        &self,
        operation: &'static str,
    ) -> Result<PostgresSession, sqlx::Error> {
        let connection = self.connections.lend().await?;
        let (stage, statement_time) = (Stage::New(""), STATEMENT_TIME);
        Ok(PostgresSession { connection, stage, statement_time, operation })
    }

    /// Carries out statements that write as one transaction, which `PostgreSQL` makes of each
    /// message.
    pub(super) async fn write(
        &self,
        operation: &'static str,
        statements: &[&'static str],
        values: &[Value],
        is_synced: bool,
    ) -> Result<Answer, sqlx::Error> {
        let mut session = self.session(operation).await?;
        let before = format!("{LIMIT_STATEMENTS}{}", if is_synced { "" } else { UNSYNCED });
        let in_full = || format!("{before}{}", spelled(&statements.join("; "), values));
        let answer = match self.plans.of(statements, values) {
            None => session.run(&[], in_full()).await?,
            Some(plans) => {
                let message = format!("{before}{}", executed(&plans, values));
                match session.run(&plans, message).await {
                    // Nothing was done.
                    Err(error) if is_of_another_session(&error) => {
                        self.plans.give_up();
                        session.run(&[], in_full()).await?
                    }
                    answered => answered?,
                }
            }
        };
        session.finish();
        Ok(answer)
    }

    /// Connects otherwise from now on.
    pub(super) fn follow(&self, options: PgConnectOptions) {
        self.connections.follow(options);
    }

    /// Closes all connections; waits for those that are lent.
    pub(super) async fn close(&self) {
        self.connections.close().await;
    }
}

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
        self.run(&[], spelled(sql, values)).await
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<Answer, sqlx::Error> {
        self.run(&[], sql.to_owned()).await
    }

    /// Carries out a message, once its plans are prepared.
    ///
    /// A connection that died while nobody used it is noticed at the first message, where nothing
    /// is lost: another one is taken.
    async fn run(&mut self, plans: &[Arc<Plan>], message: String) -> Result<Answer, sqlx::Error> {
        let Stage::New(before) = self.stage else { return self.send(message).await };
        let message = if before.is_empty() { message } else { format!("{before}{message}") };
        let started = Instant::now();
        for _ in 0..MAX_DEAD_CONNECTIONS {
            // From here on a connection that is dropped is in an unknown state.
            self.stage = Stage::Open;
            match self.prepare_and_send(plans, message.clone()).await {
                Err(error) if is_away(&error) && started.elapsed() < STATEMENT_TIME => {}
                Ok(answer) if before.is_empty() => {
                    self.stage = Stage::Over;
                    return Ok(answer);
                }
                outcome => return outcome,
            }
            self.connection.replace().await?;
        }
        self.prepare_and_send(plans, message).await
    }

    async fn prepare_and_send(
        &mut self,
        plans: &[Arc<Plan>],
        message: String,
    ) -> Result<Answer, sqlx::Error> {
        // In a message of its own: the server keeps the text of all of it, and may log it.
        if let Some(prepares) = prepared(plans, self.connection.prepared()) {
            self.send(prepares).await?;
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
