//! How many runs may wait.

/// How many runs may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    /// Of one caller; those without a name count as one.
    pub of_caller: u32,
    /// Of all.
    pub all: u32,
}

impl QueueBounds {
    /// For commands that admit nothing.
    pub(super) const NONE: Self = Self { of_caller: u32::MAX, all: u32::MAX };
}
