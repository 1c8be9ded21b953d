//! What a message repeats of a text that came from outside: its beginning, and nothing that a log
//! or a terminal would obey.

use super::text::visible;

/// Characters of a word.
const WORD: usize = 40;
/// Characters of what is repeated to its sender.
const ECHO: usize = 100;
/// Characters of a sentence.
const SENTENCE: usize = 1_000;
/// What stands for the rest of a text that is longer.
const MORE: char = '…';

/// An id, a name or a value.
pub fn word(text: &str) -> String {
    beginning(text, WORD)
}

/// What somebody sent, handed back as it was, so far as nothing in it is harmful.
pub fn echo(text: &str) -> String {
    beginning(text, ECHO)
}

/// A sentence in somebody else's words.
pub fn sentence(text: &str) -> String {
    beginning(text, SENTENCE)
}

fn beginning(text: &str, most: usize) -> String {
    let text = visible(text);
    let mut shown: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        shown.push(MORE);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_truncated_and_cannot_start_a_new_line() {
        for (text, shown) in [
            ("abc", "abc"),
            ("é\n\u{1b}[2J", "é \u{fffd}[2J"),
            ("", ""),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(word(text), shown);
        }
        assert_eq!(word(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(word(&"é".repeat(41)), "é".repeat(40) + "…");
        assert_eq!(sentence(&"x".repeat(100_000)).len(), 1_003);
    }
}
