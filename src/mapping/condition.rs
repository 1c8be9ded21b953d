//! Whether a condition holds for a row.

use std::collections::BTreeSet;

use super::row::Row;
use crate::domain::condition::Condition;
use crate::domain::conversion::text;
use crate::domain::personal;
use crate::domain::rows::FieldRef;

impl Condition {
    pub(super) fn holds(&self, row: Row<'_>) -> bool {
        match self {
            Self::All(conditions) => !one_is(conditions, false, row),
            Self::Any(conditions) => one_is(conditions, true, row),
            Self::Test(field, test) => test.passes(row.field(field), |other| row.field(other)),
        }
    }

    /// It as people read it: the fields that it asks, with what they hold.
    pub(super) fn render(&self, row: Row<'_>) -> String {
        render_values(self.fields(), row)
    }
}

/// Whether one of the conditions holds for certain, or does not. Only where none decides, what
/// cannot be read matters.
fn one_is(conditions: &[Condition], expected: bool, row: Row<'_>) -> bool {
    let mut unclear = BTreeSet::new();
    for condition in conditions {
        let (holds, names) = row.observed(|| condition.holds(row));
        if holds == expected && names.is_empty() {
            return true;
        }
        unclear.extend(names);
    }
    row.note_unreadable(unclear);
    false
}

pub(super) fn render_values<'f>(
    fields: impl IntoIterator<Item = &'f FieldRef>,
    row: Row<'_>,
) -> String {
    let shown = |field: &FieldRef| match row.field(field) {
        Some(value) => {
            format!("`{}` is `{}`", field.name, personal::redacted(&field.path, &text(value)))
        }
        None => format!("`{}` is blank", field.name),
    };
    fields.into_iter().map(shown).collect::<Vec<_>>().join(" and ")
}
