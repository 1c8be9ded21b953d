//! Backfills: what a verification named is synced by the running service, and the command tells
//! what became of it.

use std::path::Path;

use serde_json::json;

use super::commands::run_with;
use super::verify::{Made, found, verify};
use crate::support::*;

async fn run(world: &World, directory: &Path, arguments: &[&str]) -> (i32, String) {
    run_with(world, directory, arguments, &[("DATABASE_URL", &world.database_url())]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_a_verification_named_are_synced_and_reported() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let run = async |arguments: &[&str]| run(&world, directory.path(), arguments).await;
    for command in [&["backfill", "latest"][..], &["verify", "--show", "latest"]] {
        let (code, text) = run(command).await;
        assert!(code == 2 && text.contains("there is no verification yet"), "{text}");
    }
    let made = Made::new(&world).await;
    let ids: Vec<&String> = made.records.values().collect();
    let request = json!({ "recordIds": ids });
    let first = verify(&world, &request).await;
    let id = first["verificationId"].as_str().unwrap();
    let (missing, differs) = (&made.records["missing"], &made.records["differs"]);

    let (code, text) = run(&["verify", "--show", &id[..30], "--status", "gone,foreign"]).await;
    assert!(code == 0 && text.matches("\ngone\t006").count() == 3, "{code} {text}");
    assert!(text.contains("\nforeign\t") && !text.contains(missing.as_str()), "{text}");

    let before = world.m3ter_writes().len();
    let (code, text) = run(&["backfill", "latest", "--dry-run"]).await;
    assert!(code == 0 && text.starts_with("2 syncs would be planned\n"), "{code} {text}");
    for told in [missing.as_str(), differs, "never synced", "Commitment of"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    for (arguments, told) in [
        (&["backfill", "latest", "--status", "foreign"][..], "a sync can put right what is gone"),
        (&["backfill", "latest", "--status", "wrong"], "missing, failed, partial, differs"),
        (&["backfill", "nonsense"], "there is no verification `nonsense`"),
        (&["backfill", "latest", "--limit", "0"], "1..=10000"),
        (&["backfill", "latest", "--cancel", "--dry-run"], "--dry-run"),
        (&["verify", "--show", "latest", "--status", "wrong"], "it takes gone, missing"),
    ] {
        let (code, text) = run(arguments).await;
        assert!(code == 2 && text.contains(told), "{arguments:?}: {text}");
    }
    assert_eq!(world.m3ter_writes().len(), before, "nothing was planned");

    // The same command again continues with the next ones.
    let (code, text) = run(&["backfill", "latest", "--limit", "1"]).await;
    assert!(
        code == 0 && text.contains("1 sync planned") && text.contains("Completed\t1"),
        "{text}"
    );
    let (code, text) = run(&["backfill", id, "--status", "missing,differs,partial"]).await;
    assert!(code == 3 && text.contains("2 syncs planned"), "{code} {text}");
    for told in ["Completed\t2", "Partial Success\t1", made.records["partial"].as_str()] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let (code, text) = run(&["backfill", id]).await;
    assert!(code == 3 && text.contains("0 syncs planned"), "{code} {text}");
    let (code, text) = run(&["backfill", id, "--cancel"]).await;
    assert!(code == 0 && text.contains("0 syncs that had not begun"), "{code} {text}");

    let again = verify(&world, &request).await;
    assert_eq!(
        again["compared"],
        json!({ "previousVerificationId": id, "newSince": 0, "solvedSince": 2 })
    );
    let again = found(&world, &again).await;
    for record in [missing, differs] {
        assert_eq!(again[record]["status"], "in_sync", "{:#}", again[record]);
    }
    let (_, text) = run(&["verify", "--show", "latest"]).await;
    assert!(
        text.contains(&format!("Since {id}: 0 more need attention, 2 no longer do.")),
        "{text}"
    );
}
