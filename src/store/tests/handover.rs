//! Links that remember a key, and that are handed over or forgotten, on both engines.

use super::*;
use crate::domain::warning::Warning;
use crate::store::{Handover, LinkFilter, LinkOrder, NotHandedOver, RunFilter};

on_both_engines! {
    a_link_remembers_its_key_until_it_is_handed_over
    the_links_of_a_merged_record_move_in_all_deals
    an_order_about_links_is_a_run_of_each_record_that_it_concerns
    an_order_about_links_waits_for_no_run_and_none_goes_on_beside_it
    what_cannot_be_handed_over_is_refused_and_left_as_it_is
}

const LOSER: &str = "001S90000079HOOIA2";
const SURVIVOR: &str = "001S90000079INIIA2";
const OTHER_ROOT: &str = "006S900000795MNIAY";

fn account_link(root: &str, row: &str, m3ter_id: &str, source_key: Option<&str>) -> Link {
    Link {
        root: record(root),
        object: ObjectKey::only(EntityKind::Account, record(row)),
        m3ter_id: m3ter(m3ter_id),
        relation: LinkRelation::Owned,
        source_key: source_key.map(ToOwned::to_owned),
    }
}

fn moved() -> LinkOrder {
    LinkOrder::Move { from: record(LOSER), to: record(SURVIVOR) }
}

async fn all(store: &Store) -> Vec<Link> {
    store.list_links(&LinkFilter::default()).await.unwrap()
}

async fn a_link_remembers_its_key_until_it_is_handed_over(home: Home) {
    let store = home.store().await;
    let [keyed, without] = [
        account_link(ROOT, LOSER, M3TER_ID, Some("C-1OO 'x'")),
        account_link(OTHER_ROOT, LOSER, M3TER_ID, None),
    ];
    save_links(&store, &[keyed.clone(), without.clone()]).await;
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), std::slice::from_ref(&keyed));
    assert_eq!(store.load_links(&record(OTHER_ROOT)).await.unwrap(), [without]);
    assert_eq!(store.load_owners(&[m3ter(M3TER_ID)]).await.unwrap().len(), 2);
    let later = Link { source_key: Some("C-100".to_owned()), ..keyed };
    save_links(&store, std::slice::from_ref(&later)).await;
    assert_eq!(store.load_links(&record(ROOT)).await.unwrap(), [later]);
    store.change_links(&moved(), None, instant(0)).await.unwrap().unwrap();
    let [link] = store.load_links(&record(ROOT)).await.unwrap().try_into().unwrap();
    assert_eq!(link, account_link(ROOT, SURVIVOR, M3TER_ID, None));
}

async fn the_links_of_a_merged_record_move_in_all_deals(home: Home) {
    let store = home.store().await;
    let contract = link(EntityKind::Contract, OTHER_M3TER_ID, LinkRelation::Owned);
    let links = [
        account_link(ROOT, LOSER, M3TER_ID, Some(LOSER)),
        account_link(OTHER_ROOT, LOSER, M3TER_ID, Some(LOSER)),
        // A deal that has been synced under the survivor already keeps what it has.
        account_link(OTHER_ROOT, SURVIVOR, OTHER_M3TER_ID, Some(SURVIVOR)),
        contract.clone(),
    ];
    save_links(&store, &links).await;
    let held = held_run(&store).await;
    store.move_merged(held, EntityKind::Account, &record(LOSER), &record(SURVIVOR)).await.unwrap();
    let kept = account_link(OTHER_ROOT, SURVIVOR, OTHER_M3TER_ID, Some(SURVIVOR));
    assert_eq!(all(&store).await, [account_link(ROOT, SURVIVOR, M3TER_ID, None), kept, contract]);
    let lost = Claim { fence: held.fence + 1, ..held };
    let refused =
        store.move_merged(lost, EntityKind::Account, &record(SURVIVOR), &record(LOSER)).await;
    assert!(matches!(refused, Err(StoreError::ClaimLost(_))), "{refused:?}");
}

