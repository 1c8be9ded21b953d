//! The syntax of TOML, where the parser's own words are not enough: which key stands twice.

use std::ops::Range;

use toml::de::{DeTable, Error};

use super::parser::line_at;
use crate::mapping::fault::MappingFault;

const DUPLICATE_KEY: &str = "duplicate key";
/// Places before a duplicate that are tried for the first one.
const MAX_TRIED: usize = 200;

/// Parses a file as TOML, or says where it first is not. The parser itself finds faults of syntax
/// before keys that stand twice, wherever they are.
pub(super) fn parse<'s>(name: &str, text: &'s str) -> Result<DeTable<'s>, MappingFault> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let Some(error) = errors.into_iter().min_by_key(start) else { return Ok(table.into_inner()) };
    if error.message() == DUPLICATE_KEY
        && let Some(fault) = written_twice(name, text, error.span().unwrap_or_default())
    {
        return Err(fault);
    }
    let line = line_at(text, start(&error));
    Err(MappingFault::new(name, line, "", error.message(), "the file must be valid TOML"))
}

fn start(error: &Error) -> usize {
    error.span().unwrap_or_default().start
}

/// The fault about a key that stands twice, with the place of the first one: the nearest before it
/// under whose other name the second would be allowed.
fn written_twice(name: &str, text: &str, second: Range<usize>) -> Option<MappingFault> {
    let key = text.get(second.clone()).filter(|key| !key.is_empty())?;
    let is_first = |place: &usize| {
        let renamed = [&text[..*place], &unused_key(text), &text[place + key.len()..]].concat();
        let moved = second.start + renamed.len() - text.len();
        let is_it = |error: &Error| error.message() == DUPLICATE_KEY && start(error) <= moved;
        !DeTable::parse_recoverable(&renamed).1.iter().any(is_it)
    };
    let before = text[..second.start].rmatch_indices(key).map(|(place, _)| place);
    let first = before.take(MAX_TRIED).find(is_first)?;
    let message =
        format!("this key stands here a second time, first in line {}", line_at(text, first));
    let bare = key.trim_matches(['"', '\'']);
    let hint = "keep one of the two";
    Some(MappingFault::new(name, line_at(text, second.start), bare, message, hint))
}

fn unused_key(text: &str) -> String {
    let mut key = "unused".to_owned();
    while text.contains(&key) {
        key.push('_');
    }
    key
}
