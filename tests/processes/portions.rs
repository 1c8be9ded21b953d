//! Records that one budget is not enough for: the run continues by itself, and whoever has it next
//! continues where it was.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::cluster::Cluster;
use crate::postgres;

const LINES: usize = 200;
/// Of some 640 that a new quote costs.
const CALLOUTS: &str = "250";

/// A quote with an account of its own and a line for each of many products, each with one price for
/// any number.
fn add_quote(cluster: &Cluster) -> String {
    let products: Vec<String> =
        (0..LINES).map(|number| cluster.add_product(&format!("PORTIONS_{number}"))).collect();
    let org = cluster.org.vendor();
    let account =
        org.insert("Account", &json!({"Name": "Large", "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": "billing@large.example"}));
    let quote = org.insert(
        "SBQQ__Quote__c",
        &json!({"Name": "Q-1", "SBQQ__Account__c": account, "SBQQ__Primary__c": true, "SBQQ__Type__c": "Quote",
            "SBQQ__StartDate__c": "2026-01-01", "SBQQ__EndDate__c": "2026-12-31", "CurrencyIsoCode": "USD"}),
    );
    for (number, product) in products.iter().enumerate() {
        let code = org.record("Product2", product).unwrap()["ProductCode"].clone();
        let line = org.insert(
            "SBQQ__QuoteLine__c",
            &json!({"Name": format!("QL-{number}"), "SBQQ__Quote__c": quote, "SBQQ__Product__c": product, "SBQQ__ProductCode__c": code,
                "SBQQ__ProductName__c": code, "SBQQ__Number__c": number, "SBQQ__NetPrice__c": 0.05, "CurrencyIsoCode": "USD"}),
        );
        let schedule = org.insert(
            "SBQQ__QuoteLineConsumptionSchedule__c",
            &json!({"Name": format!("QLCS-{number}"), "SBQQ__QuoteLine__c": line, "SBQQ__Type__c": "Slab"}),
        );
        org.insert(
            "SBQQ__QuoteLineConsumptionRate__c",
            &json!({"Name": format!("R-{number}"), "SBQQ__QuoteLineConsumptionSchedule__c": schedule, "SBQQ__LowerBound__c": 1,
                "SBQQ__UpperBound__c": null, "SBQQ__Price__c": 0.05, "SBQQ__PricingMethod__c": "PerUnit"}),
        );
    }
    quote
}

/// How many objects of each kind m3ter holds under codes, and whether a code is there twice.
fn held(cluster: &Cluster) -> BTreeMap<&'static str, (usize, usize)> {
    let of_kind = |kind: &'static str| {
        let objects = cluster.organization.vendor().objects(kind);
        let mut codes: Vec<String> =
            objects.iter().map(|object| object["code"].to_string()).collect();
        codes.sort_unstable();
        codes.dedup();
        (kind, (objects.len(), codes.len()))
    };
    ["accounts", "contracts", "plans", "pricings", "accountplans"].map(of_kind).into()
}

fn more(
    before: &BTreeMap<&'static str, (usize, usize)>,
    lines: usize,
) -> BTreeMap<&'static str, (usize, usize)> {
    let more = |kind| if matches!(kind, "accounts" | "contracts") { 1 } else { lines };
    before
        .iter()
        .map(|(kind, (objects, codes))| (*kind, (objects + more(*kind), codes + more(*kind))))
        .collect()
}

fn actions(run: &Json) -> BTreeMap<&str, usize> {
    let results = run["objectResults"].as_array().unwrap();
    results.iter().fold(BTreeMap::new(), |mut actions, result| {
        *actions.entry(result["action"].as_str().unwrap()).or_default() += 1;
        actions
    })
}

