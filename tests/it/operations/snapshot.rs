//! `snapshot take` and `sandbox --from`: a deal tried at home behaves as it does where it comes from,
//! and nobody is named in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::salesforce::EXAMPLE_RECORDS;
use uuid::Uuid;

use super::sandbox::{FREE_PORTS, Running};
use crate::support::program::program;
use crate::support::*;

const JANE: &str = "005S90000000JANIA0";
/// Parts of what is planted.
const PLANTED: [&str; 10] = [
    "Planted",
    "planted",
    "Jane",
    "jane",
    "Doe",
    "7946 0958",
    "Baker Street",
    "NW1 6XE",
    "Londinium",
    "secret note",
];

/// A world whose customers, people and deals have names, addresses and numbers of their own, in
/// both systems.
async fn planted(mappings: Option<PathBuf>) -> World {
    let world = World::with_config(move |config| config.mappings_dir.clone_from(&mappings)).await;
    let org = world.org.vendor();
    org.insert("User", &json!({"Id": JANE, "Name": "Jane Doe", "Email": "jane@planted.example"}));
    let records = state(&world, &world.org.base_url()).await;
    for account in records["Account"].as_array().unwrap() {
        let id = account["Id"].as_str().unwrap();
        org.update("Account", id, &planted_account(id));
    }
    for object in ["Opportunity", "Order", "Contract", "Usage_Deal__c"] {
        for (number, record) in records[object].as_array().unwrap().iter().enumerate() {
            let name = format!("Planted deal {number} of {}", &object[..3]);
            let mut fields = json!({ "Name": name });
            if object == "Opportunity" {
                fields["OwnerId"] = json!(JANE);
                fields["Description"] = json!("secret note for jane@planted.example");
                fields["M3ter_PO_Number__c"] =
                    json!("PO of jane.doe@planted.example, +44 20 7946 0958");
            }
            org.update(object, record["Id"].as_str().unwrap(), &fields);
        }
    }
    for mut account in world.objects("accounts") {
        let code = account["code"].as_str().unwrap().to_owned();
        let planted = planted_account(&code);
        account.insert("name".to_owned(), planted["Name"].clone());
        account.insert("emailAddress".to_owned(), planted["M3ter_Billing_Email__c"].clone());
        account.insert(
            "address".to_owned(),
            json!({"addressLine1": "221B Baker Street", "addressLine2": "Flat 7", "locality": "Londinium",
                "postCode": "NW1 6XE", "country": "GB"}),
        );
        account.insert("customFields".to_owned(), json!({"contact": "Jane Doe, +44 20 7946 0958"}));
        world.change_in_m3ter("accounts", &account);
    }
    world
}

fn planted_account(id: &str) -> Json {
    json!({
        "Name": format!("Planted {id} Ltd"), "M3ter_Billing_Email__c": format!("jane.doe+{id}@planted.example"),
        "Phone": "+44 20 7946 0958", "BillingStreet": "221B Baker Street\nFlat 7", "BillingCity": "Londinium",
        "BillingPostalCode": "NW1 6XE", "BillingCountry": "GB", "OwnerId": JANE,
    })
}

async fn state(world: &World, emulator: &str) -> Json {
    let (_, text) = world.send(world.client().get(format!("{emulator}/sandbox/state"))).await;
    serde_json::from_str(&text).unwrap()
}

