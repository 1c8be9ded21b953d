//! The recycle bin, merges, sharing, and what describes and locators say of them.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::org::Org;

const ACCOUNT: &str = "001S900000RzsIUIAZ";
const DEAL: &str = "006S900000795MMIAY";
const FIVE_LINES: &str = "006S90000079FIVIA2";
const QUOTE: &str = "a0QS90000079QUOMA2";

#[tokio::test]
async fn describes_tell_which_children_are_deleted_with_their_parent() {
    let org = Org::new().await;
    for (parent, relationship, cascades) in [
        ("Account", "Opportunities", true),
        ("Account", "Contracts", false),
        ("Account", "SBQQ__Subscriptions__r", false),
        ("Opportunity", "OpportunityLineItems", true),
        ("Order", "OrderItems", true),
        ("Contract", "SBQQ__Subscriptions__r", false),
        ("Contract", "Orders", false),
        ("SBQQ__Quote__c", "SBQQ__LineItems__r", true),
        ("SBQQ__QuoteLine__c", "SBQQ__QuoteLineConsumptionSchedules__r", true),
        ("SBQQ__Subscription__c", "SBQQ__SubscriptionConsumptionSchedules__r", true),
        ("Usage_Deal__c", "Usage_Lines__r", true),
        ("Usage_Deal__c", "Add_Ons__r", false),
    ] {
        let describe = org.describe(parent).await;
        let mut children = describe["childRelationships"].as_array().unwrap().iter();
        let child =
            children.find(|child| child["relationshipName"] == json!(relationship)).unwrap();
        assert_eq!(child["cascadeDelete"], json!(cascades), "{parent} {relationship}");
    }
}

#[tokio::test]
async fn a_deleted_record_stays_in_the_recycle_bin_with_its_details_until_it_is_purged() {
    let org = Org::new().await;
    let rates = "SELECT Id, IsDeleted FROM SBQQ__QuoteLineConsumptionRate__c";
    assert_eq!(org.query(rates).await["totalSize"], 2);
    assert_eq!(
        org.ask(Method::DELETE, &format!("sobjects/SBQQ__Quote__c/{QUOTE}"), None).await.0,
        204
    );
    assert_eq!(
        org.query(rates).await["totalSize"],
        0,
        "the rates of the lines' schedules go with the quote"
    );
    let lines =
        format!("SELECT Id, IsDeleted FROM SBQQ__QuoteLine__c WHERE SBQQ__Quote__c = '{QUOTE}'");
    assert_eq!(org.query(&lines).await["totalSize"], 0);
    let all = org.query_all(&lines).await;
    assert_eq!(all["totalSize"], 3);
    assert!(
        all["records"].as_array().unwrap().iter().all(|line| line["IsDeleted"] == true),
        "{all}"
    );

    assert_eq!(org.control(Method::POST, "undelete", &json!({ "id": QUOTE })).await.0, 200);
    assert_eq!(
        (&org.query(&lines).await["totalSize"], &org.query(rates).await["totalSize"]),
        (&json!(3), &json!(2))
    );

    assert_eq!(org.control(Method::POST, "purge", &json!({ "id": QUOTE })).await.0, 200);
    let quote = format!("SELECT Id FROM SBQQ__Quote__c WHERE Id = '{QUOTE}'");
    for soql in [&quote, &lines, rates] {
        assert_eq!(org.query_all(soql).await["totalSize"], 0, "{soql}");
    }
    let (status, refusal) =
        org.ask(Method::GET, &format!("sobjects/SBQQ__Quote__c/{QUOTE}"), None).await;
    assert_eq!((status, &refusal[0]["errorCode"]), (404, &json!("NOT_FOUND")));
    assert_eq!(
        org.control(Method::POST, "purge", &json!({ "id": QUOTE })).await.0,
        400,
        "there is nothing left to purge"
    );
}

#[tokio::test]
async fn a_contracts_subscriptions_outlive_it() {
    let org = Org::new().await;
    assert_eq!(org.ask(Method::DELETE, "sobjects/Contract/800S90000079CONIA2", None).await.0, 204);
    assert_eq!(org.query("SELECT Id FROM SBQQ__Subscription__c").await["totalSize"], 4);
}

