//! Claims on both engines: one run at a time on a record, one process at a time on a run.

use super::*;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::outcome::SyncStatus;
use crate::domain::plan::Plan;
use crate::store::{OpenRuns, QueueClass, RunFilter};

on_both_engines! {
    one_run_of_a_record_runs_and_one_waits_and_further_ones_join_it
    the_waiting_run_begins_in_the_transaction_that_ends_the_running_one
    a_message_that_is_carried_out_twice_does_what_it_did_once
    whoever_joins_a_run_is_remembered
    dry_runs_stand_outside
    requests_for_different_things_do_not_share_a_run
    a_thousand_requests_at_once_are_two_runs
    a_run_is_taken_over_once_its_lease_has_run_out_and_by_one_process_only
    whoever_lost_a_run_writes_nothing_more
    a_renewal_keeps_a_run_even_after_its_lease_has_run_out_if_nobody_took_it
    a_run_that_was_given_back_is_no_takeover
    a_failed_run_is_due_later_unless_a_newer_one_succeeded
    a_planned_run_that_is_left_out_has_the_answer_of_the_one_that_did_the_same
    a_run_starts_when_it_was_asked_for_at_the_earliest
    a_failed_end_dating_is_due_although_another_one_of_the_record_succeeded
}

fn with_lease(lease: Duration) -> Claimant {
    Claimant { lease, ..process() }
}

pub(super) async fn claim(store: &Store, run: &NewRun, claimant: &Claimant) -> ClaimedRun {
    match store.admit(run, claimant).await.unwrap() {
        Admission::Claimed(run) => run,
        other => panic!("it does not begin: {other:?}"),
    }
}

/// Begins the run that is at the head of the queue.
pub(super) async fn begin_first(store: &Store, claimant: &Claimant) -> Option<ClaimedRun> {
    // A moment later: the server's clock rounds to the next millisecond.
    let soon = Timestamp::now().checked_add(Duration::from_secs(1)).unwrap();
    let head = store.load_queue_heads(None, soon).await.unwrap().into_iter().next()?;
    match head.class {
        QueueClass::Awaited | QueueClass::Accepted => {
            store.claim_waiting(head.run, instant(900), claimant).await.unwrap()
        }
        QueueClass::Retry | QueueClass::Replay => {
            store.claim_due(head.run, instant(900), claimant).await.unwrap()
        }
    }
}

pub(super) fn failed_until(next_try_at: Option<Timestamp>) -> SyncResult {
    let failure = Failure::new(ErrorCode::M3terUnavailable, "m3ter did not answer");
    SyncResult { next_try_at, ..failed_by(failure) }
}

async fn one_run_of_a_record_runs_and_one_waits_and_further_ones_join_it(home: Home) {
    let (store, here, there) = (home.store().await, process(), process());
    let (first, second, third) = (new_run(), new_run(), new_run());
    claim(&store, &first, &here).await;
    assert_eq!(store.admit(&second, &there).await.unwrap(), Admission::Waits(second.id));
    assert_eq!(store.admit(&third, &here).await.unwrap(), Admission::Waits(second.id));
    assert!(
        store.load_run(third.id).await.unwrap().is_none(),
        "a request that joins leaves no run"
    );
    let other = NewRun { parent_record_id: record("006S900000795MNIAY"), ..new_run() };
    claim(&store, &other, &here).await;
}

async fn the_waiting_run_begins_in_the_transaction_that_ends_the_running_one(home: Home) {
    let (store, here) = (home.store().await, process());
    let first = claim(&store, &new_run(), &here).await;
    let (second, third) = (new_run(), new_run());
    store.admit(&second, &here).await.unwrap();
    let promoted = end(&store, first.claim, &completed(), Some(&here)).await.unwrap().unwrap();
    assert_eq!(
        (promoted.claim, promoted.started_at),
        (Claim { run: second.id, fence: 1 }, instant(800))
    );
    // It has begun: a further request gets a run of its own.
    assert_eq!(store.admit(&third, &here).await.unwrap(), Admission::Waits(third.id));
    // A process that stops, or has others waiting as well, leaves it to its turn.
    assert_eq!(end(&store, promoted.claim, &completed(), None).await.unwrap(), None);
    assert_eq!(state_of(&store, third.id).await, "waiting");
    let taken = begin_first(&store, &here).await.unwrap();
    assert_eq!((taken.claim, taken.takeovers), (Claim { run: third.id, fence: 1 }, 0));
}

