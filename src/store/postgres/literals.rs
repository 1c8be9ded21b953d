//! Statements with their values written into their text.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::store::dialect::{self, Word};
use crate::store::value::Value;

/// A statement with its values in place of `$1`, `$2`, …
///
/// What a value holds is never looked at again.
pub(super) fn spelled(sql: &str, values: &[Value]) -> String {
    let sql = named(sql);
    let mut text = String::with_capacity(sql.len() + 200);
    replace_parameters(&sql, &mut text, |text, number| push_literal(text, &values[number - 1]));
    text
}

/// A statement with the names in braces as `PostgreSQL` has them.
pub(super) fn named(sql: &str) -> String {
    dialect::spelled(sql, word)
}

/// Writes a statement to the end of `text`, and in place of each parameter what `push` makes of its
/// number.
pub(super) fn replace_parameters(
    sql: &str,
    text: &mut String,
    mut push: impl FnMut(&mut String, usize),
) {
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number = after[..digits].parse().expect("a parameter has a number");
        text.push_str(before);
        push(text, number);
        rest = &after[digits..];
    }
    text.push_str(rest);
}

/// Numbers are digits. Texts stand in `E'…'`, whose rules no setting of the server changes, with
/// every quote and backslash doubled; they cannot hold a NUL, which no text of `PostgreSQL` can.
pub(super) fn push_literal(text: &mut String, value: &Value) {
    match value {
        Value::Text(None) | Value::Integer(None) => text.push_str("NULL"),
        Value::Integer(Some(integer)) => {
            let _ = write!(text, "({integer})");
        }
        Value::Text(Some(value)) => push_text(text, value),
        Value::Shared(value) => push_text(text, value),
    }
}

fn push_text(text: &mut String, value: &str) {
    text.reserve(value.len() + 16);
    text.push_str("E'");
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'\'' | 0)) {
        text.push_str(&rest[..at]);
        text.push_str(match rest.as_bytes()[at] {
            b'\\' => r"\\",
            b'\'' => "''",
            _ => "\u{fffd}",
        });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('\'');
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
