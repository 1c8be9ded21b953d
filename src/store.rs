//! What outlives a sync: its runs and their results, and which m3ter object belongs to which Salesforce row.
//!
//! Open one [`Store`] per process and clone it. Each method is one short transaction, durable when it returns. Instants are given
//! by the caller. The interface has no transaction to hold, so none can be open during a callout.
//!
//! Kept in one `SQLite` file (write-ahead log, full sync, one connection that writes and a few that read), or in `PostgreSQL`, which
//! several processes share: the same tables and statements. What the columns mean is written in `migrations/`; migrations only go
//! forward.

mod attempts;
mod database;
mod error;
mod links;
mod open;
mod runs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::domain::ids::{M3terId, SalesforceId};

use database::Database;

pub use attempts::CommitmentAttempt;
pub use error::StoreError;
pub use links::{Link, LinkRelation};
pub use runs::NewRun;

/// An open database; a clone is another handle to it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the database of a `sqlite:` or `postgres:` URL, and brings an older one up to date; a missing file is created.
    ///
    /// Runs that an earlier process left `running` become `interrupted`. One that is still under way in another process is `ended`
    /// all the same once it ends.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self { database: open::open(url).await? };
        store.interrupt_runs().await?;
        Ok(store)
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
