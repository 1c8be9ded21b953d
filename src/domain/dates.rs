//! Dates that say what they are.
//!
//! Salesforce's last day of service is part of the term; m3ter's ends are not (m3ter API, Contract
//! and Commitment `endDate`).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The first day after a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndExclusive(pub Date);

impl EndExclusive {
    /// The end of a period whose last day is `last_day`; `None` past the calendar's end.
    pub fn after(last_day: Date) -> Option<Self> {
        last_day.tomorrow().ok().map(Self)
    }

    /// The end of a term of whole months that begins on `start`; `None` past the calendar's end.
    pub fn months_from(start: Date, months: i64) -> Option<Self> {
        let span = Span::new().try_months(months).ok()?;
        start.checked_add(span).ok().map(Self)
    }
}

/// The instant at which `date` begins in `time_zone`.
pub fn midnight(date: Date, time_zone: &TimeZone) -> Option<Timestamp> {
    date.to_zoned_datetime(time_zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// The calendar date in `time_zone` at an instant.
pub fn date_at(instant: Timestamp, time_zone: &TimeZone) -> Date {
    instant.to_zoned_datetime(time_zone.clone()).date()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_inclusive_last_day_becomes_the_day_after() {
        assert_eq!(EndExclusive::after(date(2026, 12, 31)), Some(EndExclusive(date(2027, 1, 1))));
        assert_eq!(EndExclusive::after(date(2028, 2, 28)), Some(EndExclusive(date(2028, 2, 29))));
    }

    #[test]
    fn a_term_in_months_ends_on_the_same_day_or_the_last_of_the_month() {
        assert_eq!(
            EndExclusive::months_from(date(2026, 1, 1), 12),
            Some(EndExclusive(date(2027, 1, 1)))
        );
        assert_eq!(
            EndExclusive::months_from(date(2026, 1, 31), 1),
            Some(EndExclusive(date(2026, 2, 28)))
        );
        assert_eq!(EndExclusive::months_from(date(9999, 1, 1), 12), None);
    }

    #[test]
    fn midnight_follows_the_time_zone_even_when_the_clocks_change() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            midnight(date(2026, 1, 1), &berlin).unwrap().to_string(),
            "2025-12-31T23:00:00Z"
        );
        assert_eq!(
            midnight(date(2026, 7, 1), &berlin).unwrap().to_string(),
            "2026-06-30T22:00:00Z"
        );
    }
}
