//! Verifications: who works on one, and that what was found is kept.

use super::*;
use crate::domain::backfill::Backfill;
use crate::domain::verification::{
    Cursor, Stage, VerificationRequest, VerificationState, VerifiedRecord, VerifiedStatus,
};
use crate::store::{NewVerification, QueueClass, VerifiedPage};

on_both_engines! {
    one_process_works_on_a_verification_and_another_goes_on_with_it
    a_verification_can_be_held_from_its_beginning
    a_verification_that_is_over_takes_nothing_more
    what_is_due_is_recorded_once_and_compared_with_the_last_one
    each_record_that_a_verification_named_is_planned_once
}

fn new(id: &str) -> NewVerification {
    NewVerification {
        id: id.to_owned(),
        request: VerificationRequest { roots: vec!["Order".to_owned()], ..Default::default() },
        mappings: "digest".to_owned(),
        requested_by: Some("it's".to_owned()),
        requested_at: Timestamp::from_second(1_800_000_000).unwrap(),
    }
}

fn claimant(owner: &str, lease: u64) -> Claimant {
    Claimant { owner: owner.to_owned(), lease: Duration::from_secs(lease) }
}

fn found(record: &str, status: VerifiedStatus) -> VerifiedRecord {
    VerifiedRecord::in_sync(SalesforceId::parse(record).unwrap(), status)
}

async fn one_process_works_on_a_verification_and_another_goes_on_with_it(home: Home) {
    let (one, other) = (home.store().await, home.store().await);
    one.insert_verification(&new("a"), None).await.unwrap();
    let first = one.claim_verification(None, &claimant("one", 60)).await.unwrap().unwrap();
    assert_eq!((first.cursor.clone(), &*first.mappings), (Cursor::default(), "digest"));
    assert!(other.claim_verification(None, &claimant("other", 60)).await.unwrap().is_none());
    assert!(one.renew_verification("a", first.fence, &claimant("one", 60)).await.unwrap());

    let cursor = Cursor { stage: Stage::Ready, after: Some("x".to_owned()), ..Cursor::default() };
    let records = [
        found("006S900000795MM", VerifiedStatus::Gone),
        found("006S900000795MN", VerifiedStatus::InSync),
    ];
    let page = VerifiedPage {
        cursor: &cursor,
        expected: Some(4),
        records: &records,
        worked: Duration::from_secs(6),
    };
    assert!(one.save_verified("a", first.fence, &page).await.unwrap());
    // A page that is saved once more counts once.
    assert!(
        one.save_verified(
            "a",
            first.fence,
            &VerifiedPage { expected: None, worked: Duration::ZERO, ..page.clone() }
        )
        .await
        .unwrap()
    );
    let known = other.load_verification("a").await.unwrap().unwrap();
    assert_eq!((known.verified, known.expected, known.seconds_left), (2, Some(4), Some(6)));
    assert_eq!((known.counts.gone, known.counts.in_sync), (1, 1));

    one.release_verification("a", first.fence).await.unwrap();
    let second =
        other.claim_verification(Some("a"), &claimant("other", 60)).await.unwrap().unwrap();
    assert_eq!(second.cursor, cursor);
    assert!(!one.renew_verification("a", first.fence, &claimant("one", 60)).await.unwrap());
    assert!(!one.save_verified("a", first.fence, &page).await.unwrap());

    let ids: Vec<SalesforceId> = records.iter().map(|record| record.record_id.clone()).collect();
    let gone = other.list_verified("a", &[VerifiedStatus::Gone], None, 10).await.unwrap();
    assert_eq!(gone, records[..1]);
    let all = [VerifiedStatus::Gone, VerifiedStatus::InSync];
    let rest = other.list_verified("a", &all, Some(&ids[0]), 10).await.unwrap();
    assert_eq!(rest, records[1..]);
    assert_eq!(other.verified_of("a", &ids[1..]).await.unwrap(), [ids[1].clone()].into());
}

