//! The numbers that the service counts, for Prometheus. Each has one function here, and no label of
//! it ever holds what a record, a caller or a vendor wrote: only words of our own, so that their
//! number stays bounded.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

const REQUESTS: &str = "sync_to_m3ter_requests_total";
const REQUEST_DURATION: &str = "sync_to_m3ter_request_duration_seconds";
const SYNCS: &str = "sync_to_m3ter_syncs_total";
const OBJECTS: &str = "sync_to_m3ter_objects_total";
const FINDINGS: &str = "sync_to_m3ter_findings_total";
const GIVEN_UP: &str = "sync_to_m3ter_runs_given_up_total";
const REFUSED_RUNS: &str = "sync_to_m3ter_runs_refused_total";
const ATTENTION: &str = "sync_to_m3ter_attention_total";
const CALLOUTS: &str = "sync_to_m3ter_callouts_total";
const CALLOUT_DURATION: &str = "sync_to_m3ter_callout_duration_seconds";
const RETRIES: &str = "sync_to_m3ter_callout_retries_total";
const LIMIT_WAIT: &str = "sync_to_m3ter_rate_limit_wait_seconds";
const LIMIT_PLACES: &str = "sync_to_m3ter_rate_limit_places";
const CALLOUTS_WAITING: &str = "sync_to_m3ter_callouts_waiting";
const REPLICAS: &str = "sync_to_m3ter_replicas";
const RUNS_HELD: &str = "sync_to_m3ter_runs_held";
const RUNS_AWAITED: &str = "sync_to_m3ter_runs_awaited";
const CONNECTIONS: &str = "sync_to_m3ter_connections";
const CONNECTIONS_LIMIT: &str = "sync_to_m3ter_connections_limit";
const WAITING_REQUESTS: &str = "sync_to_m3ter_waiting_requests";
const WAITING_REQUESTS_LIMIT: &str = "sync_to_m3ter_waiting_requests_limit";
const QUEUE: &str = "sync_to_m3ter_queue";
const QUEUE_LIMIT: &str = "sync_to_m3ter_queue_limit";
const CALLER_QUEUE: &str = "sync_to_m3ter_queue_of_a_caller";
const CALLER_QUEUE_LIMIT: &str = "sync_to_m3ter_queue_of_a_caller_limit";
const WAITING: &str = "sync_to_m3ter_waiting";
const SLOTS: &str = "sync_to_m3ter_slots";
const SLOTS_TAKEN: &str = "sync_to_m3ter_slots_taken";
const OLDEST_WAITING: &str = "sync_to_m3ter_oldest_waiting_seconds";
const HISTORY: &str = "sync_to_m3ter_history_runs";
const HISTORY_LIMIT: &str = "sync_to_m3ter_history_runs_limit";
const HISTORY_BYTES: &str = "sync_to_m3ter_history_bytes";
const READY: &str = "sync_to_m3ter_ready";
const PAUSED: &str = "sync_to_m3ter_paused";
const VERIFIED: &str = "sync_to_m3ter_verification_records";
const VERIFIED_NEW: &str = "sync_to_m3ter_verification_new_records";
const VERIFYING: &str = "sync_to_m3ter_verification_progress";
const VERIFICATION_OVERDUE: &str = "sync_to_m3ter_verification_overdue_seconds";
const UNREADABLE: &str = "sync_to_m3ter_unreadable_fields";
const KEYS_FILE_AGE: &str = "sync_to_m3ter_keys_file_age_seconds";
const KEYS_REFUSED: &str = "sync_to_m3ter_keys_refused";
const SALESFORCE_USED: &str = "sync_to_m3ter_salesforce_requests_used";
const SALESFORCE_LIMIT: &str = "sync_to_m3ter_salesforce_requests_limit";

