//! A field that cannot be read: what hangs on it is not written, and nothing else.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::json;
use sync_to_m3ter::domain::catalog::Catalog;
use sync_to_m3ter::domain::desired::Intent;
use sync_to_m3ter::domain::record::Record;
use sync_to_m3ter::mapping::{Context, fuzzing};
use sync_to_m3ter::soql::fuzzing::org_of;
use sync_to_m3ter::soql::{Scales, remembered_name};

/// What the findings of an Account name whose `name` is this, when one field cannot be read and
/// the others hold these values.
fn named_by_findings(name: &str, hidden: &str, record: &serde_json::Value) -> Vec<String> {
    let text = format!(
        "root = \"Account\"\n[account]\ncode = \"Id\"\nemailAddress = {{ value = \"a@b.example\" }}\nname = {name}\n"
    );
    let mapping = fuzzing::parse("test.toml", text.as_bytes()).unwrap().unwrap();
    let reads = mapping.reads();
    let mut schema = org_of(&reads);
    let shown_before =
        reads.shown_names(&schema).iter().map(|name| remembered_name(name)).collect();
    let mut account = schema.sobject("Account").unwrap().clone();
    account.fields.retain(|field| field.name != hidden);
    schema.insert(account);
    let unreadable = reads.unreadable(&schema, &shown_before);
    assert_eq!(unreadable.names(), BTreeSet::from([format!("Account.{hidden}").as_str()]));
    let mut fields = record.as_object().cloned().unwrap();
    fields.insert("Id".to_owned(), json!("001S900000RzsIUIAZ"));
    let catalog = Catalog::default();
    let scales = Scales::default();
    let context = Context { time_zone: &TimeZone::UTC, unreadable: &unreadable, scales: &scales };
    let record = Record::new(fields);
    let resolution = mapping.read(&record, context).resolve(&catalog);
    match &resolution.objects[0].intent {
        Intent::Sync(_) => Vec::new(),
        Intent::Invalid(findings) => findings
            .iter()
            .map(|finding| finding.message.split('`').nth(1).unwrap().to_owned())
            .collect(),
        Intent::Flagged => vec!["flagged".to_owned()],
    }
}

#[test]
fn only_fields_that_a_value_depends_on_matter() {
    let field = |name: &str| format!("{{ field = \"{name}\", optional = true }}");
    let first = format!("{{ first = [{}, {}, \"C\"] }}", field("A"), field("B"));
    let when =
        |condition: &str| format!("{{ first = [{{ field = \"C\", when = {condition} }}, \"D\"] }}");
    let any = when(
        "{ any = [{ field = \"A\", optional = true, is = \"x\" }, { field = \"B\", is = \"y\" }] }",
    );
    let all = when(
        "{ all = [{ field = \"A\", optional = true, is = \"x\" }, { field = \"B\", is = \"y\" }] }",
    );
    let not = when("{ field = \"A\", optional = true, is_not = \"x\" }");
    let joined = format!("{{ concat = [{}, \"C\"], separator = \" \" }}", field("A"));
    let everything = || json!({"A": "a", "B": "y", "C": "c", "D": "d"});
    for (expression, hidden, record, expected) in [
        // An alternative that comes before what has a value matters, one that comes after it
        // does not.
        (first.as_str(), "A", everything(), vec!["Account.A"]),
        (&first, "B", everything(), vec![]),
        (&first, "B", json!({"C": "c"}), vec!["Account.B"]),
        // A condition that another part of it decides does not matter.
        (&any, "A", everything(), vec![]),
        (&any, "A", json!({"B": "n", "C": "c", "D": "d"}), vec!["Account.A"]),
        (&all, "A", json!({"B": "n", "C": "c", "D": "d"}), vec![]),
        (&all, "A", everything(), vec!["Account.A"]),
        // What is not something is not what cannot be read.
        (&not, "A", everything(), vec!["Account.A"]),
        (&joined, "A", everything(), vec!["Account.A"]),
    ] {
        assert_eq!(
            named_by_findings(expression, hidden, &record),
            expected,
            "{expression} without {hidden}: {record}"
        );
    }
}

#[test]
fn a_flag_that_cannot_be_read_is_neither_on_nor_off() {
    let skip = "\"C\"\nskip = { field = \"A\", optional = true }";
    assert_eq!(named_by_findings(skip, "A", &json!({"C": "c"})), ["Account.A"]);
    let certain = "{ first = [{ field = \"B\", optional = true }, \"C\"] }\nskip = \"A\"";
    assert_eq!(named_by_findings(certain, "B", &json!({"A": true, "C": "c"})), ["flagged"]);
}
