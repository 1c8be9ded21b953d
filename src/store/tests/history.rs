//! The history of runs on both engines.

use super::claims::{claim, failed_until};
use super::*;
use crate::store::RunFilter;

on_both_engines! {
    runs_are_listed_newest_first_by_what_is_asked
    old_runs_are_deleted_in_batches_and_links_stay
}

/// The id of a run that is asked for at a moment.
fn id_of(moment: Timestamp) -> SyncRunId {
    let seconds = u64::try_from(moment.as_second()).unwrap();
    let nanoseconds = u32::try_from(moment.subsec_nanosecond()).unwrap();
    SyncRunId(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds)))
}

async fn runs_are_listed_newest_first_by_what_is_asked(home: Home) {
    let (store, here) = (home.store().await, process());
    let mut ids = Vec::new();
    for number in 0..5 {
        let run = NewRun {
            id: id_of(instant(number)),
            requested_at: instant(number),
            requested_by: Some("erp".to_owned()),
            ..new_run()
        };
        let held = claim(&store, &run, &here).await.claim;
        end(&store, held, &if number % 2 == 0 { completed() } else { failed_until(None) }, None)
            .await
            .unwrap();
        ids.insert(0, run.id);
    }
    let all = RunFilter { limit: 10, ..RunFilter::default() };
    let found = |filter: RunFilter| {
        let store = store.clone();
        async move {
            store
                .list_runs(&filter)
                .await
                .unwrap()
                .into_iter()
                .map(|run| run.sync_run_id)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found(all.clone()).await, ids);
    assert_eq!(found(RunFilter { limit: 2, before: Some(ids[1]), ..all.clone() }).await, ids[2..4]);
    assert_eq!(
        found(RunFilter { error_code: Some("M3TER_UNAVAILABLE".to_owned()), ..all.clone() }).await,
        [ids[1], ids[3]]
    );
    assert_eq!(
        found(RunFilter { sync_status: Some("Completed".to_owned()), ..all.clone() }).await,
        [ids[0], ids[2], ids[4]]
    );
    assert_eq!(found(RunFilter { since: Some(instant(3)), ..all.clone() }).await, ids[..2]);
    assert_eq!(found(RunFilter { since: Some(instant(5)), ..all.clone() }).await, []);
    assert_eq!(found(RunFilter { since: Some(Timestamp::MIN), ..all.clone() }).await, ids);
    assert_eq!(found(RunFilter { until: Some(instant(1)), ..all.clone() }).await, ids[4..]);
    assert!(
        found(RunFilter { parent_record_id: Some(record("006S900000795MNIAY")), ..all.clone() })
            .await
            .is_empty()
    );
    let listed = store.list_runs(&all).await.unwrap();
    assert_eq!(
        (listed[0].requested_by.as_slice(), listed[0].result.as_ref()),
        (["erp".to_owned()].as_slice(), None)
    );
}

async fn old_runs_are_deleted_in_batches_and_links_stay(home: Home) {
    let (store, here) = (home.store().await, process());
    save_links(&store, &[link(EntityKind::Plan, M3TER_ID, LinkRelation::Owned)]).await;
    for _ in 0..3 {
        let held = claim(&store, &new_run(), &here).await.claim;
        store.save_commitment_attempt(held, &attempt(0)).await.unwrap();
        end(&store, held, &completed(), None).await.unwrap();
    }
    assert_eq!(store.delete_runs(OldRuns::EndedBefore(instant(800)), 10).await.unwrap(), 0);
    assert_eq!(store.delete_runs(OldRuns::EndedBefore(instant(801)), 2).await.unwrap(), 2);
    assert_eq!(store.delete_runs(OldRuns::EndedBefore(instant(801)), 2).await.unwrap(), 1);
    assert_eq!(
        rows(&store, "SELECT count(*) AS runs FROM runs").await[0].get::<i64>("runs").unwrap(),
        1,
        "the one that has not ended"
    );
    assert_eq!(store.load_commitment_attempts(&record(ROOT)).await.unwrap(), []);
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap().len(), 1);
}
