//! Who a person is stays out of what is said about a fault, whatever field the mapping reads.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

const JANE: &str = "005S90000000JANIA0";

/// A world in which the deal's owner is a person with a name and an address, and so is what stands
/// in other fields.
async fn world(replacements: &[(&str, &str)]) -> World {
    let world = World::with_mapping(Some(replacements)).await;
    let org = world.org.vendor();
    org.insert(
        "User",
        &json!({"Id": JANE, "Name": "Jane Doe", "Email": "jane@acme.example", "IsActive": true}),
    );
    org.update(
        "Opportunity",
        DEAL,
        &json!({"OwnerId": JANE, "NextStep": "call jane.doe@acme.example about the price"}),
    );
    world
}

fn assert_nobody_is_named(answer: &Json) {
    let text = answer.to_string();
    for part in ["Jane", "jane", "Doe", "doe@", "acme.example"] {
        assert!(!text.contains(part), "`{part}` stands in {answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_names_its_fields_without_personal_values() {
    for guard in [
        "{ field = \"Owner.Name\", is = \"Somebody\" }",
        "{ field = \"Owner.Email\", blank = true }",
        "{ field = \"NextStep\", blank = true }",
    ] {
        let world = world(&[(
            "root = \"Opportunity\"\n",
            &format!("root = \"Opportunity\"\nonly_when = {guard}\n"),
        )])
        .await;
        let result = world.sync(DEAL).await;
        assert_eq!(result["errorCode"], "RECORD_NOT_READY", "{result:#}");
        assert_nobody_is_named(&result);
        let (_, run) =
            world.get(&format!("/sync-runs/{}", result["syncRunId"].as_str().unwrap())).await;
        assert_nobody_is_named(&serde_json::from_str(&run).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stored_without_the_email_addresses_of_its_answer() {
    let guard = "{ field = \"NextStep\", blank = true, message = \"Ask jane@acme.example first\" }";
    let world = world(&[(
        "root = \"Opportunity\"\n",
        &format!("root = \"Opportunity\"\nonly_when = {guard}\n"),
    )])
    .await;
    let result = world.sync(DEAL).await;
    assert_eq!(result["errorCode"], "RECORD_NOT_READY", "{result:#}");
    assert!(result["message"].as_str().unwrap().contains("jane@acme.example"), "{result:#}");
    let (_, run) =
        world.get(&format!("/sync-runs/{}", result["syncRunId"].as_str().unwrap())).await;
    let run: Json = serde_json::from_str(&run).unwrap();
    assert_eq!(run["tries"].as_array().map(Vec::len), Some(1), "{run:#}");
    assert_nobody_is_named(&run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_names_its_field_without_the_personal_value() {
    for (field, reads) in [
        (
            "overageSurchargePercent = { field = \"M3ter_Overage_Surcharge__c\", optional = true }",
            "overageSurchargePercent = { field = \"NextStep\", as = \"number\" }",
        ),
        (
            "overageSurchargePercent = { field = \"M3ter_Overage_Surcharge__c\", optional = true }",
            "overageSurchargePercent = \"Owner.Name\"",
        ),
        (
            "overageSurchargePercent = { field = \"M3ter_Overage_Surcharge__c\", optional = true }",
            "overageSurchargePercent = { field = \"Owner.Email\", map = { x = 1 } }",
        ),
    ] {
        let world = world(&[(field, reads)]).await;
        let result = world.sync(DEAL).await;
        let commitment = object_result(&result, "Commitment");
        assert_eq!(commitment["findingCode"], "VALUE_INVALID", "{commitment}");
        assert_nobody_is_named(&json!([commitment, result["concatenatedResults"]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_fields_of_an_account_and_nothing_of_the_customer() {
    let world = world(&[(
        "name = { field = \"Account.Name\", trim = true, truncate = true }",
        "name = \"Owner.Name\"",
    )])
    .await;
    for words in [
        "name is not allowed",
        "emailAddress must be a well-formed email address",
        "address jane@acme.example is not allowed",
    ] {
        let refused =
            FaultKind::Status { status: 400, retry_after: None, message: Some(words.to_owned()) };
        world.fault("POST", "/accounts", refused);
        let result = world.sync(DEAL).await;
        let account = object_result(&result, "Account");
        assert_eq!(account["findingCode"], "REFUSED_BY_M3TER", "{account}");
        assert!(account["remedy"].as_str().unwrap().starts_with("Correct `"), "{account}");
        assert_nobody_is_named(account);
    }
}
