//! How things are said on a page: times, states, numbers.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::domain::org_remark::Severity;
use crate::domain::run::{RunState, SyncRun};
use crate::domain::verification::{VerificationState, VerifiedStatus};
use crate::sync::Syncs;

/// What is as far away has its day.
const FAR: SignedDuration = SignedDuration::from_hours(60 * 24);

/// A moment: relative, with the exact one at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    pub(super) exact: String,
    pub(super) machine: String,
    pub(super) relative: String,
}

impl When {
    pub(super) fn new(moment: Timestamp, now: Timestamp) -> Self {
        let to_second = Timestamp::from_second(moment.as_second()).unwrap_or(moment);
        Self {
            exact: moment.strftime("%-d %B %Y, %H:%M:%S UTC").to_string(),
            machine: to_second.to_string(),
            relative: relative(moment, now),
        }
    }
}

fn relative(moment: Timestamp, now: Timestamp) -> String {
    let distance = moment.duration_since(now);
    if distance.abs() >= FAR {
        return moment.strftime("%-d %B %Y").to_string();
    }
    near(distance)
}

fn near(distance: SignedDuration) -> String {
    let seconds = distance.as_secs().unsigned_abs();
    let (number, unit) = match seconds {
        0..60 => return if distance.is_positive() { "in a moment" } else { "just now" }.to_owned(),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, if seconds < 172_800 { "day" } else { "days" }),
    };
    if distance.is_positive() {
        format!("in {number} {unit}")
    } else {
        format!("{number} {unit} ago")
    }
}

/// A state as a word and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) word: &'static str,
    pub(super) shape: &'static str,
    pub(super) class: &'static str,
}

impl Mark {
    pub(super) const IN_M3TER: Self = Self::new("In m3ter", "●", "ok");
    pub(super) const IN_PART: Self = Self::new("Partly in m3ter", "◐", "part");
    pub(super) const NOT_IN_M3TER: Self = Self::new("Not in m3ter", "✕", "bad");
    pub(super) const SYNC_FAILED: Self = Self::new("Last sync failed", "✕", "bad");
    pub(super) const TRIED_AGAIN: Self = Self::new("Tried again later", "↻", "part");
    pub(super) const KNOWN: Self = Self::new("In m3ter", "○", "idle");
    pub(super) const NEVER_SYNCED: Self = Self::new("Never synced", "○", "idle");

    const fn new(word: &'static str, shape: &'static str, class: &'static str) -> Self {
        Self { word, shape, class }
    }

    pub(super) fn of_status(status: &str) -> Self {
        match status {
            "Completed" => Self::new("Completed", "●", "ok"),
            "Partial Success" => Self::new("Partial Success", "◐", "part"),
            "Failed" => Self::new("Failed", "✕", "bad"),
            _ => Self::new("Unknown", "○", "idle"),
        }
    }

    pub(super) fn of_run(run: &SyncRun) -> Self {
        match run.state {
            RunState::Waiting => Self::new("Waiting", "◌", "idle"),
            RunState::Running => Self::new("Running", "▶", "idle"),
            RunState::Retrying => Self::new("Retrying", "↻", "part"),
            RunState::Ended => Self::of_status(run.sync_status.as_deref().unwrap_or_default()),
        }
    }

    pub(super) fn of_verification(state: VerificationState) -> Self {
        match state {
            VerificationState::Running => Self::new("Running", "▶", "idle"),
            VerificationState::Completed => Self::new("Completed", "●", "ok"),
            VerificationState::Cancelled => Self::new("Cancelled", "■", "part"),
            VerificationState::Failed => Self::new("Failed", "✕", "bad"),
        }
    }

    pub(super) fn of_severity(severity: Severity) -> Self {
        match severity {
            Severity::Green => Self::new("Fits", "●", "ok"),
            Severity::Yellow => Self::new("Note", "◐", "part"),
            Severity::Red => Self::new("Problem", "✕", "bad"),
        }
    }

