//! What the command line says of runs: the exit code of what would fail, what somebody should look
//! at, and who asked.

use serde_json::{Value as Json, json};

use crate::operations::commands::{at_a_terminal, run, run_with};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_that_predicts_a_refusal_fails_with_its_exit_code() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, text) = run(&world, directory.path(), &["sync", SECOND_SAMPLE, "--dry-run"]).await;
    assert!(
        code == 3
            && text.contains("Partial Success")
            && text.contains("1 would fail; nothing was written"),
        "{code}: {text}"
    );
    let (code, text) = run(&world, directory.path(), &["sync", DEAL, "--dry-run"]).await;
    assert!(code == 0 && !text.contains("would fail"), "{code}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_starts_later_is_reported_and_not_counted_as_ending() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(&world, directory.path(), &["sync", DEAL]).await.0, 0);
    let contract = world.object("contracts", "code", DEAL);
    let later = json!({"accountId": contract["accountId"], "contractId": contract["id"], "startDate": "2027-01-01",
        "endDate": "2028-01-01", "currency": "USD", "amount": 1});
    world.organization.vendor().request("POST", "/commitments", &later).unwrap();
    let end = |date: &'static str| {
        ["end-date", DEAL, "--date", date, "--entities", "CONTRACT,PREPAYMENT"]
    };
    let (code, text) = at_a_terminal(&world, directory.path(), &end("2026-07-01"), "y\n").await;
    assert!(
        code == 3
            && text.contains("Would fail: it begins 2027-01-01, not before the end")
            && text.contains("End these 2 objects of the org 127.0.0.1? [y/N]")
            && text.contains("Objects: 2 updated, 1 failed."),
        "{code}: {text}"
    );
    assert_eq!(world.object("contracts", "code", DEAL)["endDate"], "2026-07-01");
    // Where nothing could end, nobody is asked.
    let (code, text) = at_a_terminal(&world, directory.path(), &end("2025-07-01"), "y\n").await;
    assert!(code == 3 && text.contains("Would fail") && !text.contains("[y/N]"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_by_their_attention_and_with_the_salesforce_user_who_asked() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let calm = world.sync(FIVE_LINES).await;
    world.sync(DEAL).await;
    world.org.vendor().delete("OpportunityLineItem", LINE);
    let path = format!("/sync-to-m3ter/{DEAL}?salesforceUserId=005S90000000001");
    let (_, removed) = world.post(&path, "").await;
    assert_eq!(removed["attention"], json!(["LINE_REMOVED", "NO_LINES"]), "{removed:#}");
    // The database of the service; a wide terminal breaks no cell.
    let database = world.database_url();
    let variables = [("DATABASE_URL", database.as_str()), ("COLUMNS", "400")];
    let ask = async |arguments: &[&str]| {
        let (code, text) = run_with(&world, directory.path(), arguments, &variables).await;
        (code, text)
    };
    let has = |text: &str, result: &Json| text.contains(result["syncRunId"].as_str().unwrap());
    for filter in ["any", "LINE_REMOVED", "NO_LINES"] {
        let (code, text) = ask(&["runs", "list", "--attention", filter]).await;
        assert!(code == 0 && has(&text, &removed) && !has(&text, &calm), "{filter}: {text}");
    }
    let (code, text) = ask(&["runs", "list", "--attention", "COMMITMENT_LEFT"]).await;
    assert!(code == 0 && !has(&text, &removed) && !has(&text, &calm), "{text}");
    let (code, text) = ask(&["runs", "list", "--attention", "NOTHING"]).await;
    assert!(code == 2 && text.contains("it takes any, or one of"), "{text}");
    let user =
        sync_to_m3ter::domain::ids::SalesforceId::parse("005S90000000001").unwrap().to_string();
    let (code, text) = ask(&["runs", "list", "--record", DEAL]).await;
    let cells: String = text.split_whitespace().collect();
    assert!(code == 0 && cells.contains(&user), "{text}");
    let (code, text) = ask(&["runs", "show", removed["syncRunId"].as_str().unwrap()]).await;
    let shown: Json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!((code, &shown["salesforceUserIds"]), (0, &json!([user])), "{text}");
}
