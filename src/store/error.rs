//! Why the database could not do what it was asked.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use crate::domain::ids::SyncRunId;

/// A failed operation of the store, with its cause as the source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `postgres://…`.
    #[error("`DATABASE_URL` names a PostgreSQL database, but this version supports SQLite only; use `sqlite://sync-to-m3ter.db`")]
    PostgresUnsupported,
    /// Another scheme, or none; the rest of the URL may hold a password and is not repeated.
    #[error("`DATABASE_URL` begins with `{0}`, but must begin with `sqlite:`, as in `sqlite://sync-to-m3ter.db`")]
    UnknownScheme(String),
    /// `sqlite::memory:`, or no path at all.
    #[error("`DATABASE_URL` must name a file, as in `sqlite://sync-to-m3ter.db`")]
    NotAFile,
    /// The part behind `?`.
    #[error("`DATABASE_URL` is not a valid SQLite URL")]
    InvalidUrl(#[source] sqlx::Error),
    /// `SQLite` creates files, not directories.
    #[error("the directory `{}` of the database file does not exist", .0.display())]
    DirectoryMissing(PathBuf),
    /// The file is something else.
    #[error("`{}` is not a SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// A file, directory or mount without the right to write.
    #[error("cannot {operation}: the database `{}` is read-only; the file and its directory must be writable", path.display())]
    ReadOnly {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// No room for another page.
    #[error("cannot {operation}: the disk of the database `{}` is full", path.display())]
    DiskFull {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the write lock for too long.
    #[error("cannot {operation}: another process keeps the database `{}` locked", path.display())]
    Locked {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file has a migration that this version does not know.
    #[error("the database `{}` was written by a newer version (migration {migration})", path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The unknown migration.
        migration: i64,
    },
    /// A migration did not run to its end.
    #[error("cannot bring the database `{}` up to date", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: MigrateError,
    },
    /// Anything else that `SQLite` reports.
    #[error("cannot {operation} in the database `{}`", path.display())]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What `SQLite` says.
        source: sqlx::Error,
    },
    /// A value that this version never writes.
    #[error("cannot {operation}: the database holds `{value}`")]
    Unreadable {
        /// What was tried.
        operation: &'static str,
        /// The value.
        value: String,
    },
    /// A run that was never started, or is deleted.
    #[error("there is no run {0}")]
    RunUnknown(SyncRunId),
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html); the extended ones have them in their lowest byte.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const FULL: i32 = 13;
const NOT_A_DATABASE: i32 = 26;

impl StoreError {
    pub(super) fn from_sqlx(operation: &'static str, path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match result_code(&source) {
            Some(BUSY | LOCKED) => Self::Locked { operation, path },
            Some(READ_ONLY) => Self::ReadOnly { operation, path },
            Some(FULL) => Self::DiskFull { operation, path },
            Some(NOT_A_DATABASE) => Self::NotADatabase(path),
            _ => Self::Failed { operation, path, source },
        }
    }

    pub(super) fn from_migration(path: &Path, source: MigrateError) -> Self {
        let operation = "bring the tables up to date";
        match source {
            MigrateError::VersionMissing(migration) => Self::NewerVersion { path: path.to_owned(), migration },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if result_code(&source).is_some() => {
                Self::from_sqlx(operation, path, source)
            }
            source => Self::Migration { path: path.to_owned(), source },
        }
    }
}

fn result_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
