//! The store on real databases.

mod after_login;
mod claims;
mod ends;
mod handover;
mod history;
mod key_uses;
mod opening;
mod plans;
mod provisional;
mod queue;
mod replicas;
mod server;
mod together;
mod verifications;

use std::iter;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sqlx::{SqlitePool, query};
use tempfile::TempDir;
use uuid::Uuid;

use super::database::Engine;
use super::row::Row;
use super::transaction::Access;
use super::*;
use crate::domain::answer::{AnsweredRun, ObjectResult, SyncResult, WrittenResult};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};
use crate::domain::outcome::{Action, ErrorCode, Failure, ObjectOutcome, RunOutcome};
use crate::domain::run::{RunCallout, RunState, RunTask, RunTry};

const ROOT: &str = "006S900000795MMIAY";
const LINE: &str = "00kS9000001Nxy5IAC";
const M3TER_ID: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const OTHER_M3TER_ID: &str = "83df45e7-78ea-4211-8d12-6220b7c7ca86";

/// A database of one test's own, on either engine.
enum Home {
    Sqlite(TempDir),
    Postgres(String),
}

impl Home {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    async fn postgres() -> Self {
        Self::Postgres(testing::postgres_database().await)
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => url(&directory.path().join("new.db")),
            Self::Postgres(url) => url.clone(),
        }
    }

    async fn store(&self) -> Store {
        Store::open(&self.url()).await.unwrap()
    }
}

/// Each test on both engines.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::store::tests::Home::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::store::tests::Home::postgres().await).await;
            })*
        }
    };
}
use on_both_engines;

on_both_engines! {
    a_run_is_there_from_its_start_to_its_end
    links_are_replaced_by_object_and_deleted_by_object
    owners_are_found_in_any_deal_and_referring_deals_are_not_owners
    an_attempt_is_loaded_digit_for_digit_until_its_commitment_is_linked
    two_processes_write_at_the_same_time_and_nothing_is_lost
    two_processes_start_on_one_empty_database
    a_database_of_an_older_migration_is_brought_up_to_date_and_keeps_its_rows
    a_database_of_each_older_version_opens_and_knows_its_links_and_runs
    the_objects_of_a_row_are_found_by_an_index
    a_database_of_a_newer_version_is_left_alone
    a_transaction_that_is_dropped_leaves_nothing_behind
}

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

async fn rows(store: &Store, sql: &'static str) -> Vec<Row> {
    store.database.fetch("look", sql, Vec::new()).await.unwrap()
}

async fn execute(store: &Store, sql: &'static str) {
    store.database.execute("change", sql, Vec::new()).await.unwrap();
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
    Link {
        root: record(ROOT),
        object: object(kind),
        m3ter_id: m3ter(m3ter_id),
        relation,
        source_key: None,
    }
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
}

fn new_run() -> NewRun {
    NewRun {
        id: SyncRunId(Uuid::now_v7()),
        parent_record_id: record(ROOT),
        task: RunTask::Sync,
        expected_plan: None,
        dry_run: false,
        requested_at: instant(0),
        awaited_until: None,
        replay_of: None,
        requested_by: None,
        salesforce_user: None,
        trace: None,
    }
}

fn process() -> Claimant {
    Claimant { owner: Uuid::now_v7().to_string(), lease: Duration::from_secs(30) }
}

/// A new run that a process holds.
async fn held_run(store: &Store) -> Claim {
    match store.admit(&NewRun { dry_run: true, ..new_run() }, &process()).await.unwrap() {
        Admission::Claimed(run) => run.claim,
        other => unreachable!("there is a place for it: {other:?}"),
    }
}

async fn save_links(store: &Store, links: &[Link]) {
    let held = held_run(store).await;
    store.save_progress(held, &Progress { links, ..Progress::default() }).await.unwrap();
}

async fn end(
    store: &Store,
    held: Claim,
    result: &SyncResult,
    next: Option<&Claimant>,
) -> Result<Option<ClaimedRun>, StoreError> {
    let run = ClaimedRun { claim: held, ..new_run().claimed() };
    store.end(&run, &ended_with(&result.clone().into()), next).await
}

/// A try of which nothing but the answer is to be saved.
fn ended_with(result: &WrittenResult) -> EndedTry<'_> {
    let ended_at = instant(800);
    EndedTry { result, tries: &[], callouts: &[], ended_at, is_provisional: false }
}

