//! The values of a statement's parameters.

use std::sync::Arc;

/// A value of a parameter: text, or a whole number of 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Option<String>),
    /// A long text that somebody else needs as well.
    Shared(Arc<String>),
    Integer(Option<i64>),
}

impl From<Arc<String>> for Value {
    fn from(text: Arc<String>) -> Self {
        Self::Shared(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(ToOwned::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(Some(i64::from(truth)))
    }
}

impl From<Option<jiff::Timestamp>> for Value {
    fn from(instant: Option<jiff::Timestamp>) -> Self {
        Self::Integer(instant.map(jiff::Timestamp::as_millisecond))
    }
}

impl From<jiff::Timestamp> for Value {
    fn from(instant: jiff::Timestamp) -> Self {
        Self::Integer(Some(instant.as_millisecond()))
    }
}

/// What sorts before all ids that were made at a moment or later: a UUID of version 7 begins with
/// the milliseconds since 1970. A minute earlier, because the clock is read for each of the two.
pub(super) fn first_id_at(moment: jiff::Timestamp) -> String {
    let ms = (moment.as_millisecond() - 60_000).clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}", ms >> 16, ms & 0xffff)
}
