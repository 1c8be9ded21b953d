//! Messages that wait for the one connection of `SQLite` at the same moment.

use futures::future::join_all;

use super::*;
use crate::store::value::Value;

const INSERT: &str = "INSERT INTO links (root, row, kind, key, m3ter_id, relation) VALUES ('r', 'r', 'Plan', $1, 'm', 'owned')";
const FIND: &str = "SELECT key FROM links WHERE key = $1";

/// What each message is answered of those that are sent while the connection is lent.
async fn write(store: &Store, keys: Vec<Option<String>>) -> Vec<Result<Vec<Row>, StoreError>> {
    let Engine::Sqlite { writer, .. } = &store.database.engine else {
        unreachable!("the store is a file")
    };
    let mut lent = writer.lend().await.unwrap();
    lent.keep();
    let messages = keys
        .into_iter()
        .map(|key| store.database.write_at_once("link", &[INSERT, FIND], vec![Value::Text(key)]));
    let mut messages = std::pin::pin!(join_all(messages));
    // Each of them comes to where it waits.
    assert!(futures::poll!(&mut messages).is_pending());
    drop(lent);
    messages.await
}

/// How many pages the log got since this was asked the last time: what was taken from it into the
/// file is overwritten by the next commit.
async fn pages_written(store: &Store) -> i64 {
    let Engine::Sqlite { writer, .. } = &store.database.engine else {
        unreachable!("the store is a file")
    };
    let mut lent = writer.lend().await.unwrap();
    let take = "PRAGMA wal_checkpoint(PASSIVE)";
    let taken = lent.work(move |connection| connection.query_row(take, [], |row| row.get("log")));
    let pages = taken.await.unwrap();
    lent.keep();
    pages
}

fn keys(round: u32) -> Vec<Option<String>> {
    (0..40).map(|number| Some(format!("{round}.{number}"))).collect()
}

#[tokio::test]
async fn messages_that_wait_together_are_committed_together() {
    let (store, _directory) = new_store().await;
    write(&store, keys(0)).await;
    pages_written(&store).await;
    for key in keys(1) {
        write(&store, vec![key]).await.remove(0).unwrap();
    }
    let one_by_one = pages_written(&store).await;
    for (answer, key) in write(&store, keys(2)).await.into_iter().zip(keys(2)) {
        let found = answer.unwrap().remove(0).get::<String>("key").unwrap();
        assert_eq!(Some(found), key, "each has its own answer");
    }
    let together = pages_written(&store).await;
    assert!(together < one_by_one / 10, "{together} pages, {one_by_one} one by one");
    assert_eq!(rows(&store, "SELECT key FROM links").await.len(), 120);
}

#[tokio::test]
async fn a_message_that_fails_takes_none_of_the_others_along() {
    let (store, _directory) = new_store().await;
    let mut keys = keys(0);
    keys[7] = None;
    keys[9] = keys[8].clone();
    let answers = write(&store, keys).await;
    let failed: Vec<usize> = (0..40).filter(|number| answers[*number].is_err()).collect();
    assert_eq!(failed, [7, 9]);
    assert!(answers[9].as_ref().is_err_and(StoreError::is_conflict));
    assert_eq!(rows(&store, "SELECT key FROM links").await.len(), 38);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_is_dropped() {
    let (store, _directory) = new_store().await;
    let Engine::Sqlite { writer, .. } = &store.database.engine else {
        unreachable!("the store is a file")
    };
    let mut lent = writer.lend().await.unwrap();
    lent.keep();
    let gone = store.database.write_at_once("link", &[INSERT], vec!["gone".into()]);
    assert!(tokio::time::timeout(Duration::from_millis(1), gone).await.is_err());
    drop(lent);
    write(&store, keys(0)).await;
    assert_eq!(rows(&store, "SELECT key FROM links").await.len(), 40);
}
