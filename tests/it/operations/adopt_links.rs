//! Links to objects that m3ter has: a file of them is checked line by line, and what is right is
//! the records' from then on.

use serde_json::{Value as Json, json};

use super::commands::run_with;
use super::verify::{deal, line_of};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn existing_objects_are_linked_after_each_line_was_checked() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let database = world.database_url();
    let (file, variables) =
        (directory.path().join("links.csv"), [("DATABASE_URL", database.as_str())]);
    let adopt = async |lines: &str, more: &[&str]| {
        std::fs::write(&file, format!("Record,Kind,m3ter ID,Row\n{lines}")).unwrap();
        let words = [&["adopt", file.to_str().unwrap()], more].concat();
        run_with(&world, directory.path(), &words, &variables).await
    };
    let (one, other) = (
        deal(&world, "Acme", &json!({ "M3ter_Commitment_Amount__c": 0 })),
        deal(&world, "Umbrella", &json!({ "M3ter_Commitment_Amount__c": 0 })),
    );
    let synced = deal(&world, "Synced", &json!({}));
    assert_eq!(world.sync(&synced).await["syncStatus"], "Completed");
    // Made by hand, under codes that no sync looks for.
    let create = |path: &str, body: Json| {
        let created = world.organization.vendor().request("POST", path, &body).unwrap();
        created["id"].as_str().unwrap().to_owned()
    };
    let account = create(
        "/accounts",
        json!({ "name": "Acme Ltd", "code": "BY_HAND", "emailAddress": "a@example.com" }),
    );
    let stranger = create(
        "/accounts",
        json!({ "name": "Other", "code": "OTHER", "emailAddress": "b@example.com" }),
    );
    let contract = |account: &str, code: &str| {
        create(
            "/contracts",
            json!({ "accountId": account, "name": "By hand", "code": code, "startDate": "2026-01-01", "endDate": "2027-01-01" }),
        )
    };
    let (contract, astray) = (contract(&account, "HAND_1"), contract(&stranger, "HAND_2"));
    let theirs = world.object("contracts", "code", &synced)["id"].as_str().unwrap().to_owned();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let line = line_of(&world, &one);

    let writes = world.m3ter_writes().len();
    let wrong = format!(
        "{one},Account,{account},\n{one},Contract,{astray},\n{other},Contract,{theirs},\n{other},Commitment,{nobody},\nnonsense,Account,{account},\n\
         {synced},Contract,{contract},\n{one},Plan,{nobody},{line}\n"
    );
    let (code, text) = adopt(&wrong, &["--confirm"]).await;
    assert_eq!(code, 2, "{text}");
    for told in [
        "line 3: The Contract",
        &format!("line 4: the Contract {theirs} belongs to the Salesforce record {synced}"),
        "line 6: `nonsense` is not a Salesforce record ID",
        &format!("line 7: {synced} has the Contract {theirs} already"),
        &format!("line 8: m3ter has no Plan {nobody}"),
        "nothing was linked; `--skip-invalid` leaves these lines out",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let links = async |record: &str| {
        let words = ["links", "list", record, "--output", "json"];
        run_with(&world, directory.path(), &words, &variables).await.1
    };
    assert_eq!(links(&one).await, "");

    let right = format!("{one},Account,{account},\n{one},contract,{contract},\n");
    let (code, text) = adopt(&right, &[]).await;
    assert!(
        code == 0 && text.contains("2 of them are new; `--confirm` makes these links"),
        "{text}"
    );
    assert!(text.contains("Would be updated: "), "{text}");
    assert_eq!(links(&one).await, "", "it was only looked at");
    let (code, text) =
        adopt(&format!("{right}{one},Plan,{nobody},\n"), &["--confirm", "--skip-invalid"]).await;
    assert!(code == 0 && text.contains("These links were made"), "{code} {text}");
    let linked = links(&one).await;
    assert!(linked.contains(&account) && linked.contains(&contract), "{linked}");
    let (code, text) = adopt(&right, &["--confirm"]).await;
    assert!(code == 0 && text.contains("Linked already"), "{code} {text}");
    assert_eq!(world.m3ter_writes().len(), writes, "m3ter was only read");

    // The next sync keeps them as Salesforce says, and makes none beside them.
    let result = world.sync(&one).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(world.object("contracts", "id", &contract)["accountId"], account.as_str());
    let with_code = world.organization.vendor().objects("contracts");
    assert!(with_code.iter().all(|contract| contract["code"] != one.as_str()), "none was made");

    for (text, told) in
        [("Record,Kind\n", "there is no column `m3ter id`"), ("Kind\n", "no column `record`")]
    {
        std::fs::write(&file, text).unwrap();
        let words = ["adopt", file.to_str().unwrap()];
        let (code, text) = run_with(&world, directory.path(), &words, &variables).await;
        assert!(code == 2 && text.contains(told), "{code} {text}");
    }
}