    pub(super) fn of_verified(status: VerifiedStatus) -> Self {
        let (shape, class) = match status {
            VerifiedStatus::InSync => ("●", "ok"),
            VerifiedStatus::Ended => ("■", "idle"),
            VerifiedStatus::NotReady => ("◌", "idle"),
            VerifiedStatus::Foreign | VerifiedStatus::Partial | VerifiedStatus::Differs => {
                ("◐", "part")
            }
            VerifiedStatus::Gone | VerifiedStatus::Missing | VerifiedStatus::Failed => ("✕", "bad"),
        };
        Self::new(verified(status), shape, class)
    }

    pub(super) fn of_action(action: &str) -> Self {
        match action {
            "created" => Self::new("created", "+", "ok"),
            "adopted" => Self::new("adopted", "→", "ok"),
            "updated" => Self::new("updated", "~", "ok"),
            "unchanged" => Self::new("unchanged", "=", "idle"),
            "skipped" => Self::new("skipped", "–", "part"),
            _ => Self::new("failed", "✕", "bad"),
        }
    }
}

/// A status of a verification, in words.
fn verified(status: VerifiedStatus) -> &'static str {
    match status {
        VerifiedStatus::InSync => "in sync",
        VerifiedStatus::NotReady => "not ready",
        status => status.into(),
    }
}

/// The text as a sentence: with one full stop.
pub(super) fn sentence(text: &str) -> String {
    let is_ended = text.is_empty() || text.ends_with(['.', '?', '!', '…']);
    if is_ended { text.to_owned() } else { format!("{text}.") }
}

/// A number as people read it: `12,345`.
pub(super) fn number<N: Into<u64>>(number: N) -> String {
    let digits = number.into().to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The instant that a field of a form says: a day is its beginning, in UTC.
pub(super) fn instant_in_form(text: &str) -> String {
    match text.parse::<Date>() {
        Ok(day) if is_day(text) => format!("{day}T00:00:00Z"),
        _ => text.to_owned(),
    }
}

/// Whether a text has the form of a day, as the field for one sends it.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == "2026-12-31".len()
}

/// What a run does, in words.
pub(super) fn kind(run: &SyncRun) -> String {
    let what = match run.kind.as_str() {
        "sync" => "Sync",
        "endDate" => "End dating",
        "reopen" => "Reopening",
        other => other,
    };
    if run.dry_run { format!("{what}, dry run") } else { what.to_owned() }
}

/// Milliseconds as people say them.
pub(super) fn time(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", number(ms / 3_600_000), ms % 3_600_000 / 60_000),
    }
}

/// The page of a row in Salesforce.
pub(super) fn row_url(syncs: &Syncs, row: &str) -> String {
    let address = syncs.salesforce_address().as_str();
    format!("{}/{row}", address.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_relative_to_now() {
        for (seconds, said) in [
            (0, "just now"),
            (-59, "just now"),
            (-60, "1 min ago"),
            (-7_199, "1 h ago"),
            (-86_400, "1 day ago"),
            (-200_000, "2 days ago"),
            (30, "in a moment"),
            (600, "in 10 min"),
            (-59 * 86_400, "59 days ago"),
            (-60 * 86_400, "2 November 1969"),
        ] {
            let moment = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            assert_eq!(relative(moment, Timestamp::UNIX_EPOCH), said);
        }
        assert_eq!(
            [999, 1_234, 61_000, 7_260_000].map(time),
            ["999 ms", "1.2 s", "1 min 1 s", "2 h 1 min"]
        );
    }

    #[test]
    fn numbers_have_separators_and_sentences_one_full_stop() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(number::<u64>),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(["a", "a.", "", "a…"].map(sentence), ["a.", "a.", "", "a…"]);
    }

    #[test]
    fn a_day_in_a_form_begins_at_midnight_in_utc() {
        for (typed, instant) in [
            ("2026-12-31", "2026-12-31T00:00:00Z"),
            ("2026-12-31T08:00:00Z", "2026-12-31T08:00:00Z"),
            ("yesterday", "yesterday"),
            ("2026-12-99", "2026-12-99"),
            ("", ""),
        ] {
            assert_eq!(instant_in_form(typed), instant);
        }
    }
}
