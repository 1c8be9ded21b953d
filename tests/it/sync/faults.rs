//! What goes wrong on the way: for each callout each kind of fault, and afterwards each object
//! exists once.

use serde_json::{Value as Json, json};
use std::time::Duration;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

/// The callouts of a new deal's sync: to m3ter, and to Salesforce.
const M3TER_CALLOUTS: [(&str, &str); 9] = [
    ("GET", "/accounts"),
    ("GET", "/contracts"),
    ("GET", "/aggregations"),
    ("POST", "/accounts"),
    ("POST", "/contracts"),
    ("POST", "/commitments"),
    ("POST", "/plans"),
    ("POST", "/pricings"),
    ("POST", "/accountplans"),
];
const SALESFORCE_CALLOUTS: [(&str, &str); 2] =
    [("GET", "/query"), ("PATCH", "/composite/sobjects")];

fn kinds() -> Vec<FaultKind> {
    vec![
        FaultKind::Status { status: 500, retry_after: None, message: None },
        FaultKind::Status { status: 503, retry_after: Some(1), message: None },
        FaultKind::Status { status: 429, retry_after: Some(1), message: None },
        FaultKind::Status {
            status: 400,
            retry_after: None,
            message: Some("refused for the sake of a test".to_owned()),
        },
        FaultKind::Status { status: 403, retry_after: None, message: None },
        FaultKind::Delay { ms: 50 },
        FaultKind::DropBeforeEffect,
        FaultKind::DropAfterEffect,
        FaultKind::Html,
        FaultKind::Truncated,
    ]
}

/// Syncs a deal with one fault in the way, then without it.
async fn survives(
    vendor: &'static str,
    method: &'static str,
    path: &'static str,
    kind: FaultKind,
    list_lag: Duration,
) {
    let world = World::new().await;
    let case = format!("{vendor} {method} {path} {kind:?} with lists {list_lag:?} behind");
    world.organization.set_list_lag(list_lag);
    let fault = Fault::new(method, path, kind);
    if vendor == "m3ter" {
        world.organization.add_fault(fault);
    } else {
        world.org.add_fault(fault);
    }
    let first = world.sync(DEAL).await;
    assert!(
        ["Completed", "Partial Success", "Failed"].contains(&first["syncStatus"].as_str().unwrap()),
        "{case}: {first:#}"
    );
    let met = |requests: Vec<sync_to_m3ter_sandbox::control::LoggedRequest>| {
        requests.iter().any(|request| request.fault.is_some())
    };
    assert!(
        met(world.organization.requests()) || met(world.org.requests()),
        "{case}: no request met the fault"
    );
    world.organization.clear_faults();
    world.org.clear_faults();
    world.organization.set_list_lag(Duration::ZERO);
    let second = world.sync(DEAL).await;
    assert_eq!(second["syncStatus"], "Completed", "{case}: {first:#} {second:#}");
    let account = world.object("accounts", "code", ACCOUNT);
    for objects in KINDS {
        let own = world.objects(objects).into_iter().filter(|object| {
            object["id"] == account["id"]
                || object.get("accountId") == Some(&account["id"])
                || object.get("code").and_then(Json::as_str) == Some(LINE)
        });
        assert_eq!(own.count(), 1, "{case}: {objects}");
    }
    assert_all(&world.sync(DEAL).await, "unchanged");
}

