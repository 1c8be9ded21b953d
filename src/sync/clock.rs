//! The present instant.

use jiff::Timestamp;

/// The present instant as runs keep it: to the millisecond, in the database as in the tries of a
/// run.
pub(super) fn now() -> Timestamp {
    to_millisecond(Timestamp::now())
}

pub(super) fn to_millisecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}