async fn a_message_that_is_carried_out_twice_does_what_it_did_once(home: Home) {
    let (store, here) = (home.store().await, process());
    let (first, second, third) = (new_run(), new_run(), new_run());
    let held = claim(&store, &first, &here).await.claim;
    assert_eq!(claim(&store, &first, &here).await.claim, held);
    store.admit(&second, &here).await.unwrap();
    let begun = end(&store, held, &completed(), Some(&here)).await.unwrap().unwrap();
    store.admit(&third, &here).await.unwrap();
    assert_eq!(
        end(&store, held, &completed(), Some(&here)).await.unwrap(),
        Some(begun.clone()),
        "the same run, begun once"
    );
    let states = [
        state_of(&store, first.id).await,
        state_of(&store, second.id).await,
        state_of(&store, third.id).await,
    ];
    assert_eq!(states, ["ended", "running", "waiting"]);
    assert_eq!(end(&store, begun.claim, &completed(), None).await.unwrap(), None);
    begin_first(&store, &process()).await.unwrap();
    assert_eq!(
        end(&store, held, &completed(), Some(&here)).await.unwrap(),
        None,
        "what it began is over"
    );
    // The process that has the run by now ends it.
    execute(&store, "UPDATE runs SET lease_until_ms = {now} WHERE state = 'running'").await;
    let taken = store.claim_abandoned(None, &process()).await.unwrap().unwrap();
    assert_eq!(taken.claim, Claim { run: third.id, fence: 2 });
    let late = end(&store, Claim { run: third.id, fence: 1 }, &completed(), Some(&here))
        .await
        .unwrap_err();
    assert!(matches!(late, StoreError::ClaimLost(run) if run == third.id), "{late}");
    assert_eq!(
        store.admit(&third, &here).await.unwrap(),
        Admission::Waits(third.id),
        "another process works on it"
    );
}

async fn whoever_joins_a_run_is_remembered(home: Home) {
    let (store, here) = (home.store().await, process());
    let by = |name: &str| NewRun { requested_by: Some(name.to_owned()), ..new_run() };
    claim(&store, &by("flow"), &here).await;
    let waiting = by("flow");
    for run in [waiting.clone(), by("erp"), by("flow"), by("erp"), new_run()] {
        assert_eq!(store.admit(&run, &here).await.unwrap(), Admission::Waits(waiting.id));
    }
    assert_eq!(store.load_run(waiting.id).await.unwrap().unwrap().requested_by, ["flow", "erp"]);
}

async fn dry_runs_stand_outside(home: Home) {
    let (store, here) = (home.store().await, process());
    let dry = || NewRun { dry_run: true, ..new_run() };
    claim(&store, &dry(), &here).await;
    let wet = claim(&store, &new_run(), &here).await;
    let second = claim(&store, &dry(), &here).await;
    let waiting = new_run();
    store.admit(&waiting, &here).await.unwrap();
    assert_eq!(
        end(&store, second.claim, &completed(), Some(&here)).await.unwrap(),
        None,
        "a dry run passes no turn on"
    );
    assert_eq!(
        end(&store, wet.claim, &completed(), Some(&here)).await.unwrap().unwrap().claim.run,
        waiting.id
    );
}

