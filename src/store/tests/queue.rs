//! The queue on both engines: who is next, and how many may wait.

use super::claims::{begin_first, claim};
use super::*;
use crate::store::{OpenRuns, QueueBounds, QueueClass, QueueFull, QueueHead, QueueWait, RunFilter};

on_both_engines! {
    a_waiting_run_whose_turn_nobody_has_begins
    each_caller_has_one_head_of_each_class
    a_run_counts_as_awaited_as_long_as_somebody_waits
    what_waits_for_a_record_has_no_turn_before_that_is_free_and_goes_in_its_order
    a_pause_leaves_dry_runs_at_the_head_only
    so_many_runs_may_wait_of_a_caller_and_in_all
    a_run_of_the_queue_is_begun_by_one_process_only
    dry_runs_for_the_same_share_the_one_that_waits
    what_is_tried_again_and_what_is_replayed_have_their_own_heads
}

/// The id of a deal of its own.
fn deal(number: u32) -> SalesforceId {
    record(&format!("006S90000{number:06}"))
}

fn by(name: &str, number: u32) -> NewRun {
    NewRun { requested_by: Some(name.to_owned()), parent_record_id: deal(number), ..new_run() }
}

async fn enqueue(store: &Store, run: NewRun) -> SyncRunId {
    assert_eq!(store.enqueue(&run).await.unwrap(), Admission::Waits(run.id));
    run.id
}

async fn heads(store: &Store, now: Timestamp) -> Vec<(SyncRunId, Option<String>, QueueClass)> {
    let heads = store.load_queue_heads(None, now).await.unwrap();
    heads.into_iter().map(|QueueHead { run, caller, class }| (run, caller, class)).collect()
}

async fn each_caller_has_one_head_of_each_class(home: Home) {
    let store = home.store().await;
    let mut first = Vec::new();
    for name in ["flow", "erp"] {
        for number in 0..3 {
            let run = enqueue(&store, by(name, number + if name == "flow" { 0 } else { 10 })).await;
            if number == 0 {
                first.push((run, Some(name.to_owned()), QueueClass::Accepted));
            }
        }
    }
    for number in 20..22 {
        let run = enqueue(&store, NewRun { parent_record_id: deal(number), ..new_run() }).await;
        if number == 20 {
            first.push((run, None, QueueClass::Accepted));
        }
    }
    let awaited =
        enqueue(&store, NewRun { awaited_until: Some(instant(500)), ..by("flow", 30) }).await;
    first.push((awaited, Some("flow".to_owned()), QueueClass::Awaited));
    assert_eq!(heads(&store, instant(0)).await, first);
    let one = store.load_queue_heads(Some(&deal(11)), instant(0)).await.unwrap();
    assert_eq!(
        one.iter().map(|head| head.caller.as_deref()).collect::<Vec<_>>(),
        [Some("erp")],
        "of one record only"
    );
}

async fn a_run_counts_as_awaited_as_long_as_somebody_waits(home: Home) {
    let store = home.store().await;
    let run = enqueue(&store, NewRun { awaited_until: Some(instant(100)), ..by("flow", 1) }).await;
    let class = async |ms| {
        heads(&store, instant(ms))
            .await
            .into_iter()
            .map(|(id, _, class)| (id, class))
            .collect::<Vec<_>>()
    };
    assert_eq!(class(99).await, [(run, QueueClass::Awaited)]);
    assert_eq!(class(100).await, [(run, QueueClass::Accepted)]);
    // A caller that shares it and waits longer.
    let joins = NewRun { awaited_until: Some(instant(60_000)), ..by("erp", 1) };
    assert_eq!(store.enqueue(&joins).await.unwrap(), Admission::Waits(run));
    assert_eq!(class(50_000).await, [(run, QueueClass::Awaited)]);
    assert_eq!(store.enqueue(&by("erp", 1)).await.unwrap(), Admission::Waits(run));
    assert_eq!(
        class(50_000).await,
        [(run, QueueClass::Awaited)],
        "who does not wait takes nothing away"
    );
    let begun = store.claim_waiting(run, instant(10), &process()).await.unwrap().unwrap();
    assert_eq!(
        (begun.awaited_until, begun.requested_by.as_deref()),
        (Some(instant(60_000)), Some("flow"))
    );
}

