//! A typed code that leads to somebody else's Account: it is used, left as it is and not shown,
//! until an operator says that it is the right one.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;
use crate::sync::typed_keys::{STORAGE, add_on};

const CODE: &str = "CUST-OTHER";
const INITECH: &str = "001S90000079INIIA2";

/// An Account that somebody made in m3ter, whose code stands on another customer.
async fn with_another_s_code() -> (World, Map<String, Json>) {
    let world = World::new().await;
    let other = json!({
        "name": "Other Customer Ltd", "code": CODE, "emailAddress": "finance@other.example",
        "address": {"addressLine1": "9 Private Road", "locality": "Elsewhere"},
    });
    world.organization.vendor().request("POST", "/accounts", &other).unwrap();
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": CODE }));
    let other = world.object("accounts", "code", CODE);
    (world, other)
}

async fn adopt(world: &World, arguments: &[&str]) -> (i32, String) {
    adopt_at(("DATABASE_URL", &world.database_url()), arguments).await
}

async fn adopt_at(place: (&str, &str), arguments: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().envs([place]).arg("adopt").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

/// It is used, says so, and shows nothing of the other.
fn assert_held_back(result: &Json, other: &Map<String, Json>) {
    assert_fields!(result, { "syncStatus": "Completed", "success": true }, "{result:#}");
    let account = object_result(result, "Account");
    assert_fields!(account, { "action": "unchanged", "m3terId": other["id"] }, "{account:#}");
    assert!(
        result["attention"].as_array().unwrap().contains(&json!("ADOPTION_TO_CONFIRM")),
        "{result:#}"
    );
    let warnings = account["warnings"].to_string();
    assert!(
        warnings.contains("name and e-mail address") && warnings.contains("adopt --confirm"),
        "{warnings}"
    );
    let text = result.to_string();
    for theirs in ["Other Customer", "finance@", "Private Road", "Elsewhere"] {
        assert!(!text.contains(theirs), "{theirs}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_only_a_typed_code_leads_to_is_left_as_it_is_until_it_is_confirmed() {
    let (world, other) = with_another_s_code().await;
    assert_held_back(&world.dry_run(DEAL).await, &other);
    // A try that fails on its way decides nothing.
    let away = FaultKind::Status { status: 503, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("POST", "/contracts", away).times(100));
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Failed");
    world.organization.clear_faults();
    let (add_on, _) = add_on(&world, STORAGE, &json!({}));
    for deal in [DEAL, DEAL, &add_on, &add_on] {
        assert_held_back(&world.sync(deal).await, &other);
        assert_eq!(world.object("accounts", "code", CODE), other, "nothing of it is written");
    }
    assert_eq!(world.object("contracts", "code", DEAL)["accountId"], other["id"]);
    let record = world.org.vendor().record("Account", ACCOUNT).unwrap();
    let written_back = record.get("M3ter_Account_Id__c").filter(|id| !id.is_null());
    assert_eq!(written_back, None, "the record does not say that it is its own");

    let end = json!([{ "parentRecordId": ACCOUNT, "endDate": "2026-12-31", "billingEntities": ["CONTRACT"] }]).to_string();
    let (_, ended) = world.post("/end-date-billing-entities", &end).await;
    assert_eq!(ended[0]["errorCode"], "ADOPTION_TO_CONFIRM", "{ended:#}");

    let (code, listed) = adopt(&world, &[]).await;
    assert!(code == 0 && listed.contains(ACCOUNT) && listed.contains("to confirm"), "{listed}");
    let (code, foreseen) = adopt(&world, &["--confirm", ACCOUNT, "--dry-run"]).await;
    assert!(code == 0 && foreseen.contains("would be confirmed"), "{foreseen}");
    assert_held_back(&world.sync(DEAL).await, &other);
    // A service says the same, and does it.
    let url = world.url("");
    let service = ("SYNC_TO_M3TER_URL", url.as_str());
    assert_eq!(adopt_at(service, &[]).await, (0, listed));
    let (_, waiting) = world.get("/links?toConfirm=true").await;
    assert_eq!(waiting.matches("\"to confirm\"").count(), 2, "{waiting}");
    let (code, foreseen) = adopt_at(service, &["--confirm", ACCOUNT, "--dry-run"]).await;
    assert!(code == 0 && foreseen.contains("would be confirmed"), "{foreseen}");
    let (code, done) = adopt_at(service, &["--confirm", "--all"]).await;
    assert!(code == 0 && done.contains("were confirmed"), "{done}");
    assert!(done.contains("Nothing else is waiting to be confirmed"), "{done}");
    let (code, again) = adopt(&world, &["--confirm", ACCOUNT]).await;
    assert!(code == 2 && again.contains("nothing is waiting to be confirmed"), "{again}");

    let result = world.sync(&add_on).await;
    assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
    assert!(!result["attention"].to_string().contains("ADOPTION_TO_CONFIRM"), "{result:#}");
    let adopted = world.object("accounts", "code", CODE);
    assert_fields!(adopted, { "id": other["id"], "name": "Acme Corporation" });
    assert_eq!(
        world.org.vendor().record("Account", ACCOUNT).unwrap()["M3ter_Account_Id__c"],
        other["id"]
    );
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_same_name_and_address_is_adopted_as_before() {
    for (name, email) in [
        (json!("Acme Corporation"), json!("billing@acme.example")),
        (json!("Acme Corporation"), Json::Null),
    ] {
        let world = World::new().await;
        let mut account =
            json!({"name": name, "code": CODE, "emailAddress": "billing@acme.example"});
        if email.is_null() {
            account["emailAddress"] = json!("other@acme.example");
        }
        world.organization.vendor().request("POST", "/accounts", &account).unwrap();
        world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": CODE }));
        // An id on the record is as good as a link.
        if email.is_null() {
            let id = world.object("accounts", "code", CODE)["id"].clone();
            world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Id__c": id }));
        }
        let result = world.sync(DEAL).await;
        assert_eq!(object_result(&result, "Account")["action"], "updated", "{result:#}");
        assert_eq!(world.object("accounts", "code", CODE)["emailAddress"], "billing@acme.example");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_appears_in_lists_late_is_left_as_it_is_too() {
    let world = World::new().await;
    // Hidden while its code is looked up, and there once m3ter has refused a second one.
    world.organization.set_list_lag(Duration::from_millis(1_500));
    world.fault("POST", "/accounts", FaultKind::Delay { ms: 2_000 });
    world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Code__c": CODE }));
    let other = json!({"name": "Other Customer Ltd", "code": CODE, "emailAddress": "finance@other.example"});
    world.organization.vendor().request("POST", "/accounts", &other).unwrap();
    let other = world.object("accounts", "code", CODE);
    let first = world.sync(DEAL).await;
    assert_held_back(&first, &other);
    assert_eq!(world.object("accounts", "code", CODE), other);
    world.organization.set_list_lag(Duration::ZERO);
    assert_held_back(&world.sync(DEAL).await, &other);
    let (code, listed) = adopt(&world, &[]).await;
    assert!(code == 0 && listed.contains(ACCOUNT), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_gets_its_account_although_another_record_waits() {
    let (world, other) = with_another_s_code().await;
    assert_held_back(&world.sync(DEAL).await, &other);
    let owner = json!({ "Name": "Other Customer Ltd", "M3ter_Billing_Email__c": "finance@other.example", "M3ter_Account_Code__c": CODE });
    world.org.vendor().update("Account", INITECH, &owner);
    let result = world.sync(INITECH).await;
    assert_eq!(object_result(&result, "Account")["m3terId"], other["id"], "{result:#}");
    assert_eq!(object_result(&world.sync(DEAL).await, "Account")["findingCode"], "CODE_IN_USE");
    let (code, refused) = adopt(&world, &["--confirm", "--all"]).await;
    assert!(
        code != 0 && refused.contains(&format!("belongs to {INITECH}, not to {ACCOUNT}")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_confirms_many_and_a_wrong_line_none() {
    let (world, other) = with_another_s_code().await;
    assert_held_back(&world.sync(DEAL).await, &other);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("accounts.csv");
    let path = file.display().to_string();
    std::fs::write(&file, format!("M3ter_Account_Code__c,Id\n{CODE},{ACCOUNT}\nX,nonsense\n"))
        .unwrap();
    let (code, refused) = adopt(&world, &["--confirm", &path]).await;
    assert!(
        code == 2 && refused.contains("accounts.csv, line 3: `nonsense` is not a"),
        "{refused}"
    );
    assert_held_back(&world.sync(DEAL).await, &other);
    std::fs::write(&file, format!("\u{feff}\"Code\",\"Id\"\r\n\"{CODE}\",\"{ACCOUNT}\"\r\n"))
        .unwrap();
    let (code, done) = adopt(&world, &["--confirm", &path]).await;
    assert!(code == 0 && done.contains("was confirmed"), "{done}");
    assert_eq!(object_result(&world.sync(DEAL).await, "Account")["action"], "updated");
    for arguments in [vec!["--confirm"], vec!["--confirm", "nonsense"]] {
        assert_eq!(adopt(&world, &arguments).await.0, 2, "{arguments:?}");
    }
}
