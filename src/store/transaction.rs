//! A transaction under way, on either engine.

use std::sync::Arc;

use super::StoreError;
use super::postgres::PostgresSession;
use super::row::{Answer, Row};
use super::sqlite::{self, SqliteSession};
use super::value::Value;

/// Whether a transaction changes anything: `SQLite` takes its one lock at the beginning then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A transaction under way, or a connection for one statement. Dropped before its commit it closes
/// its connection, which rolls it back: it must never be held across a callout.
pub(super) struct Transaction {
    session: Session,
    /// Completes "cannot …" in errors.
    operation: &'static str,
    /// What errors call the database.
    place: Arc<str>,
    #[cfg(test)]
    statements: Statements,
}

/// All statements so far, as the engine got them.
#[cfg(test)]
pub(super) type Statements = Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>;

pub(super) enum Session {
    Sqlite(SqliteSession),
    Postgres(PostgresSession),
}

impl Transaction {
    /// Nothing is begun yet: a statement is a transaction by itself.
    pub(super) fn new(
        session: Session,
        operation: &'static str,
        place: Arc<str>,
        #[cfg(test)] statements: Statements,
    ) -> Self {
        Self {
            session,
            operation,
            place,
            #[cfg(test)]
            statements,
        }
    }

    /// Begins it with its first statement.
    pub(super) fn begin(&mut self, access: Access) {
        match (&mut self.session, access) {
            (Session::Sqlite(session), Access::Read) => session.begin_to_read(),
            (Session::Sqlite(session), _) => session.begin_to_write(),
            (Session::Postgres(session), Access::Read) => session.begin_to_read(),
            (Session::Postgres(session), _) => session.begin_to_write(),
        }
    }

    /// Gives each statement the time that a migration may need.
    pub(super) fn allow_long_statements(&mut self) {
        if let Session::Postgres(session) = &mut self.session {
            session.allow_long_statements();
        }
    }

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
        let answer = match &mut self.session {
            Session::Sqlite(session) => {
                let sql = sqlite::spelled(sql);
                #[cfg(test)]
                self.statements.lock().unwrap().insert(sql.clone());
                session.ask(sql, values).await
            }
            Session::Postgres(session) => session.ask(sql, &values).await,
        };
        answer.map_err(|source| self.failed(source))
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = match &mut self.session {
            Session::Sqlite(session) => session.run_plain(sql).await,
            Session::Postgres(session) => session.run_plain(sql).await.map(drop),
        };
        done.map_err(|source| self.failed(source))
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
        let ended = match &mut self.session {
            Session::Sqlite(session) => session.end(word).await,
            Session::Postgres(session) => session.end(word).await,
        };
        ended.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(self.operation, &self.place, source)
    }
}