async fn an_order_about_links_is_a_run_of_each_record_that_it_concerns(home: Home) {
    let store = home.store().await;
    let link = account_link(ROOT, LOSER, M3TER_ID, None);
    save_links(&store, std::slice::from_ref(&link)).await;
    let planned = store.plan_links(&moved()).await.unwrap().unwrap();
    assert_eq!(planned, Handover { links: vec![link.clone()], runs: Vec::new() });
    assert_eq!(all(&store).await, std::slice::from_ref(&link), "a plan changes nothing");
    let done = store.change_links(&moved(), Some("ops"), instant(0)).await.unwrap().unwrap();
    assert_eq!(done.links, [link]);
    let records: Vec<&str> = done.runs.iter().map(|(record, _)| record.as_str()).collect();
    assert_eq!(records, [LOSER, SURVIVOR, ROOT]);
    for (record, id) in &done.runs {
        let run = store.load_run(*id).await.unwrap().unwrap();
        assert_eq!(
            (run.state, run.kind.as_str(), &run.parent_record_id),
            (RunState::Ended, "links", &record.to_string())
        );
        assert_eq!(run.requested_by, ["ops"]);
        assert_eq!(store.load_request(*id).await.unwrap(), None, "it is not replayed");
    }
    let told = store.load_run(done.runs[2].1).await.unwrap().unwrap().result.unwrap().warnings;
    assert_eq!(
        told,
        [Warning::from(format!(
            "The m3ter Account {M3TER_ID} of {LOSER} was handed over to {SURVIVOR}"
        ))]
    );
    let forgotten = LinkOrder::Forget { row: record(SURVIVOR), kind: Some(EntityKind::Account) };
    store.change_links(&forgotten, None, instant(0)).await.unwrap().unwrap();
    assert_eq!(all(&store).await, []);
    let filter =
        RunFilter { parent_record_id: Some(record(ROOT)), limit: 10, ..RunFilter::default() };
    assert_eq!(
        store.list_runs(&filter).await.unwrap().iter().filter(|run| run.kind == "links").count(),
        2
    );
}

async fn an_order_about_links_waits_for_no_run_and_none_goes_on_beside_it(home: Home) {
    let store = home.store().await;
    let link = account_link(ROOT, LOSER, M3TER_ID, None);
    save_links(&store, std::slice::from_ref(&link)).await;
    for busy in [ROOT, SURVIVOR] {
        let run = NewRun { parent_record_id: record(busy), ..new_run() };
        let Admission::Claimed(run) = store.admit(&run, &process()).await.unwrap() else {
            panic!("nothing is in its way")
        };
        assert_eq!(
            store.change_links(&moved(), None, instant(0)).await.unwrap(),
            Err(NotHandedOver::Busy(record(busy)))
        );
        assert_eq!(all(&store).await, std::slice::from_ref(&link));
        end(&store, run.claim, &completed(), None).await.unwrap();
    }
    let filter = RunFilter { limit: 10, ..RunFilter::default() };
    assert!(
        store.list_runs(&filter).await.unwrap().iter().all(|run| run.kind != "links"),
        "what was refused leaves no run behind"
    );
    store.change_links(&moved(), None, instant(0)).await.unwrap().unwrap();
    // The record is free again.
    assert!(matches!(store.admit(&new_run(), &process()).await.unwrap(), Admission::Claimed(_)));
}

async fn what_cannot_be_handed_over_is_refused_and_left_as_it_is(home: Home) {
    let store = home.store().await;
    assert_eq!(
        store.change_links(&moved(), None, instant(0)).await.unwrap(),
        Err(NotHandedOver::NoLinks(record(LOSER)))
    );
    let links = [
        account_link(ROOT, LOSER, M3TER_ID, None),
        account_link(OTHER_ROOT, SURVIVOR, OTHER_M3TER_ID, None),
    ];
    save_links(&store, &links).await;
    let refused = store.change_links(&moved(), None, instant(0)).await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, NotHandedOver::Taken { m3ter_id, .. } if *m3ter_id == m3ter(OTHER_M3TER_ID)),
        "{refused}"
    );
    assert_eq!(store.plan_links(&moved()).await.unwrap(), Err(refused));
    assert_eq!(all(&store).await.len(), 2);
    let filter = LinkFilter { m3ter_id: Some(m3ter(OTHER_M3TER_ID)), ..LinkFilter::default() };
    assert_eq!(store.list_links(&filter).await.unwrap(), links[1..]);
}
