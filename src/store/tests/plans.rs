//! How `SQLite` carries out the statements: what has ended and the links of other deals are many
//! rows.

use super::*;
use crate::store::{ChangeFilter, OldRuns, QueueBounds, RunFilter};

#[tokio::test]
async fn no_statement_reads_all_runs() {
    let (store, _directory) = new_store().await;
    let (process, root) = (process(), record(ROOT));
    let Admission::Claimed(first) = store.admit(&new_run(), &process).await.unwrap() else {
        unreachable!("the record is free")
    };
    store
        .admit(&NewRun { requested_by: Some("flow".to_owned()), ..new_run() }, &process)
        .await
        .unwrap();
    store
        .save_progress(
            first.claim,
            &Progress {
                links: &[link(EntityKind::Account, M3TER_ID, LinkRelation::Owned)],
                ..Progress::default()
            },
        )
        .await
        .unwrap();
    store.renew(&[first.claim.run], &process).await.unwrap();
    let failure = Failure::new(ErrorCode::M3terUnavailable, "");
    end(&store, first.claim, &failed_by(failure), None).await.unwrap();
    end(&store, first.claim, &completed(), Some(&process)).await.unwrap();
    for record in [None, Some(&root)] {
        store.load_claimable(record).await.unwrap();
        store.claim_abandoned(record, &process).await.unwrap();
        store.load_queue_heads(record, instant(0)).await.unwrap();
    }
    store.claim_waiting(first.claim.run, instant(0), &process).await.unwrap();
    store.claim_due(first.claim.run, instant(0), &process).await.unwrap();
    store.enqueue(&NewRun { awaited_until: Some(instant(9_000)), ..new_run() }).await.unwrap();
    store.enqueue(&NewRun { dry_run: true, ..new_run() }).await.unwrap();
    store.join(first.claim.run, &new_run()).await.unwrap();
    store.load_wait(first.claim.run).await.unwrap();
    let full = store.clone().bounded(QueueBounds { of_caller: 1, all: 1 });
    let other = NewRun { parent_record_id: record("006S900000795MNIAY"), ..new_run() };
    assert!(matches!(full.enqueue(&other).await.unwrap(), Admission::Refused(_)));
    store.release(first.claim).await.unwrap();
    store.count_open_runs().await.unwrap();
    store.load_run(first.claim.run).await.unwrap();
    store.load_request(first.claim.run).await.unwrap();
    store.load_answers(&[first.claim.run]).await.unwrap();
    store.load_commitment_attempts(&root).await.unwrap();
    store.load_links(&root).await.unwrap();
    store.load_links_of_row(EntityKind::Account, &root).await.unwrap();
    store.load_owners(&[m3ter(M3TER_ID)]).await.unwrap();
    store.load_ends(&[m3ter(M3TER_ID)]).await.unwrap();
    store.plan_reopening(&root).await.unwrap().unwrap_err();
    for which in [
        OldRuns::EndedBefore(instant(900)),
        OldRuns::DryRunsEndedBefore(instant(900)),
        OldRuns::Any,
    ] {
        store.delete_runs(which, 10).await.unwrap();
    }
    let all = RunFilter { limit: 10, ..RunFilter::default() };
    for filter in [
        RunFilter { parent_record_id: Some(root.clone()), ..all.clone() },
        RunFilter { sync_status: Some("Failed".to_owned()), ..all.clone() },
        RunFilter { error_code: Some("M3TER_UNAVAILABLE".to_owned()), ..all.clone() },
        RunFilter { since: Some(instant(0)), ..all.clone() },
    ] {
        store.list_runs(&filter).await.unwrap();
        store.schedule_replays(&filter, Duration::from_millis(400), None).await.unwrap();
    }
    store.list_runs(&RunFilter { unresolved: true, ..all }).await.unwrap();
    store.count_said_codes(instant(0), 5).await.unwrap();
    store.count_ended_runs(instant(0)).await.unwrap();
    for filter in [
        ChangeFilter { run: Some(first.claim.run), ..ChangeFilter::default() },
        ChangeFilter { record: Some(root.clone()), ..ChangeFilter::default() },
        ChangeFilter { m3ter_id: Some(m3ter(M3TER_ID)), ..ChangeFilter::default() },
        ChangeFilter { account: Some(m3ter(M3TER_ID)), ..ChangeFilter::default() },
        ChangeFilter { since: Some(instant(0)), limit: 10, ..ChangeFilter::default() },
    ] {
        store.list_changes(&filter).await.unwrap();
    }
    store.load_record_links(&root).await.unwrap();
    store.load_open_changes(&root).await.unwrap();
    store.delete_changes(instant(0), 10).await.unwrap();
    store.erase(&root).await.unwrap();
    store
        .schedule_after_login(&["M3TER_AUTH_FAILED"], Duration::from_hours(24), 10, Duration::ZERO)
        .await
        .unwrap();

    let statements = store.database.statements.lock().unwrap().clone();
    let statements: Vec<&str> = statements.iter().flat_map(|message| message.split("; ")).collect();
    assert!(statements.len() > 25, "{statements:#?}");
    // What is not over is a small part, and has indexes of its own.
    let open = [
        "runs_queue",
        "runs_retries",
        "runs_planned",
        "runs_waiting",
        "runs_one_waiting",
        "runs_one_running",
        "runs_leased",
        "runs_retrying",
        "runs_failed_last",
        "runs_not_completed",
        "runs_dry_ended",
    ];
    for statement in statements {
        let plan = store
            .database
            .fetch("explain", &format!("EXPLAIN QUERY PLAN {statement}"), Vec::new())
            .await
            .unwrap();
        for step in plan.iter().map(|step| step.get::<String>("detail").unwrap()) {
            let is_small = step.contains("json_each")
                || step.contains("CONSTANT ROW")
                || ["SCAN replicas", "SCAN callers", "SCAN own", "SCAN others", "SCAN due"]
                    .contains(&step.as_str());
            let is_open = open.iter().any(|index| step.ends_with(&format!("INDEX {index}")));
            // The oldest, so many.
            let is_oldest = step.ends_with("INDEX runs_ended")
                && statement.contains("ORDER BY ended_at_ms LIMIT");
            // Of what its first part found in indexes of few runs.
            let is_of_few = statement.starts_with("WITH last AS (") && !step.contains("runs");
            assert!(
                !step.starts_with("SCAN") || is_of_few || is_small || is_open || is_oldest,
                "{step}: {statement}"
            );
            let is_page = statement.ends_with(" LIMIT $1");
            assert!(
                is_page || !step.ends_with("runs_of_record (parent_record_id=?)"),
                "{step}: {statement}"
            );
        }
    }
}