async fn requests_for_different_things_do_not_share_a_run(home: Home) {
    let (store, here) = (home.store().await, process());
    let ending = |day| {
        let (end_date, children) = (EndDate::parse(day).unwrap(), Children::LeftAlone);
        NewRun {
            task: RunTask::EndDate(EndDateOrder {
                end_date,
                entities: vec![BillingEntity::Contract],
                children,
            }),
            ..new_run()
        }
    };
    let planned = |plan: &Plan| NewRun { expected_plan: Some(plan.hash()), ..new_run() };
    let (nothing, plan) = (Plan::default(), Plan::from_saved(&"0f".repeat(32)).unwrap());
    let first = claim(&store, &new_run(), &here).await;
    let waiting =
        [ending("2026-12-31"), new_run(), ending("2027-12-31"), planned(&nothing), planned(&plan)];
    for run in &waiting {
        assert_eq!(store.admit(run, &here).await.unwrap(), Admission::Waits(run.id));
    }
    assert_eq!(
        store.admit(&ending("2026-12-31"), &here).await.unwrap(),
        Admission::Waits(waiting[0].id)
    );
    assert_eq!(store.admit(&planned(&plan), &here).await.unwrap(), Admission::Waits(waiting[4].id));
    let mut held = first.claim;
    for run in &waiting {
        let next = end(&store, held, &completed(), Some(&here)).await.unwrap().unwrap();
        assert_eq!(
            (next.claim.run, next.task.as_ref()),
            (run.id, Some(&run.task)),
            "in their order"
        );
        assert_eq!((next.expected_plan, &next.plan), (run.expected_plan, &None));
        held = next.claim;
    }
    // What was approved is known to the process that takes the run over, until it has ended.
    store.save_plan(held, &plan).await.unwrap();
    execute(&store, "UPDATE runs SET lease_until_ms = {now}").await;
    let taken = store.claim_abandoned(None, &process()).await.unwrap().unwrap();
    assert_eq!(taken.plan, Some(plan.clone()));
    assert!(
        matches!(store.save_plan(held, &plan).await, Err(StoreError::ClaimLost(_))),
        "by its former holder no more"
    );
    end(&store, taken.claim, &completed(), None).await.unwrap();
    assert_eq!(
        rows(&store, "SELECT count(*) AS kept FROM runs WHERE plan IS NOT NULL").await[0]
            .get::<i64>("kept")
            .unwrap(),
        0
    );
}

async fn a_thousand_requests_at_once_are_two_runs(home: Home) {
    let (store, here) = (home.store().await, process());
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (store, here) = (store.clone(), here.clone());
        requests.spawn(async move { store.admit(&new_run(), &here).await.unwrap() });
    }
    let admissions = requests.join_all().await;
    assert_eq!(
        admissions.iter().filter(|admission| matches!(admission, Admission::Claimed(_))).count(),
        1
    );
    assert_eq!(
        rows(&store, "SELECT count(*) AS runs FROM runs").await[0].get::<i64>("runs").unwrap(),
        2
    );
}

