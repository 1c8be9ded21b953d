//! Statements as `SQLite` takes them: values are bound, and a transaction has the file's one lock
//! from its beginning if it writes.
//!
//! What a message asks for is done in one go on the connection's own thread: one hop there and one
//! back, however many statements and rows it has.

mod connections;
mod fault;
mod messages;
mod statement;

use std::borrow::Cow;

use rusqlite::Connection;

use super::dialect::{self, Word};
use super::row::Answer;
use super::value::Value;

pub(super) use messages::{Message, SqliteWriter};

use connections::Lent;
pub(super) use connections::{Duty, LOCK_TIME, SqliteConnections};
use statement::{carry_out, control};

/// A connection, on which a transaction may be open. If it is dropped while one is, it is closed,
/// which rolls back.
pub(super) struct SqliteSession {
    lent: Lent,
    /// What begins the transaction, until it has begun: it goes with the first statement.
    begins: Option<&'static str>,
    is_open: bool,
    operation: &'static str,
}

impl SqliteSession {
    pub(super) fn new(lent: Lent, operation: &'static str) -> Self {
        Self { lent, begins: None, is_open: false, operation }
    }

    pub(super) fn begin_to_read(&mut self) {
        self.begins = Some("BEGIN");
    }

    pub(super) fn begin_to_write(&mut self) {
        self.begins = Some("BEGIN IMMEDIATE");
    }

    /// Carries out a statement, as [`spelled`] has it.
    pub(super) async fn ask(
        &mut self,
        sql: String,
        values: Vec<Value>,
    ) -> Result<Answer, sqlx::Error> {
        let begins = self.begins.take();
        self.is_open |= begins.is_some();
        let mut answer = Answer::empty(self.operation);
        let work = move |connection: &mut Connection| {
            if let Some(begins) = begins {
                control(connection, begins)?;
            }
            carry_out(connection, &sql, &values, &mut answer)?;
            Ok(answer)
        };
        self.lent.work(work).await
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let begins = self.begins.take();
        self.is_open |= begins.is_some();
        let sql = begins.map_or_else(|| sql.to_owned(), |begins| format!("{begins}; {sql}"));
        self.lent.work(move |connection| connection.execute_batch(&sql)).await
    }

    /// Carries out `COMMIT` or `ROLLBACK`, if a transaction is open.
    pub(super) async fn end(&mut self, word: &'static str) -> Result<(), sqlx::Error> {
        if self.is_open {
            self.lent.work(move |connection| control(connection, word)).await?;
        }
        self.finish();
        Ok(())
    }

    /// Nothing is open any more: the connection may be lent again.
    pub(super) fn finish(&mut self) {
        self.is_open = false;
        self.lent.keep();
    }
}

pub(super) fn spelled(sql: &str) -> String {
    dialect::spelled(sql, word)
}

fn word(word: Word<'_>) -> Cow<'static, str> {
    match word {
        Word::Now => "CAST(unixepoch('subsec') * 1000 AS INTEGER)".into(),
        Word::Texts(list) | Word::Objects(list) => format!("json_each({list})").into(),
        // Only one connection writes there at a time.
        Word::Unlocked(_) | Word::Locked => "".into(),
        Word::Json(column) => column.to_owned().into(),
        Word::Members(column, member) => format!("json_each({column}, '$.{member}')").into(),
        Word::Size => {
            "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())".into()
        }
        Word::Sequence => "rowid".into(),
    }
}
