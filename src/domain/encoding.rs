//! Whether bytes are text: what people name as a file of text may be a workbook of Excel.

/// Why bytes are not text in UTF-8: the end of a sentence about where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// A ZIP archive.
    #[error("is an Excel workbook or another archive, not text")]
    Archive,
    /// What Office wrote until 2007.
    #[error("is an old Excel workbook or another Office document, not text")]
    Document,
    /// What Excel calls Unicode text.
    #[error("is text in UTF-16")]
    Utf16,
    /// Anything else with bytes that no text has.
    #[error("is not text")]
    Binary,
    /// A text up to this line, from 1.
    #[error("is not in UTF-8 (line {0})")]
    Line(usize),
}

/// What files that are no text begin with.
const BEGINNINGS: [(&[u8], NotText); 4] = [
    (b"PK\x03\x04", NotText::Archive),
    (b"\xd0\xcf\x11\xe0", NotText::Document),
    (b"\xff\xfe", NotText::Utf16),
    (b"\xfe\xff", NotText::Utf16),
];

/// The text that bytes are.
///
/// # Errors
///
/// Why they are none.
pub fn text(bytes: &[u8]) -> Result<&str, NotText> {
    let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
    if let Some((_, what)) = known {
        return Err(*what);
    }
    if bytes.contains(&0) {
        return Err(NotText::Binary);
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        NotText::Line(before.split(|byte| *byte == b'\n').count())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_or_are_called_what_they_are() {
        for (bytes, what) in [
            (&b"PK\x03\x04\x14\x00"[..], NotText::Archive),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", NotText::Document),
            (b"\xff\xfeI\0d\0", NotText::Utf16),
            (b"%PDF-1.7\n\0", NotText::Binary),
            (b"Id\nM\xfcller\n", NotText::Line(2)),
        ] {
            assert_eq!(text(bytes), Err(what), "{bytes:?}");
        }
        assert_eq!(text("\u{feff}Müller".as_bytes()), Ok("\u{feff}Müller"));
    }
}
