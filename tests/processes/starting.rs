//! What a process says of itself.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::m3ter;

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn one_line_of_the_log_says_what_has_started() {
    let cluster = Cluster::on_sqlite().await;
    let log = cluster.path("log");
    let keys = cluster.keys_file();
    let settings = [
        ("API_KEYS_FILE", keys.as_str()),
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "json"),
        ("SYNC_CALLOUT_LIMIT", "1234"),
    ];
    let replica = cluster.start_with_log(&settings, std::fs::File::create(&log).unwrap().into());
    cluster.until_ready(&replica).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("the service starts")).collect();
    assert_eq!(told.len(), 1, "{text}");
    let line: Json = serde_json::from_str(told[0]).unwrap();
    let fields = line.get("fields").unwrap_or(&line);
    for (name, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("database", json!("sqlite")),
        ("org", json!("127.0.0.1")),
        ("organization", json!(m3ter::ORGANIZATION)),
        ("keys", json!(1)),
        ("sync_time_limit_s", json!(100)),
        ("sync_callout_limit", json!(1234)),
        ("runs_at_once", json!(64)),
        ("runs_waiting", json!(10_000)),
    ] {
        assert_eq!(fields[name], value, "{name} in {line:#}");
    }
}
