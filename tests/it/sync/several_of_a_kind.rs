//! Several of a kind in one deal, under an Account that no sync made: each is found again, also
//! when nothing is remembered.

use serde_json::{Map, Value as Json, json};

use crate::mapping::built_in::bands;
use crate::support::*;

const USAGE_DEAL: &str = "a1DS90000079DEAMA2";
const USAGE_LINE: &str = "a1LS90000079LINMA2";
const YEARS: [&str; 2] = ["a1YS90000079YE1MAM", "a1YS90000079YE2MAM"];
/// The Account that is in m3ter before any sync, and its code there.
const GLOBEX: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const GLOBEX_CODE: &str = "001S900000RzsIVIAZ";
const MAPPING: &str = include_str!("../mappings/years.toml");

async fn world() -> World {
    world_with(MAPPING).await
}

async fn world_with(mapping: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("years.toml"), mapping).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    world.org.vendor().update(
        "Account",
        "001S90000079HOOIA2",
        &json!({"AccountNumber": GLOBEX_CODE}),
    );
    let shared = json!({"planTemplateId": "00000403-0000-4000-8000-000000000000", "name": "For all", "code": "EVENTS_FOR_ALL"});
    world.organization.vendor().request("POST", "/plans", &shared).unwrap();
    // What Globex has of another deal is not this one's.
    world
        .organization
        .vendor()
        .request(
            "PUT",
            "/accountplans/544ecdae-54a5-4654-b0fb-b503a7ed58b2",
            &json!({
                "version": 1, "accountId": GLOBEX, "planId": "00000502-0000-4000-8000-000000000000", "code": "legacy-globex-api",
                "startDate": "2025-01-01T00:00:00.000Z", "endDate": "2026-01-01T00:00:00.000Z",
            }),
        )
        .unwrap();
    world
}

