//! Ends that end dating made, on both engines: who remembers them, and until when; and which runs a
//! replay of many takes.

use super::*;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::made_end::{MadeEnd, SaidBy, SaidEnd};
use crate::store::{NotReopened, RunFilter};

on_both_engines! {
    an_end_is_remembered_with_who_made_it_until_it_is_known_not_to_be_made
    the_last_end_of_an_object_is_the_only_one_once_it_is_made
    an_end_is_written_by_whoever_holds_the_run_alone
    a_record_is_reopened_with_all_that_was_ended_and_nothing_is_under_way
    a_replay_of_many_takes_the_last_failed_run_of_a_kind_that_nothing_succeeded_after
}

const OTHER_ROOT: &str = "006S900000795MNIAY";

fn order() -> RunTask {
    RunTask::EndDate(EndDateOrder {
        end_date: EndDate::parse("2026-07-01").unwrap(),
        entities: vec![BillingEntity::Contract],
        children: Children::LeftAlone,
    })
}

fn made(held: Claim, m3ter_id: &str, said: Option<&str>) -> MadeEnd {
    MadeEnd {
        m3ter_id: m3ter(m3ter_id),
        entity: BillingEntity::Contract,
        run: held.run,
        record: record(ROOT),
        by: None,
        at: instant(5),
        end: "2026-07-01".to_owned(),
        former_end: Some("2027-01-01".to_owned()),
        said: SaidEnd { end: said.map(ToOwned::to_owned), by: SaidBy::Salesforce },
    }
}

async fn of(store: &Store, m3ter_id: &str) -> Vec<MadeEnd> {
    store.load_ends(&[m3ter(m3ter_id)]).await.unwrap().remove(&m3ter(m3ter_id)).unwrap_or_default()
}

/// A run of an end dating that a process holds.
async fn ending(store: &Store, requested_by: Option<&str>) -> Claim {
    let run = NewRun {
        task: order(),
        dry_run: true,
        requested_by: requested_by.map(ToOwned::to_owned),
        ..new_run()
    };
    let Admission::Claimed(claimed) = store.admit(&run, &process()).await.unwrap() else {
        unreachable!("dry runs wait for nobody")
    };
    claimed.claim
}

async fn an_end_is_remembered_with_who_made_it_until_it_is_known_not_to_be_made(home: Home) {
    let store = home.store().await;
    let held = ending(&store, Some("o'hara \\ ops")).await;
    let ends = [
        made(held, M3TER_ID, Some("2027-01-01")),
        MadeEnd { former_end: None, ..made(held, OTHER_M3TER_ID, None) },
    ];
    store.remember_ends(held, &ends).await.unwrap();
    store.remember_ends(held, &ends).await.unwrap();
    for end in &ends {
        let by = Some("o'hara \\ ops".to_owned());
        assert_eq!(of(&store, end.m3ter_id.as_str()).await, [MadeEnd { by, ..end.clone() }]);
    }
    store.settle_ends(held, &[m3ter(M3TER_ID)], &[m3ter(OTHER_M3TER_ID)]).await.unwrap();
    assert_eq!((of(&store, M3TER_ID).await.len(), of(&store, OTHER_M3TER_ID).await.len()), (1, 0));
    store.inherit_ends(held, &m3ter(M3TER_ID), &m3ter(OTHER_M3TER_ID)).await.unwrap();
    assert_eq!(of(&store, OTHER_M3TER_ID).await[0].end, "2026-07-01");
    store.forget_ends(held, &[(m3ter(M3TER_ID), held.run)]).await.unwrap();
    assert_eq!((of(&store, M3TER_ID).await.len(), of(&store, OTHER_M3TER_ID).await.len()), (0, 1));
    assert_eq!(store.load_ends(&[]).await.unwrap().len(), 0);
}

