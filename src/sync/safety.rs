//! What keeps a run from doing more than somebody meant. All of it is off unless it is asked for.

use crate::changeset::unusual::Usual;

/// The limits of an installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Safety {
    /// Whether nothing is ended that nobody has seen as a plan.
    pub end_date_needs_plan: bool,
    /// How many objects end dating may end within an hour, in all processes together.
    pub end_dates_per_hour: Option<u32>,
    /// What a run may change without a plan.
    pub usual: Usual,
}
