//! What the commands print: for a person at a terminal, for a pipe, for programs; and the exit
//! codes.

use serde_json::Value as Json;

use crate::operations::commands::{at_a_terminal, run, run_with};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_a_table_a_pipe_gets_lines_and_programs_get_json_and_csv() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (code, json) = run(&world, directory, &["sync", DEAL, "--output", "json"]).await;
    let result: Json = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((code, &result["syncStatus"]), (0, &Json::from("Completed")), "{json}");
    let id = result["syncRunId"].as_str().unwrap();

    let list = ["runs", "list"];
    let (code, piped) = run(&world, directory, &list).await;
    let cells: Vec<&str> = piped.trim_end().split('\t').collect();
    assert!(code == 0 && cells.len() == 13 && cells[..2] == [id, DEAL], "{piped}");
    assert!(cells[4].parse::<jiff::Timestamp>().is_ok(), "{piped}");
    let (_, forced) = run_with(&world, directory, &list, &[("CLICOLOR_FORCE", "1")]).await;
    assert!(forced.contains("\u{1b}[32mCompleted\u{1b}["), "{forced:?}");
    let (_, json) = run(&world, directory, &[&list[..], &["--output", "json"]].concat()).await;
    let listed: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(listed["syncRunId"], id, "{json}");

    // 100 columns do not hold all of them, and break neither id.
    let (code, shown) = at_a_terminal(&world, directory, &list, "").await;
    assert!(code == 0 && shown.contains(id) && shown.contains(DEAL), "{shown}");
    assert!(shown.contains(" ago") && !shown.contains("Tries"), "{shown}");
    assert!(shown.contains("\u{1b}[") && !shown.contains(['|', '┆', '═', '─']), "{shown}");
    let (_, exact) = at_a_terminal(&world, directory, &[&list[..], &["--utc"]].concat(), "").await;
    assert!(!exact.contains(" ago") && exact.contains("Z "), "{exact}");
    let (_, shown) = at_a_terminal(&world, directory, &["runs", "show", "latest"], "").await;
    assert!(shown.contains(id) && shown.contains("Objects: 6 created."), "{shown}");

    for arguments in [
        vec!["changes", "list", "--limit", "200"],
        vec!["links", "list"],
        vec!["mapping", "list"],
        vec!["mapping", "show", "Opportunity"],
        vec!["check"],
    ] {
        let (code, piped) = run(&world, directory, &arguments).await;
        let is_list = !arguments.contains(&"check");
        assert!(code == 0 && piped.contains('\t') == is_list, "{arguments:?}: {piped}");
        assert!(!piped.contains(['┆', '═', '─', '\u{1b}']), "{arguments:?}: {piped}");
        let json = [&arguments[..], &["--output", "json"]].concat();
        let (code, json) = run(&world, directory, &json).await;
        assert!(
            code == 0 && json.lines().all(|line| serde_json::from_str::<Json>(line).is_ok()),
            "{arguments:?}: {json}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_checked_tested_and_explained_is_for_programs_too() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let own = directory.join("own");
    std::fs::create_dir(&own).unwrap();
    let file = own.join("opportunity.toml");
    std::fs::write(&file, "extends = \"Opportunity\"\n[contract]\nnmae = \"Name\"\n").unwrap();
    let keys = directory.join("keys.toml");
    std::fs::write(&keys, "[[key]]\nname = \"flow\"\nrole = \"nobody\"\n").unwrap();
    let [own, file, keys] = [&own, &file, &keys].map(|path| path.display().to_string());
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/cases");
    let case = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let case = case.map(|path| path.display().to_string());
    let case = case.filter(|path| !path.ends_with(".expected.json")).max().unwrap();
    let fault = format!("{file}:3");
    for (arguments, ended, property, value) in [
        (vec!["mapping", "check", &file], 1, "about", fault.as_str()),
        (vec!["mapping", "check", "--mappings-dir", &own], 1, "about", &fault),
        (vec!["mapping", "check"], 0, "severity", "green"),
        (vec!["mapping", "check", "--org"], 0, "severity", "yellow"),
        (vec!["mapping", "test", cases], 0, "verdict", "as expected"),
        (vec!["mapping", "explain", &case, "account.name"], 0, "depth", "0"),
        (vec!["keys", "check", "--file", &keys], 1, "severity", "red"),
    ] {
        let (code, json) = run(&world, directory, &with(&arguments, "json")).await;
        let lines: Vec<Json> =
            json.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(code == ended && lines.iter().any(|line| line[property] == value), "{json}");
        let (code, csv) = run(&world, directory, &with(&arguments, "csv")).await;
        assert!(code == ended && csv.lines().count() > lines.len(), "{csv}");
        let (code, text) = run(&world, directory, &arguments).await;
        assert_eq!(code, ended, "{text}");
    }
}

fn with<'a>(arguments: &[&'a str], output: &'a str) -> Vec<&'a str> {
    [arguments, &["--output", output]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_distinguish_what_a_script_must_distinguish() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let compare = ["sync", DEAL, "--dry-run", "--exit-code"];
    assert_eq!(run(&world, directory, &compare).await.0, 5, "all of it is new");
    assert_eq!(run(&world, directory, &compare[..3]).await.0, 0, "nobody asked");
    assert_eq!(run(&world, directory, &["sync", DEAL]).await.0, 0);
    assert_eq!(run(&world, directory, &compare).await.0, 0, "nothing differs");
    let (code, text) = run(&world, directory, &["sync", WITHOUT_TEMPLATE]).await;
    assert!(code == 3 && text.contains("as the record asks; not so: Plan of "), "{text}");
    assert!(text.contains("Partial Success: ") && !text.contains("successfully"), "{text}");
    assert_eq!(run(&world, directory, &["sync", DELETED]).await.0, 1);
    assert_eq!(run(&world, directory, &["sync", "abc"]).await.0, 2);
    let away = [("SALESFORCE_LOGIN_URL", "http://127.0.0.1:1"), ("SYNC_TIME_LIMIT", "2")];
    let (code, text) = run_with(&world, directory, &["sync", DEAL], &away).await;
    assert_eq!(code, 4, "{text}");
    assert!(!text.contains('\u{1b}'), "the log of a pipe has no colours: {text:?}");
}

/// What reads the database needs neither vendor's settings.
#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_with_the_settings_of_the_database_alone() {
    let world = World::new().await;
    world.sync(DEAL).await;
    for arguments in [vec!["runs", "list"], vec!["runs", "show", "latest"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
        command.env_clear().env("DATABASE_URL", world.database_url()).args(&arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(DEAL), "{arguments:?}: {text}");
    }
}
