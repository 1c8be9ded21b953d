//! The database copied while the service runs and restored elsewhere, with the commands of
//! docs/operations.md.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::cluster::{Cluster, DEAL};
use crate::postgres;

const GUIDE: &str = include_str!("../../docs/operations.md");

/// Syncs a deal, ends it, copies the database, and continues with the copy alone.
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
pub(crate) fn run_of_the_guide(line: &str, variables: &[(&str, &str)]) {
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

/// Copies a file into a database, as the guide says; the exit code and what was told.
fn db_copy(from: &str, to: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().env("DATABASE_URL", to).args(["db", "copy", from]);
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(told).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_copied_into_postgresql_knows_all_that_it_knew() {
    goes_on_with_a_copy(Cluster::on_sqlite().await, async |cluster| {
        let (_, target) = postgres::database().await;
        // The service still has the file open.
        let (code, told) = db_copy(&cluster.database_url, &target);
        assert!(code == Some(2) && told.contains("is in use: stop all services"), "{told}");

        let file = cluster.path("at-rest.db").display().to_string();
        let mut connection = SqliteConnection::connect(&cluster.database_url).await.unwrap();
        let statement = AssertSqlSafe(format!("VACUUM INTO '{file}'"));
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        let at_rest = format!("sqlite://{file}");
        let (code, told) = db_copy(&at_rest, &target);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("runs\t2\n") && told.contains("Copied."), "{told}");
        assert!(told.contains("\nlinks\t") && told.contains("\nchanges\t"), "{told}");
        // Once is all.
        let (code, told) = db_copy(&at_rest, &target);
        let refused = "the target is not empty: `runs` has 2 rows; name a new database";
        assert!(code == Some(2) && told.contains(refused), "{told}");
        target
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn synced_deals_are_unchanged_after_the_move_to_postgresql() {
    let mut cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[]).await;
    let deals = [DEAL.to_owned(), cluster.add_deal(), cluster.add_deal_of(3)];
    for deal in &deals {
        let run = cluster.begin(&replica, deal).await;
        let result = cluster.ended(&replica, &run).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    }
    replica.kill();
    let (_, target) = postgres::database().await;
    let source = std::mem::replace(&mut cluster.database_url, target);
    let copy = || db_copy(&source, &cluster.database_url);
    let (code, told) = copy();
    assert_eq!(code, Some(0), "{told}");

    let replica = cluster.replica(&[]).await;
    let created = cluster.creations();
    let writes = |cluster: &Cluster| {
        let requests = cluster.requests().into_iter();
        requests.filter(|request| request.method == "PUT").count()
    };
    let before = writes(&cluster);
    for deal in &deals {
        let run = cluster.begin(&replica, deal).await;
        let result = cluster.ended(&replica, &run).await;
        let objects = result["objectResults"].as_array().unwrap();
        assert!(objects.iter().all(|object| object["action"] == "unchanged"), "{result:#}");
    }
    assert_eq!((cluster.creations(), writes(&cluster)), (created, before), "no write");
    replica.kill();

    for (from, to, problem) in [
        ("sqlite:///nowhere/none.db", cluster.database_url.as_str(), "there is no database"),
        (
            cluster.database_url.as_str(),
            cluster.database_url.as_str(),
            "must be the URL of a SQLite file",
        ),
    ] {
        let (code, told) = db_copy(from, to);
        assert!(code == Some(2) && told.contains(problem), "{told}");
    }
    let file = format!("sqlite://{}", cluster.path("another.db").display());
    let (code, told) = db_copy(&source, &file);
    assert!(code == Some(2) && told.contains("the target is not PostgreSQL"), "{told}");
}
