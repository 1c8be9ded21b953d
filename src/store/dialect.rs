//! Statements are written once; what the engines spell differently has a name in braces.
//!
//! - `{now}`: the database's clock at this moment, also within a transaction, in milliseconds since
//!   1970;
//! - `{texts:$1}`: the texts of the JSON list `$1` as rows with the column `value`;
//! - `{objects:$1}`: the objects of the JSON list `$1` likewise, for `value->>'name'`;
//! - `{unlocked:name}`: of the rows of the table `name` in a SELECT those that no other transaction
//!   is changing, to be changed by this one;
//! - `{locked}`: behind a SELECT of a transaction that writes: its rows stay as they are until the
//!   transaction ends;
//! - `{json:name}`: the JSON text in the column `name`, for `{json:name}->>'member'`;
//! - `{members:name member}`: the objects of the list `member` of that JSON text, as rows with the
//!   column `value`;
//! - `{size}`: the bytes that the tables of runs take up; of `SQLite`, the file;
//! - `{sequence}`: a number that is larger for a row that was inserted later.

use std::borrow::Cow;

/// A name in braces, with what is behind its colon.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'a> {
    Now,
    Texts(&'a str),
    Objects(&'a str),
    Unlocked(&'a str),
    Locked,
    Json(&'a str),
    Members(&'a str, &'a str),
    Size,
    Sequence,
}

/// The statement with each name as `spell` has it.
pub(super) fn spelled(sql: &str, spell: fn(Word<'_>) -> Cow<'static, str>) -> String {
    let mut spelled = String::with_capacity(sql.len() + 100);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a brace of a statement is closed");
        spelled.push_str(before);
        spelled.push_str(&spell(word(name)));
        rest = after;
    }
    spelled.push_str(rest);
    spelled
}

fn word(name: &str) -> Word<'_> {
    match name.split_once(':').unwrap_or((name, "")) {
        ("now", _) => Word::Now,
        ("texts", parameter) => Word::Texts(parameter),
        ("objects", parameter) => Word::Objects(parameter),
        ("unlocked", table) => Word::Unlocked(table),
        ("locked", _) => Word::Locked,
        ("json", column) => Word::Json(column),
        ("members", place) => {
            let (column, member) = place.split_once(' ').expect("a column and a member");
            Word::Members(column, member)
        }
        ("size", _) => Word::Size,
        ("sequence", _) => Word::Sequence,
        (other, _) => unreachable!("no statement has the word {other}"),
    }
}
