//! Whether the database answers, and would take what a run writes.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;

use super::database::Engine;
use super::{Store, StoreError};

/// With less room on its disk a file of `SQLite` may refuse any write: what one large run writes.
const MIN_FREE_BYTES: u64 = 1024 * 1024;

/// A standby, and a server that was switched to read-only.
const IS_READ_ONLY: &str = "SELECT CAST(CASE WHEN pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' THEN 1 ELSE 0 END AS BIGINT) AS read_only";

impl Store {
    /// Whether the database answers, and takes writes, as far as it shows without one.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let operation = "reach the database";
        match &self.database.engine {
            Engine::Sqlite { .. } => {
                self.database.fetch(operation, "SELECT 1 AS one", Vec::new()).await?;
                check_room(&self.database.place)
            }
            Engine::Postgres(_) => {
                let rows = self.database.fetch(operation, IS_READ_ONLY, Vec::new()).await?;
                if rows.iter().any(|row| row.is_set("read_only").unwrap_or(true)) {
                    let database = self.database.place.to_string();
                    return Err(StoreError::ReadOnly { operation, database });
                }
                Ok(())
            }
        }
    }
}

/// Whether there is room for more in the file system of a file.
fn check_room(file: &str) -> Result<(), StoreError> {
    let operation = "write to the database";
    let system = match statvfs(Path::new(file)) {
        Ok(system) => system,
        // What is written from now on is lost with the end of this process.
        Err(Errno::NOENT) => return Err(StoreError::Absent(file.into())),
        // What cannot be asked shows with the next write.
        Err(_) => return Ok(()),
    };
    let database = file.to_owned();
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(StoreError::ReadOnly { operation, database });
    }
    if system.f_bavail.saturating_mul(system.f_frsize) < MIN_FREE_BYTES {
        return Err(StoreError::DiskFull { operation, database });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_without_room_is_known_before_a_write_fails() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new.db");
        let store = Store::open(&format!("sqlite://{}", file.display())).await.unwrap();
        store.ping().await.unwrap();
        // A file system of the kernel's, which has no room for anything.
        let error = check_room("/proc/self/status").unwrap_err();
        assert_eq!(error.in_words(), "the disk of the service's database is full");
        std::fs::remove_file(&file).unwrap();
        let error = store.ping().await.unwrap_err();
        assert_eq!(error.in_words(), "the file of the service's database is gone");
    }
}
