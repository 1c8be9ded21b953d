//! Accounts that were merged in Salesforce: the m3ter Account stays with the record that is left.

use serde_json::{Value as Json, json};

use crate::support::*;
use crate::sync::typed_keys::{STORAGE, add_on};

/// A second record of the same customer, and the deal moved to it, as a merge does.
fn survivor(world: &World, fields: &Json) -> String {
    let mut account = json!({"Name": "Survivor", "M3ter_Billing_Email__c": "a@example.com", "CurrencyIsoCode": "USD"});
    account.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.org.vendor().insert("Account", &account)
}

fn accounts_with_code(world: &World, code: impl Into<Json>) -> usize {
    let code: Json = code.into();
    world.objects("accounts").iter().filter(|account| account.get("code") == Some(&code)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_merged_record_passes_to_the_survivor() {
    let world = World::new().await;
    let first = world.sync(DEAL).await;
    let (other, _) = add_on(&world, STORAGE, &json!({}));
    world.sync(&other).await;
    let survivor = survivor(&world, &json!({}));
    world.org.vendor().merge(&survivor, ACCOUNT).unwrap();
    world.organization.clear_requests();
    let foreseen = world.dry_run(DEAL).await;
    assert_eq!(foreseen["syncStatus"], "Completed", "{foreseen:#}");
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let account = object_result(&result, "Account");
    assert_eq!(account["m3terId"], object_result(&first, "Account")["m3terId"]);
    assert!(
        account["warnings"].to_string().contains(&format!("{ACCOUNT} was merged into {survivor}")),
        "{account:#}"
    );
    for name in ["Contract", "Commitment", "Plan", "Pricing", "AccountPlan"] {
        assert_eq!(object_result(&result, name)["action"], "unchanged", "{result:#}");
    }
    assert!(world.m3ter_writes().iter().all(|write| write.method != "POST"), "nothing is made");
    assert_eq!(
        (accounts_with_code(&world, ACCOUNT), accounts_with_code(&world, survivor.as_str())),
        (1, 0)
    );
    // The links of all deals have moved, and the survivor is known by itself.
    for record in [DEAL, &other, &survivor] {
        let result = world.sync(record).await;
        assert_all(&result, "unchanged");
        assert_eq!(object_result(&result, "Account")["m3terId"], account["m3terId"]);
        assert!(
            !object_result(&result, "Account")["warnings"].to_string().contains("merged"),
            "{result:#}"
        );
    }
    // A deal that comes after the merge.
    let (new, _) = add_on(
        &world,
        STORAGE,
        &json!({"AccountId": survivor, "CloseDate": "2027-03-01", "End_Date__c": "2027-12-31"}),
    );
    assert_eq!(object_result(&world.sync(&new).await, "Account")["m3terId"], account["m3terId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_with_the_code_of_the_merged_record_gets_its_account() {
    let world = World::new().await;
    let first = world.sync(DEAL).await;
    let survivor = survivor(&world, &json!({ "M3ter_Account_Code__c": ACCOUNT }));
    world.org.vendor().merge(&survivor, ACCOUNT).unwrap();
    for record in [&survivor, DEAL] {
        let result = world.sync(record).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert_eq!(
            object_result(&result, "Account")["m3terId"],
            object_result(&first, "Account")["m3terId"]
        );
    }
    assert_eq!(accounts_with_code(&world, ACCOUNT), 1);
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_merged_twice_is_followed() {
    let world = World::new().await;
    let first = world.sync(DEAL).await;
    let (middle, last) = (survivor(&world, &json!({})), survivor(&world, &json!({})));
    world.org.vendor().merge(&middle, ACCOUNT).unwrap();
    world.org.vendor().merge(&last, &middle).unwrap();
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        object_result(&result, "Account")["m3terId"],
        object_result(&first, "Account")["m3terId"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_merged_records_with_accounts_are_reported_and_not_guessed() {
    let world = World::new().await;
    let first = object_result(&world.sync(DEAL).await, "Account")["m3terId"].clone();
    let survivor = survivor(&world, &json!({}));
    let second = object_result(&world.sync(&survivor).await, "Account")["m3terId"].clone();
    world.org.vendor().merge(&survivor, ACCOUNT).unwrap();
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    let account = object_result(&result, "Account");
    assert_eq!(account["findingCode"], "AMBIGUOUS_MATCH", "{result:#}");
    for named in [&first, &second] {
        assert!(
            account["message"].as_str().unwrap().contains(named.as_str().unwrap()),
            "{account:#}"
        );
    }
    assert!(
        account["remedy"].as_str().unwrap().contains(&format!("links move {ACCOUNT} {survivor}")),
        "{account:#}"
    );
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_salesforce_does_not_tell_of_is_the_likely_cause() {
    for (fate, has_code, purged) in [
        ("CODE_IN_USE", true, false),
        ("CODE_IN_USE", true, true),
        ("IDENTITY_CHANGED", false, false),
        ("IDENTITY_CHANGED", false, true),
    ] {
        let world = World::new().await;
        world.sync(DEAL).await;
        let survivor = survivor(
            &world,
            &if has_code { json!({ "M3ter_Account_Code__c": ACCOUNT }) } else { json!({}) },
        );
        world.org.vendor().update("Opportunity", DEAL, &json!({ "AccountId": survivor }));
        world.org.vendor().delete("Account", ACCOUNT);
        if purged {
            world.org.vendor().purge("Account", ACCOUNT);
        }
        world.organization.clear_requests();
        let result = world.sync(DEAL).await;
        let account = object_result(&result, "Account");
        assert_eq!(account["findingCode"], fate, "{result:#}");
        let remedy = account["remedy"].as_str().unwrap();
        assert!(
            remedy.contains("merged")
                && remedy.contains(&format!("links move {ACCOUNT} {survivor}")),
            "{remedy}"
        );
        assert!(world.m3ter_writes().is_empty(), "{result:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_record_names_the_one_that_it_was_merged_into() {
    let world = World::new().await;
    world.sync(ACCOUNT).await;
    let survivor = survivor(&world, &json!({}));
    world.org.vendor().merge(&survivor, ACCOUNT).unwrap();
    let result = world.sync(ACCOUNT).await;
    assert_eq!(result["errorCode"], "RECORD_DELETED", "{result:#}");
    assert!(
        result["message"].as_str().unwrap().contains(&format!("it was merged into {survivor}")),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_an_existing_record_stays_its_own() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let other = survivor(&world, &json!({ "M3ter_Account_Code__c": ACCOUNT }));
    let account = object_result(&world.sync(&other).await, "Account").clone();
    assert_eq!(account["findingCode"], "CODE_IN_USE", "{account:#}");
    assert!(account["remedy"].as_str().unwrap().contains("a different code"), "{account:#}");
}
