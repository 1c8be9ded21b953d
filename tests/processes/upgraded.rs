//! An upgrade and the way back on PostgreSQL, step by step as docs/operations.md says.
//!
//! `tests/upgrade/postgres.sql` is what the program of commit 0003c2b left in PostgreSQL, and the
//! states of both vendors are those that it left (`tests/upgrade/record_postgres.py`). That program
//! itself is not here: on the way back this one stands for it, on the database that was copied from
//! it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value as Json;
use sqlx::PgPool;

use crate::cluster::{Cluster, Replica};
use crate::postgres;
use crate::restored::run_of_the_guide;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upgrade/");
/// The newest migration of that version.
const OLD_MIGRATION: i64 = 8;
/// The runs of that version are kept, however long ago they were recorded.
const KEEPING: [(&str, &str); 1] = [("RUN_RETENTION", "0")];

fn recorded(file: &str) -> String {
    std::fs::read_to_string(format!("{RECORDED}{file}")).unwrap()
}

/// The records that the earlier version had runs of.
fn synced_records() -> BTreeSet<String> {
    let dump = recorded("postgres.sql");
    let runs = dump.split("\nCOPY public.runs (").nth(1).unwrap();
    let rows = runs.lines().skip(1).take_while(|line| *line != "\\.");
    rows.map(|row| row.split('\t').nth(1).unwrap().to_owned()).collect()
}

/// What the earlier version left behind.
async fn earlier() -> Cluster {
    let (_, url) = postgres::database().await;
    let file = format!("{RECORDED}postgres.sql");
    let line = r#"psql --quiet --set=ON_ERROR_STOP=1 --file="$DUMP" "$DATABASE_URL""#;
    let output = postgres::shell()
        .args(["-c", line])
        .env("DUMP", file)
        .env("DATABASE_URL", &url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let cluster = Cluster::on(url).await;
    for (vendor, state) in [
        (cluster.organization.base_url(), "m3ter.json"),
        (cluster.org.base_url(), "salesforce.json"),
    ] {
        cluster.put(&format!("{vendor}/sandbox/state"), recorded(state)).await;
    }
    cluster
}

/// The newest migration of a database.
async fn migration(url: &str) -> i64 {
    let database = PgPool::connect(url).await.unwrap();
    let newest = sqlx::query_scalar("SELECT max(version) FROM schema_migrations");
    let newest: i64 = newest.fetch_one(&database).await.unwrap();
    database.close().await;
    newest
}

/// Another command of the program, with the settings of a replica.
fn command(cluster: &Cluster, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    let output = command.env_clear().envs(cluster.variables()).args(arguments).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(told).unwrap())
}

async fn sync(cluster: &Cluster, replica: &Replica, record: &str) -> Json {
    let run = cluster.begin(replica, record).await;
    cluster.ended(replica, &run).await
}

/// Each of these is in m3ter as it was, and nothing is written.
async fn assert_unchanged(cluster: &Cluster, replica: &Replica, records: &BTreeSet<String>) {
    let (created, written) = (cluster.creations(), writes(cluster));
    for record in records {
        let result = sync(cluster, replica, record).await;
        let objects = result["objectResults"].as_array().unwrap();
        assert!(
            !objects.is_empty() && objects.iter().all(|object| object["action"] == "unchanged"),
            "{record}: {result:#}"
        );
    }
    assert_eq!((cluster.creations(), writes(cluster)), (created, written), "no write");
}

fn writes(cluster: &Cluster) -> usize {
    let requests = cluster.requests().into_iter();
    requests.filter(|request| request.method == "PUT").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_and_the_way_back_lose_nothing_and_double_nothing() {
    let mut cluster = earlier().await;
    let records = synced_records();
    assert_eq!(records.len(), 11);
    assert_eq!(migration(&cluster.database_url).await, OLD_MIGRATION);

    // To upgrade: copy the database, check the mappings, start the new version, check.
    let copy = cluster.path("before-the-upgrade.dump").display().to_string();
    run_of_the_guide(
        r#"pg_dump --format=custom --file="$COPY" "$DATABASE_URL""#,
        &[("DATABASE_URL", &cluster.database_url), ("COPY", &copy)],
    );
    let (code, told) = command(&cluster, &["mapping", "check"]);
    assert_eq!(code, Some(0), "{told}");
    let replica = cluster.replica(&KEEPING).await;
    assert!(migration(&cluster.database_url).await > OLD_MIGRATION, "it is up to date");
    let (code, told) = command(&cluster, &["check"]);
    let is_red = told.lines().any(|line| line.starts_with("red"));
    assert!(code == Some(0) && !is_red, "{told}");
    assert_unchanged(&cluster, &replica, &records).await;
    let (code, listed) = command(&cluster, &["runs", "list", "--limit", "200"]);
    assert_eq!(code, Some(0), "{listed}");
    let runs = listed.lines().filter(|line| line.contains("\tCompleted\t")).count();
    assert_eq!(runs, 2 * records.len(), "the runs of the earlier version are listed too: {listed}");

    // What is synced now is in m3ter, and not in the copy.
    let deal = cluster.add_deal_of(2);
    let result = sync(&cluster, &replica, &deal).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");

    // To go back: stop all replicas, restore the copy into an empty database, start the old version.
    replica.kill();
    let (_, restored) = postgres::database().await;
    run_of_the_guide(
        r#"pg_restore --exit-on-error --single-transaction --no-owner --dbname="$EMPTY_DATABASE_URL" "$COPY""#,
        &[("EMPTY_DATABASE_URL", &restored), ("COPY", &copy)],
    );
    assert_eq!(
        migration(&restored).await,
        OLD_MIGRATION,
        "the old version knows all that is in it"
    );
    cluster.database_url = restored;
    let replica = cluster.replica(&KEEPING).await;
    let everything: BTreeSet<String> = records.into_iter().chain([deal]).collect();
    assert_unchanged(&cluster, &replica, &everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_program_refuses_what_a_newer_one_has_written_and_leaves_it_as_it_is() {
    let cluster = earlier().await;
    cluster.replica(&[]).await.kill();
    // A migration that this program does not know: to it, this database is as one of a later version.
    let database = PgPool::connect(&cluster.database_url).await.unwrap();
    let later = "INSERT INTO schema_migrations (version, description, checksum, applied_at_ms)
         VALUES (9001, 'of a later version', '00', 0)";
    sqlx::query(later).execute(&database).await.unwrap();
    let rows = "SELECT count(*) FROM runs";
    let before: i64 = sqlx::query_scalar(rows).fetch_one(&database).await.unwrap();
    for (arguments, ended) in [
        (vec!["serve"], 2),
        (vec!["sync", &synced_records().pop_first().unwrap()], 2),
        (vec!["runs", "list"], 2),
        (vec!["check"], 1),
    ] {
        let (code, told) = command(&cluster, &arguments);
        let words = "was written by a newer version (migration 9001)";
        assert!(code == Some(ended) && told.contains(words), "{arguments:?}: {code:?} {told}");
        assert!(!told.contains("postgres://"), "{told}");
    }
    let after: i64 = sqlx::query_scalar(rows).fetch_one(&database).await.unwrap();
    assert_eq!(after, before);
    database.close().await;
}