fn completed() -> SyncResult {
    SyncResult::new(&RunOutcome::ended(Vec::new(), Vec::new()), AnsweredRun::default())
}

fn failed_by(failure: Failure) -> SyncResult {
    SyncResult::new(&RunOutcome::failed(failure), AnsweredRun::default())
}

fn created(message: &str) -> ObjectOutcome {
    ObjectOutcome::new(&object(EntityKind::Plan), Action::Created, message)
}

fn attempt(ms: i64) -> CommitmentAttempt {
    CommitmentAttempt {
        object: object(EntityKind::Commitment),
        root: record(ROOT),
        account_id: m3ter(M3TER_ID),
        contract_id: Some(m3ter(OTHER_M3TER_ID)),
        body: serde_json::from_str(r#"{"amount":12000.00000000000000001,"currency":"EUR"}"#)
            .unwrap(),
        attempted_at: instant(ms),
    }
}

async fn state_of(store: &Store, run: SyncRunId) -> String {
    store.load_run(run).await.unwrap().unwrap().state.to_string()
}

async fn a_run_is_there_from_its_start_to_its_end(home: Home) {
    let store = home.store().await;
    let run = new_run();
    let Admission::Claimed(claimed) = store.admit(&run, &process()).await.unwrap() else {
        panic!("nothing is in its way")
    };
    let made = created("m3ter Identifier: x");
    let created = ObjectResult::new(&made);
    let callout = RunCallout {
        vendor: "m3ter".to_owned(),
        operation: "PostPlan".to_owned(),
        status: Some(200),
        outcome: "done".to_owned(),
        attempts: 1,
        started_at: instant(100),
        waited_ms: Some(7),
        elapsed_ms: 20,
    };
    let results = [(3, created.clone())];
    let progress = Progress {
        results: &results,
        callouts: Some(std::slice::from_ref(&callout)),
        ..Progress::default()
    };
    store.save_progress(claimed.claim, &progress).await.unwrap();
    store.save_progress(claimed.claim, &progress).await.unwrap();
    let so_far = store.load_run(run.id).await.unwrap().unwrap();
    assert_eq!(
        (so_far.state, so_far.started_at, so_far.ended_at),
        (RunState::Running, Some(instant(0)), None)
    );
    assert_eq!(
        (so_far.object_results, so_far.callouts),
        (Some(vec![created]), Some(vec![callout.clone()]))
    );

    let failure = Failure::new(ErrorCode::M3terUnavailable, "m3ter did not answer");
    let outcome =
        RunOutcome { failure: Some(failure), ..RunOutcome::ended(vec![made], Vec::new()) };
    let result = SyncResult::new(&outcome, AnsweredRun::default());
    let only = RunTry {
        started_at: instant(0),
        ended_at: instant(800),
        sync_status: result.sync_status,
        error_code: result.error_code.clone(),
        message: result.message.clone(),
    };
    let (saved, tries) = (result.clone().into(), std::slice::from_ref(&only));
    let ended = EndedTry { tries, callouts: &[callout], ..ended_with(&saved) };
    assert_eq!(store.end(&claimed, &ended, None).await.unwrap(), None);
    let run = store.load_run(run.id).await.unwrap().unwrap();
    assert_eq!(
        (run.state, run.ended_at, run.tries),
        (RunState::Ended, Some(instant(800)), vec![only])
    );
    assert_eq!(
        (run.sync_status.as_deref(), run.error_code.as_deref()),
        (Some("Failed"), Some("M3TER_UNAVAILABLE"))
    );
    assert_eq!(
        (run.object_results.as_ref(), run.result.as_ref()),
        (Some(&result.object_results), Some(&result))
    );
    assert!(store.load_run(new_run().id).await.unwrap().is_none());
}

async fn links_are_replaced_by_object_and_deleted_by_object(home: Home) {
    let store = home.store().await;
    let account_plan = link(EntityKind::AccountPlan, OTHER_M3TER_ID, LinkRelation::Owned);
    let plan = link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned);
    let mut second_plan = plan.clone();
    second_plan.object.key = "usage".to_owned();
    save_links(&store, &[account_plan.clone(), second_plan.clone(), plan.clone()]).await;
    assert_eq!(
        store.load_links(&record(ROOT)).await.unwrap(),
        [plan.clone(), second_plan.clone(), account_plan.clone()]
    );

    let referred = link(EntityKind::Plan, OTHER_M3TER_ID, LinkRelation::Referred);
    save_links(&store, std::slice::from_ref(&referred)).await;
    assert_eq!(
        store.load_links(&record(ROOT)).await.unwrap(),
        [referred, second_plan.clone(), account_plan]
    );

    let objects = [object(EntityKind::Plan), object(EntityKind::AccountPlan)];
    store.delete_links(held_run(&store).await, &record(ROOT), &objects).await.unwrap();
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), [second_plan]);
    assert_eq!(store.load_links(&record("006S900000795MNIAY")).await.unwrap(), []);
}