fn callouts(run: &Json) -> u64 {
    run["callouts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|callout| callout["attempts"].as_u64().unwrap())
        .sum()
}

/// The first answer about a quote that continues.
async fn first_answer(cluster: &Cluster, replica: &crate::cluster::Replica, quote: &str) -> Json {
    let (status, first) = cluster.post(replica, &format!("/sync-to-m3ter/{quote}")).await.unwrap();
    let told = ["syncStatus", "errorCode", "retryable"].map(|name| first[name].clone());
    assert_eq!(
        (status, told),
        (200, [json!("Failed"), json!("CALLOUT_LIMIT_EXCEEDED"), json!(true)]),
        "{first:#}"
    );
    let message = first["message"].as_str().unwrap();
    assert!(
        message.contains("did not end within 250 callouts; ")
            && message.ends_with("and the sync goes on"),
        "{message}"
    );
    assert!(first["counts"]["created"].as_u64().unwrap() > 100, "{}", first["counts"]);
    first
}

async fn is_worked_off(cluster: Cluster) {
    let replica = cluster.replica(&[("SYNC_CALLOUT_LIMIT", CALLOUTS)]).await;
    let quote = add_quote(&cluster);
    let before = held(&cluster);
    let first = first_answer(&cluster, &replica, &quote).await;
    let ended = cluster.ended(&replica, first["syncRunId"].as_str().unwrap()).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(0)),
        "{:#}",
        ended["result"]
    );
    assert_eq!(ended["tries"].as_array().unwrap().len(), 1);
    assert_eq!(
        actions(&ended),
        BTreeMap::from([("created", 2 + 3 * LINES)]),
        "what the first portion made stays made"
    );
    assert_eq!(held(&cluster), more(&before, LINES));
    // Three portions at least; what the earlier ones made must be found in each.
    assert!((600..2_000).contains(&callouts(&ended)), "{} callouts", callouts(&ended));
    let (_, again) = cluster.post(&replica, &format!("/sync-to-m3ter/{quote}")).await.unwrap();
    assert_eq!(again["counts"]["unchanged"], json!(2 + 3 * LINES), "{}", again["message"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_beyond_the_callout_limit_is_synced_in_portions() {
    is_worked_off(Cluster::on_sqlite().await).await;
    is_worked_off(Cluster::on(postgres::database().await.1).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_between_two_portions_loses_nothing() {
    let cluster = Cluster::on(postgres::database().await.1).await;
    let replica = cluster.replica(&[("SYNC_CALLOUT_LIMIT", CALLOUTS)]).await;
    let quote = add_quote(&cluster);
    let before = held(&cluster);
    let first = first_answer(&cluster, &replica, &quote).await;
    replica.kill();
    let replica = cluster.replica(&[("SYNC_CALLOUT_LIMIT", CALLOUTS)]).await;
    let ended = cluster.ended(&replica, first["syncRunId"].as_str().unwrap()).await;
    assert_eq!(
        (&ended["result"]["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(1)),
        "{:#}",
        ended["result"]
    );
    assert_eq!(ended["objectResults"].as_array().unwrap().len(), 2 + 3 * LINES);
    assert_eq!(held(&cluster), more(&before, LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_writes_nothing_within_a_whole_budget_ends() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[("SYNC_CALLOUT_LIMIT", "20")]).await;
    // A template that is new takes all pages of the list.
    let deal = cluster.add_deal();
    let m3ter = cluster.organization.vendor();
    let product =
        m3ter.request("POST", "/products", &json!({"name": "many", "code": "many"})).unwrap()["id"]
            .clone();
    for number in 0..2_000 {
        let template = json!({"name": "many", "code": format!("A_{number}"), "productId": product, "currency": "USD",
            "standingCharge": 0, "billFrequency": "MONTHLY"});
        m3ter.request("POST", "/plantemplates", &template).unwrap();
    }
    let (_, result) = cluster.post(&replica, &format!("/sync-to-m3ter/{deal}")).await.unwrap();
    assert_eq!(
        (&result["errorCode"], &result["retryable"]),
        (&json!("CALLOUT_LIMIT_EXCEEDED"), &json!(false)),
        "{result:#}"
    );
    assert!(!result["message"].as_str().unwrap().contains("goes on"), "{}", result["message"]);
    let ended = cluster.ended(&replica, result["syncRunId"].as_str().unwrap()).await;
    assert!((15..=20).contains(&callouts(&ended)), "one portion: {ended:#}");
}
