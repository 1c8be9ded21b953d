//! The rows by which replicas share a limit: whatever comes at the same time or too late, together
//! they never say more than the limit.

use super::*;
use crate::domain::share::{HeldShare, ReplicaRow, Step};

const LEASE: Duration = Duration::from_secs(5);

on_both_engines! {
    a_replica_enters_takes_gives_and_ends
    who_takes_at_the_same_time_never_gets_more_than_the_limit_together
    what_comes_too_late_changes_nothing
    a_row_of_an_earlier_version_counts_as_its_part
    a_row_that_has_changed_is_not_forgotten
}

fn held(share: u32) -> HeldShare {
    HeldShare { share, need: 50, lease: LEASE }
}

fn take(share: u32, version: i64) -> Step {
    Step::Take { held: held(share), version, limit: 50, earlier_version: 25, places: share }
}

fn enter() -> Step {
    Step::Enter { held: held(0), earlier_for: 6 * LEASE }
}

async fn row(store: &Store, id: &str) -> ReplicaRow {
    store.load_replicas().await.unwrap().into_iter().find(|row| row.id == id).unwrap()
}

async fn shares(store: &Store) -> Vec<(String, u32)> {
    store
        .load_replicas()
        .await
        .unwrap()
        .into_iter()
        .filter_map(|row| Some((row.id, row.held?.share)))
        .collect()
}

/// Enters, and takes so much.
async fn with_share(store: &Store, id: &str, share: u32) -> i64 {
    assert!(store.save_share(id, &enter()).await.unwrap());
    let version = row(store, id).await.version;
    assert_eq!(store.save_share(id, &take(share, version)).await.unwrap(), share <= 50);
    row(store, id).await.version
}

async fn a_replica_enters_takes_gives_and_ends(home: Home) {
    let store = home.store().await;
    assert_eq!(store.load_replicas().await.unwrap(), []);
    let version = with_share(&store, "a", 50).await;
    assert_eq!(row(&store, "a").await.held, Some(held(50)));
    assert!(!store.save_share("a", &enter()).await.unwrap(), "it is there");
    let other = with_share(&store, "b", 0).await;
    assert!(!store.save_share("b", &take(1, other)).await.unwrap(), "nothing is left");
    let given = HeldShare { need: 0, ..held(5) };
    assert!(store.save_share("a", &Step::Keep { held: given, version }).await.unwrap());
    let version = row(&store, "a").await.version;
    assert!(
        !store.save_share("a", &Step::Keep { held: held(6), version }).await.unwrap(),
        "who keeps does not take"
    );
    assert!(store.save_share("b", &take(45, other)).await.unwrap());
    assert_eq!(shares(&store).await, [("a".to_owned(), 5), ("b".to_owned(), 45)]);
    store.end_replica("a", 3).await.unwrap();
    let ended = row(&store, "a").await;
    assert_eq!(
        ended.held,
        Some(HeldShare { share: 3, need: 0, lease: Duration::ZERO }),
        "what it has spent counts for a window"
    );
    store.forget_replicas(&[ended]).await.unwrap();
    store.end_replica("b", 0).await.unwrap();
    assert_eq!(store.load_replicas().await.unwrap(), []);
}

