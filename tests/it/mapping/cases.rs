//! `mapping test`, `mapping explain` and `mapping schema`: what the author of a mapping tries it
//! with. `mappings/cases` has records for the built-in mappings.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use sync_to_m3ter::mapping::{MappingSource, Mappings};

use crate::operations::commands::{run, run_with};
use crate::support::*;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/cases")
}

/// A copy of the cases whose files may be changed.
fn copied(directory: &Path) -> String {
    let folder = directory.join("cases");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder.display().to_string()
}

fn write(folder: &str, name: &str, json: &Json) {
    std::fs::write(Path::new(folder).join(name), json.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_mappings_give_the_expected_results_for_their_cases() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let folder = cases().display().to_string();
    let (code, told) = run(&world, directory.path(), &["mapping", "test", &folder]).await;
    assert!(code == 0 && told.contains("all as expected"), "{told}");
    for root in Mappings::built_in_roots() {
        let file = format!("\"type\": \"{root}\"");
        let mut texts = std::fs::read_dir(cases())
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        assert!(texts.any(|text| text.contains(&file)), "there is no case of {root}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_org_becomes_a_case_without_personal_data() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("own").display().to_string();
    let planted = json!({ "Name": "Planted Person", "BillingStreet": "Planted Street 1" });
    world.org.vendor().update("Account", ACCOUNT, &planted);
    let arguments = ["mapping", "test", &folder, "--add", DEAL];
    let (code, told) = run(&world, directory.path(), &arguments).await;
    assert!(code == 1 && told.contains("not as expected") && told.contains("--accept"), "{told}");
    let case = std::fs::read_to_string(format!("{folder}/{DEAL}.json")).unwrap();
    assert!(!case.contains("Planted") && case.contains("Name1"), "{case}");
    assert!(!case.contains('@') || case.contains("person1@example.com"), "{case}");

    let accept = ["mapping", "test", &folder, "--accept"];
    assert_eq!(run(&world, directory.path(), &accept).await.0, 0);
    let (code, told) = run(&world, directory.path(), &["mapping", "test", &folder]).await;
    assert_eq!(
        (code, told.as_str()),
        (0, &*format!("{DEAL}: as expected\n1 case, all as expected\n"))
    );
    let (code, told) = run(&world, directory.path(), &arguments).await;
    assert!(code == 2 && told.contains("File exists"), "{told}");

    // What the service makes of the same record has the same values.
    let expected = std::fs::read(format!("{folder}/{DEAL}.expected.json")).unwrap();
    let expected: Json = serde_json::from_slice(&expected).unwrap();
    world.sync(DEAL).await;
    let contract = &expected["objects"][format!("Contract {DEAL}")]["fields"];
    let made = world.object("contracts", "code", DEAL);
    for field in ["startDate", "endDate", "code"] {
        assert_eq!(contract[field], made[field], "{contract:#}");
    }
    let pricing = &expected["objects"][format!("Pricing {LINE}")]["fields"];
    let bands = pricing["pricingBands"].as_array().unwrap();
    let made = world.object("pricings", "code", LINE);
    for (band, made) in bands.iter().zip(made["pricingBands"].as_array().unwrap()) {
        assert_eq!(band["unitPrice"], made["unitPrice"], "{pricing:#}");
    }
    assert!(pricing["aggregationId"].as_str().unwrap().starts_with("aggregation `"), "{pricing:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mapping_shows_what_differs_and_a_faulty_case_is_one_sentence() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let folder = copied(directory.path());
    let mappings = directory.path().join("mappings");
    std::fs::create_dir(&mappings).unwrap();
    let file = "extends = \"Opportunity\"\n\n[contract]\ndescription = { value = \"ours\" }\n";
    std::fs::write(mappings.join("own.toml"), file).unwrap();
    let own = [("MAPPINGS_DIR", mappings.to_str().unwrap())];
    let test = ["mapping", "test", &folder];
    let (code, told) = run_with(&world, directory.path(), &test, &own).await;
    let change = format!("  Contract {DEAL}: description\n    + \"ours\"\n");
    assert!(code == 1 && told.contains(&change), "{told}");
    let (code, _) =
        run_with(&world, directory.path(), &[&test[..], &["--accept"]].concat(), &own).await;
    assert_eq!((code, run_with(&world, directory.path(), &test, &own).await.0), (0, 0));
    // And back: what is gone is shown as gone.
    let (code, told) = run(&world, directory.path(), &test).await;
    assert!(code == 1 && told.contains("    - \"ours\"\n"), "{told}");

    let record = |of: &str| json!({ "attributes": { "type": of }, "Id": DEAL });
    for (case, problem) in [
        (
            json!({ "record": record("Invoice__c") }),
            "There is no mapping for `Invoice__c`, only for Account, Contract",
        ),
        (
            json!({ "record": { "Id": DEAL } }),
            "add `\"attributes\": { \"type\": \"Opportunity\" }`",
        ),
        (
            json!({ "record": { "attributes": { "type": "Opportunity" } } }),
            "the record has no `Id`",
        ),
        (
            json!({ "record": record("Opportunity"), "missing": { "plan_tempalte": ["A"] } }),
            "did you mean `plan_template`?",
        ),
        (
            json!({ "record": record("Opportunity"), "timeZone": "Mars" }),
            "`Mars` is not a time zone",
        ),
        (json!({ "record": record("Opportunity"), "expected": {} }), "unknown field `expected`"),
        (json!([]), "is not a case"),
    ] {
        let bad = directory.path().join("bad");
        let _ = std::fs::remove_dir_all(&bad);
        std::fs::create_dir(&bad).unwrap();
        let bad = bad.display().to_string();
        write(&bad, "bad.json", &case);
        let (code, told) = run(&world, directory.path(), &["mapping", "test", &bad]).await;
        assert!(code == 2 && told.contains(problem), "{case}: {told}");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for (folder, problem) in [("empty", "has no case"), ("nowhere", "could not be read")] {
        let folder = directory.path().join(folder).display().to_string();
        let (code, told) = run(&world, directory.path(), &["mapping", "test", &folder]).await;
        assert!(code == 2 && told.contains(problem), "{told}");
    }
    std::fs::write(format!("{folder}/gone.expected.json"), "{}").unwrap();
    let (code, told) = run(&world, directory.path(), &test).await;
    assert!(code == 2 && told.contains("there is no case gone.json"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_the_way_of_a_value_from_salesforce_to_m3ter() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let explain = |record: &'static str, field: &'static str| ["mapping", "explain", record, field];
    let (code, told) = run(&world, directory.path(), &explain(DEAL, "contract.endDate")).await;
    assert!(
        code == 0
            && told
                .starts_with(&format!("Contract {DEAL} endDate (mappings/opportunity.toml, line ")),
        "{told}"
    );
    let made = {
        world.sync(DEAL).await;
        world.object("contracts", "code", DEAL)
    };
    let last = format!("  = \"{}\"\n", made["endDate"].as_str().unwrap());
    assert!(told.contains(&last) && told.contains("the first that is not blank:"), "{told}");
    assert!(told.contains("the day after: `"), "{told}");
    // A line has its own.
    let (code, told) = run(&world, directory.path(), &explain(DEAL, "pricingBands")).await;
    assert!(code == 0 && told.contains(&format!("Pricing {LINE} pricingBands")), "{told}");
    // Nothing of a person.
    let (code, told) = run(&world, directory.path(), &explain(DEAL, "account.emailAddress")).await;
    assert!(code == 0 && told.contains("(not shown)") && !told.contains('@'), "{told}");
    let (code, told) = run(&world, directory.path(), &explain(DEAL, "account.address")).await;
    assert!(code == 0 && told.contains("  = (not shown)"), "{told}");
    // A case needs no org.
    let case = cases().join("won-deal.json").display().to_string();
    let arguments = ["mapping", "explain", &case, "plan.planTemplateId"];
    let (code, told) =
        run_with(&world, directory.path(), &arguments, &[("SALESFORCE_LOGIN_URL", "")]).await;
    assert!(code == 0 && told.contains("  = \"plan template `"), "{told}");

    for (record, field, problem) in [
        (DEAL, "contract.enddat", "did you mean `endDate`?"),
        (DEAL, "invoice.endDate", "m3ter has no object `invoice`, only account,"),
        ("abc", "endDate", "is not a Salesforce record ID"),
        (
            DEAL,
            "contract.usageFilters",
            "The mapping gives `contract.usageFilters` no value for this record",
        ),
        ("none.json", "endDate", "`none.json` could not be read"),
    ] {
        let (code, told) = run(&world, directory.path(), &explain(record, field)).await;
        assert!(code == 2 && told.contains(problem), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_schema_accepts_what_the_parser_accepts() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, printed) = run(&world, directory.path(), &["mapping", "schema"]).await;
    assert_eq!(code, 0, "{printed}");
    let schema: Json = serde_json::from_str(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let manual = include_str!("../../../docs/mapping.md").split("```toml\n").skip(1);
    let mut texts: Vec<String> =
        manual.map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    texts.extend(
        Mappings::built_in_roots().map(|root| Mappings::built_in(root).unwrap().to_owned()),
    );
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mappings");
    for file in ["language.toml", "product_rules.toml", "usage_deal.toml", "years.toml"] {
        texts.push(std::fs::read_to_string(own.join(file)).unwrap());
    }
    assert!(texts.len() >= 15);
    for text in &texts {
        let file: toml::Table = toml::from_str(text).unwrap();
        let json = serde_json::to_value(&file).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&json)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{text}\n{faults:#?}");
    }
    // And what the parser refuses by its form, the editor shows as well.
    for text in [
        "root = \"Opportunity\"\nnothing = 1\n",
        "root = \"Opportunity\"\nremoved_lines = \"delete\"\n",
        "extends = \"Opportunity\"\n[contract]\nendDat = \"End__c\"\n",
        "extends = \"Opportunity\"\n[contract]\nendDate = { field = \"End__c\", value = 1 }\n",
        "extends = \"Opportunity\"\n[contract]\nname = { field = \"Name\", uper = true }\n",
        "extends = \"Opportunity\"\n[account]\naddress = { road = \"BillingStreet\" }\n",
        "extends = \"Opportunity\"\n[lines]\nleave_out = { field = \"A__c\", is = 1, amoung = [1] }\n",
        "extends = \"Opportunity\"\n[plan]\nbilling_line = \"A__c\"\n",
    ] {
        let source = MappingSource { name: "own.toml".to_owned(), bytes: text.as_bytes().to_vec() };
        assert!(Mappings::parse(&[source]).is_err(), "{text}");
        let file: toml::Table = toml::from_str(text).unwrap();
        assert!(!validator.is_valid(&serde_json::to_value(&file).unwrap()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_keys_newer_syntax_and_numbers_that_are_too_large_are_reported() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml");
    for (text, expected_code, told) in [
        (
            "extends = \"Opportunity\"\n[account]\nname = \"Name\"\n[contract]\n[account]\ncode = \"Id\"\n",
            1,
            "own.toml:5: `account`: this key stands here a second time, first in line 2; keep one of the two",
        ),
        (
            "extends = \"Opportunity\"\n[contract]\nname = { field = \"Name\", trim = true, }\n",
            0,
            "own.toml:3: note: a comma before the closing brace is TOML 1.1",
        ),
        (
            "extends = \"Opportunity\"\n[commitment]\namount = { value = 1e400 }\n",
            1,
            "own.toml:3: `commitment.amount`: 1e400 is too large for m3ter",
        ),
        (
            "extends = \"Opportunity\"\n[commitment]\namount = { value = 1e-400 }\n",
            1,
            "own.toml:3: `commitment.amount`: 1e-400 is too small for m3ter",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let arguments = ["mapping", "check", path.to_str().unwrap()];
        let (code, shown) = run(&world, directory.path(), &arguments).await;
        assert!(code == expected_code && shown.contains(told), "{shown}");
    }
}
