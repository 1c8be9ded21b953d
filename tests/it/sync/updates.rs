//! Real updates: what changed in Salesforce changes in m3ter, and nothing else.

use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_amount_updates_the_commitment_with_its_version() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 15000.5}));
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(
        actions(&result),
        [
            "Account unchanged",
            "Contract unchanged",
            "Commitment updated",
            "Plan unchanged",
            "Pricing unchanged",
            "AccountPlan unchanged"
        ]
    );
    let writes = world.m3ter_writes();
    assert_eq!(
        (writes.len(), writes[0].method.as_str(), &writes[0].body["version"]),
        (1, "PUT", &json!(1))
    );
    let contract = world.object("contracts", "code", DEAL);
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    assert_eq!(
        (commitment["amount"].to_string(), &commitment["version"]),
        ("15000.5".to_owned(), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_keeps_what_the_mapping_does_not_name() {
    let world = World::new().await;
    world.org.vendor().update("Account", ACCOUNT, &json!({"BillingState": null}));
    world.sync(DEAL).await;
    let mut account = world.object("accounts", "code", ACCOUNT);
    account.insert("customFields".to_owned(), json!({"tier": 1.50, "segment": "enterprise"}));
    account.insert("purchaseOrderNumber".to_owned(), json!("kept"));
    account["address"]["region"] = json!("kept too");
    world.change_in_m3ter("accounts", &account);
    world.org.vendor().update("Account", ACCOUNT, &json!({"Name": "Acme Incorporated"}));
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
    let after = world.object("accounts", "code", ACCOUNT);
    assert_fields!(after, {
        "name": "Acme Incorporated",
        "customFields": account["customFields"],
        "purchaseOrderNumber": "kept",
    });
    assert_eq!((&after["address"]["region"], &after["version"]), (&json!("kept too"), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortened_street_leaves_no_old_lines() {
    let world = World::new().await;
    world.org.vendor().update(
        "Account",
        ACCOUNT,
        &json!({"BillingStreet": "7 Low Road\nBuilding 3"}),
    );
    world.sync(DEAL).await;
    assert_eq!(world.object("accounts", "code", ACCOUNT)["address"]["addressLine2"], "Building 3");
    world.org.vendor().update("Account", ACCOUNT, &json!({"BillingStreet": "1 High Street"}));
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
    let address = world.object("accounts", "code", ACCOUNT)["address"].clone();
    assert_eq!(
        (&address["addressLine1"], address.get("addressLine2")),
        (&json!("1 High Street"), None),
        "{address}"
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_source_keeps_what_m3ter_has() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_PO_Number__c": null}));
    assert_all(&world.sync(DEAL).await, "unchanged");
    assert_eq!(world.object("contracts", "code", DEAL)["purchaseOrderNumber"], "PO-2026-001");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changed_in_m3ter_meanwhile_is_compared_again() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Account", ACCOUNT, &json!({"Name": "Acme Incorporated"}));
    // The list shows the account as it was before somebody else changed it.
    let mut account = world.object("accounts", "code", ACCOUNT);
    account.insert("purchaseOrderNumber".to_owned(), json!("PO-7"));
    world.organization.set_list_lag(std::time::Duration::from_hours(1));
    world.change_in_m3ter("accounts", &account);
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
    let after = world.object("accounts", "code", ACCOUNT);
    assert_fields!(after, { "name": "Acme Incorporated", "purchaseOrderNumber": "PO-7" });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_price_changes_the_pricing_in_place_with_a_warning() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    let result = world.sync(DEAL).await;
    let pricing = object_result(&result, "Pricing");
    assert_eq!(pricing["action"], "updated");
    assert!(
        pricing["warnings"][0].as_str().unwrap().starts_with("The price has applied since"),
        "{pricing:#}"
    );
    assert_eq!(
        world.object("pricings", "code", LINE)["pricingBands"][0]["unitPrice"].to_string(),
        "0.06"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_deleted_in_m3ter_is_made_again() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let id = world.object("accountplans", "code", LINE)["id"].as_str().unwrap().to_owned();
    world
        .organization
        .vendor()
        .request("DELETE", &format!("/accountplans/{id}"), &json!(null))
        .unwrap();
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "AccountPlan")["action"], "created");
    assert_ne!(world.object("accountplans", "code", LINE)["id"].as_str(), Some(id.as_str()));
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_the_record_no_longer_asks_for_are_left_alone_and_reported() {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2099-12-31"}));
    assert_eq!(world.sync(DEAL).await["warnings"], json!([]));
    let contract = world.object("contracts", "code", DEAL);
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    let account_plan = world.object("accountplans", "code", LINE);
    // The amount becomes blank, and the product one that is not metered.
    let product = world.org.vendor().record("OpportunityLineItem", LINE).unwrap()["Product2Id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({"M3ter_Commitment_Amount__c": null, "Amount": null}),
    );
    world.org.vendor().update("Product2", &product, &json!({"M3ter_Not_Metered__c": true}));
    world.organization.clear_requests();
    for result in [world.dry_run(DEAL).await, world.sync(DEAL).await] {
        assert_eq!(actions(&result), ["Account unchanged", "Contract unchanged"], "{result:#}");
        let warnings = result["warnings"].to_string();
        for id in [&commitment["id"], &account_plan["id"]] {
            assert!(warnings.contains(&format!("{} of ", id.as_str().unwrap())), "{warnings}");
        }
        assert!(warnings.contains("because its amount is blank"), "{warnings}");
    }
    assert!(world.m3ter_writes().is_empty());
    // What was requested again is the same as before.
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 12000.0}));
    world.org.vendor().update("Product2", &product, &json!({"M3ter_Not_Metered__c": false}));
    let result = world.sync(DEAL).await;
    assert_all(&result, "unchanged");
    assert_eq!(result["warnings"], json!([]));
}
