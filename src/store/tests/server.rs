//! What only a server does.

use super::*;
use crate::store::value::Value;

#[tokio::test]
async fn any_text_and_number_reaches_postgres_as_it_is() {
    let store = Home::postgres().await.store().await;
    let pieces = [
        "'", "''", "\\", "\\'", "\\\\'", "$1", "$2", "{now}", "E'", "--", "/*", ";", "\n", "\r",
        "\t", "\u{1}", "é", "\u{2019}", "😀", "%s", "\"",
    ];
    let mut texts: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    texts.extend(
        ["", "'; DROP TABLE runs; --", "\\'; DROP TABLE runs; --", "' || (SELECT 1) || '"]
            .map(ToOwned::to_owned),
    );
    for length in 2..200 {
        texts.push((0..length).map(|_| pieces[fastrand::usize(..pieces.len())]).collect());
    }
    for text in &texts {
        let values =
            vec![text.as_str().into(), i64::MIN.into(), Value::Text(None), Value::Integer(None)];
        let sql = "SELECT $1 AS text, $2 AS number, CAST($3 AS TEXT) AS no_text, CAST($4 AS BIGINT) AS no_number";
        let row = store.database.fetch("look", sql, values).await.unwrap().remove(0);
        assert_eq!(
            (row.get::<String>("text").unwrap(), row.get::<i64>("number").unwrap()),
            (text.clone(), i64::MIN),
            "{text:?}"
        );
        assert_eq!(
            (row.optional::<String>("no_text").unwrap(), row.optional::<i64>("no_number").unwrap()),
            (None, None)
        );
    }
    let nul = store
        .database
        .fetch("look", "SELECT $1 AS text", vec!["a\0b".into()])
        .await
        .unwrap()
        .remove(0)
        .get::<String>("text")
        .unwrap();
    assert_eq!(nul, "a\u{fffd}b", "no text of PostgreSQL holds a NUL");
    let minus = store
        .database
        .fetch("look", "SELECT 1 -$1 AS minus", vec![(-5_000_000_000_i64).into()])
        .await
        .unwrap()
        .remove(0);
    assert_eq!(minus.get::<i64>("minus").unwrap(), 5_000_000_001, "not a comment");
}

#[tokio::test]
async fn a_read_only_server_is_reported_as_such() {
    let store = Home::postgres().await.store().await;
    let mut transaction =
        store.database.begin(Access::Write, "save the links of a record").await.unwrap();
    transaction.run_plain("SET TRANSACTION READ ONLY").await.unwrap();
    let message =
        transaction.execute("DELETE FROM links", Vec::new()).await.unwrap_err().to_string();
    assert!(
        message.starts_with("cannot save the links of a record: the database")
            && message.ends_with("the server must take writes"),
        "{message}"
    );
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced_without_an_error() {
    let store = Home::postgres().await.store().await;
    let root = record(ROOT);
    let reads = (0..20).map(|_| store.load_links(&root));
    futures::future::try_join_all(reads).await.unwrap();
    let other = sqlx::PgPool::connect(&testing::postgres_url()).await.unwrap();
    let ended = query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
    );
    let name = store.database.place.rsplit_once('/').unwrap().1.to_owned();
    ended.bind(name).execute(&other).await.unwrap();
    // All at once: none of them waits for a connection that another one has.
    let reads = (0..20).map(|_| store.load_links(&root));
    let (reads, _) = tokio::join!(futures::future::try_join_all(reads), held_run(&store));
    reads.unwrap();
}

#[tokio::test]
async fn a_statement_that_timed_out_is_not_carried_out_later() {
    let home = Home::postgres().await;
    let (store, other) = (home.store().await, sqlx::PgPool::connect(&home.url()).await.unwrap());
    let held = held_run(&store).await;
    let mut lock = other.begin().await.unwrap();
    query("SELECT id FROM runs FOR UPDATE").execute(&mut *lock).await.unwrap();
    let error = end(&store, held, &completed(), None).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    lock.rollback().await.unwrap();
    // Whatever waited for the lock has it by now.
    query("SELECT id FROM runs FOR UPDATE").execute(&other).await.unwrap();
    assert_eq!(state_of(&store, held.run).await, "running");
    end(&store, held, &completed(), None).await.unwrap();
    assert_eq!(state_of(&store, held.run).await, "ended");
}