async fn what_waits_for_a_record_has_no_turn_before_that_is_free_and_goes_in_its_order(home: Home) {
    let (store, here) = (home.store().await, process());
    let Admission::Claimed(running) = store.admit(&by("flow", 1), &here).await.unwrap() else {
        panic!("nothing is in its way")
    };
    let first = enqueue(&store, by("flow", 1)).await;
    let plan = crate::domain::plan::Plan::default().hash();
    let second = enqueue(&store, NewRun { expected_plan: Some(plan), ..by("erp", 1) }).await;
    assert_eq!(heads(&store, instant(0)).await, []);
    let dry = enqueue(&store, NewRun { dry_run: true, ..by("erp", 1) }).await;
    assert_eq!(
        heads(&store, instant(0)).await.iter().map(|head| head.0).collect::<Vec<_>>(),
        [dry],
        "a dry run waits for no record"
    );
    store.claim_waiting(dry, instant(0), &here).await.unwrap().unwrap();
    assert_eq!(store.claim_waiting(second, instant(0), &here).await.unwrap(), None);
    assert_eq!(store.load_wait(first).await.unwrap(), Some(QueueWait::Record));
    assert_eq!(store.load_wait(dry).await.unwrap(), None, "it has begun");
    end(&store, running.claim, &completed(), None).await.unwrap();
    assert_eq!(store.load_wait(second).await.unwrap(), Some(QueueWait::Turn { waiting: 2 }));
    for run in [first, second] {
        assert_eq!(
            heads(&store, instant(0)).await.iter().map(|head| head.0).collect::<Vec<_>>(),
            [run]
        );
        let begun = store.claim_waiting(run, instant(0), &here).await.unwrap().unwrap();
        end(&store, begun.claim, &completed(), None).await.unwrap();
    }
}

async fn a_pause_leaves_dry_runs_at_the_head_only(home: Home) {
    let store = home.store().await;
    let wet = enqueue(&store, by("flow", 1)).await;
    let dry = enqueue(&store, NewRun { dry_run: true, ..by("flow", 2) }).await;
    let said = crate::store::Said { by: None, reason: Some("prices are wrong"), at: instant(0) };
    store.pause(said).await.unwrap();
    assert_eq!(
        heads(&store, instant(0)).await.iter().map(|head| head.0).collect::<Vec<_>>(),
        [dry]
    );
    assert_eq!(store.claim_waiting(wet, instant(0), &process()).await.unwrap(), None);
    store.resume(said).await.unwrap();
    assert_eq!(
        heads(&store, instant(0)).await.iter().map(|head| head.0).collect::<Vec<_>>(),
        [wet],
        "the older one of the two"
    );
}

async fn so_many_runs_may_wait_of_a_caller_and_in_all(home: Home) {
    let store = home.store().await.bounded(QueueBounds { of_caller: 2, all: 3 });
    let first = enqueue(&store, by("flow", 1)).await;
    enqueue(&store, by("flow", 2)).await;
    let refused = by("flow", 3);
    assert_eq!(store.enqueue(&refused).await.unwrap(), Admission::Refused(QueueFull::OfCaller(2)));
    assert!(store.load_run(refused.id).await.unwrap().is_none(), "nothing is recorded");
    assert_eq!(
        store.enqueue(&by("flow", 1)).await.unwrap(),
        Admission::Waits(first),
        "who joins adds none"
    );
    enqueue(&store, by("erp", 4)).await;
    assert_eq!(store.enqueue(&by("erp", 5)).await.unwrap(), Admission::Refused(QueueFull::All(3)));
    // What begins at once waits for nobody, and what its record lets wait counts.
    let Admission::Claimed(_) = store.admit(&by("erp", 5), &process()).await.unwrap() else {
        panic!("nothing is in its way")
    };
    assert_eq!(
        store.admit(&by("erp", 5), &process()).await.unwrap(),
        Admission::Refused(QueueFull::All(3))
    );
    store.claim_waiting(first, instant(0), &process()).await.unwrap().unwrap();
    enqueue(&store, by("flow", 3)).await;
}

async fn a_run_of_the_queue_is_begun_by_one_process_only(home: Home) {
    let store = home.store().await;
    let run = enqueue(&store, by("flow", 1)).await;
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = home.store().await;
        takers
            .spawn(async move { store.claim_waiting(run, instant(0), &process()).await.unwrap() });
    }
    assert_eq!(takers.join_all().await.into_iter().flatten().count(), 1);
}

