//! A text of this service on a page.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};
use jiff::civil::Date;
use uuid::Uuid;

/// With its hyphens.
const ID_LENGTH: usize = 36;

/// A text in which what stands between backticks is code, as messages of this service have it.
#[derive(Debug)]
pub(super) struct Prose(String);

/// For templates.
pub(super) fn prose(text: &str) -> Prose {
    Prose(text.to_owned())
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<&str> = self.0.split('`').collect();
        // Where they are no pairs, a backtick is a part of some value.
        if parts.len().is_multiple_of(2) {
            parts = vec![&self.0];
        }
        for (index, part) in parts.into_iter().enumerate() {
            if index.is_multiple_of(2) {
                write_words(f, part)?;
            } else {
                write!(f, "<code>{}</code>", escaped(part)?)?;
            }
        }
        Ok(())
    }
}

impl HtmlSafe for Prose {}

/// A date, also as the beginning of an instant.
fn is_date(word: &str) -> bool {
    let day = word.get(..10).unwrap_or_default();
    day.parse::<Date>().is_ok() && matches!(word.as_bytes().get(10), None | Some(b'T'))
}

/// Writes a text in which no id of m3ter and no date is broken at its hyphens.
pub(super) fn write_words(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    for word in text.split_inclusive(is_end) {
        let (id, after) = word.split_at(word.find(is_end).unwrap_or(word.len()));
        if id.len() == ID_LENGTH && Uuid::try_parse(id).is_ok() {
            write!(f, "<span class=\"id\">{id}</span>{}", escaped(after)?)?;
        } else if is_date(id) {
            write!(f, "<span class=\"whole\">{id}</span>{}", escaped(after)?)?;
        } else {
            write!(f, "{}", escaped(word)?)?;
        }
    }
    Ok(())
}

fn escaped(text: &str) -> Result<impl fmt::Display, fmt::Error> {
    escape(text, Html).map_err(|_| fmt::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_become_code_and_markup_stays_text() {
        for (text, shown) in [
            ("`A.b` is <b>", "<code>A.b</code> is &#60;b&#62;"),
            ("one ` only", "one ` only"),
            ("`a` and `b", "`a` and `b"),
            ("`<i>`", "<code>&#60;i&#62;</code>"),
            ("", ""),
            (
                "from 2026-02-01, to 2027-02-01T00:00:00Z",
                "from <span class=\"whole\">2026-02-01</span>, to <span class=\"whole\">2027-02-01T00</span>:00:00Z",
            ),
            (
                "Plan 21e063b6-2350-4add-a028-3e6ad5b233ed, <b> a-b",
                "Plan <span class=\"id\">21e063b6-2350-4add-a028-3e6ad5b233ed</span>, &#60;b&#62; a-b",
            ),
        ] {
            assert_eq!(prose(text).to_string(), shown);
        }
    }
}