/// What is counted as one operation, whatever was asked: what was turned away at the door.
pub const REFUSED: &str = "refused";
/// From a callout of an emulator to a sync that spends its whole time.
const SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, once for the process; what was counted before is lost.
pub fn start() {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("the buckets are numbers");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // The only failure is a recorder that is there already, and this runs once.
        let _ = metrics::set_global_recorder(recorder);
        describe_counter!(REQUESTS, "HTTP requests by operation and status");
        describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time from a request to its answer");
        describe_counter!(SYNCS, "Finished syncs by kind, status and error code");
        describe_counter!(OBJECTS, "Object results by object and action, dry runs apart");
        describe_counter!(FINDINGS, "Objects that are not in m3ter as their record asks, by the code of the finding");
        describe_counter!(GIVEN_UP, "Runs that failed their last try and are not tried again by themselves");
        describe_counter!(REFUSED_RUNS, "Requests refused because too many runs are waiting, by the limit that was reached");
        describe_counter!(ATTENTION, "Finished syncs that somebody should look at, by code");
        describe_counter!(CALLOUTS, "Attempts at callouts by vendor, operation and outcome");
        describe_histogram!(CALLOUT_DURATION, Unit::Seconds, "Duration of one attempt at a callout");
        describe_counter!(RETRIES, "Repeated attempts");
        describe_histogram!(LIMIT_WAIT, Unit::Seconds, "Time that callouts waited for the rate limit");
        describe_gauge!(LIMIT_PLACES, "Requests to m3ter per second: its limit, this process's share, and what the process allows itself now");
        describe_gauge!(CALLOUTS_WAITING, "Callouts to m3ter that are waiting for their turn, by class");
        describe_gauge!(REPLICAS, "Processes that share m3ter's limit, as far as this one knows");
        describe_gauge!(RUNS_HELD, "Runs whose lease this process holds");
        describe_gauge!(RUNS_AWAITED, "Runs that callers of this process are waiting for: running or in the queue");
        describe_gauge!(CONNECTIONS, "Open connections of callers and their proxies");
        describe_gauge!(CONNECTIONS_LIMIT, "Limit of open connections");
        describe_gauge!(WAITING_REQUESTS, "Requests that are waiting for the result of a run");
        describe_gauge!(WAITING_REQUESTS_LIMIT, "Limit of waiting requests; further ones are answered at once, while their runs continue");
        describe_gauge!(QUEUE, "Unfinished runs in all processes together, by state");
        describe_gauge!(QUEUE_LIMIT, "Limit of waiting runs, in all processes together");
        describe_gauge!(CALLER_QUEUE, "Waiting runs of the caller that has most, in all processes together");
        describe_gauge!(CALLER_QUEUE_LIMIT, "Limit of waiting runs of one caller");
        describe_gauge!(WAITING, "Runs that are waiting for their turn or their record in all processes together, by class");
        describe_gauge!(SLOTS, "Limit of runs in progress in this process");
        describe_gauge!(SLOTS_TAKEN, "Runs in progress in this process");
        describe_gauge!(OLDEST_WAITING, Unit::Seconds, "Age of the oldest waiting run; 0 if none is waiting");
        describe_gauge!(HISTORY, "Finished runs that are kept, of all processes together");
        describe_gauge!(HISTORY_LIMIT, "Limit of finished runs that are kept");
        describe_gauge!(HISTORY_BYTES, Unit::Bytes, "Size of the tables of all runs; for SQLite, of the file");
        describe_gauge!(UNREADABLE, "Salesforce fields and relationships that could be read before and cannot be read now");
        describe_gauge!(PAUSED, "1 while the service is paused and no run begins");
        describe_gauge!(VERIFIED, "Records by status, as the last verification of the schedule found them");
        describe_gauge!(VERIFIED_NEW, "Records that need somebody since the last verification of the schedule");
        describe_gauge!(VERIFYING, "How much of the verification that goes on is done; 1 where none goes on");
        describe_gauge!(VERIFICATION_OVERDUE, Unit::Seconds, "For how long a verification of the schedule is due that is not complete");
        describe_gauge!(READY, "1 if the service is ready, as /readyz reports it");
        describe_gauge!(KEYS_FILE_AGE, Unit::Seconds, "Time since the file of API keys was last read");
        describe_gauge!(KEYS_REFUSED, "Entries of the file of API keys that are ignored, because something is wrong with them");
        describe_gauge!(SALESFORCE_USED, "API requests that the org has used within 24 hours, from Sforce-Limit-Info");
        describe_gauge!(SALESFORCE_LIMIT, "API requests that the org has for 24 hours, from Sforce-Limit-Info");
        keys_file(Duration::ZERO, 0);
        handle
    });
}

