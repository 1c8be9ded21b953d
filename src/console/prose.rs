//! A text of this service on a page.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

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
            let text = escape(part, Html).map_err(|_| fmt::Error)?;
            if index.is_multiple_of(2) {
                write!(f, "{text}")?;
            } else {
                write!(f, "<code>{text}</code>")?;
            }
        }
        Ok(())
    }
}

impl HtmlSafe for Prose {}

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
        ] {
            assert_eq!(prose(text).to_string(), shown);
        }
    }
}
