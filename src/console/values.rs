//! Values of fields as a page shows them: of pricing bands, each on a line of its own.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

use super::prose::write_words;

/// More bands are opened by a click.
const MAX_OPEN_BANDS: usize = 8;

/// A value, for templates.
#[derive(Debug)]
pub(super) struct Shown<'a>(&'a str);

/// For templates.
pub(super) fn shown(value: &str) -> Shown<'_> {
    Shown(value)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bands = bands(self.0);
        let is_long = bands.len() > MAX_OPEN_BANDS;
        if bands.len() < 2 {
            return write_words(f, self.0);
        }
        if is_long {
            write!(f, "<details><summary>{} bands</summary>", bands.len())?;
        }
        for band in bands {
            let band = escape(band, Html).map_err(|_| fmt::Error)?;
            write!(f, "<span class=\"band\">{band}</span>")?;
        }
        if is_long { f.write_str("</details>") } else { Ok(()) }
    }
}

impl HtmlSafe for Shown<'_> {}

/// The bands of pricing bands, as a value shows them; none of another value.
fn bands(value: &str) -> Vec<&str> {
    match value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(bands) if bands.starts_with("from ") => bands.split("; ").collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_stand_one_below_the_other_and_markup_stays_text() {
        let two = "<span class=\"band\">from 0: 0.05</span><span class=\"band\">from 10: 0.04 + 25</span>";
        for (value, html) in [
            ("[from 0: 0.05; from 10: 0.04 + 25]", two),
            ("[from 0: 0.05]", "[from 0: 0.05]"),
            ("<b>; [x]", "&#60;b&#62;; [x]"),
            ("", ""),
        ] {
            assert_eq!(shown(value).to_string(), html);
        }
        let many = shown("[from 0: 1; from 1: 1; from 2: 1; from 3: 1; from 4: 1; from 5: 1; from 6: 1; from 7: 1; from 8: <i>]").to_string();
        assert!(many.starts_with("<details><summary>9 bands</summary>"), "{many}");
        assert!(many.ends_with("from 8: &#60;i&#62;</span></details>"), "{many}");
    }
}