/// Lets what alerts look at begin at 0: of a number that is first seen at 5, Prometheus knows no
/// increase. `error_codes` are those of failed syncs, `finding_codes` those of objects, `logins`
/// the operations by which the vendors let the service in.
pub fn begin_at_zero(
    error_codes: impl IntoIterator<Item = &'static str>,
    finding_codes: impl IntoIterator<Item = &'static str>,
    logins: impl IntoIterator<Item = (&'static str, &'static str)>,
) {
    let syncs = |status: &'static str, code: &'static str| {
        for kind in ["sync", "endDate"] {
            counter!(SYNCS, "kind" => kind, "status" => status, "error_code" => code, "dry_run" => "false").increment(0);
        }
    };
    error_codes.into_iter().for_each(|code| syncs("Failed", code));
    for status in ["Completed", "Partial Success"] {
        syncs(status, "");
    }
    for code in finding_codes {
        counter!(FINDINGS, "code" => code, "dry_run" => "false").increment(0);
    }
    for (vendor, operation) in logins {
        for outcome in ["auth_failed", "unavailable", "not_sent"] {
            counter!(CALLOUTS, "vendor" => vendor, "operation" => operation, "outcome" => outcome)
                .increment(0);
        }
        counter!(RETRIES, "vendor" => vendor).increment(0);
    }
    for status in ["401", "429"] {
        counter!(REQUESTS, "operation" => REFUSED, "status" => status).increment(0);
    }
    counter!(GIVEN_UP).increment(0);
    for bound in ["caller", "all"] {
        counter!(REFUSED_RUNS, "bound" => bound).increment(0);
    }
}

/// All numbers in the text format of Prometheus; nothing before [`start`].
pub fn render() -> String {
    HANDLE.get().map_or_else(String::new, |handle| {
        handle.run_upkeep();
        handle.render()
    })
}

/// Between two rounds of folding: whatever is recorded takes up memory until then.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Folds what was recorded into what is shown, also where nobody reads it, until `shutdown`.
pub async fn keep_small(shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(FOLD_EVERY)).await.is_some() {
        if let Some(handle) = HANDLE.get() {
            handle.run_upkeep();
        }
    }
}

/// A request was answered. `operation` is the method and the route, never the path.
pub fn request_ended(operation: &str, status: u16, elapsed: Duration) {
    counter!(REQUESTS, "operation" => operation.to_owned(), "status" => status.to_string())
        .increment(1);
    histogram!(REQUEST_DURATION, "operation" => operation.to_owned()).record(elapsed);
}

/// A sync ended, or one try of it.
pub fn sync_ended(
    kind: &'static str,
    status: &'static str,
    error_code: Option<&'static str>,
    dry_run: bool,
) {
    let error_code = error_code.unwrap_or_default();
    counter!(SYNCS, "kind" => kind, "status" => status, "error_code" => error_code, "dry_run" => flag(dry_run)).increment(1);
}

/// A sync ended of which somebody should look at something. `code` is one of a closed list.
pub fn attention_raised(code: &'static str, dry_run: bool) {
    counter!(ATTENTION, "code" => code, "dry_run" => flag(dry_run)).increment(1);
}

