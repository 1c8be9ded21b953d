//! Verifications, backfills, adoptions and erasures that a service carries out for a command, which
//! has its address and a key only.

use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use super::remote::ask;
use super::verify::{Made, deal, line_of};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_verifies_and_backfills_by_a_service() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (url, database) = (world.url(""), world.database_url());
    let (service, local) =
        ([("SYNC_TO_M3TER_URL", url.as_str())], [("DATABASE_URL", database.as_str())]);
    for arguments in [&["backfill", "latest"][..], &["verify", "--show", "latest"]] {
        let (code, text) = ask(arguments, &service).await;
        assert!(code == 2 && text.contains("there is no verification yet"), "{text}");
    }
    let made = Made::new(&world).await;
    let file = directory.path().join("ids.txt");
    let ids: Vec<&str> = made.records.values().map(String::as_str).collect();
    std::fs::write(&file, ids.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let (code, text) = ask(&["verify", "--file", file, "--exit-code"], &service).await;
    assert!(code == 1 && text.contains("works on the verification "), "{code} {text}");
    for told in ["missing\t", "differs\t", "partial\t", "gone\t", " completed. "] {
        assert!(text.contains(told), "{told}: {text}");
    }
    // The service says of it what the database does.
    for arguments in [
        vec!["verify", "--show", "latest"],
        vec!["verify", "--show", "latest", "--status", "gone,foreign", "--output", "json"],
        vec!["backfill", "latest", "--dry-run"],
        vec!["backfill", "latest", "--dry-run", "--status", "partial", "--output", "json"],
    ] {
        let (code, remote) = ask(&arguments, &service).await;
        assert!(code == 0 && remote.contains("006"), "{arguments:?}: {remote}");
        assert_eq!(remote, ask(&arguments, &local).await.1, "{arguments:?}");
    }
    let (_, shown) = world.get("/verifications?limit=1").await;
    let shown: Json = serde_json::from_str(&shown).unwrap();
    let id = shown["verifications"][0]["verificationId"].as_str().unwrap();
    let several = directory.path().join("several.txt");
    let many = (0..2_001).map(|number| format!("006S9000{number:07}\n"));
    std::fs::write(&several, many.collect::<String>()).unwrap();
    for (arguments, told) in [
        (vec!["verify", "--root", "Opportunity", "--where", "nonsense("], "condition"),
        (vec!["verify", "--root", "Invoice__c"], "There is no mapping for `Invoice__c`"),
        (
            vec!["verify", "--file", several.to_str().unwrap()],
            "a service takes at most 2000 at once",
        ),
        (vec!["verify", "--resume", "ffff"], "there is no verification `ffff`"),
        (vec!["verify", "--cancel", &id[..30]], "is completed already"),
        (vec!["backfill", id, "--limit", "1001"], "plans at most 1000 syncs at once"),
        (vec!["backfill", "00000000-0000-0000-0000-000000000000"], "there is no verification `0"),
    ] {
        let (code, text) = ask(&arguments, &service).await;
        assert!(code == 2 && text.contains(told), "{arguments:?}: {code} {text}");
    }

    // The same command again goes on with the next ones.
    let (code, text) = ask(&["backfill", "latest", "--limit", "1"], &service).await;
    assert!(
        code == 0 && text.contains("1 sync planned") && text.contains("Completed\t1"),
        "{text}"
    );
    let backfill = ["backfill", id, "--status", "missing,differs,partial"];
    let (code, text) = ask(&backfill, &service).await;
    assert!(code == 3 && text.contains("2 syncs planned"), "{code} {text}");
    assert!(text.contains("Completed\t2") && text.contains(&made.records["partial"]), "{text}");
    let (code, text) = ask(&["backfill", id], &service).await;
    assert!(code == 3 && text.contains("0 syncs planned"), "{code} {text}");
    let (code, text) = ask(&["backfill", id, "--cancel"], &service).await;
    assert!(code == 0 && text.contains("0 syncs that had not begun were taken back"), "{text}");
    let (_, runs) =
        world.get(&format!("/sync-runs?parentRecordId={}", made.records["missing"])).await;
    assert!(runs.contains("\"requestedBy\":[\"local\"]"), "who asked is known: {runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_a_service_goes_on_without_the_command_until_it_is_cancelled() {
    let world = World::new().await;
    let (url, database) = (world.url(""), world.database_url());
    let service = [("SYNC_TO_M3TER_URL", url.as_str())];
    world.sync(DEAL).await;
    world.org.add_fault(Fault::new("GET", "/query", FaultKind::Delay { ms: 60_000 }).times(100));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().envs(service).args(["verify", "--root", "Opportunity"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = async || {
        let (_, page) = world.get("/verifications").await;
        let page: Json = serde_json::from_str(&page).unwrap();
        page["verifications"][0]["state"] == "running"
    };
    while !begun().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap();
    let output = output.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("continues in the service") && told.contains("--cancel 0"), "{told}");
    assert!(begun().await, "nobody has ended it");
    let (code, text) = ask(&["verify", "--show", "latest"], &service).await;
    assert!(code == 4 && text.contains("the verification is still running"), "{code} {text}");
    assert!(!text.contains("--resume"), "a service refuses to resume what it works on: {text}");
    let (code, text) = ask(&["verify", "--cancel", "latest"], &service).await;
    assert!(code == 0 && text.contains("was cancelled"), "{text}");
    assert!(!begun().await);
    world.org.clear_faults();
    let (code, text) = ask(&["verify", "--resume", "latest"], &service).await;
    assert!(code == 0 && text.contains(" completed. "), "{code} {text}");
    // In the database it is cancelled the same way.
    let (code, text) = ask(&["verify", "--cancel", "latest"], &[("DATABASE_URL", &database)]).await;
    assert!(code == 2 && text.contains("is completed already"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_adopts_and_erases_by_a_service() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (url, database) = (world.url(""), world.database_url());
    let (service, local) =
        ([("SYNC_TO_M3TER_URL", url.as_str())], [("DATABASE_URL", database.as_str())]);
    let file = directory.path().join("links.csv").display().to_string();
    let adopt = async |lines: &str, more: &[&str]| {
        std::fs::write(&file, format!("Record,Kind,m3ter ID,Row\n{lines}")).unwrap();
        ask(&[&["adopt", &file], more].concat(), &service).await
    };
    let none = json!({ "M3ter_Commitment_Amount__c": 0 });
    let (one, synced) = (deal(&world, "Acme", &none), deal(&world, "Synced", &none));
    assert_eq!(world.sync(&synced).await["syncStatus"], "Completed");
    let create = |path: &str, body: Json| {
        let created = world.organization.vendor().request("POST", path, &body).unwrap();
        created["id"].as_str().unwrap().to_owned()
    };
    let account = json!({"name": "Acme Ltd", "code": "BY_HAND", "emailAddress": "a@example.com"});
    let account = create("/accounts", account);
    let contract = create(
        "/contracts",
        json!({ "accountId": account, "name": "By hand", "code": "HAND", "startDate": "2026-01-01", "endDate": "2027-01-01" }),
    );
    let theirs = world.object("contracts", "code", &synced)["id"].as_str().unwrap().to_owned();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let line = line_of(&world, &one);
    let writes = world.m3ter_writes().len();
    let wrong = format!(
        "{one},Account,{account},\n{one},Contract,{theirs},\nnonsense,Account,{account},\n{one},Plan,{nobody},{line}\n{DELETED},Account,{account},\n"
    );
    let (code, text) = adopt(&wrong, &["--confirm"]).await;
    assert_eq!(code, 2, "{text}");
    for told in [
        &format!("line 3: the Contract {theirs} belongs to the Salesforce record {synced}"),
        "line 4: `nonsense` is not a Salesforce record ID",
        &format!("line 5: m3ter has no Plan {nobody}"),
        "line 6: ",
        "nothing was linked; `--skip-invalid` leaves these lines out",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let right = format!("{one},Account,{account},\n{one},contract,{contract},\n");
    let (code, text) = adopt(&right, &[]).await;
    assert!(code == 0 && text.contains("2 of them are new"), "{text}");
    let links = ["links", "list", &one, "--output", "json"];
    assert_eq!(ask(&links, &service).await.1, "", "it was only looked at");
    let (code, text) = adopt(&right, &["--confirm"]).await;
    assert!(code == 0 && text.contains("These links were made"), "{code} {text}");
    let linked = ask(&links, &local).await.1;
    assert!(linked.contains(&account) && linked.contains(&contract), "{linked}");
    let (code, text) = adopt(&right, &["--confirm"]).await;
    assert!(code == 0 && text.contains("Linked already"), "{code} {text}");
    assert_eq!(world.m3ter_writes().len(), writes, "m3ter was only read");
    let request = json!({ "parentRecordId": one, "links": [
        { "objectName": "Account", "m3terId": account }, { "objectName": "Contract", "m3terId": theirs },
    ]});
    let (status, refused) = world.post("/links/adopt", &request.to_string()).await;
    assert_fields!(refused, { "errorCode": "LINK_WRONG" }, "{status} {refused}");
    assert!(refused["message"].as_str().unwrap().contains("link 2 of 2: "), "{refused}");

    // Who does not see whose Account a code leads to confirms it.
    let (code, text) = ask(&["adopt"], &service).await;
    assert!(code == 0 && text.is_empty(), "nothing waits: {text}");
    let (code, text) = ask(&["adopt", &one, "--confirm"], &service).await;
    assert!(code == 2 && text.contains("nothing is waiting to be confirmed for"), "{text}");

    assert_eq!(world.sync(&one).await["syncStatus"], "Completed");
    let erase = ["erase", one.as_str()];
    let (code, text) = ask(&erase, &service).await;
    assert!(code == 2 && text.contains("cannot be taken back"), "{text}");
    let changes = ["changes", "list", "--record", &one];
    assert!(!ask(&changes, &local).await.1.contains("(erased)"));
    let (code, text) = ask(&[&erase[..], &["--yes"]].concat(), &service).await;
    assert!(code == 0 && text.contains("Erased the values of "), "{text}");
    assert!(ask(&changes, &local).await.1.contains("(erased)"));
    for (body, told) in [
        (json!({ "parentRecordId": one }), "missing field `confirm`"),
        (json!({ "parentRecordId": one, "confirm": synced }), "does not come back"),
        (json!({ "parentRecordId": one, "confirm": true }), "expected a string"),
    ] {
        let (status, refused) = world.post("/changes/erase", &body.to_string()).await;
        let message = refused["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(told), "{told}: {message}");
    }
}
