//! How many runs are under way at once, and whose turn it is: through the front door, with callouts
//! that hang until the test lets them go.

use std::collections::HashSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sqlx::{Connection as _, SqliteConnection};
use sync_to_m3ter::app::App;
use sync_to_m3ter::callers::{Callers, Role};
use sync_to_m3ter::command::sandbox;
use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::sync::{RunRequest, Scope, SyncMode};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::http::access::Guarded;
use crate::support::*;

/// A service with so many slots and places in the queue, and the keys of two callers and an
/// operator.
struct Busy {
    guarded: Guarded,
    flow: String,
    erp: String,
    ops: String,
}

impl Busy {
    async fn new(at_once: u32, waiting: u32) -> Self {
        let (mut guarded, ops) = Guarded::new(600_000, &[]).await;
        let keys = guarded.keys_file.clone();
        guarded
            .world
            .reconfigure(move |config| {
                config.access.callers = Some(Callers::from_file(keys.clone()).unwrap());
                config.access.requests_per_minute = 600_000;
                config.runs.at_once = at_once;
                config.runs.waiting = waiting;
                // It looks often.
                config.runs.lease = Duration::from_secs(3);
            })
            .await;
        guarded.world.until_ready().await;
        let (flow, erp) =
            (guarded.add("flow", Role::Caller).await, guarded.add("erp", Role::Caller).await);
        Self { guarded, flow, erp, ops }
    }

    fn world(&self) -> &World {
        &self.guarded.world
    }

