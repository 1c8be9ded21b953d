//! What somebody should look at although a sync is `Completed`.

use serde_json::json;
use sync_to_m3ter::command::report::report;
use sync_to_m3ter::domain::answer::SyncResult;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_sync_says_what_needs_attention() {
    let world = World::new().await;
    let created = world.sync(DEAL).await;
    assert_eq!(
        created["counts"],
        json!({"created": 6, "updated": 0, "unchanged": 0, "skipped": 0, "failed": 0}),
        "{created:#}"
    );
    world.org.vendor().delete("OpportunityLineItem", LINE);
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 0}));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let attention = result["attention"].as_array().unwrap();
    for code in ["COMMITMENT_LEFT", "LINE_REMOVED"] {
        assert!(attention.contains(&json!(code)), "{code}: {attention:?}");
    }
    assert!(attention.is_sorted_by_key(|code| code.as_str().unwrap().to_owned()), "{attention:?}");
    assert_eq!(result["counts"]["unchanged"], 2, "{result:#}");
    let run = world.get(&format!("/sync-runs/{}", result["syncRunId"].as_str().unwrap())).await.1;
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_fields!(run["result"], { "attention": result["attention"], "counts": result["counts"] });
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_by_what_needs_attention() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().delete("OpportunityLineItem", LINE);
    let removed = world.sync(DEAL).await;
    let calm = world.sync(FIVE_LINES).await;
    assert_eq!(
        (&removed["syncStatus"], &calm["attention"]),
        (&json!("Completed"), &json!([])),
        "{removed:#}"
    );
    let list = |query: &str| {
        let path = format!("/sync-runs?attention={query}");
        let world = &world;
        async move {
            let page: serde_json::Value = serde_json::from_str(&world.get(&path).await.1).unwrap();
            let runs = page["syncRuns"].as_array().unwrap().clone();
            runs.into_iter()
                .map(|run| (run["syncRunId"].clone(), run["attention"].clone()))
                .collect::<Vec<_>>()
        }
    };
    let expected = vec![(removed["syncRunId"].clone(), removed["attention"].clone())];
    assert_eq!((list("any").await, list("LINE_REMOVED").await), (expected.clone(), expected));
    assert!(list("COMMITMENT_LEFT").await.is_empty());
    let (status, body) = world.get("/sync-runs?attention=LINES").await;
    assert!(
        status == 400 && body.contains("INVALID_PARAMETER") && body.contains("`any`"),
        "{body}"
    );

    let shown = report(&serde_json::from_value::<SyncResult>(removed.clone()).unwrap());
    assert!(shown.contains("unchanged."), "{shown}");
}

#[test]
fn a_report_ends_with_the_counts_and_what_needs_attention() {
    let result = json!({
        "success": true, "syncStatus": "Completed", "message": "Sync process completed successfully", "dryRun": false, "objectResults": [{
            "objectName": "Account", "success": true, "message": "m3ter Identifier: 1", "salesforceId": "001S900000RzsIUIAZ", "action": "created",
            "warnings": [],
        }],
        "concatenatedResults": "", "warnings": [], "attention": ["COMMITMENT_LEFT", "LINE_REMOVED"],
        "counts": {"created": 1, "updated": 0, "unchanged": 2, "skipped": 0, "failed": 0},
    });
    let shown = report(&serde_json::from_value::<SyncResult>(result).unwrap());
    let end: Vec<&str> = shown.lines().rev().take(3).collect();
    insta::assert_snapshot!(end.join("\n"), @r"
    To look at: COMMITMENT_LEFT, LINE_REMOVED.
    Objects: 1 created, 2 unchanged.
    Completed: Sync process completed successfully
    ");
}
