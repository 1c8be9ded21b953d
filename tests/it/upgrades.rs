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

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_synced_is_unchanged() {
    let mut world = World::new().await;
    for (url, state) in
        [(world.org.base_url(), "salesforce.json"), (world.organization.base_url(), "m3ter.json")]
    {
        let request = world.client().put(format!("{url}/sandbox/state")).body(recorded(state));
        assert_eq!(world.send(request).await, (200, "{}".to_owned()));
    }
    world.open_database(&recorded("database.sql")).await;

    let records = synced_records();
    assert_eq!(records.len(), 50);
    world.organization.clear_requests();
    for record in &records {
        let result = world.sync(record).await;
        assert_all(&result, "unchanged");
    }
    assert_eq!(
        world.m3ter_writes().iter().map(|write| (&write.method, &write.path)).collect::<Vec<_>>(),
        []
    );
    let roots: std::collections::BTreeSet<&str> =
        records.iter().map(|record| &record[..3]).collect();
    assert_eq!(roots, ["001", "006", "800", "801", "a0Q"].into());
}
