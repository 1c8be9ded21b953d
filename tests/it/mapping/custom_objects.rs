//! A mapping of an object that an admin made: rows at several levels and from two places, and
//! everything that the language can say.

use serde_json::{Value as Json, json};

use crate::mapping::built_in::bands;
use crate::support::*;

const DEAL: &str = "a1DS90000079DEAMA2";
const LINE: &str = "a1LS90000079LINMA2";
const METERS: [&str; 2] = ["a1MS90000079ME1MAM", "a1MS90000079ME2MAM"];
const YEARS: [&str; 2] = ["a1YS90000079YE1MAM", "a1YS90000079YE2MAM"];
const ADD_ON: &str = "a1AS90000079ADDMA2";
const MAPPING: &str = include_str!("../mappings/usage_deal.toml");
const RULES: &str = include_str!("../mappings/product_rules.toml");

async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("usage_deal.toml"), MAPPING).unwrap();
    std::fs::write(directory.path().join("product_rules.toml"), RULES).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    let create =
        |path: &str, body: Json| world.organization.vendor().request("POST", path, &body).unwrap();
    create(
        "/compoundaggregations",
        json!({"name": "Calls per GB", "code": "CALLS_PER_GB", "rounding": "NONE", "quantityPerUnit": 1, "unit": "calls", "calculation": "1"}),
    );
    create(
        "/picklists/billgroupingkeys",
        json!({"name": "Hooli", "code": "HOOLI", "exclusive": false}),
    );
    create(
        "/plantemplates",
        json!({"productId": "21e063b6-2350-4add-a028-3e6ad5b233ed", "name": "Annual", "code": "API_ANNUAL", "currency": "USD", "standingCharge": 0, "billFrequency": "ANNUALLY"}),
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_two_places_and_four_levels_fill_every_m3ter_field() {
    let world = world().await;
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let contract = world.object("contracts", "code", &format!("{DEAL}-main"));
    assert_fields!(contract, { "name": "Hooli / EU-WEST", "description": "eu, 12.35" });
    assert_fields!(contract, { "startDate": "2026-01-01", "endDate": "2028-01-01" });
    assert_eq!(
        contract["usageFilters"],
        json!([{"dimensionCode": "region", "value": "eu-west", "mode": "INCLUDE"}])
    );
    assert!(contract["billGroupingKeyId"].is_string());
    let account = world.object("accounts", "code", "001S90000079HOOIA2");
    assert_eq!(
        account["customFields"],
        json!({"priority": 7, "tier": "gold", "source": "usage deal", "level": 3})
    );
    // A commitment for each year, each with its fees and its products.
    let commitments = world.objects("commitments");
    let of_deal: Vec<_> = commitments
        .iter()
        .filter(|commitment| commitment["contractId"] == contract["id"])
        .collect();
    assert_eq!(of_deal.len(), YEARS.len());
    let first = of_deal.iter().find(|commitment| commitment["startDate"] == "2026-01-01").unwrap();
    assert_eq!(
        (first["amount"].to_string(), &first["endDate"], first.get("amountPrePaid")),
        ("1000".to_owned(), &json!("2027-01-01"), None)
    );
    let fees: Vec<_> = first["feeDates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fee| format!("{} {}", fee["date"], fee["amount"]))
        .collect();
    assert_eq!(fees, ["\"2026-01-01\" 600", "\"2026-07-01\" 400"]);
    assert_eq!(first["productIds"], json!(["21e063b6-2350-4add-a028-3e6ad5b233ed"]));
    // Two pricings of one line, the bands of each from its own rates.
    let plan = world.object("plans", "code", LINE);
    let calls = world.object("pricings", "code", &format!("{LINE}-calls"));
    assert_eq!(
        (bands(&calls, "pricingBands"), &calls["cumulative"], &calls["planId"]),
        (vec!["0 0.05 0".to_owned(), "1000 0.04 0".to_owned()], &json!(true), &plan["id"])
    );
    assert_eq!(calls["segment"], json!({"region": "eu"}));
    let efficiency = world.object("pricings", "code", &format!("{LINE}-efficiency"));
    assert_eq!(bands(&efficiency, "pricingBands"), ["0 0.0000123 0"]);
    assert!(
        efficiency.contains_key("compoundAggregationId")
            && !efficiency.contains_key("aggregationId")
    );
    // The rows of the second place.
    let add_on = world.object("pricings", "code", ADD_ON);
    assert_eq!(
        (bands(&add_on, "pricingBands"), &add_on["type"]),
        (vec!["0 12.5 0".to_owned()], &json!("PRODUCT_CREDIT"))
    );
    // The rule for the product and the frequency chose the template, and the result says so.
    let warnings = object_result(&result, "Plan")["warnings"].to_string();
    assert!(
        warnings.contains("`API_ANNUAL` was chosen by the product rule for `api_calls`, `Annual`"),
        "{warnings}"
    );
    let add_on_plan = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["objectName"] == "Plan" && object["salesforceId"] == ADD_ON);
    assert!(
        add_on_plan.unwrap()["warnings"].to_string().contains("No product rule applies"),
        "{result:#}"
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_fields_that_the_mapping_does_not_name_are_kept_and_a_blank_one_is_cleared_where_it_says_so()
 {
    let world = world().await;
    world.sync(DEAL).await;
    let mut account = world.object("accounts", "code", "001S90000079HOOIA2");
    account["customFields"]["owner"] = json!("finance");
    world.change_in_m3ter("accounts", &account);
    world.org.vendor().update(
        "Usage_Deal__c",
        DEAL,
        &json!({"Priority__c": null, "Tier__c": null}),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
    let after = world.object("accounts", "code", "001S90000079HOOIA2");
    assert_eq!(
        after["customFields"],
        json!({"tier": "gold", "source": "usage deal", "level": 3, "owner": "finance"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_meters_with_the_same_key_are_a_finding_and_are_not_confused() {
    let world = world().await;
    world.org.vendor().update("Usage_Meter__c", METERS[1], &json!({"Key__c": "calls"}));
    let result = world.sync(DEAL).await;
    let pricings: Vec<&Json> = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["objectName"] == "Pricing")
        .collect();
    assert_eq!(
        pricings.iter().filter(|pricing| pricing["findingCode"] == "AMBIGUOUS_MATCH").count(),
        1,
        "{result:#}"
    );
    assert_eq!(
        world
            .objects("pricings")
            .iter()
            .filter(|pricing| pricing["code"] == format!("{LINE}-calls"))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_salesforce_answers_page_by_page_are_all_read_at_every_depth() {
    let world = world().await;
    // The second meter, on a page of its own, has rates on two pages.
    world.org.vendor().insert(
        "Usage_Rate__c",
        &json!({"Name": "4", "Usage_Meter__c": METERS[1], "From__c": 500, "Price__c": 0.00001}),
    );
    let whole = world.dry_run(DEAL).await;
    world.org.vendor().rules(&json!({"childPageRows": 1})).unwrap();
    world.org.clear_requests();
    let in_pages = world.dry_run(DEAL).await;
    assert_eq!(in_pages["objectResults"], whole["objectResults"]);
    let further =
        world.org.requests().iter().filter(|request| request.path.starts_with("/query/")).count();
    // Meters 1, rates of each meter 1, years 1, fees of the first year 1.
    assert_eq!(further, 5);
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
    assert_eq!(
        bands(&world.object("pricings", "code", &format!("{LINE}-efficiency")), "pricingBands"),
        ["0 0.0000123 0", "500 0.00001 0"]
    );
}
