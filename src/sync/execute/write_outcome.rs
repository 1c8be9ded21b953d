//! What became of a write to m3ter. Where there is no definite answer, a failure stands in its place.

use crate::domain::actual::ActualObject;
use crate::domain::finding::Finding;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Action;
use crate::domain::warning::Warning;

/// What became of a write.
#[derive(Debug)]
pub(crate) enum WriteOutcome<T, Refusal = Finding> {
    /// m3ter holds by now what was asked for.
    Done(T),
    /// m3ter said no.
    Refused(Refusal),
}

/// What became of an end: m3ter's words where it said no.
pub(crate) type EndOutcome = WriteOutcome<(), String>;

/// An object that m3ter holds as the record asks for.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: M3terId,
    /// What was done.
    pub(crate) action: Action,
    /// What a person should know.
    pub(crate) warnings: Vec<Warning>,
}

impl WriteOutcome<Written> {
    /// m3ter holds the object.
    pub(crate) fn done(id: M3terId, action: Action, warnings: Vec<Warning>) -> Self {
        Self::Done(Written { id, action, warnings })
    }

    /// The object is new.
    pub(crate) fn created(created: ActualObject) -> Self {
        Self::done(created.id, Action::Created, Vec::new())
    }

    /// The same, after these warnings.
    pub(crate) fn with_earlier(mut self, mut earlier: Vec<Warning>) -> Self {
        if let Self::Done(written) = &mut self {
            earlier.append(&mut written.warnings);
            written.warnings = earlier;
        }
        self
    }
}
