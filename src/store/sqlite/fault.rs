//! What `SQLite` reports, in the shape in which the store knows the errors of both engines.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use rusqlite::ffi::{SQLITE_BUSY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use sqlx::error::{DatabaseError, ErrorKind};

/// An error with its extended result code, <https://www.sqlite.org/rescode.html>.
#[derive(Debug, Clone)]
pub(super) struct SqliteFault {
    code: Option<i32>,
    message: String,
}

impl SqliteFault {
    /// Whether another process holds the lock of the file.
    pub(super) fn is_busy(&self) -> bool {
        self.code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
    }
}

impl From<rusqlite::Error> for SqliteFault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => Self {
                code: Some(failure.extended_code),
                message: message.unwrap_or_else(|| failure.to_string()),
            },
            other => Self { code: None, message: other.to_string() },
        }
    }
}

pub(super) fn fault(error: rusqlite::Error) -> sqlx::Error {
    SqliteFault::from(error).into()
}

impl fmt::Display for SqliteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "(code: {code}) {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for SqliteFault {}

impl DatabaseError for SqliteFault {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.code.map(|code| code.to_string().into())
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => {
                ErrorKind::UniqueViolation
            }
            _ => ErrorKind::Other,
        }
    }
}
