//! The built-in mappings beside the Opportunity's: Order, Contract with CPQ subscriptions, CPQ
//! Quote, and an Account alone.

use serde_json::{Map, Value as Json, json};

use crate::support::*;

const ORDER: &str = "801S90000079ORDIA2";
const REDUCTION_ORDER: &str = "801S90000079REDIA2";
const ORDER_LINES: [&str; 2] = ["802S90000079OI1IAM", "802S90000079OI2IAM"];
const CONTRACT: &str = "800S90000079CONIA2";
const SUBSCRIPTIONS: [&str; 3] = ["a0SS90000079SU1MAM", "a0SS90000079SU2MAM", "a0SS90000079SU3MAM"];
const QUOTE: &str = "a0QS90000079QUOMA2";
const AMENDMENT: &str = "a0QS90000079AMDMA2";
const QUOTE_LINES: [&str; 2] = ["a0LS90000079QL1MAM", "a0LS90000079QL2MAM"];
const HOOLI: &str = "001S90000079HOOIA2";

/// Each band as `lowerLimit unitPrice fixedPrice`, digit for digit.
pub(crate) fn bands(pricing: &Map<String, Json>, field: &str) -> Vec<String> {
    let bands = pricing[field].as_array().unwrap().iter();
    bands
        .map(|band| format!("{} {} {}", band["lowerLimit"], band["unitPrice"], band["fixedPrice"]))
        .collect()
}

