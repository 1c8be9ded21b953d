//! The store on real files.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use sqlx::{Row as _, query};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::SyncRunId;
use crate::domain::outcome::{Action, ErrorCode, Failure, ObjectResult, SyncResult};

const ROOT: &str = "006S900000795MMIAY";
const LINE: &str = "00kS9000001Nxy5IAC";
const M3TER_ID: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const OTHER_M3TER_ID: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

async fn new_store() -> (Store, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&directory.path().join("new.db"))).await.unwrap();
    (store, directory)
}

async fn opening_fails_with(url: &str) -> String {
    Store::open(url).await.unwrap_err().to_string()
}

fn record(text: &str) -> SalesforceId {
    SalesforceId::parse(text).unwrap()
}

fn object(kind: EntityKind) -> ObjectKey {
    ObjectKey::only(kind, record(LINE))
}

fn m3ter(text: &str) -> M3terId {
    M3terId::parse(text).unwrap()
}

fn link(kind: EntityKind, m3ter_id: &str, relation: LinkRelation) -> Link {
    Link { root: record(ROOT), object: object(kind), m3ter_id: m3ter(m3ter_id), relation }
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
}

fn new_run() -> NewRun {
    NewRun { id: SyncRunId(Uuid::now_v7()), parent_record_id: record(ROOT), dry_run: false, started_at: instant(0) }
}

fn attempt(run: &NewRun, ms: i64) -> CommitmentAttempt {
    CommitmentAttempt {
        run: run.id,
        object: object(EntityKind::Commitment),
        root: record(ROOT),
        account_id: m3ter(M3TER_ID),
        contract_id: Some(m3ter(OTHER_M3TER_ID)),
        body: serde_json::from_str(r#"{"amount":12000.00000000000000001,"currency":"EUR"}"#).unwrap(),
        attempted_at: instant(ms),
    }
}

async fn state_of(store: &Store, run: &NewRun) -> String {
    query("SELECT state FROM runs WHERE id = ?").bind(run.id.to_string()).fetch_one(&store.readers).await.unwrap().get("state")
}

#[tokio::test]
async fn a_run_is_there_from_its_start_to_its_end() {
    let (store, _directory) = new_store().await;
    let run = new_run();
    store.save_run_started(&run).await.unwrap();
    assert_eq!(state_of(&store, &run).await, "running");

    let created = ObjectResult::new(&object(EntityKind::Plan), Action::Created, "m3ter Identifier: x");
    store.save_progress(run.id, &[(3, created.clone())], &[]).await.unwrap();
    store.save_progress(run.id, &[(3, created.clone())], &[]).await.unwrap();

    let failure = Failure { code: ErrorCode::M3terUnavailable, reason: "m3ter did not answer".to_owned() };
    let result = SyncResult::failed(&failure, vec![created.clone()], Vec::new());
    store.save_run_ended(run.id, &result, instant(800)).await.unwrap();

    let row = query("SELECT * FROM runs").fetch_one(&store.readers).await.unwrap();
    assert_eq!(row.get::<String, _>("state"), "ended");
    assert_eq!(row.get::<String, _>("sync_status"), "Failed");
    assert_eq!(row.get::<String, _>("error_code"), "M3TER_UNAVAILABLE");
    assert_eq!(row.get::<i64, _>("ended_at_ms") - row.get::<i64, _>("started_at_ms"), 800);
    assert_eq!(serde_json::from_str::<SyncResult>(&row.get::<String, _>("result")).unwrap(), result);
    let row = query("SELECT * FROM run_object_results").fetch_one(&store.readers).await.unwrap();
    assert_eq!(serde_json::from_str::<ObjectResult>(&row.get::<String, _>("result")).unwrap(), created);
}

#[tokio::test]
async fn a_run_that_was_never_started_cannot_end() {
    let (store, _directory) = new_store().await;
    let result = SyncResult::ended(Vec::new(), Vec::new());
    assert!(matches!(store.save_run_ended(new_run().id, &result, instant(0)).await, Err(StoreError::RunUnknown(_))));
}

#[tokio::test]
async fn a_run_left_running_by_an_earlier_process_is_marked_as_interrupted() {
    let (store, directory) = new_store().await;
    let (left, ended) = (new_run(), new_run());
    store.save_run_started(&left).await.unwrap();
    store.save_run_started(&ended).await.unwrap();
    store.save_run_ended(ended.id, &SyncResult::ended(Vec::new(), Vec::new()), instant(1)).await.unwrap();
    store.close().await;

    let store = Store::open(&url(&directory.path().join("new.db"))).await.unwrap();
    assert_eq!(state_of(&store, &left).await, "interrupted");
    assert_eq!(state_of(&store, &ended).await, "ended");
}

#[tokio::test]
async fn links_are_replaced_by_object_and_deleted_by_object() {
    let (store, _directory) = new_store().await;
    let account_plan = link(EntityKind::AccountPlan, OTHER_M3TER_ID, LinkRelation::Owned);
    let plan = link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned);
    let mut second_plan = plan.clone();
    second_plan.object.key = "usage".to_owned();
    store.save_links(&[account_plan.clone(), second_plan.clone(), plan.clone()]).await.unwrap();
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), [plan.clone(), second_plan.clone(), account_plan.clone()]);

    let referred = link(EntityKind::Plan, OTHER_M3TER_ID, LinkRelation::Referred);
    store.save_links(std::slice::from_ref(&referred)).await.unwrap();
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), [referred, second_plan.clone(), account_plan]);

    store.delete_links(&record(ROOT), &[object(EntityKind::Plan), object(EntityKind::AccountPlan)]).await.unwrap();
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), [second_plan]);
    assert_eq!(store.load_links(&record("006S900000795MNIAY")).await.unwrap(), []);
}

