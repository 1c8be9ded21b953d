//! What a billing team asks, each question answered by the command that docs/operations.md names.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::http::runs::{outage, run_in_state};
use crate::operations::commands::run_with;
use crate::operations::verify::{Made, verify};
use crate::support::*;

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// The commands with which the table of docs/operations.md answers a question, about a record.
fn documented(question: &str, record: &str) -> Vec<Vec<String>> {
    let is_meant =
        |line: &&str| line.strip_prefix("| ").is_some_and(|line| line.starts_with(question));
    let rows: Vec<&str> = OPERATIONS.lines().filter(is_meant).collect();
    assert_eq!(rows.len(), 1, "the table has one row for `{question}`");
    let code = rows[0].split('`').skip(1).step_by(2);
    let commands = code.filter_map(|code| code.strip_prefix("sync-to-m3ter "));
    commands.map(|command| words(&command.replace("RECORD", record))).collect()
}

/// What stands in quotes is one word.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(ToOwned::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Exit code and output of a command about what the service of a world has done.
async fn told(world: &World, arguments: &[impl AsRef<str>], more: &[&str]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let database = world.database_url();
    let arguments: Vec<&str> =
        arguments.iter().map(AsRef::as_ref).chain(more.iter().copied()).collect();
    run_with(world, directory.path(), &arguments, &[("DATABASE_URL", database.as_str())]).await
}

