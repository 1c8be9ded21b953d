//! Not readable is not blank: a field that the org showed before and does not show now changes
//! nothing in m3ter.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter::domain::org_schema::{OrgSchema, SObject};
use sync_to_m3ter::mapping::{Mapping, Mappings};
use sync_to_m3ter::salesforce::fuzzing::described;

use crate::operations::commands::{run, run_with};
use crate::support::*;

/// A line whose price stands in a field of its own, digit for digit far below its `UnitPrice`.
const PRICED: &str = "00kS900000079F4IAI";
/// Another line of that deal.
const OTHER: &str = "00kS900000079F1IAI";

/// Everything that m3ter holds for deals.
fn held(world: &World) -> Vec<(&'static str, Vec<Map<String, Json>>)> {
    KINDS.iter().map(|kind| (*kind, world.objects(kind))).collect()
}

fn hide(world: &World, names: &[&str]) {
    world.org.vendor().rules(&json!({ "hiddenFields": names })).unwrap();
}

/// Name, row and message of the results whose finding says that something cannot be read.
fn unreadable(result: &Json) -> Vec<(String, String, String)> {
    let text = |object: &Json, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let results = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["findingCode"] == "FIELD_NOT_READABLE");
    results
        .map(|object| {
            (text(object, "objectName"), text(object, "salesforceId"), text(object, "message"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_price_stays_as_it_is() {
    let mut world = World::new().await;
    world.sync(FIVE_LINES).await;
    let before = held(&world);
    hide(&world, &["OpportunityLineItem.M3ter_Unit_Price__c"]);
    for _ in 0..2 {
        let result = world.sync(FIVE_LINES).await;
        assert_eq!(result["syncStatus"], "Partial Success", "{result:#}");
        let told = unreadable(&result);
        let priced =
            told.iter().find(|(_, row, _)| row == PRICED).unwrap_or_else(|| panic!("{result:#}"));
        assert_eq!(priced.0, "Pricing");
        assert!(priced.2.contains("`OpportunityLineItem.M3ter_Unit_Price__c`"), "{}", priced.2);
        let object = result["objectResults"]
            .as_array()
            .unwrap()
            .iter()
            .find(|object| object["findingCode"] == "FIELD_NOT_READABLE")
            .unwrap();
        let remedy = object["remedy"].as_str().unwrap();
        assert!(
            remedy.contains("M3ter Sync Integration")
                && remedy.contains("mapping forget-field OpportunityLineItem.M3ter_Unit_Price__c"),
            "{remedy}"
        );
        // What hangs on the price alone is left out; all else continues.
        assert!(told.iter().all(|(name, ..)| name == "Pricing"), "{told:?}");
        assert_eq!(held(&world), before);
        // Also a service that was started meanwhile remembers.
        world.restart(100).await;
    }
    let (status, ready) = world.get("/readyz").await;
    assert!(status == 200 && ready.contains("OpportunityLineItem.M3ter_Unit_Price__c"), "{ready}");
    world.org.vendor().rules(&json!({})).unwrap();
    world.restart(100).await;
    assert_all(&world.sync(FIVE_LINES).await, "unchanged");
    assert!(!world.get("/readyz").await.1.contains("Unit_Price"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_flag_does_not_count_as_off() {
    let world = World::new().await;
    let flags = ["M3ter_Skip_Plan__c", "M3ter_Skip_Pricing__c", "M3ter_Skip_Account_Plan__c"];
    let on: Map<String, Json> =
        flags.iter().map(|flag| ((*flag).to_owned(), json!(true))).collect();
    world.org.vendor().update("OpportunityLineItem", PRICED, &Json::Object(on));
    world.sync(FIVE_LINES).await;
    let before = held(&world);
    hide(
        &world,
        &flags.map(|flag| format!("OpportunityLineItem.{flag}")).each_ref().map(String::as_str),
    );
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(held(&world), before, "{result:#}");
    // The other lines have Plans, which serve although nobody knows whether they are still meant.
    assert_eq!(unreadable(&result).len(), 15, "three objects of each of five lines: {result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_not_created_once_the_reason_is_unreadable() {
    for (line, reason, hidden) in [
        (
            json!({"ServiceDate": "2026-01-15"}),
            "OUTSIDE_CONTRACT_PERIOD",
            "Opportunity.M3ter_Start_Date__c",
        ),
        (
            json!({"Product2Id": true}),
            "PRODUCT_PERIODS_OVERLAP",
            "OpportunityLineItem.M3ter_End_Date__c",
        ),
    ] {
        let world = World::new().await;
        let org = world.org.vendor();
        org.update("Opportunity", FIVE_LINES, &json!({"M3ter_Start_Date__c": "2026-02-01"}));
        let other = org.record("OpportunityLineItem", OTHER).unwrap();
        let of_same_product =
            line.get("Product2Id").map(|_| json!({ "Product2Id": other["Product2Id"] }));
        org.update("OpportunityLineItem", PRICED, &of_same_product.unwrap_or(line));
        let refused = world.sync(FIVE_LINES).await;
        assert!(refused.to_string().contains(reason), "{refused:#}");
        world.sync(FIVE_LINES).await;
        let before = held(&world);
        hide(&world, &[hidden]);
        let result = world.sync(FIVE_LINES).await;
        assert!(!unreadable(&result).is_empty(), "{result:#}");
        assert_eq!(held(&world), before, "{reason}, without {hidden}: {result:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alternative_that_is_not_needed_may_be_hidden() {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Start_Date__c": "2026-01-01"}));
    world.sync(DEAL).await;
    // The start has a field of its own, and the amount does not hang on whether there is one for
    // it.
    hide(&world, &["Opportunity.M3ter_Term_Months__c"]);
    assert_all(&world.sync(DEAL).await, "unchanged");
    hide(&world, &["Opportunity.M3ter_Commitment_Amount__c"]);
    let result = world.sync(DEAL).await;
    let told = unreadable(&result);
    assert_eq!(
        told.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(),
        ["Commitment"],
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_was_never_shown_counts_as_blank() {
    let mut world = World::new().await;
    hide(&world, &["OpportunityLineItem.M3ter_Unit_Price__c"]);
    world.lose_the_database().await;
    let result = world.sync(FIVE_LINES).await;
    assert_all(&result, "created");
    assert_ne!(
        world.object("pricings", "code", PRICED)["pricingBands"][0]["unitPrice"].to_string(),
        "0.0000012345"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_was_deleted_on_purpose_is_forgotten_by_a_command() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let field = "OpportunityLineItem.M3ter_Unit_Price__c";
    assert_eq!(run(&world, directory.path(), &["sync", FIVE_LINES]).await.0, 0);
    hide(&world, &[field]);
    let (_, partial) = run(&world, directory.path(), &["sync", FIVE_LINES]).await;
    assert!(partial.contains("Partial Success"), "{partial}");
    let (code, check) = run(&world, directory.path(), &["check"]).await;
    let red = check
        .lines()
        .find(|line| line.starts_with("red") && line.contains(field))
        .unwrap_or_else(|| panic!("{check}"));
    assert!(code != 0 && red.contains("could be read before"), "{red}");

    // The database is the one that a file names, if one is given.
    let file = directory.path().join("database");
    std::fs::write(&file, "").unwrap();
    let variables = [("DATABASE_URL", ""), ("DATABASE_URL_FILE", file.to_str().unwrap())];
    let (code, refused) =
        run_with(&world, directory.path(), &["mapping", "forget-field", field], &variables).await;
    assert!(code == 2 && refused.contains("DATABASE_URL_FILE"), "{refused}");

    let (code, forgotten) =
        run(&world, directory.path(), &["mapping", "forget-field", &field.to_ascii_uppercase()])
            .await;
    assert!(code == 0 && forgotten.contains("is forgotten"), "{forgotten}");
    for (name, words) in [
        (field, "is not remembered"),
        ("Unit_Price", "does not name a field"),
        ("a.b'c", "does not name a field"),
    ] {
        let (code, refused) =
            run(&world, directory.path(), &["mapping", "forget-field", name]).await;
        assert!(code == 2 && refused.contains(words), "{refused}");
    }
    let (_, check) = run(&world, directory.path(), &["check"]).await;
    let yellow = check
        .lines()
        .find(|line| line.starts_with("yellow") && line.contains("`M3ter_Unit_Price__c`"));
    assert!(yellow.is_some_and(|line| line.contains("not in the org, or hidden?")), "{check}");
    // From now on it is blank: the price comes from what the mapping names next.
    let (_, synced) = run(&world, directory.path(), &["sync", FIVE_LINES]).await;
    assert!(synced.contains("Completed"), "{synced}");
    assert_ne!(
        world.object("pricings", "code", PRICED)["pricingBands"][0]["unitPrice"].to_string(),
        "0.0000012345"
    );
}

/// The describe of an object, as the service reads it.
async fn describe(world: &World, token: &str, sobject: &str) -> SObject {
    let url = format!("{}/services/data/v60.0/sobjects/{sobject}/describe", world.org.base_url());
    let (_, body) = world.send(world.client().get(url).bearer_auth(token)).await;
    described(&serde_json::from_str(&body).unwrap()).unwrap()
}

/// All that a mapping reads and the org shows, as rules of the emulated org that hide one of them
/// each.
async fn hiding_rules(world: &World, token: &str, mapping: &Mapping) -> Vec<(String, Json)> {
    let mut schema = OrgSchema::default();
    loop {
        let missing = mapping.reads().undescribed(&schema);
        if missing.is_empty() {
            break;
        }
        for sobject in missing {
            schema.insert(describe(world, token, &sobject).await);
        }
    }
    let rule = |name: String| {
        let (object, field) = name.split_once('.')?;
        let object = schema.sobject(object)?;
        let rule = if let Some(child) = object.child(field) {
            json!({ "hiddenObjects": [child] })
        } else {
            let by_relationship = |column: &&sync_to_m3ter::domain::org_schema::OrgField| {
                column.relationship_name.as_deref() == Some(field)
            };
            let column =
                object.field(field).or_else(|| object.fields.iter().find(by_relationship))?;
            json!({ "hiddenFields": [format!("{}.{}", object.name, column.name)] })
        };
        // An id is always shown.
        (!name.ends_with(".Id")).then_some((name, rule))
    };
    mapping.reads().shown_names(&schema).into_iter().filter_map(rule).collect()
}

/// A record of each built-in root, with more fields filled than the examples have.
fn roots(world: &World) -> [&'static str; 5] {
    let org = world.org.vendor();
    org.update(
        "Opportunity",
        FIVE_LINES,
        &json!({
            "M3ter_Start_Date__c": "2026-01-15", "M3ter_PO_Number__c": "PO-1", "M3ter_Commitment_Amount__c": 1234.5, "M3ter_Overage_Surcharge__c": 5,
        }),
    );
    org.update(
        "OpportunityLineItem",
        PRICED,
        &json!({"M3ter_Standing_Charge__c": 12.5, "M3ter_Minimum_Spend__c": 3}),
    );
    org.update(
        "Account",
        "001S90000079INIIA2",
        &json!({"M3ter_Account_Code__c": "INITECH-1", "M3ter_Payment_Terms_Days__c": 45}),
    );
    org.update(
        "OrderItem",
        "802S90000079OI1IAM",
        &json!({"M3ter_Unit_Price__c": 0.03, "M3ter_Standing_Charge__c": 7}),
    );
    [
        FIVE_LINES,
        "801S90000079ORDIA2",
        "800S90000079CONIA2",
        "a0QS90000079QUOMA2",
        "001S90000079INIIA2",
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_built_in_mapping_reads_may_be_hidden_and_nothing_changes_in_m3ter() {
    let world = World::new().await;
    let mappings = Mappings::parse(&[]).unwrap();
    let login = [
        ("grant_type", "client_credentials"),
        ("client_id", "sandbox"),
        ("client_secret", "sandbox"),
    ];
    let request =
        world.client().post(format!("{}/services/oauth2/token", world.org.base_url())).form(&login);
    let token: Json = serde_json::from_str(&world.send(request).await.1).unwrap();
    let token = token["access_token"].as_str().unwrap();
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut hidden = 0;
    for (record, root) in roots(&world).into_iter().zip([
        "Opportunity",
        "Order",
        "Contract",
        "SBQQ__Quote__c",
        "Account",
    ]) {
        let first = world.sync(record).await;
        assert_eq!(first["syncStatus"], "Completed", "{first:#}");
        // A second one has what the first one wrote back.
        assert_all(&world.sync(record).await, "unchanged");
        let before = held(&world);
        for (name, rule) in hiding_rules(&world, token, mappings.for_root(root).unwrap()).await {
            world.organization.clear_requests();
            world.org.vendor().rules(&rule).unwrap();
            let result = world.sync(record).await;
            assert!(
                world.m3ter_writes().is_empty(),
                "{root} without {name}: {:?}\n{result:#}",
                world.m3ter_writes()
            );
            assert_eq!(held(&world), before, "{root} without {name}");
            // It is Completed only if it did not matter; and what mattered is named.
            if !unreadable(&result).is_empty() || result["errorCode"] == "MAPPING_INVALID" {
                assert!(result.to_string().contains(&name), "{root} without {name}: {result:#}");
                told.insert(format!("{root}: {name}"));
            }
            hidden += 1;
        }
        world.org.vendor().rules(&json!({})).unwrap();
    }
    assert!(hidden > 150 && told.len() > 100, "{hidden} hidden, {} told: {told:?}", told.len());
}
