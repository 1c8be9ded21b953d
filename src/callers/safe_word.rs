//! Words of the file as messages repeat them.

/// What a message repeats of a word that somebody put into the file: not what may be a key.
pub(super) fn safe_word(word: &str) -> String {
    const MAX_CHARACTERS: usize = 24;
    if word.contains("s2m_") || word.chars().count() > MAX_CHARACTERS {
        return "…".to_owned();
    }
    crate::domain::excerpt::word(word)
}