/// An object is not as its record asks. `code` is one of a closed list.
pub fn finding_reported(code: &'static str, dry_run: bool) {
    counter!(FINDINGS, "code" => code, "dry_run" => flag(dry_run)).increment(1);
}

/// A run failed in its last try.
pub fn run_given_up() {
    counter!(GIVEN_UP).increment(1);
}

/// No run was recorded, because too many wait: of the `caller`, or of `all`.
pub fn run_refused(bound: &'static str) {
    counter!(REFUSED_RUNS, "bound" => bound).increment(1);
}

/// An object has its result.
pub fn object_ended(object: &'static str, action: &'static str, dry_run: bool) {
    counter!(OBJECTS, "object" => object, "action" => action, "dry_run" => flag(dry_run))
        .increment(1);
}

/// An attempt of a callout ended.
pub fn callout_ended(
    vendor: &'static str,
    operation: &'static str,
    outcome: &'static str,
    elapsed: Duration,
) {
    counter!(CALLOUTS, "vendor" => vendor, "operation" => operation, "outcome" => outcome)
        .increment(1);
    histogram!(CALLOUT_DURATION, "vendor" => vendor).record(elapsed);
}

/// A callout is attempted again.
pub fn callout_retried(vendor: &'static str) {
    counter!(RETRIES, "vendor" => vendor).increment(1);
}

/// A callout had to wait for the rate limit.
pub fn rate_limit_waited(vendor: &'static str, waited: Duration) {
    histogram!(LIMIT_WAIT, "vendor" => vendor).record(waited);
}

/// How the limiter toward m3ter stands: the limit, the share and the places of now, if there is a
/// limit; who waits, by class.
pub fn rate_limit(
    places: Option<[u32; 3]>,
    waiting: impl IntoIterator<Item = (&'static str, u32)>,
) {
    for (of, places) in ["limit", "share", "now"].into_iter().zip(places.into_iter().flatten()) {
        gauge!(LIMIT_PLACES, "of" => of).set(f64::from(places));
    }
    for (class, callouts) in waiting {
        gauge!(CALLOUTS_WAITING, "class" => class).set(f64::from(callouts));
    }
}

/// How things stand now.
pub fn gauges(held: usize, awaited: usize, ready: bool) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [held, awaited] = [held, awaited].map(|count| count as f64);
    gauge!(RUNS_HELD).set(held);
    gauge!(RUNS_AWAITED).set(awaited);
    gauge!(READY).set(if ready { 1.0 } else { 0.0 });
}

/// How many processes share m3ter's limit, as far as this one knows.
pub fn replicas(replicas: u32) {
    gauge!(REPLICAS).set(f64::from(replicas));
}

