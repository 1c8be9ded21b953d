//! The published document, held against what the service answers.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

fn document() -> Json {
    serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).unwrap()
}

/// Fails if `value` has a property that the schema does not declare, lacks a required one, or has another type.
fn check(document: &Json, schema: &Json, value: &Json, place: &str, seen: &mut BTreeSet<String>) {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.rsplit('/').next()) {
        return check(document, &document["components"]["schemas"][name], value, name, seen);
    }
    match schema["type"].as_str().unwrap() {
        "array" => {
            for item in value.as_array().unwrap_or_else(|| panic!("{place} is no list: {value}")) {
                check(document, &schema["items"], item, place, seen);
            }
        }
        "object" => {
            let object = value.as_object().unwrap_or_else(|| panic!("{place} is no object: {value}"));
            for (name, value) in object {
                let property = schema["properties"].get(name).unwrap_or_else(|| panic!("{place}.{name} is not declared"));
                seen.insert(format!("{place}.{name}"));
                check(document, property, value, &format!("{place}.{name}"), seen);
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(name.as_str().unwrap()), "{place} lacks {name}");
            }
        }
        "string" => assert!(value.is_string(), "{place}: {value}"),
        "boolean" => assert!(value.is_boolean(), "{place}: {value}"),
        "integer" => assert!(value.is_i64(), "{place}: {value}"),
        other => panic!("{place} has the type {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_declared_and_every_declared_property_is_answered() {
    let world = World::new().await;
    let document = document();
    let mut seen = BTreeSet::new();
    let result = |value: &Json, seen: &mut BTreeSet<String>| {
        check(&document, &serde_json::json!({"$ref": "#/components/schemas/SyncResult"}), value, "", seen);
    };
    result(&world.dry_run(DEAL).await, &mut seen);
    result(&world.sync(DEAL).await, &mut seen);
    world.org.vendor().update("Opportunity", DEAL, &serde_json::json!({"M3ter_Commitment_Amount__c": 5}));
    result(&world.dry_run(DEAL).await, &mut seen);
    result(&world.sync(SECOND_SAMPLE).await, &mut seen);
    result(&world.sync(DELETED).await, &mut seen);
    let status = FaultKind::Status { status: 500, retry_after: None, message: None };
    world.organization.add_fault(Fault {
        method: "GET".to_owned(),
        path: "/accounts".to_owned(),
        occurrence: 1,
        times: 100,
        fault: status,
    });
    result(&world.sync(FIVE_LINES).await, &mut seen);
    world.organization.clear_faults();
    let ask = async |path: &str, name: &str, seen: &mut BTreeSet<String>| {
        let (_, answer) = world.get(path).await;
        let answer: Json = serde_json::from_str(&answer).unwrap();
        check(&document, &serde_json::json!({"$ref": format!("#/components/schemas/{name}")}), &answer, "", seen);
        answer
    };
    let page = ask("/sync-runs?limit=1", "SyncRunPage", &mut seen).await;
    let failed = page["syncRuns"][0]["syncRunId"].as_str().unwrap();
    let (status, accepted) = world.post(&format!("/sync-runs/{failed}/replay"), "").await;
    assert_eq!(status, 202);
    check(&document, &serde_json::json!({"$ref": "#/components/schemas/AcceptedRun"}), &accepted, "", &mut seen);
    ask(&format!("/sync-runs/{}", accepted["syncRunId"].as_str().unwrap()), "SyncRun", &mut seen).await;
    ask(&format!("/sync-runs/{failed}"), "SyncRun", &mut seen).await;
    let (status, replays) = world.post("/sync-runs/replay", r#"{"errorCode": "RECORD_DELETED"}"#).await;
    assert_eq!((status, &replays["replayed"]), (202, &serde_json::json!(1)));
    check(&document, &serde_json::json!({"$ref": "#/components/schemas/ReplayAnswer"}), &replays, "", &mut seen);
    let (_, fault) = world.post("/sync-to-m3ter", "x").await;
    check(&document, &serde_json::json!({"$ref": "#/components/schemas/Fault"}), &fault, "", &mut seen);
    let (_, health) = world.get("/readyz").await;
    check(&document, &serde_json::json!({"$ref": "#/components/schemas/Health"}), &serde_json::from_str(&health).unwrap(), "", &mut seen);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let is_request = name.ends_with("Request");
        for property in schema["properties"].as_object().unwrap().keys().filter(|_| !is_request) {
            let name = format!("{name}.{property}");
            let not_answered = ["Fault.retryAfterSeconds"];
            assert!(seen.contains(&name) || not_answered.contains(&name.as_str()), "no answer had {name}");
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
            let request = world.client().request(method, world.url(&path)).header("content-type", "application/json");
            let (status, body) = world.send(request).await;
            assert!(!matches!(status, 404 | 405), "{path}: {status} {body}");
        }
    }
    let (status, served) = world.get("/openapi.yaml").await;
    assert_eq!((status, served.as_str()), (200, include_str!("../../openapi.yaml")));
}

#[test]
fn the_document_is_one_that_external_services_read() {
    let document = document();
    assert_eq!(document["openapi"], "3.0.3");
    let text = include_str!("../../openapi.yaml");
    for forbidden in ["oneOf", "anyOf", "not:", "nullable", "additionalProperties", "problem+json", "enum:"] {
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
