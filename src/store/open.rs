//! Opening the `SQLite` file of a `DATABASE_URL`.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Store, StoreError};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process, or for the one connection that writes; a commit takes about a millisecond.
const LOCK_TIME: Duration = Duration::from_secs(5);
/// Reads are short and few; each connection is a thread.
const READERS: u32 = 3;

pub(super) async fn open(url: &str) -> Result<Store, StoreError> {
    let options = options(url)?;
    let path = Arc::new(options.get_filename().to_owned());
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty())
        && !directory.is_dir()
    {
        return Err(StoreError::DirectoryMissing(directory.to_owned()));
    }
    let failed = |source| StoreError::from_sqlx("open the database", &path, source);

    let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
    // Without sqlx's own advisory locking, which SQLite does not have: each migration is a transaction.
    MIGRATIONS.run(&writer).await.map_err(|source| StoreError::from_migration(&path, source))?;
    let readers = pool(READERS).connect_with(options.pragma("query_only", "1")).await.map_err(failed)?;
    Ok(Store { writer, readers, path })
}

fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    match scheme {
        "sqlite" => {}
        "postgres" | "postgresql" => return Err(StoreError::PostgresUnsupported),
        // Whatever stands before a colon is at most a scheme; text without one may be anything, so only its beginning is shown.
        scheme => return Err(StoreError::UnknownScheme(scheme.chars().take(20).collect())),
    }
    let options = SqliteConnectOptions::from_str(url).map_err(StoreError::InvalidUrl)?;
    let file = options.get_filename();
    if url.contains(":memory:") || url.contains("mode=memory") || file == Path::new("") {
        return Err(StoreError::NotAFile);
    }
    Ok(options
        .create_if_missing(!url.contains("mode=") || url.contains("mode=rwc"))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LOCK_TIME))
}

fn pool(connections: u32) -> SqlitePoolOptions {
    // A connection to a file does not go stale: no tests, no retirement.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(LOCK_TIME)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}
