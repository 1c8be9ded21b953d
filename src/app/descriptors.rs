//! Open files: the process takes as many as it may, and has no more connections than they allow.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::http::MAX_WITHOUT_PLACE;

/// Far above what the service ever has open.
const WANTED: u64 = 4_096;
/// For callouts, the database and files: so many, or half of what there is.
const RESERVED: u64 = 256;
/// Connections, where open files set no limit. Each takes one.
const MAX_CONNECTIONS: u64 = 1_024;
/// With fewer nobody is served.
const MIN_CONNECTIONS: u64 = 8;

/// How many connections there may be, after the soft limit of open files was raised.
pub(super) fn connections() -> usize {
    let limit = raised();
    let connections = within(limit);
    if connections < MAX_CONNECTIONS {
        let wanted = MAX_CONNECTIONS + RESERVED + without_place();
        tracing::warn!(
            limit,
            connections,
            wanted,
            "the limit of open files (`ulimit -Hn`) leaves fewer connections than usual"
        );
    }
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// The limit that holds now.
fn raised() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current.unwrap_or(u64::MAX);
    let wanted = maximum.unwrap_or(u64::MAX).min(WANTED);
    if current >= wanted {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            current
        }
    }
}

fn within(limit: u64) -> u64 {
    let left = limit - RESERVED.min(limit / 2);
    left.saturating_sub(without_place()).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

/// Connections that are taken beyond the places.
fn without_place() -> u64 {
    2 * MAX_WITHOUT_PLACE as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_kept_and_a_small_limit_is_halved() {
        for (limit, connections) in
            [(u64::MAX, 1_024), (4_096, 1_024), (1_344, 1_024), (1_024, 704), (256, 64), (64, 8)]
        {
            assert_eq!(within(limit), connections, "{limit}");
        }
    }
}
