//! Statements as `SQLite` takes them: values are bound, and a transaction has the file's one lock
//! from its beginning if it writes.
//!
//! What a message asks for is done in one go on a thread for what blocks: one hop there and one
//! back, however many statements and rows it has.

mod connections;
mod fault;

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};

use super::dialect::{self, Word};
use super::row::Answer;
use super::value::Value;

use connections::Lent;
pub(super) use connections::{Duty, LOCK_TIME, SqliteConnections};

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

    /// Carries out statements that write as one transaction.
    pub(super) async fn ask_at_once(
        &mut self,
        statements: Vec<String>,
        values: Vec<Value>,
    ) -> Result<Answer, sqlx::Error> {
        self.is_open = true;
        let mut answer = Answer::empty(self.operation);
        let work = move |connection: &mut Connection| {
            control(connection, "BEGIN IMMEDIATE")?;
            for sql in &statements {
                carry_out(connection, sql, &values, &mut answer)?;
            }
            control(connection, "COMMIT")?;
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
        Word::Size => {
            "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())".into()
        }
        Word::Sequence => "rowid".into(),
    }
}

/// Begins or ends a transaction. `SQLite` would tell again how many rows the statement before it
/// changed.
fn control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}

/// Carries out one statement, and adds what it answers.
fn carry_out(
    connection: &Connection,
    sql: &str,
    values: &[Value],
    answer: &mut Answer,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    let is_write = !statement.readonly();
    let mut rows = statement.raw_query();
    let mut names: Option<Arc<[String]>> = None;
    while let Some(row) = rows.next()? {
        let names = names.get_or_insert_with(|| names_of(row.as_ref()));
        let values = (0..names.len())
            .map(|column| row.get_ref(column).map(read))
            .collect::<rusqlite::Result<_>>()?;
        answer.push_sqlite(Arc::clone(names), values);
    }
    drop(rows);
    if is_write {
        answer.changed += connection.changes();
    }
    Ok(())
}

/// To `SQLite` `$2` is a name, and its place is where it comes first.
fn bind(statement: &mut Statement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse().ok());
        let value = number.and_then(|number: usize| values.get(number.checked_sub(1)?));
        match value {
            Some(Value::Text(text)) => statement.raw_bind_parameter(place, text)?,
            Some(Value::Integer(integer)) => statement.raw_bind_parameter(place, integer)?,
            None => {}
        }
    }
    Ok(())
}

fn names_of(statement: &Statement<'_>) -> Arc<[String]> {
    statement.column_names().into_iter().map(ToOwned::to_owned).collect()
}

/// All columns are text or whole numbers of 64 bits.
fn read(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Text(None),
        ValueRef::Integer(integer) => Value::Integer(Some(integer)),
        ValueRef::Real(real) => Value::Text(Some(real.to_string())),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Value::Text(Some(String::from_utf8_lossy(bytes).into_owned()))
        }
    }
}