async fn the_last_end_of_an_object_is_the_only_one_once_it_is_made(home: Home) {
    let store = home.store().await;
    let (first, second) = (ending(&store, None).await, ending(&store, None).await);
    store.remember_ends(first, &[made(first, M3TER_ID, None)]).await.unwrap();
    let earlier =
        MadeEnd { end: "2026-05-01".to_owned(), at: instant(9), ..made(second, M3TER_ID, None) };
    store.remember_ends(second, std::slice::from_ref(&earlier)).await.unwrap();
    assert_eq!(of(&store, M3TER_ID).await.len(), 2, "as long as nobody knows, both are");
    // Taking back what it knew does not take back what was made since.
    store.settle_ends(second, &[m3ter(M3TER_ID)], &[]).await.unwrap();
    store.forget_ends(first, &[(m3ter(M3TER_ID), first.run)]).await.unwrap();
    assert_eq!(of(&store, M3TER_ID).await, [earlier]);
}

async fn an_end_is_written_by_whoever_holds_the_run_alone(home: Home) {
    let store = home.store().await;
    let held = ending(&store, None).await;
    let lost = Claim { fence: held.fence + 1, ..held };
    let end = made(held, M3TER_ID, None);
    for error in [
        store.remember_ends(lost, std::slice::from_ref(&end)).await.unwrap_err(),
        store.settle_ends(lost, std::slice::from_ref(&end.m3ter_id), &[]).await.unwrap_err(),
        store.forget_ends(lost, &[(end.m3ter_id.clone(), end.run)]).await.unwrap_err(),
        store.inherit_ends(lost, &end.m3ter_id, &end.m3ter_id).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::ClaimLost(run) if run == held.run), "{error:?}");
    }
    assert!(of(&store, M3TER_ID).await.is_empty());
}

async fn a_record_is_reopened_with_all_that_was_ended_and_nothing_is_under_way(home: Home) {
    let store = home.store().await;
    // One of the record's own, ended with another record; and one that nothing links to it, ended
    // with it.
    save_links(&store, &[link(EntityKind::Contract, OTHER_M3TER_ID, LinkRelation::Owned)]).await;
    let held = ending(&store, None).await;
    let of_other = MadeEnd { record: record(OTHER_ROOT), ..made(held, OTHER_M3TER_ID, None) };
    store.remember_ends(held, &[made(held, M3TER_ID, None), of_other]).await.unwrap();
    assert_eq!(store.plan_reopening(&record(ROOT)).await.unwrap().unwrap().ends.len(), 2);
    assert_eq!(store.plan_reopening(&record(OTHER_ROOT)).await.unwrap().unwrap().ends.len(), 1);

    let busy = NewRun { parent_record_id: record(OTHER_ROOT), ..new_run() };
    let Admission::Claimed(running) = store.admit(&busy, &process()).await.unwrap() else {
        panic!("nothing is in its way")
    };
    assert_eq!(
        store.reopen(&record(ROOT), None, instant(9)).await.unwrap(),
        Err(NotReopened::Busy(record(OTHER_ROOT)))
    );
    assert_eq!(
        store.plan_reopening(&record(ROOT)).await.unwrap().unwrap().ends.len(),
        2,
        "all or none"
    );
    end(&store, running.claim, &completed(), None).await.unwrap();

    // An end dating that was to be tried again would end it once more.
    let failed = NewRun { task: order(), ..new_run() };
    let Admission::Claimed(claimed) = store.admit(&failed, &process()).await.unwrap() else {
        panic!("nothing is in its way")
    };
    let failure = Failure::new(ErrorCode::M3terUnavailable, "away");
    let result = SyncResult { next_try_at: Some(instant(60_000)), ..failed_by(failure) };
    end(&store, claimed.claim, &result, None).await.unwrap();
    assert_eq!(state_of(&store, failed.id).await, "retrying");

    let reopening = store.reopen(&record(ROOT), Some("ops"), instant(9)).await.unwrap().unwrap();
    assert_eq!((reopening.ends.len(), reopening.runs.len()), (2, 2));
    for (concerned, run) in &reopening.runs {
        let run = store.load_run(*run).await.unwrap().unwrap();
        assert_eq!(
            (run.state, run.kind.as_str(), &run.parent_record_id),
            (RunState::Ended, "reopen", &concerned.to_string())
        );
        assert_eq!(
            (run.requested_by, run.result.unwrap().warnings.len()),
            (vec!["ops".to_owned()], 2)
        );
        assert!(
            store.load_request(run.sync_run_id).await.unwrap().is_none(),
            "what an operator did by hand is done once"
        );
    }
    let given_up = store.load_run(failed.id).await.unwrap().unwrap();
    assert_eq!((given_up.state, given_up.next_try_at), (RunState::Ended, None));
    assert!(
        given_up.superseded_by.is_some_and(|run| reopening.runs.iter().any(|(_, own)| *own == run))
    );
    assert_eq!(
        store.reopen(&record(ROOT), None, instant(9)).await.unwrap(),
        Err(NotReopened::NothingEnded(record(ROOT)))
    );
}

