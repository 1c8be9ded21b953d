//! The terms of a record's objects as bars in time, so that gaps and overlaps are seen.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};

use super::changes::names;
use crate::domain::change::{ChangedField, ObjectChange};

/// The width of the time line, in its own units.
const WIDTH: i64 = 1_000;
/// The narrowest bar.
const MIN_WIDTH: i64 = 4;
/// What runs in time.
const RUNNING: [&str; 3] = ["Contract", "Commitment", "AccountPlan"];

/// The bars, and what the line reaches from and to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TimeLine {
    pub(super) terms: Vec<Term>,
    pub(super) first: String,
    pub(super) last: String,
    /// Where today is, if it is within the line.
    pub(super) today: Option<i64>,
}

/// An object's term as a bar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) object: &'static str,
    pub(super) name: Option<String>,
    pub(super) m3ter_id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) x: i64,
    pub(super) width: i64,
}

/// What changes have left an object with.
struct Known<'a> {
    row: &'a str,
    term: [Option<Date>; 2],
}

impl TimeLine {
    /// The terms that changes, the newest first, have left objects with: by kind, then as they begin.
    pub(super) fn new(changes: &[ObjectChange], now: Timestamp) -> Self {
        let mut known: Vec<_> = known(changes)
            .into_iter()
            .filter_map(|((kind, m3ter_id), Known { row, term: [from, to] })| {
                Some((kind, from?, to, row, m3ter_id))
            })
            .collect();
        known.sort_unstable();
        let today = Offset::UTC.to_datetime(now).date();
        let Some(first) = known.iter().map(|(_, from, ..)| *from).min() else {
            return Self::default();
        };
        let ends = known.iter().map(|(_, from, to, ..)| to.unwrap_or(*from));
        let is_open = known.iter().any(|(_, _, to, ..)| to.is_none());
        // What has no end is seen to go on.
        let beyond = |last: Date| last.max(today).saturating_add(1.month());
        let last = ends.max().map_or(first, |last| if is_open { beyond(last) } else { last });
        let all = i64::from((last - first).get_days()).max(1);
        let at = |day: Date| i64::from((day - first).get_days()) * WIDTH / all;
        let (of_object, of_row) = (names(changes), names_of_rows(changes));
        let bar = |(kind, from, to, row, m3ter_id): &(usize, Date, Option<Date>, &str, &str)| {
            let x = at(*from).min(WIDTH - MIN_WIDTH);
            let name = of_object.get(*m3ter_id).or_else(|| of_row.get(*row));
            Term {
                object: RUNNING[*kind],
                name: name.cloned(),
                m3ter_id: (*m3ter_id).to_owned(),
                from: from.to_string(),
                to: to.map_or_else(|| "no end".to_owned(), |to| to.to_string()),
                x,
                width: (to.map_or(WIDTH, at) - x).max(MIN_WIDTH),
            }
        };
        Self {
            terms: known.iter().map(bar).collect(),
            first: first.to_string(),
            last: last.to_string(),
            today: (first..=last).contains(&today).then(|| at(today)),
        }
    }
}

fn known(changes: &[ObjectChange]) -> BTreeMap<(usize, &str), Known<'_>> {
    let mut known: BTreeMap<(usize, &str), Known<'_>> = BTreeMap::new();
    for change in changes.iter().rev().filter(|change| change.settled) {
        let Some(kind) = RUNNING.iter().position(|kind| *kind == change.object_name) else {
            continue;
        };
        let object = known
            .entry((kind, &change.m3ter_id))
            .or_insert(Known { row: &change.salesforce_id, term: [None; 2] });
        for field in &change.fields {
            match field.field.as_str() {
                "startDate" => object.term[0] = day(field),
                "endDate" => object.term[1] = day(field),
                _ => {}
            }
        }
    }
    known
}

/// The name of each row's Plan, which says what is billed.
fn names_of_rows(changes: &[ObjectChange]) -> BTreeMap<&str, String> {
    let names = names(changes);
    let plans = changes.iter().filter(|change| change.object_name == "Plan");
    plans
        .filter_map(|plan| Some((plan.salesforce_id.as_str(), names.get(&plan.m3ter_id)?.clone())))
        .collect()
}

fn day(field: &ChangedField) -> Option<Date> {
    field.new_value.as_deref()?.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::change::ChangeAction;
    use crate::domain::ids::SyncRunId;

    fn change(object: &str, id: &str, row: &str, fields: &[(&str, &str)]) -> ObjectChange {
        let fields = fields.iter().map(|(field, value)| {
            let field = json!({"field": field, "newValue": value, "personal": false});
            serde_json::from_value(field).unwrap()
        });
        ObjectChange {
            change_id: String::new(),
            changed_at: Timestamp::UNIX_EPOCH,
            sync_run_id: SyncRunId::parse("019f0000-0000-7000-8000-000000000000").unwrap(),
            parent_record_id: String::new(),
            parent_object: None,
            object_name: object.to_owned(),
            salesforce_id: row.to_owned(),
            m3ter_id: id.to_owned(),
            account_id: None,
            action: ChangeAction::Created,
            settled: true,
            erased: false,
            requested_by: None,
            salesforce_user_ids: Vec::new(),
            fields: fields.collect(),
        }
    }

    fn line(changes: &[ObjectChange], today: &str) -> (Vec<(String, i64, i64)>, Option<i64>) {
        let line = TimeLine::new(changes, format!("{today}T12:00:00Z").parse().unwrap());
        let terms = line.terms.into_iter();
        let terms = terms.map(|term| (term.name.unwrap_or_default(), term.x, term.width));
        (terms.collect(), line.today)
    }

    #[test]
    fn terms_are_shown_as_they_begin_with_the_name_of_what_is_billed() {
        let newest_first = [
            change(
                "AccountPlan",
                "a2",
                "r2",
                &[("startDate", "2026-03-01"), ("endDate", "2026-04-11")],
            ),
            change(
                "AccountPlan",
                "a1",
                "r1",
                &[("startDate", "2026-01-01T00:00:00Z"), ("endDate", "2026-02-10")],
            ),
            change("Plan", "p1", "r1", &[("name", "Calls")]),
            change("Plan", "p2", "r2", &[("name", "Seats")]),
            change(
                "Contract",
                "c",
                "d",
                &[("name", "Deal"), ("startDate", "2026-01-01"), ("endDate", "2026-04-11")],
            ),
        ];
        let shown = vec![
            ("Deal".to_owned(), 0, 1_000),
            ("Calls".to_owned(), 0, 400),
            ("Seats".to_owned(), 590, 410),
        ];
        assert_eq!(line(&newest_first, "2026-02-10"), (shown.clone(), Some(400)));
        assert_eq!(line(&newest_first, "2027-01-01"), (shown, None));
    }

    #[test]
    fn what_has_no_end_or_is_short_is_seen() {
        let one_day =
            change("Contract", "c", "d", &[("startDate", "2026-01-01"), ("endDate", "2026-01-02")]);
        assert_eq!(line(std::slice::from_ref(&one_day), "2026-01-01").0[0].2, 1_000);
        let fifty_years = change(
            "AccountPlan",
            "a",
            "r",
            &[("startDate", "2026-01-01"), ("endDate", "2076-01-01")],
        );
        assert_eq!(line(&[one_day, fifty_years], "2026-01-01").0[0].2, MIN_WIDTH);
        let endless = change("AccountPlan", "a", "r", &[("startDate", "2026-01-01")]);
        assert_eq!(line(&[endless], "2026-01-01").0, [(String::new(), 0, 1_000)]);
        assert_eq!(line(&[], "2026-01-01"), (Vec::new(), None));
    }
}
