//! The database copied while the service runs and restored elsewhere, with the commands of
//! docs/operations.md.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

const GUIDE: &str = include_str!("../../docs/operations.md");

/// Syncs a deal, ends it, copies the database, and goes on with the copy alone.
async fn goes_on_with_a_copy(mut cluster: Cluster, copy: impl AsyncFn(&Cluster) -> String) {
    let replica = cluster.replica(&[]).await;
    let synced = cluster.begin(&replica, DEAL).await;
    cluster.ended(&replica, &synced).await;
    let order = json!([{"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"]}]);
    let (status, ended) =
        cluster.ask(&replica.url, "/end-date-billing-entities", &order).await.unwrap();
    assert_eq!((status, &ended[0]["syncStatus"]), (200, &json!("Completed")), "{ended:#}");
    let copied = copy(&cluster).await;
    let before = cluster.get(&replica, "/sync-runs").await.unwrap().1;
    replica.kill();
    let original = std::mem::replace(&mut cluster.database_url, copied);
    assert_ne!(original, cluster.database_url);

    let replica = cluster.replica(&[]).await;
    let after = cluster.get(&replica, "/sync-runs").await.unwrap().1;
    assert_eq!(after["syncRuns"], before["syncRuns"], "the history of runs");
    assert_eq!(before["syncRuns"].as_array().map(Vec::len), Some(2));
    let contracts = cluster.organization.vendor().objects("contracts");
    let created = cluster.creations();
    let run = cluster.begin(&replica, DEAL).await;
    let again = cluster.ended(&replica, &run).await;
    assert_eq!(
        (&again["syncStatus"], &again["attention"]),
        (&json!("Completed"), &json!(["ENDED"])),
        "what end dating has ended is remembered: {again:#}"
    );
    assert_eq!(cluster.creations(), created, "nothing is made twice");
    assert_eq!(cluster.organization.vendor().objects("contracts"), contracts);
}

/// Runs one line of the guide with these values of its variables.
fn run_of_the_guide(line: &str, variables: &[(&str, &str)]) {
    assert!(GUIDE.contains(&format!("\n{line}\n")), "docs/operations.md has `{line}`");
    let output = postgres::shell().args(["-c", line]).envs(variables.iter().copied()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_postgresql_database_knows_all_that_the_copied_one_knew() {
    goes_on_with_a_copy(Cluster::on(postgres::database().await.1).await, async |cluster| {
        let (_, restored) = postgres::database().await;
        let file = cluster.path("sync.dump").display().to_string();
        let variables = [
            ("DATABASE_URL", cluster.database_url.as_str()),
            ("COPY", &file),
            ("EMPTY_DATABASE_URL", &restored),
        ];
        run_of_the_guide(
            r#"pg_dump --format=custom --file="$COPY" "$DATABASE_URL""#,
            &variables,
        );
        run_of_the_guide(
            r#"pg_restore --exit-on-error --single-transaction --no-owner --dbname="$EMPTY_DATABASE_URL" "$COPY""#,
            &variables,
        );
        restored
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_sqlite_file_knows_all_that_the_copied_one_knew() {
    goes_on_with_a_copy(Cluster::on_sqlite().await, async |cluster| {
        let file = cluster.path("copy.db").display().to_string();
        // What `sqlite3` does with this line, which need not be installed here.
        assert!(GUIDE.contains("\nsqlite3 \"$FILE\" \"VACUUM INTO '$COPY'\"\n"));
        let mut connection = SqliteConnection::connect(&cluster.database_url).await.unwrap();
        let statement = AssertSqlSafe(format!("VACUUM INTO '{file}'"));
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        format!("sqlite://{file}")
    })
    .await;
}