async fn dry_runs_for_the_same_share_the_one_that_waits(home: Home) {
    let (store, here) = (home.store().await, process());
    let dry = |name: &str, number| NewRun { dry_run: true, ..by(name, number) };
    let waiting = enqueue(&store, dry("flow", 1)).await;
    enqueue(&store, by("flow", 1)).await;
    enqueue(&store, dry("flow", 2)).await;
    assert_eq!(store.enqueue(&dry("erp", 1)).await.unwrap(), Admission::Waits(waiting));
    assert_eq!(
        store.admit(&dry("crm", 1), &here).await.unwrap(),
        Admission::Waits(waiting),
        "also where there is a place for it"
    );
    let shown = store.load_run(waiting).await.unwrap().unwrap();
    assert_eq!(shown.requested_by.len(), 3, "{:?}", shown.requested_by);
    store.claim_waiting(waiting, instant(0), &here).await.unwrap().unwrap();
    let Admission::Claimed(_) = store.admit(&dry("crm", 1), &here).await.unwrap() else {
        panic!("the other one reads by now")
    };
}

async fn what_is_tried_again_and_what_is_replayed_have_their_own_heads(home: Home) {
    let (store, here) = (home.store().await, process());
    let fails = |next_try_at| {
        let failure = Failure::new(ErrorCode::M3terUnavailable, "");
        SyncResult { next_try_at, ..failed_by(failure) }
    };
    let mut held = Vec::new();
    for number in 1..=3 {
        let Admission::Claimed(run) = store.admit(&by("flow", number), &here).await.unwrap() else {
            panic!("nothing is in its way")
        };
        let tries = RunTry {
            started_at: instant(0),
            ended_at: instant(800),
            sync_status: crate::domain::outcome::SyncStatus::Failed,
            error_code: None,
            message: String::new(),
        };
        let result = WrittenResult::from(fails((number < 3).then_some(instant(number.into()))));
        let ended = EndedTry { tries: &[tries], ..ended_with(&result) };
        store.end(&run, &ended, None).await.unwrap();
        held.push(run.claim.run);
    }
    let of_third = RunFilter { parent_record_id: Some(deal(3)), limit: 1, ..RunFilter::default() };
    let planned =
        store.schedule_replays(&of_third, Duration::ZERO, Some("ops".to_owned())).await.unwrap()[0]
            .run
            .unwrap();
    let later = Timestamp::now().checked_add(Duration::from_mins(1)).unwrap();
    let expected = [
        (held[0], Some("flow".to_owned()), QueueClass::Retry),
        (planned, Some("ops".to_owned()), QueueClass::Replay),
    ];
    assert_eq!(heads(&store, later).await, expected);
    assert_eq!(heads(&store, instant(0)).await, [], "neither is due");
    let again = store.claim_due(held[0], instant(900), &here).await.unwrap().unwrap();
    assert_eq!((again.is_planned, again.tries.len()), (false, 1));
    assert!(store.claim_due(planned, instant(900), &here).await.unwrap().unwrap().is_planned);
}

async fn a_waiting_run_whose_turn_nobody_has_begins(home: Home) {
    let (store, here) = (home.store().await, process());
    claim(&store, &new_run(), &here).await;
    let waiting = NewRun {
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 a=b".to_owned()),
        ..new_run()
    };
    store.admit(&waiting, &here).await.unwrap();
    assert_eq!(
        store.load_queue_heads(None, instant(0)).await.unwrap(),
        [],
        "another run of its record is under way"
    );
    execute(&store, "UPDATE runs SET requested_at_ms = {now} - 60000 WHERE state = 'waiting'")
        .await;
    let open = store.count_open_runs().await.unwrap();
    assert_eq!(open, OpenRuns { running: 1, waiting: 1, most_of_a_caller: 1, retrying: 0, ..open });
    assert!(open.oldest_waiting >= Duration::from_mins(1), "{open:?}");
    execute(&store, "UPDATE runs SET state = 'ended' WHERE state = 'running'").await;
    assert_eq!(store.load_claimable(None).await.unwrap().waiting, 1);
    let begun = begin_first(&store, &here).await.unwrap();
    assert_eq!(
        (begun.claim.run, begun.trace),
        (waiting.id, waiting.trace),
        "its trace was kept meanwhile"
    );
    assert_eq!(
        store.claim_waiting(waiting.id, instant(0), &here).await.unwrap(),
        None,
        "it has begun"
    );
}
