//! Statements as `SQLite` takes them: values are bound, and a transaction has the file's one lock
//! from its beginning if it writes.

use std::borrow::Cow;

use futures::TryStreamExt as _;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Either, Executor as _, Sqlite, SqliteConnection};

use super::connections::Lent;
use super::dialect::{self, Word};
use super::row::Answer;
use super::value::Value;

/// A connection, on which a transaction may be open. If it is dropped while one is, it is closed,
/// which rolls back.
pub(super) struct SqliteSession {
    connection: Lent<Sqlite>,
    is_open: bool,
    operation: &'static str,
}

impl SqliteSession {
    pub(super) fn new(connection: Lent<Sqlite>, operation: &'static str) -> Self {
        Self { connection, is_open: false, operation }
    }

    pub(super) async fn begin_to_read(&mut self) -> Result<(), sqlx::Error> {
        self.begin("BEGIN").await
    }

    pub(super) async fn begin_to_write(&mut self) -> Result<(), sqlx::Error> {
        self.begin("BEGIN IMMEDIATE").await
    }

    async fn begin(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.is_open = true;
        self.run_plain(sql).await
    }

    /// Carries out a statement, as [`spelled`] has it.
    pub(super) async fn ask(
        &mut self,
        sql: String,
        values: Vec<Value>,
    ) -> Result<Answer, sqlx::Error> {
        let mut answer = Answer::empty(self.operation);
        let connection: &mut SqliteConnection = &mut self.connection;
        let mut parts = connection.fetch_many(query(sql, values));
        while let Some(part) = parts.try_next().await? {
            match part {
                Either::Left(done) => answer.changed += done.rows_affected(),
                Either::Right(row) => answer.push_sqlite(row),
            }
        }
        Ok(answer)
    }

    /// Carries out statements that write as one transaction.
    pub(super) async fn ask_at_once(
        &mut self,
        statements: &str,
        values: Vec<Value>,
    ) -> Result<Answer, sqlx::Error> {
        self.is_open = true;
        self.ask(format!("BEGIN IMMEDIATE; {statements}; COMMIT"), values).await
    }

    /// Carries out statements without parameters.
    pub(super) async fn run_plain(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        // Safe: the text is a constant of the store, or a migration.
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *self.connection).await.map(drop)
    }

    /// Carries out `COMMIT` or `ROLLBACK`, if a transaction is open.
    pub(super) async fn end(&mut self, word: &'static str) -> Result<(), sqlx::Error> {
        if self.is_open {
            self.run_plain(word).await?;
        }
        self.finish();
        Ok(())
    }

    /// Nothing is open any more: the connection may be lent again.
    pub(super) fn finish(&mut self) {
        self.is_open = false;
        self.connection.keep();
    }
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.give_up();
        }
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
        Word::Size => {
            "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())".into()
        }
        Word::Sequence => "rowid".into(),
    }
}

fn query(sql: String, values: Vec<Value>) -> Query<'static, Sqlite, SqliteArguments> {
    // Safe: the texts of statements are made of constants of the store, values are bound.
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
    })
}
