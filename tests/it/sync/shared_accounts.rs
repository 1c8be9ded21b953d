//! Two deals of one Account are synced at once: what was edited last is what stays.

use std::time::Duration;

use serde_json::json;
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

/// Deals of one Account that are both in m3ter.
async fn two_deals() -> World {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"AccountId": ACCOUNT}));
    world.sync(DEAL).await;
    world.sync(FIVE_LINES).await;
    world
}

/// Syncs one deal after an edit of the Account, and the other one after a later edit while the
/// first stands still at a request.
async fn overtaken_at(world: &World, method: &str, path: &str) {
    let set = |email: &str| {
        world.org.vendor().update("Account", ACCOUNT, &json!({"M3ter_Billing_Email__c": email}));
    };
    set("first@example.com");
    world.fault(method, path, FaultKind::Delay { ms: 1_500 });
    let later = async {
        while !world
            .organization
            .requests()
            .iter()
            .any(|request| request.fault == Some("delay") && request.finished_at.is_none())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        set("second@example.com");
        world.sync(FIVE_LINES).await
    };
    let (overtaken, later) = tokio::join!(world.sync(DEAL), later);
    assert_eq!(
        (&overtaken["syncStatus"], &object_result(&later, "Account")["success"]),
        (&json!("Completed"), &json!(true)),
        "{later:#}"
    );
    assert_eq!(
        world.object("accounts", "code", ACCOUNT)["emailAddress"],
        "second@example.com",
        "{overtaken:#}"
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_edit_wins_though_the_earlier_sync_writes_last() {
    let world = two_deals().await;
    overtaken_at(&world, "PUT", "/accounts/*").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_edit_wins_though_the_earlier_sync_reads_m3ter_last() {
    let world = two_deals().await;
    overtaken_at(&world, "GET", "/accounts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_moves_to_another_account_meanwhile_leaves_the_former_one_alone() {
    let world = two_deals().await;
    world.org.vendor().update(
        "Account",
        ACCOUNT,
        &json!({"M3ter_Billing_Email__c": "first@example.com"}),
    );
    world.fault("PUT", "/accounts/*", FaultKind::Delay { ms: 1_500 });
    let meanwhile = async {
        while !world
            .organization
            .requests()
            .iter()
            .any(|request| request.fault == Some("delay") && request.finished_at.is_none())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.org.vendor().update("Opportunity", DEAL, &json!({"AccountId": "001S900000RzsIVIAZ"}));
        let mut account = world.object("accounts", "code", ACCOUNT);
        account.insert("emailAddress".to_owned(), json!("third@example.com"));
        world.change_in_m3ter("accounts", &account);
    };
    let (overtaken, ()) = tokio::join!(world.sync(DEAL), meanwhile);
    let account = object_result(&overtaken, "Account");
    assert_eq!(
        (&overtaken["syncStatus"], &account["findingCode"]),
        (&json!("Partial Success"), &json!("CHANGED_MEANWHILE")),
        "{overtaken:#}"
    );
    assert_eq!(world.object("accounts", "code", ACCOUNT)["emailAddress"], "third@example.com");
}