/// The lines of JSON that it prints.
async fn ask(world: &World, arguments: &[impl AsRef<str>]) -> Vec<Json> {
    let (code, text) = told(world, arguments, &["--output", "json"]).await;
    assert_eq!(code, 0, "{text}");
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the first of the documented commands says.
async fn answer(world: &World, question: &str) -> Vec<Json> {
    ask(world, &documented(question, "")[0]).await
}

fn records(runs: &[Json]) -> Vec<&str> {
    runs.iter().map(|run| run["parentRecordId"].as_str().unwrap()).collect()
}

fn names(records: &[Json]) -> Vec<&str> {
    records.iter().filter_map(|record| record["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn which_won_deals_are_missing_in_m3ter_differ_or_are_billed_although_gone() {
    let world = World::new().await;
    let made = Made::new(&world).await;
    // Which won deals are not in m3ter, and why?
    let absent = answer(&world, "Which won deals are not in m3ter").await;
    for name in ["Never synced", "Half"] {
        assert!(names(&absent).contains(&name), "{absent:#?}");
    }
    let half = absent.iter().find(|record| record["name"] == "Half").unwrap();
    assert!(half["message"].as_str().unwrap().contains("no plan template"), "{half:#}");
    assert!(!names(&absent).contains(&"As it was") && !names(&absent).contains(&"Open"));
    // Does m3ter still hold what Salesforce says?
    let differs = answer(&world, "Does m3ter still hold what Salesforce says?").await;
    assert_eq!(names(&differs), ["Repriced"], "{differs:#?}");
    let changes = differs[0]["objectResults"].to_string();
    assert!(changes.contains("\"newValue\""), "{changes}");
    // Does it bill something that Salesforce does not have any more?
    let gone = answer(&world, "Does m3ter bill something that Salesforce does not have").await;
    let ids: Vec<&str> = gone.iter().map(|record| record["recordId"].as_str().unwrap()).collect();
    let expected = ["gone: deleted", "gone: lost", "gone: line"].map(|name| &*made.records[name]);
    assert_eq!(ids, expected, "{gone:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn do_the_failed_ones_again() {
    let world = World::new().await;
    outage(&world);
    world.sync(DEAL).await;
    world.organization.clear_faults();
    let commands = documented("How are the failed ones synced again?", "");
    let [replay, backfill] = commands.as_slice() else { panic!("{commands:?}") };
    let (code, text) = told(&world, replay, &["--dry-run"]).await;
    assert!(code == 0 && text.contains(DEAL), "{text}");
    let (code, text) = told(&world, replay, &[]).await;
    assert!(code == 0 && text.contains("1 run will be run again"), "{text}");
    let failed = ask(&world, &["runs", "list", "--status", "Failed"]).await;
    let run = text.lines().nth(1).unwrap();
    run_in_state(&world, &json!(run), "ended").await;
    assert!(ask(&world, &["runs", "list", "--unresolved"]).await.is_empty(), "{failed:#?}");

    // What is in m3ter only in part, once its cause is gone.
    let half = world.sync(WITHOUT_TEMPLATE).await;
    assert_eq!(half["syncStatus"], "Partial Success", "{half:#}");
    let product = world.org.vendor().ids("OpportunityLineItem", "OpportunityId", WITHOUT_TEMPLATE);
    let product = world.org.vendor().record("OpportunityLineItem", &product[0]).unwrap();
    let product = product["Product2Id"].as_str().unwrap();
    let without = json!({ "M3ter_Not_Metered__c": true });
    verify(&world, &json!({ "recordIds": [WITHOUT_TEMPLATE] })).await;
    world.org.vendor().update("Product2", product, &without);
    let (code, text) = told(&world, backfill, &[]).await;
    assert!(code == 0 && text.contains("Completed\t1"), "{text}");
    assert!(ask(&world, &["runs", "list", "--unresolved"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_last_week_and_from_what_to_what() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let edit = json!({"M3ter_Commitment_Amount__c": 500, "End_Date__c": "2027-12-30"});
    world.org.vendor().update("Opportunity", DEAL, &edit);
    world.sync(DEAL).await;
    let all = answer(&world, "What did it change last week").await;
    let command = &documented("What did it change last week", "")[0];
    let (command, amount) = (command.iter().map(String::as_str), ["--field", "amount"]);
    let changes = ask(&world, &command.chain(amount).collect::<Vec<_>>()).await;
    assert!(all.len() > changes.len(), "{all:#?}");
    let values: Vec<(&Json, &Json)> = changes
        .iter()
        .map(|change| (&change["fields"][0]["oldValue"], &change["fields"][0]["newValue"]))
        .collect();
    assert_eq!(values[0].1, "500");
    assert_eq!(values[0].0, values[1].1, "{changes:#?}");
    assert!(ask(&world, &["changes", "list", "--until", "2026-01-01T00:00:00Z"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_it() {
    let world = World::new().await;
    let path = format!("/sync-to-m3ter/{DEAL}?salesforceUserId=005S90000000001");
    let (_, synced) = world.post(&path, "").await;
    let caller = {
        let (_, run) =
            world.get(&format!("/sync-runs/{}", synced["syncRunId"].as_str().unwrap())).await;
        let run: Json = serde_json::from_str(&run).unwrap();
        run["requestedBy"][0].as_str().unwrap().to_owned()
    };
    let commands = documented("Who asked for it?", DEAL);
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let of_caller = |name: &str| [command.clone(), words(&format!("--caller {name}"))].concat();
        let found = ask(&world, &command).await;
        assert!(!found.is_empty(), "{command:?}");
        for one in &found {
            assert!(one["requestedBy"].to_string().contains(&caller), "{one:#}");
            assert_eq!(one["salesforceUserIds"], json!(["005S90000000001IAA"]), "{one:#}");
        }
        assert_eq!(ask(&world, &of_caller(&caller)).await, found);
        assert!(ask(&world, &of_caller("somebody")).await.is_empty());
    }
    // Who shared a run asked for it as well.
    let listed = ask(&world, &["runs", "list", "--record", DEAL]).await;
    assert_eq!(listed[0]["requestedBy"], json!([caller]));
}

#[tokio::test(flavor = "multi_thread")]
async fn which_deals_failed_tonight_why_and_do_they_still_fail() {
    let world = World::new().await;
    outage(&world);
    let failed = world.sync(DEAL).await;
    world.sync(FIVE_LINES).await;
    world.sync(DELETED).await;
    world.sync(DELETED).await;
    world.organization.clear_faults();
    world.sync(FIVE_LINES).await;
    world.dry_run(DELETED).await;
    let tonight = ["--since", "2026-01-01T00:00:00Z"];
    let all = ask(&world, &[&["runs", "list", "--status", "Failed"][..], &tonight].concat()).await;
    assert!(records(&all).len() > 3, "{all:#?}");
    let still = answer(&world, "Which deals failed since yesterday").await;
    assert_eq!(
        records(&still),
        [DELETED, DEAL],
        "one for each deal, and what is solved is not there"
    );
    assert_fields!(still[1], {
        "errorCode": "M3TER_UNAVAILABLE",
        "message": failed["message"],
        "syncRunId": failed["syncRunId"],
    });
    assert!(still[1]["durationMs"].is_number(), "{:#}", still[1]);
    // Page by page.
    let (older, page) = (still[0]["syncRunId"].as_str().unwrap(), ["runs", "list", "--unresolved"]);
    let next = ask(&world, &[&page[..], &["--cursor", older]].concat()).await;
    assert_eq!(records(&next), [DEAL]);
    // The API says the same.
    let (_, page) = world.get("/sync-runs?unresolved=true&syncStatus=Failed").await;
    let page: Json = serde_json::from_str(&page).unwrap();
    assert_eq!(page["syncRuns"], json!(still));
    let (_, none) = world.get("/sync-runs?unresolved=true&until=2026-01-01T00:00:00Z").await;
    assert!(none.contains("\"syncRuns\":[]"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn which_deals_are_only_partly_in_m3ter() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let half = world.sync(SECOND_SAMPLE).await;
    world.sync(WITHOUT_TEMPLATE).await;
    world.sync(SECOND_SAMPLE).await;
    let found = answer(&world, "Which deals are only partly in m3ter?").await;
    assert_eq!(records(&found), [SECOND_SAMPLE, WITHOUT_TEMPLATE]);
    let failed = found[0]["counts"]["failed"].as_u64().unwrap();
    assert!(failed > 0, "{found:#?}");
    assert_eq!(half["counts"]["failed"], failed);
    let run = found[0]["syncRunId"].as_str().unwrap();
    let (_, shown) = world.get(&format!("/sync-runs/{run}")).await;
    let shown: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["counts"], found[0]["counts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn is_anything_stuck() {
    let world = World::new().await;
    let hang = Fault::new("GET", "/accounts", FaultKind::Delay { ms: 60_000 });
    world.organization.add_fault(hang.times(1));
    let begin = async |record: &str| {
        let path = format!("/sync-to-m3ter/{record}?waitSeconds=0");
        world.post(&path, "").await.1["syncRunId"].clone()
    };
    let running = begin(DEAL).await;
    run_in_state(&world, &running, "running").await;
    let waiting = begin(DEAL).await;
    let in_state = async |state: &str| ask(&world, &["runs", "list", "--state", state]).await;
    let commands = documented("Is anything stuck?", "");
    let [running_ones, waiting_ones] = commands.as_slice() else { panic!("{commands:?}") };
    let [found, behind] = [ask(&world, running_ones).await, ask(&world, waiting_ones).await];
    assert_eq!((found.len(), &found[0]["syncRunId"]), (1, &running), "{found:#?}");
    assert!(found[0]["leaseUntil"].as_str().unwrap() > found[0]["startedAt"].as_str().unwrap());
    assert_eq!((behind.len(), &behind[0]["syncRunId"]), (1, &waiting), "{behind:#?}");
    assert!(in_state("retrying").await.is_empty());
    assert_eq!(ask(&world, &["runs", "list", "--kind", "sync"]).await.len(), 2);
    assert!(ask(&world, &["runs", "list", "--kind", "endDate"]).await.is_empty());
}
