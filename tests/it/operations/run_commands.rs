//! The history of runs on the command line.

use super::commands::run;
use crate::support::*;
use serde_json::{Value as Json, json};
use std::path::Path;

/// The ids that `runs list` prints, in its order.
async fn listed(world: &World, directory: &Path, filter: &[&str]) -> Vec<String> {
    let (code, text) = run(world, directory, &[&["runs", "list"], filter].concat()).await;
    assert_eq!(code, 0, "{text}");
    text.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
}

async fn shown(world: &World, directory: &Path, id: &str) -> Json {
    let (code, text) = run(world, directory, &["runs", "show", id]).await;
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_database_is_not_taken_for_an_empty_history() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("commands.db");
    let told = format!(
        "there is no database at `{}`; set DATABASE_URL to the one that the service uses",
        file.display()
    );
    for arguments in [
        vec!["runs", "list"],
        vec!["runs", "show", "latest"],
        vec!["runs", "replay", "latest"],
        vec!["runs", "watch"],
        vec!["links", "list"],
        vec!["links", "forget", DEAL, "--yes"],
        vec!["changes", "list"],
        vec!["adopt"],
        vec!["verify", "--show", "latest"],
        vec!["backfill", "latest"],
        vec!["reopen", DEAL],
        vec!["pause", "--reason", "prices are wrong"],
        vec!["resume"],
        vec!["erase", DEAL, "--yes"],
        vec!["mapping", "forget-field", "Opportunity.Name"],
    ] {
        let (code, text) = run(&world, directory.path(), &arguments).await;
        assert!(code == 2 && text.contains(&told), "{arguments:?}: {code} {text}");
        assert!(!file.exists(), "{arguments:?} made a database");
    }
    let (_, text) = run(&world, directory.path(), &["runs", "list"]).await;
    assert!(text.contains("or --url to the address of a service"), "{text}");
    let (code, text) = run(&world, directory.path(), &["check"]).await;
    assert!(code == 0 && text.contains(&format!("yellow  database: {told}")), "{code} {text}");
    assert!(!file.exists(), "a check only looks");
    // What works with runs makes one, as the service does.
    let (code, text) = run(&world, directory.path(), &["sync", DEAL]).await;
    assert!(code == 0 && file.exists(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_and_shown_on_the_terminal() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (arguments, code) in
        [(vec!["sync", DEAL], 0), (vec!["sync", DELETED], 1), (vec!["sync", DEAL, "--dry-run"], 0)]
    {
        let (ended, text) = run(&world, directory, &arguments).await;
        assert_eq!(ended, code, "{text}");
    }
    let (code, text) = run(&world, directory, &["runs", "list", "--output", "csv"]).await;
    for words in [
        "Run",
        "Record",
        "Asked for at",
        DEAL,
        DELETED,
        "sync (dry run)",
        "ended",
        "Completed",
        "Failed",
        "RECORD_DELETED",
    ] {
        assert!(code == 0 && text.contains(words), "{words}: {text}");
    }
    let all = listed(&world, directory, &[]).await;
    let [dry, failed, completed] = all.as_slice() else { panic!("{text}") };
    for (filter, expected) in [
        (vec!["--record", DEAL], vec![dry, completed]),
        (vec!["--record", &DEAL[..15]], vec![dry, completed]),
        (vec!["--status", "Failed"], vec![failed]),
        (vec!["--status", "failed"], vec![failed]),
        (vec!["--since", "yesterday"], vec![dry, failed, completed]),
        (vec!["--since", "1d"], vec![dry, failed, completed]),
        (vec!["--until", "1d"], vec![]),
        (
            vec!["--record", &format!("https://acme.lightning.force.com/lightning/r/{DEAL}/view")],
            vec![dry, completed],
        ),
        (vec!["--error-code", "RECORD_DELETED"], vec![failed]),
        (vec!["--error-code", "M3TER_UNAVAILABLE"], vec![]),
        (vec!["--since", "2026-01-01T00:00:00Z"], vec![dry, failed, completed]),
        (vec!["--until", "2026-01-01T00:00:00Z"], vec![]),
        (vec!["--limit", "1"], vec![dry]),
    ] {
        assert_eq!(
            listed(&world, directory, &filter).await.iter().collect::<Vec<_>>(),
            expected,
            "{filter:?}"
        );
    }
    let run_of = shown(&world, directory, completed).await;
    assert_fields!(run_of, { "state": "ended", "parentRecordId": DEAL, "kind": "sync" });
    assert_eq!(
        (&run_of["result"]["syncStatus"], run_of["objectResults"].as_array().map(Vec::len)),
        (&json!("Completed"), Some(6))
    );
    let callouts = run_of["callouts"].as_array().unwrap();
    assert!(
        callouts
            .iter()
            .any(|callout| callout["vendor"] == "m3ter" && callout["operation"] == "PostAccount"),
        "{callouts:#?}"
    );
    assert_eq!(shown(&world, directory, "latest").await["syncRunId"], json!(dry));
    assert_eq!(shown(&world, directory, &completed[..35]).await["syncRunId"], json!(completed));
    assert_eq!(shown(&world, directory, failed).await["tries"][0]["errorCode"], "RECORD_DELETED");
    for (arguments, words) in [
        (vec!["runs", "show", "abc"], "there is no run `abc`"),
        (vec!["runs", "show", "0"], "several runs have ids that begin with `0`"),
        (
            vec!["runs", "show", "00000000-0000-7000-8000-000000000000"],
            "there is no run `00000000-0000-7000-8000-000000000000`",
        ),
        (vec!["runs", "show"], "<SYNC_RUN_ID>"),
        (vec!["runs", "list", "--record", "abc"], "`abc` is not a Salesforce record ID"),
        (vec!["runs", "list", "--status", "ended"], "Partial Success"),
        (vec!["runs", "list", "--since", "someday"], "how long ago: 90m, 36h, 1d, 2w"),
        (vec!["runs", "list", "--limit", "0"], "1..=1000"),
        (vec!["runs", "list", "--state", "asleep"], "--state"),
    ] {
        let (code, text) = run(&world, directory, &arguments).await;
        assert!(code == 2 && text.contains(words), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_run_again_from_the_terminal() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (code, text) = run(&world, directory, &["sync", WITHOUT_TEMPLATE]).await;
    assert!(code == 3 && text.contains("Partial Success"), "{text}");
    run(&world, directory, &["sync", DELETED]).await;
    run(&world, directory, &["sync", DEAL]).await;
    let all = listed(&world, directory, &[]).await;
    let [completed, failed, partly] = all.as_slice() else { panic!("{all:?}") };

    let writes = world.m3ter_writes().len();
    let (code, text) = run(&world, directory, &["runs", "replay", completed]).await;
    assert!(
        code == 0
            && text.contains("unchanged")
            && text.contains("Completed: Sync process completed successfully"),
        "{text}"
    );
    assert_eq!(world.m3ter_writes().len(), writes, "nothing has changed since");
    let (code, text) = run(&world, directory, &["runs", "replay", partly]).await;
    assert!(code == 3 && text.contains("Partial Success"), "{text}");
    let again = listed(&world, directory, &["--limit", "2"]).await;
    for (replay, first) in again.iter().zip([partly, completed]) {
        assert_eq!(shown(&world, directory, replay).await["replayOf"], json!(first));
        assert_eq!(shown(&world, directory, first).await["replays"], json!([replay]));
    }

    // Many are left to the running service: they are planned, one each record, and no end dating
    // among them.
    for (kind, expected) in [("sync", 1), ("endDate", 0)] {
        let (code, text) = run(
            &world,
            directory,
            &["runs", "replay", "--error-code", "RECORD_DELETED", "--kind", kind, "--dry-run"],
        )
        .await;
        assert!(
            code == 0
                && text.starts_with(&format!("{expected} run"))
                && text.contains("would be run again"),
            "{text}"
        );
        assert_eq!(text.contains("RECORD_DELETED"), expected == 1, "{text}");
    }
    let (code, text) = run(
        &world,
        directory,
        &["runs", "replay", "--error-code", "RECORD_DELETED", "--limit", "10"],
    )
    .await;
    let planned = text.lines().nth(1).unwrap_or_default();
    assert!(
        code == 0
            && text
                .starts_with("1 run will be run again by the running service, one every 400 ms\n"),
        "{text}"
    );
    let shown_plan = shown(&world, directory, planned).await;
    assert_fields!(shown_plan, { "state": "retrying", "replayOf": failed });
    let (code, text) =
        run(&world, directory, &["runs", "replay", "--error-code", "RECORD_DELETED"]).await;
    assert!(
        code == 0 && text.starts_with("0 runs will be run again"),
        "a newer run of the record is there: {text}"
    );
    for (arguments, words) in [
        (vec!["runs", "replay"], "say which runs: an ID, --error-code, --since or --record"),
        (vec!["runs", "replay", "--limit", "10"], "say which runs"),
        (vec!["runs", "replay", "abc"], "there is no run `abc`"),
        (vec!["runs", "replay", completed, "--error-code", "X"], "cannot be used with"),
        (vec!["runs", "replay", "--record", "abc"], "`abc` is not a Salesforce record ID"),
        (vec!["runs", "replay", "--status", "Completed"], "--status"),
    ] {
        let (code, text) = run(&world, directory, &arguments).await;
        assert!(code == 2 && text.contains(words), "{arguments:?}: {text}");
    }
}