/// A run of a record that has ended.
async fn ended(store: &Store, record_id: &str, task: RunTask, fails: bool) -> SyncRunId {
    let run = NewRun { task, parent_record_id: record(record_id), ..new_run() };
    let Admission::Claimed(claimed) = store.admit(&run, &process()).await.unwrap() else {
        panic!("the record is not free")
    };
    let failure = Failure::new(ErrorCode::RecordNotSynced, "away");
    let result = if fails { failed_by(failure) } else { completed() };
    store
        .end(&claimed, &EndedTry { ended_at: Timestamp::now(), ..ended_with(&result.into()) }, None)
        .await
        .unwrap();
    run.id
}

async fn a_replay_of_many_takes_the_last_failed_run_of_a_kind_that_nothing_succeeded_after(
    home: Home,
) {
    let store = home.store().await;
    let (end, sync) = (order, || RunTask::Sync);
    let ids = [
        "006S900000795MMIAY",
        "006S900000795MNIAY",
        "006S90000079FIVIA2",
        "006S90000079DELIA2",
        "006S90000079HIDIA2",
    ];
    // An end dating that failed, and a sync since: the end dating is not carried out any more.
    ended(&store, ids[0], end(), true).await;
    ended(&store, ids[0], sync(), false).await;
    // A sync that failed, and an end dating since.
    ended(&store, ids[1], sync(), true).await;
    ended(&store, ids[1], end(), false).await;
    // Two that failed: the last one. What failed of the other kind does not matter.
    ended(&store, ids[2], sync(), true).await;
    let last_sync = ended(&store, ids[2], sync(), true).await;
    let last_end = ended(&store, ids[2], end(), true).await;
    let only_sync = ended(&store, ids[3], sync(), true).await;
    ended(&store, ids[4], sync(), false).await;
    for (kind, expected) in [("sync", vec![last_sync, only_sync]), ("endDate", vec![last_end])] {
        let filter = RunFilter { kind: Some(kind), limit: 100, ..RunFilter::default() };
        let planned = store.plan_replays(&filter).await.unwrap();
        assert_eq!(
            planned.iter().map(|replay| replay.failed).collect::<Vec<_>>(),
            expected,
            "{kind}"
        );
        assert!(planned.iter().all(|replay| replay.run.is_none()
            && replay.error_code.as_deref() == Some("RECORD_NOT_SYNCED")));
        assert_eq!(store.plan_replays(&filter).await.unwrap(), planned, "a plan changes nothing");
        let scheduled =
            store.schedule_replays(&filter, Duration::from_millis(400), None).await.unwrap();
        assert_eq!(
            scheduled.iter().map(|replay| replay.failed).collect::<Vec<_>>(),
            expected,
            "{kind}"
        );
        for replay in scheduled {
            let run = store.load_run(replay.run.unwrap()).await.unwrap().unwrap();
            assert_eq!((run.replay_of, run.kind.as_str()), (Some(replay.failed), kind));
        }
    }
}