async fn a_verification_can_be_held_from_its_beginning(home: Home) {
    let (store, one, other) = (home.store().await, claimant("one", 60), claimant("other", 60));
    store.insert_verification(&new("a"), Some(&one)).await.unwrap();
    assert!(store.claim_verification(None, &other).await.unwrap().is_none());
    let held = store.claim_verification(Some("a"), &one).await.unwrap().unwrap();
    assert!(store.cancel_verification("a", "told").await.unwrap());
    assert!(store.resume_verification("a", Some(&one)).await.unwrap());
    assert!(store.claim_verification(None, &other).await.unwrap().is_none());
    let again = store.claim_verification(None, &one).await.unwrap().unwrap();
    assert!(again.fence > held.fence, "{again:?}");
    store.release_verification("a", again.fence).await.unwrap();
    assert!(store.claim_verification(None, &other).await.unwrap().is_some());
    // Without a holder it is anybody's.
    store.insert_verification(&new("b"), Some(&claimant("gone", 0))).await.unwrap();
    assert!(store.claim_verification(Some("b"), &one).await.unwrap().is_some());
}

async fn a_verification_that_is_over_takes_nothing_more(home: Home) {
    let store = home.store().await;
    for id in ["a", "b"] {
        store.insert_verification(&new(id), None).await.unwrap();
    }
    let held = store.claim_verification(Some("b"), &claimant("one", 60)).await.unwrap().unwrap();
    assert!(store.cancel_verification("b", "It was cancelled").await.unwrap());
    assert!(!store.cancel_verification("b", "again").await.unwrap());
    let page = VerifiedPage {
        cursor: &Cursor::default(),
        expected: None,
        records: &[found("006S900000795MM", VerifiedStatus::Gone)],
        worked: Duration::ZERO,
    };
    assert!(!store.save_verified("b", held.fence, &page).await.unwrap());
    let over = store.load_verification("b").await.unwrap().unwrap();
    assert_eq!((over.state, over.verified), (VerificationState::Cancelled, 0));
    assert_eq!(over.message.as_deref(), Some("It was cancelled"));

    assert!(store.resume_verification("b", None).await.unwrap());
    assert!(!store.resume_verification("b", None).await.unwrap());
    // Who held it before holds it no more.
    assert!(!store.save_verified("b", held.fence, &page).await.unwrap());
    let held = store.claim_verification(Some("b"), &claimant("two", 60)).await.unwrap().unwrap();
    let state = VerificationState::Completed;
    store.end_verification("b", held.fence, state, None).await.unwrap();
    assert!(!store.resume_verification("b", None).await.unwrap());

    let listed = store.list_verifications(None, 10).await.unwrap();
    let states: Vec<VerificationState> = listed.iter().map(|listed| listed.state).collect();
    assert_eq!(states, [VerificationState::Completed, VerificationState::Running]);
    let later = Timestamp::from_second(4_000_000_000).unwrap();
    assert_eq!(store.delete_verifications(later).await.unwrap(), 1);
    assert!(store.load_verification("b").await.unwrap().is_none());
    assert!(store.load_verification("a").await.unwrap().is_some());
}

async fn what_is_due_is_recorded_once_and_compared_with_the_last_one(home: Home) {
    use VerifiedStatus::{Differs, Ended, Gone, InSync, Missing};
    let (one, other) = (home.store().await, home.store().await);
    let [first, second, third] = ["006S900000795MM", "006S900000795MN", "006S900000795MO"];
    let worked = async |id: &str, records: &[VerifiedRecord]| {
        assert!(one.insert_due_verification(&new(id)).await.unwrap());
        // Every process has the same id for what is due, and begins none beside one in progress.
        assert!(!other.insert_due_verification(&new(id)).await.unwrap());
        assert!(!other.insert_due_verification(&new("z")).await.unwrap());
        let held = one.claim_verification(None, &claimant("one", 60)).await.unwrap().unwrap();
        let running = other.running_verification().await.unwrap().unwrap();
        assert_eq!((&*held.id, &*running.verification_id), (id, id));
        let cursor = Cursor::default();
        let page =
            VerifiedPage { cursor: &cursor, expected: None, records, worked: Duration::ZERO };
        assert!(one.save_verified(id, held.fence, &page).await.unwrap());
        let state = VerificationState::Completed;
        one.end_verification(id, held.fence, state, None).await.unwrap();
        other.last_verification_of("it's").await.unwrap().unwrap()
    };
    let last =
        worked("a", &[found(first, Differs), found(second, Missing), found(third, InSync)]).await;
    assert_eq!(last.compared, None);
    let last =
        worked("b", &[found(first, Gone), found(second, Ended), found(third, Differs)]).await;
    let compared = last.compared.unwrap();
    assert_eq!(
        (&*compared.previous_verification_id, compared.new_since, compared.solved_since),
        ("a", 1, 1)
    );
    let last = worked("c", &[]).await.compared.unwrap();
    assert_eq!((&*last.previous_verification_id, last.new_since, last.solved_since), ("b", 0, 2));
    assert!(one.running_verification().await.unwrap().is_none());

    // An earlier version kept nothing, and compared at each look.
    let compared = async |id: &str| {
        let found = other.load_verification(id).await.unwrap().unwrap();
        found.compared.map(|compared| (compared.new_since, compared.solved_since))
    };
    execute(&one, "UPDATE verifications SET compared = NULL WHERE id = 'b'").await;
    assert_eq!(compared("b").await, Some((1, 1)));
    // What is kept does not change with what it was compared with.
    execute(&one, "DELETE FROM verified_records WHERE verification = 'b'").await;
    execute(&one, "DELETE FROM verifications WHERE id = 'b'").await;
    assert_eq!((compared("a").await, compared("c").await), (None, Some((0, 2))));
}

