//! The connector's sample mappings, each on realistic records from the record to what m3ter holds
//! in the end.

use serde_json::{Map, Value as Json, json};

use crate::mapping::built_in::bands;
use crate::support::*;

/// The connector's table of samples has a column for each root object.
const OPPORTUNITY: &str = include_str!("../mappings/samples/opportunity.toml");
const CONTRACT: &str = include_str!("../mappings/samples/contract.toml");
const QUOTE: &str = include_str!("../mappings/samples/quote.toml");
const ORDER: &str = include_str!("../mappings/samples/order.toml");

const OPPORTUNITY_LINES: [&str; 5] = [
    "00kS900000079F1IAI",
    "00kS900000079F2IAI",
    "00kS900000079F3IAI",
    "00kS900000079F4IAI",
    "00kS900000079F5IAI",
];
const CPQ_CONTRACT: &str = "800S90000079CONIA2";
const SUBSCRIPTIONS: [&str; 3] = ["a0SS90000079SU1MAM", "a0SS90000079SU2MAM", "a0SS90000079SU3MAM"];
const CPQ_QUOTE: &str = "a0QS90000079QUOMA2";
const QUOTE_LINES: [&str; 2] = ["a0LS90000079QL1MAM", "a0LS90000079QL2MAM"];
const SALES_ORDER: &str = "801S90000079ORDIA2";
const ORDER_ITEMS: [&str; 2] = ["802S90000079OI1IAM", "802S90000079OI2IAM"];

/// A world whose service has one mapping file of the operator's own.
async fn world_with(mapping: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("own.toml"), mapping).unwrap();
    World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned())).await
}

/// A world in which a record was synced to the end, and would be synced again without a write.
async fn synced(world: World, record: &str) -> World {
    let result = world.sync(record).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_all(&world.sync(record).await, "unchanged");
    world
}

async fn opportunity() -> World {
    synced(world_with(OPPORTUNITY).await, FIVE_LINES).await
}

async fn contract() -> World {
    synced(world_with(CONTRACT).await, CPQ_CONTRACT).await
}

async fn quote() -> World {
    let world = world_with(QUOTE).await;
    // The sample reads the dates of the line itself, which a rep must override.
    for line in QUOTE_LINES {
        let dates = json!({"SBQQ__StartDate__c": "2026-05-01", "SBQQ__EndDate__c": "2027-03-31"});
        world.org.vendor().update("SBQQ__QuoteLine__c", line, &dates);
    }
    synced(world, CPQ_QUOTE).await
}

/// Its plan templates have Salesforce's product ids for codes, as the sample looks them up, and a
/// plan of its own bills the commitments.
async fn order() -> World {
    let world = world_with(ORDER).await;
    let create =
        |path: &str, body: Json| world.organization.vendor().request("POST", path, &body).unwrap();
    for (product, id, name) in [
        ("21e063b6-2350-4add-a028-3e6ad5b233ed", "01tS90000000001IAA", "API calls by order"),
        ("00000102-0000-4000-8000-000000000000", "01tS90000000003IAA", "Seats by order"),
    ] {
        create(
            "/plantemplates",
            json!({"productId": product, "name": name, "code": id, "currency": "USD", "standingCharge": 0, "billFrequency": "MONTHLY"}),
        );
    }
    world.org.vendor().update(
        "OrderItem",
        ORDER_ITEMS[1],
        &json!({"ServiceDate": "2026-03-01", "EndDate": "2026-12-31"}),
    );
    synced(world, SALES_ORDER).await
}

fn text<'a>(object: &'a Map<String, Json>, field: &str) -> &'a str {
    object.get(field).and_then(Json::as_str).unwrap_or_default()
}

/// Start and end as m3ter has them.
fn dates(object: &Map<String, Json>) -> (&str, &str) {
    (text(object, "startDate"), text(object, "endDate"))
}

/// The names of the fields that an object has, of those that are asked about.
fn present<'a>(object: &Map<String, Json>, fields: &[&'a str]) -> Vec<&'a str> {
    fields.iter().copied().filter(|field| object.contains_key(*field)).collect()
}

