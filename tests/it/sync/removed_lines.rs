//! Not read is not gone: what ends an AccountPlan is a line that Salesforce says is gone, and
//! nothing less.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

const END: &[(&str, &str)] = &[("removed_lines = \"warn\"", "removed_lines = \"end\"")];
const FIVE_LINES_FIRST: &str = "00kS900000079F1IAI";
const CONTRACT: &str = "800S90000079CONIA2";
const SUBSCRIPTION: &str = "a0SS90000079SU1MAM";
/// Long after today.
const LAST_DAY: &str = "2099-12-31";
const AFTER: &str = "2100-01-01T00:00:00Z";

/// A world whose mapping of Contracts ends removed lines.
async fn contracts_that_end() -> World {
    let directory = tempfile::tempdir().unwrap();
    let text = include_str!("../../../mappings/contract.toml")
        .replace("removed_lines = \"warn\"", "removed_lines = \"end\"");
    std::fs::write(directory.path().join("contract.toml"), text).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    for row in [SUBSCRIPTION, "a0SS90000079SU3MAM"] {
        world.org.vendor().update(
            "SBQQ__Subscription__c",
            row,
            &json!({"SBQQ__EndDate__c": LAST_DAY}),
        );
    }
    world.org.vendor().update("Contract", CONTRACT, &json!({"EndDate": LAST_DAY}));
    world
}

/// When the AccountPlan of a line ends.
fn end_of(world: &World, line: &str) -> String {
    world.object("accountplans", "code", line)["endDate"].as_str().unwrap_or("never").to_owned()
}

fn told(result: &Json) -> String {
    result["warnings"].to_string()
}

/// Name, action and finding of what a result says about a row.
fn about<'a>(result: &'a Json, row: &str) -> Vec<(&'a str, &'a str)> {
    let results = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["salesforceId"] == row);
    results
        .map(|object| {
            (object["action"].as_str().unwrap(), object["findingCode"].as_str().unwrap_or_default())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_answer_does_not_count_as_an_answer() {
    let world = World::with_mapping(Some(END)).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"End_Date__c": LAST_DAY}));
    world.sync(FIVE_LINES).await;
    let lines = || Some("OpportunityLineItems".to_owned());
    let next = || Some("/services/data/v60.0/query/01gXX0000000000AAA-2".to_owned());
    for cut in [
        FaultKind::CutPage { relationship: lines(), rows: 2, done: false, next_records_url: None },
        FaultKind::CutPage { relationship: lines(), rows: 2, done: true, next_records_url: None },
        FaultKind::CutPage {
            relationship: lines(),
            rows: 2,
            done: false,
            next_records_url: next(),
        },
        FaultKind::CutPage { relationship: None, rows: 0, done: true, next_records_url: None },
    ] {
        world.organization.clear_requests();
        let of_the_deal = Fault {
            contains: Some("FROM Opportunity ".to_owned()),
            ..Fault::new("GET", "/query", cut.clone())
        };
        world.org.add_fault(of_the_deal.times(20));
        let result = world.sync(FIVE_LINES).await;
        world.org.clear_faults();
        let failure = (&result["syncStatus"], &result["errorCode"], &result["retryable"]);
        assert_eq!(
            failure,
            (&json!("Failed"), &json!("SALESFORCE_UNAVAILABLE"), &json!(true)),
            "{cut:?}: {result:#}"
        );
        assert!(world.m3ter_writes().is_empty(), "{cut:?}: {:?}", world.m3ter_writes());
    }
    assert_all(&world.sync(FIVE_LINES).await, "unchanged");
}

