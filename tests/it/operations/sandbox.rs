//! `sandbox`, as a newcomer starts it: what it takes from the environment, what it prints, and what
//! the other commands see of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use sync_to_m3ter_sandbox::salesforce::EXAMPLE_RECORDS;

use crate::support::*;

pub(super) const FREE_PORTS: [&str; 6] =
    ["--port", "0", "--salesforce-port", "0", "--m3ter-port", "0"];

/// A sandbox that runs, and what it has printed.
pub(super) struct Running {
    child: Child,
    pub(super) banner: String,
}

impl Running {
    pub(super) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
        command.env_clear().envs(variables.iter().copied()).arg("sandbox").args(FREE_PORTS);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut banner = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !banner.contains("Stop with Ctrl-C.") {
            banner.push_str(&lines.next().unwrap().unwrap());
            banner.push('\n');
        }
        Self { child, banner }
    }

    /// What the lines of the banner export.
    pub(super) fn exports(&self) -> Vec<(String, String)> {
        let lines = self.banner.lines().filter_map(|line| line.trim().strip_prefix("export "));
        lines
            .flat_map(str::split_whitespace)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name.to_owned(), value.trim_matches('\'').to_owned())
            })
            .collect()
    }

    /// Exit code and both outputs of another command with these exports.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        program(arguments, &self.exports())
    }

    pub(super) fn service(&self) -> String {
        let line = self.banner.lines().find(|line| line.starts_with("The service:")).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(arguments: &[&str], variables: &[(String, String)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().envs(variables.iter().cloned()).args(arguments);
    let output = command.output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exports_of_a_sandbox_show_the_other_commands_what_curl_did() {
    let sandbox = Running::start(&[], &[]);
    let path = format!("{}/sync-to-m3ter/{DEAL}", sandbox.service());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(path).build().unwrap();
    assert!(client.execute(request).await.unwrap().status().is_success());
    let (code, listed) = sandbox.run(&["runs", "list"]);
    assert!(code == 0 && listed.contains(DEAL) && listed.contains("Completed"), "{listed}");
    let (code, synced) = sandbox.run(&["sync", DEAL]);
    assert!(code == 0 && synced.contains("Objects: 6 unchanged."), "{synced}");
    let (code, checked) = sandbox.run(&["check"]);
    assert!(code == 0 && !checked.contains("red"), "{checked}");
}

/// Each record is there, and is what the list says.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_records_are_listed_with_what_they_show() {
    let world = World::new().await;
    let (code, listed) = program(&["sandbox", "--list"], &[]);
    assert_eq!(code, 0, "{listed}");
    for (record, object, shows) in EXAMPLE_RECORDS {
        assert!(listed.contains(&format!("{record}\t{object}\t{shows}\n")), "{record}: {listed}");
        assert!(world.org.vendor().record(object, record).is_some(), "{record}");
    }
    let example = |words: &str| {
        let found = EXAMPLE_RECORDS.iter().find(|(.., shows)| shows.contains(words));
        found.unwrap_or_else(|| panic!("no record shows {words}")).0
    };
    for (words, status, code) in [
        ("six objects", "Completed", None),
        ("refuses in part", "Partial Success", None),
        ("without a plan template", "Partial Success", None),
        ("another currency", "Partial Success", None),
        ("a deleted deal", "Failed", Some("RECORD_DELETED")),
        ("may not see", "Failed", Some("RECORD_NOT_ACCESSIBLE")),
        ("an Order of two", "Completed", None),
        ("reverses a sale", "Failed", Some("RECORD_NOT_READY")),
        ("CPQ subscriptions", "Completed", None),
        ("CPQ quote", "Completed", None),
        ("an amendment", "Failed", Some("RECORD_NOT_READY")),
        ("a custom object", "Failed", Some("UNSUPPORTED_OBJECT")),
    ] {
        let result = world.sync(example(words)).await;
        assert_eq!(
            (result["syncStatus"].as_str(), result["errorCode"].as_str()),
            (Some(status), code),
            "{words}: {result:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_takes_mappings_and_records_and_names_what_it_does_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let built_in = include_str!("../../../mappings/opportunity.toml");
    let mappings = directory.join("mine");
    std::fs::create_dir(&mappings).unwrap();
    std::fs::write(mappings.join("deals.toml"), built_in).unwrap();
    let mappings = mappings.display().to_string();
    let template = json!({"id": "00000999-0000-4000-8000-000000000000", "name": "Mine", "code": "MINE",
        "productId": "21e063b6-2350-4add-a028-3e6ad5b233ed", "currency": "USD", "standingCharge": 0,
        "billFrequency": "MONTHLY", "billFrequencyInterval": 1});
    let file = json!({
        "records": [{
            "attributes": {"type": "Account", "referenceId": "one"}, "Name": "My customer",
            "Opportunities": {"records": [{
                "attributes": {"type": "Opportunity", "referenceId": "two"}, "Name": "My own deal",
                "StageName": "Closed Won", "CloseDate": "2026-01-01",
            }]},
        }],
        "m3ter": {"plantemplates": [template]},
    });
    let records = write(directory, "deal.json", &file.to_string());
    let variables = [
        ("MAPPINGS_DIR", mappings.as_str()),
        ("DATABASE_URL", "sqlite://mine.db"),
        ("M3TER_API_KEY", "hunter2"),
    ];
    let sandbox = Running::start(&["--records", &records], &variables);
    assert!(sandbox.banner.contains(&format!("those in {mappings}")), "{}", sandbox.banner);
    let (_, listed) = sandbox.run(&["mapping", "list"]);
    assert!(listed.contains("mine/deals.toml"), "{listed}");
    drop(sandbox);

    let exports: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let wrong = |name: &str, file: serde_json::Value| write(directory, name, &file.to_string());
    let unknown_field = wrong(
        "field.json",
        json!({"records": [{"attributes": {"type": "Account", "referenceId": "one"}, "Nam": "x"}]}),
    );
    let unknown_object = wrong(
        "object.json",
        json!({"records": [{"attributes": {"type": "Invoice__c", "referenceId": "one"}}]}),
    );
    let unknown_key = wrong("key.json", json!({"record": []}));
    let without_id = wrong("id.json", json!({"m3ter": {"products": [{"code": "X"}]}}));
    let resource = wrong("resource.json", json!({"m3ter": {"invoices": [{"id": "x"}]}}));
    for (arguments, words) in [
        (vec!["--records", &unknown_field], "one: "),
        (
            vec!["--records", &unknown_object],
            "`Invoice__c` is not an emulated object; there are `Account`, ",
        ),
        (
            vec!["--records", &unknown_key],
            "`record` is unknown; a file holds `records`, `m3ter` or both",
        ),
        (vec!["--records", &without_id], "object 1 of `products` has no `id`"),
        (
            vec!["--records", &resource],
            "`invoices` is not an emulated resource; there are `accounts`, ",
        ),
        (vec!["--records", "nowhere.json"], "--records nowhere.json: No such file"),
        (vec!["--mappings-dir", "nowhere"], "`nowhere` could not be read"),
    ] {
        let (code, text) = program(&[&["sandbox"][..], &FREE_PORTS, &arguments].concat(), &exports);
        assert!(code == 2 && text.contains(words), "{arguments:?}: {text}");
        assert!(
            text.contains(
                "Not read here, because the sandbox has its own: DATABASE_URL, M3TER_API_KEY"
            ),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// The files of `sf data export tree --plan`: one for each object, with `@references` between them.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_several_files_refer_to_each_other_and_their_ids_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let account = |reference: &str, more: serde_json::Value| {
        let mut account =
            json!({"attributes": {"type": "Account", "referenceId": reference}, "Name": "Mine"});
        account.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        account
    };
    let accounts =
        [account("a1", json!({})), account("a2", json!({"ParentId": "@a1", "Website": "@a3"}))];
    let accounts = write(directory, "Accounts.json", &json!({"records": accounts}).to_string());
    let deal = json!({"attributes": {"type": "Opportunity", "referenceId": "d1"}, "Name": "My own deal",
        "AccountId": "@a2", "StageName": "Closed Won", "CloseDate": "2026-01-01", "End_Date__c": "2026-12-31"});
    let deals = write(directory, "Deals.json", &json!({"records": [deal]}).to_string());
    let files = ["--records", accounts.as_str(), "--records", &deals];

    let (code, listed) = program(&[&["sandbox", "--list"], &files[..]].concat(), &[]);
    assert_eq!(code, 0, "{listed}");
    let of_file = |reference: &str, file: &str| {
        let end = format!("\t`{reference}` in {file}");
        let line = listed.lines().find(|line| line.ends_with(&end));
        let line = line.unwrap_or_else(|| panic!("{reference}: {listed}"));
        line.split('\t').next().unwrap().to_owned()
    };
    let [parent, child, deal] = [("a1", &accounts), ("a2", &accounts), ("d1", &deals)]
        .map(|(name, file)| of_file(name, file));

    let sandbox = Running::start(&files, &[]);
    for (id, object, reference) in
        [(&parent, "Account", "a1"), (&child, "Account", "a2"), (&deal, "Opportunity", "d1")]
    {
        assert!(
            sandbox.banner.contains(&format!("\n  {id}  {object}  {reference}\n")),
            "{}",
            sandbox.banner
        );
    }
    let (_, synced) = sandbox.run(&["sync", &deal, "--dry-run", "--output", "json"]);
    assert!(synced.contains(&child), "the deal is the second Account's: {synced}");
    drop(sandbox);

    let wrong = |name: &str, file: serde_json::Value| write(directory, name, &file.to_string());
    let id = "0000f400-0000-4000-8000-000000000000";
    let plan = json!([{"sobject": "Account", "files": ["Accounts.json"]}, {"sobject": "Opportunity", "files": ["Deals.json"]}]);
    for (file, words) in [
        (deals.clone(), "d1: `AccountId` is `@a2`, and no record before it has this `referenceId`"),
        (
            wrong("plan.json", plan),
            "it is a plan: give the files that it names, in its order: --records Accounts.json --records Deals.json",
        ),
        (wrong("object.json", json!({"records": {}})), "`records` is not a list"),
        (wrong("none.json", json!({"records": []})), "`records` has no record"),
        (
            wrong("type.json", json!({"records": [account("a", json!({})), {"Name": "x"}]})),
            "record 2 of `records` has no `attributes.type`",
        ),
        (
            wrong("reference.json", json!({"records": [{"attributes": {"type": "Account"}}]})),
            "record 1 of `records` has no `attributes.referenceId`",
        ),
        (
            wrong(
                "mixed.json",
                json!({"records": [account("a", json!({})), {"attributes": {"type": "Lead", "referenceId": "l"}}]}),
            ),
            "l: it is of Lead, and the first record is of Account: take a file for each object",
        ),
        (
            wrong(
                "id.json",
                json!({"records": [account("a", json!({"Id": "001S90000099999IAA"}))]}),
            ),
            "a: cannot specify Id in an insert call",
        ),
        (wrong("list.json", json!([])), "it holds neither `records` nor `m3ter`"),
        (wrong("m3ter.json", json!({"m3ter": []})), "`m3ter` is not lists of objects by resource"),
        (
            wrong("uuid.json", json!({"m3ter": {"products": [{"id": "mine"}]}})),
            "object 1 of `products` has the `id` `mine`; m3ter's are such as",
        ),
        (
            wrong(
                "twice.json",
                json!({"m3ter": {"products": [{"id": id, "name": "A", "code": "A"}, {"id": id}]}}),
            ),
            "object 2 of `products` has the `id` 0000f400-0000-4000-8000-000000000000, which another one has already",
        ),
        (write(directory, "empty.json", " "), "it is empty"),
        (write(directory, "text.json", "x"), "it is not JSON: "),
        (directory.display().to_string(), "Is a directory"),
    ] {
        for start in [&["sandbox"][..], &["sandbox", "--list"]] {
            let (code, text) = program(&[start, &FREE_PORTS, &["--records", &file]].concat(), &[]);
            assert!(
                code == 2 && text.contains(&format!("--records {file}: {words}")),
                "{file}: {text}"
            );
        }
    }
}