async fn a_run_is_taken_over_once_its_lease_has_run_out_and_by_one_process_only(home: Home) {
    let store = home.store().await;
    let run = new_run();
    let claimed = claim(&store, &run, &process()).await;
    assert_eq!(store.claim_abandoned(None, &process()).await.unwrap(), None);
    assert!(!store.load_claimable(None).await.unwrap().abandoned);
    let results = [(0, ObjectResult::new(&created("of the first process")))];
    store
        .save_progress(claimed.claim, &Progress { results: &results, ..Progress::default() })
        .await
        .unwrap();

    execute(&store, "UPDATE runs SET lease_until_ms = {now}").await;
    assert!(store.load_claimable(None).await.unwrap().abandoned);
    assert!(
        !store.load_claimable(Some(&record("006S900000795MNIAY"))).await.unwrap().abandoned,
        "it is of another record"
    );
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = home.store().await;
        takers.spawn(async move { store.claim_abandoned(None, &process()).await.unwrap() });
    }
    let taken: Vec<ClaimedRun> = takers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].claim, taken[0].takeovers), (Claim { run: run.id, fence: 2 }, 1));
    let shown = store.load_run(run.id).await.unwrap().unwrap();
    assert_eq!(
        (shown.takeovers, shown.object_results),
        (1, Some(Vec::new())),
        "what the first process did is looked at anew"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_suspended_in_a_transaction_does_not_block_its_runs_for_long() {
    let home = Home::postgres().await;
    let (still, there) = (home.store().await, home.store().await);
    let stuck = claim(&still, &new_run(), &with_lease(Duration::ZERO)).await.claim;
    let other = NewRun { parent_record_id: record("006S900000795MNIAY"), ..new_run() };
    let other = claim(&still, &other, &with_lease(Duration::ZERO)).await.claim;
    let mut transaction = still.database.begin(Access::Write, "stand still").await.unwrap();
    transaction.check_fence(stuck).await.unwrap();

    let asked = std::time::Instant::now();
    assert_eq!(
        there.claim_abandoned(None, &process()).await.unwrap().unwrap().claim.run,
        other.run,
        "the other one is not locked"
    );
    assert_eq!(
        there.claim_abandoned(None, &process()).await.unwrap(),
        None,
        "whoever looks does not wait"
    );
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let taken = async {
        loop {
            if let Some(taken) = there.claim_abandoned(None, &process()).await.unwrap() {
                return taken;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(5), taken).await.unwrap();
    assert_eq!((taken.claim, taken.takeovers), (Claim { run: stuck.run, fence: 2 }, 1));
    assert!(
        matches!(transaction.commit().await, Err(StoreError::Unavailable { .. })),
        "what stood still does not count"
    );
}

async fn whoever_lost_a_run_writes_nothing_more(home: Home) {
    let store = home.store().await;
    let lost = claim(&store, &new_run(), &with_lease(Duration::ZERO)).await.claim;
    let taken = store.claim_abandoned(None, &process()).await.unwrap().unwrap().claim;
    let waiting = new_run();
    store.admit(&waiting, &process()).await.unwrap();
    let links = [link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned)];
    for outcome in [
        store.save_progress(lost, &Progress { links: &links, ..Progress::default() }).await,
        store.save_commitment_attempt(lost, &attempt(0)).await,
        store.delete_links(lost, &record(ROOT), &[]).await,
        end(&store, lost, &completed(), Some(&process())).await.map(drop),
    ] {
        assert!(
            matches!(outcome, Err(StoreError::ClaimLost(run)) if run == lost.run),
            "{outcome:?}"
        );
    }
    assert_eq!(state_of(&store, waiting.id).await, "waiting");
    store.release(lost).await.unwrap();
    assert!(
        !store.load_claimable(None).await.unwrap().abandoned,
        "it was not its own to give back"
    );
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), []);
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap(), []);
    end(&store, taken, &completed(), None).await.unwrap();
    assert_eq!(
        end(&store, taken, &completed(), None).await.unwrap(),
        None,
        "its answer may have been lost"
    );
    let late = end(&store, lost, &completed(), None).await;
    assert!(matches!(late, Err(StoreError::ClaimLost(run)) if run == lost.run), "{late:?}");
}

async fn a_renewal_keeps_a_run_even_after_its_lease_has_run_out_if_nobody_took_it(home: Home) {
    let (store, here) = (home.store().await, process());
    let kept = claim(&store, &new_run(), &here).await.claim;
    let other = claim(
        &store,
        &NewRun { parent_record_id: record("006S900000795MNIAY"), ..new_run() },
        &here,
    )
    .await
    .claim;
    execute(&store, "UPDATE runs SET lease_until_ms = {now}").await;
    assert_eq!(store.renew(&[kept.run], &here).await.unwrap(), [kept], "only what is named");
    let taken = store.claim_abandoned(None, &process()).await.unwrap().unwrap();
    assert_eq!(taken.claim.run, other.run);
    assert_eq!(store.renew(&[kept.run, other.run], &here).await.unwrap(), [kept]);
}

async fn a_run_that_was_given_back_is_no_takeover(home: Home) {
    let store = home.store().await;
    let held = claim(&store, &new_run(), &process()).await.claim;
    store.release(held).await.unwrap();
    let taken = store.claim_abandoned(None, &process()).await.unwrap().unwrap();
    assert_eq!((taken.claim, taken.takeovers), (Claim { run: held.run, fence: 2 }, 0));
}

