//! Commands that speak to a service, with an address and a key and nothing else.

use std::process::Command;

use axum::Router;
use axum::routing::get;
use serde_json::Value as Json;
use sync_to_m3ter::callers::Callers;

use crate::support::*;

/// Exit code and both outputs of the program that has these variables only.
pub(super) async fn ask(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().args(arguments).envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_machine_needs_an_address_and_no_secret_of_anybody() {
    let world = World::new().await;
    let url = world.url("");
    let service = [("SYNC_TO_M3TER_URL", url.as_str())];
    let (code, text) = ask(&["sync", DEAL, "--dry-run", "--exit-code"], &service).await;
    assert!(code == 5 && text.contains("Acme Corporation"), "{text}");
    let (code, text) = ask(&["sync", DEAL, WITHOUT_TEMPLATE], &service).await;
    assert!(code == 3 && text.contains("2 records: 1 Completed, 1 Partial Success"), "{text}");
    let (code, text) = ask(&["sync", DEAL, "--url", &url, "--output", "json"], &[]).await;
    let result: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((code, &result["counts"]["unchanged"]), (0, &Json::from(6)), "{text}");
    let id = result["syncRunId"].as_str().unwrap();

    let (code, listed) = ask(&["runs", "list", "--status", "completed"], &service).await;
    assert!(code == 0 && listed.contains(id) && !listed.contains(WITHOUT_TEMPLATE), "{listed}");
    let (_, one) = ask(&["runs", "list", "--limit", "1", "--output", "json"], &service).await;
    let one: Json = serde_json::from_str(&one).unwrap();
    assert_eq!(one["syncRunId"], id);
    // The API says of a run what the database does.
    let local = [("DATABASE_URL", world.database_url())];
    let local = local.each_ref().map(|(name, url)| (*name, url.as_str()));
    for arguments in [
        vec!["runs", "show", id],
        vec!["runs", "show", "latest"],
        vec!["runs", "show", &id[..30]],
        vec!["changes", "list", "--output", "json"],
    ] {
        let (code, remote) = ask(&arguments, &service).await;
        assert_eq!((code, &remote), (0, &ask(&arguments, &local).await.1), "{arguments:?}");
    }
    for place in [&service[..], &local] {
        let (code, text) = ask(&["runs", "watch", id], place).await;
        assert!(code == 0 && text.contains("Completed"), "{text}");
    }
    let (code, text) = ask(&["runs", "replay", id], &service).await;
    assert!(code == 0 && text.contains("Objects: 6 unchanged."), "{text}");
    world.sync(DELETED).await;
    let replay = ["runs", "replay", "--error-code", "RECORD_DELETED"];
    let (code, text) = ask(&[&replay[..], &["--dry-run"]].concat(), &service).await;
    assert!(
        code == 0 && text.contains("1 run would be run again") && text.contains(DELETED),
        "{text}"
    );
    let (code, text) = ask(&replay, &service).await;
    assert!(code == 0 && text.contains("1 run will be run again"), "{text}");
    let (code, text) = ask(&["runs", "show", "abc"], &service).await;
    assert!(code == 2 && text.contains("there is no run `abc`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_changes_links_ends_billing_and_pauses_by_a_service() {
    let world = World::new().await;
    let url = world.url("");
    let service = [("SYNC_TO_M3TER_URL", url.as_str())];
    let local = world.database_url();
    let local = [("DATABASE_URL", local.as_str())];
    world.sync(DEAL).await;
    // The service says of links what the database does.
    for arguments in [vec!["links", "list"], vec!["links", "list", LINE, "--output", "json"]] {
        let (code, remote) = ask(&arguments, &service).await;
        assert!(code == 0 && remote.contains("Pricing"), "{remote}");
        assert_eq!(remote, ask(&arguments, &local).await.1, "{arguments:?}");
    }
    let forget = ["links", "forget", DEAL, "--kind", "contract"];
    let (code, text) = ask(&[&forget[..], &["--dry-run"]].concat(), &service).await;
    assert!(code == 0 && text.contains("This link would be forgotten"), "{text}");
    let (code, text) = ask(&forget, &service).await;
    assert!(code == 2 && text.contains("--yes"), "nobody can be asked: {text}");
    let (code, text) = ask(&[&forget[..], &["--yes"]].concat(), &service).await;
    let run = format!("{DEAL}: run ");
    assert!(code == 0 && text.contains("This link was forgotten") && text.contains(&run), "{text}");
    let (code, text) = ask(&[&forget[..], &["--yes"]].concat(), &service).await;
    assert!(code == 2 && text.contains("Nothing was changed: no link belongs to"), "{text}");
    let (code, text) = ask(&["links", "move", DEAL, DEAL, "--yes"], &service).await;
    assert!(code == 2 && text.contains("are the same row"), "{text}");
    let (code, text) =
        ask(&["links", "move", ACCOUNT, "001S90000079HOOIA2", "--dry-run"], &service).await;
    assert!(code == 0 && text.contains("would be handed over from"), "{text}");
    let result = world.sync(DEAL).await;
    assert_all(&result, "unchanged");

    let end = ["end-date", DEAL, "--date", "2026-07-01", "--entities", "CONTRACT,ACCOUNTPLAN"];
    let (code, text) =
        ask(&[&end[..], &["--dry-run", "--output", "json"]].concat(), &service).await;
    let foreseen: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let plan = foreseen["planHash"].as_str().unwrap();
    assert!(code == 0 && foreseen["dryRun"] == true, "{text}");
    let (code, text) = ask(&end, &service).await;
    assert!(code == 2 && text.contains("nothing was ended"), "{text}");
    let (code, text) = ask(&[&end[..], &["--expected-plan", plan]].concat(), &service).await;
    assert!(code == 0 && text.contains("Completed"), "{text}");
    let (code, text) = ask(&["reopen", DEAL, "--dry-run"], &service).await;
    assert!(code == 0 && text.contains("would be forgotten"), "{text}");
    assert_eq!(text, ask(&["reopen", DEAL, "--dry-run"], &local).await.1);
    let (code, text) = ask(&["reopen", DEAL], &service).await;
    assert!(code == 0 && text.contains("no longer hold") && text.contains("\nrun "), "{text}");
    let (code, text) = ask(&["reopen", DEAL], &service).await;
    assert!(code == 2 && text.contains("There is nothing to reopen"), "{text}");

    let (code, text) = ask(&["pause", "--reason", "prices are wrong"], &service).await;
    assert!(code == 0 && text.contains("The service is paused: "), "{text}");
    assert!(text.contains("prices are wrong"), "{text}");
    let (_, text) = ask(&["pause", "--reason", "again"], &local).await;
    assert!(text.contains("is paused already"), "it is the same pause: {text}");
    let (code, text) = ask(&["resume", "--reason", "they are right"], &service).await;
    assert!(code == 0 && text.contains("The service has resumed"), "{text}");
    let (code, text) = ask(&["resume"], &service).await;
    assert!(code == 0 && text.contains("The service is not paused"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_role_is_told_what_it_lacks() {
    let mut world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.toml").display().to_string();
    let mut keys = Vec::new();
    for role in ["viewer", "caller"] {
        let new = ["keys", "new", "--name", role, "--role", role, "--file", &file];
        let (code, text) = ask(&new, &[]).await;
        assert_eq!(code, 0, "{text}");
        keys.push(text.lines().next().unwrap().to_owned());
    }
    let known = file.clone();
    world
        .reconfigure(move |config| {
            config.access.callers = Some(Callers::from_file(known.clone().into()).unwrap());
        })
        .await;
    let url = world.url("");
    let key_file = directory.path().join("key");
    std::fs::write(&key_file, &keys[1]).unwrap();
    let key_file = key_file.display().to_string();
    let [viewer, caller, nobody, wrong] = [
        ("SYNC_TO_M3TER_KEY", keys[0].as_str()),
        ("SYNC_TO_M3TER_KEY_FILE", &key_file),
        ("LANG", "C"),
        ("SYNC_TO_M3TER_KEY", "s2m_hunter2"),
    ];
    for (key, arguments, code, words) in [
        (viewer, vec!["runs", "list"], 0, ""),
        (viewer, vec!["sync", DEAL], 2, "does not let this key do that: The API key "),
        (caller, vec!["sync", DEAL], 0, "Completed"),
        (caller, vec!["runs", "list"], 2, "use a key with the role `viewer` or `operator`"),
        (viewer, vec!["links", "list"], 0, ""),
        (viewer, vec!["links", "forget", DEAL, "--yes"], 2, "use a key with the role `operator`"),
        (caller, vec!["pause", "--reason", "none"], 2, "use a key with the role `operator`"),
        (viewer, vec!["adopt"], 0, ""),
        (viewer, vec!["erase", DEAL, "--yes"], 2, "use a key with the role `operator`"),
        (viewer, vec!["verify", "--root", "Opportunity"], 2, "use a key with the role `operator`"),
        (viewer, vec!["verify", "--show", "latest"], 2, "there is no verification yet"),
        (caller, vec!["backfill", "latest"], 2, "use a key with the role `viewer` or `operator`"),
        (nobody, vec!["runs", "list"], 2, "does not accept the key"),
        (wrong, vec!["runs", "list"], 2, "SYNC_TO_M3TER_KEY_FILE, to one that it knows"),
    ] {
        let (ended, text) = ask(&arguments, &[("SYNC_TO_M3TER_URL", &url), key]).await;
        assert!(ended == code && text.contains(words), "{key:?} {arguments:?}: {ended} {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// The address of a server that is no such service.
async fn served(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn something_other_than_the_service_or_another_version_is_reported_as_such() {
    let document = "openapi: 3.0.3\ninfo:\n  version: \"9.9.9\"\npaths:\n  /sync-to-m3ter:\n";
    let later = served(Router::new().route("/openapi.yaml", get(async move || document))).await;
    let other = served(Router::new()).await;
    let free = format!("http://127.0.0.1:{}", ports::free_port());
    let world = World::new().await;
    let secure = world.url("").replace("http:", "https:");
    let (page, below) = (world.url("/console/runs"), format!("{other}/base"));
    for (url, code, words) in [
        (later.as_str(), 2, "is version 9.9.9, and this program is "),
        (&other, 2, "there is no sync-to-m3ter at"),
        (&free, 4, "does not answer: "),
        ("http://sync.example", 2, "--url must begin with https://"),
        ("https://me:hunter2@sync.example", 2, "--url must not hold credentials"),
        ("nonsense", 2, "--url is not a URL: it must begin with https://"),
        ("localhost:8080", 2, "--url must begin with https:// (http:// is for loopback only)"),
        (&secure, 2, "speaks no TLS: on this machine, begin --url with http://"),
        (&page, 2, "--url has the path `/console/runs`; try http://127.0.0.1:"),
        (&below, 2, "--url has the path `/base`; try http://127.0.0.1:"),
        ("https://sync.example/?a=b", 2, "--url must be the address alone, such as https://"),
        ("https://sync.example/#runs", 2, "leave out `?` or `#` and what follows"),
    ] {
        let (ended, text) = ask(&["runs", "list", "--url", url], &[]).await;
        assert!(ended == code && text.contains(words), "{url}: {ended} {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let variable = [("SYNC_TO_M3TER_URL", below.as_str())];
    let (_, text) = ask(&["runs", "list"], &variable).await;
    assert!(text.contains("SYNC_TO_M3TER_URL has the path `/base`"), "{text}");
    let (code, text) = ask(&["check", "--url", &later], &[]).await;
    assert!(code == 2 && text.contains("--url is for `sync`, `end-date`, "), "{text}");
}
