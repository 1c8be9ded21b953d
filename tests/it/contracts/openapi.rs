//! The published document, held against what the service answers.

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::http::runs::run_in_state;
use crate::support::document::document;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_declared_property_is_answered() {
    let world = World::new().await;
    world.dry_run(DEAL).await;
    world.sync(DEAL).await;
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &serde_json::json!({"M3ter_Commitment_Amount__c": 5}),
    );
    world.dry_run(DEAL).await;
    world.sync(SECOND_SAMPLE).await;
    world.sync(DELETED).await;
    let status = FaultKind::Status { status: 500, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("GET", "/accounts", status).times(100));
    world.sync(FIVE_LINES).await;
    world.organization.clear_faults();
    world
        .post(
            &format!("/sync-to-m3ter/{FIVE_LINES}?dryRun=true&salesforceUserId=005S90000000001"),
            "",
        )
        .await;
    world.get("/sync-runs?limit=1").await;
    let (_, page) = world.get("/sync-runs?syncStatus=Failed&limit=1").await;
    let page: Json = serde_json::from_str(&page).unwrap();
    let failed = page["syncRuns"][0]["syncRunId"].as_str().unwrap();
    world.post("/sync-runs/replay", r#"{"errorCode": "M3TER_UNAVAILABLE"}"#).await;
    let (status, accepted) = world.post(&format!("/sync-runs/{failed}/replay"), "").await;
    assert_eq!(status, 202);
    world.get(&format!("/sync-runs/{}", accepted["syncRunId"].as_str().unwrap())).await;
    world.get(&format!("/sync-runs/{failed}")).await;
    let (status, replays) =
        world.post("/sync-runs/replay", r#"{"errorCode": "RECORD_DELETED"}"#).await;
    assert_eq!((status, &replays["replayed"]), (202, &serde_json::json!(1)));
    world.post("/sync-to-m3ter", "x").await;
    world.post("/pause", r#"{"reason": "a test"}"#).await;
    world.post("/resume", r#"{"reason": "it is over"}"#).await;
    world.get("/pauses").await;
    world.get("/readyz").await;
    let records = serde_json::json!({ "recordIds": [DEAL, DELETED, FIVE_LINES] }).to_string();
    let (_, begun) = world.post("/verifications", &records).await;
    let verification = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
    world.until(&verification, "completed").await;
    world.get(&format!("{verification}/records?limit=1")).await;
    world.get(&format!("{verification}/records")).await;
    let (_, begun) = world.post("/verifications", &records).await;
    let verification = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
    world.post(&format!("{verification}/cancel"), "").await;
    world.post(&format!("{verification}/resume"), "").await;
    world.until(&verification, "completed").await;
    world.get("/verifications?limit=1").await;
    let order = |record: &str| {
        serde_json::json!([{"parentRecordId": record, "endDate": "2026-07-01", "billingEntities": ["CONTRACT"]}]).to_string()
    };
    world.post("/end-date-billing-entities", &order(WITHOUT_TEMPLATE)).await;
    world
        .post(
            "/sync-runs/replay?dryRun=true",
            r#"{"errorCode": "RECORD_NOT_SYNCED", "kind": "endDate"}"#,
        )
        .await;
    // Without keys, who asks has a name too.
    world.post("/end-date-billing-entities", &order(SECOND_SAMPLE)).await;
    world.post(&format!("/reopen-billing-entities/{SECOND_SAMPLE}"), "").await;
    let row = serde_json::json!({ "salesforceId": ACCOUNT }).to_string();
    world.get(&format!("/links?parentRecordId={ACCOUNT}")).await;
    world.post("/links/forget?dryRun=true", &row).await;
    world.post("/links/forget", &row).await;
    let links = serde_json::json!({ "parentRecordId": DEAL, "links": [
        { "objectName": "Contract", "m3terId": world.object("contracts", "code", DEAL)["id"] },
    ]});
    world.post("/links/check", &links.to_string()).await;
    let erased = serde_json::json!({ "parentRecordId": FIVE_LINES, "confirm": FIVE_LINES });
    world.post("/changes/erase", &erased.to_string()).await;
    // A change of a value that was there, and one that a Salesforce user asked for.
    let (_, synced) =
        world.post(&format!("/sync-to-m3ter/{DEAL}?salesforceUserId=005S90000000001"), "").await;
    world.get(&format!("/sync-runs/{}", synced["syncRunId"].as_str().unwrap())).await;
    world.get("/changes?limit=1").await;
    world.get("/changes?field=amount").await;
    // What cannot come right by a sync, so that records are left, and a page of them.
    let failing = serde_json::json!({ "recordIds": [DELETED, WITHOUT_TEMPLATE] }).to_string();
    let (_, begun) = world.post("/verifications", &failing).await;
    let verification = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
    world.until(&verification, "completed").await;
    let all = r#"{"statuses": ["missing", "failed", "partial", "differs", "gone"]}"#;
    let backfill = format!("{verification}/backfill");
    world.post(&format!("{backfill}?dryRun=true"), all).await;
    let (status, planned) = world.post(&backfill, all).await;
    assert_eq!((status, &planned["planned"]), (202, &serde_json::json!(2)), "{planned:#}");
    while !world.get(&backfill).await.1.contains(r#""planned":0,"running":0"#) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.get(&format!("{backfill}?limit=1")).await;
    world.post(&format!("{backfill}/cancel"), "").await;
    // One that is running.
    world.fault("GET", "/accounts", FaultKind::Delay { ms: 60_000 });
    let (_, begun) = world.post(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=0"), "").await;
    run_in_state(&world, &begun["syncRunId"], "running").await;
    let seen = world.seen();
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        let is_request = name.ends_with("Request");
        for property in schema["properties"].as_object().unwrap().keys().filter(|_| !is_request) {
            let name = format!("{name}.{property}");
            // A moment's answer.
            let not_answered = ["Fault.retryAfterSeconds", "Verification.secondsLeft"];
            assert!(
                seen.contains(&name) || not_answered.contains(&name.as_str()),
                "no answer had {name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_declared_operation_is_served_and_the_document_too() {
    let world = World::new().await;
    let document = document();
    let result = world.sync(DELETED).await;
    let run = result["syncRunId"].as_str().unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{parentRecordId}", "abc").replace("{syncRunId}", run);
        for method in operations.as_object().unwrap().keys() {
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = world
                .client()
                .request(method.clone(), world.url(&path))
                .header("content-type", "application/json");
            let (status, body) = world.send(request).await;
            assert!(status != 405 && !body.contains("\"NOT_FOUND\""), "{path}: {status} {body}");
            let (status, body) = world.send(world.client().delete(world.url(&path))).await;
            assert!(
                status == 405 && body.contains("send ") && body.contains(method.as_str()),
                "{path}: {status} {body}"
            );
        }
    }
    let (status, served) = world.get("/openapi.yaml").await;
    assert_eq!((status, served.as_str()), (200, include_str!("../../../openapi.yaml")));
}

/// Generators of clients read the body of a proxy's 502 as the answer that `default` promises.
#[test]
fn each_operation_lists_the_statuses_of_its_faults() {
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let statuses: Vec<&str> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            assert!(!statuses.contains(&"502"), "{method} {path}: a proxy's");
            for status in
                ["400", "401", "403", "404", "405", "408", "413", "415", "429", "500", "503"]
            {
                assert!(statuses.contains(&status), "{method} {path} lacks {status}");
            }
            let is_status = |status: &&str| status.parse::<u16>().is_ok();
            assert!(statuses.iter().all(is_status), "{method} {path}: {statuses:?}");
        }
    }
}

/// Some generators know one success for each operation, and give a 202 the type of the 200.
#[test]
fn each_operation_has_one_success() {
    let published: Json = serde_yaml_ng::from_str(include_str!("../../../openapi.yaml")).unwrap();
    for (path, operations) in published["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let mut bodies: Vec<&Json> = responses
                .iter()
                .filter(|(status, _)| status.starts_with('2'))
                .map(|(_, response)| &response["content"]["application/json"]["schema"])
                .collect();
            // A replay is shown and begun with the same body.
            bodies.dedup();
            assert_eq!(bodies.len(), 1, "{method} {path}");
        }
    }
}

#[test]
fn external_services_can_read_the_document() {
    let document = document();
    assert_eq!(document["openapi"], "3.0.3");
    let text = include_str!("../../../openapi.yaml");
    for forbidden in
        ["oneOf", "anyOf", "not:", "nullable", "additionalProperties", "problem+json", "enum:"]
    {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, value) in schema["properties"].as_object().unwrap() {
            let is_plain = property.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !matches!(property.as_str(), "type" | "limit" | "order" | "number" | "date");
            assert!(is_plain, "{name}.{property}");
            let is_named = value["type"] != "object" && value["items"]["type"] != "object";
            assert!(is_named, "{name}.{property} is an object without a name");
        }
    }
}