/// Many cases side by side: most of them wait.
async fn survive_all(
    vendor: &'static str,
    callouts: &[(&'static str, &'static str)],
    list_lag: Duration,
) {
    let cases: Vec<_> = callouts
        .iter()
        .flat_map(|callout| kinds().into_iter().map(move |kind| (*callout, kind)))
        .collect();
    let mut running = tokio::task::JoinSet::new();
    for ((method, path), kind) in cases {
        running.spawn(survives(vendor, method, path, kind, list_lag));
        if running.len() >= 16 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(outcome) = running.join_next().await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_m3ter_callout_leaves_each_object_once() {
    survive_all("m3ter", &M3TER_CALLOUTS, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_m3ter_callout_leaves_each_object_once_while_lists_lag() {
    survive_all("m3ter", &M3TER_CALLOUTS, Duration::from_hours(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_salesforce_callout_leaves_each_object_once() {
    survive_all("Salesforce", &SALESFORCE_CALLOUTS, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_update_is_settled() {
    for kind in kinds() {
        let world = World::new().await;
        world.sync(DEAL).await;
        world.org.vendor().update("Account", ACCOUNT, &json!({"Name": "Acme Incorporated"}));
        world.fault("PUT", "/accounts/*", kind.clone());
        let first = world.sync(DEAL).await;
        let second = world.sync(DEAL).await;
        assert_eq!(second["syncStatus"], "Completed", "{kind:?}: {first:#}");
        assert_eq!(
            world.object("accounts", "code", ACCOUNT)["name"],
            "Acme Incorporated",
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_does_not_create_a_second_commitment() {
    let world = World::new().await;
    world.fault("POST", "/commitments", FaultKind::DropAfterEffect);
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    let posts =
        world.m3ter_writes().into_iter().filter(|request| request.path == "/commitments").count();
    assert_eq!(posts, 1, "a commitment is never sent twice in one run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_that_never_arrived_is_sent_by_the_next_run() {
    let world = World::new().await;
    world.fault("POST", "/commitments", FaultKind::DropBeforeEffect);
    let result = world.sync(DEAL).await;
    assert_fields!(result, {
        "syncStatus": "Failed",
        "errorCode": "M3TER_UNAVAILABLE",
        "retryable": true,
    });
    let message = result["message"].as_str().unwrap();
    assert!(
        message.contains("PostCommitment") && message.contains("it is safe to sync again"),
        "{message}"
    );
    assert_eq!(
        object_result(&result, "AccountPlan")["action"],
        "created",
        "what does not need it went on"
    );
    assert_eq!(object_result(&world.sync(DEAL).await, "Commitment")["action"], "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_whose_answer_was_lost_is_recognised_although_the_deal_changed_since() {
    let world = World::new().await;
    world.organization.set_list_lag(Duration::from_hours(1));
    world.fault("POST", "/commitments", FaultKind::DropAfterEffect);
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Failed");
    world.organization.set_list_lag(Duration::ZERO);
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 15000}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], &object_result(&result, "Commitment")["action"]),
        (&json!("Completed"), &json!("updated")),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_tokens_of_either_side_are_renewed_once() {
    let world = World::new().await;
    for url in [world.org.base_url(), world.organization.base_url()] {
        assert_eq!(world.send(world.client().delete(format!("{url}/sandbox/tokens"))).await.0, 200);
    }
    assert_all(&world.sync(DEAL).await, "created");
    let logins = |requests: Vec<sync_to_m3ter_sandbox::control::LoggedRequest>| {
        requests.iter().filter(|request| request.path.ends_with("/token")).count()
    };
    assert_eq!((logins(world.org.requests()), logins(world.organization.requests())), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_down_is_a_failed_result_with_the_cause() {
    for (vendor, path, code) in [
        ("Salesforce", "/query", "SALESFORCE_UNAVAILABLE"),
        ("m3ter", "/accounts", "M3TER_UNAVAILABLE"),
    ] {
        let world = World::new().await;
        let fault = Fault::new("GET", path, FaultKind::Html).times(100);
        if vendor == "m3ter" {
            world.organization.add_fault(fault);
        } else {
            world.org.add_fault(fault);
        }
        let result = world.sync(DEAL).await;
        assert_fields!(result, {
            "syncStatus": "Failed",
            "errorCode": code,
            "retryable": true,
        }, "{result:#}");
        let message = result["message"].as_str().unwrap();
        assert!(
            message.contains(vendor)
                && message.contains("tried 4 times")
                && message.contains("an HTML page"),
            "{message}"
        );
        assert!(world.m3ter_writes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_hangs_ends_with_the_time_limit() {
    let mut world = World::new().await;
    world.restart(2).await;
    let hang = Fault::new("POST", "/contracts", FaultKind::Hang).times(100);
    world.organization.add_fault(hang);
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Failed", "retryable": true }, "{result:#}");
    assert_eq!(
        object_result(&result, "Plan")["action"],
        "created",
        "what does not need it went on"
    );
    world.organization.clear_faults();
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_back_is_a_warning() {
    let world = World::new().await;
    world.org.vendor().rules(&json!({"lockedRecords": [DEAL]})).unwrap();
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    let warnings = object_result(&result, "Contract")["warnings"].to_string();
    assert!(
        warnings.contains("M3ter_Contract_Id__c") && warnings.contains("ENTITY_IS_LOCKED"),
        "{warnings}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn m3ter_s_own_limit_is_waited_for() {
    let world = World::new().await;
    world.organization.set_requests_per_second(Some(5));
    assert_all(&world.sync(DEAL).await, "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_waiting_gets_the_run_and_the_sync_goes_on() {
    let world = World::new().await;
    world.fault("POST", "/plans", FaultKind::Delay { ms: 1_500 });
    let (_, results) = world
        .post("/sync-to-m3ter?waitSeconds=1", &json!([{"parentRecordId": DEAL}]).to_string())
        .await;
    let result = &results[0];
    assert_fields!(result, { "errorCode": "TIME_LIMIT_EXCEEDED", "retryable": true });
    assert!(
        result["message"].as_str().unwrap().ends_with("the sync goes on")
            && result["syncRunId"].is_string()
    );
    // The next sync of the record waits for its turn and finds everything there.
    assert_all(&world.sync(DEAL).await, "unchanged");
}
