//! How things are said on a page: times, states, numbers.

use jiff::{SignedDuration, Timestamp};

use crate::domain::run::{RunState, SyncRun};
use crate::domain::verification::{VerificationState, VerifiedStatus};
use crate::mapping::Severity;
use crate::sync::Syncs;

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
            relative: relative(moment.duration_since(now)),
        }
    }
}

fn relative(distance: SignedDuration) -> String {
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
        Self::new(status.into(), shape, class)
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
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
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
        ] {
            assert_eq!(relative(SignedDuration::from_secs(seconds)), said);
        }
        assert_eq!([999, 1_234, 61_000].map(time), ["999 ms", "1.2 s", "1 min 1 s"]);
    }
}