async fn a_failed_run_is_due_later_unless_a_newer_one_succeeded(home: Home) {
    let (store, here) = (home.store().await, process());
    let failed = claim(&store, &new_run(), &here).await.claim;
    end(&store, failed, &failed_until(Some(instant(60_000_000_000))), None).await.unwrap();
    assert_eq!(state_of(&store, failed.run).await, "retrying");
    assert_eq!(
        store.count_open_runs().await.unwrap(),
        OpenRuns {
            running: 0,
            waiting: 0,
            awaited: 0,
            most_of_a_caller: 0,
            retrying: 1,
            due: [0, 0],
            oldest_waiting: Duration::ZERO
        }
    );
    assert_eq!(begin_first(&store, &here).await, None, "it is not yet due");
    assert!(
        store.load_answers(&[failed.run]).await.unwrap().contains_key(&failed.run),
        "whoever waits has the answer of this try"
    );

    execute(&store, "UPDATE runs SET next_try_at_ms = {now} WHERE state = 'retrying'").await;
    let running = claim(&store, &new_run(), &here).await.claim;
    assert_eq!(begin_first(&store, &here).await, None, "another run of the record goes first");
    end(&store, running, &failed_until(None), None).await.unwrap();
    let again = begin_first(&store, &here).await.unwrap();
    assert_eq!(
        (again.claim, again.started_at),
        (Claim { run: failed.run, fence: 2 }, instant(900))
    );

    end(&store, again.claim, &failed_until(Some(instant(0))), None).await.unwrap();
    execute(&store, "UPDATE runs SET next_try_at_ms = {now} WHERE state = 'retrying'").await;
    let newer = claim(&store, &new_run(), &here).await.claim;
    end(&store, newer, &completed(), None).await.unwrap();
    assert_eq!(begin_first(&store, &here).await, None);
    let left_out = store.load_run(failed.run).await.unwrap().unwrap();
    assert_eq!((left_out.state, left_out.superseded_by), (RunState::Ended, Some(newer.run)));
    assert_eq!(
        left_out.result.map(|result| result.sync_status),
        Some(SyncStatus::Failed),
        "its own answer stays"
    );
}

async fn a_planned_run_that_is_left_out_has_the_answer_of_the_one_that_did_the_same(home: Home) {
    let (store, here) = (home.store().await, process());
    let failed = claim(&store, &new_run(), &here).await.claim;
    end(&store, failed, &failed_until(Some(instant(60_000_000_000))), None).await.unwrap();
    let planned = store
        .schedule_replays(&RunFilter { limit: 10, ..RunFilter::default() }, Duration::ZERO, None)
        .await
        .unwrap()[0]
        .run
        .unwrap();
    assert_eq!(store.load_run(failed.run).await.unwrap().unwrap().superseded_by, Some(planned));
    let newer = claim(&store, &new_run(), &here).await.claim;
    end(&store, newer, &completed(), None).await.unwrap();
    assert_eq!(begin_first(&store, &here).await, None);
    let left_out = store.load_run(planned).await.unwrap().unwrap();
    assert_eq!(
        (left_out.state, left_out.superseded_by, left_out.sync_status.as_deref()),
        (RunState::Ended, Some(newer.run), Some("Completed"))
    );
    assert_eq!(
        left_out.ended_at,
        Some(left_out.requested_at),
        "it ended, and not before it was asked for"
    );
    assert!(left_out.tries.is_empty() && left_out.result.is_some());
}

async fn a_run_starts_when_it_was_asked_for_at_the_earliest(home: Home) {
    let (store, here) = (home.store().await, process());
    let first = claim(&store, &new_run(), &here).await.claim;
    let later = NewRun { requested_at: instant(5_000), ..new_run() };
    store.admit(&later, &here).await.unwrap();
    // The clock was read before the database let the statement through.
    let next = end(&store, first, &completed(), Some(&here)).await.unwrap().unwrap();
    assert_eq!((next.claim.run, next.started_at), (later.id, instant(5_000)));
}

async fn a_failed_end_dating_is_due_although_another_one_of_the_record_succeeded(home: Home) {
    let (store, here) = (home.store().await, process());
    let order = |entity| EndDateOrder {
        end_date: EndDate::parse("2026-12-31").unwrap(),
        entities: vec![entity],
        children: Children::LeftAlone,
    };
    let run = |entity| NewRun { task: RunTask::EndDate(order(entity)), ..new_run() };
    let failed = claim(&store, &run(BillingEntity::Contract), &here).await.claim;
    end(&store, failed, &failed_until(Some(instant(60_000_000_000))), None).await.unwrap();
    let other = claim(&store, &run(BillingEntity::Pricings), &here).await.claim;
    end(&store, other, &completed(), None).await.unwrap();
    execute(&store, "UPDATE runs SET next_try_at_ms = {now} WHERE state = 'retrying'").await;
    assert_eq!(begin_first(&store, &here).await.map(|run| run.claim.run), Some(failed.run));
}
