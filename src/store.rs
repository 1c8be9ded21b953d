//! What outlives a sync: its runs and their results, and which m3ter object belongs to which
//! Salesforce row.
//!
//! Open one [`Store`] per process and clone it. Each method is one short transaction, durable when
//! it returns. Instants are given by the caller. The interface has no transaction to hold, so none
//! can be open during a callout.
//!
//! Kept in one `SQLite` file (write-ahead log, full sync, one connection that writes and a few that
//! read), or in `PostgreSQL`, which several processes share: the same tables and statements. What
//! the columns mean is written in `migrations/`; migrations only go forward.

mod admission;
mod attempts;
mod claims;
mod connections;
mod database;
mod dialect;
mod ends;
mod error;
mod handover;
mod history;
mod key_uses;
mod links;
mod open;
mod operator_runs;
mod pause;
mod queue;
mod quota;
mod reopen;
mod replay;
mod replicas;
mod runs;
mod shown;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};

use database::{Database, Row};

pub use admission::{Admission, NewRun, QueueBounds, QueueFull};
pub use attempts::CommitmentAttempt;
pub use claims::{Claimant, ClaimedRun};
pub use error::StoreError;
pub use handover::{Handover, LinkFilter, LinkOrder, NotHandedOver};
pub use history::{HistorySize, OldRuns, OpenRuns, RunFilter};
pub use links::{Link, LinkRelation};
pub use pause::{Pause, Said};
pub use queue::{Claimable, QueueClass, QueueHead, QueueWait};
pub use reopen::{NotReopened, Reopening};
pub use replay::Replay;
pub use runs::{EndedTry, Held, Progress};

/// An open database; a clone is another handle to it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    bounds: QueueBounds,
}

impl Store {
    /// Opens the database of a `sqlite:` or `postgres:` URL, and brings an older one up to date; a
    /// missing file is created.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self { database: open::open(url).await?, bounds: QueueBounds::NONE })
    }

    /// The same store, in which no more runs may wait than that.
    #[must_use]
    pub fn bounded(self, bounds: QueueBounds) -> Self {
        Self { bounds, ..self }
    }

    /// Connects as another URL of the same server says from now on, once that has worked; a file
    /// stays what it is.
    pub async fn follow(&self, url: &str) -> Result<(), StoreError> {
        open::follow(&self.database, url).await
    }

    /// Waits for what is being written and closes all connections. Methods called afterwards fail.
    pub async fn close(self) {
        self.database.close().await;
    }
}

fn salesforce_id(text: String, operation: &'static str) -> Result<SalesforceId, StoreError> {
    SalesforceId::parse(&text).map_err(|_| StoreError::Unreadable { operation, value: text })
}

fn m3ter_id(text: String, operation: &'static str) -> Result<M3terId, StoreError> {
    M3terId::parse(&text).map_err(|_| StoreError::Unreadable { operation, value: text })
}

fn run_id(text: String, operation: &'static str) -> Result<SyncRunId, StoreError> {
    SyncRunId::parse(&text).ok_or(StoreError::Unreadable { operation, value: text })
}

fn instant(row: &Row, column: &str, operation: &'static str) -> Result<Timestamp, StoreError> {
    let ms = row.integer(column);
    Timestamp::from_millisecond(ms)
        .map_err(|_| StoreError::Unreadable { operation, value: ms.to_string() })
}

fn optional_instant(
    row: &Row,
    column: &str,
    operation: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    row.optional_integer(column).map(|_| instant(row, column, operation)).transpose()
}

fn document<T: DeserializeOwned>(
    row: &Row,
    column: &str,
    operation: &'static str,
) -> Result<T, StoreError> {
    let text = row.text(column);
    serde_json::from_str(&text).map_err(|_| StoreError::Unreadable { operation, value: text })
}
