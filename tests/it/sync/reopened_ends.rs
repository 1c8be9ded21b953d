//! Taking back what end dating ended, by an operator alone if the mapping says so; and running many
//! runs again without ending any.

use serde_json::{Value as Json, json};

use crate::support::*;

const EVERYTHING: [&str; 4] = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"];
const BY_OPERATOR: &[(&str, &str)] =
    &[("removed_lines = \"warn\"", "removed_lines = \"warn\"\nended = \"operator\"")];

async fn end(world: &World) -> Json {
    let order =
        json!({"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": EVERYTHING});
    world.end_date("", &order).await
}

fn extend(world: &World) {
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2027-06-30"}));
}

fn end_of_contract(world: &World) -> Json {
    world.object("contracts", "code", DEAL)["endDate"].clone()
}

async fn reopen(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().env("DATABASE_URL", world.database_url()).arg("reopen").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_end_waits_for_an_operator_if_the_mapping_says_so() {
    let world = World::with_mapping(Some(BY_OPERATOR)).await;
    world.sync(DEAL).await;
    assert_eq!(end(&world).await["syncStatus"], "Completed");
    // As long as nothing is later, nothing is asked.
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
    extend(&world);
    world.organization.clear_requests();
    for result in [world.dry_run(DEAL).await, world.sync(DEAL).await] {
        assert_fields!(result, {
            "syncStatus": "Partial Success",
            "attention": ["ENDED"],
        }, "{result:#}");
        let contract = object_result(&result, "Contract");
        assert_fields!(contract, { "action": "failed", "findingCode": "ENDED" }, "{contract:#}");
        assert!(
            contract["message"]
                .as_str()
                .unwrap()
                .contains("2027-07-01 now, later than it said then (2027-01-01)"),
            "{contract:#}"
        );
        assert!(
            contract["remedy"].as_str().unwrap().contains(&format!("sync-to-m3ter reopen {DEAL}")),
            "{contract:#}"
        );
        for other in ["Commitment", "Pricing", "AccountPlan"] {
            assert_eq!(object_result(&result, other)["action"], "unchanged", "{result:#}");
        }
    }
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());

    let path = format!("/reopen-billing-entities/{DEAL}");
    let (status, foretold) = world.post(&format!("{path}?dryRun=true"), "").await;
    assert_eq!(
        (status, &foretold["dryRun"], &foretold["syncRunIds"]),
        (200, &json!(true), &json!([])),
        "{foretold:#}"
    );
    let (status, reopened) = world.post(&path, "{}").await;
    assert_eq!((status, &reopened["reopened"]), (200, &foretold["reopened"]), "{reopened:#}");
    let contract = &reopened["reopened"][0];
    assert_eq!(
        [
            &contract["objectName"],
            &contract["endDate"],
            &contract["formerEndDate"],
            &contract["salesforceEndDate"],
            &contract["parentRecordId"]
        ],
        ["Contract", "2026-07-01", "2027-01-01", "2027-01-01", DEAL],
        "{reopened:#}"
    );
    let run: Json = serde_json::from_str(
        &world.get(&format!("/sync-runs/{}", reopened["syncRunIds"][0].as_str().unwrap())).await.1,
    )
    .unwrap();
    assert_fields!(run, { "kind": "reopen", "syncStatus": "Completed" }, "{run:#}");

    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Completed", "attention": [] }, "{result:#}");
    assert_eq!(end_of_contract(&world), "2027-07-01");
    for (path, expected, code) in [
        (path.as_str(), 404, "NOTHING_ENDED"),
        ("/reopen-billing-entities/abc", 404, "NOTHING_ENDED"),
        ("/reopen-billing-entities/006S900000795MMIAY?dryrun=true", 400, "INVALID_PARAMETER"),
        ("/reopen-billing-entities/006S900000795MMIAY?dryRun=maybe", 400, "INVALID_PARAMETER"),
    ] {
        let (status, fault) = world.post(path, "").await;
        assert_eq!((status, &fault["errorCode"]), (expected, &json!(code)), "{path}: {fault:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_reopened_from_a_terminal_beside_the_service() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let ended = end(&world).await;
    let (code, text) = reopen(&world, &[DEAL, "--dry-run"]).await;
    assert!(
        code == 0 && text.contains("would be forgotten") && text.contains("2027-01-01"),
        "{text}"
    );
    assert_eq!(world.sync(DEAL).await["attention"], json!(["ENDED"]));
    let (code, text) = reopen(&world, &[DEAL]).await;
    assert!(
        code == 0 && text.contains("the next sync of 006S900000795MMIAY follows Salesforce"),
        "{text}"
    );
    assert!(text.contains("reopened=4") && text.contains("cli:"), "{text}");
    let result = world.sync(DEAL).await;
    assert_fields!(result, { "syncStatus": "Completed", "attention": [] }, "{result:#}");
    assert_eq!(end_of_contract(&world), "2027-01-01");
    for (argument, expected) in
        [(DEAL, "no end dating is remembered"), ("nonsense", "`nonsense` is not a")]
    {
        let (code, text) = reopen(&world, &[argument]).await;
        assert!(code == 2 && text.contains(expected), "{text}");
    }
    assert_eq!(ended["success"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_many_ends_nothing_unless_it_is_asked_to() {
    let world = World::with_config(|config| config.runs.retry_after = Vec::new()).await;
    let not_synced = end(&world).await;
    assert_eq!(not_synced["errorCode"], "RECORD_NOT_SYNCED", "{not_synced:#}");
    let since = r#"{"since": "2020-01-01T00:00:00Z", "kind": "endDate"}"#;
    let (status, foretold) = world.post("/sync-runs/replay?dryRun=true", since).await;
    let run = &foretold["runs"][0];
    assert_eq!(
        (status, &foretold["replayed"], &foretold["syncRunIds"]),
        (200, &json!(1), &json!([])),
        "{foretold:#}"
    );
    assert_fields!(run, {
        "replayOf": not_synced["syncRunId"],
        "kind": "endDate",
        "endDate": "2026-07-01",
        "parentRecordId": DEAL,
        "errorCode": "RECORD_NOT_SYNCED",
    }, "{foretold:#}");
    world.sync(DEAL).await;
    // The deal was synced since: nobody means the end dating any more, and of syncs none has
    // failed.
    for body in [
        since,
        r#"{"since": "2020-01-01T00:00:00Z"}"#,
        r#"{"since": "2020-01-01T00:00:00Z", "kind": "sync"}"#,
    ] {
        let (status, answer) = world.post("/sync-runs/replay", body).await;
        assert_eq!(
            (status, &answer["replayed"], &answer["runs"]),
            (202, &json!(0), &json!([])),
            "{body}: {answer:#}"
        );
    }
    assert_eq!(end_of_contract(&world), "2027-01-01");
    for (query, body) in [
        ("", r#"{"since": "2020-01-01T00:00:00Z", "kind": "links"}"#),
        ("?dryRun=1", since),
        ("?dryrun=true", since),
        ("?waitSeconds=1", since),
    ] {
        assert_eq!(
            world.post(&format!("/sync-runs/replay{query}"), body).await.0,
            400,
            "{query} {body}"
        );
    }
}
