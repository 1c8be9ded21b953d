//! Runs as callers see them: waiting, sharing, looking up, trying again, and doing it again.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

async fn run(world: &World, id: &Json) -> Json {
    let (status, body) = world.get(&format!("/sync-runs/{}", id.as_str().unwrap())).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The run once it is in a state.
pub(crate) async fn run_in_state(world: &World, id: &Json, state: &str) -> Json {
    for _ in 0..1_000 {
        let run = run(world, id).await;
        if run["state"] == state {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the run does not get {state}: {:#}", run(world, id).await);
}

fn body(id: &str) -> String {
    json!([{ "parentRecordId": id }]).to_string()
}

pub(crate) fn outage(world: &World) {
    let fault = FaultKind::Status { status: 500, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("GET", "/accounts", fault).times(1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_wait_gets_the_location_of_the_run() {
    let world = World::new().await;
    let request = world
        .client()
        .post(world.url("/sync-to-m3ter?waitSeconds=0"))
        .header("content-type", "application/json")
        .body(body(DEAL));
    let (head, accepted) = world.exchange(request).await;
    assert_eq!(head.status, 202);
    let location = head.headers["location"].to_str().unwrap().to_owned();
    let accepted: Json = serde_json::from_str(&accepted).unwrap();
    let id = &accepted[0]["syncRunId"];
    assert_eq!(
        (location.as_str(), &accepted[0]["parentRecordId"]),
        (format!("/sync-runs/{}", id.as_str().unwrap()).as_str(), &json!(DEAL))
    );
    let run = run_in_state(&world, id, "ended").await;
    assert_eq!(run["result"]["syncStatus"], "Completed", "{run:#}");
    assert_eq!(run["objectResults"].as_array().unwrap().len(), 6);
    assert_fields!(run, { "kind": "sync", "dryRun": false, "takeovers": 0 });
    assert_eq!(
        (run["tries"].as_array().unwrap().len(), &run["tries"][0]["syncStatus"]),
        (1, &json!("Completed"))
    );
    let (status, one) = world.post(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=0"), "").await;
    assert!(status == 202 && one["syncRunId"].is_string(), "{one}");
    // A request that never becomes a sync has its answer at once.
    assert_eq!(world.post("/sync-to-m3ter?waitSeconds=0", &body("abc")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_a_run_has_its_own_operation_with_one_success_status() {
    let world = World::new().await;
    let ask = |path: &str, body: &Json| {
        let request = world.client().post(world.url(path)).json(body);
        world.exchange(request)
    };
    let (head, text) = ask("/sync-runs", &json!({ "parentRecordId": DEAL })).await;
    let begun: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((head.status.as_u16(), &begun["parentRecordId"]), (202, &json!(DEAL)), "{text}");
    let location = format!("/sync-runs/{}", begun["syncRunId"].as_str().unwrap());
    assert_eq!(head.headers["location"], location);
    let run = run_in_state(&world, &begun["syncRunId"], "ended").await;
    assert_eq!(run["result"]["syncStatus"], "Completed", "{run:#}");
    assert_fields!(run, { "kind": "sync", "dryRun": false });

    let end =
        json!({ "parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": ["CONTRACT"] });
    let (head, text) = ask("/sync-runs/end-date?dryRun=true", &end).await;
    let begun: Json = serde_json::from_str(&text).unwrap();
    let run = run_in_state(&world, &begun["syncRunId"], "ended").await;
    assert_eq!((head.status.as_u16(), &run["kind"]), (202, &json!("endDate")), "{run:#}");
    assert_fields!(run, { "dryRun": true });

    let runs = world.get("/sync-runs").await.1;
    for (path, body, status, code) in [
        ("/sync-runs", json!({ "parentRecordId": "abc" }), 400, "INVALID_RECORD_ID"),
        ("/sync-runs", json!({}), 400, "MISSING_RECORD_ID"),
        ("/sync-runs", json!([{ "parentRecordId": DEAL }]), 400, "INVALID_BODY"),
        ("/sync-runs", json!({ "parentRecordID": DEAL }), 400, "INVALID_BODY"),
        ("/sync-runs?waitSeconds=5", json!({ "parentRecordId": DEAL }), 400, "INVALID_PARAMETER"),
        (
            "/sync-runs",
            json!({ "parentRecordId": DEAL, "expectedPlan": "x" }),
            400,
            "INVALID_EXPECTED_PLAN",
        ),
        (
            "/sync-runs",
            json!({ "parentRecordId": DEAL, "organizationId": "00D000000000000EAA" }),
            400,
            "WRONG_ORGANIZATION",
        ),
        ("/sync-runs/end-date", json!({ "parentRecordId": DEAL }), 400, "MISSING_END_DATE"),
    ] {
        let (head, text) = ask(path, &body).await;
        let fault: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((head.status.as_u16(), &fault["errorCode"]), (status, &json!(code)), "{text}");
    }
    assert_eq!(world.get("/sync-runs").await.1, runs, "no run begins");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_callout_of_a_run_is_shown_without_bodies() {
    let world = World::new().await;
    world.organization.clear_requests();
    world.org.clear_requests();
    world.fault("GET", "/accounts", FaultKind::DropBeforeEffect);
    let result = world.sync(DEAL).await;
    let run = run(&world, &result["syncRunId"]).await;
    let callouts = run["callouts"].as_array().unwrap();
    let sent: u64 = callouts.iter().map(|callout| callout["attempts"].as_u64().unwrap()).sum();
    assert_eq!(
        sent,
        (world.organization.requests().len() + world.org.requests().len()) as u64,
        "{run:#}"
    );
    let listing = callouts.iter().find(|callout| callout["operation"] == "ListAccounts").unwrap();
    assert_fields!(listing, { "vendor": "m3ter", "status": 200, "outcome": "done", "attempts": 2 });
    assert!(
        callouts
            .iter()
            .any(|callout| callout["vendor"] == "Salesforce" && callout["operation"] == "Query"),
        "{callouts:#?}"
    );
    let fields: std::collections::BTreeSet<&str> = callouts
        .iter()
        .flat_map(|callout| callout.as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    assert_eq!(
        fields.into_iter().collect::<Vec<_>>(),
        [
            "attempts",
            "elapsedMs",
            "operation",
            "outcome",
            "startedAt",
            "status",
            "vendor",
            "waitedMs"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callout_starts_when_it_is_sent_and_not_when_it_begins_to_wait_for_the_limit() {
    const LIMIT: usize = 2;
    let world = World::with_config(|config| {
        config.m3ter.requests_per_second = Some(u32::try_from(LIMIT).unwrap());
    })
    .await;
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    let run = run(&world, &result["syncRunId"]).await;
    let at = |value: &Json| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let ms = |callout: &Json, name: &str| {
        jiff::SignedDuration::from_millis(callout[name].as_i64().unwrap())
    };
    let began = at(&run["startedAt"]);
    let callouts = run["callouts"].as_array().unwrap();
    for callout in callouts {
        let sent = at(&callout["startedAt"]);
        // All are cut to milliseconds.
        let cut = jiff::SignedDuration::from_millis(2);
        assert!(sent - ms(callout, "waitedMs") + cut >= began, "{began}: {callout:#}");
        assert!(sent + ms(callout, "elapsedMs") - cut <= at(&run["endedAt"]), "{run:#}");
    }
    let mut sent: Vec<_> = callouts
        .iter()
        .filter(|callout| callout["vendor"] == "m3ter")
        .map(|callout| at(&callout["startedAt"]))
        .collect();
    sent.sort_unstable();
    assert!(sent.len() > LIMIT, "{callouts:#?}");
    // A place counts for 1.02 s, which leaves much for a machine that is busy.
    let second = jiff::SignedDuration::from_millis(700);
    for window in sent.windows(LIMIT + 1) {
        assert!(window[LIMIT].duration_since(window[0]) >= second, "{sent:#?}");
    }
    assert!(
        callouts.iter().any(|callout| callout["waitedMs"].as_i64().unwrap() > 100),
        "{callouts:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_while_a_sync_runs_share_one_further_sync() {
    let world = World::new().await;
    world.fault("POST", "/accounts", FaultKind::Delay { ms: 600 });
    let further = async {
        while !world
            .organization
            .requests()
            .iter()
            .any(|request| request.method == "POST" && request.path == "/accounts")
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        futures::future::join_all((0..20).map(|_| world.sync(DEAL))).await
    };
    let (first, further) = tokio::join!(world.sync(DEAL), further);
    let ids: std::collections::BTreeSet<String> =
        further.iter().map(|result| result["syncRunId"].to_string()).collect();
    assert_eq!(ids.len(), 1, "all share one run");
    assert!(!ids.contains(&first["syncRunId"].to_string()), "which is not the one that had begun");
    assert_all(&first, "created");
    for result in &further {
        assert_all(result, "unchanged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_tried_again_by_itself_and_says_when() {
    let world = World::with_config(|config| {
        config.runs.lease = Duration::from_secs(3);
        config.runs.retry_after = vec![Duration::from_millis(200); 10];
    })
    .await;
    outage(&world);
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Failed", "errorCode": "M3TER_UNAVAILABLE" });
    assert!(result["nextTryAt"].is_string(), "{result:#}");
    world.organization.clear_faults();
    let run = run_in_state(&world, &result["syncRunId"], "ended").await;
    let tries = run["tries"].as_array().unwrap();
    assert!(tries.len() >= 2 && tries.last().unwrap()["syncStatus"] == "Completed", "{tries:#?}");
    assert_eq!(
        (&tries[0]["errorCode"], &run["result"]["syncStatus"], &run["nextTryAt"]),
        (&json!("M3TER_UNAVAILABLE"), &json!("Completed"), &Json::Null)
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_tried_again_once_a_newer_one_succeeded() {
    let world = World::with_config(|config| {
        config.runs.lease = Duration::from_secs(3);
        config.runs.retry_after = vec![Duration::from_millis(1_500)];
    })
    .await;
    outage(&world);
    let failed = world.sync(DEAL).await;
    assert_eq!(run(&world, &failed["syncRunId"]).await["state"], "retrying");
    world.organization.clear_faults();
    assert_all(&world.sync(DEAL).await, "created");
    let run = run_in_state(&world, &failed["syncRunId"], "ended").await;
    assert_eq!(run["tries"].as_array().unwrap().len(), 1, "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_and_many_are_run_again_on_request() {
    let world = World::with_config(|config| {
        config.runs.lease = Duration::from_secs(3);
        config.runs.retry_after = Vec::new();
    })
    .await;
    outage(&world);
    let (one, other) = (world.sync(DEAL).await, world.sync(FIVE_LINES).await);
    world.sync(DEAL).await;
    world.organization.clear_faults();
    let (status, accepted) = world
        .post(&format!("/sync-runs/{}/replay", one["syncRunId"].as_str().unwrap()), "{}")
        .await;
    assert_eq!(status, 202, "{accepted}");
    let replayed = run_in_state(&world, &accepted["syncRunId"], "ended").await;
    assert_eq!(
        (&replayed["replayOf"], &replayed["result"]["syncStatus"]),
        (&one["syncRunId"], &json!("Completed"))
    );
    assert_eq!(run(&world, &one["syncRunId"]).await["replays"], json!([accepted["syncRunId"]]));

    // The deal was synced since: only the other record is left.
    let (status, answer) = world
        .post("/sync-runs/replay", r#"{"errorCode": "M3TER_UNAVAILABLE", "maxRuns": 10}"#)
        .await;
    assert_eq!((status, &answer["replayed"]), (202, &json!(1)), "{answer}");
    let replayed = run_in_state(&world, &answer["syncRunIds"][0], "ended").await;
    assert_eq!(
        (&replayed["replayOf"], &replayed["result"]["syncStatus"]),
        (&other["syncRunId"], &json!("Completed"))
    );
    for body in [
        "{}",
        r#"{"maxRuns": 10}"#,
        r#"{"errorCode": "X", "maxRuns": 0}"#,
        r#"{"since": "yesterday"}"#,
        "[]",
        r#"{"all": true}"#,
    ] {
        assert_eq!(world.post("/sync-runs/replay", body).await.0, 400, "{body}");
    }
    assert_eq!(
        world.post("/sync-runs/00000000-0000-7000-8000-000000000000/replay", "").await.0,
        404
    );
    assert_eq!(world.get("/sync-runs/abc").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_page_by_page() {
    let world = World::new().await;
    for id in [DEAL, DELETED, DEAL] {
        world.sync(id).await;
    }
    let list = async |query: &str| {
        let (status, body) = world.get(&format!("/sync-runs{query}")).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Json>(&body).unwrap()
    };
    let all = list("").await;
    assert_eq!((all["syncRuns"].as_array().unwrap().len(), &all["nextCursor"]), (3, &Json::Null));
    let first = list("?limit=2").await;
    let second = list(&format!("?limit=2&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(
        (second["syncRuns"].as_array().unwrap().len(), &second["syncRuns"][0]["syncRunId"]),
        (1, &all["syncRuns"][2]["syncRunId"])
    );
    assert_eq!(list("?errorCode=RECORD_DELETED").await["syncRuns"].as_array().unwrap().len(), 1);
    assert_eq!(
        list(&format!("?parentRecordId={DEAL}&syncStatus=Completed&since=2020-01-01T00:00:00Z"))
            .await["syncRuns"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for query in
        ["?limit=0", "?limit=x", "?cursor=x", "?since=x", "?parentRecordId=x", "?state=asleep"]
    {
        assert_eq!(world.get(&format!("/sync-runs{query}")).await.0, 400, "{query}");
    }
}

/// The instants in a value, by the names under which they stand.
fn instants<'a>(value: &'a Json, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name.ends_with("At") => found.push((name, text)),
                    _ => instants(value, found),
                }
            }
        }
        Json::Array(values) => values.iter().for_each(|value| instants(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_instants_of_a_run_are_in_milliseconds() {
    let world = World::with_config(|config| {
        config.runs.retry_after = vec![Duration::from_millis(200)];
    })
    .await;
    outage(&world);
    let failed = world.sync(DEAL).await;
    assert!(failed["nextTryAt"].is_string(), "{failed:#}");
    world.organization.clear_faults();
    let id = failed["syncRunId"].clone();
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    let shown = loop {
        let shown = run(&world, &id).await;
        if shown["state"] == "ended" && shown["syncStatus"] == "Completed" {
            break shown;
        }
        assert!(std::time::Instant::now() < deadline, "{shown:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let (_, list) = world.get("/sync-runs").await;
    let list: Json = serde_json::from_str(&list).unwrap();
    for value in [&failed, &shown, &list] {
        let mut found = Vec::new();
        instants(value, &mut found);
        assert!(!found.is_empty(), "{value:#}");
        for (name, text) in found {
            let instant: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(instant.subsec_nanosecond() % 1_000_000, 0, "{name}: {text}");
        }
    }
    let mut found = Vec::new();
    instants(&shown, &mut found);
    for name in ["requestedAt", "startedAt", "endedAt"] {
        assert!(found.iter().any(|(known, _)| *known == name), "{name}: {shown:#}");
    }
    assert_eq!(shown["tries"].as_array().unwrap().len(), 2, "{shown:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_names_no_run_is_a_fault_of_our_own_form() {
    let world = World::new().await;
    let client = world.client();
    for id in ["abc", "%FF%FE", "..%2F..%2Fetc"] {
        for request in [
            client.get(world.url(&format!("/sync-runs/{id}"))),
            client.post(world.url(&format!("/sync-runs/{id}/replay"))),
        ] {
            let (status, text) = world.send(request).await;
            assert_eq!(status, 404, "{id}: {text}");
            let fault: Json = serde_json::from_str(&text).unwrap();
            assert_fields!(fault, {
                "errorCode": "RUN_NOT_FOUND",
                "syncStatus": "Failed",
                "status": 404,
            });
        }
    }
}
