//! The syntax of TOML, where the parser's own words are not enough: which key stands twice, and what
//! only TOML 1.1 has.

use std::ops::Range;

use toml::de::DeTable;
use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{Source, decoder::Encoding};

use super::parser::line_at;
use crate::mapping::fault::MappingFault;

const DUPLICATE_KEY: &str = "duplicate key";
/// Places before a duplicate that are tried for the first one.
const MAX_TRIED: usize = 200;

/// Parses a file as TOML, or says where it is not.
pub(super) fn parse<'s>(name: &str, text: &'s str) -> Result<DeTable<'s>, MappingFault> {
    DeTable::parse(text).map(toml::Spanned::into_inner).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let line = line_at(text, span.start);
        if error.message() == DUPLICATE_KEY
            && let Some(fault) = written_twice(name, text, span)
        {
            return fault;
        }
        MappingFault::new(name, line, "", error.message(), "the file must be valid TOML")
    })
}

/// The fault about a key that stands twice, with the place of the first one: the nearest before it
/// under whose other name the second would be allowed.
fn written_twice(name: &str, text: &str, second: Range<usize>) -> Option<MappingFault> {
    let key = text.get(second.clone()).filter(|key| !key.is_empty())?;
    let is_first = |place: &usize| {
        let renamed = [&text[..*place], &unused_key(text), &text[place + key.len()..]].concat();
        let moved = second.start + renamed.len() - text.len();
        let is_it = |error: toml::de::Error| {
            error.message() == DUPLICATE_KEY && error.span().is_some_and(|span| span.start <= moved)
        };
        !DeTable::parse(&renamed).err().is_some_and(is_it)
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

/// The lines of a valid file in which something stands that only TOML 1.1 has, each with what it
/// is.
pub(in crate::mapping) fn newer_syntax(text: &str) -> Vec<(usize, &'static str)> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut events = Vec::new();
    parse_document(&tokens, &mut |event: Event| events.push(event), &mut ());
    let mut found = Vec::new();
    // Whether each table and list that is open is a table in braces.
    let mut open: Vec<bool> = Vec::new();
    let mut ends_with_comma = None;
    for event in events {
        let span = event.span();
        match event.kind() {
            EventKind::InlineTableOpen => open.push(true),
            EventKind::ArrayOpen => open.push(false),
            EventKind::ArrayClose => drop(open.pop()),
            EventKind::InlineTableClose => {
                let comma: Option<usize> = ends_with_comma.take();
                found.extend(comma.map(|at| (at, "a comma before the closing brace")));
                open.pop();
            }
            EventKind::Newline if open.last() == Some(&true) => {
                found.push((span.start(), "a table in braces over several lines"));
            }
            EventKind::Scalar | EventKind::SimpleKey
                if matches!(
                    event.encoding(),
                    Some(Encoding::BasicString | Encoding::MlBasicString)
                ) && has_new_escape(&text[span.start()..span.end()]) =>
            {
                found.push((span.start(), "the escape `\\e` or `\\x`"));
            }
            _ => {}
        }
        match event.kind() {
            EventKind::ValueSep => ends_with_comma = Some(span.start()),
            EventKind::Whitespace | EventKind::Comment | EventKind::Newline => {}
            _ => ends_with_comma = None,
        }
    }
    let mut lines: Vec<(usize, &str)> =
        found.into_iter().map(|(place, what)| (line_at(text, place), what)).collect();
    lines.dedup();
    lines
}

fn has_new_escape(string: &str) -> bool {
    let mut letters = string.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && matches!(letters.next(), Some('e' | 'x')) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse("own.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_duplicate_key_is_reported_with_both_lines() {
        for (text, expected) in [
            (
                "[account]\nname = \"Name\"\n\n[account]\ncode = \"Id\"\n",
                "own.toml:4: `account`: this key stands here a second time, first in line 1; keep one of the two",
            ),
            (
                "[account]\ncode = { first = [{ field = \"A\", trim = true },\n{ field = \"B\", trim = true, optional = true, trim = true }] }\n",
                "own.toml:3: `trim`: this key stands here a second time, first in line 3; keep one of the two",
            ),
            (
                "[account]\ncode = \"Id\"\nid = { lookup = \"account\", code = \"A\" }\ncode = \"Id\"\n",
                "own.toml:4: `code`: this key stands here a second time, first in line 2; keep one of the two",
            ),
            (
                "[rows.a]\nb = 1\n[rows.c]\n[rows.a]\n",
                "own.toml:4: `a`: this key stands here a second time, first in line 1; keep one of the two",
            ),
            (
                "a.b = 1\n\"a\".b = 2\n",
                "own.toml:2: `b`: this key stands here a second time, first in line 1; keep one of the two",
            ),
            (
                "a = 1\nb = 2\na = 3\nb = 4\n",
                "own.toml:3: `a`: this key stands here a second time, first in line 1; keep one of the two",
            ),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
    }

    #[test]
    fn syntax_that_only_toml_1_1_has_is_found_with_its_line() {
        for (text, expected) in [
            ("a = { b = 1, c = [\n1,\n] }\nd = [\n{ e = 1 },\n]\n", vec![]),
            ("a = { b = 1, }\n", vec![(1, "a comma before the closing brace")]),
            ("a = 1\nb = {\n  c = 1 }\n", vec![(2, "a table in braces over several lines")]),
            ("a = \"\\e[1m\"\nb = '\\e'\nc = \"\\\\e\"\n", vec![(1, "the escape `\\e` or `\\x`")]),
        ] {
            assert!(DeTable::parse(text).is_ok(), "{text}");
            assert_eq!(newer_syntax(text), expected, "{text}");
        }
    }
}
