//! The callouts of a run, as they are kept with it.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::run::RunCallout;
use crate::sync::clock::to_millisecond;
use crate::transport::{Callout, Effect, Journal};

/// All callouts of a run: those of who worked on it before, and those of now.
pub(crate) fn callouts(earlier: &[RunCallout], journal: &Journal) -> Vec<RunCallout> {
    earlier.iter().cloned().chain(journal.callouts().iter().map(to_run_callout)).collect()
}

fn to_run_callout(callout: &Callout) -> RunCallout {
    RunCallout {
        vendor: callout.vendor.to_string(),
        operation: callout.operation.to_owned(),
        status: callout.status,
        outcome: match callout.failed {
            None => "done",
            Some(Effect::Refused) => "refused",
            Some(Effect::None) => "notDone",
            Some(Effect::Unknown) => "unknown",
        }
        .to_owned(),
        attempts: callout.attempts,
        started_at: Timestamp::try_from(callout.started_at)
            .map_or(Timestamp::UNIX_EPOCH, to_millisecond),
        waited_ms: Some(in_ms(callout.waited)),
        elapsed_ms: in_ms(callout.elapsed),
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
