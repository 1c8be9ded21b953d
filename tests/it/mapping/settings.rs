//! The settings at the head of a mapping, and what an operator's own mapping changes.

use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn from_date_ends_the_old_price_and_starts_a_new_one() {
    let world = World::with_mapping(Some(&[(
        "pricing_change = \"in_place\"",
        "pricing_change = \"from_date\"",
    )]))
    .await;
    world.sync(DEAL).await;
    let old = world.object("pricings", "code", LINE);
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Pricing")["action"], "updated", "{result:#}");
    let ended = world.object("pricings", "id", old["id"].as_str().unwrap());
    let successor = world
        .objects("pricings")
        .into_iter()
        .find(|pricing| pricing["planId"] == old["planId"] && pricing["id"] != old["id"])
        .unwrap();
    assert_eq!(ended["pricingBands"][0]["unitPrice"].to_string(), "0.05");
    assert_eq!(
        (&ended["endDate"], successor["pricingBands"][0]["unitPrice"].to_string()),
        (&successor["startDate"], "0.06".to_owned())
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
    assert_eq!(world.objects("pricings").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn report_writes_no_price() {
    let world = World::with_mapping(Some(&[(
        "pricing_change = \"in_place\"",
        "pricing_change = \"report\"",
    )]))
    .await;
    world.sync(DEAL).await;
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Pricing")["findingCode"], "PRICING_CHANGED");
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_can_be_billed_by_the_plan_of_the_deal() {
    let setting = "# commitment_billing = \"paid_outside\"  # or \"billed_by_plan\"; until stated, here or by COMMITMENT_BILLING, no Commitment is made";
    let world =
        World::with_mapping(Some(&[(setting, "commitment_billing = \"billed_by_plan\"")])).await;
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    assert_eq!(object_result(&result, "Commitment")["warnings"], json!([]));
    let commitment = world
        .objects("commitments")
        .into_iter()
        .find(|commitment| commitment.contains_key("billingPlanId"))
        .unwrap();
    assert_eq!(commitment["billingPlanId"], world.object("plans", "code", LINE)["id"]);
    assert_fields!(commitment, { "billingInterval": 1, "billingOffset": 0 });
    assert!(!commitment.contains_key("amountPrePaid"));
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(object_result(&result, "Commitment")["findingCode"], "BILLING_PLAN_UNCLEAR");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_begin_in_the_time_zone_of_the_mapping() {
    let setting = "# time_zone = \"Europe/London\"          # else that of the m3ter organization";
    let world = World::with_mapping(Some(&[(setting, "time_zone = \"America/New_York\"")])).await;
    world.sync(DEAL).await;
    let account_plan = world.object("accountplans", "code", LINE);
    assert_fields!(account_plan, {
        "startDate": "2026-01-01T05:00:00Z",
        "endDate": "2027-01-01T05:00:00Z",
    });
    assert_eq!(world.object("contracts", "code", DEAL)["startDate"], "2026-01-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_line_can_fail_the_sync() {
    let world =
        World::with_mapping(Some(&[("removed_lines = \"warn\"", "removed_lines = \"fail\"")]))
            .await;
    world.sync(DEAL).await;
    world.org.vendor().delete("OpportunityLineItem", LINE);
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Partial Success");
    assert_eq!(object_result(&result, "AccountPlan")["findingCode"], "LINE_REMOVED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_with_a_single_currency_takes_it_from_the_templates() {
    let mut world = World::new().await;
    world.org.vendor().rules(&json!({"multiCurrency": false})).unwrap();
    world.lose_the_database().await;
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    assert_eq!(world.object("accounts", "code", ACCOUNT).get("currency"), None);
    let contract = world.object("contracts", "code", DEAL);
    assert_eq!(
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["currency"],
        "USD"
    );
}
