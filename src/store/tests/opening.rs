//! What opens, and what a file or server that cannot be used says.

use super::*;

on_both_engines! {
    what_belongs_to_a_run_stays_with_it_when_the_runs_move
}

#[tokio::test]
async fn writes_are_durable_and_use_the_write_ahead_log() {
    let (store, _directory) = new_store().await;
    let mut transaction = store.database.begin(Access::Write, "look").await.unwrap();
    let sql = "SELECT (SELECT journal_mode FROM pragma_journal_mode) AS journal, (SELECT synchronous FROM pragma_synchronous) AS sync";
    let row = transaction.fetch(sql, Vec::new()).await.unwrap().remove(0);
    transaction.commit().await.unwrap();
    assert_eq!(
        (row.get::<String>("journal").unwrap(), row.get::<i64>("sync").unwrap()),
        ("wal".to_owned(), 2)
    );
    let mut transaction = store.database.begin(Access::Read, "look").await.unwrap();
    assert!(transaction.execute("DELETE FROM links", Vec::new()).await.is_err());
}

#[tokio::test]
async fn an_unusable_url_is_refused_with_what_to_do() {
    for url in [
        "postgres://me:secret@localhost:nine/x",
        "postgres://me:secret@localhost/x?sslmode=perhaps",
    ] {
        assert_eq!(
            opening_fails_with(url).await,
            "`DATABASE_URL` is not a valid URL of a database",
            "{url}"
        );
    }
    for url in ["mysql://me:secret@localhost/x", "sync.db", ""] {
        assert!(
            opening_fails_with(url)
                .await
                .starts_with("`DATABASE_URL` must begin with `sqlite:` or `postgres:`"),
            "{url}"
        );
    }
    for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://x.db?mode=memory"] {
        assert!(
            opening_fails_with(url).await.starts_with("`DATABASE_URL` must name a file"),
            "{url}"
        );
    }
    assert_eq!(
        opening_fails_with("sqlite://x.db?cache=everything").await,
        "`DATABASE_URL` is not a valid URL of a database"
    );
}

#[tokio::test]
async fn a_missing_directory_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("not-there");
    let message = opening_fails_with(&url(&missing.join("new.db"))).await;
    assert_eq!(
        message,
        format!("the directory `{}` of the database file does not exist", missing.display())
    );
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let notes = "Dear diary, ".repeat(500);
    std::fs::write(&path, &notes).unwrap();
    assert_eq!(
        opening_fails_with(&url(&path)).await,
        format!("`{}` is not a SQLite database", path.display())
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
    assert_eq!(
        opening_fails_with(&url(directory.path())).await,
        format!(
            "`{}` is a directory; `DATABASE_URL` must name the database file in it",
            directory.path().display()
        )
    );
}

#[tokio::test]
async fn a_damaged_file_is_reported_as_such_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.db");
    Store::open(&url(&path)).await.unwrap().close().await;
    let half = std::fs::read(&path).unwrap();
    let half = &half[..half.len() / 2];
    std::fs::write(&path, half).unwrap();
    assert_eq!(
        opening_fails_with(&url(&path)).await,
        format!("the file of the database `{}` is damaged; restore a copy of it", path.display())
    );
    assert_eq!(std::fs::read(&path).unwrap(), half);
}

#[tokio::test]
async fn a_read_only_file_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read-only.db");
    let empty = SqlitePool::connect(&format!("{}?mode=rwc", url(&path))).await.unwrap();
    query("CREATE TABLE other (x)").execute(&empty).await.unwrap();
    empty.close().await;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    // File permissions do not stop the superuser; the mode does, with the same code from SQLite.
    let message = opening_fails_with(&format!("{}?mode=ro", url(&path))).await;
    assert!(
        message.contains("is read-only; the file and its directory must be writable"),
        "{message}"
    );
}

#[tokio::test]
async fn a_full_disk_is_reported_as_such_and_the_store_survives_it() {
    let (store, _directory) = new_store().await;
    let held = held_run(&store).await;
    limit_pages(&store, "PRAGMA max_page_count = 1").await;
    let mut large = attempt(0);
    large.body = json!({ "description": "x".repeat(100_000) });
    let message = store.save_commitment_attempt(held, &large).await.unwrap_err().to_string();
    assert!(
        message
            .starts_with("cannot save an attempt to create a Commitment: the disk of the database"),
        "{message}"
    );
    limit_pages(&store, "PRAGMA max_page_count = 1000000").await;
    store.save_commitment_attempt(held, &large).await.unwrap();
}

async fn limit_pages(store: &Store, pragma: &'static str) {
    let Engine::Sqlite { writer, .. } = &store.database.engine else {
        unreachable!("the store is a file")
    };
    let mut lent = writer.lend().await.unwrap();
    lent.work(move |connection| connection.execute_batch(pragma)).await.unwrap();
    lent.keep();
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable() {
    let message = opening_fails_with("postgres://me:secret@127.0.0.1:1/billing").await;
    assert_eq!(
        message,
        "cannot open the database: the database `127.0.0.1:1/billing` is not available"
    );
}

async fn what_belongs_to_a_run_stays_with_it_when_the_runs_move(home: Home) {
    testing::migrate(&home.url(), 22).await;
    let old = testing::unmigrated(&home.url()).await;
    let id = SyncRunId(Uuid::now_v7());
    for sql in [
        "INSERT INTO runs (id, parent_record_id, dry_run, state, requested_at_ms, started_at_ms, trace, result)
         VALUES ($1, $2, 0, 'ended', 1, 2, 'kept', NULL)",
        "INSERT INTO run_object_results (run_id, position, result) SELECT $1, 3, 'made' WHERE $2 <> ''",
        "INSERT INTO run_joiners (run_id, name) SELECT $1, 'joiner' WHERE $2 <> ''",
        "INSERT INTO commitment_attempts (run_id, root, row, key, account_id, body, attempted_at_ms)
         VALUES ($1, $2, 'row', '', 'account', '[]', 1)",
    ] {
        old.execute("insert", sql, vec![id.to_string().into(), ROOT.into()]).await.unwrap();
    }
    old.close().await;

    let store = home.store().await;
    for (table, column, kept) in [
        ("runs", "trace", "kept"),
        ("run_object_results", "result", "made"),
        ("run_joiners", "name", "joiner"),
        ("commitment_attempts", "row", "row"),
    ] {
        let run = if table == "runs" { "id" } else { "run_id" };
        let sql = format!("SELECT {run} AS run, {column} AS kept FROM {table}");
        let rows = store.database.fetch("look", &sql, Vec::new()).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{} rows of {table}", rows.len()) };
        assert_eq!(row.get::<SyncRunId>("run").unwrap(), id, "{table}");
        assert_eq!(row.get::<String>("kept").unwrap(), kept, "{table}");
    }
    // What belongs to it still goes along with it.
    execute(&store, "DELETE FROM runs").await;
    for table in ["run_object_results", "run_joiners", "commitment_attempts"] {
        let sql = format!("SELECT run_id FROM {table}");
        assert!(
            store.database.fetch("look", &sql, Vec::new()).await.unwrap().is_empty(),
            "{table}"
        );
    }
}
