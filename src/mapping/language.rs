//! What a mapping file says of rows and their fields: where they come from, and what is asked of
//! them. What is made of them is in `term`, `steps` and `mapped`.

use crate::domain::condition::Condition;
use crate::domain::rows::{FieldRef, Rows, SetId};
use crate::domain::warning::Attention;

/// Rows, and what is asked of each.
#[derive(Debug, Clone, Default)]
pub(super) struct RowSet {
    pub(super) rows: Rows,
    pub(super) ordered_by: Vec<FieldRef>,
    pub(super) leave_out: Option<Condition>,
    pub(super) refuse: Vec<Guard>,
    /// What is told of each row, also of one that is left out.
    pub(super) warn: Vec<RowRemark>,
    /// How many values are kept with each row.
    pub(super) slots: usize,
}

/// A place for a value that is kept with each row of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) set: SetId,
    pub(super) index: usize,
}

impl RowSet {
    /// A new place with each row of the set, which is at position `set`.
    pub(super) fn slot(&mut self, set: SetId) -> Slot {
        self.slots += 1;
        Slot { set, index: self.slots - 1 }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) condition: Condition,
    pub(super) message: Option<String>,
    /// The file and the line.
    pub(super) place: String,
}

#[derive(Debug, Clone)]
pub(super) struct Remark {
    pub(super) message: String,
    /// The code under which lists and metrics count it.
    pub(super) attention: Option<Attention>,
    pub(super) when: Option<Condition>,
}

#[derive(Debug, Clone)]
pub(super) struct RowRemark {
    pub(super) remark: Remark,
    /// Told only where the two differ, or where that cannot be told.
    pub(super) unless_equal: Option<[Rate; 2]>,
    /// The file and the line.
    pub(super) place: String,
}

impl RowRemark {
    pub(super) fn rate_fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.unless_equal
            .iter()
            .flatten()
            .flat_map(|rate| std::iter::once(&rate.number).chain(&rate.per))
    }
}

/// A number for so many units of another one.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) number: FieldRef,
    pub(super) per: Option<FieldRef>,
}
