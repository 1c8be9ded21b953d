//! What was changed in m3ter, as it is asked for afterwards: from what to what, from where, when,
//! and for whom. `tests/processes/changes.rs` retells all of it.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::operations::commands::run;
use crate::support::*;

/// The changes that a query finds, newest first.
async fn changes(world: &World, query: &str) -> Vec<Json> {
    let (status, page) = world.get(&format!("/changes?{query}")).await;
    assert_eq!(status, 200, "{page}");
    serde_json::from_str::<Json>(&page).unwrap()["changes"].as_array().unwrap().clone()
}

fn set_amount(world: &World, amount: f64) {
    let amount = json!({"M3ter_Commitment_Amount__c": amount});
    world.org.vendor().update("Opportunity", DEAL, &amount);
}

fn objects(changes: &[Json]) -> Vec<String> {
    let object = |change: &Json| {
        let [action, name] = ["action", "objectName"].map(|name| change[name].as_str().unwrap());
        format!("{name} {action}")
    };
    let mut objects: Vec<String> = changes.iter().map(object).collect();
    objects.sort();
    objects
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_says_from_what_to_what_from_where_and_who_asked() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let made = changes(&world, &format!("parentRecordId={DEAL}")).await;
    let kinds = ["Account", "AccountPlan", "Commitment", "Contract", "Plan", "Pricing"];
    assert_eq!(objects(&made), kinds.map(|kind| format!("{kind} created")));
    set_amount(&world, 15000.5);
    let (_, synced) =
        world.post(&format!("/sync-to-m3ter/{DEAL}?salesforceUserId=005S90000000001"), "").await;
    let commitment = object_result(&synced, "Commitment");
    let found = changes(&world, "field=amount&limit=1").await;
    let contract = world.object("contracts", "code", DEAL);
    assert_fields!(found[0], {
        "syncRunId": synced["syncRunId"],
        "parentRecordId": DEAL,
        "parentObject": "Opportunity",
        "objectName": "Commitment",
        "salesforceId": DEAL,
        "m3terId": commitment["m3terId"],
        "accountId": contract["accountId"],
        "action": "updated",
        "settled": true,
        "erased": false,
        "salesforceUserIds": ["005S90000000001IAA"],
    });
    let fields = found[0]["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{fields:#?}");
    assert_fields!(fields[0], {
        "field": "amount",
        "newValue": "15000.5",
        "source": "Opportunity.M3ter_Commitment_Amount__c",
        "personal": false,
    });
    assert!(fields[0]["oldValue"].is_string(), "{fields:#?}");
    // The run says the same.
    let path = format!("/sync-runs/{}", synced["syncRunId"].as_str().unwrap());
    let run: Json = serde_json::from_str(&world.get(&path).await.1).unwrap();
    let of_run = run["changes"][0]["fields"].as_array().unwrap();
    assert_eq!(
        (&run["changes"][0]["changeId"], of_run.contains(&fields[0])),
        (&found[0]["changeId"], true),
        "{run:#}"
    );
    // A sync without a change leaves nothing behind.
    let before = changes(&world, "limit=200").await;
    world.sync(DEAL).await;
    world.dry_run(DEAL).await;
    assert_eq!(changes(&world, "limit=200").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_found_by_object_account_time_and_caller_page_by_page() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.sync(FIVE_LINES).await;
    let all = changes(&world, "limit=200").await;
    let contract = world.object("contracts", "code", DEAL);
    let account = contract["accountId"].as_str().unwrap();
    let of_account = changes(&world, &format!("accountId={account}&limit=200")).await;
    assert!(of_account.iter().all(|change| change["accountId"] == account), "{of_account:#?}");
    assert!(of_account.len() >= 6 && of_account.iter().any(|change| change["m3terId"] == account));
    let id = contract["id"].as_str().unwrap();
    assert_eq!(objects(&changes(&world, &format!("m3terId={id}")).await), ["Contract created"]);
    // A line is a record as well.
    let of_line = changes(&world, &format!("parentRecordId={LINE}")).await;
    assert_eq!(objects(&of_line), ["AccountPlan created", "Plan created", "Pricing created"]);
    let newest = all[0]["changedAt"].as_str().unwrap();
    assert!(!changes(&world, &format!("since={newest}")).await.is_empty());
    assert!(
        changes(&world, &format!("until={newest}&limit=200"))
            .await
            .iter()
            .all(|change| change["changedAt"].as_str().unwrap() < newest)
    );
    assert!(changes(&world, "since=2100-01-01T00:00:00Z").await.is_empty());
    assert!(changes(&world, "requestedBy=nobody").await.is_empty());
    let caller = all[0]["requestedBy"].as_str().unwrap();
    assert_eq!(changes(&world, &format!("requestedBy={caller}&limit=200")).await, all);
    // An underscore stands for itself.
    assert!(changes(&world, "field=amoun").await.is_empty());
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = world.get(&format!("/changes?limit=4{cursor}")).await;
        let page: Json = serde_json::from_str(&page).unwrap();
        paged.extend(page["changes"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_personal_data_only_the_fact_of_a_change_is_kept() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let edit = json!({"Name": "Jane Doe", "M3ter_Billing_Email__c": "jane@doe.example", "M3ter_Payment_Terms_Days__c": 17});
    world.org.vendor().update("Account", ACCOUNT, &edit);
    world.sync(DEAL).await;
    let found = changes(&world, &format!("parentRecordId={ACCOUNT}&limit=1")).await;
    let field = |name: &str| {
        let fields = found[0]["fields"].as_array().unwrap();
        fields.iter().find(|field| field["field"] == name).unwrap().clone()
    };
    assert_eq!(field("name"), json!({"field": "name", "source": "Account.Name", "personal": true}));
    assert_eq!(field("emailAddress")["personal"], true);
    assert_fields!(field("daysBeforeBillDue"), { "newValue": "17", "personal": false });
    let (_, everything) = world.get("/changes?limit=200").await;
    assert!(!everything.contains("Jane") && !everything.contains("doe.example"), "{everything}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_is_not_a_change_and_an_unknown_one_is_settled_later() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    let before = changes(&world, "limit=200").await;
    set_amount(&world, 1.5);
    world.fault(
        "PUT",
        "/commitments/*",
        FaultKind::Status { status: 400, retry_after: None, message: Some("no".to_owned()) },
    );
    world.sync(DEAL).await;
    assert_eq!(changes(&world, "limit=200").await, before);
    // The answer is lost, and so is every look at what became of it.
    world.restart(2).await;
    world.fault("PUT", "/commitments/*", FaultKind::HangAfterEffect);
    let unknown = world.sync(DEAL).await;
    assert_eq!(object_result(&unknown, "Commitment")["success"], false, "{unknown:#}");
    let open = changes(&world, "field=amount&limit=1").await;
    assert_fields!(open[0], { "action": "updated", "settled": false });
    world.organization.clear_faults();
    world.restart(100).await;
    world.organization.clear_requests();
    assert_all(&world.sync(DEAL).await, "unchanged");
    let settled = changes(&world, "field=amount&limit=1").await;
    assert_eq!(settled[0]["changeId"], open[0]["changeId"]);
    assert_fields!(settled[0], { "action": "updated", "settled": true });
    // The object was read anyway.
    let gets = world
        .organization
        .requests()
        .iter()
        .filter(|request| request.path.contains("/commitments/"))
        .count();
    assert_eq!(gets, 0);
    // What was not made at all is forgotten.
    set_amount(&world, 2.5);
    world.restart(2).await;
    world.fault("PUT", "/commitments/*", FaultKind::Hang);
    world.sync(DEAL).await;
    assert_eq!(changes(&world, "field=amount&limit=1").await[0]["settled"], false);
    world.organization.clear_faults();
    set_amount(&world, 1.5);
    world.restart(100).await;
    assert_all(&world.sync(DEAL).await, "unchanged");
    assert_eq!(changes(&world, "field=amount&limit=1").await, settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_objects_are_adopted_and_a_shared_account_is_not() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.lose_the_database().await;
    world.organization.clear_requests();
    assert_all(&world.sync(DEAL).await, "unchanged");
    assert!(world.m3ter_writes().is_empty());
    let adopted = changes(&world, "limit=200").await;
    assert!(adopted.iter().all(|change| change["action"] == "adopted"), "{adopted:#?}");
    assert_eq!(adopted.len(), 6);
    let contract =
        adopted.iter().find(|change| change["objectName"] == "Contract").unwrap()["fields"].clone();
    let end = contract.as_array().unwrap().iter().find(|field| field["field"] == "endDate");
    let held = world.object("contracts", "code", DEAL);
    assert_eq!(end.unwrap()["newValue"], held["endDate"], "{contract:#}");
    // Another deal of the same customer: its Account is known.
    let other = world.org.vendor().record("Opportunity", DEAL).unwrap();
    let mut copy = other;
    copy.retain(|name, _| {
        [
            "Name",
            "AccountId",
            "StageName",
            "IsWon",
            "CloseDate",
            "End_Date__c",
            "CurrencyIsoCode",
            "Pricebook2Id",
        ]
        .contains(&name.as_str())
    });
    copy.insert("M3ter_Commitment_Amount__c".to_owned(), json!(10));
    let second = world.org.vendor().insert("Opportunity", &Json::Object(copy));
    world.sync(&second).await;
    let of_account = changes(&world, &format!("parentRecordId={second}&limit=200")).await;
    assert!(of_account.iter().all(|change| change["objectName"] != "Account"), "{of_account:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_counted_whoever_makes_them() {
    let world =
        World::with_mapping(Some(&[("removed_lines = \"warn\"", "removed_lines = \"end\"")])).await;
    world.sync(DEAL).await;
    world.sync(FIVE_LINES).await;
    let order = json!([{"parentRecordId": DEAL, "endDate": "2026-12-01", "billingEntities": ["CONTRACT", "PREPAYMENT"]}]);
    let (_, ended) = world.post("/end-date-billing-entities", &order.to_string()).await;
    let of_run = format!("syncRunId={}&field=endDate", ended[0]["syncRunId"].as_str().unwrap());
    let ends = changes(&world, &of_run).await;
    assert_eq!(objects(&ends), ["Commitment updated", "Contract updated"], "{ended:#}");
    for end in &ends {
        assert_fields!(end["fields"][0], { "newValue": "2026-12-01", "source": "`endDate` of the request" });
        assert_eq!(end["settled"], true);
    }
    let lines = world.org.vendor().ids("OpportunityLineItem", "OpportunityId", FIVE_LINES);
    world.org.vendor().delete("OpportunityLineItem", &lines[0]);
    let synced = world.sync(FIVE_LINES).await;
    let of_run = format!("syncRunId={}", synced["syncRunId"].as_str().unwrap());
    let removed: Vec<Json> = changes(&world, &of_run)
        .await
        .into_iter()
        .filter(|change| change["objectName"] == "AccountPlan")
        .collect();
    assert_eq!(removed.len(), 1, "{synced:#}");
    assert_fields!(removed[0], { "salesforceId": lines[0], "settled": true });
    assert_fields!(removed[0]["fields"][0], { "field": "endDate", "source": "setting `removed_lines`" });
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_listed_and_erased_from_the_terminal() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let command = async |arguments: &[&str]| run(&world, directory.path(), arguments).await;
    assert_eq!(command(&["sync", DEAL]).await.0, 0);
    set_amount(&world, 99.25);
    assert_eq!(command(&["sync", DEAL, "--dry-run"]).await.0, 0);
    assert_eq!(command(&["sync", DEAL]).await.0, 0);
    let (code, table) = command(&["changes", "list", "--field", "amount"]).await;
    assert!(code == 0 && table.contains("99.25") && table.contains("amount"), "{table}");
    let one =
        ["changes", "list", "--record", DEAL, "--field", "amount", "--limit", "1", "--output"];
    let (code, csv) = command(&[&one[..], &["csv"]].concat()).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(code, 0, "{csv}");
    assert_eq!(
        lines[0],
        "At,Record,Object,Salesforce row,m3ter id,Account,Action,Field,Old,New,Source,Asked for by,Run"
    );
    assert!(
        lines[1].contains(&format!(",{DEAL},Commitment,{DEAL},"))
            && lines[1].contains(",updated,amount,")
            && lines[1].contains(",99.25,Opportunity.M3ter_Commitment_Amount__c,cli:"),
        "{csv}"
    );
    let (_, text) = command(&[&one[..], &["json"]].concat()).await;
    let change: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(change["fields"][0]["newValue"], "99.25", "{text}");
    // There are older ones: where they begin is said.
    assert!(text.contains("--cursor"), "{text}");
    let cursor = change["changeId"].as_str().unwrap();
    let (_, older) = command(&[&one[..], &["json", "--cursor", cursor]].concat()).await;
    assert!(older.contains("\"created\""), "{older}");

    let (code, erased) = command(&["erase", DEAL]).await;
    assert!(code == 2 && erased.contains("cannot be taken back"), "{erased}");
    let (code, erased) = command(&["erase", DEAL, "--yes"]).await;
    assert!(code == 0 && erased.contains("and 1 dry runs"), "{erased}");
    let (_, text) =
        command(&["changes", "list", "--record", DEAL, "--output", "json", "--limit", "200"]).await;
    assert!(!text.contains("99.25") && !text.contains("Value"), "{text}");
    for line in text.lines() {
        let change: Json = serde_json::from_str(line).unwrap();
        assert_eq!(change["erased"], true, "{line}");
        assert!(
            change["requestedBy"].is_string() && !change["fields"].as_array().unwrap().is_empty()
        );
    }
    let (_, table) = command(&["changes", "list", "--field", "amount"]).await;
    assert!(table.contains("(erased)"), "{table}");
    for (arguments, part) in [
        (vec!["erase", "abc"], "abc"),
        (vec!["changes", "list", "--record", "abc"], "abc"),
        (vec!["changes", "list", "--m3ter-id", "x"], "x"),
        (vec!["changes", "list", "--run", "x"], "`x` is not the ID of a run"),
        (vec!["changes", "list", "--cursor", "x"], "`x` is not a cursor"),
    ] {
        let (code, text) = command(&arguments).await;
        assert!(code == 2 && text.contains(part), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_outlive_the_history_of_runs() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.sync(SECOND_SAMPLE).await;
    let before = changes(&world, "limit=200").await;
    world.reconfigure(|config| config.runs.history_rows = Some(1)).await;
    for _ in 0..1_000 {
        let runs: Json = serde_json::from_str(&world.get("/sync-runs").await.1).unwrap();
        if runs["syncRuns"].as_array().unwrap().len() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (status, _) = world
        .get(&format!("/sync-runs/{}", before.last().unwrap()["syncRunId"].as_str().unwrap()))
        .await;
    assert_eq!(status, 404);
    assert_eq!(changes(&world, "limit=200").await, before);
}
