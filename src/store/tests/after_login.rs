//! Syncs that a refused login ended, on both engines: which of them are planned again, and by whom.

use super::*;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};

on_both_engines! {
    the_last_sync_of_a_record_is_planned_again_once_by_one_process
    what_succeeded_since_what_is_old_and_what_is_no_sync_is_left_alone
}

const CODES: [&str; 2] = ["SALESFORCE_AUTH_FAILED", "M3TER_AUTH_FAILED"];
const DAY: Duration = Duration::from_hours(24);

/// A run that ended, with a refused login or well.
async fn ended(store: &Store, run: &NewRun, code: Option<ErrorCode>) {
    let Admission::Claimed(claimed) = store.admit(run, &process()).await.unwrap() else {
        panic!("the record is not free")
    };
    let result = match code {
        Some(code) => failed_by(Failure::new(code, "refused")),
        None => completed(),
    };
    store.end(&claimed, &ended_with(&result.into()), None).await.unwrap();
}

fn run_of(text: &str) -> NewRun {
    NewRun { parent_record_id: record(text), ..new_run() }
}

async fn plan(store: &Store, age: Duration) -> Vec<SyncRunId> {
    store.schedule_after_login(&CODES, age, 100, Duration::from_millis(400)).await.unwrap()
}

async fn the_last_sync_of_a_record_is_planned_again_once_by_one_process(home: Home) {
    let (here, there) = (home.store().await, home.store().await);
    let (first, last) = (run_of(ROOT), run_of(ROOT));
    let other = NewRun { requested_by: Some("flow".to_owned()), ..run_of("006S900000795MNIAY") };
    for (run, code) in [
        (&first, ErrorCode::M3terAuthFailed),
        (&last, ErrorCode::M3terAuthFailed),
        (&other, ErrorCode::SalesforceAuthFailed),
    ] {
        ended(&here, run, Some(code)).await;
    }
    let (ours, theirs) = tokio::join!(plan(&here, DAY), plan(&there, DAY));
    assert_eq!(ours.len() + theirs.len(), 2, "{ours:?} {theirs:?}");
    assert!(plan(&here, DAY).await.is_empty() && plan(&there, DAY).await.is_empty());
    let mut repeated = Vec::new();
    for id in ours.into_iter().chain(theirs) {
        let run = here.load_run(id).await.unwrap().unwrap();
        assert_eq!((run.state, run.dry_run), (RunState::Retrying, false));
        repeated.push((run.replay_of.unwrap(), run.requested_by));
    }
    repeated.sort();
    assert_eq!(repeated, [(last.id, Vec::new()), (other.id, vec!["flow".to_owned()])]);
    // One that is refused again is not planned for ever.
    while let Some(claimed) = claims::begin_first(&here, &process()).await {
        let failure = Failure::new(ErrorCode::M3terAuthFailed, "refused");
        let result = failed_by(failure);
        here.end(
            &claimed,
            &EndedTry { ended_at: instant(900), ..ended_with(&result.into()) },
            None,
        )
        .await
        .unwrap();
    }
    assert!(plan(&here, DAY).await.is_empty());
}

async fn what_succeeded_since_what_is_old_and_what_is_no_sync_is_left_alone(home: Home) {
    let store = home.store().await;
    let refused = Some(ErrorCode::M3terAuthFailed);
    ended(&store, &run_of(ROOT), refused).await;
    ended(&store, &run_of(ROOT), None).await;
    ended(&store, &NewRun { dry_run: true, ..run_of("006S900000795MNIAY") }, refused).await;
    let order = EndDateOrder {
        end_date: EndDate::parse("2026-12-31").unwrap(),
        entities: vec![BillingEntity::Contract],
        children: Children::LeftAlone,
    };
    ended(
        &store,
        &NewRun { task: RunTask::EndDate(order), ..run_of("006S90000079FIVIA2") },
        refused,
    )
    .await;
    ended(&store, &run_of("006S90000079DELIA2"), Some(ErrorCode::RecordDeleted)).await;
    assert!(plan(&store, DAY).await.is_empty());
    let last_week = jiff::Timestamp::now() - Duration::from_hours(7 * 24);
    let old = uuid::Timestamp::from_unix(
        uuid::NoContext,
        u64::try_from(last_week.as_second()).unwrap(),
        0,
    );
    ended(
        &store,
        &NewRun { id: SyncRunId(Uuid::new_v7(old)), ..run_of("006S90000079EURIA2") },
        refused,
    )
    .await;
    assert!(plan(&store, DAY).await.is_empty());
    assert_eq!(plan(&store, DAY * 30).await.len(), 1);
}
