//! Amendments: what changes a sale that is billed already, as CPQ and Orders write it down.

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

pub(super) const ORDER: &str = "801S90000079ORDIA2";
pub(super) const ORDER_LINE: &str = "802S90000079OI1IAM";
const HOOLI: &str = "001S90000079HOOIA2";
const CONTRACT: &str = "800S90000079CONIA2";
/// Twelve months at 20.00.
const SUBSCRIPTION: &str = "a0SS90000079SU3MAM";
const DIFFERS: &str = "a different rate from the subscription that it revises";
const UNKNOWN: &str = "This may or may not apply";

/// The warnings of the result as a whole with a text in them.
pub(super) fn told(result: &Json, part: &str) -> usize {
    result["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|warning| warning.as_str().unwrap().contains(part))
        .count()
}

pub(super) fn needs_attention(result: &Json, code: &str) -> bool {
    result["attention"].as_array().unwrap().iter().any(|attention| attention == code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_revises_a_running_subscription_is_left_out_whatever_its_prorated_price() {
    let world = World::new().await;
    world.sync(CONTRACT).await;
    let org = world.org.vendor();
    let revision = org.insert(
        "SBQQ__Subscription__c",
        &json!({
            "SBQQ__Account__c": "001S90000079UMBIA2", "SBQQ__Contract__c": CONTRACT, "SBQQ__Product__c": "01tS90000000003IAA",
            "SBQQ__Quantity__c": 5, "SBQQ__NetPrice__c": 10.0, "SBQQ__ChargeType__c": "Recurring", "SBQQ__StartDate__c": "2026-09-01",
            "SBQQ__EndDate__c": "2027-02-28", "CurrencyIsoCode": "USD", "SBQQ__RevisedSubscription__c": SUBSCRIPTION,
        }),
    );
    // The row's price, what it is for, and what the revised one's is for: whether the rates differ,
    // or cannot be told.
    for (price, multiplier, revised, differs, unknown) in [
        (json!(10), json!(null), json!(null), 0, 1),
        (json!(20), json!(null), json!(null), 0, 0),
        (json!(10), json!(0.5), json!(1), 0, 0),
        // Two decimals of the price and four of the multiplier explain as much.
        (json!(9.67), json!(0.4833), json!(1), 0, 0),
        (json!(10.05), json!(0.5), json!(1), 1, 0),
        (json!(20), json!(0.5), json!(1), 1, 0),
        (json!(10), json!(0.5), json!(null), 0, 1),
        (json!(null), json!(0.5), json!(1), 0, 1),
    ] {
        let row = json!({"SBQQ__NetPrice__c": price, "SBQQ__ProrateMultiplier__c": multiplier});
        org.update("SBQQ__Subscription__c", &revision, &row);
        org.update(
            "SBQQ__Subscription__c",
            SUBSCRIPTION,
            &json!({"SBQQ__ProrateMultiplier__c": revised}),
        );
        for result in [world.dry_run(CONTRACT).await, world.sync(CONTRACT).await] {
            assert_all(&result, "unchanged");
            let seen = (told(&result, DIFFERS), told(&result, UNKNOWN));
            assert_eq!(seen, (differs + unknown, unknown), "{row} {revised}: {result:#}");
            assert_eq!(told(&result, &revision), differs + unknown, "{result:#}");
        }
    }
    // What is terminated goes, and its row of a new price is one of its own.
    org.update(
        "SBQQ__Subscription__c",
        SUBSCRIPTION,
        &json!({"SBQQ__TerminatedDate__c": "2026-09-01"}),
    );
    org.update("SBQQ__Subscription__c", &revision, &json!({"SBQQ__NetPrice__c": 24}));
    let foreseen = world.dry_run(CONTRACT).await;
    // The new one is not sent before the other one has ended, however long that takes.
    world.fault("PUT", "/accountplans/*", FaultKind::Delay { ms: 300 });
    let result = world.sync(CONTRACT).await;
    for result in [foreseen, result] {
        assert_eq!(
            (&result["syncStatus"], told(&result, DIFFERS)),
            (&json!("Completed"), 0),
            "{result:#}"
        );
    }
    assert_eq!(
        world.object("accountplans", "code", &revision)["startDate"],
        "2026-09-01T00:00:00Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_left_out_for_another_reason_is_not_reported_as_a_price() {
    let world = World::new().await;
    let org = world.org.vendor();
    for fields in [json!({"SBQQ__Quantity__c": -5}), json!({"SBQQ__ChargeType__c": "One-Time"})] {
        let mut row = org.record("SBQQ__Subscription__c", SUBSCRIPTION).unwrap();
        row.remove("Id");
        row.extend([
            ("SBQQ__RevisedSubscription__c".to_owned(), json!(SUBSCRIPTION)),
            ("SBQQ__NetPrice__c".to_owned(), json!(1)),
        ]);
        row.extend(fields.as_object().unwrap().clone());
        org.insert("SBQQ__Subscription__c", &Json::Object(row));
    }
    let result = world.sync(CONTRACT).await;
    assert_eq!(
        (&result["syncStatus"], told(&result, DIFFERS)),
        (&json!("Completed"), 0),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_cpq_may_have_prorated_is_reported_wherever_it_is_used() {
    let world = World::new().await;
    let org = world.org.vendor();
    for (root, line, object) in
        [(ORDER, ORDER_LINE, "OrderItem"), (DEAL, LINE, "OpportunityLineItem")]
    {
        let without = world.dry_run(root).await;
        assert!(!needs_attention(&without, "PRICE_PRORATED"), "{without:#}");
        org.update(object, line, &json!({"SBQQ__QuoteLine__c": "a0LS90000079QL1MAM"}));
        let result = world.dry_run(root).await;
        assert!(needs_attention(&result, "PRICE_PRORATED"), "{result:#}");
        // A price of our own is nobody's share of another one.
        org.update(object, line, &json!({"M3ter_Unit_Price__c": 0.05}));
        let own = world.dry_run(root).await;
        assert!(!needs_attention(&own, "PRICE_PRORATED"), "{own:#}");
    }
    let result = world.sync(CONTRACT).await;
    assert!(needs_attention(&result, "PRICE_PRORATED"), "{result:#}");
}

/// A Salesforce Contract with the example Order under it.
pub(super) fn contract_of_the_order(world: &World) -> String {
    let contract = world.org.vendor().insert(
        "Contract",
        &json!({"AccountId": HOOLI, "Status": "Activated", "StartDate": "2026-02-01", "EndDate": "2027-01-31", "ContractTerm": 12, "CurrencyIsoCode": "USD"}),
    );
    world.org.vendor().update("Order", ORDER, &json!({"ContractId": contract}));
    contract
}

/// An Order that amends: five more of a product from a day on.
pub(super) fn amendment(
    world: &World,
    contract: &str,
    start: &str,
    product: u8,
    price: &Json,
) -> (String, String) {
    let org = world.org.vendor();
    let order = json!({
        "Name": "Amendment", "AccountId": HOOLI, "ContractId": contract, "Status": "Activated", "EffectiveDate": start,
        "EndDate": "2027-01-31", "CurrencyIsoCode": "USD",
    });
    let order = org.insert("Order", &order);
    let line = json!({
        "OrderId": order, "Product2Id": format!("01tS9000000000{product}IAA"), "PricebookEntryId": format!("01uS9000000000{product}IAA"),
        "Quantity": 5, "UnitPrice": price, "ServiceDate": start, "EndDate": "2027-01-31", "CurrencyIsoCode": "USD",
    });
    let line = org.insert("OrderItem", &line);
    (order, line)
}

pub(super) fn id(object: &Map<String, Json>) -> &str {
    object["id"].as_str().unwrap()
}

fn warns(result: &Json, name: &str, part: &str) -> bool {
    object_result(result, name)["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|warning| warning.as_str().unwrap().contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_order_joins_the_contract_of_the_first_order() {
    let mut world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let (order, line) = amendment(&world, &contract, "2026-06-01", 4, &json!(0.01));
    let foreseen = world.dry_run(&order).await;
    let result = world.sync(&order).await;
    for result in [&foreseen, &result] {
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert_eq!(object_result(result, "Contract")["action"], "unchanged", "{result:#}");
        assert!(
            warns(result, "Contract", &format!("{ORDER} has the same `Order.ContractId`")),
            "{result:#}"
        );
    }
    let first = world.object("contracts", "code", ORDER);
    assert_eq!(
        world
            .objects("contracts")
            .iter()
            .filter(|other| other["accountId"] == first["accountId"])
            .count(),
        1
    );
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], first["id"]);
    assert_eq!(
        world.org.vendor().record("Order", &order).unwrap()["M3ter_Contract_Id__c"],
        first["id"]
    );
    assert_fields!(first, { "startDate": "2026-02-01", "name": "Order 00000101" });
    // It stays there, also when the field changes, and asks Salesforce for nothing more.
    world.org.clear_requests();
    assert_all(&world.sync(&order).await, "unchanged");
    assert_eq!(
        world.org.requests().iter().filter(|request| request.path.ends_with("/query")).count(),
        1
    );
    world.org.vendor().update("Order", &order, &json!({"ContractId": null}));
    assert_all(&world.sync(&order).await, "unchanged");
    world.org.vendor().update("Order", &order, &json!({"ContractId": contract}));
    // A new database finds it again.
    world.lose_the_database().await;
    let again = world.sync(&order).await;
    assert_all(&again, "unchanged");
    assert!(warns(&again, "Contract", ORDER), "{again:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_order_joins_a_contract_that_has_ended_and_ends_with_it() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let order = json!({"parentRecordId": ORDER, "endDate": "2026-09-01", "billingEntities": ["CONTRACT", "ACCOUNTPLAN"]});
    assert_eq!(world.end_date("", &order).await["syncStatus"], "Completed");
    // One that begins before the end, and one that would begin after it.
    let (early, line) = amendment(&world, &contract, "2026-06-01", 4, &json!(0.01));
    let (late, beyond) = amendment(&world, &contract, "2026-10-01", 4, &json!(0.02));
    for result in [world.dry_run(&early).await, world.sync(&early).await] {
        assert_eq!(
            (&result["syncStatus"], needs_attention(&result, "ENDED")),
            (&json!("Completed"), true),
            "{result:#}"
        );
    }
    assert_eq!(world.object("accountplans", "code", &line)["endDate"], "2026-09-01T00:00:00Z");
    for result in [world.dry_run(&late).await, world.sync(&late).await] {
        let account_plan = object_result(&result, "AccountPlan");
        assert_eq!(account_plan["findingCode"], "OUTSIDE_CONTRACT_PERIOD", "{result:#}");
        assert!(
            account_plan["message"].as_str().unwrap().contains("was ended at 2026-09-01"),
            "{account_plan:#}"
        );
        assert_eq!(object_result(&result, "Contract")["action"], "unchanged", "{result:#}");
    }
    assert!(world.objects("accountplans").iter().all(|other| other["code"] != beyond.as_str()));
    world.organization.clear_requests();
    assert!(needs_attention(&world.sync(&early).await, "ENDED"));
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_beyond_the_term_of_the_first_has_its_own_contract_and_says_why() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    let (order, line) = amendment(&world, &contract, "2026-01-01", 4, &json!(0.01));
    // Before the first one: nothing to join yet.
    let early = world.dry_run(&order).await;
    assert!(warns(&early, "Contract", &format!("sync {ORDER} first")), "{early:#}");
    world.sync(ORDER).await;
    let first = world.object("contracts", "code", ORDER);
    for result in [world.dry_run(&order).await, world.sync(&order).await] {
        assert_eq!(
            (&result["syncStatus"], &object_result(&result, "Contract")["action"]),
            (&json!("Completed"), &json!("created")),
            "{result:#}"
        );
        for part in [id(&first), &order, ORDER, "from 2026-02-01 to 2027-02-01"] {
            assert!(warns(&result, "Contract", part), "{part}: {result:#}");
        }
    }
    let own = world.object("contracts", "code", &order);
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], own["id"]);
    // An Order that has a Contract keeps it, also when its period fits from now on.
    world.org.vendor().update("Order", &order, &json!({"EffectiveDate": "2026-06-01"}));
    world.org.vendor().update("OrderItem", &line, &json!({"ServiceDate": "2026-06-01"}));
    let later = world.sync(&order).await;
    assert_eq!(later["syncStatus"], "Completed", "{later:#}");
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], own["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salesforce_contract_that_is_synced_itself_goes_before_its_orders() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let of_itself = world.sync(&contract).await;
    assert_eq!(of_itself["syncStatus"], "Completed", "{of_itself:#}");
    let named = world.object("contracts", "code", &contract);
    let (order, line) = amendment(&world, &contract, "2026-06-01", 4, &json!(0.01));
    let result = world.sync(&order).await;
    assert!(
        warns(&result, "Contract", &format!("`Order.ContractId` names {contract}")),
        "{result:#}"
    );
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], named["id"]);
    // What was linked before stays.
    assert_all(&world.sync(ORDER).await, "unchanged");
    assert_eq!(
        world.object("accountplans", "code", ORDER_LINE)["contractId"],
        world.object("contracts", "code", ORDER)["id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_mapping_turns_joining_off_and_moves_nothing() {
    let mut world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let (joined, joined_line) = amendment(&world, &contract, "2026-06-01", 4, &json!(0.01));
    world.sync(&joined).await;
    let mappings = tempfile::tempdir().unwrap();
    let order_mapping = include_str!("../../../mappings/order.toml");
    let line = "joins_with = { field = \"ContractId\", optional = true }";
    assert!(order_mapping.contains(line));
    std::fs::write(
        mappings.path().join("order.toml"),
        order_mapping.replace(line, "joins_with = false"),
    )
    .unwrap();
    let directory = mappings.path().to_owned();
    world.reconfigure(move |config| config.mappings_dir = Some(directory.clone())).await;
    assert_all(&world.sync(&joined).await, "unchanged");
    let (order, line) = amendment(&world, &contract, "2026-07-01", 5, &json!(0.01));
    let result = world.sync(&order).await;
    assert_eq!(
        (&result["syncStatus"], &object_result(&result, "Contract")["action"]),
        (&json!("Completed"), &json!("created")),
        "{result:#}"
    );
    assert_eq!(
        world.object("accountplans", "code", &line)["contractId"],
        world.object("contracts", "code", &order)["id"]
    );
    assert_eq!(
        world.object("accountplans", "code", &joined_line)["contractId"],
        world.object("contracts", "code", ORDER)["id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_simultaneous_orders_of_one_contract_settle() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    let (order, line) = amendment(&world, &contract, "2026-06-01", 4, &json!(0.01));
    let (first, second) = tokio::join!(world.sync(ORDER), world.sync(&order));
    assert_eq!(
        (&first["syncStatus"], &second["syncStatus"]),
        (&json!("Completed"), &json!("Completed")),
        "{first:#} {second:#}"
    );
    let of_line = world.object("accountplans", "code", &line)["contractId"].clone();
    let has_joined = of_line == world.object("contracts", "code", ORDER)["id"];
    assert!(has_joined || warns(&second, "Contract", &format!("sync {ORDER} first")), "{second:#}");
    for order in [ORDER, &order] {
        assert_all(&world.sync(order).await, "unchanged");
    }
    assert_eq!(world.object("accountplans", "code", &line)["contractId"], of_line);
}

/// The results of a row.
pub(super) fn of_row(result: &Json, row: &str) -> Vec<(String, String, String)> {
    let text = |object: &Json, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let results = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["salesforceId"] == row);
    results
        .map(|object| {
            (text(object, "objectName"), text(object, "findingCode"), text(object, "message"))
        })
        .collect()
}
