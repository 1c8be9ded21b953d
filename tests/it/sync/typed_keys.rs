//! Keys that people type: what they mean, what it means that they name nothing, and that one
//! changes.

use serde_json::{Value as Json, json};

use crate::support::*;

/// The product of the deal's line, with its code.
fn product(world: &World) -> (String, String) {
    let line = world.org.vendor().record("OpportunityLineItem", LINE).unwrap();
    let product = line["Product2Id"].as_str().unwrap().to_owned();
    let code = world.org.vendor().record("Product2", &product).unwrap()["ProductCode"]
        .as_str()
        .unwrap()
        .to_owned();
    (product, code)
}

/// A deal of the customer of `DEAL` for another product, in the time of its Contract.
pub(crate) fn add_on(world: &World, product: &str, fields: &Json) -> (String, String) {
    let original = world.org.vendor().record("Opportunity", DEAL).unwrap();
    let mut deal = json!({
        "Name": "Add-on", "AccountId": original["AccountId"], "StageName": original["StageName"], "CloseDate": "2026-03-01",
        "M3ter_Commitment_Amount__c": 0, "End_Date__c": original["End_Date__c"], "CurrencyIsoCode": original["CurrencyIsoCode"],
    });
    deal.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let deal = world.org.vendor().insert("Opportunity", &deal);
    let mut line = world.org.vendor().record("OpportunityLineItem", product).unwrap();
    line.retain(|field, _| field != "Id" && !field.starts_with("M3ter_"));
    line.insert("OpportunityId".to_owned(), json!(deal));
    let line = world.org.vendor().insert("OpportunityLineItem", &Json::Object(line));
    (deal, line)
}

/// Lines of products that the deal does not have.
pub(crate) const STORAGE: &str = "00kS900000079F2IAI";
const SEATS: &str = "00kS900000079F3IAI";

fn warnings(result: &Json, name: &str) -> String {
    object_result(result, name)["warnings"].to_string()
}

fn set_code(world: &World, deal: &str, code: &str) {
    world.org.vendor().update("Opportunity", deal, &json!({ "M3ter_Contract_Code__c": code }));
}