fn commitment_of(world: &World, year: &str) -> Map<String, Json> {
    let contract = world.object("contracts", "code", year);
    world.object("commitments", "contractId", contract["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contract_of_a_deal_keeps_its_own_commitment_when_nothing_is_remembered() {
    let mut world = world().await;
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let amounts = YEARS.map(|year| commitment_of(&world, year)["amount"].to_string());
    assert_eq!(amounts, ["1000", "2000.5"]);
    for _ in 0..2 {
        world.lose_the_database().await;
        world.organization.clear_requests();
        assert_all(&world.dry_run(USAGE_DEAL).await, "unchanged");
        assert_all(&world.sync(USAGE_DEAL).await, "unchanged");
        assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    }
    // A changed amount is that year's, although no link says which commitment is whose.
    world.lose_the_database().await;
    world.org.vendor().update("Usage_Year__c", YEARS[1], &json!({"Amount__c": 2500}));
    let second = commitment_of(&world, YEARS[1]);
    let result = world.dry_run(USAGE_DEAL).await;
    let of_second =
        result["objectResults"].as_array().unwrap().iter().find(|object| {
            object["objectName"] == "Commitment" && object["salesforceId"] == YEARS[1]
        });
    assert_ne!(of_second.unwrap()["m3terId"], commitment_of(&world, YEARS[0])["id"], "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_several_prices_each_with_a_key_that_its_code_ends_with() {
    let mut world = world().await;
    let result = world.sync(USAGE_DEAL).await;
    let (calls, events) = (
        world.object("pricings", "code", &format!("{USAGE_LINE}-calls")),
        world.object("pricings", "code", &format!("{USAGE_LINE}-events")),
    );
    assert_eq!(
        (bands(&calls, "pricingBands"), &calls["cumulative"]),
        (vec!["0 0.05 0".to_owned(), "1000 0.04 0".to_owned()], &json!(true))
    );
    assert_eq!(
        (bands(&events, "pricingBands"), &events["type"]),
        (vec!["0 0.05 0".to_owned()], &json!("GLOBAL_CREDIT"))
    );
    let plan = world.object("plans", "code", USAGE_LINE);
    assert_eq!(
        (&calls["planId"], &events["planId"], &plan["accountId"]),
        (&plan["id"], &plan["id"], &json!(GLOBEX))
    );
    assert_eq!(actions(&result).iter().filter(|action| *action == "Pricing created").count(), 2);
    // One of them changes, the other stays; no database tells which is which.
    world.lose_the_database().await;
    world.org.vendor().update("Usage_Line__c", USAGE_LINE, &json!({"Tier_2_Price__c": 0.03}));
    let result = world.sync(USAGE_DEAL).await;
    let pricings: Vec<String> =
        actions(&result).into_iter().filter(|action| action.starts_with("Pricing")).collect();
    assert_eq!(pricings, ["Pricing updated", "Pricing unchanged"], "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_account_plans_have_custom_fields_and_keep_those_of_others() {
    let world = world().await;
    world.sync(USAGE_DEAL).await;
    for (kind, expected) in
        [("plans", json!({"frequency": "annual"})), ("accountplans", json!({"region": "eu"}))]
    {
        let mut object = world.object(kind, "code", USAGE_LINE);
        assert_eq!(object["customFields"], expected);
        object["customFields"]["owner"] = json!("finance");
        world.change_in_m3ter(kind, &object);
    }
    world.org.vendor().update(
        "Usage_Line__c",
        USAGE_LINE,
        &json!({"Billing_Frequency__c": "monthly", "Region__c": "us"}),
    );
    world.sync(USAGE_DEAL).await;
    assert_eq!(
        world.object("plans", "code", USAGE_LINE)["customFields"],
        json!({"frequency": "monthly", "owner": "finance"})
    );
    assert_eq!(
        world.object("accountplans", "code", USAGE_LINE)["customFields"],
        json!({"region": "us", "owner": "finance"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_are_checked_against_the_term_of_their_own_contract() {
    let world = world().await;
    // The second year lies outside the first one's contract, and inside its own.
    assert_eq!(world.sync(USAGE_DEAL).await["syncStatus"], "Completed");
    let second = world.object("accountplans", "code", YEARS[1]);
    assert_eq!(
        (&second["startDate"], &second["contractId"]),
        (&json!("2027-01-01T00:00:00Z"), &world.object("contracts", "code", YEARS[1])["id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_one_product_for_different_accounts_do_not_conflict() {
    let deal_s = "Usage_Deal__r.Account__r.AccountNumber";
    let mut own = MAPPING.to_owned();
    for before in [
        "code = \"Id\"\naccountId = { lookup = \"account\", code = \"",
        "[[account_plan]]\nrows = \"lines\"\naccountId = { lookup = \"account\", code = \"",
    ] {
        let of_deal = format!("{before}{deal_s}\"");
        assert!(own.contains(&of_deal), "{of_deal}");
        own = own.replacen(&of_deal, &format!("{before}Region__c\""), 1);
    }
    let world = world_with(&own).await;
    world
        .organization
        .vendor()
        .request(
            "POST",
            "/accounts",
            &json!({"name": "Second", "code": "SECOND", "emailAddress": "x@second.example"}),
        )
        .unwrap();
    world.org.vendor().update("Usage_Line__c", USAGE_LINE, &json!({"Region__c": GLOBEX_CODE}));
    let mut line = world.org.vendor().record("Usage_Line__c", USAGE_LINE).unwrap();
    line.remove("Id");
    line.insert("Region__c".to_owned(), json!("SECOND"));
    let line = world.org.vendor().insert("Usage_Line__c", &Json::Object(line));
    let dry = world.dry_run(USAGE_DEAL).await;
    assert!(!dry["objectResults"].to_string().contains("m3ter will refuse"), "{dry:#}");
    let result = world.sync(USAGE_DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let second = world.object("accounts", "code", "SECOND");
    assert_eq!(world.object("accountplans", "code", &line)["accountId"], second["id"]);
    // One more for the first Account is in the way of the one that it has; the second one's cannot
    // move there.
    let mut third = world.org.vendor().record("Usage_Line__c", &line).unwrap();
    third.remove("Id");
    third.insert("Region__c".to_owned(), json!(GLOBEX_CODE));
    let third = world.org.vendor().insert("Usage_Line__c", &Json::Object(third));
    world.org.vendor().update("Usage_Line__c", &line, &json!({"Region__c": GLOBEX_CODE}));
    let dry = world.dry_run(USAGE_DEAL).await;
    for (row, code) in [(&third, "PRODUCT_PERIODS_OVERLAP"), (&line, "IDENTITY_CHANGED")] {
        let results = dry["objectResults"].as_array().unwrap().iter();
        let of_row = results.filter(|result| {
            result["salesforceId"] == **row && result["objectName"] == "AccountPlan"
        });
        assert_eq!(
            of_row.map(|result| &result["findingCode"]).collect::<Vec<_>>(),
            [code],
            "{dry:#}"
        );
    }
}
