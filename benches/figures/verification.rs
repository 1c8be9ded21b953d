//! Verifying many records: its callouts beside those of as many dry runs, its time under m3ter's
//! limit, its memory, and what a single sync beside it waits for.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use reqwest::Client;
use serde_json::{Value as Json, json};

use crate::Figures;
use crate::fairness::percentile_99;
use crate::limit::REQUESTS_PER_SECOND;
use crate::world::{KEYS, Service, World, send};

const LATENCY: Duration = Duration::from_millis(80);
const LINES: usize = 3;
const RECORDS: usize = 1_000;
const MANY: usize = 10_000;
/// Dry runs whose callouts stand for those of all.
const DRY_RUNS: usize = 20;
/// Syncs at a time, to make the records.
const AT_ONCE: usize = 16;
/// Between two syncs beside a verification, and how often one is made while there is none.
const PAUSE: Duration = Duration::from_millis(200);
const ALONE: usize = 20;

const CALLOUTS_LIMIT: f64 = 1.0 / 20.0;
const TIME_LIMIT_S: f64 = 15.0;
const MEMORY_LIMIT_MB: f64 = 80.0;
const GROWTH_LIMIT_MB: f64 = 10.0;
const DELAY_LIMIT_S: f64 = 0.3;

pub(crate) async fn measure(figures: &mut Figures) {
    println!(
        "Verifying records of {LINES} lines each, with m3ter's limit of {REQUESTS_PER_SECOND} requests a second, latency of {} ms",
        LATENCY.as_millis()
    );
    let limit = REQUESTS_PER_SECOND.to_string();
    let settings = [("M3TER_REQUESTS_PER_SECOND", limit.as_str()), ("API_KEYS_FILE", KEYS)];
    for root in ["Opportunity", "SBQQ__Quote__c"] {
        let mut world = World::start().await;
        let products = world.add_products(LINES);
        let records = add_synced(&world, root, &products, RECORDS).await;
        callouts_and_time(figures, &mut world, (root, &records), &settings).await;
    }
    let mut world = World::start().await;
    let products = world.add_products(LINES);
    let few = add_synced(&world, "Opportunity", &products, RECORDS).await;
    let at_few = memory(&mut world, &settings, RECORDS).await;
    world.service = world.another(&[]).await;
    add_synced(&world, "Opportunity", &products, MANY - RECORDS).await;
    let at_many = memory(&mut world, &settings, MANY).await;
    let note = format!("{at_few:.1} MB with {RECORDS} records");
    figures.at_most(
        &format!("the most memory, {MANY} records"),
        at_many,
        MEMORY_LIMIT_MB,
        "MB",
        note,
    );
    figures.at_most(
        "of it more than with a tenth of them",
        at_many - at_few,
        GROWTH_LIMIT_MB,
        "MB",
        "",
    );
    beside_it(figures, &mut world, &settings, &few[0]).await;
}

/// Records that are in m3ter as they are.
async fn add_synced(world: &World, root: &str, products: &[String], count: usize) -> Vec<String> {
    let add = |_| {
        if root == "Opportunity" { world.add_deal(products) } else { world.add_quote(products) }
    };
    let records: Vec<String> = (0..count).map(add).collect();
    let synced = stream::iter(&records).map(|record| world.sync(record));
    synced.buffer_unordered(AT_ONCE).for_each(async |_| {}).await;
    records
}

/// Replaces the process by a new one that keeps to m3ter's limit.
async fn begin_anew(world: &mut World, settings: &[(&str, &str)]) {
    world.service.stop();
    world.service = world.another(settings).await;
}

