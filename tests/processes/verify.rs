//! Verifications of 300 deals of all five roots and of what goes wrong in real orgs, each status
//! made on purpose, with a process that is killed in the middle; and of edited deals, whose changes
//! are those of single dry runs.

mod deals;
mod org_cases;
mod org_settings;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind, LoggedRequest};

use self::deals::{Made, Record, edit};
use self::org_cases::Cases;
use self::org_settings::Settings;
use crate::cluster::{Cluster, Replica};
use crate::postgres;

/// Records that are edited and looked at twice.
const EDITED: usize = 200;
/// Dry runs at a time.
const AT_ONCE: usize = 8;
/// All that a record can be.
const STATUSES: [&str; 9] =
    ["not_ready", "missing", "gone", "foreign", "ended", "failed", "partial", "differs", "in_sync"];
/// Between two looks at what takes a minute.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Begins a verification; the path to it.
async fn begin(cluster: &Cluster, replica: &Replica, request: &Json) -> String {
    let (status, begun) = cluster.ask(&replica.url, "/verifications", request).await.unwrap();
    assert_eq!(status, 202, "{begun}");
    format!("/verifications/{}", begun["verificationId"].as_str().unwrap())
}

async fn completed(cluster: &Cluster, replica: &Replica, path: &str) -> Json {
    let mut last = Json::Null;
    cluster
        .until("the verification is complete", async || {
            last = cluster.get(replica, path).await.unwrap().1;
            last["state"] != "running"
        })
        .await;
    assert_eq!(last["state"], "completed", "{last:#}");
    last
}