/// Three deals of one customer under one Contract, with two lines each. The lines of each deal.
fn three_deals_on_one_contract(world: &World) -> Vec<(String, [String; 2])> {
    // Six lines of five products.
    world
        .organization
        .vendor()
        .change_rules(&json!({"accountPlanOverlap": "off", "commitmentOverlap": "off"}))
        .unwrap();
    crate::sync::m3ter_state::configure(world, &json!({"allowOverlappingPlans": true}));
    let mut deals: Vec<(String, [String; 2])> = Vec::new();
    for number in 0..3_usize {
        let org = world.org.vendor();
        let mut fields = json!({
            "Name": format!("Deal {number}"), "AccountId": "001S90000079HOOIA2", "StageName": "Closed Won", "CloseDate": "2026-01-01",
            "End_Date__c": LAST_DAY, "CurrencyIsoCode": "USD", "M3ter_Commitment_Amount__c": 0,
        });
        if let Some((first, _)) = deals.first() {
            fields["M3ter_Contract_Code__c"] = json!(first);
        }
        let deal = org.insert("Opportunity", &fields);
        let lines = [2 * number, 2 * number + 1].map(|product| {
            let entry = format!("01uS9000000000{}IAA", product % 5 + 1);
            org.insert(
                "OpportunityLineItem",
                &json!({
                    "OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 0.05, "ServiceDate": "2026-01-01",
                }),
            )
        });
        deals.push((deal, lines));
    }
    deals
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_three_deals_on_one_contract_ends_its_own_line_with_and_without_the_database() {
    for loses_the_database in [false, true] {
        let mut world = World::with_mapping(Some(END)).await;
        let deals = three_deals_on_one_contract(&world);
        world.restart(100).await;
        for (deal, _) in &deals {
            let result = world.sync(deal).await;
            assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        }
        if loses_the_database {
            world.lose_the_database().await;
        }
        for (_, [gone, _]) in &deals {
            world.org.vendor().delete("OpportunityLineItem", gone);
        }
        world.organization.clear_requests();
        for (deal, [gone, _]) in &deals {
            let result = world.sync(deal).await;
            assert_eq!(result["syncStatus"], "Completed", "{result:#}");
            assert_eq!(
                about(&result, gone),
                [("updated", "")],
                "lost {loses_the_database}: {result:#}"
            );
            assert_eq!(told(&result), "[]", "{result:#}");
        }
        for (_, [gone, kept]) in &deals {
            assert!(end_of(&world, gone).as_str() < "2099", "{}", end_of(&world, gone));
            assert_eq!(end_of(&world, kept), AFTER, "lost {loses_the_database}");
        }
        assert_eq!(world.m3ter_writes().len(), 3, "{:?}", world.m3ter_writes());
        // Nothing of it is said or done again.
        for (deal, _) in &deals {
            assert_all(&world.sync(deal).await, "unchanged");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_a_deal_ends_like_any_other_even_once_purged() {
    let world = World::with_mapping(Some(END)).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": LAST_DAY}));
    world.sync(DEAL).await;
    world.org.vendor().delete("OpportunityLineItem", LINE);
    world.org.vendor().purge("OpportunityLineItem", LINE);
    let result = world.sync(DEAL).await;
    assert_eq!(about(&result, LINE), [("updated", "")], "{result:#}");
    assert!(end_of(&world, LINE).as_str() < "2099");
    assert!(about(&world.sync(DEAL).await, LINE).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_line_without_a_link_is_reported_and_not_ended() {
    let mut world = World::with_mapping(Some(END)).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"End_Date__c": LAST_DAY}));
    world.sync(FIVE_LINES).await;
    world.org.vendor().delete("OpportunityLineItem", FIVE_LINES_FIRST);
    world.org.vendor().purge("OpportunityLineItem", FIVE_LINES_FIRST);
    world.lose_the_database().await;
    for result in [world.dry_run(FIVE_LINES).await, world.sync(FIVE_LINES).await] {
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert!(
            told(&result).contains("ROW_NOT_VISIBLE") && told(&result).contains(FIVE_LINES_FIRST),
            "{result:#}"
        );
    }
    assert_eq!(end_of(&world, FIVE_LINES_FIRST), AFTER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_only_looks_up_to_its_record_ends_when_it_is_deleted_and_not_when_it_is_hidden()
{
    let world = contracts_that_end().await;
    let first = world.sync(CONTRACT).await;
    assert_eq!(first["syncStatus"], "Completed", "{first:#}");
    let ended = end_of(&world, SUBSCRIPTION);
    assert_eq!(ended, AFTER);

    world.org.vendor().rules(&json!({"hiddenRecords": [SUBSCRIPTION]})).unwrap();
    let hidden = world.sync(CONTRACT).await;
    assert_eq!(about(&hidden, SUBSCRIPTION), [("failed", "ROW_NOT_VISIBLE")], "{hidden:#}");
    let result = hidden["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["salesforceId"] == SUBSCRIPTION)
        .unwrap();
    assert!(
        result["remedy"].as_str().unwrap().contains(&format!("links forget {SUBSCRIPTION}")),
        "{result:#}"
    );
    assert_eq!(end_of(&world, SUBSCRIPTION), ended, "nothing ends");

    world.org.vendor().rules(&json!({})).unwrap();
    assert_eq!(world.sync(CONTRACT).await["syncStatus"], "Completed");
    world.org.vendor().delete("SBQQ__Subscription__c", SUBSCRIPTION);
    let deleted = world.sync(CONTRACT).await;
    assert_eq!(about(&deleted, SUBSCRIPTION), [("updated", "")], "{deleted:#}");
    assert!(end_of(&world, SUBSCRIPTION).as_str() < "2099");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_moved_to_another_record_is_that_records() {
    let world = contracts_that_end().await;
    world.sync(CONTRACT).await;
    let other = world.org.vendor().insert(
        "Contract",
        &json!({
            "ContractNumber": "00000399", "AccountId": "001S90000079UMBIA2", "Status": "Activated", "StartDate": "2026-03-01",
            "EndDate": LAST_DAY, "ContractTerm": 12, "CurrencyIsoCode": "USD",
        }),
    );
    world.org.vendor().update(
        "SBQQ__Subscription__c",
        SUBSCRIPTION,
        &json!({"SBQQ__Contract__c": other}),
    );
    let left = world.sync(CONTRACT).await;
    assert!(told(&left).contains(&other) && told(&left).contains(SUBSCRIPTION), "{left:#}");
    assert_eq!(end_of(&world, SUBSCRIPTION), AFTER, "it is not this record's to end");

    let taken = world.sync(&other).await;
    let account_plan = taken["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["objectName"] == "AccountPlan")
        .unwrap();
    assert_eq!(account_plan["salesforceId"], SUBSCRIPTION, "{taken:#}");
    assert_eq!(
        account_plan["m3terId"],
        world.object("accountplans", "code", SUBSCRIPTION)["id"],
        "{taken:#}"
    );
    // From now on the first one has nothing to say about it, and never ends it.
    for _ in 0..2 {
        let left = world.sync(CONTRACT).await;
        assert_eq!(
            (&left["syncStatus"], told(&left).contains(SUBSCRIPTION)),
            (&json!("Completed"), false),
            "{left:#}"
        );
    }
    assert_eq!(end_of(&world, SUBSCRIPTION), AFTER);
}

/// An end before the start is never sent, by this either.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_has_not_started_when_its_line_is_deleted_is_reported_and_not_ended() {
    let world = World::with_mapping(Some(END)).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"End_Date__c": LAST_DAY}));
    let starts = json!({"ServiceDate": "2090-01-01"});
    world.org.vendor().update("OpportunityLineItem", FIVE_LINES_FIRST, &starts);
    assert_eq!(world.sync(FIVE_LINES).await["syncStatus"], "Completed");
    let before = world.object("accountplans", "code", FIVE_LINES_FIRST);
    assert!(before["startDate"].as_str().unwrap().starts_with("2090-01-01"), "{before:?}");
    world.org.vendor().delete("OpportunityLineItem", FIVE_LINES_FIRST);
    world.organization.clear_requests();
    for result in [world.dry_run(FIVE_LINES).await, world.sync(FIVE_LINES).await] {
        assert_eq!(result["syncStatus"], "Partial Success", "{result:#}");
        assert_eq!(about(&result, FIVE_LINES_FIRST), [("failed", "LINE_REMOVED")], "{result:#}");
        let results = result["objectResults"].as_array().unwrap();
        let line =
            results.iter().find(|object| object["salesforceId"] == FIVE_LINES_FIRST).unwrap();
        assert!(
            line["message"].as_str().unwrap().ends_with("it was not ended: it has not begun")
                && line["remedy"].as_str().unwrap().contains("or delete it there"),
            "{line:#}"
        );
    }
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    assert_eq!(world.object("accountplans", "code", FIVE_LINES_FIRST), before);
}