/// How many runs wait in each class, in all processes together.
pub fn waiting(classes: [(&'static str, u32); 4]) {
    for (class, runs) in classes {
        gauge!(WAITING, "class" => class).set(runs);
    }
}

/// How many runs may wait, and of the caller that has most, how many wait and may.
pub fn queue_bounds(limit: u32, (longest, longest_limit): (u32, u32)) {
    gauge!(QUEUE_LIMIT).set(limit);
    gauge!(CALLER_QUEUE).set(longest);
    gauge!(CALLER_QUEUE_LIMIT).set(longest_limit);
}

/// How many runs are under way in this process, and how many may be.
pub fn slots(taken: usize, slots: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [taken, slots] = [taken, slots].map(|count| count as f64);
    gauge!(SLOTS_TAKEN).set(taken);
    gauge!(SLOTS).set(slots);
}

/// Connections and waiting requests of this process: how many there are, and how many there may be.
pub fn places(
    (connections, most_connections): (usize, usize),
    (waiting, most_waiting): (usize, usize),
) {
    for (name, count) in [
        (CONNECTIONS, connections),
        (CONNECTIONS_LIMIT, most_connections),
        (WAITING_REQUESTS, waiting),
        (WAITING_REQUESTS_LIMIT, most_waiting),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        gauge!(name).set(count as f64);
    }
}

/// How many fields and relationships of Salesforce cannot be read, though they could be before.
pub fn unreadable(names: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(UNREADABLE).set(names as f64);
}

/// The runs that are not over, in all processes together, and how long the oldest one that waits
/// has waited.
pub fn queue(states: [(&'static str, u32); 3], oldest_waiting: Duration) {
    gauge!(OLDEST_WAITING).set(oldest_waiting.as_secs_f64());
    for (state, runs) in states {
        gauge!(QUEUE, "state" => state).set(f64::from(runs));
    }
}

/// Whether the service is paused.
pub fn paused(paused: bool) {
    gauge!(PAUSED).set(if paused { 1.0 } else { 0.0 });
}

/// How many records the last verification of the schedule found of each status, and how many need
/// somebody that did not before.
pub fn verified<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>, new: u64) {
    for (status, count) in counts {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        gauge!(VERIFIED, "status" => status.to_owned()).set(count as f64);
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(VERIFIED_NEW).set(new as f64);
}

/// How much of the verification in progress is done, 1 where there is none; and for how long one of
/// the schedule is overdue.
pub fn verifying(progress: f64, overdue: Duration) {
    gauge!(VERIFYING).set(progress);
    gauge!(VERIFICATION_OVERDUE).set(overdue.as_secs_f64());
}

/// When the file of API keys could be read last, and how many of its entries do not count.
pub fn keys_file(age: Duration, refused: usize) {
    gauge!(KEYS_FILE_AGE).set(age.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(KEYS_REFUSED).set(refused as f64);
}

/// What is kept of runs that have ended, and how many it may be.
pub fn history(runs: u64, bytes: u64, most: Option<u64>) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [runs, bytes, limit] = [runs, bytes, most.unwrap_or(0)].map(|count| count as f64);
    gauge!(HISTORY).set(runs);
    gauge!(HISTORY_BYTES).set(bytes);
    if most.is_some() {
        gauge!(HISTORY_LIMIT).set(limit);
    }
}

/// What Salesforce says of the org's own limit: `api-usage=18/5000`.
pub fn salesforce_limit(header: &str) {
    if let Some((used, limit)) = usage(header) {
        gauge!(SALESFORCE_USED).set(f64::from(used));
        gauge!(SALESFORCE_LIMIT).set(f64::from(limit));
    }
}

fn usage(header: &str) -> Option<(u32, u32)> {
    let usage = header.split([',', ';']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = usage.split_once('/')?;
    Some((used.trim().parse().ok()?, limit.trim().parse().ok()?))
}

fn flag(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample takes some twenty bytes until it is folded.
    #[tokio::test(start_paused = true)]
    async fn unread_spans_take_up_no_memory() {
        const SAMPLES: usize = 3_000_000;
        start();
        let shutdown = CancellationToken::new();
        let keeping = tokio::spawn(keep_small(shutdown.clone()));
        let resident_pages = || -> usize {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(1).unwrap().parse().unwrap()
        };
        let before = resident_pages();
        for _ in 0..20 {
            for _ in 0..SAMPLES / 20 {
                rate_limit_waited("m3ter", Duration::from_millis(1));
            }
            tokio::time::sleep(FOLD_EVERY).await;
        }
        let grown = resident_pages().saturating_sub(before) * 4_096;
        assert!(grown < SAMPLES * 10, "it has grown by {grown} bytes");
        shutdown.cancel();
        keeping.await.unwrap();
    }

    #[test]
    fn the_usage_is_read_from_its_header() {
        for (header, expected) in [
            ("api-usage=18/5000", Some((18, 5000))),
            ("per-app-api-usage=1/250(appName=x), api-usage=18/5000", Some((18, 5000))),
            ("api-usage=x/5000", None),
            ("", None),
        ] {
            assert_eq!(usage(header), expected, "{header}");
        }
    }
}
