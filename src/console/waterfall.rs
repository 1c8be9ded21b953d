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
    pub(super) x: i64,
    pub(super) width: i64,
    pub(super) begins: String,
    pub(super) elapsed: String,
    /// Whether it is on the critical path.
    pub(super) is_critical: bool,
}

/// The bars in the order in which they began, and how long all of them took.
pub(super) fn bars(callouts: &[RunCallout]) -> (Vec<Bar>, i64) {
    let mut callouts: Vec<&RunCallout> = callouts.iter().collect();
    callouts.sort_by_key(|callout| callout.started_at);
    let spans: Vec<(i64, i64)> = callouts.iter().map(|callout| span(callout)).collect();
    let begin = spans.first().map_or(0, |(begin, _)| *begin);
    let all = spans.iter().map(|(_, end)| end - begin).max().unwrap_or(0).max(1);
    let critical = critical(&spans);
    let bar = |(number, callout): (usize, &&RunCallout)| {
        let (from, to) = spans[number];
        let x = (from - begin) * WIDTH / all;
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
            x: x.min(WIDTH - MIN_WIDTH),
            width: ((to - from) * WIDTH / all).max(MIN_WIDTH),
            begins: time(u64::try_from(from - begin).unwrap_or_default()),
            elapsed: time(callout.elapsed_ms),
            is_critical: critical.contains(&number),
        }
    };
    (callouts.iter().enumerate().map(bar).collect(), all)
}

fn span(callout: &RunCallout) -> (i64, i64) {
    let begin = callout.started_at.as_millisecond();
    (begin, begin.saturating_add(i64::try_from(callout.elapsed_ms).unwrap_or(i64::MAX)))
}

/// From the one that ended last back to the one that had ended last when it began, and so on.
fn critical(spans: &[(i64, i64)]) -> Vec<usize> {
    let latest = |before: i64, of: &dyn Fn(usize) -> bool| {
        let ended = spans.iter().enumerate().filter(|(n, (_, end))| *end <= before && of(*n));
        ended.max_by_key(|(_, (_, end))| *end).map(|(number, _)| number)
    };
    let mut path: Vec<usize> = Vec::new();
    let mut next = latest(i64::MAX, &|_| true);
    while let Some(number) = next {
        path.push(number);
        next = latest(spans[number].0, &|other| !path.contains(&other));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_critical_path_is_the_chain_that_ended_last() {
        // Two at once, then one after the longer, and one beside it that ended early.
        let path = |spans: &[(i64, i64)]| {
            let mut path = critical(spans);
            path.sort_unstable();
            path
        };
        assert_eq!(path(&[(0, 10), (0, 30), (31, 60), (31, 40)]), [1, 2]);
        assert_eq!(path(&[]), [0_usize; 0]);
        assert_eq!(path(&[(5, 5), (5, 5)]).len(), 2, "of no length: each once");
    }
}
