//! When something is due again and again: a cron expression in a time zone. Pure.

use cronexpr::{Crontab, MakeTimestamp};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression of five fields, and the time zone whose clocks it is about.
#[derive(Debug, Clone)]
pub struct Schedule {
    crontab: Crontab,
    time_zone: TimeZone,
}

impl Schedule {
    /// `30 2 * * 1-5 Europe/London`, or what is wrong with it. Without a time zone it is about UTC.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (fields, name) = match words.as_slice() {
            [fields @ .., name] if fields.len() == 5 => (fields, *name),
            fields if fields.len() == 5 => (fields, "UTC"),
            _ => {
                return Err("takes five fields of cron and a time zone, such as `30 2 * * 1-5 Europe/London`".to_owned());
            }
        };
        let time_zone = TimeZone::get(name)
            .map_err(|_| "names no time zone of the tz database as its last word".to_owned())?;
        // The expression is about the clocks on the wall: these are read as if they stood in UTC.
        let crontab = cronexpr::parse_crontab(&format!("{} UTC", fields.join(" ")))
            .map_err(|_| "is not a cron expression of five fields".to_owned())?;
        let schedule = Self { crontab, time_zone };
        match schedule.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("names a time that never comes".to_owned()),
        }
    }

    /// The first time after an instant. What falls into an hour that clocks leave out is due when
    /// they have been put forward.
    pub fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        let wall = self.time_zone.to_datetime(instant);
        let mut second = TimeZone::UTC.to_timestamp(wall).ok()?.as_second();
        // Where clocks are put back an hour comes twice, and counts once.
        for _ in 0..10 {
            let next = self.crontab.find_next(MakeTimestamp::from_second(second).ok()?).ok()?;
            second = next.timestamp().as_second();
            let wall = TimeZone::UTC.to_datetime(Timestamp::from_second(second).ok()?);
            let due = self.time_zone.to_timestamp(wall).ok()?;
            if due > instant {
                return Some(due);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_follows_the_clock_of_its_time_zone() {
        for (schedule, after, due) in [
            ("30 2 * * *", "2026-06-01T02:30:00Z", "2026-06-02T02:30:00Z"),
            ("30 2 * * * Europe/London", "2026-06-01T00:00:00Z", "2026-06-01T01:30:00Z"),
            ("0 6 * * 1-5 America/New_York", "2026-11-27T12:00:00Z", "2026-11-30T11:00:00Z"),
            // Put forward: 01:30 does not come on that day.
            ("30 1 * * * Europe/London", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
            // Put back: 01:30 comes twice, and the second one is not another time.
            ("30 1 * * * Europe/London", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            let next = Schedule::parse(schedule).unwrap().after(after.parse().unwrap());
            assert_eq!(next, Some(due.parse().unwrap()), "{schedule} after {after}");
        }
    }

    #[test]
    fn a_time_that_never_comes_is_not_a_schedule() {
        for (text, told) in [
            ("daily", "takes five fields"),
            ("0 0 30 2 *", "names a time that never comes"),
            ("99 2 * * *", "is not a cron expression"),
            ("0 2 * * * Mars/Phobos", "names no time zone"),
            ("0 2 * * * Europe/London extra", "takes five fields"),
        ] {
            let problem = Schedule::parse(text).unwrap_err();
            assert!(problem.contains(told), "{text}: {problem}");
        }
    }
}
