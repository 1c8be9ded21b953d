//! The history of runs on both engines.

use super::claims::{claim, failed_until};
use super::*;
use crate::domain::outcome::SyncStatus;
use crate::store::RunFilter;

on_both_engines! {
    runs_are_listed_newest_first_by_what_is_asked
    what_the_last_runs_say_is_counted_by_code
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

async fn what_the_last_runs_say_is_counted_by_code(home: Home) {
    const OTHER: &str = "006S900000795MNIAY";
    let (store, here) = (home.store().await, process());
    let warned = |codes: &[&str]| SyncResult {
        attention: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..completed()
    };
    let finding = |code: &str| ObjectResult {
        finding_code: Some(code.to_owned()),
        ..ObjectResult::new(&created(""))
    };
    let partial = SyncResult {
        sync_status: SyncStatus::PartialSuccess,
        object_results: ["CODE_NOT_FOUND", "CODE_NOT_FOUND", "DEPENDENCY_FAILED"]
            .map(finding)
            .to_vec(),
        ..warned(&["PRICE_IS_ZERO"])
    };
    let failed = failed_by(Failure::new(ErrorCode::M3terUnavailable, ""));
    let runs = [
        (ROOT, false, failed.clone()),
        (OTHER, false, failed.clone()),
        (LINE, false, partial),
        // What has gone well since then is no concern; a dry run changes nothing.
        (ROOT, false, completed()),
        (ROOT, true, failed.clone()),
        (OTHER, false, warned(&["COMMITMENT_LEFT", "PRICE_IS_ZERO"])),
    ];
    let mut ids = Vec::new();
    for (number, (of, dry_run, result)) in (0..).zip(runs) {
        let run = NewRun {
            id: id_of(instant(number)),
            parent_record_id: record(of),
            dry_run,
            ..new_run()
        };
        let held = claim(&store, &run, &here).await.claim;
        end(&store, held, &result, None).await.unwrap();
        ids.push(run.id);
    }
    let said = async |named| {
        let said = store.count_said_codes(instant(0), named).await.unwrap();
        said.into_iter().map(|said| (said.code, said.records, said.newest)).collect::<Vec<_>>()
    };
    let (other, line) = ((OTHER.to_owned(), ids[5]), (LINE.to_owned(), ids[2]));
    assert_eq!(
        said(5).await,
        [
            ("PRICE_IS_ZERO".to_owned(), 2, vec![other.clone(), line.clone()]),
            ("CODE_NOT_FOUND".to_owned(), 1, vec![line]),
            ("COMMITMENT_LEFT".to_owned(), 1, vec![other.clone()]),
        ]
    );
    assert_eq!(said(1).await[0], ("PRICE_IS_ZERO".to_owned(), 2, vec![other]));
    let later = instant(120_000);
    assert_eq!(store.count_said_codes(later, 5).await.unwrap(), []);
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
