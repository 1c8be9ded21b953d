//! `sync` for people: several records, how far it is, and what an interrupt does.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::operations::commands::{at_a_terminal, run, run_with};
use crate::support::program::program;
use crate::support::*;

/// What `sync` says to whom gives it records on standard input.
async fn piped(world: &World, directory: &Path, arguments: &[&str], input: &str) -> (i32, String) {
    let mut command = program(world, directory);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = ended.await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_are_synced_in_turn_and_the_worst_result_decides() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let address =
        format!("https://acme.lightning.force.com/lightning/r/Opportunity/{WITHOUT_TEMPLATE}/view");
    world.org.clear_requests();
    let arguments = ["sync", DEAL, &address, DELETED, &DEAL[..15]];
    let (code, text) = run(&world, directory, &arguments).await;
    assert_eq!(code, 1, "{text}");
    for words in [
        format!("{DEAL} (1 of 3)"),
        format!("{WITHOUT_TEMPLATE} (2 of 3)"),
        format!("{DELETED} (3 of 3)"),
        "3 records: 1 Completed, 1 Partial Success, 1 Failed".to_owned(),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    // One login for all of them.
    let logins = world.org.requests();
    let logins = logins.iter().filter(|request| request.path.ends_with("/token")).count();
    assert_eq!(logins, 1);
    assert_eq!(run(&world, directory, &arguments[..3]).await.0, 3, "none failed");

    let listed = format!("{DEAL}\n\n  {address}\n");
    let (code, json) = piped(&world, directory, &["sync", "-", "--output", "json"], &listed).await;
    let records: Vec<Json> =
        json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ids: Vec<&Json> = records.iter().map(|result| &result["parentRecordId"]).collect();
    assert_eq!((code, ids), (3, vec![&Json::from(DEAL), &Json::from(WITHOUT_TEMPLATE)]), "{json}");
    let (_, csv) = piped(&world, directory, &["sync", "-", "--output", "csv"], &listed).await;
    let names = csv.lines().filter(|line| line.starts_with("Record,Object,")).count();
    assert_eq!(names, 1, "{csv}");
    for record in [DEAL, WITHOUT_TEMPLATE] {
        assert!(csv.contains(&format!("\n{record},Account,001")), "{csv}");
    }

    // What is wrong is told at once, and nothing is begun.
    world.organization.clear_requests();
    for (arguments, input, words) in [
        (vec!["sync", DEAL, "abc", "def"], "", vec!["`abc` is not a", "`def` is not a"]),
        (vec!["sync", "-"], " \n", vec!["standard input names no record"]),
        (
            vec!["sync", "-"],
            "\u{feff}006S900000795MM\n\nabc\n006S900000795MM\n def \n",
            vec!["line 3: `abc` is not a", "line 5: `def` is not a"],
        ),
        (vec!["sync", "-"], &"x\n".repeat(500), vec!["line 20: `x` is not a", "and 480 more"]),
        (
            vec!["sync", "-"],
            "PK\u{3}\u{4}",
            vec!["standard input is an Excel workbook or another archive, not text: save it as "],
        ),
        (vec!["sync"], "", vec!["<RECORD_ID>"]),
        (
            vec!["sync", DEAL, DELETED, "--expected-plan", &"0".repeat(64)],
            "",
            vec!["--expected-plan"],
        ),
    ] {
        let (code, text) = piped(&world, directory, &arguments, input).await;
        assert!(
            code == 2 && words.iter().all(|words| text.contains(words)),
            "{arguments:?}: {text}"
        );
    }
    assert!(world.organization.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_sync_says_what_is_done_and_what_it_waits_for() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let slow = || Fault::new("POST", "/accounts", FaultKind::Delay { ms: 5_000 });
    world.organization.add_fault(slow());
    let (code, text) = run(&world, directory, &["sync", DEAL]).await;
    assert_eq!(code, 0, "{text}");
    let told = |line: &&str| line.starts_with(&format!("syncing {DEAL}: 6 objects"));
    let told: Vec<&str> = text.lines().filter(told).collect();
    let is_new = |pair: &[&str]| pair[0] != pair[1];
    assert!(
        !told.is_empty() && told.windows(2).all(is_new),
        "a line where something is new: {text}"
    );
    assert!(text.contains("6 objects: 0 done, 1 being written, "), "{text}");
    assert!(text.contains(" waiting for the Account"), "{text}");
    assert!(text.contains("Objects: 6 created."), "{text}");

    world.organization.add_fault(Fault::new(
        "GET",
        "/organizationconfig",
        FaultKind::Delay { ms: 3_000 },
    ));
    let (code, shown) = at_a_terminal(&world, directory, &["sync", DEAL], "").await;
    assert!(code == 0 && shown.contains("\r\u{1b}[K"), "{shown:?}");
    assert!(shown.contains(" s: reading Salesforce and m3ter"), "{shown:?}");
    world.organization.add_fault(Fault::new(
        "GET",
        "/organizationconfig",
        FaultKind::Delay { ms: 3_000 },
    ));
    let (code, text) = run(&world, directory, &["sync", DEAL, "--quiet"]).await;
    assert!(code == 0 && !text.contains("syncing"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_releases_the_run_and_the_next_sync_continues_it() {
    gives_the_run_back_on(&["-INT"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_an_order_to_stop() {
    gives_the_run_back_on(&["-TERM"]).await;
}

/// A terminal that is closed tells its processes so, and so does its shell.
#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_terminal_that_is_closed() {
    gives_the_run_back_on(&["-HUP", "-HUP"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_ignores_hangups_goes_on() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    world.organization.add_fault(Fault::new("POST", "/accounts", FaultKind::Delay { ms: 1_500 }));
    let mut command = program(&world, directory.path());
    command.args(["sync", DEAL]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ignoring = std::process::Command::new("nohup");
    ignoring
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(directory.path())
        .arg(command.get_program())
        .args(command.get_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = ignoring.spawn().unwrap();
    let output = signalled(&world, child, &["-HUP"]).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && told.contains("Objects: 6 created."), "{told}");
}

/// Sends these signals while the Account is being created, and waits for the process.
async fn signalled(
    world: &World,
    child: std::process::Child,
    signals: &[&str],
) -> std::process::Output {
    let is_asked = || world.m3ter_writes().iter().any(|write| write.path == "/accounts");
    while !is_asked() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let id = child.id().to_string();
    for signal in signals {
        let sent = std::process::Command::new("kill").args([signal, id.as_str()]).status();
        assert!(sent.unwrap().success());
    }
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

async fn gives_the_run_back_on(signals: &[&str]) {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    world.organization.add_fault(Fault::new("POST", "/accounts", FaultKind::Delay { ms: 1_500 }));
    let mut command = program(&world, directory);
    command.args(["sync", DEAL, DELETED]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let output = signalled(&world, child, signals).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    for words in [
        format!("of {DEAL} was given back"),
        "a running service with this database continues it at once".to_owned(),
        format!("without one, the next `sync-to-m3ter sync {DEAL}` does"),
        "sync-to-m3ter runs show ".to_owned(),
        format!("Not begun: {DELETED}"),
    ] {
        assert!(told.contains(&words), "{words}: {told}");
    }
    let database = format!("sqlite://{}", directory.join("runs.db").display());
    let variables = [("DATABASE_URL", database.as_str())];
    let (_, shown) = run_with(&world, directory, &["runs", "show", "latest"], &variables).await;
    let shown: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["state"], "running", "{shown:#}");
    // Nobody waits for its lease.
    let (code, text) = run_with(&world, directory, &["sync", DEAL], &variables).await;
    assert!(code == 0 && text.contains("Completed"), "{text}");
    world.object("accounts", "code", "001S900000RzsIUIAZ");
    let run = ["runs", "list", "--output", "json"];
    let (_, listed) = run_with(&world, directory, &run, &variables).await;
    let listed: Vec<Json> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(listed.iter().all(|run| run["syncStatus"] == "Completed"), "{listed:#?}");
    assert_eq!(listed.len(), 2, "{listed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_that_cannot_be_undone_ask_for_confirmation() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    run(&world, directory, &["sync", DEAL]).await;
    let keys = directory.join("keys.toml").display().to_string();
    let new = ["keys", "new", "--name", "flow", "--role", "caller", "--file", &keys];
    run(&world, directory, &new).await;
    let commands = [
        (vec!["erase", DEAL], "Type its ID to do it:", "y", DEAL),
        (vec!["links", "forget", DEAL], "[y/N]", "n", "y"),
        (vec!["keys", "revoke", "flow", "--file", &keys], "[y/N]", "n", "y"),
    ];
    for (arguments, asked, no, _) in &commands {
        let (code, text) = run(&world, directory, arguments).await;
        assert!(code == 2 && text.contains("with --yes"), "{arguments:?}: {text}");
        let (code, text) = at_a_terminal(&world, directory, arguments, &format!("{no}\n")).await;
        assert!(
            code == 1 && text.contains(asked) && text.contains("Nothing was done."),
            "{arguments:?}: {text}"
        );
    }
    let (_, links) = run(&world, directory, &["links", "list", DEAL]).await;
    let (_, listed) = run(&world, directory, &["keys", "list", "--file", &keys]).await;
    assert!(links.contains("Contract") && listed.contains("flow"), "{links}{listed}");
    for (arguments, _, _, yes) in &commands {
        let (code, text) = at_a_terminal(&world, directory, arguments, &format!("{yes}\n")).await;
        assert_eq!(code, 0, "{arguments:?}: {text}");
    }
    let (_, links) = run(&world, directory, &["links", "list", DEAL]).await;
    assert!(!links.contains(&format!("{DEAL}\tContract")), "{links}");
}