#[tokio::test]
async fn a_record_hidden_by_sharing_is_absent_everywhere() {
    let org = Org::new().await;
    let subscription = "a0SS90000079SU1MAM";
    org.rules(json!({ "hiddenRecords": [FIVE_LINES, subscription] })).await;
    for soql in [
        format!("SELECT Id FROM Opportunity WHERE Id = '{FIVE_LINES}'"),
        format!("SELECT Id FROM OpportunityLineItem WHERE OpportunityId = '{FIVE_LINES}'"),
        format!("SELECT Id FROM SBQQ__Subscription__c WHERE Id = '{subscription}'"),
        format!("SELECT Id FROM SBQQ__SubscriptionConsumptionSchedule__c WHERE SBQQ__Subscription__c = '{subscription}'"),
        "SELECT Id FROM SBQQ__SubscriptionConsumptionRate__c WHERE SBQQ__SubscriptionConsumptionSchedule__c = 'a0TS90000079SC1MAM'"
            .to_owned(),
    ] {
        assert_eq!(org.query(&soql).await["totalSize"], 0, "{soql}");
        assert_eq!(org.query_all(&soql).await["totalSize"], 0, "{soql}");
    }
    let contract = "SELECT Id, (SELECT Id FROM SBQQ__Subscriptions__r) FROM Contract";
    for page in [org.query(contract).await, org.query_all(contract).await] {
        let children = &page["records"][0]["SBQQ__Subscriptions__r"];
        assert_eq!(
            (&children["totalSize"], children["records"].as_array().unwrap().len()),
            (&json!(3), 3)
        );
    }
    let user = sync_to_m3ter_sandbox::salesforce::INTEGRATION_USER;
    for (id, may) in [(FIVE_LINES, false), (DEAL, true)] {
        let access = format!(
            "SELECT RecordId, HasReadAccess FROM UserRecordAccess WHERE UserId = '{user}' AND RecordId = '{id}'"
        );
        assert_eq!(org.column(&access, "HasReadAccess").await, [json!(may)], "{id}");
        assert_eq!(
            org.ask(Method::GET, &format!("sobjects/Opportunity/{id}"), None).await.0,
            if may { 200 } else { 404 }
        );
    }
    // A line that is made for a hidden deal is as hidden as the deal, and what another deal gets
    // comes into sight.
    let line = org
        .emulator
        .vendor()
        .insert("OpportunityLineItem", &json!({ "OpportunityId": FIVE_LINES }));
    let found = format!("SELECT Id FROM OpportunityLineItem WHERE Id = '{line}'");
    assert_eq!(org.query(&found).await["totalSize"], 0);
    org.emulator.vendor().update("OpportunityLineItem", &line, &json!({ "OpportunityId": DEAL }));
    assert_eq!(org.query(&found).await["totalSize"], 1);
}

#[tokio::test]
async fn the_merged_record_names_the_master_and_passes_on_its_children() {
    let org = Org::new().await;
    let master = org.create("Account", json!({ "Name": "Acme again", "ParentId": ACCOUNT })).await;
    let child =
        org.create("Account", json!({ "Name": "Acme's daughter", "ParentId": ACCOUNT })).await;
    let merge = json!({ "master": master, "loser": ACCOUNT });
    assert_eq!(org.control(Method::POST, "merge", &merge).await, (200, json!({})));

    assert_eq!(org.record("Opportunity", DEAL).await["AccountId"], json!(master));
    assert_eq!(org.record("Account", &child).await["ParentId"], json!(master));
    assert_eq!(
        org.record("Account", &master).await["ParentId"],
        Json::Null,
        "nobody is its own parent"
    );
    let loser = format!("SELECT Id, IsDeleted, MasterRecordId FROM Account WHERE Id = '{ACCOUNT}'");
    assert_eq!(org.query(&loser).await["totalSize"], 0);
    let loser = org.query_all(&loser).await["records"][0].clone();
    assert_eq!((&loser["IsDeleted"], &loser["MasterRecordId"]), (&json!(true), &json!(master)));
    assert_eq!(
        org.query(&format!("SELECT Id FROM OpportunityLineItem WHERE OpportunityId = '{DEAL}'"))
            .await["totalSize"],
        1
    );

    for refused in [
        merge,
        json!({ "master": master, "loser": master }),
        json!({ "master": master, "loser": DEAL }),
    ] {
        assert_eq!(org.control(Method::POST, "merge", &refused).await.0, 400, "{refused}");
    }
    let written = json!({ "Name": "X", "MasterRecordId": master });
    let (status, refusal) = org.ask(Method::POST, "sobjects/Account", Some(&written)).await;
    assert_eq!(
        (status, &refusal[0]["errorCode"]),
        (400, &json!("INVALID_FIELD_FOR_INSERT_UPDATE"))
    );
}

#[tokio::test]
async fn a_query_locator_expires_with_its_session() {
    let mut org = Org::new().await;
    org.rules(json!({ "childPageRows": 2 })).await;
    let first = org.query(&format!("SELECT Id, (SELECT Id FROM OpportunityLineItems) FROM Opportunity WHERE Id = '{FIVE_LINES}'")).await;
    let locator =
        first["records"][0]["OpportunityLineItems"]["nextRecordsUrl"].as_str().unwrap().to_owned();
    let locator = locator.trim_start_matches("/services/data/v60.0/").to_owned();
    org.log_in().await;
    assert_eq!(
        org.ask(Method::GET, &locator, None).await.0,
        200,
        "the session that opened it is still open"
    );

    assert_eq!(org.control(Method::DELETE, "tokens", &json!({})).await.0, 200);
    let (status, refusal) = org.ask(Method::GET, &locator, None).await;
    assert_eq!((status, &refusal[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    org.log_in().await;
    let (status, refusal) = org.ask(Method::GET, &locator, None).await;
    assert_eq!((status, &refusal[0]["errorCode"]), (400, &json!("INVALID_QUERY_LOCATOR")));
}
