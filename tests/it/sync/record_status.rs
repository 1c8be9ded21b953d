//! What a record says of its own last sync: written with the ids, by whatever run, only where it
//! changes, and never in the way of anything.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::http::runs::{outage, run_in_state};
use crate::support::*;

const STATUS: &str = "M3ter_Sync_Status__c";
const MESSAGE: &str = "M3ter_Sync_Message__c";
const SYNCED_AT: &str = "M3ter_Synced_At__c";
/// What an earlier sync is made to have left in the time.
const EARLIER: &str = "2026-01-01T00:00:00.000+0000";

/// What the record says, with `null` for what it does not.
fn told(world: &World, sobject: &str, id: &str) -> [Json; 3] {
    let record = world.org.vendor().record(sobject, id).unwrap();
    [STATUS, MESSAGE, SYNCED_AT].map(|field| record.get(field).cloned().unwrap_or_default())
}

/// The status and the first line of the message.
fn outcome(world: &World) -> (String, String) {
    let [status, message, _] = told(world, "Opportunity", DEAL);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    (text(&status), text(&message).lines().next().unwrap_or_default().to_owned())
}

/// The fields of one record in all write-backs since the log was cleared.
fn written(world: &World, id: &str) -> Vec<Map<String, Json>> {
    let patches = world.org.requests().into_iter().filter(|request| request.method == "PATCH");
    let records =
        patches.flat_map(|patch| patch.body["records"].as_array().cloned().unwrap_or_default());
    records
        .filter(|record| record["id"] == id)
        .filter_map(|record| record.as_object().cloned())
        .collect()
}

fn write_backs(world: &World) -> usize {
    world.org.requests().iter().filter(|request| request.method == "PATCH").count()
}

/// Syncs as a Flow does that runs on every edit of the record, until nothing edits it any more; how
/// often that was.
async fn flow_on_every_edit(world: &World, id: &str) -> usize {
    for syncs in 1..10 {
        world.org.clear_requests();
        world.sync(id).await;
        if written(world, id).is_empty() {
            return syncs;
        }
    }
    panic!("the Flow never comes to rest");
}

