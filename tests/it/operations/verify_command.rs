//! `verify` from a terminal: what its exit code says whatever is told, whose mappings count, what
//! an interrupt leaves, and how one is ended and continued.

use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::operations::commands::{environment, run_with};
use crate::operations::verify::{Made, synced};
use crate::support::*;

const LIST: &str = "/commitments";

/// A terminal of its own, with the database of the service.
struct Terminal<'a> {
    world: &'a World,
    directory: tempfile::TempDir,
}

impl<'a> Terminal<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, directory: tempfile::tempdir().unwrap() }
    }

    async fn verify(&self, arguments: &[&str]) -> (i32, String) {
        self.verify_with(arguments, &[]).await
    }

    async fn verify_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> (i32, String) {
        let database = self.world.database_url();
        let variables = [&[("DATABASE_URL", database.as_str())], more].concat();
        let words = [&["verify"], arguments].concat();
        run_with(self.world, self.directory.path(), &words, &variables).await
    }

    /// A file that goes with it.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// The newest verification that the service knows.
async fn newest(world: &World) -> Json {
    let (_, page) = world.get("/verifications?limit=1").await;
    let page: Json = serde_json::from_str(&page).unwrap();
    page["verifications"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_what_was_found_whatever_is_told() {
    let world = World::new().await;
    let made = Made::new(&world).await;
    let terminal = Terminal::new(&world);
    let of = |names: &[&str]| {
        let ids: Vec<&str> = names.iter().map(|name| made.records[name].as_str()).collect();
        terminal.file("deals", &ids.join("\n"))
    };
    for (names, expected) in [
        (&["in_sync", "differs"][..], 5),
        (&["in_sync", "partial"], 1),
        (&["in_sync", "missing", "partial"], 1),
        (&["in_sync", "ended"], 0),
    ] {
        let file = of(names);
        for told in ["in_sync", "gone", "partial,differs,missing"] {
            let words = ["--file", &file, "--exit-code", "--status", told];
            let (code, text) = terminal.verify(&words).await;
            assert_eq!(code, expected, "{names:?}, told of {told}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_told_of_by_what_people_call_it() {
    let world = World::new().await;
    let terminal = Terminal::new(&world);
    let (_, text) = terminal.verify(&["--output", "csv"]).await;
    let org = world.org.vendor();
    for (sobject, id, field) in [
        ("Contract", "800S90000079CONIA2", "ContractNumber"),
        ("Order", "801S90000079ORDIA2", "OrderNumber"),
        ("SBQQ__Quote__c", "a0QS90000079QUOMA2", "Name"),
    ] {
        let name = org.record(sobject, id).unwrap()[field].as_str().unwrap().to_owned();
        let line = format!("missing,{id},{name},It is ready and was never synced\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    // It is told where it was asked for, in each form.
    let id = newest(&world).await["verificationId"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("Verification {id} completed")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_from_a_terminal_has_its_mappings_although_a_service_has_others() {
    let world = World::new().await;
    let deal = synced(&world, "Acme", &json!({})).await;
    let terminal = Terminal::new(&world);
    let file = terminal.file("deals", &deal);
    let overlay = "extends = \"Opportunity\"\n[contract]\nname = { value = \"Another\" }\n";
    terminal.file("mappings/opportunity.toml", overlay);
    let mappings = terminal.directory.path().join("mappings").display().to_string();
    for _ in 0..3 {
        let words = ["--file", &file, "--exit-code"];
        let (code, text) = terminal.verify_with(&words, &[("MAPPINGS_DIR", &mappings)]).await;
        assert!(code == 5 && text.contains("differs\t1"), "{code} {text}");
    }
    let (code, text) = terminal.verify(&["--file", &file, "--exit-code"]).await;
    assert_eq!(code, 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_verification_is_given_back_and_says_so() {
    let world = World::new().await;
    let deal = synced(&world, "Acme", &json!({})).await;
    let terminal = Terminal::new(&world);
    let file = terminal.file("deals", &deal);
    // Of a database that no service works on.
    let database = format!("sqlite://{}", terminal.directory.path().join("own.db").display());
    let own = [("DATABASE_URL", database.as_str())];
    world.organization.clear_requests();
    world.organization.add_fault(Fault::new("GET", LIST, FaultKind::Hang));
    let program = env!("CARGO_BIN_EXE_sync-to-m3ter");
    let mut command = environment(&world, terminal.directory.path(), program);
    command.args(["verify", "--file", &file]).envs(own);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_faulted(&world).await;
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let (code, text) = tokio::task::spawn_blocking(move || {
        let code = process.wait().unwrap().code().unwrap();
        (code, std::io::read_to_string(process.stderr.take().unwrap()).unwrap())
    })
    .await
    .unwrap();
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("Interrupted: ") && text.contains("verify --resume "), "{text}");
    world.organization.clear_faults();

    let (code, text) = terminal.verify_with(&["--resume", "latest"], &own).await;
    assert!(code == 0 && text.contains("completed"), "{text}");
    // What is complete is not ended.
    let (code, text) = terminal.verify_with(&["--cancel", "latest"], &own).await;
    assert!(code == 2 && text.contains("is completed already"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_mappings_began_is_not_said_to_continue() {
    let world = World::new().await;
    let deal = synced(&world, "Acme", &json!({})).await;
    let terminal = Terminal::new(&world);
    let overlay = "extends = \"Opportunity\"\n[contract]\nname = { value = \"Another\" }\n";
    terminal.file("mappings/opportunity.toml", overlay);
    let mappings = terminal.directory.path().join("mappings").display().to_string();
    let others = [("MAPPINGS_DIR", mappings.as_str())];
    world.organization.clear_requests();
    world.organization.add_fault(Fault::new("GET", LIST, FaultKind::Hang));
    assert_eq!(
        world.post("/verifications", &json!({ "recordIds": [deal] }).to_string()).await.0,
        202
    );
    until_faulted(&world).await;
    let (code, text) = terminal.verify(&["--cancel", "latest"]).await;
    assert!(code == 0 && text.contains("To continue it: sync-to-m3ter verify --resume "), "{text}");
    world.organization.clear_faults();
    let id = newest(&world).await["verificationId"].as_str().unwrap().to_owned();
    let address = world.url(&format!("/console/verifications/{id}"));
    let page = async || reqwest::get(&address).await.unwrap().text().await.unwrap();
    let cancelled = page().await;
    assert!(cancelled.contains(&format!("/console/verifications/{id}/resume")), "{cancelled}");
    assert!(
        !cancelled.contains("none is ready in Salesforce"),
        "it was not looked at: {cancelled}"
    );

    for arguments in [["--resume", "latest"], ["--show", "latest"]] {
        let (code, text) = terminal.verify_with(&arguments, &others).await;
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains("The mappings have changed since it began: begin a new one"),
            "{text}"
        );
        assert!(!text.contains("--resume"), "it would only say this again: {text}");
    }
    let page = page().await;
    assert!(page.contains("begin a new one") && !page.contains("/resume"), "{page}");
    // With the mappings with which it was begun, it continues.
    let (code, text) = terminal.verify(&["--resume", "latest"]).await;
    assert!(code == 0 && text.contains("in_sync\t1"), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_cancelled_and_continued_by_commands() {
    let world = World::new().await;
    let deal = synced(&world, "Acme", &json!({})).await;
    let terminal = Terminal::new(&world);
    world.organization.clear_requests();
    world.organization.add_fault(Fault::new("GET", LIST, FaultKind::Hang));
    let request = json!({ "recordIds": [deal] });
    assert_eq!(world.post("/verifications", &request.to_string()).await.0, 202);
    until_faulted(&world).await;
    let (code, text) = terminal.verify(&["--cancel", "latest"]).await;
    assert!(code == 0 && text.contains("was cancelled; what it has found stays"), "{text}");
    let cancelled = newest(&world).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled:#}");
    assert!(
        cancelled["message"].as_str().unwrap().starts_with("It was cancelled by cli:"),
        "{cancelled:#}"
    );
    world.organization.clear_faults();
    let id = cancelled["verificationId"].as_str().unwrap();
    let (code, text) = terminal.verify(&["--resume", &id[..20]]).await;
    assert!(code == 0 && text.contains("in_sync\t1"), "{text}");
    for (arguments, words) in [
        (["--cancel", "nonsense"], "there is no verification `nonsense`"),
        (["--resume", "nonsense"], "there is no verification `nonsense`"),
    ] {
        let (code, text) = terminal.verify(&arguments).await;
        assert!(code == 2 && text.contains(words), "{code} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_told_before_anything_is_sent() {
    let world = World::new().await;
    let terminal = Terminal::new(&world);
    let garbage = terminal.file("garbage", "{\"a\": 1}\n");
    let before = world.organization.requests().len();
    for (arguments, told) in [
        (&["--where", "IsWon"][..], "--root <OBJECT>"),
        (&["--root", "Opportunity", "--root", "Order", "--where", "IsWon"], "give --root once"),
        (&["--since", "2999-01-01"], "in the future"),
        (&["--since", "soon"], "it takes an instant"),
        (&["--file", &garbage], "has no ID: line 1: "),
        (&["--file", "/nowhere"], "could not be read"),
        (&["--file", &garbage, "--root", "Order"], "cannot be used with"),
        (&["--status", "wrong"], "it takes gone, missing"),
    ] {
        let (code, text) = terminal.verify(arguments).await;
        assert!(code == 2 && text.contains(told), "{arguments:?}: {code} {text}");
    }
    assert_eq!(world.organization.requests().len(), before);
    // A vendor that does not answer is another matter.
    let away = FaultKind::Status { status: 503, retry_after: Some(0), message: None };
    world.org.add_fault(Fault::new("GET", "*", away).times(1_000));
    // Whose object that is, only Salesforce knows.
    let deals = terminal.file("deals", "a0QS90000079QUOMA2");
    let (code, text) = terminal.verify(&["--file", &deals]).await;
    assert!(code == 4 && text.contains("try again"), "{code} {text}");
}

/// Waits until a planned fault was met.
async fn until_faulted(world: &World) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !world.organization.requests().iter().any(|request| request.fault.is_some()) {
        assert!(std::time::Instant::now() < deadline, "the fault is not met");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
