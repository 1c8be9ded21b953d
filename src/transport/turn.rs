//! Whose turn a callout is: in which class it is, for which caller and run, and how much waits for
//! its answer.

use std::sync::Arc;

use uuid::Uuid;

/// Which callouts go before which, while there are fewer places than callouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Of a run whose answer somebody waits for.
    Awaited,
    /// Of the first try of a run that nobody waits for.
    Accepted,
    /// Of a later try.
    Retry,
    /// Of one of many runs that are run again.
    Replay,
    /// Of a look whether all is as it was left.
    Verification,
}

impl Class {
    /// All of them, the heaviest first.
    pub const ALL: [Self; 5] =
        [Self::Awaited, Self::Accepted, Self::Retry, Self::Replay, Self::Verification];

    /// What it is called where it is counted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Accepted => "accepted",
            Self::Retry => "retry",
            Self::Replay => "replay",
            Self::Verification => "verification",
        }
    }

    /// The places that a class gets while all of them wait, as parts of 15; none is 0, so that no
    /// class starves. `None`: it gets only what nobody else has wanted for a moment.
    pub const fn weight(self) -> Option<u64> {
        match self {
            Self::Awaited => Some(8),
            Self::Accepted => Some(4),
            Self::Retry => Some(2),
            Self::Replay => Some(1),
            Self::Verification => None,
        }
    }
}

/// Whose turn it is. Within a class the callers take turns, and the runs of a caller among
/// themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The class.
    pub class: Class,
    /// Who asked for the run, where callers have names.
    pub caller: Option<Arc<str>>,
    /// The run.
    pub run: Uuid,
}

impl Turn {
    /// What is done for no run: the service wants to be ready, or a person at a terminal waits.
    pub(super) const WITHOUT_RUN: Self =
        Self { class: Class::Awaited, caller: None, run: Uuid::nil() };
}

/// How much waits for the answer of a callout: of a run's callouts, those that more waits for go
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// All runs: a login, the organization's settings.
    Everybody,
    /// Everything that its run must still do.
    Run,
    /// Some further callouts of its run.
    Others,
    /// Nothing but the end of its run.
    End,
}
