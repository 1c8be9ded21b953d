//! Which records a condition names: the SOQL that sorts out beforehand, and what is evaluated again.

use serde_json::json;
use sync_to_m3ter::domain::org_schema::{OrgField, OrgSchema, SObject};
use sync_to_m3ter::domain::record::Record;
use sync_to_m3ter::mapping::{Mapping, fuzzing};

const MAPPING: &str = "root = \"Order\"\nready_when = { field = \"Status\", not_in = [\"Draft\"], otherwise = \"refuse\" }\n[account]\nname = \"Name\"\ncode = \"Id\"\nemailAddress = \"Name\"\n";

fn org() -> OrgSchema {
    let field = |name: &str, field_type: &str| OrgField {
        name: name.to_owned(),
        field_type: field_type.to_owned(),
        filterable: field_type != "textarea",
        ..OrgField::default()
    };
    let fields = [
        ("Id", "id"),
        ("Name", "string"),
        ("Status", "picklist"),
        ("Region__c", "string"),
        ("Vip__c", "boolean"),
        ("Amount__c", "currency"),
        ("Notes__c", "textarea"),
        ("Start__c", "date"),
    ];
    let mut org = OrgSchema::default();
    org.insert(SObject {
        name: "Order".to_owned(),
        fields: fields.map(|(name, field_type)| field(name, field_type)).into(),
        ..SObject::default()
    });
    org
}

fn mapping() -> Mapping {
    fuzzing::parse("test.toml", MAPPING.as_bytes()).unwrap().unwrap()
}

#[test]
fn soql_sorts_out_no_record_that_is_meant() {
    let mapping = mapping();
    for (condition, soql) in [
        ("Vip__c", Some("Vip__c = TRUE")),
        (r#"{ field = "Vip__c", is = false }"#, None),
        (r#"{ field = "Region__c", is = "EMEA" }"#, Some("(Region__c LIKE '%EMEA%')")),
        (r#"{ field = "Region__c", is = "50%_'x\\" }"#, Some(r"(Region__c LIKE '%50\%\_\'x\\%')")),
        (r#"{ field = "Region__c", is = "Ö" }"#, None),
        (r#"{ field = "Region__c", is = 5 }"#, None),
        (
            r#"{ field = "Region__c", not_in = ["a", "b"] }"#,
            Some(
                "((Region__c != 'a' OR Region__c = null) AND (Region__c != 'b' OR Region__c = null))",
            ),
        ),
        (r#"{ field = "Amount__c", above = 10.5 }"#, Some("Amount__c >= 10.5")),
        (r#"{ field = "Start__c", is = "2026-01-01" }"#, None),
        (r#"{ field = "Notes__c", blank = false }"#, None),
        (r#"{ field = "Start__c", blank = false }"#, Some("Start__c != null")),
        (
            r#"{ any = ["Vip__c", { field = "Amount__c", below = 1 }] }"#,
            Some("(Vip__c = TRUE OR Amount__c <= 1)"),
        ),
        (r#"{ any = ["Vip__c", { field = "Notes__c", is = "x" }] }"#, None),
        (r#"{ all = ["Vip__c", { field = "Notes__c", is = "x" }] }"#, Some("(Vip__c = TRUE)")),
    ] {
        let query = mapping.selection(Some(condition), "condition").unwrap().query(&org()).unwrap();
        assert_eq!(query.meant.as_deref(), soql, "{condition}");
    }
    let ready = mapping.selection(None, "condition").unwrap().query(&org()).unwrap();
    assert_eq!(ready.ready.as_deref(), Some("((Status != 'Draft' OR Status = null))"));
    assert_eq!((ready.select.as_str(), ready.meant), ("Id, Name", None));
}

#[test]
fn an_invalid_condition_is_reported_with_its_place() {
    let mapping = mapping();
    for (condition, told) in [
        ("IsWon = true", "condition:1"),
        ("1", "this is not a condition"),
        ("{ field = \"Vip__c\" }\n[other]", "one condition"),
        ("{ field = \"Vip__c\" }\nroot = \"Account\"", "one condition"),
        ("{ field = \"Id) FROM User--\", is = true }", "this is not a field path"),
        ("", "one condition"),
    ] {
        let faults = mapping.selection(Some(condition), "condition").unwrap_err();
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert!(text.contains(told), "{condition}: {text}");
        assert!(!text.contains("`condition"), "its place is told once: {text}");
    }
    for condition in ["Missing__c", r#"{ field = "OrderItems.Quantity", above = 1 }"#] {
        let selection = mapping.selection(Some(condition), "condition").unwrap();
        let faults = selection.query(&org()).unwrap_err();
        assert!(faults[0].to_string().contains("is not a field of Order"), "{}", faults[0]);
    }
}

#[test]
fn a_condition_is_evaluated_as_mappings_do() {
    let mapping = mapping();
    let selection =
        mapping.selection(Some(r#"{ field = "Region__c", is = "emea" }"#), "condition").unwrap();
    for (region, is_meant) in [("EMEA", true), (" emea\u{200b}", true), ("EMEA 2", false)] {
        let record = json!({ "Id": "801S900000RzsIUIAZ", "Region__c": region });
        let record = Record::new(record.as_object().cloned().unwrap());
        assert_eq!(selection.admits(&record), is_meant, "{region}");
    }
}
