//! Places: how many connections there may be, whose they are, and how many of their requests may
//! wait for an answer.
//!
//! When places run short idle connections give way, those of the network that has most of them
//! first. Beyond the last place a few connections are taken all the same: they may ask how the
//! service is, and anything else once a place is free for them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::forwarded::network;

/// Beyond the places, for health checks. Twice as many are taken for a moment,
/// until those that give way have gone.
pub const MAX_WITHOUT_PLACE: usize = 32;
/// One network has no more than this part of the places, unless it is a trusted proxy's.
const PART_OF_A_NETWORK: usize = 4;
/// Requests that wait for an answer take no more than this part of the places: the others are for
/// what is answered at once.
const PART_OF_WAITING: usize = 2;
/// How many times as many requests of one caller may wait as there is room for: alone it has four
/// fifths, of two each has four ninths.
const TIMES_THE_ROOM: usize = 4;
/// A connection that has been idle for less is in use: its next request may be on its way.
const IDLE_FOR: Duration = Duration::from_secs(1);
/// How long a request waits for a place if no other request needs to wait for one.
const PLACE_TIME: Duration = Duration::from_secs(5);
/// Between two looks for somebody who has become idle.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two lines of the log about the same shortage.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// The places of one listener; a clone is another handle.
#[derive(Debug, Clone)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    exempt: Vec<IpNet>,
    open: Mutex<Open>,
    /// A connection has gone, or has become idle.
    freed: Notify,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, OpenConnection>,
    next: u64,
    told: Option<Instant>,
}

/// What is known of one connection.
#[derive(Debug)]
struct OpenConnection {
    network: IpAddr,
    is_exempt: bool,
    has_place: bool,
    /// Since when it has no request under way; `None` while it has one.
    idle_since: Option<Instant>,
    leaves: CancellationToken,
}

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    by_caller: HashMap<Arc<str>, usize>,
    told: Option<Instant>,
}

/// How many there are, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Now.
    pub used: usize,
    /// At most.
    pub limit: usize,
}

impl Use {
    /// From four fifths on.
    fn is_tight(self) -> bool {
        self.used * 5 >= self.limit * 4
    }
}

impl Places {
    /// For `most` connections; a network has a quarter of them at most, unless it is one of the
    /// `exempt`: those of the proxies that everybody comes through.
    pub fn new(most: usize, exempt: Vec<IpNet>) -> Self {
        let inner = Inner {
            most: most.max(1),
            exempt,
            open: Mutex::default(),
            freed: Notify::new(),
            waiting: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// Connections that have a place.
    pub fn connections(&self) -> Use {
        Use { used: lock(&self.0.open).with_place(), limit: self.0.most }
    }

    /// Requests that wait for an answer.
    pub fn waiting(&self) -> Use {
        Use { used: lock(&self.0.waiting).all, limit: self.most_waiting() }
    }

    /// Takes a connection: in a place if there is one, else without one. `None`: too many have
    /// none already.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Connection> {
        let address = address.to_canonical();
        let network = network(address);
        let is_exempt = self.0.exempt.iter().any(|exempt| exempt.contains(&address));
        let mut open = lock(&self.0.open);
        let has_place = self.has_room(&open, network, is_exempt);
        if !has_place {
            if open.without_place() >= 2 * MAX_WITHOUT_PLACE {
                return None;
            }
            if open.without_place() >= MAX_WITHOUT_PLACE {
                open.let_one_without_place_go();
            }
            self.make_room(&open, network, is_exempt);
        }
        let used = Use { used: open.with_place() + usize::from(has_place), limit: self.0.most };
        if used.is_tight() && is_time(&mut open.told) {
            tracing::warn!(
                used = used.used,
                limit = used.limit,
                "connections are running short: closing idle ones"
            );
        }
        let (id, leaves) = (open.next, CancellationToken::new());
        open.next += 1;
        let connection = OpenConnection {
            network,
            is_exempt,
            has_place,
            idle_since: Some(Instant::now()),
            leaves: leaves.clone(),
        };
        open.connections.insert(id, connection);
        Some(Connection {
            places: self.clone(),
            id,
            leaves,
            is_short: used.is_tight() && !is_exempt,
        })
    }

    /// Room for one more request of a caller that waits for an answer. `None`: it is answered at
    /// once.
    pub(super) fn wait(&self, caller: &Arc<str>) -> Option<WaitingRequest> {
        let mut waiting = lock(&self.0.waiting);
        let used = Use { used: waiting.all + 1, limit: self.most_waiting() };
        if used.is_tight() && is_time(&mut waiting.told) {
            tracing::warn!(
                used = used.used,
                limit = used.limit,
                "many requests are waiting for an answer: further ones may be answered at once, while their runs continue"
            );
        }
        let of_caller = waiting.by_caller.get(caller).copied().unwrap_or(0);
        if of_caller >= TIMES_THE_ROOM * used.limit.saturating_sub(waiting.all) {
            return None;
        }
        waiting.all += 1;
        waiting.by_caller.insert(Arc::clone(caller), of_caller + 1);
        Some(WaitingRequest { places: self.clone(), caller: Arc::clone(caller) })
    }

    fn most_waiting(&self) -> usize {
        (self.0.most / PART_OF_WAITING).max(1)
    }

    fn most_of_a_network(&self) -> usize {
        (self.0.most / PART_OF_A_NETWORK).max(1)
    }

    fn has_room(&self, open: &Open, network: IpAddr, is_exempt: bool) -> bool {
        open.with_place() < self.0.most
            && (is_exempt || open.with_place_of(network) < self.most_of_a_network())
    }

    /// Asks an idle connection to give way: one of the network itself, if that has as many as it
    /// may. No more leave than have no place.
    fn make_room(&self, open: &Open, network: IpAddr, is_exempt: bool) {
        let of_itself = !is_exempt && open.with_place_of(network) >= self.most_of_a_network();
        let leaving = open
            .connections
            .values()
            .filter(|connection| connection.has_place && connection.leaves.is_cancelled())
            .count();
        if leaving <= open.without_place() {
            open.let_an_idle_one_go(|connection| {
                connection.has_place && (!of_itself || connection.network == network)
            });
        }
    }
}

impl Open {
    fn with_place(&self) -> usize {
        self.connections.values().filter(|connection| connection.has_place).count()
    }

