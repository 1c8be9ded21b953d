//! What `mapping check` notes of a file: what the service reads in it and other readers of TOML may
//! not, as only TOML 1.1 has it.

use std::fmt;

use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{Source, decoder::Encoding};

use crate::mapping::MappingSource;

/// Something in a file, which is no fault.
pub(super) struct Note {
    /// The file and the line.
    pub(super) place: String,
    /// What stands there, in a sentence.
    pub(super) message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: note: {}", self.place, self.message)
    }
}

pub(super) fn notes(source: &MappingSource) -> Vec<Note> {
    let text = std::str::from_utf8(&source.bytes).unwrap_or_default();
    let note = |(line, what)| Note {
        place: format!("{}:{line}", source.name),
        message: format!(
            "{what} is TOML 1.1: the service reads it, but editors and scripts that know only TOML 1.0 call the file broken"
        ),
    };
    newer_syntax(text).into_iter().map(note).collect()
}

/// The lines of a valid file in which something stands that only TOML 1.1 has, each with what it
/// is.
fn newer_syntax(text: &str) -> Vec<(usize, &'static str)> {
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
    let mut lines: Vec<(usize, &str)> = found
        .into_iter()
        .map(|(place, what)| (text[..place].matches('\n').count() + 1, what))
        .collect();
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
    use toml::de::DeTable;

    use super::*;

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
