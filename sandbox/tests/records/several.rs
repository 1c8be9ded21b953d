//! Many records at a time, and records by the key of another system.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::org::Org;

const DEAL: &str = "006S900000795MMIAY";
const ENTRY: &str = "01uS90000000001IAA";

fn row(object: &str, reference: &str, fields: Json) -> Json {
    let mut row = fields;
    row["attributes"] = json!({ "type": object, "referenceId": reference });
    row
}

#[tokio::test]
async fn a_record_tree_is_created_with_all_its_children() {
    let org = Org::new().await;
    let line = json!({ "PricebookEntryId": ENTRY, "Quantity": 2, "UnitPrice": 0.05 });
    let mut deal = row(
        "Opportunity",
        "deal",
        json!({ "Name": "D", "StageName": "Closed Won", "CloseDate": "2026-01-01" }),
    );
    deal["OpportunityLineItems"] = json!({ "records": [row("OpportunityLineItem", "one", line.clone()), row("OpportunityLineItem", "two", line.clone())] });
    let mut account = row("Account", "account", json!({ "Name": "A" }));
    account["Opportunities"] = json!({ "records": [deal] });
    let (status, answer) = org
        .ask(Method::POST, "composite/tree/Account", Some(&json!({ "records": [account] })))
        .await;
    assert_eq!((status, &answer["hasErrors"]), (201, &json!(false)), "{answer}");
    let references: Vec<&Json> =
        answer["results"].as_array().unwrap().iter().map(|result| &result["referenceId"]).collect();
    assert_eq!(references, ["account", "deal", "one", "two"]);
    let deal = answer["results"][1]["id"].as_str().unwrap();
    let stored = org.record("Opportunity", deal).await;
    assert_eq!(
        (&stored["AccountId"], &stored["IsWon"]),
        (&answer["results"][0]["id"], &json!(true))
    );
    assert_eq!(
        org.query(&format!("SELECT Id FROM OpportunityLineItem WHERE OpportunityId = '{deal}'"))
            .await["totalSize"],
        2
    );
}

#[tokio::test]
async fn a_record_tree_with_one_fault_creates_nothing() {
    let org = Org::new().await;
    let before = org.query("SELECT Id FROM Account").await["totalSize"].clone();
    let good = || row("Account", "good", json!({ "Name": "A" }));
    let many: Vec<Json> = (0..201)
        .map(|number| row("Account", &format!("a{number}"), json!({ "Name": "A" })))
        .collect();
    for (records, faulty, code) in [
        (
            json!([good(), row("Account", "bad", json!({ "BillingCity": "Rome" }))]),
            "bad",
            "REQUIRED_FIELD_MISSING",
        ),
        (json!([good(), row("Account", "good", json!({ "Name": "B" }))]), "good", "INVALID_INPUT"),
        (
            json!([good(), row("Contact", "other", json!({ "Name": "B" }))]),
            "other",
            "INVALID_INPUT",
        ),
        (json!(many), "a200", "INVALID_INPUT"),
    ] {
        let (status, answer) = org
            .ask(Method::POST, "composite/tree/Account", Some(&json!({ "records": records })))
            .await;
        assert_eq!((status, &answer["hasErrors"]), (400, &json!(true)), "{answer}");
        let result = &answer["results"][0];
        assert_eq!(
            (&result["referenceId"], &result["errors"][0]["statusCode"]),
            (&json!(faulty), &json!(code)),
            "{answer}"
        );
    }
    assert_eq!(org.query("SELECT Id FROM Account").await["totalSize"], before);
}