async fn who_takes_at_the_same_time_never_gets_more_than_the_limit_together(home: Home) {
    let url = home.url();
    // Each has connections of its own, as a process has.
    let takers = (0..4).map(|number| {
        let (url, id) = (url.clone(), format!("replica-{number}"));
        tokio::spawn(async move {
            let store = Store::open(&url).await.unwrap();
            let mut random = fastrand::Rng::with_seed(number);
            let (mut refused, mut taken) = (0, 0);
            for _ in 0..60 {
                let rows = store.load_replicas().await.unwrap();
                let all: u32 = rows.iter().filter_map(|row| Some(row.held?.share)).sum();
                assert!(all <= 50, "{rows:?}");
                let Some(row) = rows.iter().find(|row| row.id == id) else {
                    assert!(store.save_share(&id, &enter()).await.unwrap());
                    continue;
                };
                let share = row.held.unwrap().share;
                let step = if share == 0 || random.bool() {
                    take(share + 50_u32.saturating_sub(all), row.version)
                } else {
                    Step::Keep { held: held(random.u32(0..share)), version: row.version }
                };
                let is_done = store.save_share(&id, &step).await.unwrap();
                *(if is_done { &mut taken } else { &mut refused }) += 1;
            }
            store.close().await;
            (refused, taken)
        })
    });
    let takers: Vec<_> = takers.collect();
    let (mut refused, mut taken) = (0, 0);
    for taker in takers {
        let outcome = taker.await.unwrap();
        (refused, taken) = (refused + outcome.0, taken + outcome.1);
    }
    assert!(taken > 0, "{taken} steps, {refused} refused");
    let all: u32 = shares(&home.store().await).await.iter().map(|(_, share)| share).sum();
    assert!(all <= 50, "{all}");
}

async fn what_comes_too_late_changes_nothing(home: Home) {
    let store = home.store().await;
    let version = with_share(&store, "a", 30).await;
    let early = Step::Keep { held: held(10), version };
    assert!(store.save_share("a", &early).await.unwrap());
    assert!(!store.save_share("a", &early).await.unwrap(), "a message that is sent twice");
    let version = row(&store, "a").await.version;
    assert!(store.save_share("a", &take(40, version)).await.unwrap());
    for late in [Step::Keep { held: held(5), version }, take(45, version)] {
        assert!(!store.save_share("a", &late).await.unwrap(), "{late:?}");
    }
    assert_eq!(shares(&store).await, [("a".to_owned(), 40)]);
    // A clock that was set back does not make a version twice.
    execute(&store, "UPDATE replicas SET seen_at_ms = seen_at_ms + 60000").await;
    let ahead = row(&store, "a").await.version;
    assert!(store.save_share("a", &Step::Keep { held: held(40), version: ahead }).await.unwrap());
    assert_eq!(row(&store, "a").await.version, ahead + 1);
}

async fn a_row_of_an_earlier_version_counts_as_its_part(home: Home) {
    let store = home.store().await;
    execute(&store, "INSERT INTO replicas (id, seen_at_ms) VALUES ('earlier', {now}), ('long gone', {now} - 31000)").await;
    let version = with_share(&store, "new", 0).await;
    assert_eq!(store.load_replicas().await.unwrap().len(), 2, "what died long ago does not count");
    assert_eq!(row(&store, "earlier").await.held, None);
    assert!(!store.save_share("new", &take(26, version)).await.unwrap());
    assert!(store.save_share("new", &take(25, version)).await.unwrap());
    // As an earlier version says that it lives.
    execute(
        &store,
        "INSERT INTO replicas (id, seen_at_ms) VALUES ('earlier', {now}) ON CONFLICT (id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms",
    )
    .await;
    assert_eq!(
        (row(&store, "earlier").await.held, shares(&store).await),
        (None, vec![("new".to_owned(), 25)])
    );
}

async fn a_row_that_has_changed_is_not_forgotten(home: Home) {
    let store = home.store().await;
    let version = with_share(&store, "a", 20).await;
    let seen = row(&store, "a").await;
    assert!(store.save_share("a", &Step::Keep { held: held(20), version }).await.unwrap());
    store.forget_replicas(std::slice::from_ref(&seen)).await.unwrap();
    assert_eq!(shares(&store).await, [("a".to_owned(), 20)]);
    store.forget_replicas(&[row(&store, "a").await]).await.unwrap();
    assert_eq!(shares(&store).await, []);
    assert!(
        !store.save_share("a", &take(20, version)).await.unwrap(),
        "whoever was forgotten enters again"
    );
}
