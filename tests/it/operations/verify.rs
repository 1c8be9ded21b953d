//! Verifications: each status made on purpose, told by the API and by the command, and nothing
//! written meanwhile.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::operations::commands::run_with;
use crate::support::*;
use crate::sync::typed_keys::STORAGE;

/// A deal of a customer of its own, won, with one line, until long after today.
pub(super) fn deal(world: &World, name: &str, fields: &Json) -> String {
    let org = world.org.vendor();
    let account = json!({ "Name": name, "M3ter_Billing_Email__c": "a@example.com", "CurrencyIsoCode": "USD" });
    let account = org.insert("Account", &account);
    let mut deal = json!({
        "Name": name, "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-01", "End_Date__c": "2099-12-31",
        "CurrencyIsoCode": "USD",
    });
    deal.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let deal = org.insert("Opportunity", &deal);
    line(world, &deal, STORAGE);
    deal
}

/// Another line of a deal, for the product of a line.
fn line(world: &World, deal: &str, product: &str) -> String {
    let mut line = world.org.vendor().record("OpportunityLineItem", product).unwrap();
    line.retain(|field, _| field != "Id" && !field.starts_with("M3ter_"));
    line.insert("OpportunityId".to_owned(), json!(deal));
    world.org.vendor().insert("OpportunityLineItem", &Json::Object(line))
}

