//! The file of keys: TOML, one `[[key]]` table each. Entries that are right count, whatever is
//! wrong with others.

use std::fmt;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{self, check_name};
use super::key::StoredKey;
use crate::domain::encoding;

/// Thousands of keys; a file that is larger is another one.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Who else may write to the file could make a key of their own.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Why a file of keys cannot be used, or cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// It cannot be read or written.
    #[error("`{0}`: {1}")]
    Io(PathBuf, std::io::Error),
    /// Others than its owner may write to it.
    #[error(
        "`{0}` is writable by others than its owner, who could give themselves a key: run `chmod go-w` on it"
    )]
    OthersMayWrite(PathBuf),
    /// It holds what no such file holds. The text of the file is never shown.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<KeyFault>),
    /// A key that cannot be made.
    #[error("{0}")]
    NotMade(String),
    /// No key has the name.
    #[error("`{path}` has no key `{wanted}`; it has {there}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name, or the name and the id.
        wanted: String,
        /// The names that there are.
        there: String,
    },
}

/// What is wrong with one entry, or beside the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// Whose key it is, if that can be told.
    pub name: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The entry is right, and over.
    pub is_expiry: bool,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, name, message, .. } = self;
        write!(f, "`{}`, line {line}: ", path.display())?;
        match name {
            Some(name) => write!(f, "key `{name}`: {message}"),
            None => f.write_str(message),
        }
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) keys: Vec<StoredKey>,
    pub(super) faults: Vec<KeyFault>,
}

/// The text of the file, if nobody but its owner can have written it.
pub(super) fn read(path: &Path) -> Result<String, KeysFileError> {
    let failed = |error| KeysFileError::Io(path.to_owned(), error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(std::io::Error::other("it is a directory, not a file")));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 1 MiB")));
    }
    if metadata.permissions().mode() & OTHERS_MAY_WRITE != 0 {
        return Err(KeysFileError::OthersMayWrite(path.to_owned()));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let not_toml = |what: encoding::NotText| format!("it {what}: a file of keys is TOML, in UTF-8");
    let text = encoding::text(&bytes);
    text.map(ToOwned::to_owned).map_err(|what| failed(std::io::Error::other(not_toml(what))))
}

/// Whether others than the owner may read the file: hashes open nothing, but who calls is nobody
/// else's business.
pub(super) fn others_may_read(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// The keys of a text, and what is wrong with the rest. A text without one entry that holds
/// something else is no file of keys.
pub(super) fn parse(path: &Path, text: &str, now: Timestamp) -> Result<Parsed, KeysFileError> {
    let mut reader = Reader { path, text, now, seen: Vec::new(), parsed: Parsed::default() };
    let mut entries = 0;
    match toml_of(text) {
        Ok(table) => {
            for (field, value) in table.get_ref() {
                match value.get_ref() {
                    DeValue::Array(array) if field.get_ref() == "key" => {
                        entries += array.len();
                        array
                            .iter()
                            .for_each(|entry| reader.entry(entry.get_ref(), entry.span().start, 0));
                    }
                    _ => reader.fault(
                        value.span().start,
                        None,
                        "a file of keys has only `[[key]]` tables".to_owned(),
                    ),
                }
            }
        }
        // One broken line breaks the file for TOML. Each entry is read by itself then: none lends
        // another one its lines.
        Err(error) => {
            let blocks = blocks(text);
            entries = blocks.len();
            let before = blocks.first().map_or(text.len(), |block| block.start);
            if blocks.is_empty() {
                reader.fault(
                    error.span().map_or(0, |span| span.start),
                    None,
                    error.message().to_owned(),
                );
            } else if let Err(error) = toml_of(&text[..before]) {
                reader.fault(
                    error.span().map_or(0, |span| span.start),
                    None,
                    error.message().to_owned(),
                );
            }
            for block in blocks {
                reader.block(&block);
            }
        }
    }
    let parsed = reader.parsed;
    if entries == 0 && !parsed.faults.is_empty() {
        Err(KeysFileError::Faults(parsed.faults))
    } else {
        Ok(parsed)
    }
}

/// A text as TOML, or what is wrong with it first. The parser itself finds faults of syntax before
/// keys that stand twice, wherever they are.
fn toml_of(text: &str) -> Result<Spanned<DeTable<'_>>, toml::de::Error> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let first = errors.into_iter().min_by_key(|error| error.span().map_or(0, |span| span.start));
    first.map_or(Ok(table), Err)
}

