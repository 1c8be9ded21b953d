//! A draft is not billed, what was billed is kept up to date in any status, and a deal without
//! lines says so.

use serde_json::{Value as Json, json};

use crate::support::*;

const ORDER: &str = "801S90000079ORDIA2";
const CONTRACT: &str = "800S90000079CONIA2";
const QUOTE: &str = "a0QS90000079QUOMA2";

fn is_told(result: &Json, words: &str) -> bool {
    result["warnings"].to_string().contains(words)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_of_a_draft_is_refused_and_a_dry_run_says_so() {
    for (sobject, id, status) in [
        ("Order", ORDER, "Draft"),
        ("Contract", CONTRACT, "Draft"),
        ("Contract", CONTRACT, "In Approval Process"),
    ] {
        let world = World::new().await;
        world.org.vendor().update(sobject, id, &json!({"Status": status}));
        let foretold = world.dry_run(id).await;
        assert!(
            foretold["syncStatus"] != "Failed" && is_told(&foretold, "would be refused"),
            "{foretold:#}"
        );
        assert_eq!(
            foretold["attention"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|code| *code == "NOT_READY")
                .count(),
            1
        );
        let refused = world.sync(id).await;
        assert_fields!(refused, {
            "syncStatus": "Failed",
            "errorCode": "RECORD_NOT_READY",
        }, "{refused:#}");
        assert!(
            refused["message"].as_str().unwrap().contains(&format!("`{sobject}.StatusCode` is")),
            "{refused:#}"
        );
        assert!(world.m3ter_writes().is_empty());
        world.org.vendor().update(sobject, id, &json!({"Status": "Activated"}));
        let result = world.sync(id).await;
        assert_eq!(
            (&result["syncStatus"], is_told(&result, "not activated")),
            (&json!("Completed"), false),
            "{result:#}"
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synced_record_is_kept_up_to_date_in_any_status() {
    for (sobject, id) in [("Order", ORDER), ("Contract", CONTRACT)] {
        let world = World::new().await;
        world.sync(id).await;
        world.org.vendor().update(
            sobject,
            id,
            &json!({"Status": "Draft", "M3ter_Commitment_Amount__c": 7000}),
        );
        for result in [world.dry_run(id).await, world.sync(id).await] {
            assert_eq!(
                (&result["syncStatus"], &object_result(&result, "Commitment")["action"]),
                (&json!("Completed"), &json!("updated"))
            );
            assert!(
                is_told(&result, "was synced before")
                    && result["attention"].to_string().contains("NOT_READY"),
                "{result:#}"
            );
        }
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_is_not_won_is_synced_with_a_warning() {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"StageName": "Prospecting"}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], is_told(&result, "not won")),
        (&json!("Completed"), true),
        "{result:#}"
    );
    world.org.vendor().update("Opportunity", DEAL, &json!({"StageName": "Closed Won"}));
    let result = world.sync(DEAL).await;
    assert!(
        !is_told(&result, "not won") && !result["attention"].to_string().contains("NOT_READY"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_lines_says_that_nothing_will_be_billed() {
    for (id, child, parent) in [
        (DEAL, "OpportunityLineItem", "OpportunityId"),
        (ORDER, "OrderItem", "OrderId"),
        (CONTRACT, "SBQQ__Subscription__c", "SBQQ__Contract__c"),
        (QUOTE, "SBQQ__QuoteLine__c", "SBQQ__Quote__c"),
    ] {
        let world = World::new().await;
        let lines = world.org.vendor().ids(child, parent, id);
        assert!(!lines.is_empty(), "{child}");
        for line in &lines {
            world.org.vendor().delete(child, line);
        }
        let result = world.sync(id).await;
        assert!(
            is_told(&result, "nothing will be billed")
                && result["attention"].to_string().contains("NO_LINES"),
            "{result:#}"
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_line_a_draft_is_synced_as_before() {
    let line = "ready_when = { field = \"IsWon\", is = true, otherwise = \"warn\", message = \"The Opportunity is not won\" }\n";
    let world = World::with_mapping(Some(&[(line, "")])).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"StageName": "Prospecting"}));
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Completed", "warnings": [] }, "{result:#}");
}

/// The way back that CHANGELOG names.
#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_without_readiness_syncs_a_draft_order_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let overlay = "extends = \"Order\"\nremove = [\"ready_when\"]\n";
    std::fs::write(directory.path().join("order.toml"), overlay).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    world.org.vendor().update("Order", ORDER, &json!({"Status": "Draft"}));
    for (result, action) in
        [(world.dry_run(ORDER).await, "created"), (world.sync(ORDER).await, "created")]
    {
        assert_all(&result, action);
        assert!(!result["attention"].to_string().contains("NOT_READY"), "{result:#}");
    }
}