    async fn ask(&self, key: &str, record: &str, query: &str) -> (u16, Json) {
        let url = self.world().url(&format!("/sync-to-m3ter/{record}{query}"));
        let (status, body) =
            self.world().send(self.world().client().post(url).bearer_auth(key)).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Begins a sync without waiting for it; the run's id.
    async fn accept(&self, key: &str, record: &str) -> String {
        let (status, accepted) = self.ask(key, record, "?waitSeconds=0").await;
        assert_eq!(status, 202, "{accepted}");
        accepted["syncRunId"].as_str().unwrap().to_owned()
    }

    async fn run(&self, id: &str) -> Json {
        let url = self.world().url(&format!("/sync-runs/{id}"));
        serde_json::from_str(
            &self.world().send(self.world().client().get(url).bearer_auth(&self.ops)).await.1,
        )
        .unwrap()
    }

    async fn until_ended(&self, id: &str) -> Json {
        for _ in 0..6_000 {
            let run = self.run(id).await;
            if run["state"] == "ended" {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the run does not end: {:#}", self.run(id).await);
    }

    /// Reads of a record hang, however often they are tried.
    fn hang(&self, record: &str) {
        self.world().org.add_fault(
            Fault::new("GET", "/query", FaultKind::Hang).containing(record).times(1_000),
        );
    }

    fn let_go(&self) {
        self.world().org.clear_faults();
        self.world().org.let_hanging_go();
    }

    async fn until_hanging(&self, reads: usize) {
        while self.world().org.requests().iter().filter(|request| request.fault.is_some()).count()
            < reads
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The records that were read, in their order.
    fn read(&self, records: &[String]) -> Vec<usize> {
        let mut seen = HashSet::new();
        let requests = self.world().org.requests();
        let queries = requests.iter().filter(|request| request.path == "/query");
        let record =
            |query: &str| records.iter().position(|record| query.contains(record.as_str()));
        queries
            .filter_map(|request| record(&request.query))
            .filter(|record| seen.insert(*record))
            .collect()
    }

    fn deals(&self, count: usize) -> Vec<String> {
        let deal = json!({"Name": "Deal", "AccountId": ACCOUNT, "StageName": "Closed Won", "CloseDate": "2026-01-01",
            "End_Date__c": "2026-12-31", "CurrencyIsoCode": "USD"});
        (0..count).map(|_| self.world().org.vendor().insert("Opportunity", &deal)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_hundreds_of_runs_keeps_nobody_waiting() {
    let busy = Busy::new(4, 10_000).await;
    let deals = busy.deals(200);
    let mut runs = Vec::new();
    for deal in &deals[..2] {
        busy.hang(deal);
        runs.push(busy.accept(&busy.flow, deal).await);
    }
    busy.until_hanging(2).await;
    runs.extend(
        stream::iter(&deals[2..])
            .map(|deal| busy.accept(&busy.flow, deal))
            .buffered(16)
            .collect::<Vec<_>>()
            .await,
    );
    // Half of the slots hang in flow's runs, and hundreds wait for them.
    let (status, result) = busy.ask(&busy.erp, DEAL, "").await;
    assert_eq!((status, &result["syncStatus"]), (200, &json!("Completed")), "{result:#}");
    assert_eq!(busy.read(&deals).len(), 2, "no more than its part began");
    let all: Vec<String> = stream::iter(&runs)
        .map(async |run| busy.run(run).await["state"].as_str().unwrap().to_owned())
        .buffered(16)
        .collect()
        .await;
    let count = |state: &str| all.iter().filter(|other| *other == state).count();
    assert_eq!((count("running"), count("waiting")), (2, 198));
    // All of them end, each once.
    busy.let_go();
    for run in &runs {
        let ended = busy.until_ended(run).await;
        assert_fields!(ended, { "errorCode": null, "takeovers": 0 }, "{ended:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_held_by_a_pause_start_by_class_and_in_turn_by_caller() {
    let busy = Busy::new(1, 10_000).await;
    let deals = busy.deals(6);
    let pause = async |path: &str, body: Json| {
        let request =
            busy.world().client().post(busy.world().url(path)).bearer_auth(&busy.ops).json(&body);
        assert_eq!(busy.world().send(request).await.0, 200);
    };
    pause("/pause", json!({"reason": "prices are wrong"})).await;
    let mut runs = Vec::new();
    for (key, deal) in
        [(&busy.flow, 0), (&busy.flow, 1), (&busy.flow, 2), (&busy.erp, 3), (&busy.erp, 4)]
    {
        runs.push(busy.accept(key, &deals[deal]).await);
    }
    let (_, paused) = busy.ask(&busy.flow, &deals[5], "").await;
    assert_eq!(paused["errorCode"], "SERVICE_PAUSED", "{paused:#}");
    // A dry run waits for no pause.
    let (_, accepted) = busy.ask(&busy.erp, DEAL, "?dryRun=true&waitSeconds=0").await;
    busy.until_ended(accepted["syncRunId"].as_str().unwrap()).await;
    pause("/resume", json!({})).await;
    for run in &runs {
        busy.until_ended(run).await;
    }
    // Somebody waited for the last one's answer; the others are taken in turn.
    assert_eq!(busy.read(&deals), [5, 0, 3, 1, 4, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_of_waiting_runs_nothing_is_recorded() {
    let busy = Busy::new(1, 4).await;
    let deals = busy.deals(8);
    busy.hang(&deals[0]);
    busy.accept(&busy.flow, &deals[0]).await;
    busy.until_hanging(1).await;
    let waiting = busy.accept(&busy.flow, &deals[1]).await;
    busy.accept(&busy.flow, &deals[2]).await;
    let refused = async |key: &str, deal: &str, query: &str| {
        let url = busy.world().url(&format!("/sync-to-m3ter/{deal}{query}"));
        let (head, body) =
            busy.world().exchange(busy.world().client().post(url).bearer_auth(key)).await;
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (head.status.as_u16(), &body["errorCode"]),
            (429, &json!("TOO_MANY_RUNS")),
            "{body:#}"
        );
        assert_eq!(
            (head.headers["retry-after"].to_str().unwrap(), &body["retryAfterSeconds"]),
            ("10", &json!(10))
        );
        body["message"].as_str().unwrap().to_owned()
    };
    for query in ["?waitSeconds=0", "", "?dryRun=true"] {
        let message = refused(&busy.flow, &deals[3], query).await;
        assert!(message.starts_with("2 runs of this caller are waiting"), "{message}");
    }
    // Who asks for what waits already adds nothing.
    assert_eq!(busy.accept(&busy.flow, &deals[1]).await, waiting);
    busy.accept(&busy.erp, &deals[4]).await;
    busy.accept(&busy.erp, &deals[5]).await;
    let message = refused(&busy.ops, &deals[6], "").await;
    assert!(message.starts_with("4 runs are waiting"), "{message}");
    let list = busy.world().client().get(busy.world().url("/sync-runs")).bearer_auth(&busy.ops);
    let list: Json = serde_json::from_str(&busy.world().send(list).await.1).unwrap();
    assert_eq!(list["syncRuns"].as_array().unwrap().len(), 5, "{list:#}");
    busy.let_go();
    busy.until_ended(&waiting).await;
    busy.accept(&busy.flow, &deals[3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waiting_for_its_record_does_not_overtake_those_of_other_callers() {
    let busy = Busy::new(1, 10_000).await;
    let deals = busy.deals(3);
    busy.hang(&deals[0]);
    busy.accept(&busy.flow, &deals[0]).await;
    busy.until_hanging(1).await;
    let same = busy.accept(&busy.flow, &deals[0]).await;
    let runs = [busy.accept(&busy.erp, &deals[1]).await, busy.accept(&busy.ops, &deals[2]).await];
    busy.let_go();
    busy.until_ended(&same).await;
    for run in &runs {
        assert_eq!(busy.run(run).await["state"], "ended", "it had its turn before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_a_waiting_run_is_told_what_it_waits_for() {
    let busy = Busy::new(1, 10_000).await;
    let deals = busy.deals(2);
    busy.hang(&deals[0]);
    busy.accept(&busy.flow, &deals[0]).await;
    busy.until_hanging(1).await;
    for (deal, why) in [
        (0, "it is waiting for another run of its record"),
        (1, "it is waiting for its turn (2 runs are waiting)"),
    ] {
        let (status, answer) = busy.ask(&busy.erp, &deals[deal], "?waitSeconds=1").await;
        assert_eq!(
            (status, &answer["errorCode"], &answer["retryable"]),
            (200, &json!("TIME_LIMIT_EXCEEDED"), &json!(true)),
            "{answer:#}"
        );
        let message = answer["message"].as_str().unwrap();
        assert!(
            message.ends_with(&format!(
                "within the 1 s that the caller waits: {why}; the sync goes on"
            )),
            "{message}"
        );
        assert_eq!(busy.run(answer["syncRunId"].as_str().unwrap()).await["state"], "waiting");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_dry_runs_of_one_record_read_once() {
    let busy = Busy::new(1, 10_000).await;
    let deals = busy.deals(1);
    busy.hang(&deals[0]);
    busy.accept(&busy.flow, &deals[0]).await;
    busy.until_hanging(1).await;
    let mut runs = HashSet::new();
    for key in [&busy.flow, &busy.erp, &busy.flow, &busy.ops] {
        let (status, accepted) = busy.ask(key, DEAL, "?dryRun=true&waitSeconds=0").await;
        assert_eq!(status, 202, "{accepted}");
        runs.insert(accepted["syncRunId"].as_str().unwrap().to_owned());
    }
    assert_eq!(runs.len(), 1);
    // A sync of the same is another thing.
    assert!(!runs.contains(&busy.accept(&busy.erp, DEAL).await));
    let run = runs.into_iter().next().unwrap();
    busy.let_go();
    let ended = busy.until_ended(&run).await;
    assert_fields!(ended, { "requestedBy": ["flow", "erp", "ops"], "dryRun": true }, "{ended:#}");
    // Callers who share a run may look at it.
    let shown = busy
        .world()
        .client()
        .get(busy.world().url(&format!("/sync-runs/{run}")))
        .bearer_auth(&busy.erp);
    assert_eq!(busy.world().send(shown).await.0, 200);
    let callouts = ended["callouts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|callout| callout["operation"] == "Query")
        .count();
    assert_eq!(callouts, 1);
}

#[tokio::test]
async fn simultaneous_dry_runs_of_one_record_are_one_run() {
    let (org, organization) = (
        sync_to_m3ter_sandbox::salesforce::start(0).await.unwrap(),
        sync_to_m3ter_sandbox::m3ter::start(0).await.unwrap(),
    );
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("service.db").display().to_string();
    let address = "127.0.0.1:0".parse().unwrap();
    let config =
        sandbox::config(&org.base_url(), &organization.base_url(), &database, address).unwrap();
    let app = App::new(&config, Scope::Everything).await.unwrap();
    app.syncs.load().await;
    org.clear_requests();
    let ask = |number: u32| {
        let by = ["flow", "erp"][number as usize % 2].to_owned();
        let request = RunRequest::sync(SalesforceId::parse(DEAL).unwrap(), SyncMode::DryRun);
        app.syncs.start(RunRequest {
            requested_by: Some(by),
            waits: Duration::from_mins(1),
            ..request
        })
    };
    // All are asked for before the first one's row can be saved: none has begun to read.
    let mut writer = SqliteConnection::connect(&format!("sqlite://{database}")).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    let mut started = futures::future::join_all((0..20).map(ask));
    for _ in 0..100 {
        assert!(futures::poll!(&mut started).is_pending());
        tokio::task::yield_now().await;
    }
    writer.close().await.unwrap();
    let started = started.await;
    let mut runs = HashSet::new();
    for run in started {
        let mut run = run.unwrap();
        runs.insert(run.id);
        let ended = run.ended.wait_for(Option::is_some).await.unwrap();
        let account = &ended.as_ref().unwrap().object_results[0];
        assert!(
            account.changes.as_ref().is_some_and(|changes| !changes.is_empty()),
            "each has the whole answer"
        );
    }
    assert_eq!(runs.len(), 1);
    assert_eq!(org.requests().iter().filter(|request| request.query.contains(DEAL)).count(), 1);
    let shown = app.syncs.run(runs.into_iter().next().unwrap()).await.unwrap().unwrap();
    assert_eq!(shown.requested_by, ["flow", "erp"]);
    app.end().await.unwrap();
}
