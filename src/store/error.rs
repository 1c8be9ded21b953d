//! Why the database could not do what it was asked.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

use crate::domain::ids::SyncRunId;

/// A failed operation of the store, with its cause as the source. `database` is the file, or host,
/// port and name: never a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another scheme, or none; the rest of the URL may hold a password and is not repeated.
    #[error(
        "`DATABASE_URL` must begin with `sqlite:` or `postgres:`, as in `sqlite://sync-to-m3ter.db` or \
         `postgres://user:password@host/name`"
    )]
    UnknownScheme,
    /// `sqlite::memory:`, or no path at all.
    #[error("`DATABASE_URL` must name a file, as in `sqlite://sync-to-m3ter.db`")]
    NotAFile,
    /// The URL cannot be read, or the part behind `?`.
    #[error("`DATABASE_URL` is not a valid URL of a database")]
    InvalidUrl(sqlx::Error),
    /// A directory has the name.
    #[error("`{}` is a directory; `DATABASE_URL` must name the database file in it", .0.display())]
    Directory(PathBuf),
    /// `SQLite` creates files, not directories.
    #[error("the directory `{}` of the database file does not exist", .0.display())]
    DirectoryMissing(PathBuf),
    /// A database that is only looked into must be there.
    #[error(
        "there is no database at `{}`; set DATABASE_URL to the one that the service uses", .0.display()
    )]
    Absent(PathBuf),
    /// The file is something else.
    #[error("`{0}` is not a SQLite database")]
    NotADatabase(String),
    /// The file was written over, or its disk lost a part of it.
    #[error("the file of the database `{0}` is damaged; restore a copy of it")]
    Damaged(String),
    /// A file, directory or mount without the right to write, or a server that is a read-only copy.
    #[error(
        "cannot {operation}: the database `{database}` is read-only; {}",
        what_must_be_writable(database)
    )]
    ReadOnly {
        /// What was tried.
        operation: &'static str,
        /// Which database.
        database: String,
    },
    /// No room for another page.
    #[error("cannot {operation}: the disk of the database `{database}` is full")]
    DiskFull {
        /// What was tried.
        operation: &'static str,
        /// Which database.
        database: String,
    },
    /// Another process holds a lock for too long.
    #[error("cannot {operation}: another process holds a lock on the database `{database}`")]
    Locked {
        /// What was tried.
        operation: &'static str,
        /// Which database.
        database: String,
    },
    /// The server cannot be reached, is stopping or starting, or has gone away.
    #[error("cannot {operation}: the database `{database}` is not available")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// Which database.
        database: String,
        /// What happened.
        source: sqlx::Error,
    },
    /// The database has a migration that this version does not know.
    #[error("the database `{database}` was written by a newer version (migration {migration})")]
    NewerVersion {
        /// Which database.
        database: String,
        /// The unknown migration.
        migration: i64,
    },
    /// A migration did not run to its end.
    #[error("cannot bring the database `{database}` up to date")]
    Migration {
        /// Which database.
        database: String,
        /// What happened.
        source: MigrateError,
    },
    /// Anything else that the database reports.
    #[error("cannot {operation}: the database `{database}` reports an error")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Which database.
        database: String,
        /// What it says.
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
    /// Another process has claimed the run meanwhile, or it has ended.
    #[error("this process no longer holds the run {0}")]
    ClaimLost(SyncRunId),
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html); the extended ones have them in
// their lowest byte.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const FULL: i32 = 13;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;
/// The index of the log cannot grow, which a start on a full disk meets first.
const SHARED_MEMORY_SIZE: i32 = 4_874;

impl StoreError {
    pub(super) fn from_sqlx(operation: &'static str, place: &str, source: sqlx::Error) -> Self {
        let database = place.to_owned();
        match Kind::of(&source) {
            Kind::Locked => Self::Locked { operation, database },
            Kind::ReadOnly => Self::ReadOnly { operation, database },
            Kind::Full => Self::DiskFull { operation, database },
            Kind::NotADatabase => Self::NotADatabase(database),
            Kind::Damaged => Self::Damaged(database),
            Kind::Away => Self::Unavailable { operation, database, source },
            Kind::Other => Self::Failed { operation, database, source },
        }
    }

    pub(super) fn from_migration(place: &str, source: MigrateError) -> Self {
        let operation = "bring the tables up to date";
        match source {
            MigrateError::VersionMissing(migration) => {
                Self::NewerVersion { database: place.to_owned(), migration }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)
                if Kind::of(&source) != Kind::Other =>
            {
                Self::from_sqlx(operation, place, source)
            }
            source => Self::Migration { database: place.to_owned(), source },
        }
    }

    /// Whether the same operation may succeed a little later, without anyone changing the service.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Locked { .. }
                | Self::DiskFull { .. }
                | Self::ReadOnly { .. }
        )
    }

    /// Whether a rule of the tables was broken that holds two rows apart.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation))
    }

    /// What a caller may know: what is wrong with the database, without its name.
    pub fn in_words(&self) -> &'static str {
        match self {
            Self::ReadOnly { .. } => "the service's database is read-only",
            Self::DiskFull { .. } => "the disk of the service's database is full",
            Self::Locked { .. } => "the service's database is locked by another process",
            Self::Unavailable { .. } => "the service's database is not available",
            Self::Absent(_) => "the file of the service's database is gone",
            Self::Damaged(_) => "the file of the service's database is damaged",
            _ => "the service cannot use its database",
        }
    }
}

/// Whether the server cannot be reached, is stopping or starting, or has gone away.
pub(super) fn is_away(error: &sqlx::Error) -> bool {
    Kind::of(error) == Kind::Away
}

/// What an error of a database is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Locked,
    ReadOnly,
    Full,
    NotADatabase,
    Damaged,
    Away,
    Other,
}

impl Kind {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Away,
            sqlx::Error::Database(error) => match error.code() {
                Some(code) if error.try_downcast_ref::<PgDatabaseError>().is_some() => {
                    Self::of_postgres(&code)
                }
                Some(code) => Self::of_sqlite(&code),
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }

    fn of_sqlite(code: &str) -> Self {
        let code: Result<i32, _> = code.parse();
        if code == Ok(SHARED_MEMORY_SIZE) {
            return Self::Full;
        }
        match code.map(|code| code & 0xff) {
            Ok(BUSY | LOCKED) => Self::Locked,
            Ok(READ_ONLY) => Self::ReadOnly,
            Ok(FULL) => Self::Full,
            Ok(NOT_A_DATABASE) => Self::NotADatabase,
            Ok(CORRUPT) => Self::Damaged,
            _ => Self::Other,
        }
    }

    /// By SQLSTATE (`PostgreSQL` documentation, Appendix A). `PgBouncer` answers 08P01 for a server
    /// that it cannot reach.
    fn of_postgres(code: &str) -> Self {
        match code {
            "40001" | "40P01" | "55P03" | "57014" => Self::Locked,
            "25006" => Self::ReadOnly,
            "53100" => Self::Full,
            "25P03" | "53200" | "53300" | "57P01" | "57P02" | "57P03" | "57P05" => Self::Away,
            code if code.starts_with("08") => Self::Away,
            _ => Self::Other,
        }
    }
}

fn what_must_be_writable(database: &str) -> &'static str {
    // Only a server's place has a port in front of its name.
    let is_server = database.rsplit_once('/').is_some_and(|(host, _)| {
        host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    });
    if is_server {
        "the server must take writes"
    } else {
        "the file and its directory must be writable"
    }
}