/// From each line `[[key]]` to the next one.
pub(super) fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut begins = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let packed: String = line.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        if packed == "[[key]]" {
            begins.push(at);
        }
        at += line.len();
    }
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    begins.iter().copied().zip(ends).map(|(begin, end)| begin..end).collect()
}

/// The name and the key's id of a block, if both can be told; `None` of what cannot.
pub(super) fn identity(block: &str) -> (Option<String>, Option<String>) {
    let Ok(table) = DeTable::parse(block) else { return (name_of(block), None) };
    let entry = table
        .get_ref()
        .get("key")
        .and_then(|keys| keys.get_ref().get(0))
        .and_then(|entry| entry.get_ref().as_table());
    let text = |field: &str| {
        entry
            .and_then(|entry| entry.get(field))
            .and_then(|value| value.get_ref().as_str().map(ToOwned::to_owned))
    };
    (
        text("name"),
        text("hash").and_then(|hash| hash.parse::<super::KeyHash>().ok()).map(|hash| hash.id()),
    )
}

/// The name in a block that is no TOML.
fn name_of(block: &str) -> Option<String> {
    let values = block
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("name")?.trim_start().strip_prefix('='));
    values
        .map(|value| value.trim().trim_matches('"').to_owned())
        .find(|name| check_name(name).is_ok())
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    now: Timestamp,
    /// All entries so far, also those that do not count.
    seen: Vec<StoredKey>,
    parsed: Parsed,
}

impl Reader<'_> {
    fn fault(&mut self, at: usize, name: Option<String>, message: String) {
        let line = self.line(at);
        self.parsed.faults.push(KeyFault {
            path: self.path.to_owned(),
            line,
            name,
            message,
            is_expiry: false,
        });
    }

    fn line(&self, at: usize) -> usize {
        self.text
            .char_indices()
            .take_while(|(position, _)| *position < at)
            .filter(|(_, character)| *character == '\n')
            .count()
            + 1
    }

    /// An entry that is read by itself.
    fn block(&mut self, block: &Range<usize>) {
        let text = &self.text[block.clone()];
        match toml_of(text) {
            Ok(table) => match table.get_ref().get("key").and_then(|keys| keys.get_ref().get(0)) {
                Some(entry) => self.entry(entry.get_ref(), entry.span().start, block.start),
                None => self.fault(block.start, None, "the entry cannot be read".to_owned()),
            },
            Err(error) => {
                let at = block.start + error.span().map_or(0, |span| span.start);
                self.fault(at, name_of(text), error.message().to_owned());
            }
        }
    }

    /// One entry; its places are counted from `offset`.
    fn entry(&mut self, entry: &DeValue<'_>, at: usize, offset: usize) {
        let Some(table) = entry.as_table() else {
            return self.fault(
                offset + at,
                None,
                "a key is a table: `[[key]]` and its fields".to_owned(),
            );
        };
        let named = table
            .get("name")
            .and_then(|name| name.get_ref().as_str())
            .filter(|name| check_name(name).is_ok());
        let name = named.map(ToOwned::to_owned);
        match entry::read(table, at) {
            Ok(key) => self.add(key, offset + at),
            Err(wrong) => {
                for (at, message) in wrong {
                    self.fault(offset + at, name.clone(), message);
                }
            }
        }
    }

    fn add(&mut self, key: StoredKey, at: usize) {
        let name = Some(key.caller.name.to_string());
        if self.seen.iter().any(|other| other.hash.is(&key.hash)) {
            // Two statements about one key that differ: which one is meant, nobody knows.
            self.parsed
                .keys
                .retain(|other| !other.hash.is(&key.hash) || other.caller == key.caller);
            return self.fault(
                at,
                name,
                "this key is in the file twice; remove one of the two".to_owned(),
            );
        }
        self.seen.push(key.clone());
        if self.parsed.keys.iter().any(|other| {
            other.caller.name == key.caller.name && other.caller.role != key.caller.role
        }) {
            return self.fault(
                at,
                name,
                "the name has another role further up; a name has one role".to_owned(),
            );
        }
        if let Some(expires) =
            key.caller.limits.expires.as_ref().filter(|expires| expires.at <= self.now)
        {
            let message =
                format!("it expired (`expires = \"{expires}\"`); remove it, or make a new key");
            self.fault(at, name, message);
            if let Some(fault) = self.parsed.faults.last_mut() {
                fault.is_expiry = true;
            }
        }
        self.parsed.keys.push(key);
    }
}
