//! What was changed in m3ter, by whom, and the terms that the objects have since then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::words::{Mark, When};
use crate::domain::change::{ChangedField, ObjectChange};

/// The width of the time line, in its own units.
const WIDTH: i64 = 1_000;
/// Fields of a change that are seen without a click.
const MAX_OPEN_FIELDS: usize = 3;
/// What runs in time.
const RUNNING: [&str; 3] = ["Contract", "Commitment", "AccountPlan"];

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

/// An object's term as a bar.
pub(super) struct Term {
    pub(super) object: String,
    pub(super) m3ter_id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) x: i64,
    pub(super) width: i64,
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

/// The terms that changes, the newest first, have left objects with.
pub(super) fn terms(changes: &[ObjectChange]) -> Vec<Term> {
    let mut known: BTreeMap<(usize, &str), [Option<Date>; 2]> = BTreeMap::new();
    for change in changes.iter().rev().filter(|change| change.settled) {
        let Some(kind) = RUNNING.iter().position(|kind| *kind == change.object_name) else {
            continue;
        };
        let term = known.entry((kind, &change.m3ter_id)).or_default();
        for field in &change.fields {
            match field.field.as_str() {
                "startDate" => term[0] = day(field),
                "endDate" => term[1] = day(field),
                _ => {}
            }
        }
    }
    let days = || known.values().flatten().flatten();
    let (Some(first), Some(last)) = (days().min(), days().max()) else { return Vec::new() };
    let all = i64::from((*last - *first).get_days()).max(1);
    let at = |day: Date| i64::from((day - *first).get_days()) * WIDTH / all;
    let bar = |((kind, m3ter_id), term): (&(usize, &str), &[Option<Date>; 2])| {
        let [from, to] = *term;
        let from = from?;
        let x = at(from).min(WIDTH - 4);
        Some(Term {
            object: RUNNING[*kind].to_owned(),
            m3ter_id: (*m3ter_id).to_owned(),
            from: from.to_string(),
            to: to.map_or_else(|| "no end".to_owned(), |to| to.to_string()),
            x,
            width: (to.map_or(WIDTH, at) - x).max(4),
        })
    };
    known.iter().filter_map(bar).collect()
}

fn day(field: &ChangedField) -> Option<Date> {
    field.new_value.as_deref()?.get(..10)?.parse().ok()
}
