//! The file of keys: TOML, one `[[key]]` table each.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::key::{KeyHash, StoredKey};
use super::{Caller, Role};

/// Thousands of keys; a file that is larger is another one.
const LARGEST_FILE_BYTES: u64 = 1024 * 1024;
const LONGEST_NAME: usize = 64;

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// It cannot be read or written.
    #[error("`{0}`: {1}")]
    Io(PathBuf, std::io::Error),
    /// The name of a new key.
    #[error("`{0}` cannot be the name of a key: {1}")]
    Name(String, String),
    /// It holds what no such file holds. The text of the file is never shown.
    #[error("`{path}`, {place}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which key or line.
        place: String,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    role: String,
    hash: String,
}

pub(super) fn read(path: &Path) -> Result<String, KeysFileError> {
    let failed = |error| KeysFileError::Io(path.to_owned(), error);
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST_FILE_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 1 MiB")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<StoredKey>, KeysFileError> {
    let malformed = |place: String, message: String| KeysFileError::Malformed { path: path.to_owned(), place, message };
    let file: KeysFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        malformed(format!("line {line}"), error.message().to_owned())
    })?;
    let mut keys: Vec<StoredKey> = Vec::with_capacity(file.key.len());
    for (position, entry) in file.key.into_iter().enumerate() {
        let malformed = |message: String| malformed(format!("key {}", position + 1), message);
        check_name(&entry.name).map_err(malformed)?;
        let role: Role = entry.role.parse().map_err(malformed)?;
        let hash: KeyHash = entry.hash.parse().map_err(malformed)?;
        if keys.iter().any(|key| key.hash.is(&hash)) {
            return Err(malformed("this key stands in the file twice".to_owned()));
        }
        if keys.iter().any(|key| *key.caller.name == *entry.name && key.caller.role != role) {
            return Err(malformed(format!("`{}` has another role further up; a name has one role", entry.name)));
        }
        keys.push(StoredKey { caller: Caller { name: entry.name.into(), role }, hash });
    }
    Ok(keys)
}

/// Names stand in logs and in HTTP Basic, which ends a name at a colon.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!("a name has 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`"))
}

/// Adds a key to a file, which is made if it is missing: readable by its owner only.
pub fn append(path: &Path, name: &str, role: Role, hash: &KeyHash) -> Result<(), KeysFileError> {
    let failed = |error| KeysFileError::Io(path.to_owned(), error);
    let before = match read(path) {
        Err(KeysFileError::Io(_, error)) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let separator = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let added = format!("{separator}{}", entry(name, role, hash)?);
    // Whatever would make the file unusable is refused before it is written.
    parse(path, &format!("{before}{added}"))?;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(added.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// The table of one key.
pub fn entry(name: &str, role: Role, hash: &KeyHash) -> Result<String, KeysFileError> {
    check_name(name).map_err(|message| KeysFileError::Name(name.to_owned(), message))?;
    Ok(format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\nhash = \"{hash}\"\n"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_the_text() {
        let hash = super::super::new_key().hash;
        let good = entry("flow", Role::Caller, &hash).unwrap();
        for (text, part) in [
            ("key = 1".to_owned(), "line 1"),
            (format!("{good}[[key]]\nname = "), "line 6"),
            (good.replace("role", "rolle"), "unknown field `rolle`"),
            (good.replace("\"caller\"", "\"admin\""), "key 1: `admin` is not a role"),
            (good.replace("\"flow\"", "\"a:b\""), "key 1: a name has"),
            (good.replace("sha256:", "s2m_hunter2"), "key 1: `hash` must be"),
            (format!("{good}{good}"), "key 2: this key stands in the file twice"),
            (
                format!("{good}{}", entry("flow", Role::Viewer, &super::super::new_key().hash).unwrap()),
                "key 2: `flow` has another role further up",
            ),
        ] {
            let error = parse(Path::new("keys.toml"), &text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(parse(Path::new("keys.toml"), "").unwrap().len(), 0, "an empty file lets nobody in");
    }

    #[test]
    fn a_new_file_is_its_owner_s_and_a_broken_one_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        append(&path, "flow", Role::Caller, &super::super::new_key().hash).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(append(&path, "flow", Role::Viewer, &super::super::new_key().hash).is_err());
        std::fs::write(&path, "broken").unwrap();
        assert!(append(&path, "flow", Role::Caller, &super::super::new_key().hash).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "broken");
    }
}
