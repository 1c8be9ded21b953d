//! How a statement is spelled for each engine.

use super::database::Value;

/// How an engine spells what the statements name in braces.
///
/// - `{now}`: the database's clock at this moment, also within a transaction, in milliseconds since
///   1970;
/// - `{texts:$1}`: the texts of the JSON list `$1` as rows with the column `value`;
/// - `{objects:$1}`: the objects of the JSON list `$1` likewise, for `value->>'name'`;
/// - `{unlocked:name}`: of the rows of the table `name` in a SELECT those that no other transaction
///   is changing, to be changed by this one;
/// - `{size}`: the bytes that the tables of runs take up; of `SQLite`, the file;
/// - `{sequence}`: a number that is larger for a row that was inserted later.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(super) fn spell(self, sql: &str) -> String {
        let mut spelled = String::with_capacity(sql.len() + 100);
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a brace of a statement is closed");
            spelled.push_str(before);
            spelled.push_str(&self.word(name));
            rest = after;
        }
        spelled.push_str(rest);
        spelled
    }

    fn word(self, name: &str) -> String {
        match (self, name.split_once(':').unwrap_or((name, ""))) {
            (Self::Sqlite, ("now", _)) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)".to_owned(),
            (Self::Postgres, ("now", _)) => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)".to_owned(),
            (Self::Sqlite, ("texts" | "objects", parameter)) => format!("json_each({parameter})"),
            (Self::Postgres, ("texts", parameter)) => format!("json_array_elements_text(CAST({parameter} AS json)) AS each(value)"),
            (Self::Postgres, ("objects", parameter)) => format!("json_array_elements(CAST({parameter} AS json)) AS each(value)"),
            // Whoever writes is alone there.
            (Self::Sqlite, ("unlocked", _)) => String::new(),
            (Self::Postgres, ("unlocked", table)) => format!("FOR UPDATE OF {table} SKIP LOCKED"),
            (Self::Sqlite, ("size", _)) => "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())".to_owned(),
            (Self::Postgres, ("size", _)) => {
                "CAST(pg_total_relation_size('runs') + pg_total_relation_size('run_object_results') AS BIGINT)".to_owned()
            }
            (Self::Sqlite, ("sequence", _)) => "rowid".to_owned(),
            (Self::Postgres, ("sequence", _)) => "sequence".to_owned(),
            (_, (other, _)) => unreachable!("no statement has the word {other}"),
        }
    }
}

/// A statement of `PostgreSQL` with its values in place of `$1`, `$2`, …
///
/// Numbers are digits. Texts stand in `E'…'`, whose rules no setting of the server changes, with
/// every quote and backslash doubled; they cannot hold a NUL, which no text of `PostgreSQL` can.
/// What a value holds is never looked at again.
pub(super) fn literals(sql: &str, values: &[Value]) -> String {
    let mut text = String::with_capacity(sql.len() + 200);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = after[..digits].parse().expect("a parameter has a number");
        text.push_str(before);
        text.push_str(&literal(&values[number - 1]));
        rest = &after[digits..];
    }
    text.push_str(rest);
    text
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(None) | Value::Integer(None) => "NULL".to_owned(),
        Value::Integer(Some(integer)) => format!("({integer})"),
        Value::Text(Some(text)) => {
            let mut literal = String::with_capacity(text.len() + 16);
            literal.push_str("E'");
            for character in text.chars() {
                match character {
                    '\\' | '\'' => literal.extend([character, character]),
                    '\0' => literal.push(char::REPLACEMENT_CHARACTER),
                    character => literal.push(character),
                }
            }
            literal.push('\'');
            literal
        }
    }
}
