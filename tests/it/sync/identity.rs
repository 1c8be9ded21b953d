//! Which object is it? Wrong identity is wrong money.

use serde_json::{Map, Value as Json, json};

use crate::support::*;

/// A copy of a deal with its line, as Salesforce's clone button makes it: custom fields, the
/// written-back ids among them, come along.
fn cloned(world: &World, deal: &str) -> (String, String) {
    let copy = |sobject: &str, id: &str| {
        let mut record: Map<String, Json> = world.org.vendor().record(sobject, id).unwrap();
        record.remove("Id");
        record
    };
    let clone = world.org.vendor().insert("Opportunity", &Json::Object(copy("Opportunity", deal)));
    let mut line = copy("OpportunityLineItem", LINE);
    line.insert("OpportunityId".to_owned(), json!(clone));
    let line = world.org.vendor().insert("OpportunityLineItem", &Json::Object(line));
    (clone, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_deal_never_takes_the_original_s_objects() {
    let world = World::new().await;
    let original = world.sync(DEAL).await;
    let (clone, line) = cloned(&world, DEAL);
    // The copy is for the year after.
    world.org.vendor().update(
        "Opportunity",
        &clone,
        &json!({"CloseDate": "2027-01-01", "End_Date__c": "2027-12-31"}),
    );
    let result = world.sync(&clone).await;
    assert_eq!(
        actions(&result),
        [
            "Account unchanged",
            "Contract created",
            "Commitment created",
            "Plan created",
            "Pricing created",
            "AccountPlan created"
        ],
        "{result:#}"
    );
    for name in ["Contract", "Commitment", "Plan", "Pricing", "AccountPlan"] {
        assert_ne!(
            object_result(&result, name)["m3terId"],
            object_result(&original, name)["m3terId"],
            "{name}"
        );
        assert!(
            object_result(&result, name)["warnings"].to_string().contains("it was overwritten"),
            "{name}"
        );
    }
    let record = world.org.vendor().record("OpportunityLineItem", &line).unwrap();
    assert_eq!(record["M3ter_Plan_Id__c"], object_result(&result, "Plan")["m3terId"]);
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_deal_of_the_same_period_is_refused_as_an_overlap_and_names_the_owner() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let (clone, _) = cloned(&world, DEAL);
    let result = world.sync(&clone).await;
    let account_plan = object_result(&result, "AccountPlan");
    assert_eq!(account_plan["findingCode"], "ACCOUNT_PLAN_OVERLAP");
    assert!(
        account_plan["remedy"]
            .as_str()
            .unwrap()
            .contains(&format!("belongs to the Salesforce record {LINE}")),
        "{account_plan:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_line_does_not_silently_keep_another_deals_id() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    let (clone, line) = cloned(&world, DEAL);
    let id = |line: &str| {
        world
            .org
            .vendor()
            .record("OpportunityLineItem", line)
            .unwrap()
            .get("M3ter_Account_Plan_Id__c")
            .cloned()
    };
    let original = id(LINE).unwrap();
    let told = object_result(&world.sync(&clone).await, "AccountPlan")["warnings"].to_string();
    assert!(
        told.contains(original.as_str().unwrap())
            && told.contains(&format!("belongs to {LINE}; it was cleared")),
        "{told}"
    );
    assert_eq!((id(&line), id(LINE)), (None, Some(original.clone())));
    let again = world.sync(&clone).await;
    assert_eq!(
        (object_result(&again, "AccountPlan")["warnings"].to_string().contains("held"), id(&line)),
        (false, None),
        "{again:#}"
    );

    // Without the database nobody knows whose it is: it stays, and is told.
    world.org.vendor().update(
        "OpportunityLineItem",
        &line,
        &json!({"M3ter_Account_Plan_Id__c": original}),
    );
    world.lose_the_database().await;
    let told = object_result(&world.sync(&clone).await, "AccountPlan")["warnings"].to_string();
    assert!(told.contains("which no sync made for this row"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deals_of_one_account_at_the_same_time_share_it() {
    let world = World::new().await;
    let (clone, _) = cloned(&world, DEAL);
    world.org.vendor().update(
        "Opportunity",
        &clone,
        &json!({"CloseDate": "2027-01-01", "End_Date__c": "2027-12-31"}),
    );
    let (one, other) = tokio::join!(world.sync(DEAL), world.sync(&clone));
    assert_eq!(
        (&one["syncStatus"], &other["syncStatus"]),
        (&json!("Completed"), &json!("Completed")),
        "{one:#} {other:#}"
    );
    assert_eq!(
        world.objects("accounts").iter().filter(|account| account["code"] == ACCOUNT).count(),
        1
    );
    assert_eq!(
        object_result(&one, "Account")["m3terId"],
        object_result(&other, "Account")["m3terId"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_start_date_with_the_links_lost_finds_the_commitment_by_its_written_back_id() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.lose_the_database().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Start_Date__c": "2026-02-01"}));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(object_result(&result, "Commitment")["action"], "updated");
    assert!(
        object_result(&result, "Commitment")["warnings"]
            .to_string()
            .contains("The start moved from 2026-01-01 to 2026-02-01")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_start_date_with_all_traces_lost_is_refused_rather_than_doubled() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.lose_the_database().await;
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({"M3ter_Start_Date__c": "2026-02-01", "M3ter_Commitment_Id__c": null}),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(
        object_result(&result, "Commitment")["findingCode"],
        "COMMITMENT_OVERLAP",
        "{result:#}"
    );
    let contract = world.object("contracts", "code", DEAL);
    assert_eq!(
        world
            .objects("commitments")
            .iter()
            .filter(|commitment| commitment.get("contractId") == Some(&contract["id"]))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_account_is_a_finding_and_nothing_is_moved() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"AccountId": "001S90000079INIIA2"}));
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Contract")["findingCode"], "IDENTITY_CHANGED", "{result:#}");
    assert_eq!(object_result(&result, "Plan")["findingCode"], "IDENTITY_CHANGED");
    assert_eq!(object_result(&result, "Commitment")["findingCode"], "IDENTITY_CHANGED");
    let written: Vec<(String, String)> =
        world.m3ter_writes().into_iter().map(|request| (request.method, request.path)).collect();
    assert_eq!(
        written,
        [("POST".to_owned(), "/accounts".to_owned())],
        "only the other account is new"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swapped_product_is_a_finding_and_the_old_one_keeps_billing() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let storage = world.org.vendor().record("OpportunityLineItem", "00kS900000079F2IAI").unwrap()["Product2Id"].clone();
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"Product2Id": storage}));
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Plan")["findingCode"], "IDENTITY_CHANGED", "{result:#}");
    assert_eq!(object_result(&result, "Pricing")["findingCode"], "IDENTITY_CHANGED");
    assert_eq!(object_result(&result, "AccountPlan")["action"], "unchanged");
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_removed_and_added_again_does_not_bill_twice() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let mut line = world.org.vendor().record("OpportunityLineItem", LINE).unwrap();
    world.org.vendor().delete("OpportunityLineItem", LINE);
    line.remove("Id");
    world.org.vendor().insert("OpportunityLineItem", &Json::Object(line));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Partial Success");
    let account_plan = object_result(&result, "AccountPlan");
    assert_eq!(account_plan["findingCode"], "ACCOUNT_PLAN_OVERLAP");
    assert!(account_plan["remedy"].as_str().unwrap().contains(LINE));
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("LINE_REMOVED")
            && warning.contains(LINE)
            && warning.contains("still bills"),
        "{warning}"
    );
    let contract = world.object("contracts", "code", DEAL);
    assert_eq!(
        world
            .objects("accountplans")
            .iter()
            .filter(|plan| plan.get("contractId") == Some(&contract["id"]))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_another_row_is_never_adopted() {
    let world = World::new().await;
    world.sync(DEAL).await;
    // Another customer is given the same account code by mistake.
    world.org.vendor().update(
        "Account",
        "001S90000079INIIA2",
        &json!({"M3ter_Account_Code__c": ACCOUNT}),
    );
    world.organization.clear_requests();
    let result = world.sync(FIVE_LINES).await;
    let account = object_result(&result, "Account");
    assert_eq!(account["findingCode"], "CODE_IN_USE", "{result:#}");
    assert!(account["message"].as_str().unwrap().contains(ACCOUNT));
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_names_another_deal_s_contract_joins_it_and_never_changes_it() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let contract = world.object("contracts", "code", DEAL);
    let (amendment, line) = cloned(&world, DEAL);
    let seats = world.org.vendor().record("OpportunityLineItem", "00kS900000079F3IAI").unwrap()["Product2Id"].clone();
    world.org.vendor().update("OpportunityLineItem", &line, &json!({"Product2Id": seats}));
    let change = json!({"M3ter_Contract_Code__c": DEAL, "CloseDate": "2026-06-01", "M3ter_Commitment_Amount__c": null, "Amount": null});
    world.org.vendor().update("Opportunity", &amendment, &change);
    for _ in 0..2 {
        let result = world.sync(&amendment).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert_eq!(object_result(&result, "Contract")["action"], "unchanged");
        assert!(
            object_result(&result, "Contract")["warnings"]
                .to_string()
                .contains("was made by another record")
        );
    }
    assert_eq!(world.object("contracts", "code", DEAL), contract);
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], contract["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_s_code_that_no_list_of_the_account_shows_is_found_by_paging() {
    let world = World::new().await;
    // Another account has a plan under the line's code: a deal that moved before this service knew
    // it.
    let foreign = json!({"planTemplateId": "00000400-0000-4000-8000-000000000000", "name": "x", "code": LINE, "bespoke": true, "accountId": "d82738f3-d1d7-4a13-94a2-757658d64948"});
    world.organization.vendor().request("POST", "/plans", &foreign).unwrap();
    let result = world.sync(DEAL).await;
    let plan = object_result(&result, "Plan");
    assert_eq!(plan["findingCode"], "IDENTITY_CHANGED", "{result:#}");
    assert_eq!(world.objects("plans").iter().filter(|plan| plan["code"] == LINE).count(), 1);
}
