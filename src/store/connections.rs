//! The connections of one kind, the one that was used last first.
//!
//! sqlx's own pool asks each connection that comes back for a sign of life, which is a round trip, and lends the one that lay idle
//! longest. Here a connection that came back in order is lent again as it is; any other one goes through the pool.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At most as many connections as the pool may have; a clone is another handle to them.
#[derive(Debug)]
pub(super) struct Connections<DB: sqlx::Database> {
    pool: Pool<DB>,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<PoolConnection<DB>>>>,
}

/// A connection for one transaction.
pub(super) struct Lent<DB: sqlx::Database> {
    connection: Option<PoolConnection<DB>>,
    is_kept: bool,
    lender: Connections<DB>,
    _place: OwnedSemaphorePermit,
}

impl<DB: sqlx::Database> Connections<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let places = Semaphore::new(pool.options().get_max_connections() as usize);
        Self { pool, places: Arc::new(places), idle: Arc::default() }
    }

    /// Waits for a connection as long as the pool lets wait.
    pub(super) async fn lend(&self) -> Result<Lent<DB>, sqlx::Error> {
        let places = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(self.pool.options().get_acquire_timeout(), places).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        Ok(Lent { connection: Some(connection), is_kept: false, lender: self.clone(), _place: place })
    }

    /// Closes all connections; waits for those that are lent.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        closing.await;
    }
}

impl<DB: sqlx::Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), places: Arc::clone(&self.places), idle: Arc::clone(&self.idle) }
    }
}

impl<DB: sqlx::Database> Lent<DB> {
    /// No transaction is open on it, and no answer is still to come: it is lent again as it is.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Nobody can tell what is open on it: it is not used again.
    pub(super) fn give_up(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }

    /// Another connection in place of one that is dead; those that lie idle are likely to be dead as well.
    pub(super) async fn replace(&mut self) -> Result<(), sqlx::Error> {
        self.give_up();
        self.connection = None;
        self.connection = Some(self.lender.pool.acquire().await?);
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
        let mut idle = self.lender.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: what is kept now, `close` finds.
        if self.is_kept && !self.lender.pool.is_closed() {
            idle.extend(self.connection.take());
        }
    }
}