fn id_of(world: &World, kind: &str, code: &str) -> String {
    text(&world.object(kind, "code", code), "id").to_owned()
}

/// The literals that all samples of a Pricing have.
fn assert_pricing_literals(pricing: &Map<String, Json>) {
    assert_fields!(pricing, { "cumulative": false, "tiersSpanPlan": false, "type": "DEBIT" });
    assert!(
        present(
            pricing,
            &["planTemplateId", "minimumSpendBillInAdvance", "minimumSpend", "description"]
        )
        .is_empty(),
        "{pricing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commitment_of_an_opportunity() {
    let world = opportunity().await;
    let contract = world.object("contracts", "code", FIVE_LINES);
    let commitment = world.object("commitments", "contractId", text(&contract, "id"));
    assert_eq!(
        (commitment["amount"].to_string(), commitment["amountPrePaid"].to_string()),
        ("60000".to_owned(), "60000".to_owned())
    );
    assert_eq!((&commitment["billingInterval"], text(&commitment, "currency")), (&json!(1), "USD"));
    assert_eq!(dates(&commitment), ("2026-03-01", "2027-03-01"));
    assert_eq!(text(&commitment, "overageDescription"), "Initech - everything 2026");
    assert_eq!(commitment["accountId"], contract["accountId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_an_opportunity() {
    let world = opportunity().await;
    let templates = ["400", "401", "402", "403", "404"]
        .map(|number| format!("00000{number}-0000-4000-8000-000000000000"));
    for (line, template) in OPPORTUNITY_LINES.into_iter().zip(templates) {
        let plan = world.object("plans", "code", line);
        assert_eq!(
            (text(&plan, "planTemplateId"), &plan["bespoke"]),
            (template.as_str(), &json!(true))
        );
        assert_eq!(text(&plan, "accountId"), id_of(&world, "accounts", "001S90000079INIIA2"));
        assert!(
            text(&plan, "name").starts_with("Initech - everything 2026 ")
                && !plan.contains_key("ordinal"),
            "{plan:?}"
        );
    }
    assert_eq!(
        world.object("plans", "code", OPPORTUNITY_LINES[1])["name"],
        "Initech - everything 2026 Storage"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_of_an_opportunity() {
    let world = opportunity().await;
    for (line, aggregation) in OPPORTUNITY_LINES.into_iter().zip([
        "API_CALLS",
        "STORAGE_GB",
        "SEATS",
        "EVENTS",
        "SUPPORT_HOURS",
    ]) {
        let pricing = world.object("pricings", "code", line);
        assert_pricing_literals(&pricing);
        assert_eq!(text(&pricing, "planId"), id_of(&world, "plans", line));
        assert_eq!(text(&pricing, "aggregationId"), id_of(&world, "aggregations", aggregation));
        assert_eq!(dates(&pricing), ("2026-03-01T00:00:00Z", ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_bands_of_an_opportunity() {
    let world = opportunity().await;
    let prices = OPPORTUNITY_LINES
        .map(|line| bands(&world.object("pricings", "code", line), "pricingBands").join(", "));
    assert_eq!(prices, ["0 0.05 0", "0 0.1 0", "0 20 0", "0 0.01 0", "0 150 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_plan_of_an_opportunity() {
    let world = opportunity().await;
    for line in OPPORTUNITY_LINES {
        let account_plan = world.object("accountplans", "code", line);
        assert_eq!(text(&account_plan, "planId"), id_of(&world, "plans", line));
        assert_eq!(text(&account_plan, "contractId"), id_of(&world, "contracts", FIVE_LINES));
        assert_eq!(dates(&account_plan), ("2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"));
        assert!(
            present(&account_plan, &["billEpoch", "planGroupId"]).is_empty(),
            "{account_plan:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_subscription() {
    let world = contract().await;
    for (subscription, name) in SUBSCRIPTIONS.into_iter().zip(["API calls", "Storage", "Seats"]) {
        let plan = world.object("plans", "code", subscription);
        assert_eq!(
            (text(&plan, "name"), text(&plan, "minimumSpendDescription")),
            (name, "MinimumSpend")
        );
        assert_eq!((&plan["bespoke"], plan.contains_key("ordinal")), (&json!(true), false));
        assert_eq!(text(&plan, "accountId"), id_of(&world, "accounts", "001S90000079UMBIA2"));
    }
    assert_eq!(
        world.object("plans", "code", SUBSCRIPTIONS[2])["planTemplateId"],
        "00000402-0000-4000-8000-000000000000"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_of_a_subscription() {
    let world = contract().await;
    for (subscription, aggregation) in
        SUBSCRIPTIONS.into_iter().zip(["API_CALLS", "STORAGE_GB", "SEATS"])
    {
        let pricing = world.object("pricings", "code", subscription);
        assert_eq!(
            (text(&pricing, "planId"), dates(&pricing)),
            (
                id_of(&world, "plans", subscription).as_str(),
                ("2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z")
            )
        );
        assert_eq!(text(&pricing, "aggregationId"), id_of(&world, "aggregations", aggregation));
        assert_pricing_literals(&pricing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_bands_of_a_subscription() {
    let world = contract().await;
    let prices = SUBSCRIPTIONS
        .map(|line| bands(&world.object("pricings", "code", line), "pricingBands").join(", "));
    assert_eq!(prices, ["0 0.05 0, 250 0.04 0, 500 0.03 0", "0 25 0, 100 0.08 0", "0 20 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_plan_of_a_subscription() {
    let world = contract().await;
    for subscription in SUBSCRIPTIONS {
        let account_plan = world.object("accountplans", "code", subscription);
        assert_eq!(text(&account_plan, "planId"), id_of(&world, "plans", subscription));
        assert_eq!(text(&account_plan, "contractId"), id_of(&world, "contracts", CPQ_CONTRACT));
        assert_eq!(dates(&account_plan), ("2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_quote_line() {
    let world = quote().await;
    for (line, name, template) in
        [(QUOTE_LINES[0], "QL-0001", "API_CALLS"), (QUOTE_LINES[1], "QL-0002", "EVENTS")]
    {
        let plan = world.object("plans", "code", line);
        assert_eq!(
            (text(&plan, "name"), text(&plan, "planTemplateId")),
            (name, id_of(&world, "plantemplates", template).as_str())
        );
        assert_eq!((&plan["bespoke"], plan.contains_key("ordinal")), (&json!(true), false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_of_a_quote_line() {
    let world = quote().await;
    for (line, aggregation) in QUOTE_LINES.into_iter().zip(["API_CALLS", "EVENTS"]) {
        let pricing = world.object("pricings", "code", line);
        assert_pricing_literals(&pricing);
        assert_eq!(text(&pricing, "planId"), id_of(&world, "plans", line));
        assert_eq!(text(&pricing, "aggregationId"), id_of(&world, "aggregations", aggregation));
        assert_eq!(dates(&pricing), ("2026-05-01T00:00:00Z", "2027-04-01T00:00:00Z"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_bands_of_a_quote_line() {
    let world = quote().await;
    let prices = QUOTE_LINES
        .map(|line| bands(&world.object("pricings", "code", line), "pricingBands").join(", "));
    assert_eq!(prices, ["0 0.05 0", "0 0.02 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_plan_of_a_quote_line() {
    let world = quote().await;
    for line in QUOTE_LINES {
        let account_plan = world.object("accountplans", "code", line);
        assert_eq!(text(&account_plan, "planId"), id_of(&world, "plans", line));
        assert_eq!(text(&account_plan, "contractId"), id_of(&world, "contracts", CPQ_QUOTE));
        assert_eq!(dates(&account_plan), ("2026-05-01T00:00:00Z", "2027-04-01T00:00:00Z"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commitment_of_an_order_item() {
    let world = order().await;
    let contract = id_of(&world, "contracts", SALES_ORDER);
    let commitments: Vec<_> = world
        .objects("commitments")
        .into_iter()
        .filter(|commitment| text(commitment, "contractId") == contract)
        .collect();
    assert_eq!(commitments.len(), 2);
    for (start, end, price, product) in [
        ("2026-02-01", "2027-02-01", "0.04", "API_CALLS"),
        ("2026-03-01", "2027-01-01", "18.5", "SEATS"),
    ] {
        let commitment =
            commitments.iter().find(|commitment| text(commitment, "startDate") == start).unwrap();
        assert_eq!((dates(commitment), text(commitment, "currency")), ((start, end), "USD"));
        assert_eq!(
            (commitment["amount"].to_string(), commitment["amountFirstBill"].to_string()),
            (price.to_owned(), price.to_owned())
        );
        assert_fields!(commitment, { "billingInterval": 1, "billingOffset": 0 });
        assert_eq!(text(commitment, "billingPlanId"), "00000502-0000-4000-8000-000000000000");
        assert_eq!(commitment["productIds"], json!([id_of(&world, "products", product)]));
        assert!(!commitment.contains_key("amountPrePaid"), "{commitment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_an_order_item() {
    let world = order().await;
    for (item, number, product) in [
        (ORDER_ITEMS[0], "0000000201", "01tS90000000001IAA"),
        (ORDER_ITEMS[1], "0000000202", "01tS90000000003IAA"),
    ] {
        let plan = world.object("plans", "code", item);
        assert_eq!(
            (text(&plan, "name"), text(&plan, "planTemplateId")),
            (number, id_of(&world, "plantemplates", product).as_str())
        );
        assert_eq!((&plan["bespoke"], plan.contains_key("ordinal")), (&json!(true), false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_of_an_order_item() {
    let world = order().await;
    for (item, aggregation, start) in [
        (ORDER_ITEMS[0], "API_CALLS", "2026-02-01T00:00:00Z"),
        (ORDER_ITEMS[1], "SEATS", "2026-03-01T00:00:00Z"),
    ] {
        let pricing = world.object("pricings", "code", item);
        assert_pricing_literals(&pricing);
        assert_eq!(
            (text(&pricing, "planId"), dates(&pricing)),
            (id_of(&world, "plans", item).as_str(), (start, ""))
        );
        assert_eq!(text(&pricing, "aggregationId"), id_of(&world, "aggregations", aggregation));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pricing_bands_of_an_order_item() {
    let world = order().await;
    let prices = ORDER_ITEMS
        .map(|item| bands(&world.object("pricings", "code", item), "pricingBands").join(", "));
    assert_eq!(prices, ["0 0.04 0", "0 18.5 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_plan_of_an_order_item() {
    let world = order().await;
    for (item, start, end) in [
        (ORDER_ITEMS[0], "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        (ORDER_ITEMS[1], "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ] {
        let account_plan = world.object("accountplans", "code", item);
        assert_eq!(
            (text(&account_plan, "planId"), dates(&account_plan)),
            (id_of(&world, "plans", item).as_str(), (start, end))
        );
        assert_eq!(text(&account_plan, "contractId"), id_of(&world, "contracts", SALES_ORDER));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_additional_order_item_predicts_no_overlap_with_a_commitment_of_another_product() {
    let world = order().await;
    // Of the two commitments one is gone, as if its item were new.
    let contract = id_of(&world, "contracts", SALES_ORDER);
    let of_seats = world.objects("commitments").into_iter().find(|commitment| {
        text(commitment, "contractId") == contract
            && commitment["productIds"] == json!([id_of(&world, "products", "SEATS")])
    });
    let path = format!("/commitments/{}", text(&of_seats.unwrap(), "id"));
    world.organization.vendor().request("DELETE", &path, &Json::Null).unwrap();
    let result = world.dry_run(SALES_ORDER).await;
    let created = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["objectName"] == "Commitment" && object["action"] == "created");
    assert_eq!(created.unwrap()["warnings"], json!([]), "{result:#}");
    assert_eq!(world.sync(SALES_ORDER).await["syncStatus"], "Completed");
}
