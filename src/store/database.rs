//! The two engines behind one face: `SQLite` and `PostgreSQL` take the same statements, and errors
//! mean the same on both.
//!
//! A statement is written once, with `$1` as its first parameter; what the engines spell
//! differently has a name in braces, see [`dialect`](super::dialect). All columns are text or whole
//! numbers of 64 bits. [`Database::write_at_once`] makes one message of a whole transaction.

use std::sync::Arc;

use super::StoreError;
use super::postgres::PostgresServer;
use super::row::Row;
use super::sqlite::{self, Message, SqliteConnections, SqliteSession, SqliteWriter};
use super::transaction::{Access, Session, Transaction};
use super::value::Value;

/// An open database; a clone is another handle to it.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) engine: Engine,
    /// What errors call it: the file, or host, port and name.
    pub(super) place: Arc<str>,
    #[cfg(test)]
    pub(super) statements: super::transaction::Statements,
}

#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// One connection that writes, another one that does not wait for the disk, and a few that
    /// read.
    Sqlite {
        writer: SqliteWriter,
        unsynced: SqliteWriter,
        readers: SqliteConnections,
    },
    Postgres(PostgresServer),
}

/// When a message is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Synced {
    /// Before it is answered.
    AtOnce,
    /// With the next one that is at once.
    WithNext,
    Sometime,
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
        transaction.begin(access);
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
        self.write_message(Synced::AtOnce, operation, statements, values).await
    }

    /// The same where nothing outside relies on it yet, without waiting for the disk: it is there
    /// with the next message that is written at once. Until then a crash of the database's machine
    /// loses it; the end of this process does not.
    pub(super) async fn write_provisionally(
        &self,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.write_message(Synced::WithNext, operation, statements, values).await
    }

    /// The same without waiting for the disk: a crash of the machine may lose it, with all that was
    /// written so after it.
    pub(super) async fn write_unsynced(
        &self,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.write_message(Synced::Sometime, operation, statements, values).await
    }

    async fn write_message(
        &self,
        synced: Synced,
        operation: &'static str,
        statements: &[&'static str],
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let written = match &self.engine {
            Engine::Sqlite { writer, unsynced, .. } => {
                let statements: Vec<String> =
                    statements.iter().map(|sql| sqlite::spelled(sql)).collect();
                #[cfg(test)]
                self.statements.lock().unwrap().extend(statements.clone());
                let writer = if synced == Synced::Sometime { unsynced } else { writer };
                let is_provisional = synced == Synced::WithNext;
                writer.write(Message { operation, statements, values, is_provisional }).await
            }
            Engine::Postgres(server) => {
                let is_synced = synced == Synced::AtOnce;
                server.write(operation, statements, &values, is_synced).await
            }
        };
        let answer =
            written.map_err(|source| StoreError::from_sqlx(operation, &self.place, source))?;
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
        let sqlite = |lent| Session::Sqlite(SqliteSession::new(lent, operation));
        let session = match (&self.engine, access) {
            (Engine::Sqlite { readers, .. }, Access::Read) => readers.lend().await.map(sqlite),
            (Engine::Sqlite { writer, .. }, Access::Write) => writer.lend().await.map(sqlite),
            (Engine::Postgres(server), _) => server.session(operation).await.map(Session::Postgres),
        };
        let session =
            session.map_err(|source| StoreError::from_sqlx(operation, &self.place, source))?;
        Ok(Transaction::new(
            session,
            operation,
            Arc::clone(&self.place),
            #[cfg(test)]
            Arc::clone(&self.statements),
        ))
    }

    /// Waits for what is under way and closes all connections.
    pub(super) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, unsynced, readers } => {
                readers.close().await;
                unsynced.close().await;
                writer.close().await;
            }
            Engine::Postgres(server) => server.close().await,
        }
    }
}