async fn owners_are_found_in_any_deal_and_referring_deals_are_not_owners(home: Home) {
    let store = home.store().await;
    let owned = link(EntityKind::Account, M3TER_ID, LinkRelation::Owned);
    let elsewhere = Link { root: record("006S900000795MNIAY"), ..owned.clone() };
    let referred = link(EntityKind::Contract, OTHER_M3TER_ID, LinkRelation::Referred);
    save_links(&store, &[owned.clone(), elsewhere.clone(), referred]).await;
    assert_eq!(
        store.load_owners(&[m3ter(M3TER_ID), m3ter(OTHER_M3TER_ID)]).await.unwrap(),
        [owned, elsewhere]
    );
    assert_eq!(store.load_owners(&[]).await.unwrap(), []);
}

async fn an_attempt_is_loaded_digit_for_digit_until_its_commitment_is_linked(home: Home) {
    let store = home.store().await;
    let held = held_run(&store).await;
    let (first, second) = (attempt(1), attempt(2));
    store.save_commitment_attempt(held, &first).await.unwrap();
    store.save_commitment_attempt(held, &second).await.unwrap();
    let loaded = store.load_commitment_attempts(&record(ROOT)).await.unwrap();
    assert_eq!(loaded, [second, first]);
    assert_eq!(loaded[0].body["amount"].to_string(), "12000.00000000000000001");

    // A link of another object of the same row changes nothing.
    save_links(&store, &[link(EntityKind::Contract, M3TER_ID, LinkRelation::Owned)]).await;
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap().len(), 2);
    save_links(&store, &[link(EntityKind::Commitment, M3TER_ID, LinkRelation::Owned)]).await;
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap(), []);
}

