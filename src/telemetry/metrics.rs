//! The numbers that the service counts, for Prometheus. Each has one function here, and no label of it ever holds what a record, a
//! caller or a vendor wrote: only words of our own, so that their number stays bounded.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "sync_to_m3ter_requests_total";
const REQUEST_DURATION: &str = "sync_to_m3ter_request_duration_seconds";
const SYNCS: &str = "sync_to_m3ter_syncs_total";
const OBJECTS: &str = "sync_to_m3ter_objects_total";
const CALLOUTS: &str = "sync_to_m3ter_callouts_total";
const CALLOUT_DURATION: &str = "sync_to_m3ter_callout_duration_seconds";
const RETRIES: &str = "sync_to_m3ter_callout_retries_total";
const LIMIT_WAIT: &str = "sync_to_m3ter_rate_limit_wait_seconds";
const RUNS_HELD: &str = "sync_to_m3ter_runs_held";
const RUNS_AWAITED: &str = "sync_to_m3ter_runs_awaited";
const QUEUE: &str = "sync_to_m3ter_queue";
const READY: &str = "sync_to_m3ter_ready";
const UNREADABLE: &str = "sync_to_m3ter_unreadable_fields";
const SALESFORCE_USED: &str = "sync_to_m3ter_salesforce_requests_used";
const SALESFORCE_LIMIT: &str = "sync_to_m3ter_salesforce_requests_limit";

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
        describe_counter!(SYNCS, "Ended syncs by kind, status and error code");
        describe_counter!(OBJECTS, "Object results by object and action, dry runs apart");
        describe_counter!(CALLOUTS, "Attempts of callouts by vendor, operation and outcome");
        describe_histogram!(CALLOUT_DURATION, Unit::Seconds, "Time of one attempt of a callout");
        describe_counter!(RETRIES, "Attempts that were made again");
        describe_histogram!(LIMIT_WAIT, Unit::Seconds, "Time that callouts waited for the rate limit");
        describe_gauge!(RUNS_HELD, "Runs that this process holds a lease of");
        describe_gauge!(RUNS_AWAITED, "Runs that callers of this process wait for: under way or in the queue");
        describe_gauge!(QUEUE, "Runs that are not over in all processes together, by state");
        describe_gauge!(UNREADABLE, "Salesforce fields and relationships that could be read before and cannot be read now");
        describe_gauge!(READY, "1 if the service is ready, as /readyz has it");
        describe_gauge!(SALESFORCE_USED, "API requests that the org has used within 24 hours, as Sforce-Limit-Info tells");
        describe_gauge!(SALESFORCE_LIMIT, "API requests that the org has within 24 hours, as Sforce-Limit-Info tells");
        handle
    });
}

/// All numbers in the text format of Prometheus; nothing before [`start`].
pub fn render() -> String {
    HANDLE.get().map_or_else(String::new, |handle| {
        handle.run_upkeep();
        handle.render()
    })
}

/// A request was answered. `operation` is the method and the route, never the path.
pub fn request_ended(operation: &str, status: u16, elapsed: Duration) {
    counter!(REQUESTS, "operation" => operation.to_owned(), "status" => status.to_string()).increment(1);
    histogram!(REQUEST_DURATION, "operation" => operation.to_owned()).record(elapsed);
}

/// A sync ended, or one try of it.
pub fn sync_ended(kind: &'static str, status: &str, error_code: Option<&str>, dry_run: bool) {
    let error_code = error_code.unwrap_or_default().to_owned();
    counter!(SYNCS, "kind" => kind, "status" => status.to_owned(), "error_code" => error_code, "dry_run" => flag(dry_run)).increment(1);
}

/// An object has its result.
pub fn object_ended(object: &str, action: &'static str, dry_run: bool) {
    counter!(OBJECTS, "object" => object.to_owned(), "action" => action, "dry_run" => flag(dry_run)).increment(1);
}

/// An attempt of a callout ended.
pub fn callout_ended(vendor: &'static str, operation: &'static str, outcome: &'static str, elapsed: Duration) {
    counter!(CALLOUTS, "vendor" => vendor, "operation" => operation, "outcome" => outcome).increment(1);
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

/// How things stand now.
pub fn standing(held: usize, awaited: usize, ready: bool) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [held, awaited] = [held, awaited].map(|count| count as f64);
    gauge!(RUNS_HELD).set(held);
    gauge!(RUNS_AWAITED).set(awaited);
    gauge!(READY).set(if ready { 1.0 } else { 0.0 });
}

/// How many fields and relationships of Salesforce cannot be read, though they could be before.
pub fn unreadable(names: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(UNREADABLE).set(names as f64);
}

/// The runs that are not over, in all processes together.
pub fn queue(states: [(&'static str, u32); 3]) {
    for (state, runs) in states {
        gauge!(QUEUE, "state" => state).set(f64::from(runs));
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
