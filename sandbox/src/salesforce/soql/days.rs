//! Date literals: days that are told from today. Source: SOQL and SOSL Reference, Date Formats and
//! Date Literals.
//!
//! Weeks begin on Sunday, and the fiscal year is the calendar's, as in an org that changed neither.
//! The user's time zone is UTC.

use jiff::civil::{Date, Weekday, date};
use jiff::{Span, ToSpan as _};

/// Whether a word is such a literal.
pub(super) fn is_known(word: &str) -> bool {
    range(&word.to_ascii_uppercase(), date(2026, 1, 1)).is_some()
}

/// The first day, and the first one after the last.
pub(crate) fn range(literal: &str, today: Date) -> Option<(Date, Date)> {
    let (name, number) = match literal.split_once(':') {
        Some((name, number)) => {
            (name, Some(number.parse::<i64>().ok().filter(|number| (1..=10_000).contains(number))?))
        }
        None => (literal, None),
    };
    let name = name.replace("FISCAL_", "");
    let days = |from: i64, to: i64| {
        Some((today.checked_add(from.days()).ok()?, today.checked_add(to.days()).ok()?))
    };
    if let Some(number) = number {
        return match name.as_str() {
            "LAST_N_DAYS" => days(-number, 1),
            "NEXT_N_DAYS" => days(1, number + 1),
            "N_DAYS_AGO" => days(-number, 1 - number),
            _ => {
                let (when, unit) = name
                    .strip_prefix("LAST_N_")
                    .map(|unit| (-1, unit))
                    .or_else(|| Some((1, name.strip_prefix("NEXT_N_")?)))?;
                let unit = Unit::named(unit.strip_suffix('S')?)?;
                let here = unit.first(today);
                if when < 0 {
                    Some((unit.moved(here, -number)?, here))
                } else {
                    Some((unit.moved(here, 1)?, unit.moved(here, number + 1)?))
                }
            }
        };
    }
    match name.as_str() {
        "TODAY" => days(0, 1),
        "YESTERDAY" => days(-1, 0),
        "TOMORROW" => days(1, 2),
        "LAST_90_DAYS" => days(-90, 1),
        "NEXT_90_DAYS" => days(1, 91),
        _ => {
            let (when, unit) = name.split_once('_')?;
            let unit = Unit::named(unit)?;
            let moved = match when {
                "LAST" => -1,
                "THIS" => 0,
                "NEXT" => 1,
                _ => return None,
            };
            let first = unit.moved(unit.first(today), moved)?;
            Some((first, unit.moved(first, 1)?))
        }
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "WEEK" => Self::Week,
            "MONTH" => Self::Month,
            "QUARTER" => Self::Quarter,
            "YEAR" => Self::Year,
            _ => return None,
        })
    }

    /// Its first day around a day.
    fn first(self, day: Date) -> Date {
        match self {
            Self::Week => {
                let back = day.weekday().since(Weekday::Sunday);
                day.checked_sub(i64::from(back).days()).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
            Self::Quarter => date(day.year(), (day.month() - 1) / 3 * 3 + 1, 1),
            Self::Year => day.first_of_year(),
        }
    }

    fn moved(self, first: Date, by: i64) -> Option<Date> {
        let span: Span = match self {
            Self::Week => by.weeks(),
            Self::Month => by.months(),
            Self::Quarter => (3 * by).months(),
            Self::Year => by.years(),
        };
        first.checked_add(span).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_a_range_of_days() {
        let today = date(2026, 11, 27);
        for (literal, from, to) in [
            ("TODAY", "2026-11-27", "2026-11-28"),
            ("YESTERDAY", "2026-11-26", "2026-11-27"),
            ("LAST_N_DAYS:30", "2026-10-28", "2026-11-28"),
            ("NEXT_N_DAYS:7", "2026-11-28", "2026-12-05"),
            ("N_DAYS_AGO:3", "2026-11-24", "2026-11-25"),
            ("THIS_WEEK", "2026-11-22", "2026-11-29"),
            ("LAST_MONTH", "2026-10-01", "2026-11-01"),
            ("THIS_QUARTER", "2026-10-01", "2027-01-01"),
            ("NEXT_QUARTER", "2027-01-01", "2027-04-01"),
            ("THIS_FISCAL_YEAR", "2026-01-01", "2027-01-01"),
            ("LAST_N_MONTHS:2", "2026-09-01", "2026-11-01"),
            ("NEXT_N_YEARS:1", "2027-01-01", "2028-01-01"),
        ] {
            let range = range(literal, today).unwrap();
            assert_eq!(
                (range.0.to_string(), range.1.to_string()),
                (from.to_owned(), to.to_owned()),
                "{literal}"
            );
        }
        for unknown in [
            "NOW",
            "LAST_N_DAYS",
            "LAST_N_DAYS:x",
            "LAST_N_DAYS:0",
            "THIS_DECADE",
            "SOME_YEAR",
            "TODAY:1",
        ] {
            assert!(range(unknown, today).is_none(), "{unknown}");
        }
    }
}