#[tokio::test]
async fn an_upsert_creates_a_record_once_and_updates_it_afterwards() {
    let org = Org::new().await;
    let path = "sobjects/Account/M3ter_Account_Code__c/ACME%2F1";
    let (status, made) = org.ask(Method::PATCH, path, Some(&json!({ "Name": "A" }))).await;
    assert_eq!((status, &made["created"]), (201, &json!(true)), "{made}");
    let (status, found) =
        org.ask(Method::PATCH, path, Some(&json!({ "BillingCity": "Rome" }))).await;
    assert_eq!((status, &found["created"], &found["id"]), (200, &json!(false), &made["id"]));
    let (status, read) = org.ask(Method::GET, path, None).await;
    assert_eq!(
        (status, &read["M3ter_Account_Code__c"], &read["BillingCity"]),
        (200, &json!("ACME/1"), &json!("Rome"))
    );
    let twice = json!({ "Name": "B", "M3ter_Account_Code__c": "ACME/1" });
    let (status, refusal) = org.ask(Method::POST, "sobjects/Account", Some(&twice)).await;
    assert_eq!((status, &refusal[0]["errorCode"]), (400, &json!("DUPLICATE_VALUE")));
    org.emulator.vendor().insert("Account", &twice);
    let (status, several) = org.ask(Method::PATCH, path, Some(&json!({ "Name": "C" }))).await;
    assert_eq!((status, several.as_array().unwrap().len()), (300, 2), "{several}");
    assert_eq!(
        org.ask(Method::PATCH, "sobjects/Account/AccountNumber/7", Some(&json!({ "Name": "C" })))
            .await
            .0,
        404,
        "not such a key"
    );

    let by_key = json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Account": { "M3ter_Account_Code__c": "NEW" } });
    let (status, refusal) = org.ask(Method::POST, "sobjects/Opportunity", Some(&by_key)).await;
    assert_eq!((status, &refusal[0]["errorCode"]), (400, &json!("INVALID_FIELD")), "{refusal}");
    let rows = json!({ "records": [
        { "attributes": { "type": "Account" }, "M3ter_Account_Code__c": "NEW", "Name": "N" },
        { "attributes": { "type": "Account" }, "M3ter_Account_Code__c": "NEW", "Name": "N 2" },
        { "attributes": { "type": "Account" }, "M3ter_Account_Code__c": "ACME/1", "Name": "N 3" },
    ] });
    let (status, rows) = org
        .ask(Method::PATCH, "composite/sobjects/Account/M3ter_Account_Code__c", Some(&rows))
        .await;
    assert_eq!(
        (status, &rows[0]["created"], &rows[1]["created"], &rows[1]["id"]),
        (200, &json!(true), &json!(false), &rows[0]["id"])
    );
    assert_eq!(rows[2]["errors"][0]["statusCode"], "DUPLICATE_EXTERNAL_ID");
    assert_eq!(
        org.record("Opportunity", &org.create("Opportunity", by_key).await).await["AccountId"],
        rows[0]["id"]
    );
}

#[tokio::test]
async fn a_collection_is_all_or_none_if_it_asks_for_that() {
    let org = Org::new().await;
    let row = |id: &str, fields: Json| {
        let mut row = fields;
        row["attributes"] = json!({ "type": "Opportunity" });
        row["id"] = json!(id);
        row
    };
    let rows = [
        row(DEAL, json!({ "NextStep": "call" })),
        row("006S900000795MNIAY", json!({ "StageName": null })),
    ];
    let statuses = |answer: &Json| -> Vec<Json> {
        answer
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["errors"][0]["statusCode"].clone())
            .collect()
    };
    let (_, answer) = org
        .ask(
            Method::PATCH,
            "composite/sobjects",
            Some(&json!({ "allOrNone": true, "records": rows })),
        )
        .await;
    assert_eq!(statuses(&answer), ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]);
    assert_eq!(org.record("Opportunity", DEAL).await["NextStep"], Json::Null);
    let (_, answer) = org
        .ask(
            Method::PATCH,
            "composite/sobjects",
            Some(&json!({ "allOrNone": false, "records": rows })),
        )
        .await;
    assert_eq!(statuses(&answer), [Json::Null, json!("REQUIRED_FIELD_MISSING")]);
    assert_eq!(org.record("Opportunity", DEAL).await["NextStep"], "call");
    let (_, answer) = org
        .ask(Method::DELETE, &format!("composite/sobjects?ids={DEAL},{DEAL}&allOrNone=false"), None)
        .await;
    assert_eq!(statuses(&answer), [Json::Null, json!("ENTITY_IS_DELETED")]);
}
