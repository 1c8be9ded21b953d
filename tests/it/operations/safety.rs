//! What keeps a run from doing more than somebody meant: limits that an installation sets, and the
//! switch for an incident.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter::config::Config;
use sync_to_m3ter::sync::Usual;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

const ALL: [&str; 5] = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"];

impl World {
    async fn end_all(&self, record: &str, dry_run: bool, plan: Option<&Json>) -> Json {
        let mut request =
            json!({"parentRecordId": record, "endDate": "2026-07-01", "billingEntities": ALL});
        if let Some(plan) = plan {
            request["expectedPlan"] = plan.clone();
        }
        let (status, mut body) = self
            .post(
                &format!("/end-date-billing-entities?dryRun={dry_run}"),
                &json!([request]).to_string(),
            )
            .await;
        assert_eq!(status, 200, "{body}");
        body[0].take()
    }

    async fn planned(&self, record: &str, plan: &Json) -> Json {
        let request = json!([{"parentRecordId": record, "expectedPlan": plan}]).to_string();
        self.post("/sync-to-m3ter", &request).await.1[0].take()
    }

    async fn shown(&self, run: &Json) -> Json {
        serde_json::from_str(&self.get(&format!("/sync-runs/{}", run.as_str().unwrap())).await.1)
            .unwrap()
    }

