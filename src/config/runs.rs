//! What one sync may spend, and how runs are kept.

use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::variables::Variables;
use crate::sync::{RunSettings, Safety, Schedule, SyncLimits, Usual};

/// Salesforce gives up after 120 s, and answering takes a moment.
const MAX_TIME_LIMIT_SECONDS: u64 = 110;
/// The proxies of README and `deploy/` ask every 2 s whether a replica is ready, and wait 2 s for
/// the answer.
const SHUTDOWN_DRAIN_SECONDS: u64 = 5;
/// Tries of a failed run by itself, and the longest time before one.
const MAX_TRIES: usize = 20;
const MAX_RETRY_MINUTES: u32 = 7 * 24 * 60;

pub(super) fn limits(variables: &mut Variables<'_>) -> SyncLimits {
    let time = variables.number("SYNC_TIME_LIMIT", 100, 1..=MAX_TIME_LIMIT_SECONDS, "seconds");
    let callouts = variables.number("SYNC_CALLOUT_LIMIT", 2_000, 1..=100_000, "callouts");
    SyncLimits { time: Duration::from_secs(time), callouts }
}

pub(super) fn settings(variables: &mut Variables<'_>) -> RunSettings {
    let default = RunSettings::default();
    let lease = variables.number("RUN_LEASE", default.lease.as_secs(), 2..=600, "seconds");
    let grace = default.shutdown_grace.as_secs();
    let grace = variables.number("SHUTDOWN_GRACE", grace, 1..=600, "seconds");
    let drain = shutdown_drain(variables, grace);
    let days =
        variables.number("RUN_RETENTION", 90, 0..=36_500, "days, or 0 to keep runs for ever");
    let change_days = variables.number(
        "CHANGE_RETENTION",
        730,
        0..=36_500,
        "days, or 0 to keep changes for ever",
    );
    let rows = variables.number(
        "RUN_HISTORY_ROWS",
        default.history_rows.unwrap_or(0),
        0..=1_000_000_000,
        "runs, or 0 for any number",
    );
    RunSettings {
        lease: Duration::from_secs(lease),
        at_once: variables.number("RUNS_AT_ONCE", default.at_once, 1..=10_000, "runs"),
        waiting: variables.number("RUNS_WAITING", default.waiting, 1..=1_000_000, "runs"),
        retry_after: retry_after(variables).unwrap_or(default.retry_after),
        retention: kept_for(days),
        change_retention: kept_for(change_days),
        history_rows: Some(rows).filter(|rows| *rows > 0),
        shutdown_grace: Duration::from_secs(grace),
        shutdown_drain: Duration::from_secs(drain),
        verify_schedule: verify_schedule(variables),
        safety: safety(variables),
        ..default
    }
}

/// Nothing where it is kept for ever.
fn kept_for(days: u64) -> Option<Duration> {
    Some(Duration::from_hours(days * 24)).filter(|retention| !retention.is_zero())
}

fn verify_schedule(variables: &mut Variables<'_>) -> Option<Schedule> {
    const NAME: &str = "VERIFY_SCHEDULE";
    let schedule = Schedule::parse(&variables.optional(NAME)?);
    variables.noted(schedule.map_err(|problem| format!("{NAME} {problem}")))
}

fn shutdown_drain(variables: &mut Variables<'_>, grace: u64) -> u64 {
    let longest = grace / 2;
    // Without keys, what comes through a proxy is refused: none needs to notice.
    let default =
        if variables.is_set("API_KEYS_FILE") { SHUTDOWN_DRAIN_SECONDS.min(longest) } else { 0 };
    let unit = "seconds (at most half of SHUTDOWN_GRACE)";
    variables.number("SHUTDOWN_DRAIN", default, 0..=longest, unit)
}

/// Minutes and their parts, each before one more try.
fn retry_after(variables: &mut Variables<'_>) -> Option<Vec<Duration>> {
    let delay = |minutes: &str| {
        let minutes: Decimal = minutes.trim().parse().ok()?;
        let is_usual = minutes > Decimal::ZERO && minutes <= Decimal::from(MAX_RETRY_MINUTES);
        let ms = is_usual.then(|| minutes * Decimal::from(60_000))?.to_u64()?;
        Some(Duration::from_millis(ms))
    };
    let delays = |text: &str| {
        if text == "0" {
            return Some(Vec::new());
        }
        let delays: Option<Vec<Duration>> = text.split(',').map(delay).collect();
        delays.filter(|delays| delays.len() <= MAX_TRIES)
    };
    let hint = format!(
        "takes up to {MAX_TRIES} numbers of minutes such as `1,5,15,60`, or 0 to switch it off"
    );
    variables.parsed("SYNC_RETRY_MINUTES", delays, &hint)
}

fn safety(variables: &mut Variables<'_>) -> Safety {
    Safety {
        end_date_needs_plan: variables.switch("END_DATE_NEEDS_PLAN"),
        end_dates_per_hour: variables.limit("END_DATES_PER_HOUR", 1..=1_000_000, "objects"),
        usual: Usual {
            ends: variables.limit("UNUSUAL_ENDS", 0..=1_000_000, "objects"),
            price_percent: variables.limit("UNUSUAL_PRICE_PERCENT", 0..=100, "percent"),
        },
    }
}