pub(super) fn line_of(world: &World, deal: &str) -> String {
    let mut lines = world.org.vendor().ids("OpportunityLineItem", "OpportunityId", deal);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

pub(super) async fn synced(world: &World, name: &str, fields: &Json) -> String {
    let deal = deal(world, name, fields);
    let result = world.sync(&deal).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    deal
}

/// Lets a verification come to its end.
pub(super) async fn verify(world: &World, request: &Json) -> Json {
    let (status, begun) = world.post("/verifications", &request.to_string()).await;
    assert_eq!(status, 202, "{begun}");
    let path = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
    world.until(&path, "completed").await
}

/// What a verification found, by record.
pub(super) async fn found(world: &World, verification: &Json) -> BTreeMap<String, Json> {
    let id = verification["verificationId"].as_str().unwrap();
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/verifications/{id}/records?limit=3{cursor}");
        let (status, text) = world.get(&path).await;
        assert_eq!(status, 200, "{text}");
        let page: Json = serde_json::from_str(&text).unwrap();
        for record in page["records"].as_array().unwrap() {
            found.insert(record["recordId"].as_str().unwrap().to_owned(), record.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// Records of each status, by name.
pub(super) struct Made {
    pub(super) records: BTreeMap<&'static str, String>,
}

impl Made {
    pub(super) async fn new(world: &World) -> Self {
        let org = world.org.vendor();
        let mut records = BTreeMap::new();
        let none = json!({});
        records.insert("in_sync", synced(world, "As it was", &none).await);

        let differs = synced(world, "Repriced", &none).await;
        let line_id = line_of(world, &differs);
        org.update("OpportunityLineItem", &line_id, &json!({ "UnitPrice": 12.5 }));
        records.insert("differs", differs);

        records.insert("missing", deal(world, "Never synced", &none));

        let partial = synced(world, "Half", &none).await;
        let without = org.ids("OpportunityLineItem", "OpportunityId", WITHOUT_TEMPLATE);
        line(world, &partial, &without[0]);
        records.insert("partial", partial);

        let past = json!({ "CloseDate": "2025-01-01", "End_Date__c": "2025-12-31" });
        records.insert("ended", synced(world, "Over", &past).await);

        let deleted = synced(world, "Deleted", &none).await;
        org.delete("Opportunity", &deleted);
        records.insert("gone: deleted", deleted);
        let lost = synced(world, "Lost", &none).await;
        org.update("Opportunity", &lost, &json!({ "StageName": "Closed Lost" }));
        records.insert("gone: lost", lost);
        let shorter = synced(world, "Shorter", &none).await;
        org.delete("OpportunityLineItem", &line_of(world, &shorter));
        records.insert("gone: line", shorter);

        let without = json!({ "M3ter_Commitment_Amount__c": 0 });
        let foreign = synced(world, "Shared", &without).await;
        let contract = world.object("contracts", "code", &foreign);
        let other = json!({
            "accountId": contract["accountId"], "contractId": contract["id"], "amount": 7, "amountPrePaid": 7, "currency": "USD",
            "startDate": "2026-01-01", "endDate": "2100-01-01",
        });
        world.organization.vendor().request("POST", "/commitments", &other).unwrap();
        records.insert("foreign", foreign);

        records.insert("not_ready", deal(world, "Open", &json!({ "StageName": "Prospecting" })));
        Self { records }
    }

    fn expected(&self) -> BTreeMap<String, String> {
        let status = |name: &str| name.split(':').next().unwrap().to_owned();
        self.records.iter().map(|(name, id)| (id.clone(), status(name))).collect()
    }
}

fn statuses(found: &BTreeMap<String, Json>) -> BTreeMap<String, String> {
    let status = |record: &Json| record["status"].as_str().unwrap().to_owned();
    found.iter().map(|(id, record)| (id.clone(), status(record))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_verification_status_is_reported_and_nothing_is_written() {
    let world = World::new().await;
    let made = Made::new(&world).await;
    let salesforce_writes = |world: &World| {
        let is_write = |method: &str, path: &str| {
            matches!(method, "PATCH" | "DELETE") || path.contains("/composite/")
        };
        let requests = world.org.requests();
        requests.iter().filter(|request| is_write(&request.method, &request.path)).count()
    };
    let before = (world.m3ter_writes().len(), salesforce_writes(&world));

    // Those that are named, whatever they are.
    let ids: Vec<&String> = made.records.values().collect();
    let verification = verify(&world, &json!({ "recordIds": ids })).await;
    assert_eq!(verification["state"], "completed", "{verification:#}");
    let named = found(&world, &verification).await;
    assert_eq!(statuses(&named), made.expected(), "{named:#?}");

    // All, and each only once. Of what is not ready and was never synced nothing is told.
    for request in
        [json!({ "roots": ["Opportunity"] }), json!({ "roots": ["Opportunity"], "deep": true })]
    {
        let verification = verify(&world, &request).await;
        assert_eq!(verification["state"], "completed", "{verification:#}");
        let all = found(&world, &verification).await;
        let of_made: BTreeMap<String, String> = statuses(&all)
            .into_iter()
            .filter(|(id, _)| made.records.values().any(|made| made == id))
            .collect();
        let mut expected = made.expected();
        expected.remove(&made.records["not_ready"]);
        assert_eq!(of_made, expected, "{request}");
        // What else the org has was never synced, but for a sample that m3ter has had before.
        let others: BTreeMap<&String, &Json> =
            all.iter().filter(|(id, _)| !of_made.contains_key(*id)).collect();
        for (id, other) in &others {
            let status = if *id == SECOND_SAMPLE { "partial" } else { "missing" };
            assert_eq!(other["status"], status, "{id} {}", other["message"]);
        }
        assert_eq!(verification["counts"]["missing"].as_u64(), Some(others.len() as u64));
        assert_eq!(verification["verified"].as_u64(), Some(all.len() as u64));
        let breadth = if request["deep"] == true { "contracts" } else { "lists" };
        assert_eq!(verification["breadth"], breadth);
    }
    assert_eq!((world.m3ter_writes().len(), salesforce_writes(&world)), before);

    // What is told is what a dry run of the record tells, byte for byte, as the history keeps it.
    for (id, record) in &named {
        let run = world.dry_run(id).await;
        let path = format!("/sync-runs/{}", run["syncRunId"].as_str().unwrap());
        let kept: Json = serde_json::from_str(&world.get(&path).await.1).unwrap();
        let differs = |result: &&Json| {
            result["action"] != "unchanged" || !result["warnings"].as_array().unwrap().is_empty()
        };
        let results = kept["result"]["objectResults"].as_array().unwrap();
        let results: Vec<&Json> = results.iter().filter(differs).collect();
        assert_eq!(
            serde_json::to_string(&record["objectResults"]).unwrap(),
            serde_json::to_string(&results).unwrap(),
            "{id}"
        );
        assert_eq!(record["warnings"], kept["result"]["warnings"], "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_names_records_and_is_evaluated_as_mappings_do() {
    let world = World::new().await;
    let (meant, other) = (
        deal(&world, "Acme North", &json!({ "M3ter_PO_Number__c": "po-7" })),
        deal(&world, "Acme South", &json!({ "M3ter_PO_Number__c": "PO-70" })),
    );
    let synced = synced(&world, "Acme East", &json!({ "M3ter_PO_Number__c": "PO-7" })).await;
    let condition = r#"{ field = "M3ter_PO_Number__c", is = "PO-7" }"#;
    let request = json!({ "roots": ["Opportunity"], "condition": condition });
    let found = found(&world, &verify(&world, &request).await).await;
    let expected =
        [(meant, "missing".to_owned()), (synced, "in_sync".to_owned())].into_iter().collect();
    assert_eq!(statuses(&found), expected);
    assert!(!found.contains_key(&other));

    let logged = world.org.requests().len();
    for (request, told) in [
        (json!({ "roots": ["Opportunity"], "condition": "1" }), "condition:1"),
        (
            json!({ "roots": ["Opportunity"], "condition": "{ field = \"IsWon\" }\nroot = 1" }),
            "one condition",
        ),
        (json!({ "condition": "IsWon" }), "the only one of `roots`"),
        (json!({ "roots": ["Lead"] }), "no mapping for `Lead`"),
        (json!({ "roots": ["Opportunity"], "recordIds": [DEAL] }), "not by both"),
        (json!({ "recordIds": [DEAL, "006S900000795MM"] }), "more than once"),
        (json!({ "recordIds": ["nonsense"] }), "recordIds"),
        (json!({ "depth": true }), "depth"),
    ] {
        let (status, answer) = world.post("/verifications", &request.to_string()).await;
        assert_eq!(status, 400, "{request}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(told), "{request}: {answer}");
    }
    assert_eq!(world.org.requests().len(), logged, "nothing was sent");
    for (condition, told) in [
        ("Missing__c", "`Missing__c` is not a field of Opportunity"),
        (
            r#"{ field = "OpportunityLineItems.Quantity", above = 1 }"#,
            "is not a field of Opportunity",
        ),
    ] {
        let request = json!({ "roots": ["Opportunity"], "condition": condition });
        let (status, answer) = world.post("/verifications", &request.to_string()).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(told), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_in_bulk() {
    let world = World::new().await;
    let mut requests = Vec::new();
    let mut ids = Vec::new();
    for more in [3, 12] {
        for number in 0..more {
            ids.push(synced(&world, &format!("Deal {number} of {more}"), &json!({})).await);
        }
        // What is known for a while is read before it is counted.
        verify(&world, &json!({ "recordIds": ids })).await;
        let before = world.organization.requests().len() + world.org.requests().len();
        let verification = verify(&world, &json!({ "recordIds": ids })).await;
        assert_eq!(verification["counts"]["inSync"].as_u64(), Some(ids.len() as u64));
        requests.push(world.organization.requests().len() + world.org.requests().len() - before);
    }
    assert!(requests[1] <= requests[0] + 1 && requests[1] < 15, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_can_be_cancelled_and_resumed() {
    let world = World::new().await;
    let deal = synced(&world, "Acme", &json!({})).await;
    let (_, begun) =
        world.post("/verifications", &json!({ "recordIds": [deal] }).to_string()).await;
    let path = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
    let (status, cancelled) = world.post(&format!("{path}/cancel"), "").await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
    let (status, resumed) = world.post(&format!("{path}/resume"), "").await;
    assert_eq!((status, &resumed["state"]), (200, &json!("running")), "{resumed}");
    let verification = world.until(&path, "completed").await;
    assert_eq!(verification["counts"]["inSync"], 1);
    let (status, refused) = world.post(&format!("{path}/resume"), "").await;
    assert_eq!((status, &refused["errorCode"]), (409, &json!("VERIFICATION_NOT_STOPPED")));
    for path in ["/verifications/x", "/verifications/x/records"] {
        let (status, text) = world.get(path).await;
        assert!(status == 404 && text.contains("VERIFICATION_NOT_FOUND"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_distinguishes_differences_failures_and_try_again() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let made = Made::new(&world).await;
    let database = world.database_url();
    let verify = async |arguments: &[&str]| {
        let words: Vec<&str> = [&["verify"], arguments].concat();
        run_with(&world, directory.path(), &words, &[("DATABASE_URL", &database)]).await
    };
    let file = directory.path().join("deals.csv");
    let of = |names: &[&str], more: &str| {
        let ids: Vec<&str> = names.iter().map(|name| made.records[name].as_str()).collect();
        std::fs::write(&file, format!("Id\n{}\n{more}", ids.join("\n"))).unwrap();
        file.to_str().unwrap().to_owned()
    };

    let same = of(&["in_sync", "ended", "not_ready"], "");
    let (code, text) = verify(&["--file", &same, "--exit-code"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in_sync") && !text.contains("As it was"), "{text}");

    let different = of(&["in_sync", "differs", "gone: lost"], "");
    let (code, text) = verify(&["--file", &different, "--exit-code"]).await;
    assert_eq!(code, 5, "{text}");
    let counts = text.find("differs\t1").unwrap();
    let told = text.find("Repriced").unwrap();
    assert!(counts < told && text.contains("amount") && text.contains("not won"), "{text}");
    let (code, text) = verify(&["--file", &different]).await;
    assert_eq!(code, 0, "{text}");

    let failed = of(&["differs", "partial"], "");
    let (code, text) = verify(&["--file", &failed, "--exit-code", "--output", "csv"]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("Status,Record,Name,What\npartial,"), "{text}");
    let (_, text) = verify(&["--file", &failed, "--output", "json"]).await;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let records: Vec<Json> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2, "{text}");
    assert_eq!(records[1]["name"], "Repriced");

    // What is no id of a record that is mapped is told by its line; the rest only if asked.
    let invalid = of(&["in_sync"], "nonsense\n005S90000000001\n");
    let (code, text) = verify(&["--file", &invalid]).await;
    assert!(code == 2 && text.contains("line 3: ") && text.contains("line 4: "), "{code} {text}");
    let (code, text) = verify(&["--file", &invalid, "--skip-invalid"]).await;
    assert!(code == 0 && text.contains("left out") && text.contains("in_sync"), "{code} {text}");
    let (code, text) = verify(&["--resume", "nonsense"]).await;
    assert!(code == 2 && text.contains("no verification"), "{code} {text}");
    let (code, text) = verify(&["--root", "Opportunity", "--where", "1"]).await;
    assert!(code == 2 && text.contains("condition:1"), "{code} {text}");
}
