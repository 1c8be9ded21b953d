//! What became of a write to m3ter. Where there is no definite answer, a failure stands in its place.

use crate::domain::actual::ActualObject;
use crate::domain::finding::Finding;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Action;
use crate::domain::warning::Warning;

/// What became of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// m3ter holds the object as the record asks for.
    Done {
        /// Its id.
        id: M3terId,
        /// What was done.
        action: Action,
        /// What a person should know.
        warnings: Vec<Warning>,
    },
    /// m3ter said no.
    Refused(Finding),
}

impl Written {
    /// The object is new.
    pub(super) fn created(created: ActualObject) -> Self {
        Self::Done { id: created.id, action: Action::Created, warnings: Vec::new() }
    }

    /// The same, after these warnings.
    pub(super) fn with_earlier(self, mut earlier: Vec<Warning>) -> Self {
        match self {
            Self::Done { id, action, warnings } => {
                earlier.extend(warnings);
                Self::Done { id, action, warnings: earlier }
            }
            refused @ Self::Refused(_) => refused,
        }
    }
}