/// What it found, by record.
async fn found(cluster: &Cluster, replica: &Replica, path: &str) -> BTreeMap<String, Json> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = format!("{path}/records?limit=200{cursor}");
        let (status, page) = cluster.get(replica, &page).await.unwrap();
        assert_eq!(status, 200, "{page}");
        for record in page["records"].as_array().unwrap() {
            let id = record["recordId"].as_str().unwrap().to_owned();
            assert!(found.insert(id, record.clone()).is_none(), "{record:#} is told of twice");
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// The requests that change something at a vendor; a login changes nothing.
fn writes(cluster: &Cluster) -> Vec<LoggedRequest> {
    let is_write = |request: &LoggedRequest| {
        request.method != "GET"
            && !request.path.ends_with("/token")
            && request.path != "/oauth/token"
    };
    cluster.requests().into_iter().filter(is_write).collect()
}

fn clear_requests(cluster: &Cluster) {
    cluster.org.clear_requests();
    cluster.organization.clear_requests();
}

/// Each record is told of rightly, and nothing else, although the process is killed. Its successor
/// has the same settings.
async fn tells_each_rightly(
    cluster: &Cluster,
    records: &[Record],
    replica: Replica,
    settings: &[(&str, &str)],
) -> Replica {
    // All roots but the last one are done when it is killed.
    let last_root = Fault::new("GET", "/query", FaultKind::Hang).containing("FROM SBQQ__Quote__c ");
    cluster.org.add_fault(last_root.occurrence(2));
    clear_requests(cluster);
    let path = begin(cluster, &replica, &json!({})).await;
    cluster.until_faulted(1).await;
    let before = cluster.get(&replica, &path).await.unwrap().1;
    replica.kill();
    cluster.clear_faults();
    let replica = cluster.replica(settings).await;
    let verification = completed(cluster, &replica, &path).await;
    let (first, all) =
        (before["verified"].as_u64().unwrap(), verification["verified"].as_u64().unwrap());
    assert!(first > all / 2 && first < all, "{first} of {all} before it was killed");

    let found = found(cluster, &replica, &path).await;
    let told: BTreeMap<&str, &str> = found
        .iter()
        .map(|(id, record)| (id.as_str(), record["status"].as_str().unwrap()))
        .collect();
    let expected: BTreeMap<&str, &str> = records
        .iter()
        .filter(|record| record.status != "not_ready" && !record.is_named_only)
        .map(|record| (record.id.as_str(), record.status))
        .collect();
    let wrong: Vec<_> =
        expected.iter().filter(|(id, status)| told.get(*id) != Some(*status)).collect();
    let wrong: Vec<_> = wrong.iter().map(|(id, status)| (id, status, found.get(**id))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for id in told.keys() {
        assert!(expected.contains_key(id), "{id} is told of as well: {:#?}", found[*id]);
    }
    counts_those_that_are_named(cluster, records, &replica).await;
    let written = writes(cluster);
    assert!(written.is_empty(), "a verification writes nothing: {written:#?}");
    replica
}

/// Those that are not ready are told of where they are named.
async fn counts_those_that_are_named(cluster: &Cluster, records: &[Record], replica: &Replica) {
    let named: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let path = begin(cluster, replica, &json!({ "recordIds": named })).await;
    let counts = completed(cluster, replica, &path).await["counts"].clone();
    for status in STATUSES {
        let count = records.iter().filter(|record| record.status == status).count();
        let name = match status {
            "not_ready" => "notReady",
            "in_sync" => "inSync",
            status => status,
        };
        assert_eq!(counts[name].as_u64(), Some(count as u64), "{status}: {counts:#}");
    }
}

/// The changes of random linked records, as a verification and as single dry runs tell them.
async fn tells_what_dry_runs_tell(cluster: &Cluster, made: &Made, replica: &Replica, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut linked: Vec<_> = made.records.iter().filter(|record| record.is_linked()).collect();
    random.shuffle(&mut linked);
    linked.truncate(EDITED);
    assert_eq!(linked.len(), EDITED);
    for record in &linked {
        for _ in 0..random.usize(0..4) {
            edit(&cluster.org, record, &mut random);
        }
    }
    let ids: Vec<&str> = linked.iter().map(|record| record.id.as_str()).collect();
    let path = begin(cluster, replica, &json!({ "recordIds": ids })).await;
    completed(cluster, replica, &path).await;
    let found = found(cluster, replica, &path).await;
    assert_eq!(found.len(), EDITED);
    let dry_runs = stream::iter(&ids).map(|id| async move {
        let path = format!("/sync-to-m3ter/{id}?dryRun=true");
        let (_, run) = cluster.post(replica, &path).await.unwrap();
        let run = run["syncRunId"].as_str().unwrap().to_owned();
        (*id, cluster.ended(replica, &run).await)
    });
    let dry_runs: Vec<(&str, Json)> = dry_runs.buffer_unordered(AT_ONCE).collect().await;
    let mut changed = 0;
    for (id, run) in dry_runs {
        let is_told = |result: &&Json| {
            result["action"] != "unchanged" || !result["warnings"].as_array().unwrap().is_empty()
        };
        let results = run["result"]["objectResults"].as_array().unwrap();
        let results: Vec<&Json> = results.iter().filter(is_told).collect();
        changed += usize::from(!results.is_empty());
        let text = |json: &Json| serde_json::to_string(json).unwrap();
        assert_eq!(
            text(&found[id]["objectResults"]),
            serde_json::to_string(&results).unwrap(),
            "{id}"
        );
        assert_eq!(text(&found[id]["warnings"]), text(&run["result"]["warnings"]), "{id}");
    }
    assert!(changed > EDITED / 2, "{changed} differ");
}

async fn verifies(cluster: Cluster, seed: u64) {
    let replica = cluster.replica(&[]).await;
    let mut made = Made::new(&cluster, &replica).await;
    made.records.extend(Cases::make(&cluster, &replica).await);
    for status in STATUSES {
        assert!(made.records.iter().any(|record| record.status == status), "none is {status}");
    }
    let replica = tells_each_rightly(&cluster, &made.records, replica, &[]).await;
    tells_what_dry_runs_tell(&cluster, &made, &replica, seed).await;
    assert_eq!(cluster.org.unexpected_requests(), 0);
    assert_eq!(cluster.organization.unexpected_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_300_deals_gets_each_right_on_sqlite() {
    verifies(Cluster::on_sqlite().await, 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_300_deals_gets_each_right_on_postgres() {
    verifies(Cluster::on(postgres::database().await.1).await, 16).await;
}

async fn verifies_with_settings(cluster: Cluster) {
    let settings = Settings::new(&cluster);
    let mappings = settings.mappings();
    let variables = [("MAPPINGS_DIR", mappings.as_str())];
    let replica = cluster.replica(&variables).await;
    let records = settings.make(&replica).await;
    tells_each_rightly(&cluster, &records, replica, &variables).await;
    assert_eq!(cluster.org.unexpected_requests(), 0);
    assert_eq!(cluster.organization.unexpected_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_under_other_settings_gets_each_right_on_sqlite() {
    verifies_with_settings(Cluster::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_under_other_settings_gets_each_right_on_postgres() {
    verifies_with_settings(Cluster::on(postgres::database().await.1).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_whose_mappings_change_meanwhile_says_so_and_ends() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[]).await;
    cluster.fault("GET", "/query", 1, FaultKind::Hang);
    let path = begin(&cluster, &replica, &json!({ "roots": ["Opportunity"] })).await;
    cluster.until_faulted(1).await;
    replica.kill();
    cluster.clear_faults();
    let mappings = cluster.path("mappings");
    std::fs::create_dir(&mappings).unwrap();
    let other = "extends = \"Opportunity\"\npricing_change = \"report\"\n";
    std::fs::write(mappings.join("opportunity.toml"), other).unwrap();
    let mappings = mappings.display().to_string();
    let replica = cluster.replica(&[("MAPPINGS_DIR", &mappings)]).await;
    let mut last = Json::Null;
    cluster
        .until("the verification ends", async || {
            last = cluster.get(&replica, &path).await.unwrap().1;
            last["state"] != "running"
        })
        .await;
    assert_eq!(
        (&last["state"], &last["message"]),
        (&json!("failed"), &json!("The mappings have changed since it began: begin a new one")),
        "{last:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_verification_runs_once_whichever_replica_starts_it() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    let every_minute = ("VERIFY_SCHEDULE", "* * * * * Europe/London");
    let address = format!("127.0.0.1:{}", crate::ports::free_port());
    let one = cluster.replica(&[every_minute, ("METRICS_ADDRESS", &address)]).await;
    let _other = cluster.replica(&[every_minute]).await;
    let mut verifications = Vec::new();
    cluster
        .until("one of the schedule is complete", async || {
            tokio::time::sleep(LOOK_EVERY).await;
            let (_, page) = cluster.get(&one, "/verifications").await.unwrap();
            verifications = page["verifications"].as_array().unwrap().clone();
            verifications.iter().filter(|one| one["state"] == "completed").count() > 0
        })
        .await;
    let mut moments: Vec<&str> =
        verifications.iter().map(|one| one["requestedAt"].as_str().unwrap()).collect();
    moments.dedup();
    assert_eq!(moments.len(), verifications.len(), "each moment once: {verifications:#?}");
    for one in &verifications {
        assert_eq!(one["requestedBy"], "schedule", "{one:#}");
        let requested_at: jiff::Timestamp = one["requestedAt"].as_str().unwrap().parse().unwrap();
        assert_eq!(requested_at.as_second() % 60, 0, "{one:#}");
    }
    // What it found is a metric of each process.
    let missing = verifications.iter().find(|one| one["state"] == "completed").unwrap();
    let missing = missing["counts"]["missing"].as_u64().unwrap();
    let line = format!("sync_to_m3ter_verification_records{{status=\"missing\"}} {missing}\n");
    let metrics = format!("http://{address}/metrics");
    cluster
        .until("the metrics tell of it", async || cluster.get_text(&metrics).await.contains(&line))
        .await;
    assert!(missing > 0, "the examples were never synced");
}
