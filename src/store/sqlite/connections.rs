//! The connections to a file of `SQLite`, all of one duty. Each lives on a thread of its own, which
//! may block.

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::fault::fault;

/// How long a statement waits for another process, or for the one connection that writes; a commit
/// takes about a millisecond.
pub(in crate::store) const LOCK_TIME: Duration = Duration::from_secs(5);
/// What a connection keeps of the file, as `SQLite` spells 128 KiB: it forgets all of it as soon as
/// another one has written. The cache of the operating system still has it.
const PAGE_CACHE: i32 = -128;
/// The same of the one that writes, which keeps what it has: 512 KiB.
const WRITER_PAGE_CACHE: i32 = -512;
/// Changed pages, of 4 KiB, that are kept until the commit whatever the size of the cache. A batch
/// of a large deal changes a page of each index for almost every object: without room for them,
/// each is written and read again several times before the commit.
const MAX_CHANGED_PAGES: i32 = 768;
/// Pages of the log that go into the file at once; those that are changed by several commits go
/// there once.
const CHECKPOINT_PAGES: i32 = 4_000;
/// Statements that a connection keeps prepared: all that the store has.
const PREPARED_STATEMENTS: usize = 100;

/// What connections do.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Duty {
    Write,
    /// A commit does not wait for the disk.
    WriteUnsynced,
    Read,
}

/// So many connections at most, each opened when it is needed first; a clone is another handle to
/// them.
#[derive(Debug, Clone)]
pub(in crate::store) struct SqliteConnections {
    file: Arc<PathBuf>,
    duty: Duty,
    most: u32,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

/// A place for one transaction, and its connection.
pub(in crate::store) struct Lent {
    /// `None` before the first message, while one is under way, and once that was given up.
    worker: Option<Worker>,
    is_kept: bool,
    lender: SqliteConnections,
    _place: OwnedSemaphorePermit,
}

/// Connections that nobody uses; they are closed when this is dropped.
#[derive(Debug, Default)]
struct Idle(Vec<Worker>);

/// The thread of a connection. It ends when this is dropped and what it was sent is done.
#[derive(Debug)]
struct Worker {
    works: Sender<Work>,
    thread: JoinHandle<()>,
}

/// Done with the connection that lives on a thread.
type Work = Box<dyn FnOnce(&mut Held) + Send>;

/// What lives on the thread; the connection is opened by the first work.
struct Held {
    file: Arc<PathBuf>,
    duty: Duty,
    connection: Option<Connection>,
    /// Whether its commits wait for the disk at present, where it is its duty to write.
    is_synced: bool,
}

impl SqliteConnections {
    pub(in crate::store) fn new(file: PathBuf, duty: Duty, most: u32) -> Self {
        let places = Arc::new(Semaphore::new(most as usize));
        Self { file: Arc::new(file), duty, most, places, idle: Arc::default() }
    }

    /// Waits for a place.
    pub(in crate::store) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        let places = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(LOCK_TIME, places).await;
        let place =
            place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(self.lend_in(place))
    }

    /// The same if there is a place now.
    pub(in crate::store) fn try_lend(&self) -> Option<Lent> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(|place| self.lend_in(place))
    }

    fn lend_in(&self, place: OwnedSemaphorePermit) -> Lent {
        let worker = self.idle().0.pop();
        Lent { worker, is_kept: false, lender: self.clone(), _place: place }
    }

    /// Waits for what is under way, and closes all connections. None is lent afterwards.
    pub(in crate::store) async fn close(&self) {
        let _all = self.places.acquire_many(self.most).await;
        self.places.close();
        let idle = std::mem::take(&mut *self.idle());
        // The last one writes the log into the file.
        let _ = tokio::task::spawn_blocking(move || drop(idle)).await;
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    fn start(file: Arc<PathBuf>, duty: Duty) -> std::io::Result<Self> {
        let (works, given) = mpsc::channel::<Work>();
        let serve = move || {
            let mut held = Held { file, duty, connection: None, is_synced: true };
            while let Ok(work) = given.recv() {
                work(&mut held);
            }
        };
        let thread = thread::Builder::new().name("sqlite".to_owned()).spawn(serve)?;
        Ok(Self { works, thread })
    }

    /// Closes the connection, which rolls back what is open on it.
    fn end(self) {
        drop(self.works);
        let _ = self.thread.join();
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Worker::end);
    }
}

impl Held {
    /// The connection; where its duty is to write, its commits wait for the disk or do not.
    fn connection(&mut self, is_synced: bool) -> rusqlite::Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.is_synced = true;
                self.connect()?
            }
        };
        let connection = self.connection.insert(connection);
        if matches!(self.duty, Duty::Write) && self.is_synced != is_synced {
            let level = if is_synced { "FULL" } else { "NORMAL" };
            match connection.pragma_update(None, "synchronous", level) {
                Ok(()) => self.is_synced = is_synced,
                Err(error) if is_synced => return Err(error),
                // It waits for the disk all the same.
                Err(_) => {}
            }
        }
        Ok(connection)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&*self.file, flags)?;
        connection.busy_timeout(LOCK_TIME)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "cache_size", PAGE_CACHE)?;
        match self.duty {
            Duty::Write => {
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection.pragma_update(None, "cache_size", WRITER_PAGE_CACHE)?;
                connection.pragma_update(None, "cache_spill", MAX_CHANGED_PAGES)?;
                // What would take a statement of many rows back is no file of its own.
                connection.pragma_update(None, "temp_store", "MEMORY")?;
                connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            }
            Duty::WriteUnsynced => connection.pragma_update(None, "synchronous", "NORMAL")?,
            Duty::Read => connection.pragma_update(None, "query_only", "ON")?,
        }
        Ok(connection)
    }
}

impl Lent {
    /// Does something with the connection, on its thread. If nobody waits for it any more, it is
    /// done to its end, and the connection is closed.
    pub(in crate::store) async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        self.work_synced(true, work).await
    }

    /// The same, where commits of a connection that writes wait for the disk or do not.
    pub(super) async fn work_synced<T: Send + 'static>(
        &mut self,
        is_synced: bool,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        self.is_kept = false;
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(Arc::clone(&self.lender.file), self.lender.duty)?,
        };
        let (sender, done) = oneshot::channel();
        let work =
            move |held: &mut Held| drop(sender.send(held.connection(is_synced).and_then(work)));
        worker.works.send(Box::new(work)).map_err(|_| sqlx::Error::WorkerCrashed)?;
        let outcome = done.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        self.worker = Some(worker);
        outcome.map_err(fault)
    }

    /// No transaction is open on it: it is lent again.
    pub(in crate::store) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(worker) = self.worker.take() else { return };
        if self.is_kept {
            self.lender.idle().0.push(worker);
        } else {
            worker.end();
        }
    }
}