#[tokio::test]
async fn owners_are_found_in_any_deal_and_referring_deals_are_not_owners() {
    let (store, _directory) = new_store().await;
    let owned = link(EntityKind::Account, M3TER_ID, LinkRelation::Owned);
    let elsewhere = Link { root: record("006S900000795MNIAY"), ..owned.clone() };
    let referred = link(EntityKind::Contract, OTHER_M3TER_ID, LinkRelation::Referred);
    store.save_links(&[owned.clone(), elsewhere.clone(), referred]).await.unwrap();
    assert_eq!(store.load_owners(&[m3ter(M3TER_ID), m3ter(OTHER_M3TER_ID)]).await.unwrap(), [owned, elsewhere]);
    assert_eq!(store.load_owners(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn an_attempt_is_loaded_digit_for_digit_until_its_commitment_is_linked() {
    let (store, _directory) = new_store().await;
    let run = new_run();
    store.save_run_started(&run).await.unwrap();
    let (first, second) = (attempt(&run, 1), attempt(&run, 2));
    store.save_commitment_attempt(&first).await.unwrap();
    store.save_commitment_attempt(&second).await.unwrap();
    let loaded = store.load_commitment_attempts(&record(ROOT)).await.unwrap();
    assert_eq!(loaded, [second, first]);
    assert_eq!(loaded[0].body["amount"].to_string(), "12000.00000000000000001");

    // A link of another object of the same row changes nothing.
    store.save_links(&[link(EntityKind::Contract, M3TER_ID, LinkRelation::Owned)]).await.unwrap();
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap().len(), 2);
    store.save_links(&[link(EntityKind::Commitment, M3TER_ID, LinkRelation::Owned)]).await.unwrap();
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_write_at_the_same_time_and_nothing_is_lost() {
    let (here, directory) = new_store().await;
    let there = Store::open(&url(&directory.path().join("new.db"))).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..60_u32 {
        let store = if number % 2 == 0 { here.clone() } else { there.clone() };
        writers.spawn(async move {
            let run = new_run();
            store.save_run_started(&run).await.unwrap();
            let mut link = link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned);
            link.object.key = number.to_string();
            store.save_links(&[link]).await.unwrap();
            assert!(!store.load_links(&record(ROOT)).await.unwrap().is_empty());
            store.save_run_ended(run.id, &SyncResult::ended(Vec::new(), Vec::new()), instant(5)).await.unwrap();
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert_eq!(here.load_links(&record(ROOT)).await.unwrap().len(), 60);
    let ended = query("SELECT count(*) AS ended FROM runs WHERE state = 'ended'").fetch_one(&there.readers).await.unwrap();
    assert_eq!(ended.get::<i64, _>("ended"), 60);
}

#[tokio::test]
async fn a_database_of_an_older_migration_is_brought_up_to_date_and_keeps_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let url = url(&directory.path().join("old.db"));
    let old = SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    open::MIGRATIONS.run_to(1, &old).await.unwrap();
    let run = new_run();
    query("INSERT INTO runs (id, parent_record_id, dry_run, state, started_at_ms) VALUES (?, ?, 0, 'ended', 0)")
        .bind(run.id.to_string())
        .bind(ROOT)
        .execute(&old)
        .await
        .unwrap();
    old.close().await;

    let store = Store::open(&url).await.unwrap();
    assert_eq!(state_of(&store, &run).await, "ended");
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), []);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let (store, directory) = new_store().await;
    query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9001, 'later', 1, x'00', 0)")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    let message = opening_fails_with(&url(&directory.path().join("new.db"))).await;
    assert!(message.ends_with("was written by a newer version (migration 9001)"), "{message}");
}

#[tokio::test]
async fn writing_is_durable_and_the_log_is_written_ahead() {
    let (store, _directory) = new_store().await;
    let row =
        query("SELECT (SELECT journal_mode FROM pragma_journal_mode) AS journal, (SELECT synchronous FROM pragma_synchronous) AS sync")
            .fetch_one(&store.writer)
            .await
            .unwrap();
    assert_eq!(row.get::<String, _>("journal"), "wal");
    assert_eq!(row.get::<i64, _>("sync"), 2);
    assert!(query("DELETE FROM links").execute(&store.readers).await.is_err());
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_refused_with_what_to_do() {
    let postgres = opening_fails_with("postgres://me:secret@localhost/x").await;
    assert!(postgres.contains("this version supports SQLite only") && !postgres.contains("secret"), "{postgres}");
    assert!(opening_fails_with("mysql://me:secret@localhost/x").await.starts_with("`DATABASE_URL` begins with `mysql`, but must begin"));
    assert!(opening_fails_with("sync.db").await.starts_with("`DATABASE_URL` begins with `sync.db`, but must begin"));
    assert!(opening_fails_with("").await.contains("must begin with `sqlite:`"));
    for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://x.db?mode=memory"] {
        assert!(opening_fails_with(url).await.starts_with("`DATABASE_URL` must name a file"), "{url}");
    }
    assert_eq!(opening_fails_with("sqlite://x.db?cache=everything").await, "`DATABASE_URL` is not a valid SQLite URL");
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("not-there");
    let message = opening_fails_with(&url(&missing.join("new.db"))).await;
    assert_eq!(message, format!("the directory `{}` of the database file does not exist", missing.display()));
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let notes = "Dear diary, ".repeat(500);
    std::fs::write(&path, &notes).unwrap();
    assert_eq!(opening_fails_with(&url(&path)).await, format!("`{}` is not a SQLite database", path.display()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
    assert!(opening_fails_with(&url(directory.path())).await.starts_with("cannot open the database"));
}

#[tokio::test]
async fn a_read_only_file_is_named_as_such() {
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
    assert!(message.contains("is read-only; the file and its directory must be writable"), "{message}");
}

#[tokio::test]
async fn a_full_disk_is_named_as_such_and_does_not_end_the_store() {
    let (store, _directory) = new_store().await;
    let run = new_run();
    store.save_run_started(&run).await.unwrap();
    query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
    let mut large = attempt(&run, 0);
    large.body = json!({ "description": "x".repeat(100_000) });
    let message = store.save_commitment_attempt(&large).await.unwrap_err().to_string();
    assert!(message.starts_with("cannot save an attempt to create a Commitment: the disk of the database"), "{message}");
    query("PRAGMA max_page_count = 1000000").execute(&store.writer).await.unwrap();
    store.save_commitment_attempt(&large).await.unwrap();
}