fn warnings(result: &Json) -> String {
    result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["warnings"].to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_one_commitment_and_a_plan_for_each_item() {
    let world = World::new().await;
    let result = world.sync(ORDER).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(result["objectResults"].as_array().unwrap().len(), 3 + 3 * 2);
    let contract = world.object("contracts", "code", ORDER);
    assert_fields!(contract, { "name": "Order 00000101", "purchaseOrderNumber": "PO-77" });
    assert_fields!(contract, { "startDate": "2026-02-01", "endDate": "2027-02-01" });
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    assert_eq!(
        (commitment["amount"].to_string(), &commitment["currency"]),
        ("6000".to_owned(), &json!("USD"))
    );
    // The price after discount, not the list price; and once per unit, never as a fee beside it.
    assert_eq!(
        bands(&world.object("pricings", "code", ORDER_LINES[0]), "pricingBands"),
        ["0 0.04 0"]
    );
    let seats = world.object("pricings", "code", ORDER_LINES[1]);
    assert_eq!(
        (bands(&seats, "pricingBands"), &seats["cumulative"]),
        (vec!["0 18.5 0".to_owned(), "100 17.25 0".to_owned()], &json!(false))
    );
    assert_eq!(world.object("plans", "code", ORDER_LINES[1])["name"], "Seats");
    let account_plan = world.object("accountplans", "code", ORDER_LINES[1]);
    assert_fields!(account_plan, {
        "contractId": contract["id"],
        "startDate": "2026-02-01T00:00:00Z",
        "endDate": "2027-02-01T00:00:00Z",
    });
    assert_eq!(
        world.org.vendor().record("OrderItem", ORDER_LINES[0]).unwrap()["M3ter_Plan_Id__c"],
        world.object("plans", "code", ORDER_LINES[0])["id"]
    );
    assert_all(&world.sync(ORDER).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_sale_is_refused_and_says_what_to_do() {
    let world = World::new().await;
    let result = world.sync(REDUCTION_ORDER).await;
    assert_fields!(result, { "syncStatus": "Failed", "errorCode": "RECORD_NOT_READY" });
    let message = result["message"].as_str().unwrap();
    assert!(
        message.contains("amend the Order")
            && message.contains("`Order.IsReductionOrder` is `true`")
            && message.contains("order.toml, line"),
        "{message}"
    );
    assert!(world.m3ter_writes().is_empty());
    // A dry run may look all the same.
    let dry = world.dry_run(REDUCTION_ORDER).await;
    assert!(
        dry["warnings"].to_string().contains("\"A sync that writes would be refused"),
        "{dry:#}"
    );

    world.org.vendor().update("OrderItem", ORDER_LINES[1], &json!({"Quantity": -3}));
    let result = world.sync(ORDER).await;
    let failed: Vec<&Json> = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["success"] == false)
        .collect();
    assert_eq!(failed.len(), 3, "{result:#}");
    assert!(
        failed.iter().all(|object| object["salesforceId"] == ORDER_LINES[1]
            && object["findingCode"] == "ROW_REFUSED")
    );
    assert!(
        failed[0]["message"].as_str().unwrap().contains("`OrderItem.Quantity` is `-3`"),
        "{}",
        failed[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_s_subscriptions_take_their_bands_from_their_consumption_rates() {
    let world = World::new().await;
    let result = world.sync(CONTRACT).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let contract = world.object("contracts", "code", CONTRACT);
    assert_fields!(contract, { "name": "Contract 00000301", "endDate": "2027-03-01" });
    // Bounds of 1 to 250 and 251 to 500 are limits 0 and 250; a slab is a tier.
    let calls = world.object("pricings", "code", SUBSCRIPTIONS[0]);
    assert_eq!(bands(&calls, "pricingBands"), ["0 0.05 0", "250 0.04 0", "500 0.03 0"]);
    // A flat fee is a fixed price; a range is volume pricing.
    let storage = world.object("pricings", "code", SUBSCRIPTIONS[1]);
    assert_eq!(bands(&storage, "pricingBands"), ["0 0 25", "100 0.08 0"]);
    assert_eq!((&calls["cumulative"], &storage["cumulative"]), (&json!(true), &json!(false)));
    // Without a schedule: CPQ's net price, with a warning.
    assert_eq!(
        bands(&world.object("pricings", "code", SUBSCRIPTIONS[2]), "pricingBands"),
        ["0 20 0"]
    );
    assert!(warnings(&result).contains("no consumption schedule"), "{result:#}");
    // What was terminated ends there; what is charged once takes no part.
    assert_eq!(
        world.object("accountplans", "code", SUBSCRIPTIONS[1])["endDate"],
        "2026-12-01T00:00:00Z"
    );
    assert_eq!(
        world.object("accountplans", "code", SUBSCRIPTIONS[0])["endDate"],
        "2027-03-01T00:00:00Z"
    );
    assert_eq!(result["objectResults"].as_array().unwrap().len(), 3 + 3 * 3);
    assert_all(&world.sync(CONTRACT).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn indistinguishable_consumption_schedules_and_gaps_are_findings() {
    let world = World::new().await;
    let org = world.org.vendor();
    org.update(
        "SBQQ__SubscriptionConsumptionRate__c",
        "a0US90000079RA3MAM",
        &json!({"SBQQ__LowerBound__c": 502}),
    );
    org.insert(
        "SBQQ__SubscriptionConsumptionSchedule__c",
        &json!({"Name": "SCS-9", "SBQQ__Subscription__c": SUBSCRIPTIONS[1], "SBQQ__Type__c": "Slab"}),
    );
    let result = world.dry_run(CONTRACT).await;
    let finding = |line: &str| {
        let pricing = result["objectResults"]
            .as_array()
            .unwrap()
            .iter()
            .find(|object| object["objectName"] == "Pricing" && object["salesforceId"] == line);
        pricing
            .map(|pricing| (pricing["findingCode"].clone(), pricing["message"].to_string()))
            .unwrap()
    };
    let (code, message) = finding(SUBSCRIPTIONS[0]);
    assert!(
        code == "PRICING_BANDS_INVALID" && message.contains("have a gap between 500 and 502"),
        "{message}"
    );
    let (code, message) = finding(SUBSCRIPTIONS[1]);
    assert!(
        code == "SEVERAL_ROWS" && message.contains("SBQQ__SubscriptionConsumptionSchedule__c"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_with_one_open_tier_is_a_price_from_the_first_unit_on() {
    let world = World::new().await;
    let org = world.org.vendor();
    let schedule = json!({"Name": "SCS-9", "SBQQ__Subscription__c": SUBSCRIPTIONS[2], "SBQQ__Type__c": "Slab"});
    let schedule = org.insert("SBQQ__SubscriptionConsumptionSchedule__c", &schedule);
    let rate = json!({"Name": "R-9", "SBQQ__SubscriptionConsumptionSchedule__c": schedule, "SBQQ__LowerBound__c": 1, "SBQQ__Price__c": 19.5, "SBQQ__PricingMethod__c": "PerUnit"});
    org.insert("SBQQ__SubscriptionConsumptionRate__c", &rate);
    let result = world.sync(CONTRACT).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        bands(&world.object("pricings", "code", SUBSCRIPTIONS[2]), "pricingBands"),
        ["0 19.5 0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_quote_is_synced_and_an_amendment_points_to_the_contract() {
    let world = World::new().await;
    let result = world.sync(QUOTE).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    // No commitment without an amount of its own, though the quote has a total; optional lines take
    // no part.
    assert_eq!(
        actions(&result),
        [
            "Account created",
            "Contract created",
            "Plan created",
            "Plan created",
            "Pricing created",
            "Pricing created",
            "AccountPlan created",
            "AccountPlan created"
        ]
    );
    let calls = world.object("pricings", "code", QUOTE_LINES[0]);
    assert_eq!(
        (bands(&calls, "pricingBands"), &calls["cumulative"]),
        (vec!["0 0.05 0".to_owned(), "1000 0.045 0".to_owned()], &json!(true))
    );
    assert_eq!(
        bands(&world.object("pricings", "code", QUOTE_LINES[1]), "pricingBands"),
        ["0 0.02 0"]
    );
    assert_eq!(world.object("plans", "code", QUOTE_LINES[0])["name"], "API calls");
    assert_eq!(
        world.object("accountplans", "code", QUOTE_LINES[0])["startDate"],
        "2026-04-01T00:00:00Z"
    );
    assert_eq!(
        world.object("accountplans", "code", QUOTE_LINES[1])["startDate"],
        "2026-05-01T00:00:00Z"
    );

    let result = world.sync(AMENDMENT).await;
    assert!(
        result["message"].as_str().unwrap().contains("sync the Contract instead"),
        "{result:#}"
    );
    world.org.vendor().update("SBQQ__Quote__c", QUOTE, &json!({"SBQQ__Primary__c": false}));
    assert_eq!(world.sync(QUOTE).await["errorCode"], "RECORD_NOT_READY");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_synced_alone_is_reused_by_a_later_deal() {
    let world = World::new().await;
    let result = world.sync(HOOLI).await;
    assert_eq!(actions(&result), ["Account created"]);
    let account = world.object("accounts", "code", HOOLI);
    assert_eq!(
        (&account["name"], &account["daysBeforeBillDue"], account.get("currency")),
        (&json!("Hooli"), &json!(45), None)
    );
    assert_eq!(
        account["address"],
        json!({"addressLine1": "1 Loop Road", "locality": "Palo Alto", "country": "United States"})
    );
    let later = world.sync(ORDER).await;
    assert_eq!(object_result(&later, "Account")["action"], "unchanged", "{later:#}");
    world.org.vendor().update("Account", HOOLI, &json!({"Name": "Hooli XYZ"}));
    assert_eq!(actions(&world.sync(HOOLI).await), ["Account updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_without_cpq_and_with_one_currency_syncs_the_rest() {
    let mut world =
        World::with_mapping(Some(&[("# currency = \"USD\"  ", "currency = \"USD\"  ")])).await;
    world
        .org
        .vendor()
        .rules(&json!({"multiCurrency": false, "hiddenObjects": ["SBQQ__Quote__c", "SBQQ__QuoteLine__c", "SBQQ__Subscription__c"]}))
        .unwrap();
    // It gets ready without them.
    world.lose_the_database().await;
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
    let result = world.sync(ORDER).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    // The one currency that the plan templates share.
    let contract = world.object("contracts", "code", ORDER);
    assert_eq!(
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["currency"],
        "USD"
    );
}
