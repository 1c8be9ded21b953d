//! The rest of the mapping language, from the record to what m3ter holds: what the other tests'
//! mappings do not say.

use serde_json::{Map, Value as Json, json};

use crate::mapping::built_in::bands;
use crate::support::*;

const USAGE_DEAL: &str = "a1DS90000079DEAMA2";
const USAGE_LINE: &str = "a1LS90000079LINMA2";
const METER: &str = "a1MS90000079ME1MAM";
const ADD_ON: &str = "a1AS90000079ADDMA2";
/// The Account that is in m3ter before any sync, and its code there.
const GLOBEX: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const GLOBEX_CODE: &str = "001S900000RzsIVIAZ";
const MAPPING: &str = include_str!("../mappings/language.toml");
const API_TEMPLATE: &str = "00000400-0000-4000-8000-000000000000";

fn create(world: &World, path: &str, body: &Json) -> Map<String, Json> {
    world.organization.vendor().request("POST", path, body).unwrap();
    world.object(path.trim_start_matches('/'), "code", body["code"].as_str().unwrap())
}

/// A world with the mapping of this test, whose deal belongs to the Account in m3ter and has a
/// shared plan and a plan group to attach.
async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("usage_deal.toml"), MAPPING).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    create(
        &world,
        "/plans",
        &json!({"planTemplateId": "00000403-0000-4000-8000-000000000000", "name": "For all", "code": "EVENTS_FOR_ALL"}),
    );
    create(&world, "/plangroups", &json!({"name": "Bundle", "code": "SEATS", "currency": "USD"}));
    let org = world.org.vendor();
    org.update("Account", "001S90000079HOOIA2", &json!({"AccountNumber": GLOBEX_CODE}));
    // Salesforce writes whole numbers of such fields with a point.
    let notes = json!({"Notes__c": "Usage of the platform in all regions", "Priority__c": 7.0, "Discount__c": 12.5, "Region__c": "0047.5", "Months__c": 90});
    org.update("Usage_Deal__c", USAGE_DEAL, &notes);
    org.update("Usage_Line__c", USAGE_LINE, &json!({"Region__c": "EVENTS_FOR_ALL"}));
    org.insert("Usage_Rate__c", &json!({"Name": "5", "Usage_Meter__c": METER, "From__c": 0, "Price__c": 0.09, "Overage__c": true}));
    org.insert("Usage_Rate__c", &json!({"Name": "6", "Usage_Meter__c": METER, "From__c": 500, "Price__c": 0.08, "Overage__c": true}));
    world
}

/// The world after a sync that did everything, and would do nothing a second time.
async fn synced() -> (World, Json) {
    let world = world().await;
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_all(&world.sync(USAGE_DEAL).await, "unchanged");
    (world, result)
}

fn contract(world: &World) -> Map<String, Json> {
    world.object("contracts", "code", USAGE_DEAL)
}

