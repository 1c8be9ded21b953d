//! Lines of a product that is billed already.

use super::amendments::{
    ORDER, ORDER_LINE, amendment, contract_of_the_order, id, needs_attention, of_row, told,
};
use crate::support::*;
use crate::sync::m3ter_state::{configure, world_that_reads_the_organization_each_time};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_product_already_billed_at_the_same_price_is_left_out() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let running = world.object("accountplans", "code", ORDER_LINE);
    let (order, line) = amendment(&world, &contract, "2026-06-01", 1, &json!(0.04));
    for result in [world.dry_run(&order).await, world.sync(&order).await, world.sync(&order).await]
    {
        assert_all(&result, "unchanged");
        assert_eq!(actions(&result), ["Account unchanged", "Contract unchanged"], "{result:#}");
        assert!(needs_attention(&result, "RUNS_ALREADY"), "{result:#}");
        assert_eq!((told(&result, id(&running)), told(&result, &line)), (1, 1), "{result:#}");
    }
    assert!(world.objects("plans").iter().all(|plan| plan["code"] != json!(line)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_differs_from_what_is_billed_is_an_overlap_and_creates_nothing() {
    let world = World::new().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let running = world.object("accountplans", "code", ORDER_LINE);
    let (order, line) = amendment(&world, &contract, "2026-06-01", 1, &json!(0.04));
    world.org.vendor().update("Order", &order, &json!({"M3ter_Commitment_Amount__c": 100}));
    for (what, fields) in [
        ("another price", json!({"UnitPrice": 0.05})),
        (
            "bands",
            json!({"UnitPrice": 0.04, "M3ter_Price_Bands__c": "0 ; 0.04\n100 ; 0.03", "M3ter_Pricing_Type__c": "Tiered"}),
        ),
        (
            "a standing charge",
            json!({"M3ter_Price_Bands__c": null, "M3ter_Pricing_Type__c": null, "M3ter_Standing_Charge__c": 5}),
        ),
        ("a minimum spend", json!({"M3ter_Standing_Charge__c": null, "M3ter_Minimum_Spend__c": 5})),
    ] {
        world.org.vendor().update("OrderItem", &line, &fields);
        let (plans, pricings) = (world.objects("plans").len(), world.objects("pricings").len());
        let foreseen = world.dry_run(&order).await;
        let result = world.sync(&order).await;
        for (result, prefix) in [(&foreseen, "Would fail: "), (&result, "")] {
            assert_eq!(result["syncStatus"], "Partial Success", "{what}: {result:#}");
            let words = format!(
                "{prefix}AccountPlan would overlap with AccountPlan {} for the same product {}",
                id(&running),
                running["productId"].as_str().unwrap()
            );
            let expected = ("AccountPlan".to_owned(), "ACCOUNT_PLAN_OVERLAP".to_owned(), words);
            let results = of_row(result, &line);
            assert!(results.len() == 3 && results.contains(&expected), "{what}: {results:?}");
            assert!(
                results.iter().all(|(_, code, _)| code == "ACCOUNT_PLAN_OVERLAP"),
                "{what}: {results:?}"
            );
            let remedy = object_result(result, "AccountPlan")["remedy"].as_str().unwrap();
            assert!(
                remedy.contains(&format!("belongs to the Salesforce record {ORDER_LINE}")),
                "{what}: {remedy}"
            );
        }
        assert_eq!(
            (world.objects("plans").len(), world.objects("pricings").len()),
            (plans, pricings),
            "{what}"
        );
        // What is not of that AccountPlan alone is sent, and m3ter says what it says.
        let commitment = object_result(&result, "Commitment");
        assert!(
            commitment["message"]
                .as_str()
                .unwrap()
                .starts_with("Commitment would overlap with existing Commitment"),
            "{commitment}"
        );
    }
    // Nothing is in its way any more: what was refused is made.
    world.org.vendor().update("OrderItem", ORDER_LINE, &json!({"EndDate": "2026-05-31"}));
    world.sync(ORDER).await;
    let later = world.sync(&order).await;
    assert!(of_row(&later, &line).iter().all(|(_, code, _)| code.is_empty()), "{later:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_plan_of_another_period_or_contract_is_not_the_same() {
    let world = world_that_reads_the_organization_each_time().await;
    let contract = contract_of_the_order(&world);
    world.sync(ORDER).await;
    let (order, line) = amendment(&world, &contract, "2026-06-01", 1, &json!(0.04));
    // Under a Contract of its own.
    world.org.vendor().update("Order", &order, &json!({"ContractId": null}));
    let apart = world.dry_run(&order).await;
    assert_eq!(
        (of_row(&apart, &line).len(), needs_attention(&apart, "RUNS_ALREADY")),
        (3, false),
        "{apart:#}"
    );
    // Beyond the end of what runs.
    world.org.vendor().update("Order", &order, &json!({"ContractId": contract}));
    world.org.vendor().update("OrderItem", ORDER_LINE, &json!({"EndDate": "2026-12-31"}));
    world.sync(ORDER).await;
    let beyond = world.sync(&order).await;
    assert_eq!(
        (of_row(&beyond, &line).len(), needs_attention(&beyond, "RUNS_ALREADY")),
        (3, false),
        "{beyond:#}"
    );
    // Where m3ter runs several of a product at a time each is billed.
    configure(&world, &json!({"allowOverlappingPlans": true}));
    world.org.vendor().update("OrderItem", ORDER_LINE, &json!({"EndDate": null}));
    let billed = world.sync(&order).await;
    assert_eq!(
        (&billed["syncStatus"], of_row(&billed, &line).len()),
        (&json!("Completed"), 3),
        "{billed:#}"
    );
}