/// Exit code and both outputs of `snapshot take`.
fn take(world: &World, directory: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = program(world, directory);
    let output = command.args(["snapshot", "take"]).args(arguments).output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

/// A sync by a service between two emulators: its answer, and what both were asked.
async fn synced(world: &World, service: &str, emulators: [&str; 2], record: &str) -> Json {
    let client = world.client();
    let deadline = Instant::now() + Duration::from_mins(1);
    while world.send(client.get(format!("{service}/readyz"))).await.0 != 200 {
        assert!(Instant::now() < deadline, "{service} does not get ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for emulator in emulators {
        world.send(client.delete(format!("{emulator}/sandbox/requests"))).await;
    }
    let request = client.post(format!("{service}/sync-to-m3ter/{record}"));
    let (status, answer) = world.send(request).await;
    assert_eq!(status, 200, "{answer}");
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    let mut written = Vec::new();
    for emulator in emulators {
        let (_, log) = world.send(client.get(format!("{emulator}/sandbox/requests"))).await;
        let log: Vec<Json> = serde_json::from_str(&log).unwrap();
        for request in
            log.iter().filter(|request| !request["path"].as_str().unwrap().contains("token"))
        {
            let call = format!(
                "{} {}",
                request["method"].as_str().unwrap(),
                request["path"].as_str().unwrap()
            );
            *asked.entry(comparable(&json!(call)).to_string()).or_default() += 1;
            if request["method"] != "GET" {
                written.push(comparable(&request["body"]).to_string());
            }
        }
    }
    written.sort();
    let answer: Json = serde_json::from_str(&answer).unwrap();
    json!({ "answer": comparable(&answer), "asked": asked, "written": written })
}

/// A value without what may differ: ids of m3ter's, moments, and what has stand-ins.
fn comparable(value: &Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .iter()
            .filter(|(name, _)| {
                !["syncRunId", "concatenatedResults", "M3ter_Synced_At__c"].contains(&name.as_str())
            })
            .map(|(name, value)| (name.clone(), comparable(value)))
            .collect(),
        Json::Array(values) => values.iter().map(comparable).collect(),
        Json::String(text) => json!(comparable_text(text)),
        value => value.clone(),
    }
}

fn comparable_text(text: &str) -> String {
    let is_planted = PLANTED.iter().any(|planted| text.contains(planted));
    let is_stand_in = ["Name", "Place", "person", "+1 555", "Text"].iter().any(|word| {
        text.match_indices(word).any(|(at, word)| {
            text[at + word.len()..].trim_start().starts_with(|letter: char| letter.is_ascii_digit())
        })
    });
    if is_planted || is_stand_in || text == "Flat 7" {
        return "somebody's".to_owned();
    }
    // The mappings of one's own are in the folder.
    let text = &text.replace("/taken/mappings/", "/mine/");
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let words = text.split_inclusive(|letter| !is_inner(letter)).map(|word| {
        let bare = word.trim_end_matches(|letter| !is_inner(letter));
        if Uuid::parse_str(bare).is_ok() { word.replace(bare, "ID") } else { word.to_owned() }
    });
    words.collect()
}

/// All text of a folder.
fn text_of(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| {
        if path.is_dir() { text_of(&path) } else { std::fs::read_to_string(&path).unwrap() }
    });
    texts.collect()
}

fn usage_deals(directory: &Path) -> PathBuf {
    let mappings = directory.join("mine");
    std::fs::create_dir(&mappings).unwrap();
    for (name, text) in [
        ("usage_deal.toml", include_str!("../mappings/usage_deal.toml")),
        ("product_rules.toml", include_str!("../mappings/product_rules.toml")),
    ] {
        std::fs::write(mappings.join(name), text).unwrap();
    }
    mappings
}