async fn callouts_and_time(
    figures: &mut Figures,
    world: &mut World,
    (root, records): (&str, &[String]),
    settings: &[(&str, &str)],
) {
    begin_anew(world, settings).await;
    world.set_latency(LATENCY);
    world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
    // What is known for a while is read before it is counted.
    verify(world, &world.service, &json!({ "roots": [root] })).await;
    let ids = &records[..DRY_RUNS];
    world.take_requests();
    for id in ids {
        let path = format!("/sync-to-m3ter/{id}?dryRun=true");
        let (status, result) = world.ask(world.http.post(world.service.url(&path))).await;
        assert_eq!((status, &result["syncStatus"]), (200, &json!("Completed")), "{result:#}");
    }
    let dry_run = ratio(world.take_callouts(), ids.len());
    let started = Instant::now();
    let verification = verify(world, &world.service, &json!({ "roots": [root] })).await;
    let took = started.elapsed().as_secs_f64();
    let callouts = world.take_callouts();
    assert_eq!(verification["counts"]["inSync"], RECORDS, "{verification:#}");
    let share = ratio(callouts, RECORDS) / dry_run;
    let note = format!("{callouts} callouts for {RECORDS}; {dry_run:.1} for a dry run");
    figures.at_most(
        &format!("callouts / those of dry runs, {root}"),
        share,
        CALLOUTS_LIMIT,
        "times",
        note,
    );
    figures.at_most(&format!("time, {root}"), took, TIME_LIMIT_S, "s", "");
}

/// The most memory of a new process that verifies all records.
async fn memory(world: &mut World, settings: &[(&str, &str)], records: usize) -> f64 {
    begin_anew(world, settings).await;
    let verification = verify(world, &world.service, &json!({ "roots": ["Opportunity"] })).await;
    assert_eq!(verification["counts"]["inSync"], records, "{verification:#}");
    world.service.peak_memory_mb()
}

/// A caller's single syncs while many records are verified, and alone.
async fn beside_it(
    figures: &mut Figures,
    world: &mut World,
    settings: &[(&str, &str)],
    record: &str,
) {
    begin_anew(world, settings).await;
    let erp = world.caller("erp");
    while sync(world, &erp, record).await.0 != 200 {
        tokio::time::sleep(PAUSE).await;
    }
    world.set_latency(LATENCY);
    world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
    let mut alone = Vec::new();
    for _ in 0..ALONE {
        tokio::time::sleep(PAUSE).await;
        alone.push(sync(world, &erp, record).await.1);
    }
    let id = begin(world, &world.service, &json!({ "roots": ["Opportunity"] })).await;
    let mut beside = Vec::new();
    while state(world, &world.service, &id).await["state"] == "running" {
        beside.push(sync(world, &erp, record).await.1);
        tokio::time::sleep(PAUSE).await;
    }
    let (alone, beside, syncs) =
        (percentile_99(alone), percentile_99(beside.clone()), beside.len());
    let note = format!("of {syncs} syncs, {beside:.2} s and alone {alone:.2} s");
    figures.at_most("another caller's p99, minus alone", beside - alone, DELAY_LIMIT_S, "s", note);
}

async fn sync(world: &World, caller: &Client, record: &str) -> (u16, f64) {
    let started = Instant::now();
    let url = world.service.url(&format!("/sync-to-m3ter/{record}"));
    let status = send(caller.post(url)).await.expect("an answer").status().as_u16();
    (status, started.elapsed().as_secs_f64())
}

async fn begin(world: &World, service: &Service, request: &Json) -> String {
    let begun = world.ask(world.http.post(service.url("/verifications")).json(request)).await;
    assert_eq!(begun.0, 202, "{:#}", begun.1);
    begun.1["verificationId"].as_str().expect("an id").to_owned()
}

async fn state(world: &World, service: &Service, id: &str) -> Json {
    world.ask(world.http.get(service.url(&format!("/verifications/{id}")))).await.1
}

/// A verification that came to its end.
async fn verify(world: &World, service: &Service, request: &Json) -> Json {
    let id = begin(world, service, request).await;
    loop {
        let verification = state(world, service, &id).await;
        match verification["state"].as_str() {
            Some("running") => tokio::time::sleep(Duration::from_millis(50)).await,
            Some("completed") => return verification,
            _ => panic!("it did not come to its end: {verification:#}"),
        }
    }
}

fn ratio(count: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).expect("a few thousand"));
    number(count) / number(of)
}