#[tokio::test]
async fn a_connection_that_must_be_encrypted_is() {
    let url = testing::postgres_database().await;
    let url = url.split_once('?').map_or(url.as_str(), |(url, _)| url);
    let store = Store::open(&format!("{url}?sslmode=require")).await.unwrap();
    let row = rows(&store, "SELECT CAST(ssl AS INT)::BIGINT AS encrypted FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await.remove(0);
    assert_eq!(row.get::<i64>("encrypted").unwrap(), 1);
}

#[tokio::test]
async fn another_url_is_followed_once_it_connects() {
    let url = testing::postgres_database().await;
    let store = Store::open(&url).await.unwrap();
    let name = "SELECT CAST(current_user AS TEXT) AS name";
    let user = rows(&store, name).await.remove(0).get::<String>("name").unwrap();
    let role = format!("role_{}", uuid::Uuid::new_v4().simple());
    let server = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE ROLE {role} LOGIN PASSWORD 'new'")))
        .execute(&server)
        .await
        .unwrap();
    let mut other = url::Url::parse(&url).unwrap();
    other.set_port(Some(1)).unwrap();
    let refused = store.follow(other.as_str()).await.unwrap_err().to_string();
    assert!(refused.contains("is not available"), "{refused}");
    assert_eq!(
        rows(&store, name).await.remove(0).get::<String>("name").unwrap(),
        user,
        "the one from before is used"
    );
    let mut other = url::Url::parse(&url).unwrap();
    other.set_username(&role).unwrap();
    other.set_password(Some("new")).unwrap();
    store.follow(other.as_str()).await.unwrap();
    // What was connected stays; what connects now is the other one. All at once, so that a new
    // connection is needed.
    let slow = "SELECT CAST(current_user AS TEXT) AS name FROM pg_sleep(0.5)";
    let asked = futures::future::join_all((0..5).map(|_| rows(&store, slow))).await;
    let names: std::collections::BTreeSet<String> =
        asked.into_iter().map(|mut rows| rows.remove(0).get::<String>("name").unwrap()).collect();
    assert!(names.contains(&role), "{names:?}");
}

/// The names that the connection has prepared which was used last: how often each was planned for
/// its values, and how often it was not.
async fn prepared(store: &Store) -> Vec<(String, i64, i64)> {
    let sql = "SELECT name, custom_plans, generic_plans FROM pg_prepared_statements ORDER BY name";
    let rows = rows(store, sql).await;
    let prepared = |row: &Row| {
        let count = |name| row.get::<i64>(name).unwrap();
        (row.get::<String>("name").unwrap(), count("custom_plans"), count("generic_plans"))
    };
    rows.iter().map(prepared).collect()
}

async fn begin_and_end_a_run(store: &Store) {
    let held = held_run(store).await;
    end(store, held, &completed(), Some(&process())).await.unwrap();
    assert_eq!(state_of(store, held.run).await, "ended");
}

#[tokio::test]
async fn a_connection_plans_what_each_run_needs_once() {
    let store = Home::postgres().await.store().await;
    for _ in 0..20 {
        begin_and_end_a_run(&store).await;
    }
    let prepared = prepared(&store).await;
    assert_eq!(prepared.len(), 5, "{prepared:#?}");
    for (name, custom, generic) in prepared {
        // The server makes up its mind after five.
        assert_eq!((custom, generic), (5, 15), "{name}");
    }
}

#[tokio::test]
async fn what_another_session_was_to_know_is_carried_out_once_and_prepared_no_more() {
    let store = Home::postgres().await.store().await;
    begin_and_end_a_run(&store).await;
    let forget = async || {
        store.database.execute("forget", "DEALLOCATE ALL", Vec::new()).await.unwrap();
    };
    let known = prepared(&store).await;
    forget().await;
    // As behind `PgBouncer`, where a message may meet a server that does not know its names.
    begin_and_end_a_run(&store).await;
    begin_and_end_a_run(&store).await;
    assert_eq!(prepared(&store).await, []);
    assert_eq!(rows(&store, "SELECT id FROM runs").await.len(), 3);

    // Or one that knows them already.
    let store = Home::postgres().await.store().await;
    let mut transaction = store.database.begin(Access::Write, "prepare").await.unwrap();
    for (name, ..) in &known {
        transaction.run_plain(&format!("PREPARE {name} AS SELECT 1")).await.unwrap();
    }
    transaction.commit().await.unwrap();
    begin_and_end_a_run(&store).await;
    begin_and_end_a_run(&store).await;
    let unused: Vec<_> = known.into_iter().map(|(name, ..)| (name, 0, 0)).collect();
    assert_eq!(prepared(&store).await, unused);
    assert_eq!(rows(&store, "SELECT id FROM runs").await.len(), 2);
}
