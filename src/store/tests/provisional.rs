//! Runs that a crash of the machine may still lose, and what makes sure of them.

use super::*;

on_both_engines! {
    a_run_whose_caller_waits_is_settled_by_a_commit_that_changes_its_row
    a_provisional_run_that_has_ended_is_settled_by_a_commit_that_changes_its_row
    a_provisional_end_begins_the_run_that_waits
    a_provisional_end_that_is_carried_out_twice_does_what_it_did_once
}

async fn a_run_whose_caller_waits_is_settled_by_a_commit_that_changes_its_row(home: Home) {
    let store = home.store().await;
    let (here, there) = (process(), process());
    let awaited_until = Some(Timestamp::now() + Duration::from_mins(1));
    let awaited = NewRun { awaited_until, ..new_run() };
    let Admission::Claimed(run) = store.admit(&awaited, &here).await.unwrap() else {
        panic!("the record is free")
    };
    assert!(run.is_provisional);
    // What changes nothing is not written, so nothing would be waited for: also not twice in one
    // millisecond.
    let mut lease = lease_until(&store).await;
    for _ in 0..50 {
        store.settle(run.claim, &here).await.unwrap();
        let renewed = lease_until(&store).await;
        assert!(renewed > lease, "{renewed} after {lease}");
        lease = renewed;
    }
    let lost = store.settle(run.claim, &there).await;
    assert!(matches!(lost, Err(StoreError::ClaimLost(id)) if id == awaited.id), "{lost:?}");
    assert_eq!(lease_until(&store).await, lease);

    let unawaited = NewRun {
        parent_record_id: SalesforceId::parse("006S900000795MNIAY").unwrap(),
        ..new_run()
    };
    let Admission::Claimed(run) = store.admit(&unawaited, &here).await.unwrap() else {
        panic!("the record is free")
    };
    assert!(!run.is_provisional, "its caller goes away at once");
}

/// A provisional run, and its end.
async fn provisional(store: &Store, claimant: &Claimant) -> ClaimedRun {
    let awaited_until = Some(Timestamp::now() + Duration::from_mins(1));
    let run = claims::claim(store, &NewRun { awaited_until, ..new_run() }, claimant).await;
    assert!(run.is_provisional);
    run
}

async fn end_provisionally(
    store: &Store,
    run: &ClaimedRun,
    next: Option<&Claimant>,
) -> Option<ClaimedRun> {
    let result = completed().into();
    let ended = EndedTry { is_provisional: true, ..ended_with(&result) };
    store.end(run, &ended, next).await.unwrap()
}

async fn a_provisional_run_that_has_ended_is_settled_by_a_commit_that_changes_its_row(home: Home) {
    let (store, here) = (home.store().await, process());
    let run = provisional(&store, &here).await;
    let id = run.claim.run;
    store.settle_ended(id).await.unwrap();
    let lease = lease_until(&store).await;
    assert_eq!(end_provisionally(&store, &run, Some(&here)).await, None);
    let ended = store.load_run(id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended_at), (RunState::Ended, Some(instant(800))));
    assert_eq!(lease_until(&store).await, 0, "not {lease}");
    store.settle_ended(id).await.unwrap();
    assert_eq!(lease_until(&store).await, 1);
    store.settle(run.claim, &here).await.unwrap();
    assert_eq!(lease_until(&store).await, 2);
    assert_eq!(store.load_run(id).await.unwrap().unwrap().state, RunState::Ended);
}

async fn a_provisional_end_begins_the_run_that_waits(home: Home) {
    let (store, here) = (home.store().await, process());
    let (first, second) = (provisional(&store, &here).await, new_run());
    assert_eq!(store.admit(&second, &here).await.unwrap(), Admission::Waits(second.id));
    let begun = end_provisionally(&store, &first, Some(&here)).await.expect("one waits");
    assert_eq!((begun.claim.run, begun.claim.fence), (second.id, 1));
    assert!(!begun.is_provisional, "another process could get the same fence after a crash");
    // Without a claimant it waits for its turn.
    let third = new_run();
    assert_eq!(store.admit(&third, &here).await.unwrap(), Admission::Waits(third.id));
    assert_eq!(end_provisionally(&store, &begun, None).await, None);
    assert_eq!(store.load_run(third.id).await.unwrap().unwrap().state, RunState::Waiting);
}

async fn a_provisional_end_that_is_carried_out_twice_does_what_it_did_once(home: Home) {
    let (store, here, there) = (home.store().await, process(), process());
    let (first, second) = (provisional(&store, &here).await, new_run());
    assert_eq!(store.admit(&second, &here).await.unwrap(), Admission::Waits(second.id));
    let begun = end_provisionally(&store, &first, Some(&here)).await.expect("one waits");
    assert_eq!(end_provisionally(&store, &first, Some(&here)).await, Some(begun));
    assert_eq!(end_provisionally(&store, &first, Some(&there)).await, None);
}

async fn lease_until(store: &Store) -> i64 {
    rows(store, "SELECT lease_until_ms FROM runs").await[0].get("lease_until_ms").unwrap()
}

#[tokio::test]
async fn after_a_provisional_commit_the_next_one_waits_for_the_disk_again() {
    let (store, _directory) = new_store().await;
    let Engine::Sqlite { writer, .. } = &store.database.engine else {
        unreachable!("the store is a file")
    };
    let synchronous = async || {
        let mut lent = writer.lend().await.unwrap();
        let asked = lent.work(|connection| {
            connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
        });
        let synchronous = asked.await.unwrap();
        lent.keep();
        synchronous
    };
    assert_eq!(synchronous().await, 2);
    let insert = "INSERT INTO shown_names (org, name) VALUES ('org', $1)";
    for name in ["one", "two"] {
        let seen = "SELECT synchronous FROM pragma_synchronous";
        let values = vec![name.into()];
        let answer =
            store.database.write_provisionally("look", &[insert, seen], values).await.unwrap();
        assert_eq!(answer[0].get::<i64>("synchronous").unwrap(), 1, "the disk is not waited for");
        assert_eq!(synchronous().await, 2);
    }
    // One that fails leaves no other state behind.
    let twice = store.database.write_provisionally("look", &[insert], vec!["one".into()]).await;
    assert!(twice.is_err_and(|error| error.is_conflict()));
    assert_eq!(synchronous().await, 2);
}
