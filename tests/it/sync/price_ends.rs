//! A price lasts as long as what it bills, however its end or its AccountPlan's start moved.

use serde_json::json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

const FROM_DATE: &[(&str, &str)] =
    &[("pricing_change = \"in_place\"", "pricing_change = \"from_date\"")];

#[tokio::test(flavor = "multi_thread")]
async fn a_price_ended_by_end_dating_resumes_with_everything_else_of_the_deal() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let order = json!([{"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"]}]);
    let (_, ended) = world.post("/end-date-billing-entities", &order.to_string()).await;
    assert_eq!(ended[0]["syncStatus"], "Completed", "{ended:#}");
    assert_eq!(world.object("pricings", "code", LINE)["endDate"], "2026-07-01T00:00:00Z");
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2027-06-30"}));

    let foretold = world.dry_run(DEAL).await;
    let change = &object_result(&foretold, "Pricing")["changes"][0];
    assert_fields!(change, {
        "field": "endDate",
        "oldValue": "2026-07-01T00:00:00Z",
    }, "{foretold:#}");

    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], &object_result(&result, "Pricing")["action"]),
        (&json!("Completed"), &json!("updated")),
        "{result:#}"
    );
    let pricing = world.object("pricings", "code", LINE);
    let account_plan = world.object("accountplans", "code", LINE);
    assert_eq!(
        (pricing.get("endDate"), &account_plan["endDate"]),
        (None, &json!("2027-07-01T00:00:00Z"))
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_ended_by_an_interrupted_change_resumes_once_the_change_is_reverted() {
    let world = World::with_mapping(Some(FROM_DATE)).await;
    // The price ends today, which must lie within the term.
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2099-12-31"}));
    world.sync(DEAL).await;
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.5}));
    let refused = FaultKind::Status { status: 503, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("POST", "/pricings", refused).times(20));
    let interrupted = world.sync(DEAL).await;
    assert_eq!(interrupted["syncStatus"], "Failed", "{interrupted:#}");
    assert!(world.object("pricings", "code", LINE).contains_key("endDate"));

    world.organization.clear_faults();
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.05}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], &object_result(&result, "Pricing")["action"]),
        (&json!("Completed"), &json!("updated")),
        "{result:#}"
    );
    assert_eq!(world.objects("pricings").len(), 1);
    assert!(!world.object("pricings", "code", LINE).contains_key("endDate"));
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_somebody_ended_in_m3ter_keeps_its_end_only_where_another_price_follows() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let mut pricing = world.object("pricings", "code", LINE);
    pricing.insert("endDate".to_owned(), json!("2026-12-01T00:00:00Z"));
    world.change_in_m3ter("pricings", &pricing);
    let restored = world.sync(DEAL).await;
    assert_eq!(object_result(&restored, "Pricing")["action"], "updated", "{restored:#}");

    let mut pricing = world.object("pricings", "code", LINE);
    assert!(!pricing.contains_key("endDate"));
    pricing.insert("endDate".to_owned(), json!("2026-12-01T00:00:00Z"));
    world.change_in_m3ter("pricings", &pricing);
    let following = json!({
        "planId": pricing["planId"], "aggregationId": pricing["aggregationId"], "code": "from-december", "type": "DEBIT",
        "startDate": "2026-12-01T00:00:00Z", "tiersSpanPlan": false, "cumulative": false,
        "pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.04}],
    });
    let following = world.organization.vendor().request("POST", "/pricings", &following).unwrap();
    let kept = world.sync(DEAL).await;
    let told = object_result(&kept, "Pricing");
    assert_eq!(
        (&kept["syncStatus"], &told["action"]),
        (&json!("Completed"), &json!("unchanged")),
        "{kept:#}"
    );
    assert!(told["warnings"].to_string().contains(following["id"].as_str().unwrap()), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_start_moves_the_first_price() {
    let world = World::with_mapping(Some(FROM_DATE)).await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"CloseDate": "2025-06-01"}));
    let foretold = world.dry_run(DEAL).await;
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], &object_result(&result, "Pricing")["action"]),
        (&json!("Completed"), &json!("updated")),
        "{result:#}"
    );
    assert!(
        object_result(&foretold, "Pricing")["message"].as_str().unwrap().contains("startDate"),
        "{foretold:#}"
    );
    let pricing = world.object("pricings", "code", LINE);
    assert_eq!(
        (world.objects("pricings").len(), &pricing["startDate"], pricing.get("endDate")),
        (1, &json!("2025-06-01T00:00:00Z"), None)
    );
    assert_all(&world.sync(DEAL).await, "unchanged");

    // With another price beside it the first one moves, ends today, and the second one follows.
    world.org.vendor().update("Opportunity", DEAL, &json!({"CloseDate": "2025-03-01"}));
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let first = world.object("pricings", "code", LINE);
    let second =
        world.objects("pricings").into_iter().find(|other| other["id"] != first["id"]).unwrap();
    assert_fields!(first, { "startDate": "2025-03-01T00:00:00Z", "endDate": second["startDate"] });
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_start_moves_the_first_of_several_prices() {
    let world = World::with_mapping(Some(FROM_DATE)).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2099-12-31"}));
    world.sync(DEAL).await;
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    let changed = world.sync(DEAL).await;
    assert!(
        !changed["attention"].to_string().contains("FOREIGN_ID"),
        "the earlier Pricing is the line's own: {changed:#}"
    );
    assert_eq!(world.objects("pricings").len(), 2);

    world.org.vendor().update("Opportunity", DEAL, &json!({"CloseDate": "2025-06-01"}));
    let foretold = object_result(&world.dry_run(DEAL).await, "AccountPlan").clone();
    let refused = FaultKind::Status { status: 422, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("PUT", "/pricings/*", refused));
    let failed = world.sync(DEAL).await;
    assert_eq!(object_result(&failed, "AccountPlan")["action"], "failed", "{failed:#}");
    assert_eq!(
        world.object("accountplans", "code", LINE)["startDate"],
        "2026-01-01T00:00:00Z",
        "without its price it does not move"
    );

    let result = world.sync(DEAL).await;
    let told = object_result(&result, "AccountPlan");
    assert_eq!(
        (&result["syncStatus"], &told["action"]),
        (&json!("Completed"), &json!("updated")),
        "{result:#}"
    );
    let first = world.object("pricings", "code", LINE);
    assert_eq!(first["startDate"], "2025-06-01T00:00:00Z");
    for object in [told, &foretold] {
        assert!(
            object["warnings"].to_string().contains(first["id"].as_str().unwrap()),
            "{object:#}"
        );
    }
    assert_eq!(world.objects("pricings").len(), 2);
    assert_all(&world.sync(DEAL).await, "unchanged");
}
