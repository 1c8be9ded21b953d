//! What a test can see of an emulator and do to it: the request log, latency, faults, limits.

mod act;
mod fault;
mod http;
mod limit;
mod log;

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::CREDENTIAL;

pub use fault::{Fault, FaultKind};
pub use limit::{Counting, RequestLimit};
pub use log::LoggedRequest;

pub(crate) use act::Act;
pub(crate) use fault::{Asked, Faults};
pub(crate) use http::router;
pub(crate) use log::Log;

/// The controls that both emulators share.
#[derive(Debug)]
pub struct Control {
    started: Instant,
    latency_ms: AtomicU64,
    list_lag_ms: AtomicU64,
    clock_offset: AtomicI64,
    credentials: Mutex<Vec<(String, String)>>,
    unexpected: AtomicUsize,
    limit: Mutex<RequestLimit>,
    pub(crate) log: Mutex<Log>,
    pub(crate) faults: Mutex<Faults>,
    hanging: Notify,
}

impl Control {
    pub(crate) fn new(requests_per_second: Option<u32>) -> Self {
        Self {
            started: Instant::now(),
            latency_ms: AtomicU64::new(0),
            list_lag_ms: AtomicU64::new(0),
            clock_offset: AtomicI64::new(0),
            credentials: Mutex::new(vec![(CREDENTIAL.to_owned(), CREDENTIAL.to_owned())]),
            unexpected: AtomicUsize::new(0),
            limit: Mutex::new(RequestLimit::new(requests_per_second, Counting::default())),
            log: Mutex::default(),
            faults: Mutex::default(),
            hanging: Notify::new(),
        }
    }

    /// Delays every request by this much before it has its effect, as a network would.
    pub fn set_latency(&self, latency: Duration) {
        self.latency_ms
            .store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms.load(Ordering::Relaxed))
    }

    /// Logins take these pairs of id and secret alone from now on: one for a rotation at once, two
    /// while both are good. Tokens that were given stay.
    pub fn set_credentials(&self, pairs: &[(&str, &str)]) {
        *lock(&self.credentials) =
            pairs.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect();
    }

    /// Whether some login has this id, and whether one has it with this secret.
    pub(crate) fn knows(&self, id: &str, secret: &str) -> (bool, bool) {
        let pairs = lock(&self.credentials);
        (
            pairs.iter().any(|pair| pair.0 == id),
            pairs.iter().any(|pair| pair.0 == id && pair.1 == secret),
        )
    }

    /// Sets the vendor's clock ahead by so many seconds: what its answers have as `Date`, and by
    /// what it judges assertions.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.clock_offset.store(seconds, Ordering::Relaxed);
    }

    /// What the vendor takes for now.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.clock_offset.load(Ordering::Relaxed))
    }

    /// Lets lists show the state as of this long ago.
    pub fn set_list_lag(&self, lag: Duration) {
        self.list_lag_ms
            .store(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn list_lag(&self) -> Duration {
        Duration::from_millis(self.list_lag_ms.load(Ordering::Relaxed))
    }

    /// Refuses what goes beyond so many requests in a second; `None` lifts the limit.
    pub fn set_requests_per_second(&self, requests_per_second: Option<u32>) {
        lock(&self.limit).set_requests_per_second(requests_per_second);
    }

    /// Lets the vendor count its second in another way.
    pub fn set_counting(&self, counting: Counting) {
        lock(&self.limit).set_counting(counting);
    }

    /// Whether one more request fits into this second.
    pub(crate) fn admit(&self) -> bool {
        // The clock is read under the lock, so that it never goes back from one request to the
        // next.
        let mut limit = lock(&self.limit);
        limit.admit(self.started.elapsed())
    }

    /// Milliseconds since the emulator started.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The requests since the start or since the log was cleared.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.log).requests()
    }

    /// Empties the log.
    pub fn clear_requests(&self) {
        lock(&self.log).clear();
    }

    /// Plans a fault.
    pub fn add_fault(&self, fault: Fault) {
        lock(&self.faults).add(fault);
    }

    /// Forgets all planned faults.
    pub fn clear_faults(&self) {
        lock(&self.faults).clear();
    }

    /// Lets the requests that hang at this moment be carried out and answered.
    pub fn let_hanging_go(&self) {
        self.hanging.notify_waiters();
    }

    /// Hangs until that.
    pub(crate) async fn let_go(&self) {
        self.hanging.notified().await;
    }

    /// How many requests the emulator did not understand: an unknown path or method.
    pub fn unexpected_requests(&self) -> usize {
        self.unexpected.load(Ordering::Relaxed)
    }

    pub(crate) fn note_unexpected(&self) {
        self.unexpected.fetch_add(1, Ordering::Relaxed);
    }
}

/// The guarded value; a panic elsewhere does not spoil it for the tests that look at it afterwards.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
