//! The callouts of a run in time, and which of them decided how long it took.

use super::words::time;
use crate::domain::run::RunCallout;

/// The width of a lane, in its own units.
const WIDTH: i64 = 1_000;
/// The narrowest bar.
const MIN_WIDTH: i64 = 3;

/// A callout as a bar.
pub(super) struct Bar {
    pub(super) vendor: String,
    pub(super) operation: String,
    pub(super) class: &'static str,
    pub(super) said: String,
    pub(super) attempts: u32,
    pub(super) status: String,
    /// What it waited before it was sent, if that can be seen.
    pub(super) wait: Option<Wait>,
    pub(super) x: i64,
    pub(super) width: i64,
    pub(super) begins: String,
    pub(super) elapsed: String,
    /// Whether it is on the critical path.
    pub(super) is_critical: bool,
}

/// The time for which a callout waited, as the part of its lane before its bar.
pub(super) struct Wait {
    pub(super) x: i64,
    pub(super) width: i64,
    pub(super) took: String,
}

/// When a callout was asked for, sent and answered, in milliseconds.
#[derive(Clone, Copy)]
struct Span {
    asked: i64,
    sent: i64,
    ended: i64,
}

/// The bars in the order in which they were asked for, and how long all of them took.
pub(super) fn bars(callouts: &[RunCallout]) -> (Vec<Bar>, i64) {
    let mut callouts: Vec<(Span, &RunCallout)> =
        callouts.iter().map(|callout| (Span::of(callout), callout)).collect();
    callouts.sort_by_key(|(span, _)| (span.asked, span.sent));
    let spans: Vec<Span> = callouts.iter().map(|(span, _)| *span).collect();
    let begin = spans.first().map_or(0, |first| first.asked);
    let all = spans.iter().map(|span| span.ended - begin).max().unwrap_or(0).max(1);
    let critical = critical(&spans);
    let in_lane = |ms: i64| ms * WIDTH / all;
    let bar = |(number, (span, callout)): (usize, &(Span, &RunCallout))| {
        let x = in_lane(span.sent - begin);
        let wait = Wait {
            x: in_lane(span.asked - begin),
            width: in_lane(span.sent - span.asked),
            took: time(callout.waited_ms.unwrap_or_default()),
        };
        let (class, said) = match callout.outcome.as_str() {
            "done" => ("ok", "done"),
            "refused" => ("bad", "refused"),
            "notDone" => ("part", "not done"),
            _ => ("bad", "outcome unknown"),
        };
        Bar {
            vendor: callout.vendor.clone(),
            operation: callout.operation.clone(),
            class,
            said: said.to_owned(),
            attempts: callout.attempts,
            status: callout.status.map_or_else(|| "no answer".to_owned(), |s| s.to_string()),
            wait: Some(wait).filter(|wait| wait.width >= MIN_WIDTH),
            x: x.min(WIDTH - MIN_WIDTH),
            width: in_lane(span.ended - span.sent).max(MIN_WIDTH),
            begins: time(u64::try_from(span.sent - begin).unwrap_or_default()),
            elapsed: time(callout.elapsed_ms),
            is_critical: critical.contains(&number),
        }
    };
    (callouts.iter().enumerate().map(bar).collect(), all)
}

impl Span {
    fn of(callout: &RunCallout) -> Self {
        let in_ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let sent = callout.started_at.as_millisecond();
        Self {
            asked: sent.saturating_sub(in_ms(callout.waited_ms.unwrap_or_default())),
            sent,
            ended: sent.saturating_add(in_ms(callout.elapsed_ms)),
        }
    }
}

/// From the one that ended last back to the one that had ended last when it was asked for, and so
/// on.
fn critical(spans: &[Span]) -> Vec<usize> {
    let latest = |before: i64, of: &dyn Fn(usize) -> bool| {
        let ended = spans.iter().enumerate().filter(|(n, span)| span.ended <= before && of(*n));
        ended.max_by_key(|(_, span)| span.ended).map(|(number, _)| number)
    };
    let mut path: Vec<usize> = Vec::new();
    let mut next = latest(i64::MAX, &|_| true);
    while let Some(number) = next {
        path.push(number);
        next = latest(spans[number].asked, &|other| !path.contains(&other));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_critical_path_is_the_chain_that_ended_last() {
        // Two at once, then one after the longer, and one beside it that ended early.
        let path = |spans: &[(i64, i64, i64)]| {
            let spans: Vec<Span> =
                spans.iter().map(|&(asked, sent, ended)| Span { asked, sent, ended }).collect();
            let mut path = critical(&spans);
            path.sort_unstable();
            path
        };
        assert_eq!(path(&[(0, 0, 10), (0, 0, 30), (31, 31, 60), (31, 31, 40)]), [1, 2]);
        assert_eq!(path(&[]), [0_usize; 0]);
        assert_eq!(path(&[(5, 5, 5), (5, 5, 5)]).len(), 2, "of no length: each once");
        // What waited for the limit was asked for when the first one had ended.
        assert_eq!(path(&[(0, 0, 10), (0, 0, 900), (12, 1_020, 1_040)]), [0, 2]);
    }

    #[test]
    fn a_bar_begins_when_its_callout_was_sent_and_its_wait_is_before_it() {
        let callout = |sent: i64, waited: Option<u64>, elapsed| RunCallout {
            vendor: "m3ter".to_owned(),
            operation: "PostPlan".to_owned(),
            status: Some(200),
            outcome: "done".to_owned(),
            attempts: 1,
            started_at: jiff::Timestamp::from_millisecond(sent).unwrap(),
            waited_ms: waited,
            elapsed_ms: elapsed,
        };
        let callouts = [
            callout(9_000, Some(1), 50),
            callout(10_000, Some(1_001), 9),
            callout(9_060, None, 20),
        ];
        let (bars, all) = bars(&callouts);
        assert_eq!(all, 10_009 - 8_999, "from what was asked for first to the last answer");
        let shown: Vec<_> = bars
            .iter()
            .map(|bar| {
                let wait = bar.wait.as_ref().map(|wait| (wait.x, wait.width, wait.took.as_str()));
                (bar.x, bar.width, bar.begins.as_str(), wait)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (0, 49, "1 ms", None),
                (991, 8, "1.0 s", Some((0, 991, "1.0 s"))),
                (60, 19, "61 ms", None)
            ]
        );
    }
}
