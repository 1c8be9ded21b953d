//! Files of text that somebody names, and what somebody pipes in.

use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;

use crate::domain::encoding;

/// The text of a file, or why there is none, which names it. `form` is what such a file is saved as.
pub(super) fn read(path: &Path, form: &str) -> Result<String, String> {
    let name = format!("`{}`", path.display());
    if path.is_dir() {
        return Err(format!("{name} is a folder: name a file in it"));
    }
    let bytes =
        std::fs::read(path).map_err(|error| format!("{name} could not be read: {error}"))?;
    text(&bytes, &name, form)
}

/// The text in standard input.
pub(super) fn read_stdin(form: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| format!("standard input could not be read: {error}"))?;
    text(&bytes, &"standard input", form)
}

fn text(bytes: &[u8], name: &dyn Display, form: &str) -> Result<String, String> {
    encoding::text(bytes)
        .map(ToOwned::to_owned)
        .map_err(|what| format!("{name} {what}: save it as {form}, with the encoding UTF-8"))
}