async fn each_record_that_a_verification_named_is_planned_once(home: Home) {
    use VerifiedStatus::{Differs, Foreign, Missing};
    const SPACING: Duration = Duration::from_hours(1);
    let (one, other) = (home.store().await, home.store().await);
    one.insert_verification(&new("a"), None).await.unwrap();
    let claimed = one.claim_verification(None, &claimant("one", 60)).await.unwrap().unwrap();
    let ids = ["006S900000795MM", "006S900000795MN", "006S900000795MO", "006S900000795MP"];
    let records = [
        found(ids[0], Missing),
        found(ids[1], Differs),
        found(ids[2], Foreign),
        found(ids[3], Missing),
    ];
    let cursor = Cursor::default();
    let page = VerifiedPage { cursor: &cursor, expected: None, records: &records, worked: SPACING };
    assert!(one.save_verified("a", claimed.fence, &page).await.unwrap());

    let statuses = [Missing, Differs];
    let named = one.plan_backfill("a", &statuses, 10).await.unwrap();
    let named: Vec<&SalesforceId> = named.iter().map(|record| &record.record_id).collect();
    assert_eq!(named, [&records[0].record_id, &records[1].record_id, &records[3].record_id]);
    // Two that plan at the same time have each record once between them.
    let plan = |store: &Store| {
        let store = store.clone();
        async move { store.schedule_backfill("a", &statuses, 2, SPACING, Some("it's")).await }
    };
    let (first, second) = tokio::join!(plan(&one), plan(&other));
    let planned = first.unwrap() + second.unwrap();
    let rest = one.schedule_backfill("a", &statuses, 10, SPACING, Some("it's")).await.unwrap();
    assert_eq!(planned + rest, 3);
    assert_eq!(other.schedule_backfill("a", &statuses, 10, SPACING, None).await.unwrap(), 0);
    let waiting = Backfill { planned: 3, ..Backfill::default() };
    assert_eq!(other.load_backfill("a").await.unwrap(), waiting);
    assert_eq!(other.load_backfill("b").await.unwrap(), Backfill::default());

    // What is due begins; the rest is taken back, and can be planned again.
    let heads = one.load_queue_heads(None, Timestamp::now()).await.unwrap();
    let due = heads.first().unwrap();
    assert_eq!(due.class, QueueClass::Replay);
    let begun = one.claim_due(due.run, Timestamp::now(), &claimant("one", 60)).await.unwrap();
    assert!(begun.unwrap().is_planned);
    let cancelled = other.cancel_backfill("a").await.unwrap();
    assert_eq!(cancelled, 2);
    assert_eq!(one.cancel_backfill("a").await.unwrap(), 0);
    let left = one.load_backfill("a").await.unwrap();
    assert_eq!(left, Backfill { running: 1, ..Backfill::default() });
    assert_eq!(one.plan_backfill("a", &statuses, 10).await.unwrap().len() as u64, cancelled);
    assert!(one.list_backfilled("a", None, 10).await.unwrap().is_empty(), "nothing has ended");
}
