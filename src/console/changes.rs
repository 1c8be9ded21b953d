//! What was changed in m3ter and by whom, and the names that the objects have since then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::words::{Mark, When};
use crate::domain::change::{ChangedField, ObjectChange};

/// Fields of a change that are seen without a click.
const MAX_OPEN_FIELDS: usize = 3;

/// A change as a row.
pub(super) struct ChangeRow {
    pub(super) when: When,
    pub(super) object: String,
    pub(super) m3ter_id: String,
    pub(super) action: Mark,
    pub(super) is_settled: bool,
    pub(super) by: String,
    pub(super) run: String,
    pub(super) fields: Vec<ChangedField>,
}

impl ChangeRow {
    /// Whether its fields are opened by a click: those of a new object tell little.
    pub(super) fn is_long(&self) -> bool {
        self.fields.len() > MAX_OPEN_FIELDS
    }

    pub(super) fn new(change: ObjectChange, now: Timestamp) -> Self {
        Self {
            when: When::new(change.changed_at, now),
            object: change.object_name,
            m3ter_id: change.m3ter_id,
            action: Mark::of_action(change.action.into()),
            is_settled: change.settled,
            by: change.requested_by.unwrap_or_default(),
            run: change.sync_run_id.to_string(),
            fields: change.fields,
        }
    }
}

/// The names that objects have, as changes, the newest first, have left them; of an Account, which
/// may be a person, none is kept.
pub(super) fn names(changes: &[ObjectChange]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for change in changes.iter().rev().filter(|change| change.settled) {
        for field in change.fields.iter().filter(|field| field.field == "name") {
            match &field.new_value {
                Some(name) => names.insert(change.m3ter_id.clone(), name.clone()),
                None => names.remove(&change.m3ter_id),
            };
        }
    }
    names
}
