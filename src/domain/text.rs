//! Texts that people type, paste or read: what nobody sees at their ends is no part of them, and
//! inside it is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The text as a cell of a CSV file: a spreadsheet takes what begins with such a sign for a
/// formula, wherever it comes from.
pub fn spreadsheet_cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula && text.parse::<f64>().is_err() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// So many of something: `1 record`, `2 records`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whether nobody sees the character, although it is no space: zero-width spaces, byte order marks,
/// soft hyphens, direction marks. Source: Unicode, general category `Cf`.
fn is_unseen(c: char) -> bool {
    // The category is looked up in a table: ASCII, which has none of them, needs none.
    !c.is_ascii() && c.general_category() == GeneralCategory::Format
}

/// The text without spaces and unseen characters at its ends.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

/// Whether there is nothing in the text that anybody sees.
pub fn is_blank(text: &str) -> bool {
    trimmed(text).is_empty()
}

/// Whether a message must not have the character as it is: it would change how the rest is read, or
/// begin a line. Source: Unicode, general categories `Cf`, `Zl` and `Zp`, and letters and symbols
/// that are blank.
fn is_shown_as_code(c: char) -> bool {
    is_unseen(c)
        || matches!(
            c,
            '\u{2028}'
                | '\u{2029}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{3164}'
                | '\u{ffa0}'
                | '\u{2800}'
        )
}

/// The text as a message shows it: `API_CALLS\u{200b}`, on one line, without control characters.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() || is_shown_as_code(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            c if is_shown_as_code(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The known name that is most like `name`, if one is near enough to be meant. What looks alike
/// counts as the same: `C-1OO` and `C-100`.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let shape = |name: &str| name.to_lowercase().replace('o', "0").replace(['l', 'i'], "1");
    let wanted = shape(name);
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&wanted, &shape(candidate));
    known
        .into_iter()
        .min_by_key(distance)
        .filter(|candidate| distance(candidate) <= name.len().max(3) / 3)
}

/// A hint about a name that is not known: the one that is meant, or all that are.
pub fn hint_for(name: &str, known: &[&str]) -> String {
    let short: String = name.chars().take(80).collect();
    match nearest(&short, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("known here: {}", names.join(", "))
        }
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_trimmed_at_the_ends_like_spaces() {
        for text in [
            "API_CALLS",
            " API_CALLS\t",
            "API_CALLS\u{a0}",
            "API_CALLS\u{200b}",
            "\u{feff}API_CALLS",
            "\u{ad}API_CALLS",
            "\u{200e}API_CALLS\u{200f}",
            "\u{2066} API_CALLS \u{2069}",
            "\u{202a}\u{200b} API_CALLS \u{202c}",
            "\u{2060}API_CALLS\u{200d}",
        ] {
            assert_eq!(trimmed(text), "API_CALLS", "{text:?}");
        }
        assert!(is_blank("") && is_blank(" \u{200b}\u{feff} ") && !is_blank("x\u{200b}"));
        assert_eq!(trimmed("API\u{200b}_CALLS"), "API\u{200b}_CALLS");
    }

    #[test]
    fn invisible_characters_inside_a_text_are_shown() {
        for (text, shown) in [
            ("API_CALLS", "API_CALLS"),
            ("Zoë – 株式会社", "Zoë – 株式会社"),
            ("API_CALLS\u{200b}", "API_CALLS\\u{200b}"),
            ("\u{feff}A\u{ad}B", "\\u{feff}A\\u{ad}B"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2028}b\u{2029}\u{3164}", "a\\u{2028}b\\u{2029}\\u{3164}"),
            ("a\nb\r\tc\u{1b}[2J\u{85}\0", "a b  c\u{fffd}[2J\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn no_csv_cell_can_be_a_formula() {
        for (text, written) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+2", "'-1+2"),
            ("-12.5", "-12.5"),
            ("2026-01-01", "2026-01-01"),
            ("", ""),
        ] {
            assert_eq!(spreadsheet_cell(text), written);
        }
    }
}
