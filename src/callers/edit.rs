//! Adds and removes keys in the file. A concurrent reader sees the file
//! before or after.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::entry::KeyEntry;
use super::file::{KeysFileError, blocks, identity, parse, read};
use super::{KeyHash, KeyLimits, Role};

/// Adds a key that may do all that its role may.
pub fn append(path: &Path, name: &str, role: Role, hash: &KeyHash) -> Result<(), KeysFileError> {
    append_entry(
        path,
        &KeyEntry { name: name.to_owned(), role, limits: KeyLimits::default(), hash: *hash },
    )
}

/// Adds a key to a file, which is made if it is missing: readable by its owner only.
pub fn append_entry(path: &Path, entry: &KeyEntry) -> Result<(), KeysFileError> {
    let failed = |error| KeysFileError::Io(path.to_owned(), error);
    let before = match read(path) {
        Err(KeysFileError::Io(_, error)) if error.kind() == std::io::ErrorKind::NotFound => {
            String::new()
        }
        text => text?,
    };
    let separator = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let added = format!("{separator}{}", entry.to_text().map_err(KeysFileError::NotMade)?);
    // Whatever would make the file unusable is refused before it is written.
    let now = Timestamp::now();
    let mut faults = parse(path, &format!("{before}{added}"), now)?.faults;
    faults.retain(|fault| {
        !fault.is_expiry || entry.limits.is_over(now) && fault.name.as_deref() == Some(&entry.name)
    });
    if !faults.is_empty() {
        return Err(KeysFileError::Faults(faults));
    }
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(added.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Takes the keys of a name out of a file, or only the one with an id; what stands beside them
/// stays. How many were taken out.
pub fn revoke(path: &Path, name: &str, id: Option<&str>) -> Result<usize, KeysFileError> {
    let text = read(path)?;
    let blocks = blocks(&text);
    let is_meant = |block: &str| {
        let (named, key) = identity(block);
        named.as_deref() == Some(name) && id.is_none_or(|id| key.as_deref() == Some(id))
    };
    let (mut kept, mut taken, mut at) = (String::with_capacity(text.len()), 0, 0);
    for block in &blocks {
        if is_meant(&text[block.clone()]) {
            kept.push_str(&text[at..block.start]);
            at = block.start + length(&text[block.clone()]);
            taken += 1;
        }
    }
    kept.push_str(&text[at..]);
    if taken == 0 {
        let mut there: Vec<String> =
            blocks.iter().filter_map(|block| identity(&text[block.clone()]).0).collect();
        there.dedup();
        let there = if there.is_empty() {
            "no entry that begins with `[[key]]`".to_owned()
        } else {
            format!("`{}`", there.join("`, `"))
        };
        let wanted = id.map_or_else(|| name.to_owned(), |id| format!("{name} {id}"));
        return Err(KeysFileError::Unknown { path: path.to_owned(), wanted, there });
    }
    replace(path, &kept)?;
    Ok(taken)
}

/// The bytes of an entry without the blank lines and comments after it, which belong to the next
/// one.
fn length(block: &str) -> usize {
    let mut length = 0;
    let mut at = 0;
    for line in block.split_inclusive('\n') {
        at += line.len();
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            length = at;
        }
    }
    length
}

/// Puts another file in its place at once: owner, mode and what a link leads to stay.
fn replace(path: &Path, text: &str) -> Result<(), KeysFileError> {
    let failed = |error| KeysFileError::Io(path.to_owned(), error);
    let path: PathBuf = std::fs::canonicalize(path).map_err(failed)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let before = std::fs::metadata(&path).map_err(failed)?;
    let mut file =
        tempfile::Builder::new().prefix(".keys-").tempfile_in(directory).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(before.permissions().mode() & 0o777))
        .map_err(failed)?;
    let made = file.as_file().metadata().map_err(failed)?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        // A file that the service cannot read any more would keep the key valid.
        std::os::unix::fs::chown(file.path(), Some(before.uid()), Some(before.gid()))
            .map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