fn rules(world: &World, rules: &Json) {
    world.org.vendor().rules(rules).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_how_its_sync_ended_in_the_call_that_writes_the_ids() {
    let world = World::new().await;
    world.dry_run(DEAL).await;
    assert_eq!(told(&world, "Opportunity", DEAL), [Json::Null, Json::Null, Json::Null]);
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!((&result["statusWritten"], write_backs(&world)), (&json!(true), 1), "{result:#}");
    let [status, message, synced_at] = told(&world, "Opportunity", DEAL);
    assert_eq!(status, "Completed");
    assert!(message.as_str().unwrap().starts_with("Completed"), "{message}");
    assert!(synced_at.is_string());

    // The same again: nothing is written. A later change in m3ter moves the time.
    world.org.vendor().update("Opportunity", DEAL, &json!({ SYNCED_AT: EARLIER }));
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!((&result["statusWritten"], write_backs(&world)), (&json!(true), 0), "{result:#}");
    world.org.vendor().update("Opportunity", DEAL, &json!({ "Name": "Another name" }));
    world.sync(DEAL).await;
    assert_eq!((outcome(&world).0.as_str(), write_backs(&world)), ("Completed", 1));
    assert_ne!(told(&world, "Opportunity", DEAL)[2], EARLIER);

    // A dry run writes nothing, however much it finds; its answer says so.
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({ "End_Date__c": null, STATUS: "Failed" }),
    );
    world.org.clear_requests();
    let result = world.dry_run(DEAL).await;
    assert_eq!((&result["statusWritten"], write_backs(&world)), (&json!(false), 0), "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_names_what_blocks_it_and_clears_once_it_is_fixed() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let org = world.org.vendor();
    org.update("Opportunity", DEAL, &json!({ "End_Date__c": "2025-12-31", SYNCED_AT: EARLIER }));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Partial Success", "{result:#}");
    let [status, message, synced_at] = told(&world, "Opportunity", DEAL);
    let message = message.as_str().unwrap();
    assert_eq!(status, "Partial Success");
    assert!(
        message.starts_with("Partial Success: Contract END_NOT_AFTER_START (")
            && message.contains("Opportunity.End_Date__c"),
        "{message}"
    );
    assert!(
        message.lines().count() > 1 && !message.contains(DEAL) && !message.contains("2025"),
        "{message}"
    );
    assert_ne!(synced_at, EARLIER, "the status changed");
    org.update("Opportunity", DEAL, &json!({ "End_Date__c": "2099-12-31" }));
    world.sync(DEAL).await;
    assert_eq!(outcome(&world).0, "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_written_once_and_a_successful_retry_clears_it() {
    let world = World::with_config(|config| {
        config.runs.lease = Duration::from_secs(3);
        config.runs.retry_after = vec![Duration::from_millis(200); 10];
    })
    .await;
    outage(&world);
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_fields!(result, {
        "errorCode": "M3TER_UNAVAILABLE",
        "statusWritten": true,
    }, "{result:#}");
    assert_eq!(outcome(&world), ("Failed".to_owned(), "Failed: M3TER_UNAVAILABLE".to_owned()));
    world.organization.clear_faults();
    let run = run_in_state(&world, &result["syncRunId"], "ended").await;
    assert_fields!(run["result"], { "syncStatus": "Completed", "statusWritten": true }, "{run:#}");
    assert_eq!(outcome(&world).0, "Completed");
    let statuses: Vec<Json> =
        written(&world, DEAL).iter().filter_map(|record| record.get(STATUS).cloned()).collect();
    assert_eq!(statuses, ["Failed", "Completed"], "tries that failed alike wrote nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_updates_the_status_of_the_record() {
    let world = World::with_config(|config| config.runs.retry_after = Vec::new()).await;
    outage(&world);
    let failed = world.sync(DEAL).await;
    world.organization.clear_faults();
    let (_, accepted) = world
        .post(&format!("/sync-runs/{}/replay", failed["syncRunId"].as_str().unwrap()), "{}")
        .await;
    run_in_state(&world, &accepted["syncRunId"], "ended").await;
    assert_eq!(outcome(&world).0, "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_runs_on_every_edit_does_not_loop() {
    let world = World::with_config(|config| config.runs.retry_after = Vec::new()).await;
    assert_eq!(
        flow_on_every_edit(&world, DEAL).await,
        2,
        "one sync writes, one finds nothing to write"
    );
    assert_eq!(flow_on_every_edit(&world, WITHOUT_TEMPLATE).await, 2, "a partial success");
    assert_eq!(flow_on_every_edit(&world, SECOND_SAMPLE).await, 2, "what m3ter refuses");
    world.org.vendor().update("Opportunity", DEAL, &json!({ "StageName": "Prospecting" }));
    assert_eq!(flow_on_every_edit(&world, DEAL).await, 2, "what somebody should look at");
    assert_eq!(outcome(&world).1, "Completed: NOT_READY");
    world.org.vendor().update("Opportunity", DEAL, &json!({ "Name": "Another name" }));
    outage(&world);
    assert_eq!(flow_on_every_edit(&world, DEAL).await, 2, "m3ter is away");
    assert_eq!(outcome(&world).0, "Failed");
    let fault = FaultKind::Status { status: 503, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("POST", "/contracts", fault).times(1_000));
    assert_eq!(flow_on_every_edit(&world, FIVE_LINES).await, 2, "m3ter is away in the middle");
    world.organization.clear_faults();
    assert_eq!(flow_on_every_edit(&world, DEAL).await, 2, "m3ter is back");
    assert_eq!(outcome(&world).0, "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_or_hidden_status_fields_do_not_block_a_sync() {
    let mut world = World::new().await;
    let fields: Vec<String> =
        [STATUS, MESSAGE, SYNCED_AT].iter().map(|field| format!("Opportunity.{field}")).collect();
    // Hidden after it was shown: the sync finds out, and continues.
    rules(&world, &json!({ "hiddenFields": fields }));
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    assert_fields!(result, { "statusWritten": false, "warnings": [] }, "{result:#}");
    // Never there: nothing is said of it.
    world.lose_the_database().await;
    let result = world.sync(FIVE_LINES).await;
    assert_fields!(result, { "syncStatus": "Completed", "statusWritten": false, "warnings": [] });
    // One of them: the others are kept.
    rules(&world, &json!({ "hiddenFields": [fields[1]], "readOnlyFields": [fields[2]] }));
    world.lose_the_database().await;
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["statusWritten"], told(&world, "Opportunity", DEAL)),
        (&json!(true), [json!("Completed"), Json::Null, Json::Null])
    );
    rules(&world, &json!({ "readOnlyFields": [fields[0]] }));
    world.lose_the_database().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({ STATUS: "by hand" }));
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["statusWritten"], &result["warnings"], write_backs(&world)),
        (&json!(false), &json!([]), 0),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_refused_does_not_lose_the_ids_nor_an_id_the_status() {
    let world = World::new().await;
    let refuse = |text: &str, rows: Vec<usize>, occurrence| {
        let fault = FaultKind::RefuseRows {
            rows,
            status_code: "FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned(),
            message: Some("not so".to_owned()),
        };
        let fault = Fault {
            contains: Some(text.to_owned()),
            occurrence,
            ..Fault::new("PATCH", "/composite/sobjects", fault)
        };
        world.org.add_fault(fault);
    };
    // The second row is the deal's; then the status by itself.
    refuse(STATUS, vec![1], 1);
    refuse(STATUS, vec![], 2);
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    assert_eq!(result["statusWritten"], false);
    let warnings = result["warnings"].as_array().unwrap();
    assert!(
        warnings.len() == 1
            && warnings[0].as_str().unwrap().contains(&format!("`Opportunity.{STATUS}`")),
        "{warnings:#?}"
    );
    let objects = result["objectResults"].as_array().unwrap();
    assert!(
        objects
            .iter()
            .all(|object| !object["warnings"].to_string().contains("could not be written")),
        "{result:#}"
    );
    let deal = world.org.vendor().record("Opportunity", DEAL).unwrap();
    assert_eq!(deal["M3ter_Contract_Id__c"], object_result(&result, "Contract")["m3terId"]);
    assert!(!deal.contains_key(STATUS));
    // Nothing in its way any more: the next sync writes it.
    assert_eq!(world.sync(DEAL).await["statusWritten"], true);
    assert_eq!(outcome(&world).0, "Completed");

    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({ "M3ter_Contract_Id__c": null, STATUS: "Failed" }),
    );
    refuse("M3ter_Contract_Id__c", vec![], 1);
    refuse("M3ter_Contract_Id__c", vec![], 2);
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["statusWritten"], outcome(&world).0.as_str()),
        (&json!(true), "Completed"),
        "{result:#}"
    );
    assert!(
        object_result(&result, "Contract")["warnings"].to_string().contains("could not be written"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_end_early_are_written_to_the_record_as_well() {
    // Not ready.
    let only_when = "root = \"Opportunity\"\nonly_when = { field = \"IsWon\", is = true, message = \"Only won deals\" }";
    let world = World::with_mapping(Some(&[("root = \"Opportunity\"", only_when)])).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({ "StageName": "Prospecting" }));
    let result = world.sync(DEAL).await;
    assert_fields!(result, {
        "errorCode": "RECORD_NOT_READY",
        "statusWritten": true,
    }, "{result:#}");
    assert_eq!(outcome(&world).1, "Failed: RECORD_NOT_READY (Opportunity.IsWon, false)");
    world.end().await;

    // Out of time, and the caller waits less: the answer leaves it to the run.
    let mut world = World::with_config(|config| config.runs.retry_after = Vec::new()).await;
    world.restart(4).await;
    world.fault("GET", "/accounts", FaultKind::Hang);
    let (_, result) = world.post(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=1"), "").await;
    assert_fields!(result, {
        "errorCode": "TIME_LIMIT_EXCEEDED",
        "statusWritten": true,
    }, "{result:#}");
    let run = run_in_state(&world, &result["syncRunId"], "ended").await;
    // The last callout had all the time that was not kept back.
    assert_fields!(run["result"], { "syncStatus": "Failed", "statusWritten": true }, "{run:#}");
    assert_eq!(outcome(&world).1, format!("Failed: {}", run["errorCode"].as_str().unwrap()));
    // What cannot be reached cannot be told.
    world.org.add_fault(Fault {
        times: 40,
        ..Fault::new(
            "GET",
            "/query",
            FaultKind::Status { status: 503, retry_after: None, message: None },
        )
    });
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Failed", "statusWritten": false }, "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_syncs_of_the_record_itself_are_written_to_it() {
    let world = World::new().await;
    world.sync(DEAL).await;
    assert_eq!(
        told(&world, "Account", ACCOUNT),
        [Json::Null, Json::Null, Json::Null],
        "the deal's Account was not synced by itself"
    );
    assert_eq!(world.sync(ACCOUNT).await["statusWritten"], true);
    assert_eq!(told(&world, "Account", ACCOUNT)[0], "Completed");
    let before = told(&world, "Opportunity", DEAL);
    world.org.clear_requests();
    let body = json!([{ "parentRecordId": DEAL, "endDate": "2099-01-01", "billingEntities": ["CONTRACT"] }]).to_string();
    let (_, results) = world.post("/end-date-billing-entities", &body).await;
    assert_fields!(results[0], { "success": true, "statusWritten": false }, "{results:#}");
    assert_eq!((told(&world, "Opportunity", DEAL), write_backs(&world)), (before, 0));
    world.end().await;

    let line = "sync_status = { status = \"M3ter_Sync_Status__c\", message = \"M3ter_Sync_Message__c\", synced_at = \"M3ter_Synced_At__c\" }\n";
    let world = World::with_mapping(Some(&[(line, "")])).await;
    assert_eq!(world.sync(DEAL).await["statusWritten"], false);
    assert_eq!(told(&world, "Opportunity", DEAL), [Json::Null, Json::Null, Json::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_status_fields_that_are_missing_or_need_a_permission() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let check =
        async || crate::operations::commands::run(&world, directory.path(), &["check"]).await;
    let (code, text) = check().await;
    assert!(
        code == 0
            && text.contains("green   Order: activated Orders can be written back to")
            && !text.contains(SYNCED_AT),
        "{text}"
    );
    rules(
        &world,
        &json!({ "permissions": [], "readOnlyFields": [format!("Opportunity.{MESSAGE}")], "hiddenFields": [format!("Opportunity.{SYNCED_AT}")] }),
    );
    let (code, text) = check().await;
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(MESSAGE)).collect();
    assert!(
        lines.len() == 1
            && lines[0].starts_with("yellow  Opportunity")
            && lines[0].contains(&format!("`{SYNCED_AT}`")),
        "{text}"
    );
    assert!(
        code == 1
            && text.contains("red     Order: the integration user lacks *Edit Activated Orders*"),
        "{text}"
    );
    let hidden = [STATUS, MESSAGE, SYNCED_AT].map(|field| format!("Account.{field}"));
    rules(&world, &json!({ "hiddenFields": hidden }));
    let fresh = tempfile::tempdir().unwrap();
    let (code, text) = crate::operations::commands::run(&world, fresh.path(), &["check"]).await;
    assert!(
        code == 0 && !text.contains("Account.M3ter_Sync") && !text.contains(STATUS),
        "what the org lacks is no fault: {text}"
    );
}