async fn two_processes_write_at_the_same_time_and_nothing_is_lost(home: Home) {
    let (here, there) = (home.store().await, home.store().await);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..60_u32 {
        let store = if number % 2 == 0 { here.clone() } else { there.clone() };
        writers.spawn(async move {
            let held = held_run(&store).await;
            let mut link = link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned);
            link.object.key = number.to_string();
            store
                .save_progress(held, &Progress { links: &[link], ..Progress::default() })
                .await
                .unwrap();
            assert!(!store.load_links(&record(ROOT)).await.unwrap().is_empty());
            end(&store, held, &completed(), None).await.unwrap();
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert_eq!(here.load_links(&record(ROOT)).await.unwrap().len(), 60);
    assert_eq!(
        rows(&there, "SELECT count(*) AS ended FROM runs WHERE state = 'ended'").await[0]
            .get::<i64>("ended")
            .unwrap(),
        60
    );
}

async fn two_processes_start_on_one_empty_database(home: Home) {
    // Once in fifteen times two meet just where `SQLite` does not wait.
    let mut homes = vec![home];
    if matches!(homes[0], Home::Sqlite(_)) {
        homes.extend(iter::repeat_with(Home::sqlite).take(20));
    }
    for home in homes {
        let (here, there) = tokio::join!(home.store(), home.store());
        for store in [here, there] {
            held_run(&store).await;
        }
    }
}

async fn a_transaction_that_is_dropped_leaves_nothing_behind(home: Home) {
    let store = home.store().await;
    let mut transaction = store.database.begin(Access::Write, "change").await.unwrap();
    let sql = "INSERT INTO links (root, row, kind, key, m3ter_id, relation) VALUES ('r', 'r', 'Plan', '', 'm', 'owned')";
    transaction.execute(sql, Vec::new()).await.unwrap();
    drop(transaction);
    held_run(&store).await;
    assert!(rows(&store, "SELECT * FROM links").await.is_empty());
}

async fn a_database_of_an_older_migration_is_brought_up_to_date_and_keeps_its_rows(home: Home) {
    testing::migrate(&home.url(), 2).await;
    let old = testing::unmigrated(&home.url()).await;
    let sql = "INSERT INTO runs (id, parent_record_id, dry_run, state, started_at_ms) VALUES ($1, $2, $3, $4, 0)";
    let mut runs = Vec::new();
    for (state, dry_run) in [
        ("ended", false),
        ("interrupted", false),
        ("running", false),
        ("running", false),
        ("running", true),
    ] {
        let id = SyncRunId(Uuid::now_v7());
        old.execute(
            "insert",
            sql,
            vec![id.to_string().into(), ROOT.into(), dry_run.into(), state.into()],
        )
        .await
        .unwrap();
        runs.push(id);
    }
    old.close().await;

    let store = home.store().await;
    // Earlier versions let several runs of a record be under way when they stopped: the latest goes
    // on.
    let mut states = Vec::new();
    for run in &runs {
        states.push(state_of(&store, *run).await);
    }
    assert_eq!(states, ["ended", "ended", "ended", "running", "ended"]);
    let interrupted = store.load_run(runs[1]).await.unwrap().unwrap();
    assert_eq!(interrupted.result.unwrap().error_code.as_deref(), Some("INTERRUPTED"));
    let claimed = store.claim_abandoned(None, &process()).await.unwrap().unwrap();
    assert_eq!((claimed.claim.run, claimed.takeovers), (runs[3], 0));
}

async fn a_database_of_each_older_version_opens_and_knows_its_links_and_runs(home: Home) {
    testing::migrate(&home.url(), 1).await;
    for version in 2..=testing::last_migration() {
        testing::migrate(&home.url(), version).await;
        let old = testing::unmigrated(&home.url()).await;
        let sql = "INSERT INTO links (root, row, kind, key, m3ter_id, relation) VALUES ($1, $2, 'Account', $3, $4, 'owned')";
        let values =
            vec![ROOT.into(), LINE.into(), format!("{version:02}").into(), M3TER_ID.into()];
        old.execute("insert", sql, values).await.unwrap();
        old.close().await;
    }
    let store = home.store().await;
    let links = store.load_links_of_row(EntityKind::Account, &record(LINE)).await.unwrap();
    let keys: Vec<String> = links.iter().map(|link| link.object.key.clone()).collect();
    assert_eq!(
        keys,
        (2..=testing::last_migration()).map(|version| format!("{version:02}")).collect::<Vec<_>>()
    );
    held_run(&store).await;
}

async fn the_objects_of_a_row_are_found_by_an_index(home: Home) {
    let store = home.store().await;
    let mut transaction = store.database.begin(Access::Read, "explain").await.unwrap();
    let (sql, column) = match &store.database.engine {
        Engine::Sqlite { .. } => (
            "EXPLAIN QUERY PLAN SELECT root FROM links WHERE row = 'r' AND kind = 'Account'",
            "detail",
        ),
        Engine::Postgres(_) => {
            // An empty table is read faster without any index.
            transaction.run_plain("SET LOCAL enable_seqscan = off").await.unwrap();
            ("EXPLAIN SELECT root FROM links WHERE row = 'r' AND kind = 'Account'", "QUERY PLAN")
        }
    };
    let plan: Vec<String> = transaction
        .fetch(sql, Vec::new())
        .await
        .unwrap()
        .iter()
        .map(|row| row.get::<String>(column).unwrap())
        .collect();
    assert!(plan.iter().any(|step| step.contains("links_row")), "{plan:?}");
}

async fn a_database_of_a_newer_version_is_left_alone(home: Home) {
    let store = home.store().await;
    match &store.database.engine {
        Engine::Sqlite { .. } => {
            let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9001, 'later', 1, x'00', 0)";
            execute(&store, sql).await;
        }
        Engine::Postgres(_) => {
            execute(&store, "INSERT INTO schema_migrations (version, description, checksum, applied_at_ms) VALUES (9001, 'later', '', 0)")
                .await;
        }
    }
    store.close().await;
    let message = opening_fails_with(&home.url()).await;
    assert!(message.ends_with("was written by a newer version (migration 9001)"), "{message}");
}
