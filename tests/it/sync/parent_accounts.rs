//! Parents of an Account, where the mapping opts in: synced first, linked, up to a depth, circles
//! refused.

use serde_json::{Value as Json, json};

use crate::support::*;

const INITECH: &str = "001S90000079INIIA2";
const GLOBEX: &str = "001S900000RzsIVIAZ";

async fn world(levels: &str) -> World {
    World::with_mapping(Some(&[("[account]\n", &format!("[account]\nparents = {levels}\n"))])).await
}

fn parent(world: &World, account: &str, parent: Option<&str>) {
    world.org.vendor().update("Account", account, &json!({ "ParentId": parent }));
}

fn of_accounts(result: &Json) -> Vec<(String, String)> {
    let text = |object: &Json, field: &str| object[field].as_str().unwrap().to_owned();
    let results = result["objectResults"].as_array().unwrap().iter();
    results
        .filter(|object| object["objectName"] == "Account")
        .map(|object| (text(object, "salesforceId"), text(object, "action")))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(row, action)| ((*row).to_owned(), (*action).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_are_synced_first_and_linked() {
    let world = world("2").await;
    parent(&world, ACCOUNT, Some(INITECH));
    parent(&world, INITECH, Some(GLOBEX));
    let result = world.sync(DEAL).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        of_accounts(&result),
        pairs(&[(ACCOUNT, "created"), (INITECH, "created"), (GLOBEX, "unchanged")])
    );
    let (own, above, top) = (
        world.object("accounts", "code", ACCOUNT),
        world.object("accounts", "code", INITECH),
        world.object("accounts", "code", GLOBEX),
    );
    assert_eq!((&own["parentAccountId"], &above["parentAccountId"]), (&above["id"], &top["id"]));
    assert!(!top.contains_key("parentAccountId"));
    assert_fields!(above, { "name": "Initech", "emailAddress": "billing@initech.example" });
    // Everything of the deal lies under its own Account.
    assert_eq!(world.object("contracts", "code", DEAL)["accountId"], own["id"]);
    assert_eq!(world.object("accountplans", "code", LINE)["accountId"], own["id"]);
    world.organization.clear_requests();
    let again = world.sync(DEAL).await;
    assert_all(&again, "unchanged");
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_synced_without_parents_gets_one_and_nothing_is_doubled() {
    let mut world = world("1").await;
    world.sync(DEAL).await;
    parent(&world, ACCOUNT, Some(INITECH));
    parent(&world, INITECH, Some(GLOBEX));
    world.lose_the_database().await;
    let result = world.sync(DEAL).await;
    assert_eq!(
        of_accounts(&result),
        pairs(&[(ACCOUNT, "updated"), (INITECH, "created")]),
        "{result:#}"
    );
    // One level was asked for: the parent's own parent is none of this sync's business.
    assert!(!world.object("accounts", "code", INITECH).contains_key("parentAccountId"));
    assert_eq!(world.objects("plans").iter().filter(|plan| plan["code"] == LINE).count(), 1);
    // A parent that Salesforce no longer has is kept in m3ter, as every blank is.
    parent(&world, ACCOUNT, None);
    assert_eq!(of_accounts(&world.sync(DEAL).await), pairs(&[(ACCOUNT, "unchanged")]));
    assert!(world.object("accounts", "code", ACCOUNT).contains_key("parentAccountId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_parent_fails_the_account_too() {
    let world = world("1").await;
    parent(&world, ACCOUNT, Some(INITECH));
    world.org.vendor().update("Account", INITECH, &json!({"M3ter_Billing_Email__c": null}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        of_accounts(&result),
        pairs(&[(ACCOUNT, "failed"), (INITECH, "failed")]),
        "{result:#}"
    );
    assert_eq!(
        object_result(&result, "Account")["message"],
        "Not attempted because Account failed"
    );
    assert!(world.m3ter_writes().iter().all(|write| !write.path.starts_with("/accounts")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_parents_is_refused() {
    let world = world("3").await;
    parent(&world, ACCOUNT, Some(INITECH));
    parent(&world, INITECH, Some(ACCOUNT));
    for result in [world.dry_run(DEAL).await, world.sync(DEAL).await] {
        assert_eq!(
            of_accounts(&result),
            pairs(&[(ACCOUNT, "failed"), (INITECH, "failed")]),
            "{result:#}"
        );
        assert_eq!(object_result(&result, "Account")["findingCode"], "PARENT_CYCLE");
    }
    assert!(world.m3ter_writes().iter().all(|write| !write.path.starts_with("/accounts")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_no_parent_is_read() {
    let world = World::new().await;
    parent(&world, ACCOUNT, Some(INITECH));
    let result = world.sync(DEAL).await;
    assert_eq!(of_accounts(&result), pairs(&[(ACCOUNT, "created")]));
    assert!(!world.object("accounts", "code", ACCOUNT).contains_key("parentAccountId"));
}

#[test]
fn levels_that_cannot_be_followed_are_faults_of_the_file() {
    let built_in = include_str!("../../../mappings/opportunity.toml");
    let deep = "name = { field = \"Account.Owner.Manager.Name\", trim = true, truncate = true }";
    for (levels, name, message) in [
        ("0", None, "this is not a number of levels; use a whole number from 1 to 4"),
        ("5", None, "this is not a number of levels"),
        ("\"2\"", None, "this is not a number of levels"),
        ("4", Some(deep), "would follow more than five relationships; go up fewer levels"),
    ] {
        let mut text = built_in.replace("[account]\n", &format!("[account]\nparents = {levels}\n"));
        if let Some(name) = name {
            text = text
                .replace("name = { field = \"Account.Name\", trim = true, truncate = true }", name);
        }
        let source = sync_to_m3ter::mapping::MappingSource {
            name: "own.toml".to_owned(),
            bytes: text.into_bytes(),
        };
        let faults = sync_to_m3ter::mapping::Mappings::parse(&[source]).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.to_string().contains(message)),
            "{levels}: {faults:?}"
        );
    }
}