fn commitment(world: &World) -> Map<String, Json> {
    world.object("commitments", "contractId", contract(world)["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_looked_up_by_its_code_where_the_mapping_makes_none() {
    let (world, result) = synced().await;
    assert!(!actions(&result).iter().any(|action| action.starts_with("Account ")), "{result:#}");
    assert_eq!(
        (&contract(&world)["accountId"], &commitment(&world)["accountId"]),
        (&json!(GLOBEX), &json!(GLOBEX))
    );
    assert_eq!(world.object("plans", "code", USAGE_LINE)["accountId"], GLOBEX);
    world.org.vendor().update("Account", "001S90000079HOOIA2", &json!({"AccountNumber": "nobody"}));
    let missing = object_result(&world.dry_run(USAGE_DEAL).await, "Contract").clone();
    assert_eq!(missing["findingCode"], "CODE_NOT_FOUND");
    assert!(
        missing["message"]
            .as_str()
            .unwrap()
            .contains("no account with the code `nobody` from `Account__r.AccountNumber`"),
        "{missing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_plan_or_plan_group_is_attached_by_its_code() {
    let (world, _) = synced().await;
    let (plan, group) = (
        world.object("plans", "code", "EVENTS_FOR_ALL"),
        world.object("plangroups", "code", "SEATS"),
    );
    let (by_plan, by_group) = (
        world.object("accountplans", "code", USAGE_LINE),
        world.object("accountplans", "code", ADD_ON),
    );
    assert_eq!((&by_plan["planId"], by_plan.get("planGroupId")), (&plan["id"], None));
    assert_eq!((&by_group["planGroupId"], by_group.get("planId")), (&group["id"], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_multiplied_and_taken_in_percent_to_the_last_digit() {
    let (world, _) = synced().await;
    let commitment = commitment(&world);
    // 1000 less 12.5 %, and 12.5 % of 1000.
    assert_eq!(
        (commitment["amount"].to_string(), commitment["amountPrePaid"].to_string()),
        ("875".to_owned(), "125".to_owned())
    );
    assert_eq!(world.object("plans", "code", USAGE_LINE)["standingCharge"].to_string(), "50");
    // 1.05 times 1000.5 is 1050.525; half to even at one decimal.
    world.org.vendor().update("Usage_Deal__c", USAGE_DEAL, &json!({"Annual_Price__c": 1000.5}));
    world.sync(USAGE_DEAL).await;
    assert_eq!(contract(&world)["description"], "1050.5");
    // What is blank multiplies to nothing known; the default stands in.
    world.org.vendor().update("Usage_Line__c", USAGE_LINE, &json!({"Tier_2_From__c": null}));
    world.sync(USAGE_DEAL).await;
    assert_eq!(world.object("plans", "code", USAGE_LINE)["standingCharge"].to_string(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_cannot_be_computed_with_is_a_finding_that_names_the_field() {
    let world = world().await;
    world.org.vendor().update("Usage_Deal__c", USAGE_DEAL, &json!({"Region__c": "north"}));
    let result = world.dry_run(USAGE_DEAL).await;
    let contract = object_result(&result, "Contract");
    assert_eq!(contract["findingCode"], "VALUE_INVALID");
    assert!(
        contract["message"]
            .as_str()
            .unwrap()
            .contains("`Usage_Deal__c.Region__c` is `north`, which is not a number"),
        "{contract}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_truncated_with_a_warning_and_a_number_becomes_a_text() {
    let (world, result) = synced().await;
    let contract = contract(&world);
    assert_fields!(contract, { "name": "Usage of the platform in", "purchaseOrderNumber": "7" });
    assert_eq!(contract["customFields"]["region"].to_string(), "47.5");
    let warnings = object_result(&result, "Contract")["warnings"].to_string();
    assert!(
        warnings.contains(
            "`Usage_Deal__c.Notes__c` was cut to the 24 characters that the mapping says"
        ),
        "{warnings}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_several_dates_starts_and_days_are_added() {
    let (world, _) = synced().await;
    let dates =
        |object: &Map<String, Json>| (object["startDate"].clone(), object["endDate"].clone());
    assert_eq!(dates(&contract(&world)), (json!("2026-01-01"), json!("2026-04-01")));
    // Signed on the 31st of December in UTC; ten days later.
    assert_eq!(dates(&commitment(&world)), (json!("2026-01-01"), json!("2026-01-10")));
    world.org.vendor().update(
        "Usage_Deal__c",
        USAGE_DEAL,
        &json!({"Signed_At__c": "2026-01-31T12:00:00.000+0000"}),
    );
    world.sync(USAGE_DEAL).await;
    assert_eq!(dates(&contract(&world)), (json!("2026-01-31"), json!("2026-04-01")));
    assert_eq!(dates(&commitment(&world)), (json!("2026-01-31"), json!("2026-02-10")));
    // Half a day is none.
    world.org.vendor().update("Usage_Deal__c", USAGE_DEAL, &json!({"Months__c": 1.5}));
    let result = world.dry_run(USAGE_DEAL).await;
    assert_eq!(object_result(&result, "Contract")["findingCode"], "VALUE_OUT_OF_RANGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn overage_bands_stand_beside_the_bands_and_need_tiers() {
    let (world, _) = synced().await;
    let pricing = world.object("pricings", "code", METER);
    assert_eq!(bands(&pricing, "pricingBands"), ["0 0.05 0", "1000 0.04 0"]);
    assert_eq!(bands(&pricing, "overagePricingBands"), ["0 0.09 0", "500 0.08 0"]);
    // A price of the overage that changes is one that is seen and sent.
    let overage = json!({"Name": "7", "Usage_Meter__c": METER, "From__c": 900, "Price__c": 0.07, "Overage__c": true});
    world.org.vendor().insert("Usage_Rate__c", &overage);
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(object_result(&result, "Pricing")["action"], "updated", "{result:#}");
    let pricing = world.object("pricings", "code", METER);
    assert_eq!(bands(&pricing, "overagePricingBands"), ["0 0.09 0", "500 0.08 0", "900 0.07 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_band_with_a_price_of_the_overage_is_a_tier() {
    let world = world().await;
    world.org.vendor().delete("Usage_Rate__c", "a1RS90000079RT1MAM");
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let pricing = world.object("pricings", "code", METER);
    assert_eq!(
        (bands(&pricing, "pricingBands"), &pricing["cumulative"]),
        (vec!["0 0.05 0".to_owned()], &json!(true))
    );
    assert_eq!(bands(&pricing, "overagePricingBands"), ["0 0.09 0", "500 0.08 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_custom_fields_lose_names_that_the_mapping_does_not_have() {
    let (world, _) = synced().await;
    let mut changed = contract(&world);
    assert_eq!(changed["customFields"], json!({"region": 47.5, "budget": 1000}));
    changed["customFields"]["owner"] = json!("finance");
    world.change_in_m3ter("contracts", &changed);
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(object_result(&result, "Contract")["action"], "updated", "{result:#}");
    assert_eq!(contract(&world)["customFields"], json!({"region": 47.5, "budget": 1000}));
    // One that becomes blank goes, too.
    world.org.vendor().update("Usage_Deal__c", USAGE_DEAL, &json!({"Region__c": null}));
    world.sync(USAGE_DEAL).await;
    assert_eq!(contract(&world)["customFields"], json!({"budget": 1000}));
    assert_eq!(object_result(&world.dry_run(USAGE_DEAL).await, "Contract")["action"], "unchanged");
}

/// The built-in Opportunity mapping with rules, which stand before its last table.
async fn world_with_rules(rules: &str) -> World {
    World::with_mapping(Some(&[("[account_plan]\n", &format!("{rules}\n[account_plan]\n"))])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_attaches_a_shared_plan_and_the_line_makes_no_plan_and_no_pricing() {
    let rule = "[[product_rule]]\nproduct = \"Support_Hours \"\nplan = \"SUPPORT_FOR_ALL\"\n";
    let world = world_with_rules(rule).await;
    let missing = world.dry_run(FIVE_LINES).await;
    let by_line = |result: &Json, name: &str| {
        let results = result["objectResults"].as_array().unwrap();
        results
            .iter()
            .find(|object| {
                object["objectName"] == name && object["salesforceId"] == "00kS900000079F5IAI"
            })
            .cloned()
    };
    let finding = by_line(&missing, "AccountPlan").unwrap();
    assert_eq!(finding["findingCode"], "CODE_NOT_FOUND", "{finding}");
    let template = "00000404-0000-4000-8000-000000000000";
    let shared = create(
        &world,
        "/plans",
        &json!({"planTemplateId": template, "name": "For all", "code": "SUPPORT_FOR_ALL"}),
    );
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!((by_line(&result, "Plan"), by_line(&result, "Pricing")), (None, None));
    let account_plan = by_line(&result, "AccountPlan").unwrap();
    let warnings = account_plan["warnings"].to_string();
    assert!(
        warnings.contains(
            "The plan `SUPPORT_FOR_ALL` was chosen by the product rule for `Support_Hours`"
        ),
        "{warnings}"
    );
    assert_eq!(world.object("accountplans", "code", "00kS900000079F5IAI")["planId"], shared["id"]);
    assert_eq!(
        world.objects("plans").iter().filter(|plan| plan["code"] == "00kS900000079F5IAI").count(),
        0
    );
    assert_eq!(world.object("plans", "code", "00kS900000079F1IAI")["planTemplateId"], API_TEMPLATE);
    assert_all(&world.sync(FIVE_LINES).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_for_a_currency_is_used_for_deals_in_it_only() {
    let rules = "[[product_rule]]\nproduct = \"API_CALLS\"\ncurrency = \" eur\"\nplan_template = \"API_EUR\"\n\n\
                 [[product_rule]]\nproduct = \"api_calls\"\nplan_template = \"API_GENERAL\"\n";
    let world = world_with_rules(rules).await;
    let template = |code: &str, currency: &str| json!({"productId": "21e063b6-2350-4add-a028-3e6ad5b233ed", "name": code, "code": code, "currency": currency, "standingCharge": 0, "billFrequency": "MONTHLY"});
    let euro = create(&world, "/plantemplates", &template("API_EUR", "EUR"));
    let general = create(&world, "/plantemplates", &template("API_GENERAL", "USD"));
    let result = world.sync(IN_EURO).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(world.object("plans", "code", "00kS900000079E1IAI")["planTemplateId"], euro["id"]);
    let warnings = object_result(&result, "Plan")["warnings"].to_string();
    assert!(warnings.contains("chosen by the product rule for `API_CALLS`, `eur`"), "{warnings}");
    // The general one is for all other currencies, and the line's own code for other products.
    let result = world.dry_run(FIVE_LINES).await;
    let plan = |line: &str| {
        let mut results = result["objectResults"].as_array().unwrap().iter();
        results
            .find(|object| object["objectName"] == "Plan" && object["salesforceId"] == line)
            .unwrap()
    };
    let template = |line: &str| {
        let mut changes = plan(line)["changes"].as_array().unwrap().iter();
        changes.find(|change| change["field"] == "planTemplateId").unwrap()["newValue"].clone()
    };
    assert_eq!(template("00kS900000079F1IAI"), general["id"]);
    assert_eq!(template("00kS900000079F2IAI"), "00000401-0000-4000-8000-000000000000");
    assert!(
        plan("00kS900000079F2IAI")["warnings"].to_string().contains("No product rule applies"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_specific_rule_is_used_and_a_frequency_counts_more_than_a_currency() {
    let rule = |asks: &str, code: &str| {
        format!("[[product_rule]]\nproduct = \"API_CALLS\"\n{asks}plan_template = \"{code}\"\n\n")
    };
    let (frequency, currency) = ("billing_frequency = \"Annual\"\n", "currency = \"USD\"\n");
    let rules = [
        rule("", "GENERAL"),
        rule(currency, "BY_CURRENCY"),
        rule(frequency, "BY_FREQUENCY"),
        rule(&format!("{frequency}{currency}"), "BY_BOTH"),
    ];
    let codes = ["GENERAL", "BY_CURRENCY", "BY_FREQUENCY", "BY_BOTH"];
    // One rule more each time: whichever is more specific than those before is used.
    for count in 1..=rules.len() {
        let rules: String = rules[..count].iter().rev().map(String::as_str).collect();
        let world = World::with_mapping(Some(&[
            ("[account_plan]\n", &format!("{rules}[account_plan]\n")),
            (
                "# billing_frequency = \"Billing_Frequency__c\"",
                "billing_frequency = \"Opportunity.NextStep\"",
            ),
        ]))
        .await;
        for code in codes {
            let template = json!({"productId": "21e063b6-2350-4add-a028-3e6ad5b233ed", "name": code, "code": code, "currency": "USD", "standingCharge": 0, "billFrequency": "MONTHLY"});
            create(&world, "/plantemplates", &template);
        }
        world.org.vendor().update("Opportunity", DEAL, &json!({"NextStep": " ANNUAL "}));
        let plan = object_result(&world.dry_run(DEAL).await, "Plan").clone();
        let expected = codes[count - 1];
        assert!(
            plan["warnings"].to_string().contains(&format!(
                "The plan template `{expected}` was chosen by the product rule"
            )),
            "{plan}"
        );
        // What the record does not say fits the general rule only.
        world.org.vendor().update("Opportunity", DEAL, &json!({"NextStep": null}));
        let plan = object_result(&world.dry_run(DEAL).await, "Plan").clone();
        let expected = if count == 1 { "GENERAL" } else { "BY_CURRENCY" };
        assert!(
            plan["warnings"].to_string().contains(&format!("`{expected}` was chosen")),
            "{plan}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_plan_bills_the_commitment_of_a_deal_whose_only_line_has_it() {
    let rule =
        "[[product_rule]]\nproduct = \"API_CALLS\"\nplan = \"API_FOR_ALL\"\n\n[account_plan]\n";
    let billing =
        ("# commitment_billing = \"paid_outside\"", "commitment_billing = \"billed_by_plan\"");
    let world = World::with_mapping(Some(&[("[account_plan]\n", rule), billing])).await;
    let shared = create(
        &world,
        "/plans",
        &json!({"planTemplateId": API_TEMPLATE, "name": "For all", "code": "API_FOR_ALL"}),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        actions(&result),
        ["Account created", "Contract created", "Commitment created", "AccountPlan created"]
    );
    let contract = world.object("contracts", "code", DEAL);
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    assert_eq!(
        (&commitment["billingPlanId"], commitment.get("amountPrePaid")),
        (&shared["id"], None)
    );
}
