//! What outlives a sync: its runs and their results, and which m3ter object belongs to which
//! Salesforce row.
//!
//! Open one [`Store`] per process and clone it. Each method is one short transaction, durable when
//! it returns, except for the admission and the end of a run that is provisional
//! ([`Store::settle`]). Leases and turns are judged by the database's clock, which all processes
//! share. The interface has no transaction to hold, so none can be open during a callout.
//!
//! Kept in one `SQLite` file (write-ahead log, full sync, one connection that writes and a few that
//! read), or in `PostgreSQL`, which several processes share: the same tables and statements. What
//! the columns mean is written in `migrations/`; migrations only go forward.

mod admission;
mod attempts;
mod backfill;
mod bounds;
mod changes;
mod claims;
mod concerns;
mod connections;
mod copy;
mod database;
mod day;
mod dialect;
mod ends;
mod error;
mod handover;
mod health;
mod history;
mod key_uses;
mod link_order;
mod links;
mod migrations;
mod open;
mod operator_runs;
mod pause;
mod postgres;
mod queue;
mod quota;
mod reopen;
mod replay;
mod replicas;
mod row;
mod runs;
mod sessions;
mod shown_names;
mod sqlite;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod value;
mod verifications;

use database::Database;

pub use admission::{Admission, NewRun, QueueFull};
pub use attempts::CommitmentAttempt;
pub use bounds::QueueBounds;
pub use changes::{ChangeFate, ChangeFilter, Changes};
pub use claims::{Claim, Claimant, ClaimedRun};
pub use concerns::SaidCode;
pub use copy::{CopiedTable, CopyError};
pub use day::HourOfRuns;
pub use error::StoreError;
pub use history::{HistorySize, OldRuns, OpenRuns, RunFilter};
pub use link_order::{Handover, LinkFilter, LinkOrder, NotHandedOver};
pub use links::{Link, LinkRelation, RecordLinks};
pub use pause::{Pause, PauseAnswer, Said};
pub use queue::{Claimable, QueueClass, QueueHead, QueueWait};
pub use reopen::{NotReopened, Reopening};
pub use replay::Replay;
pub use runs::{EndedTry, Progress};
pub use sessions::{Session, SessionLimits};
pub use verifications::{ClaimedVerification, NewVerification, VerifiedPage};

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

    /// The same, of a database that must be there: without its file nothing is made, for an empty
    /// one would look like an empty history.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        open::check_there(url)?;
        Self::open(url).await
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
