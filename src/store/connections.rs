//! The connections of one kind, the one that was used last first.
//!
//! sqlx's own pool asks each connection that comes back for a sign of life, which is a round trip,
//! and lends the one that lay idle longest. Here a connection that came back in order is lent again
//! as it is; any other one goes through the pool.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The names that were prepared on a connection.
pub(super) type Prepared = HashSet<String>;

/// At most as many connections as the pool may have; a clone is another handle to them.
#[derive(Debug)]
pub(super) struct Connections<DB: sqlx::Database> {
    pool: Pool<DB>,
    places: Arc<Semaphore>,
    /// Those that came back last are last.
    idle: Arc<Mutex<Vec<Idle<DB>>>>,
}

#[derive(Debug)]
struct Idle<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    prepared: Prepared,
    taken_at: Instant,
    kept_at: Instant,
}

/// A connection for one transaction.
pub(super) struct Lent<DB: sqlx::Database> {
    connection: Option<PoolConnection<DB>>,
    prepared: Prepared,
    /// When the pool gave it.
    taken_at: Instant,
    is_kept: bool,
    lender: Connections<DB>,
    _place: OwnedSemaphorePermit,
}

impl<DB: sqlx::Database> Connections<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let places = Semaphore::new(pool.options().get_max_connections() as usize);
        Self { pool, places: Arc::new(places), idle: Arc::default() }
    }

    /// Waits for a place, and then for a connection, as long as the pool lets wait.
    pub(super) async fn lend(&self) -> Result<Lent<DB>, sqlx::Error> {
        let places = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(self.pool.options().get_acquire_timeout(), places).await;
        let place =
            place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let (connection, prepared, taken_at) = match idle {
            Some(idle) => (idle.connection, idle.prepared, idle.taken_at),
            // Seldom, and a large future: it is not part of that of each caller.
            None => (Box::pin(self.pool.acquire()).await?, Prepared::new(), Instant::now()),
        };
        Ok(Lent {
            connection: Some(connection),
            prepared,
            taken_at,
            is_kept: false,
            lender: self.clone(),
            _place: place,
        })
    }

    /// What lies idle, without those that have for too long: whatever is between here and a server
    /// may have forgotten them.
    fn idle(&self) -> MutexGuard<'_, Vec<Idle<DB>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timeout) = self.pool.options().get_idle_timeout() {
            let expired = idle.partition_point(|idle| idle.kept_at.elapsed() > timeout);
            idle.drain(..expired).for_each(|mut idle| idle.connection.close_on_drop());
        }
        idle
    }

    /// Connects otherwise from now on.
    pub(super) fn follow(&self, options: <DB::Connection as sqlx::Connection>::Options) {
        self.pool.set_connect_options(options);
    }

    /// Closes all connections; waits for those that are lent.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        self.idle().clear();
        closing.await;
    }
}

impl<DB: sqlx::Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            places: Arc::clone(&self.places),
            idle: Arc::clone(&self.idle),
        }
    }
}

impl<DB: sqlx::Database> Lent<DB> {
    /// No transaction is open on it, and no answer is still to come: it is lent again as it is.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// What was prepared on it, for who prepares more.
    pub(super) fn prepared(&mut self) -> &mut Prepared {
        &mut self.prepared
    }

    /// Nobody can tell what is open on it: it is not used again.
    pub(super) fn give_up(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }

    /// Another connection in place of one that is dead; those that lie idle are likely to be dead
    /// as well.
    pub(super) async fn replace(&mut self) -> Result<(), sqlx::Error> {
        self.give_up();
        self.connection = None;
        self.prepared.clear();
        self.connection = Some(Box::pin(self.lender.pool.acquire()).await?);
        self.taken_at = Instant::now();
        Ok(())
    }
}

impl<DB: sqlx::Database> Deref for Lent<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.connection.as_ref().expect("it is there until the end")
    }
}

impl<DB: sqlx::Database> DerefMut for Lent<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.connection.as_mut().expect("it is there until the end")
    }
}

impl<DB: sqlx::Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        let lifetime = self.lender.pool.options().get_max_lifetime();
        if !self.is_kept || lifetime.is_some_and(|lifetime| self.taken_at.elapsed() > lifetime) {
            // The pool closes one that has lived long enough. It does not know what is prepared on
            // any other.
            if !self.prepared.is_empty() {
                self.give_up();
            }
            return;
        }
        let mut idle = self.lender.idle();
        // Under the lock: what is kept now, `close` finds.
        if !self.lender.pool.is_closed() {
            let (taken_at, kept_at) = (self.taken_at, Instant::now());
            let prepared = std::mem::take(&mut self.prepared);
            idle.extend(self.connection.take().map(|connection| Idle {
                connection,
                prepared,
                taken_at,
                kept_at,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    async fn connections(options: SqlitePoolOptions) -> Connections<Sqlite> {
        let options = options.max_connections(1).acquire_timeout(Duration::from_secs(5));
        Connections::new(options.connect("sqlite::memory:").await.unwrap())
    }

    async fn lend_and_keep(connections: &Connections<Sqlite>) {
        connections.lend().await.unwrap().keep();
    }

    #[tokio::test]
    async fn a_connection_that_came_back_clean_is_kept_and_any_other_goes_through_the_pool() {
        let connections = connections(SqlitePoolOptions::new()).await;
        lend_and_keep(&connections).await;
        assert_eq!(connections.idle().len(), 1);
        drop(connections.lend().await.unwrap());
        assert_eq!(connections.idle().len(), 0);
        lend_and_keep(&connections).await;
        let mut dead = connections.lend().await.unwrap();
        dead.replace().await.unwrap();
        sqlx::query("SELECT 1").execute(&mut *dead).await.unwrap();
        let closing = tokio::time::timeout(Duration::from_millis(20), connections.close());
        assert!(closing.await.is_err(), "one is still lent");
        dead.keep();
        drop(dead);
        connections.close().await;
        assert_eq!(connections.idle().len(), 0);
        assert!(matches!(connections.lend().await.err(), Some(sqlx::Error::PoolClosed)));
    }

    #[tokio::test]
    async fn a_connection_that_is_idle_or_open_for_too_long_is_closed() {
        let short = Duration::from_millis(10);
        for options in [
            SqlitePoolOptions::new().idle_timeout(short),
            SqlitePoolOptions::new().max_lifetime(short),
        ] {
            let connections = connections(options).await;
            lend_and_keep(&connections).await;
            tokio::time::sleep(2 * short).await;
            // One that has lived for too long is lent a last time.
            lend_and_keep(&connections).await;
            tokio::time::sleep(2 * short).await;
            assert_eq!(connections.idle().len(), 0);
            sqlx::query("SELECT 1").execute(&mut *connections.lend().await.unwrap()).await.unwrap();
        }
    }
}
