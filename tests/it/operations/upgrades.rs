//! What an earlier version left behind is opened by this one: nothing is written again, and nothing
//! is worse than before.
//!
//! `tests/upgrade/` holds the database, the m3ter organization and the org that commit 0003c2b left
//! after 50 syncs of all five built-in roots; `tests/upgrade/record.py` recorded them, and records
//! them again for a later version.

use crate::support::*;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upgrade/");

fn recorded(file: &str) -> String {
    std::fs::read_to_string(format!("{RECORDED}{file}")).unwrap()
}

/// The records that the earlier version synced, in that order.
fn synced_records() -> Vec<String> {
    let database = recorded("database.sql");
    let runs =
        database.lines().filter_map(|line| line.strip_prefix("INSERT INTO \"runs\" VALUES('"));
    runs.map(|values| values.split('\'').nth(2).unwrap().to_owned()).collect()
}

/// Opens what the earlier version left behind.
async fn open(world: &mut World) {
    for (url, state) in
        [(world.org.base_url(), "salesforce.json"), (world.organization.base_url(), "m3ter.json")]
    {
        let request = world.client().put(format!("{url}/sandbox/state")).body(recorded(state));
        assert_eq!(world.send(request).await, (200, "{}".to_owned()));
    }
    world.open_database(&recorded("database.sql")).await;
    world.organization.clear_requests();
}

fn assert_nothing_is_written(world: &World) {
    let writes = world.m3ter_writes();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_synced_is_unchanged() {
    let mut world = World::new().await;
    open(&mut world).await;
    let records = synced_records();
    assert_eq!(records.len(), 50);
    for record in &records {
        let result = world.sync(record).await;
        assert_all(&result, "unchanged");
    }
    assert_nothing_is_written(&world);
    let roots: std::collections::BTreeSet<&str> =
        records.iter().map(|record| &record[..3]).collect();
    assert_eq!(roots, ["001", "006", "800", "801", "a0Q"].into());
}

/// The earlier version had no such setting: its Commitments go on as they were made, with a
/// warning, and so do new ones.
#[tokio::test(flavor = "multi_thread")]
async fn commitments_of_an_earlier_version_continue_if_billing_is_not_stated() {
    let mut world = World::with_config(|config| config.commitment_billing = None).await;
    open(&mut world).await;
    let mut warned = 0;
    for record in &synced_records() {
        let result = world.sync(record).await;
        assert_all(&result, "unchanged");
        let has_commitment = result["objectResults"].to_string().contains("\"Commitment\"");
        let is_warned = result["attention"].to_string().contains("COMMITMENT_BILLING_NOT_STATED");
        assert!(has_commitment || !is_warned, "{result:#}");
        warned += usize::from(is_warned);
    }
    assert!(warned > 0, "nobody is told that it is not stated");
    assert_nothing_is_written(&world);
    let record = &synced_records().into_iter().find(|id| id.starts_with("006")).unwrap();
    let amount = serde_json::json!({"M3ter_Commitment_Amount__c": 4321});
    world.org.vendor().update("Opportunity", record, &amount);
    let result = world.sync(record).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(object_result(&result, "Commitment")["action"], "updated", "{result:#}");
}