#[tokio::test(flavor = "multi_thread")]
async fn invisible_characters_around_a_code_are_not_part_of_it() {
    let world = World::new().await;
    let (product, code) = product(&world);
    for (before, after) in [
        ("", "\u{a0}"),
        ("", "\t"),
        ("", "\u{200b}"),
        ("\u{feff}", ""),
        ("\u{202a}", "\u{202c}"),
        ("\u{ad} ", " \u{200e}"),
    ] {
        let typed = format!("{before}{code}{after}");
        world.org.vendor().update("Product2", &product, &json!({ "ProductCode": typed }));
        let result = world.dry_run(DEAL).await;
        assert_eq!(result["syncStatus"], "Completed", "{typed:?}: {result:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invisible_character_inside_a_code_is_shown() {
    let world = World::new().await;
    let (product, code) = product(&world);
    let (head, tail) = code.split_at(3);
    world.org.vendor().update(
        "Product2",
        &product,
        &json!({ "ProductCode": format!("{head}\u{200b}{tail}") }),
    );
    let plan = object_result(&world.sync(DEAL).await, "Plan").clone();
    assert_eq!(plan["findingCode"], "CODE_NOT_FOUND", "{plan:#}");
    let message = plan["message"].as_str().unwrap();
    assert!(message.contains(&format!("the code `{head}\\u{{200b}}{tail}`")), "{message}");
    assert!(message.contains(&format!("the nearest one is `{code}`")), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_code_with_an_invisible_character_joins_the_intended_contract() {
    let world = World::new().await;
    set_code(&world, DEAL, "C-100");
    world.sync(DEAL).await;
    let (deal, line) =
        add_on(&world, STORAGE, &json!({ "M3ter_Contract_Code__c": "\u{feff}C-100\u{200b} " }));
    let result = world.sync(&deal).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let contract = world.object("contracts", "code", "C-100");
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], contract["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_code_of_15_characters_means_the_record_with_18() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let contracts = world.objects("contracts").len();
    let (deal, line) = add_on(&world, STORAGE, &json!({ "M3ter_Contract_Code__c": &DEAL[..15] }));
    let result = world.sync(&deal).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(object_result(&result, "Contract")["action"], "unchanged");
    assert_eq!(
        world.object("accountplans", "code", &line)["contractId"],
        world.object("contracts", "code", DEAL)["id"]
    );
    assert_eq!(world.objects("contracts").len(), contracts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_15_characters_that_m3ter_has_is_used_as_typed() {
    let world = World::new().await;
    let account = json!({"name": "Old", "code": &ACCOUNT[..15], "emailAddress": "old@example.com"});
    world.organization.vendor().request("POST", "/accounts", &account).unwrap();
    world.org.vendor().update(
        "Account",
        ACCOUNT,
        &json!({ "M3ter_Account_Code__c": &ACCOUNT[..15] }),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        object_result(&result, "Account")["m3terId"],
        world.object("accounts", "code", &ACCOUNT[..15])["id"]
    );
    assert!(world.objects("accounts").iter().all(|account| account["code"] != ACCOUNT));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_15_character_id_of_an_account_creates_no_second_account() {
    let mut world = World::new().await;
    let first = object_result(&world.sync(DEAL).await, "Account")["m3terId"].clone();
    let accounts = world.objects("accounts").len();
    world.org.vendor().update(
        "Account",
        ACCOUNT,
        &json!({ "M3ter_Account_Code__c": &ACCOUNT[..15] }),
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
    world.lose_the_database().await;
    let result = world.sync(DEAL).await;
    assert_all(&result, "unchanged");
    assert_eq!(object_result(&result, "Account")["m3terId"], first);
    assert_eq!(world.objects("accounts").len(), accounts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_contract_that_does_not_exist_is_reported_and_so_is_its_correction() {
    let world = World::new().await;
    set_code(&world, DEAL, "C-100");
    world.sync(DEAL).await;
    let (deal, line) = add_on(&world, STORAGE, &json!({ "M3ter_Contract_Code__c": "C-1OO" }));
    for result in [world.dry_run(&deal).await, world.sync(&deal).await] {
        let told = warnings(&result, "Contract");
        assert!(
            told.contains("m3ter does not have the Contract `C-1OO` that `Opportunity.M3ter_Contract_Code__c` names"),
            "{result:#}"
        );
        assert!(told.contains("the nearest one is `C-100`"), "{told}");
    }
    assert_all(&world.sync(&deal).await, "unchanged");
    set_code(&world, &deal, "C-100");
    for result in [world.dry_run(&deal).await, world.sync(&deal).await, world.sync(&deal).await] {
        let contract = object_result(&result, "Contract");
        assert_eq!(contract["findingCode"], "IDENTITY_CHANGED", "{result:#}");
        let message = contract["message"].as_str().unwrap();
        assert!(message.contains("`C-100`") && message.contains("`C-1OO`"), "{message}");
        // What depends on it continues.
        assert_eq!(object_result(&result, "AccountPlan")["action"], "unchanged", "{result:#}");
        assert_eq!(object_result(&result, "Plan")["action"], "unchanged");
    }
    assert_eq!(
        world.object("accountplans", "code", &line)["contractId"],
        world.object("contracts", "code", "C-1OO")["id"]
    );
    set_code(&world, &deal, "C-1OO");
    assert_all(&world.sync(&deal).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_that_names_nothing_is_a_warning_and_the_object_is_still_synced() {
    let world = World::new().await;
    set_code(&world, DEAL, "C-100");
    let contract = object_result(&world.sync(DEAL).await, "Contract")["m3terId"].clone();
    set_code(&world, DEAL, "C-777");
    let contracts = world.objects("contracts").len();
    for _ in 0..2 {
        let result = world.sync(DEAL).await;
        assert_all(&result, "unchanged");
        assert_eq!(object_result(&result, "Contract")["m3terId"], contract);
        assert!(
            warnings(&result, "Contract")
                .contains("now names the Contract `C-777`, which m3ter does not have"),
            "{result:#}"
        );
    }
    assert_eq!(world.objects("contracts").len(), contracts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_contract_named_by_a_record_id_is_not_created() {
    let world = World::new().await;
    let (deal, _) = add_on(&world, STORAGE, &json!({ "M3ter_Contract_Code__c": &DEAL[..15] }));
    for result in [world.dry_run(&deal).await, world.sync(&deal).await] {
        let contract = object_result(&result, "Contract");
        assert_eq!(contract["findingCode"], "CODE_NOT_FOUND", "{result:#}");
        assert!(
            contract["remedy"].as_str().unwrap().contains(&format!("Sync the record {DEAL} first")),
            "{contract:#}"
        );
        assert_eq!(object_result(&result, "AccountPlan")["action"], "failed");
    }
    assert!(world.objects("contracts").iter().all(|contract| contract["code"] != DEAL));
    world.sync(DEAL).await;
    assert_eq!(world.sync(&deal).await["syncStatus"], "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_names_itself_creates_its_contract() {
    let world = World::new().await;
    set_code(&world, DEAL, &DEAL[..15]);
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Contract")["action"], "created", "{result:#}");
    assert_eq!(
        world.object("contracts", "code", DEAL)["id"],
        object_result(&result, "Contract")["m3terId"]
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_code_that_names_nothing_is_reported() {
    let world = World::new().await;
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": "CUST-7" }));
    let told = warnings(&world.dry_run(DEAL).await, "Account");
    assert!(
        told.contains(
            "m3ter does not have the Account `CUST-7` that `Account.M3ter_Account_Code__c` names"
        ),
        "{told}"
    );
    world.org.vendor().update(
        "Account",
        ACCOUNT,
        &json!({ "M3ter_Account_Code__c": "001S90000079INIIA2" }),
    );
    assert_eq!(object_result(&world.sync(DEAL).await, "Account")["findingCode"], "CODE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_typed_code_names_nothing_is_the_one_that_both_ids_name() {
    let mut world = World::new().await;
    let first = object_result(&world.sync(DEAL).await, "Account")["m3terId"].clone();
    let accounts = world.objects("accounts").len();
    world.lose_the_database().await;
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": "CUST-7" }));
    for _ in 0..2 {
        let result = world.sync(DEAL).await;
        assert_all(&result, "unchanged");
        assert_eq!(object_result(&result, "Account")["m3terId"], first);
        let told = warnings(&result, "Account");
        assert!(
            told.contains("`CUST-7`, which m3ter does not have")
                && !told.contains("not this record's"),
            "{told}"
        );
    }
    assert_eq!(world.objects("accounts").len(), accounts);
    assert_eq!(
        world.org.vendor().record("Account", ACCOUNT).unwrap()["M3ter_Account_Id__c"],
        first
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_code_that_later_names_another_account_moves_nothing() {
    let world = World::new().await;
    let first = object_result(&world.sync(DEAL).await, "Account")["m3terId"].clone();
    let other = json!({"name": "Other", "code": "CUST-8", "emailAddress": "other@example.com"});
    world.organization.vendor().request("POST", "/accounts", &other).unwrap();
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": "CUST-8" }));
    world.organization.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(object_result(&result, "Account")["findingCode"], "IDENTITY_CHANGED", "{result:#}");
    assert_eq!(object_result(&result, "Account")["m3terId"], first);
    assert_eq!(object_result(&result, "Contract")["action"], "unchanged");
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_repeat_asks_m3ter_for_no_codes() {
    let world = World::new().await;
    set_code(&world, DEAL, "C-100");
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": "CUST-7" }));
    world.sync(DEAL).await;
    world.organization.clear_requests();
    assert_all(&world.sync(DEAL).await, "unchanged");
    let asked: Vec<String> =
        world.organization.requests().into_iter().map(|request| request.path).collect();
    assert!(asked.iter().all(|path| !path.contains("codes=")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_another_organization_in_all_write_back_fields_are_overwritten() {
    let world = World::new().await;
    let foreign = "99999999-9999-4999-8999-999999999999";
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Id__c": foreign }));
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({ "M3ter_Contract_Id__c": foreign, "M3ter_Commitment_Id__c": foreign }),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    for name in ["Account", "Contract", "Commitment"] {
        assert!(warnings(&result, name).contains("it was overwritten"), "{result:#}");
    }
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_without_a_near_match_is_reported_without_a_suggestion() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let (deal, _) = add_on(&world, SEATS, &json!({ "M3ter_Contract_Code__c": "FRAME-2026" }));
    let told = warnings(&world.dry_run(&deal).await, "Contract");
    assert!(told.contains("it will be created") && !told.contains("nearest"), "{told}");
}