    async fn until_over(&self, run: &Json) -> Json {
        for _ in 0..2_000 {
            let shown = self.shown(run).await;
            if shown["state"] == "ended" {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the run does not end: {:#}", self.shown(run).await);
    }
}

fn code(result: &Json) -> [&Json; 3] {
    [&result["syncStatus"], &result["errorCode"], &result["retryable"]]
}

fn failed(code: &str, retryable: bool) -> [Json; 3] {
    [json!("Failed"), json!(code), json!(retryable)]
}

async fn with_safety(adjust: impl Fn(&mut Config) + Send + Sync + 'static) -> World {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.sync(FIVE_LINES).await;
    world.reconfigure(adjust).await;
    while world.get("/readyz").await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.organization.clear_requests();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_without_a_plan_where_one_is_needed() {
    let world = with_safety(|config| config.runs.safety.end_date_needs_plan = true).await;
    let refused = world.end_all(DEAL, false, None).await;
    assert_eq!(code(&refused), failed("PLAN_REQUIRED", false).each_ref(), "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains("`dryRun=true`"), "{refused:#}");
    assert!(world.m3ter_writes().is_empty());
    let foreseen = world.end_all(DEAL, true, None).await;
    let ended = world.end_all(DEAL, false, Some(&foreseen["planHash"])).await;
    assert_eq!(ended["syncStatus"], "Completed", "{ended:#}");
    assert_eq!(world.sync(DEAL).await["errorCode"], Json::Null, "a sync needs none");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_of_objects_end_within_an_hour() {
    let mut world = with_safety(|config| config.runs.safety.end_dates_per_hour = Some(5)).await;
    assert_eq!(
        world.end_all(FIVE_LINES, true, None).await["syncStatus"],
        "Completed",
        "a dry run is not counted"
    );
    let refused = world.end_all(FIVE_LINES, false, None).await;
    assert_eq!(code(&refused), failed("END_DATE_LIMIT_EXCEEDED", false).each_ref(), "{refused:#}");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("only 5 of the 5 per hour (END_DATES_PER_HOUR) are left"),
        "{refused:#}"
    );
    assert!(world.m3ter_writes().is_empty());
    let ended = world.end_all(DEAL, false, None).await;
    assert_eq!(
        (&ended["syncStatus"], ended["objectResults"].as_array().map(Vec::len)),
        (&json!("Completed"), Some(4)),
        "{ended:#}"
    );
    // It is counted in the database: by all processes, and after a restart.
    world.restart(100).await;
    world.sync(SECOND_SAMPLE).await;
    world.organization.clear_requests();
    let foreseen = world.end_all(SECOND_SAMPLE, true, None).await;
    let refused = world.end_all(SECOND_SAMPLE, false, Some(&foreseen["planHash"])).await;
    assert_eq!(code(&refused), failed("END_DATE_LIMIT_EXCEEDED", false).each_ref(), "{refused:#}");
    assert!(
        refused["message"].as_str().unwrap().contains("only 1 of the 5 per hour"),
        "{refused:#}"
    );
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusual_change_waits_for_its_plan() {
    let world = with_safety(|config| {
        config.runs.safety.usual = Usual { ends: Some(2), price_percent: Some(50) }
    })
    .await;
    // What is usual is written.
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({"M3ter_Commitment_Amount__c": 11000.0, "M3ter_PO_Number__c": "PO-5"}),
    );
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
    for (field, told) in [
        (
            json!({"End_Date__c": "2026-06-30"}),
            "It would end or lower 3 objects (UNUSUAL_ENDS allows 2)",
        ),
        (Json::Null, "It would change 1 of 1 prices (UNUSUAL_PRICE_PERCENT allows 50 %)"),
    ] {
        if field.is_null() {
            world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.5}));
        } else {
            world.org.vendor().update("Opportunity", DEAL, &field);
        }
        world.organization.clear_requests();
        let refused = world.sync(DEAL).await;
        assert_eq!(code(&refused), failed("UNUSUAL_CHANGE", false).each_ref(), "{refused:#}");
        assert!(refused["message"].as_str().unwrap().contains(told), "{told}: {refused:#}");
        assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
        let object = refused["objectResults"]
            .as_array()
            .unwrap()
            .iter()
            .find(|object| object["findingCode"] == "UNUSUAL_CHANGE");
        assert!(
            object.is_some_and(|object| object["changes"]
                .as_array()
                .is_some_and(|changes| !changes.is_empty())),
            "{refused:#}"
        );
        assert_eq!(refused["planHash"], world.dry_run(DEAL).await["planHash"]);
        let written = world.planned(DEAL, &refused["planHash"]).await;
        assert_eq!(written["syncStatus"], "Completed", "{written:#}");
    }
    // An end dating is held against it as well.
    let refused = world.end_all(FIVE_LINES, false, None).await;
    assert_eq!(code(&refused), failed("UNUSUAL_CHANGE", false).each_ref(), "{refused:#}");
    let ended = world.end_all(FIVE_LINES, false, Some(&refused["planHash"])).await;
    assert_eq!(ended["syncStatus"], "Completed", "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_service_records_requests_and_starts_them_later() {
    let mut world = with_safety(|config| config.runs.lease = Duration::from_secs(2)).await;
    let (status, paused) = world.post("/pause", r#"{"reason": " wrong prices "}"#).await;
    assert_eq!(
        (status, &paused["paused"], &paused["pause"]["reason"]),
        (200, &json!(true), &json!("wrong prices")),
        "{paused}"
    );
    assert_eq!(
        world.post("/pause", r#"{"reason": "again"}"#).await.1["pause"]["reason"],
        "wrong prices",
        "the first one is in force"
    );
    let ready = world.get("/readyz").await;
    assert!(ready.0 == 200 && ready.1.contains("The service is paused"), "{ready:?}");
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_PO_Number__c": "PO-6"}));
    assert_eq!(
        object_result(&world.dry_run(DEAL).await, "Contract")["action"],
        "updated",
        "dry runs still work"
    );
    world.organization.clear_requests();
    let waits = world.sync(DEAL).await;
    assert_eq!(code(&waits), failed("SERVICE_PAUSED", true).each_ref(), "{waits:#}");
    assert_eq!(
        (&waits["statusWritten"], world.shown(&waits["syncRunId"]).await["state"].as_str()),
        (&json!(true), Some("waiting"))
    );
    assert_eq!(
        world.sync(DEAL).await["syncRunId"],
        waits["syncRunId"],
        "the same request joins it"
    );
    let ends = world.end_all(FIVE_LINES, false, None).await;
    assert_eq!(code(&ends), failed("SERVICE_PAUSED", true).each_ref(), "{ends:#}");
    let (status, accepted) =
        world.post(&format!("/sync-to-m3ter/{SECOND_SAMPLE}?waitSeconds=0"), "").await;
    assert_eq!(status, 202, "{accepted}");
    // It is the same for a process that starts meanwhile.
    world.restart(100).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    let (status, resumed) = world.post("/resume", r#"{"reason": "corrected"}"#).await;
    assert_eq!(
        (status, &resumed["paused"], &resumed["pause"]["resumeReason"]),
        (200, &json!(false), &json!("corrected")),
        "{resumed}"
    );
    let ended =
        [world.until_over(&waits["syncRunId"]).await, world.until_over(&ends["syncRunId"]).await];
    assert!(ended.iter().all(|run| run["result"]["syncStatus"] == "Completed"), "{ended:#?}");
    let started = |run: &Json| run["startedAt"].as_str().unwrap().to_owned();
    assert!(started(&ended[0]) <= started(&ended[1]), "in their order");
    world.until_over(&accepted["syncRunId"]).await;
    assert!(!world.get("/readyz").await.1.contains("paused"));
    assert_eq!(world.post("/resume", "").await.1, json!({"paused": false}));
    let (_, history) = world.get("/pauses").await;
    let history: Json = serde_json::from_str(&history).unwrap();
    assert_eq!(
        (&history["paused"], history["pauses"].as_array().map(Vec::len)),
        (&json!(false), Some(1)),
        "{history}"
    );
    assert_eq!(history["pauses"][0]["pausedBy"], "local");
    for (body, words) in [
        ("", "`reason` is missing"),
        (r#"{"reason": " "}"#, "`reason` is missing"),
        (r#"{"why": "x"}"#, "unknown field `why`"),
    ] {
        let (status, fault) = world.post("/pause", body).await;
        assert!(
            status == 400 && fault["message"].as_str().unwrap().contains(words),
            "{body}: {fault}"
        );
    }
    let (status, _) = world.post("/pause", &json!({"reason": "x".repeat(501)}).to_string()).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn running_syncs_continue_and_are_not_retried_while_the_service_is_paused() {
    let world =
        with_safety(|config| config.runs.retry_after = vec![Duration::from_millis(300)]).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_PO_Number__c": "PO-7"}));
    world
        .organization
        .add_fault(Fault::new("PUT", "/contracts/*", FaultKind::DropBeforeEffect).times(1_000));
    let result = world.sync(DEAL).await;
    assert_eq!(result["errorCode"], "M3TER_UNAVAILABLE", "{result:#}");
    world.post("/pause", r#"{"reason": "incident"}"#).await;
    world.organization.clear_faults();
    let tried = world.shown(&result["syncRunId"]).await["tries"].as_array().unwrap().len();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let shown = world.shown(&result["syncRunId"]).await;
    assert!(
        shown["state"] == "retrying" && shown["tries"].as_array().unwrap().len() == tried
            || shown["state"] == "ended",
        "{shown:#}"
    );
    world.post("/resume", "").await;
    world.until_over(&result["syncRunId"]).await;
}