/// Takes a snapshot of a record and syncs both; the folder's text.
async fn same_at_home(world: &World, directory: &Path, record: &str, mappings: Option<&Path>) {
    let folder = directory.join("taken");
    let mut command = program(world, directory);
    if let Some(mappings) = mappings {
        command.env("MAPPINGS_DIR", mappings);
    }
    let to = folder.to_str().unwrap();
    let output = command.args(["snapshot", "take", record, "--to", to]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{record}: {output:?}");
    let writes = world.org.requests();
    let writes =
        writes.iter().filter(|asked| asked.method != "GET" && !asked.path.contains("token"));
    assert_eq!(writes.count(), 0, "{record}");
    let text = text_of(&folder);
    for planted in PLANTED {
        assert!(!text.contains(planted), "{record}: {planted} is in {text}");
    }
    let home = Running::start(&["--from", to], &[]);
    assert!(home.banner.contains(record), "{}", home.banner);
    let exports: BTreeMap<String, String> = home.exports().into_iter().collect();
    let emulators = ["SALESFORCE_LOGIN_URL", "M3TER_BASE_URL"].map(|name| exports[name].as_str());
    let copy = synced(world, &home.service(), emulators, record).await;
    let (org, organization) = (world.org.base_url(), world.organization.base_url());
    let service = world.url("");
    let original = synced(world, &service, [&org, &organization], record).await;
    assert_eq!(copy, original, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_syncs_from_its_snapshot_as_it_does_where_it_comes_from() {
    for (record, object, _) in EXAMPLE_RECORDS {
        let directory = tempfile::tempdir().unwrap();
        let mappings = (object == "Usage_Deal__c").then(|| usage_deals(directory.path()));
        let world = planted(mappings.clone()).await;
        world.organization.clear_requests();
        world.org.clear_requests();
        same_at_home(&world, directory.path(), record, mappings.as_deref()).await;
        world.end().await;
    }
}

/// What was synced before is found by what the database remembers; a mapping of one's own goes along
/// with the names that it compares with.
#[tokio::test(flavor = "multi_thread")]
async fn links_and_mappings_go_along() {
    let directory = tempfile::tempdir().unwrap();
    let mappings = directory.path().join("mine");
    std::fs::create_dir(&mappings).unwrap();
    let text = include_str!("../../../mappings/opportunity.toml").replace(
        "root = \"Opportunity\"\n",
        "root = \"Opportunity\"\nonly_when = { field = \"Owner.Name\", is = \"Jane Doe\", message = \"ask jane@planted.example\" }\n",
    );
    std::fs::write(mappings.join("deals.toml"), text).unwrap();
    let mut world = planted(Some(mappings.clone())).await;
    let first = world.sync(FIVE_LINES).await;
    assert_eq!(first["syncStatus"], "Completed", "{first:#}");
    // Nothing but the database says which Commitment is the deal's.
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"M3ter_Commitment_Id__c": null}));
    let database = world.database_url();
    world.organization.clear_requests();
    world.org.clear_requests();
    let folder = directory.path().join("taken");
    let to = folder.to_str().unwrap();
    let mut command = program(&world, directory.path());
    command.env("DATABASE_URL", &database).env("MAPPINGS_DIR", &mappings);
    let output = command.args(["snapshot", "take", FIVE_LINES, "--to", to]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = text_of(&folder);
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted} is in {text}");
    }
    let home = Running::start(&["--from", to], &[("MAPPINGS_DIR", "elsewhere")]);
    let exports: BTreeMap<String, String> = home.exports().into_iter().collect();
    let emulators = ["SALESFORCE_LOGIN_URL", "M3TER_BASE_URL"].map(|name| exports[name].as_str());
    let copy = synced(&world, &home.service(), emulators, FIVE_LINES).await;
    // As new as the other one: it has found no code yet.
    world.restart(100).await;
    let (org, organization) = (world.org.base_url(), world.organization.base_url());
    let original = synced(&world, &world.url(""), [&org, &organization], FIVE_LINES).await;
    assert_eq!(copy, original);
    let results = copy["answer"]["objectResults"].as_array().unwrap();
    assert!(results.len() > 6, "{results:?}");
    assert!(results.iter().all(|result| result["action"] == "unchanged"), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_or_served_is_named_with_a_way_on() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let path = |name: &str| directory.join(name).display().to_string();
    let (there, taken) = (path("there"), path("taken"));
    std::fs::create_dir(&there).unwrap();
    std::fs::write(path("file"), "").unwrap();
    for (arguments, code, words) in [
        (vec![DEAL, "--to", &there], 2, "is there already; name another folder with --to"),
        (vec!["abc", "--to", &taken], 2, "`abc` is not a Salesforce record ID"),
        (vec!["006S90000079XXX", "--to", &taken], 1, "(RECORD_NOT_FOUND): nothing was taken"),
        (vec!["a1DS90000079DEAMA2", "--to", &taken], 1, "There is no mapping for `Usage_Deal__c`"),
        (vec![DEAL, "00QS90000079XXX", "--to", &taken], 1, "nothing was taken"),
        (vec![DEAL, "--to", &path("file/taken")], 2, "and nothing of it is left"),
    ] {
        let (ended, text) = take(&world, directory, &arguments);
        assert!(ended == code && text.contains(words), "{arguments:?}: {ended}: {text}");
    }
    assert!(!Path::new(&taken).exists());
    let left = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with(".snapshot")), "{left:?}");

    let (code, text) = take(&world, directory, &[DEAL, "--to", &taken]);
    assert!(code == 0 && text.contains(&format!("sandbox --from {taken}")), "{text}");
    for (file, from, to, words) in [
        (
            "snapshot.json",
            "\"formatVersion\": 1",
            "\"formatVersion\": 7",
            "of the format 7, and this version reads 1: use version",
        ),
        ("snapshot.json", "\"formatVersion\": 1,", "", "has no `formatVersion`"),
        (
            "snapshot.json",
            "\"records\"",
            "\"recrods\"",
            "is not as it was written: unknown field `recrods`",
        ),
        ("snapshot.json", "{", "[", "is not JSON"),
        (
            "salesforce/records/Account.json",
            "\"Name\"",
            "\"Nmae\"",
            "`Account` has no field `Nmae`",
        ),
        (
            "salesforce/records/Account.json",
            "\"Id\"",
            "\"Ident\"",
            "number 1, is not an object with an `Id`",
        ),
        (
            "salesforce/describe/Account.json",
            "\"fields\"",
            "\"felder\"",
            "the describe of `Account` has no `fields`",
        ),
        ("m3ter/plantemplates.json", "[", "{\"x\": [", "is not JSON"),
        ("links.json", "[", "[1", "is not"),
    ] {
        let path = Path::new(&taken).join(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let (code, text) = sandbox(&["--from", &taken]);
        assert!(code == 2 && text.contains(words) && text.contains(&taken), "{file} {to}: {text}");
        std::fs::write(&path, whole).unwrap();
    }
    for (arguments, words) in [
        (vec!["--from", "nowhere"], "`nowhere` is not a snapshot"),
        (vec!["--from", &there], "`sync-to-m3ter snapshot take RECORD_ID` makes one"),
        (vec!["--from", &taken, "--list"], "cannot be used with"),
    ] {
        let (code, text) = sandbox(&arguments);
        assert!(code == 2 && text.contains(words), "{arguments:?}: {text}");
    }
}

fn sandbox(arguments: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    let output =
        command.env_clear().arg("sandbox").args(FREE_PORTS).args(arguments).output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}
