//! What counts is what m3ter holds: its numbers are doubles, its own settings and dates decide.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

const REPORT: (&str, &str) = ("pricing_change = \"in_place\"", "pricing_change = \"report\"");
const FROM_DATE: (&str, &str) = ("pricing_change = \"in_place\"", "pricing_change = \"from_date\"");
const IN_PLACE: (&str, &str) = ("pricing_change = \"in_place\"", "pricing_change = \"in_place\"");

/// JSON with the digits as they are written here.
fn exactly(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

pub(super) fn text<'a>(object: &'a Json, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

pub(super) async fn repeats_unchanged(world: &World, deal: &str) {
    world.organization.clear_requests();
    for _ in 0..2 {
        assert_all(&world.sync(deal).await, "unchanged");
    }
    assert!(world.m3ter_writes().is_empty(), "{:#?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discount_with_many_digits_gives_the_nearest_double_once() {
    for pricing_change in [IN_PLACE, FROM_DATE, REPORT] {
        for (price, expected) in
            [("1800.77777778", "1300.5617283966667"), ("123456.77777778", "89163.22839506333")]
        {
            let world = World::with_mapping(Some(&[pricing_change])).await;
            let line = exactly(&format!(r#"{{"UnitPrice":{price},"Discount":27.77777777777778}}"#));
            world.org.vendor().update("OpportunityLineItem", LINE, &line);
            let result = world.sync(DEAL).await;
            assert_eq!(result["syncStatus"], "Completed", "{result:#}");
            let sent =
                world.m3ter_writes().into_iter().find(|write| write.path == "/pricings").unwrap();
            assert_eq!(sent.body["pricingBands"][0]["unitPrice"].to_string(), expected);
            assert_eq!(
                world.object("pricings", "code", LINE)["pricingBands"][0]["unitPrice"].to_string(),
                expected
            );
            repeats_unchanged(&world, DEAL).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_with_more_digits_than_m3ter_keeps_is_unchanged_when_it_is_synced_again() {
    let custom = "write_back = \"Account.M3ter_Account_Id__c\"\ncustomFields = { third = { field = \"M3ter_Commitment_Amount__c\", divided_by = 3, round = 20 } }";
    let mapping = [REPORT, ("write_back = \"Account.M3ter_Account_Id__c\"", custom)];
    let world = World::with_mapping(Some(&mapping)).await;
    let deal = r#"{"M3ter_Commitment_Amount__c":12345678901234.5678,"M3ter_Overage_Surcharge__c":33.333333333333333333}"#;
    world.org.vendor().update("Opportunity", DEAL, &exactly(deal));
    let bands =
        "0 ; 0.1234567890123456789\\n10.123456789012345678 ; 0.05 ; 0.1000000000000000055511";
    let line = format!(
        r#"{{"M3ter_Standing_Charge__c":0.123456789012345678,"M3ter_Minimum_Spend__c":1234567890.12345678,"M3ter_Price_Bands__c":"{bands}","M3ter_Pricing_Type__c":"Tiered"}}"#
    );
    world.org.vendor().update("OpportunityLineItem", LINE, &exactly(&line));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let commitment = &world
        .objects("commitments")
        .into_iter()
        .find(|commitment| commitment["id"] == object_result(&result, "Commitment")["m3terId"])
        .unwrap();
    assert_eq!(commitment["amount"].to_string(), "12345678901234.568");
    assert_eq!(commitment["overageSurchargePercent"].to_string(), "33.333333333333336");
    assert_eq!(
        world.object("accounts", "code", ACCOUNT)["customFields"]["third"].to_string(),
        "4115226300411.5225"
    );
    let plan = world.object("plans", "code", LINE);
    assert_eq!(plan["standingCharge"].to_string(), "0.12345678901234568");
    assert_eq!(plan["minimumSpend"].to_string(), "1234567890.1234567");
    let bands = &world.object("pricings", "code", LINE)["pricingBands"];
    assert_eq!(bands[0]["unitPrice"].to_string(), "0.12345678901234568");
    assert_eq!(
        (bands[1]["lowerLimit"].to_string(), bands[1]["fixedPrice"].to_string()),
        ("10.123456789012346".into(), "0.1".into())
    );
    repeats_unchanged(&world, DEAL).await;
    assert_all(&world.dry_run(DEAL).await, "unchanged");
    // A database that was lost knows the Commitment again by its amount.
    let mut world = world;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Id__c": null}));
    world.lose_the_database().await;
    let again = world.sync(DEAL).await;
    assert_eq!(
        object_result(&again, "Commitment")["m3terId"],
        object_result(&result, "Commitment")["m3terId"],
        "{again:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_wrote_with_an_exponent_is_the_same_price() {
    let world = World::with_mapping(Some(&[REPORT])).await;
    world.org.vendor().update(
        "OpportunityLineItem",
        LINE,
        &exactly(r#"{"M3ter_Unit_Price__c":1.0E-7}"#),
    );
    world.sync(DEAL).await;
    assert_eq!(
        world.object("pricings", "code", LINE)["pricingBands"][0]["unitPrice"].to_string(),
        "1e-7"
    );
    repeats_unchanged(&world, DEAL).await;
    world.org.vendor().update(
        "OpportunityLineItem",
        LINE,
        &exactly(r#"{"M3ter_Unit_Price__c":0.0000001}"#),
    );
    repeats_unchanged(&world, DEAL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_out_of_range_is_too_small_or_too_large_and_not_called_invalid() {
    let world = World::new().await;
    for (value, why, remedy) in [
        (
            "1E-30",
            "which is too small for m3ter",
            "Enter 0 or a larger number in `OpportunityLineItem.M3ter_Unit_Price__c`",
        ),
        (
            "1.7E308",
            "which is too large for m3ter",
            "Enter a smaller number in `OpportunityLineItem.M3ter_Unit_Price__c`",
        ),
    ] {
        world.org.vendor().update(
            "OpportunityLineItem",
            LINE,
            &exactly(&format!(r#"{{"M3ter_Unit_Price__c":{value}}}"#)),
        );
        let result = world.dry_run(DEAL).await;
        let pricing = object_result(&result, "Pricing");
        assert_eq!(text(pricing, "findingCode"), "VALUE_OUT_OF_RANGE", "{pricing:#}");
        assert!(
            text(pricing, "message").starts_with("`OpportunityLineItem.M3ter_Unit_Price__c` is `1"),
            "{pricing:#}"
        );
        assert!(text(pricing, "message").ends_with(why), "{pricing:#}");
        assert_eq!(text(pricing, "remedy"), remedy);
    }
    let amount = exactly(r#"{"M3ter_Commitment_Amount__c":1E-30}"#);
    world.org.vendor().update("Opportunity", DEAL, &amount);
    let result = world.dry_run(DEAL).await;
    let commitment = object_result(&result, "Commitment");
    assert!(
        text(commitment, "message").ends_with("which is too small for m3ter"),
        "{commitment:#}"
    );
    // A price that is there and a discount that leaves too little of it.
    let line =
        exactly(r#"{"M3ter_Unit_Price__c":null,"UnitPrice":3E-28,"Discount":27.77777777777778}"#);
    world.org.vendor().update("OpportunityLineItem", LINE, &line);
    let result = world.dry_run(DEAL).await;
    let pricing = object_result(&result, "Pricing");
    assert_eq!(
        text(pricing, "message"),
        "`OpportunityLineItem.UnitPrice` less the 27.77777777777778 % of `OpportunityLineItem.Discount` is too small for m3ter"
    );
    assert_eq!(
        text(pricing, "remedy"),
        "Write the discounted price itself into `OpportunityLineItem.M3ter_Unit_Price__c`"
    );
}

/// The customer of the deals that a test makes: one that m3ter does not have before.
const CUSTOMER: &str = "001S90000079HOOIA2";

/// A won deal with the fields of `more`.
pub(super) fn deal(world: &World, name: &str, from: &str, to: &str, more: &Json) -> String {
    // The amount of a deal is the sum of its lines: without a commitment it says 0.
    let mut fields = json!({
        "Name": name, "AccountId": CUSTOMER, "StageName": "Closed Won", "CloseDate": from, "End_Date__c": to, "CurrencyIsoCode": "USD",
        "M3ter_Commitment_Amount__c": 0,
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.org.vendor().insert("Opportunity", &fields)
}

/// A line of a product by its last digit.
pub(super) fn line(world: &World, deal: &str, product: u8, price: f64) -> String {
    let fields = json!({
        "OpportunityId": deal, "PricebookEntryId": format!("01uS9000000000{product}IAA"), "Quantity": 1, "UnitPrice": price,
    });
    world.org.vendor().insert("OpportunityLineItem", &fields)
}

pub(super) fn count(world: &World, kind: &str) -> usize {
    world.objects(kind).len()
}

/// Switches a setting of m3ter's organization, by its API.
pub(crate) fn configure(world: &World, change: &Json) {
    let organization = world.organization.vendor();
    let mut config = organization.request("GET", "/organizationconfig", &Json::Null).unwrap();
    config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    organization.request("PUT", "/organizationconfig", &config).unwrap();
}

pub(crate) async fn world_that_reads_the_organization_each_time() -> World {
    World::with_config(|config| config.runs.organization_config_for = std::time::Duration::ZERO)
        .await
}

pub(super) fn codes(result: &Json) -> Vec<&str> {
    result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|object| object["findingCode"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_with_a_copied_contract_code_bills_nothing_outside_that_contract() {
    let world = World::new().await;
    let named = json!({"M3ter_Contract_Code__c": "C-200", "M3ter_Commitment_Amount__c": 1000});
    let first = deal(&world, "Year 1", "2026-01-01", "2026-12-31", &named);
    line(&world, &first, 1, 0.05);
    assert_eq!(world.sync(&first).await["syncStatus"], "Completed");
    let clone = deal(&world, "Year 2, cloned", "2027-01-01", "2027-12-31", &named);
    let cloned_line = line(&world, &clone, 1, 0.05);
    let contract = world.object("contracts", "code", "C-200");
    let before = (count(&world, "commitments"), count(&world, "accountplans"));
    for dry_run in [true, false] {
        let result = if dry_run { world.dry_run(&clone).await } else { world.sync(&clone).await };
        assert_eq!(codes(&result), ["OUTSIDE_CONTRACT_PERIOD"; 2], "{result:#}");
        for (kind, runs) in [
            ("Commitment", "The Commitment runs from 2027-01-01 to 2028-01-01 (`Opportunity.End_Date__c`)".to_owned()),
            ("AccountPlan", "The line runs from 2027-01-01T00:00:00Z to 2028-01-01T00:00:00Z (`Opportunity.End_Date__c`)".to_owned()),
        ] {
            let object = object_result(&result, kind);
            let of =
                format!("outside the term of the Contract `C-200` in m3ter ({}), which this deal joins", contract["id"].as_str().unwrap());
            assert_eq!(text(object, "message"), format!("{runs}, {of} and which runs from 2026-01-01 to 2027-01-01"), "{object:#}");
            assert!(text(object, "remedy").contains("`Opportunity.M3ter_Contract_Code__c` was copied along"), "{object:#}");
        }
        assert_eq!((count(&world, "commitments"), count(&world, "accountplans")), before);
    }
    // A code of its own is all that the clone needs.
    world.org.vendor().update("Opportunity", &clone, &json!({"M3ter_Contract_Code__c": null}));
    let result = world.sync(&clone).await;
    assert_eq!(codes(&result), [""; 0], "{result:#}");
    assert_eq!(
        world.object("accountplans", "code", &cloned_line)["startDate"],
        "2027-01-01T00:00:00Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_leaves_a_contract_that_it_joined_gets_one_of_its_own_and_changes_no_other() {
    let world = World::new().await;
    let named = json!({"M3ter_Contract_Code__c": "C-300"});
    let first = deal(&world, "First", "2026-01-01", "2026-12-31", &named);
    line(&world, &first, 1, 0.05);
    world.sync(&first).await;
    let second = deal(&world, "Add-on", "2026-03-01", "2026-12-31", &named);
    let added = line(&world, &second, 2, 0.1);
    assert_eq!(world.sync(&second).await["syncStatus"], "Completed");
    let joined = world.object("contracts", "code", "C-300");
    assert_eq!(world.object("accountplans", "code", &added)["contractId"], joined["id"]);
    world.org.vendor().update("Opportunity", &second, &json!({"M3ter_Contract_Code__c": null}));
    let result = world.sync(&second).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(world.object("contracts", "code", "C-300"), joined);
    assert_eq!(
        world.object("accountplans", "code", &added)["contractId"],
        world.object("contracts", "code", &second)["id"]
    );
    repeats_unchanged(&world, &second).await;
    repeats_unchanged(&world, &first).await;
}

const ONCE: (&str, &str) = (
    "{ months = \"M3ter_Term_Months__c\", after = \"startDate\", optional = true }] }",
    "{ months = \"M3ter_Term_Months__c\", after = \"startDate\", optional = true }], once = true }",
);

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_as_m3ter_keeps_it_bounds_its_lines_and_commitment() {
    let once = World::with_mapping(Some(&[ONCE])).await;
    let flagged = World::new().await;
    for (world, change) in [(&once, json!({})), (&flagged, json!({"M3ter_Skip_Contract__c": true}))]
    {
        assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
        world.org.vendor().update("Opportunity", DEAL, &change);
        world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2100-06-30"}));
        world.organization.clear_requests();
        let result = world.sync(DEAL).await;
        for kind in ["Commitment", "AccountPlan"] {
            let object = object_result(&result, kind);
            assert_eq!(text(object, "findingCode"), "OUTSIDE_CONTRACT_PERIOD", "{result:#}");
            assert!(text(object, "message").contains("to 2100-07-01"), "{object:#}");
            assert!(
                text(object, "message").ends_with(
                    "which runs from 2026-01-01 to 2027-01-01 in m3ter and keeps these dates"
                ),
                "{object:#}"
            );
            assert!(
                text(object, "remedy").starts_with(
                    "Correct `Opportunity.End_Date__c`, or change the Contract's dates"
                ),
                "{object:#}"
            );
        }
        assert!(world.m3ter_writes().is_empty(), "{:#?}", world.m3ter_writes());
        // What is inside may change.
        world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2026-12-15"}));
        let result = world.sync(DEAL).await;
        assert!(!codes(&result).contains(&"OUTSIDE_CONTRACT_PERIOD"), "{result:#}");
        assert_eq!(world.object("accountplans", "code", LINE)["endDate"], "2026-12-16T00:00:00Z");
        assert_eq!(world.object("contracts", "code", DEAL)["endDate"], "2027-01-01");
    }
    // A Contract that moves with the deal bounds nothing by its old dates.
    let moving = World::new().await;
    moving.sync(DEAL).await;
    moving.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2100-06-30"}));
    let result = moving.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], codes(&result)),
        (&json!("Completed"), Vec::new()),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_written_beside_a_refused_contract_change_are_reported() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2027-06-30"}));
    world.fault(
        "PUT",
        "/contracts/*",
        FaultKind::Status { status: 400, retry_after: None, message: Some("no".to_owned()) },
    );
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Contract")["success"], false, "{result:#}");
    for kind in ["Commitment", "AccountPlan"] {
        let object = object_result(&result, kind);
        let warnings = object["warnings"].to_string();
        assert!(
            object["success"] == true
                && warnings.contains("which runs from 2026-01-01 to 2027-01-01 in m3ter and keeps"),
            "{object:#}"
        );
    }
    let mended = world.sync(DEAL).await;
    assert_eq!(
        (&mended["syncStatus"], mended.to_string().contains("keeps these dates")),
        (&json!("Completed"), false),
        "{mended:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_already_outside_its_contract_is_a_warning_and_not_a_failure() {
    let world = World::with_mapping(Some(&[ONCE])).await;
    world.sync(DEAL).await;
    let mut contract = world.object("contracts", "code", DEAL);
    contract.insert("endDate".to_owned(), json!("2026-10-01"));
    world.change_in_m3ter("contracts", &contract);
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_all(&result, "unchanged");
    for kind in ["Commitment", "AccountPlan"] {
        let warnings = object_result(&result, kind)["warnings"].to_string();
        assert!(
            warnings.contains(
                "which runs from 2026-01-01 to 2026-10-01 in m3ter and keeps these dates"
            ),
            "{warnings}"
        );
    }
    assert!(world.m3ter_writes().is_empty());
}
