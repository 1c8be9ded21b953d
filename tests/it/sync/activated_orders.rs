//! Activated Orders, which only a user with the permission may change.

use serde_json::{Value as Json, json};

use crate::support::World;

const ORDER: &str = "801S90000079ORDIA2";
const LINE: &str = "802S90000079OI1IAM";

/// The warnings of a sync that say that an id was not written.
fn unwritten(result: &Json) -> Vec<&str> {
    let objects = result["objectResults"].as_array().unwrap().iter();
    let warnings = objects
        .flat_map(|object| object["warnings"].as_array().into_iter().flatten())
        .filter_map(Json::as_str);
    warnings.filter(|warning| warning.contains("could not be written")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_of_an_activated_order_are_written_by_a_user_with_the_permission() {
    let world = World::new().await;
    let org = world.org.vendor();
    org.rules(&json!({ "permissions": [] })).unwrap();
    let result = world.sync(ORDER).await;
    let refused = unwritten(&result);
    for field in ["Order.M3ter_Contract_Id__c", "OrderItem.M3ter_Plan_Id__c"] {
        let says_so = |warning: &&str| {
            warning.contains(field) && warning.contains("INSUFFICIENT_ACCESS_OR_READONLY")
        };
        assert!(refused.iter().any(says_so), "{field}: {refused:?}");
    }
    assert!(!org.record("Order", ORDER).unwrap().contains_key("M3ter_Contract_Id__c"));

    org.rules(&json!({})).unwrap();
    let result = world.sync(ORDER).await;
    assert_eq!(unwritten(&result), [""; 0], "{result:#}");
    assert_eq!(
        org.record("Order", ORDER).unwrap()["M3ter_Contract_Id__c"],
        world.object("contracts", "code", ORDER)["id"]
    );
    assert_eq!(
        org.record("OrderItem", LINE).unwrap()["M3ter_Plan_Id__c"],
        world.object("plans", "code", LINE)["id"]
    );
}