    fn with_place_of(&self, network: IpAddr) -> usize {
        self.connections
            .values()
            .filter(|connection| connection.has_place && connection.network == network)
            .count()
    }

    fn without_place(&self) -> usize {
        self.connections.len() - self.with_place()
    }

    /// Of the network that has most idle ones, the one that has been idle longest, once it has been
    /// so for a while: nobody else goes in its place. A proxy's comes last: it may be sending the
    /// next request.
    fn let_an_idle_one_go(&self, may_go: impl Fn(&OpenConnection) -> bool) {
        let idle_for =
            |connection: &OpenConnection| connection.idle_since.map(|since| since.elapsed());
        let first = self.first_to_go(
            |connection| may_go(connection) && connection.idle_since.is_some(),
            |id, connection| (!connection.is_exempt, (idle_for(connection), Reverse(id))),
        );
        if let Some(connection) = first.filter(|connection| idle_for(connection) >= Some(IDLE_FOR))
        {
            connection.leaves.cancel();
        }
    }

    /// Of the network that has most without a place, the one that is oldest, also if a request of it
    /// waits for a place.
    fn let_one_without_place_go(&self) {
        if let Some(connection) =
            self.first_to_go(|connection| !connection.has_place, |id, _| (true, Reverse(id)))
        {
            connection.leaves.cancel();
        }
    }

    fn first_to_go<Rank: Ord>(
        &self,
        may_go: impl Fn(&OpenConnection) -> bool,
        rank: impl Fn(u64, &OpenConnection) -> (bool, Rank),
    ) -> Option<&OpenConnection> {
        let candidates = || {
            self.connections
                .iter()
                .filter(|(_, connection)| may_go(connection) && !connection.leaves.is_cancelled())
        };
        let mut of_network: HashMap<IpAddr, usize> = HashMap::new();
        for (_, connection) in candidates() {
            *of_network.entry(connection.network).or_default() += 1;
        }
        let first = candidates().max_by_key(|(id, connection)| {
            let (first, rank) = rank(**id, connection);
            (first, of_network.get(&connection.network).copied(), rank)
        });
        first.map(|(_, connection)| connection)
    }
}

/// A connection that was taken; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    places: Places,
    id: u64,
    leaves: CancellationToken,
    /// Whether it is to show soon what it wants, for others wait.
    pub(super) is_short: bool,
}

impl Connection {
    /// Until it is to give way.
    pub(super) async fn leaves(&self) {
        self.leaves.cancelled().await;
    }

    /// Notes that a request is under way, until what this returns is dropped.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.set_idle_since(None);
        UnderWay(self)
    }

    pub(super) fn is_idle(&self) -> bool {
        lock(&self.places.0.open)
            .connections
            .get(&self.id)
            .is_none_or(|connection| connection.idle_since.is_some())
    }

    /// Whether it has a place, or gets one that is free.
    pub(super) fn has_place(&self) -> bool {
        let mut open = lock(&self.places.0.open);
        let Some((has_place, network, is_exempt)) = open
            .connections
            .get(&self.id)
            .map(|connection| (connection.has_place, connection.network, connection.is_exempt))
        else {
            return false;
        };
        let has_place = has_place || self.places.has_room(&open, network, is_exempt);
        if let Some(connection) = open.connections.get_mut(&self.id) {
            connection.has_place = has_place;
        }
        has_place
    }

    /// The same, but it waits for a place, until others come who have none.
    pub(super) async fn gets_place(&self) -> bool {
        let sitting = async {
            loop {
                let freed = self.places.0.freed.notified();
                if self.has_place() {
                    return;
                }
                self.make_room();
                let _ = tokio::time::timeout(LOOK_EVERY, freed).await;
            }
        };
        tokio::select! {
            biased;
            () = sitting => true,
            () = self.leaves.cancelled() => false,
            () = tokio::time::sleep(PLACE_TIME) => false,
        }
    }

    fn make_room(&self) {
        let open = lock(&self.places.0.open);
        if let Some(connection) = open.connections.get(&self.id) {
            self.places.make_room(&open, connection.network, connection.is_exempt);
        }
    }

    fn set_idle_since(&self, since: Option<Instant>) {
        if let Some(connection) = lock(&self.places.0.open).connections.get_mut(&self.id) {
            connection.idle_since = since;
        }
        if since.is_some() {
            self.places.0.freed.notify_waiters();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.places.0.open).connections.remove(&self.id);
        self.places.0.freed.notify_waiters();
    }
}

/// A request of a connection.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Connection);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set_idle_since(Some(Instant::now()));
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct WaitingRequest {
    places: Places,
    caller: Arc<str>,
}

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        let mut waiting = lock(&self.places.0.waiting);
        waiting.all -= 1;
        if let Some(count) = waiting.by_caller.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                waiting.by_caller.remove(&self.caller);
            }
        }
    }
}

fn is_time(told: &mut Option<Instant>) -> bool {
    let is_time = told.is_none_or(|told| told.elapsed() >= LOG_EVERY);
    if is_time {
        *told = Some(Instant::now());
    }
    is_time
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
