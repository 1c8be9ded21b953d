//! What the configuration of m3ter's organization decides, and how often it is read.

use super::m3ter_state::{
    codes, configure, deal, line, repeats_unchanged, text,
    world_that_reads_the_organization_each_time,
};
use crate::support::*;
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};
use sync_to_m3ter_sandbox::m3ter::ORGANIZATION;

#[tokio::test(flavor = "multi_thread")]
async fn where_the_organization_allows_overlapping_plans_both_lines_of_a_product_are_billed() {
    let world = world_that_reads_the_organization_each_time().await;
    let both = deal(&world, "Two of one", "2026-01-01", "2026-12-31", &json!({}));
    let lines = [line(&world, &both, 1, 0.05), line(&world, &both, 1, 0.04)];
    let refused = world.dry_run(&both).await;
    assert_eq!(codes(&refused), ["PRODUCT_PERIODS_OVERLAP"; 3], "{refused:#}");
    assert!(
        text(object_result(&refused, "Contract"), "message").starts_with("Would be"),
        "{refused:#}"
    );
    // The switch counts without a restart.
    configure(&world, &json!({"allowOverlappingPlans": true}));
    let result = world.dry_run(&both).await;
    assert_eq!(
        (&result["syncStatus"], codes(&result)),
        (&json!("Completed"), Vec::new()),
        "{result:#}"
    );
    assert_eq!(world.sync(&both).await["syncStatus"], "Completed");
    for (line, price) in lines.iter().zip(["0.05", "0.04"]) {
        assert_eq!(
            world.object("pricings", "code", line)["pricingBands"][0]["unitPrice"].to_string(),
            price
        );
        assert_eq!(world.object("accountplans", "code", line)["startDate"], "2026-01-01T00:00:00Z");
    }
    repeats_unchanged(&world, &both).await;
    // A further deal of the product: only where m3ter would refuse it somebody is told so.
    let third = deal(&world, "One more", "2026-06-01", "2026-12-31", &json!({}));
    line(&world, &third, 1, 0.03);
    let is_foreseen = |result: &Json| codes(result).contains(&"ACCOUNT_PLAN_OVERLAP");
    let allowed = world.dry_run(&third).await;
    assert!(!is_foreseen(&allowed), "{allowed:#}");
    configure(&world, &json!({"allowOverlappingPlans": false}));
    let refused = world.dry_run(&third).await;
    assert!(is_foreseen(&refused), "{refused:#}");
    let refused = world.sync(&third).await;
    assert!(codes(&refused).contains(&"ACCOUNT_PLAN_OVERLAP"), "{refused:#}");
    configure(&world, &json!({"allowOverlappingPlans": true}));
    assert_eq!(world.sync(&third).await["syncStatus"], "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lines_of_a_product_the_billed_one_stays_whatever_their_order() {
    let world = World::new().await;
    let both = deal(&world, "Two of one", "2026-01-01", "2026-12-31", &json!({}));
    let lines = [line(&world, &both, 1, 0.05), line(&world, &both, 1, 0.04)];
    for (position, line) in lines.iter().enumerate() {
        world.org.vendor().update("OpportunityLineItem", line, &json!({"SortOrder": position}));
    }
    let first = world.sync(&both).await;
    assert_eq!(codes(&first), ["PRODUCT_PERIODS_OVERLAP"; 3], "{first:#}");
    assert!(
        first["objectResults"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|object| object["success"] == false)
            .all(|object| object["salesforceId"] == json!(lines[1]))
    );
    world.org.vendor().update("OpportunityLineItem", &lines[0], &json!({"SortOrder": 9}));
    world.organization.clear_requests();
    let swapped = world.sync(&both).await;
    assert_eq!(codes(&swapped), ["PRODUCT_PERIODS_OVERLAP"; 3], "{swapped:#}");
    let failed: Vec<_> = swapped["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["success"] == false)
        .collect();
    assert!(failed.iter().all(|object| object["salesforceId"] == json!(lines[1])), "{swapped:#}");
    assert!(
        text(failed[0], "message").ends_with("and m3ter bills the first one already"),
        "{swapped:#}"
    );
    assert!(world.m3ter_writes().is_empty(), "{:#?}", world.m3ter_writes());
}

fn reads_of_the_configuration(world: &World) -> usize {
    world
        .organization
        .requests()
        .iter()
        .filter(|request| request.method == "GET" && request.path == "/organizationconfig")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organization_is_read_once_a_minute_in_parallel_with_other_reads() {
    let world = World::new().await;
    for _ in 0..3 {
        tokio::join!(world.sync(DEAL), world.sync(SECOND_SAMPLE), world.sync(FIVE_LINES));
    }
    assert_eq!(reads_of_the_configuration(&world), 1);

    let world = world_that_reads_the_organization_each_time().await;
    world.sync(DEAL).await;
    world.organization.clear_requests();
    world.organization.set_latency(std::time::Duration::from_millis(300));
    assert_all(&world.sync(DEAL).await, "unchanged");
    let requests = world.organization.requests();
    let config = requests.iter().find(|request| request.path == "/organizationconfig").unwrap();
    for other in &requests {
        assert!(
            config.started_at < other.finished_at.unwrap()
                && other.started_at < config.finished_at.unwrap(),
            "{requests:#?}"
        );
    }
    world.organization.set_latency(std::time::Duration::ZERO);
    // The time zone is as fresh.
    configure(&world, &json!({"timezone": "America/New_York"}));
    world.sync(DEAL).await;
    assert_eq!(world.object("accountplans", "code", LINE)["startDate"], "2026-01-01T05:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_cannot_read_the_organization_guesses_nothing() {
    let world = world_that_reads_the_organization_each_time().await;
    let unread = Fault {
        method: "GET".to_owned(),
        path: "/organizationconfig".to_owned(),
        occurrence: 1,
        times: 100,
        contains: None,
        fault: FaultKind::Status { status: 503, retry_after: None, message: None },
    };
    world.organization.add_fault(unread);
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "errorCode": "M3TER_UNAVAILABLE", "retryable": true }, "{result:#}");
    assert!(text(&result, "message").contains("GetOrganizationConfig"), "{result:#}");
    assert!(world.m3ter_writes().is_empty());
    world.organization.clear_faults();
    assert_all(&world.sync(DEAL).await, "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulated_organization_counts_its_second_as_configured() {
    let world = World::new().await;
    let limits = |body: &'static str| {
        world.client().put(format!("{}/sandbox/limits", world.organization.base_url())).body(body)
    };
    for (body, status) in [
        (r#"{"requestsPerSecond":50,"counting":"calendar","offsetMs":250}"#, 200),
        (r#"{"requestsPerSecond":50,"counting":"sliding"}"#, 200),
        (r#"{"requestsPerSecond":0,"counting":"bucket"}"#, 200),
        (r#"{"requestsPerSecond":50,"counting":"bucket","offsetMs":250}"#, 400),
        (r#"{"requestsPerSecond":50,"counting":"moon"}"#, 400),
        (r#"{"requestsPerSecond":null}"#, 200),
    ] {
        let (answered, message) = world.send(limits(body)).await;
        assert_eq!(answered, status, "{body}: {message}");
    }
    for counting in ["sliding", "bucket", "calendar"] {
        let body = format!(r#"{{"requestsPerSecond":0,"counting":"{counting}"}}"#);
        world
            .send(
                world
                    .client()
                    .put(format!("{}/sandbox/limits", world.organization.base_url()))
                    .body(body),
            )
            .await;
        let refused = world.client().get(format!(
            "{}/organizations/{ORGANIZATION}/products",
            world.organization.base_url()
        ));
        let token = world
            .client()
            .post(format!("{}/oauth/token", world.organization.base_url()))
            .basic_auth("sandbox", Some("sandbox"));
        let (_, token) = world
            .send(
                token
                    .header("content-type", "application/json")
                    .body(r#"{"grant_type":"client_credentials"}"#),
            )
            .await;
        let token: Json = serde_json::from_str(&token).unwrap();
        assert_eq!(
            world.send(refused.bearer_auth(text(&token, "access_token"))).await.0,
            429,
            "{counting}"
        );
    }
}
