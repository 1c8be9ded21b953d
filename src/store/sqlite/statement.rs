//! Statements on a connection, and what they answer.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};

use crate::store::row::Answer;
use crate::store::value::Value;

/// Begins or ends a transaction. `SQLite` would tell again how many rows the statement before it
/// changed.
pub(super) fn control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}

/// Carries out one statement, and adds what it answers.
pub(super) fn carry_out(
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
            Some(Value::Shared(text)) => statement.raw_bind_parameter(place, text.as_str())?,
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
            let text = std::str::from_utf8(bytes).map(ToOwned::to_owned);
            Value::Text(Some(text.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())))
        }
    }
}
