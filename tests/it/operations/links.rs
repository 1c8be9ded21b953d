//! `links list`, `links move` and `links forget`: as processes of their own, beside the running
//! service.

use serde_json::json;

use crate::support::*;
use crate::sync::typed_keys::{STORAGE, add_on};

async fn links(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    // The database's settings are all that it needs.
    command.env_clear().env("DATABASE_URL", world.database_url()).arg("links").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_listed_by_record_row_and_object() {
    let world = World::new().await;
    let result = world.sync(DEAL).await;
    let account = object_result(&result, "Account")["m3terId"].as_str().unwrap();
    let (code, all) = links(&world, &["list"]).await;
    assert_eq!(code, 0, "{all}");
    for (arguments, shown, hidden) in [
        (vec!["list", DEAL], account, "no such"),
        (vec!["list", LINE], "Pricing", account),
        (vec!["list", "--m3ter-id", account], ACCOUNT, "Pricing"),
    ] {
        let (code, text) = links(&world, &arguments).await;
        assert!(
            code == 0 && text.contains(shown) && !text.contains(hidden),
            "{arguments:?}: {text}"
        );
    }
    for arguments in [["list", "nonsense"], ["list", "--m3ter-id=nonsense"]] {
        let (code, text) = links(&world, &arguments).await;
        assert!(code == 2 && text.contains("`nonsense` is not a"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_record_that_is_gone_is_handed_over_by_hand() {
    let world = World::new().await;
    let first = world.sync(DEAL).await;
    let survivor = world
        .org
        .vendor()
        .insert("Account", &json!({"Name": "Survivor", "M3ter_Billing_Email__c": "a@example.com", "CurrencyIsoCode": "USD"}));
    world.org.vendor().update("Opportunity", DEAL, &json!({ "AccountId": survivor }));
    world.org.vendor().delete("Account", ACCOUNT);
    world.org.vendor().purge("Account", ACCOUNT);
    assert_eq!(
        object_result(&world.sync(DEAL).await, "Account")["findingCode"],
        "IDENTITY_CHANGED"
    );

    let (code, foreseen) = links(&world, &["move", ACCOUNT, &survivor, "--dry-run"]).await;
    assert!(code == 0 && foreseen.contains("would be handed over"), "{foreseen}");
    assert_eq!(
        object_result(&world.sync(DEAL).await, "Account")["findingCode"],
        "IDENTITY_CHANGED"
    );

    let (code, done) = links(&world, &["move", ACCOUNT, &survivor, "--yes"]).await;
    assert!(
        code == 0 && done.contains("was handed over") && done.contains("links changed"),
        "{done}"
    );
    for _ in 0..2 {
        let result = world.sync(DEAL).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert_eq!(
            object_result(&result, "Account")["m3terId"],
            object_result(&first, "Account")["m3terId"]
        );
    }
    assert_all(&world.sync(DEAL).await, "unchanged");
    // The history has it, for the deal and for both rows.
    for record in [DEAL, ACCOUNT, &survivor] {
        let (status, text) = world.get(&format!("/sync-runs?parentRecordId={record}")).await;
        assert!(status == 200 && text.contains("\"kind\":\"links\""), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_row_is_looked_up_again() {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({ "M3ter_Contract_Code__c": "C-100" }));
    world.sync(DEAL).await;
    let (deal, line) = add_on(&world, STORAGE, &json!({ "M3ter_Contract_Code__c": "C-1OO" }));
    world.sync(&deal).await;
    world.org.vendor().update("Opportunity", &deal, &json!({ "M3ter_Contract_Code__c": "C-100" }));
    let (code, foreseen) =
        links(&world, &["forget", &deal, "--kind", "contract", "--dry-run"]).await;
    assert!(code == 0 && foreseen.contains("would be forgotten"), "{foreseen}");
    assert_eq!(
        object_result(&world.sync(&deal).await, "Contract")["findingCode"],
        "IDENTITY_CHANGED"
    );
    let (code, done) = links(&world, &["forget", &deal, "--kind", "contract", "--yes"]).await;
    assert!(code == 0 && done.contains("was forgotten"), "{done}");
    let result = world.sync(&deal).await;
    assert_eq!(
        object_result(&result, "Contract")["m3terId"],
        world.object("contracts", "code", "C-100")["id"],
        "{result:#}"
    );
    assert_eq!(
        world.object("accountplans", "code", &line)["contractId"],
        world.object("contracts", "code", "C-100")["id"]
    );
    assert_all(&world.sync(&deal).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_link_arguments_are_refused_with_what_would_be_valid() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let other = world
        .org
        .vendor()
        .insert("Account", &json!({"Name": "Other", "M3ter_Billing_Email__c": "a@example.com", "CurrencyIsoCode": "USD"}));
    world.sync(&other).await;
    for (arguments, words) in [
        (vec!["move", ACCOUNT, ACCOUNT], "the same row"),
        (vec!["move", ACCOUNT, DEAL], "different objects"),
        (vec!["move", ACCOUNT, "001"], "`001` is not a Salesforce record ID"),
        (vec!["move", "abc", "001"], "with the right ending)\n`001` is not a Salesforce record ID"),
        (
            vec!["move", "001S90000079INIIA2", ACCOUNT],
            "no link belongs to the row 001S90000079INIIA2",
        ),
        (vec!["move", ACCOUNT, &other], "already has its own m3ter Account"),
        (vec!["forget", "001S90000079INIIA2"], "no link belongs to the row"),
        (vec!["forget", LINE, "--kind", "Account"], "no link belongs to the row"),
        (vec!["forget", LINE, "--kind", "Invoice"], "Invoice"),
    ] {
        let (code, text) = links(&world, &arguments).await;
        assert!(code == 2 && text.contains(words), "{arguments:?}: {text}");
    }
    assert_all(&world.sync(DEAL).await, "unchanged");
}
