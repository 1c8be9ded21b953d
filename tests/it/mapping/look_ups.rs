//! Codes that m3ter is asked for are the codes that are used.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::json;
use sync_to_m3ter::domain::catalog::{Catalog, CatalogKind};
use sync_to_m3ter::domain::ids::M3terId;
use sync_to_m3ter::domain::record::Record;
use sync_to_m3ter::domain::value::Value;
use sync_to_m3ter::mapping::{Context, fuzzing};
use sync_to_m3ter::soql::{Scales, Unreadable};

/// In the evening of the 30th in New York it is the 31st in London.
#[test]
fn a_code_is_looked_up_as_it_is_used_in_the_mapping_s_own_time_zone() {
    let text = r#"
root = "Order"
[contract]
accountId = { lookup = "account", code = { concat = ["Name", { field = "Signed_At__c", date_in = "mapping" }], separator = " " } }
code = { concat = [{ field = "Signed_At__c", date_in = "mapping" }] }
name = "Name"
startDate = "Start__c"
endDate = "End__c"
"#;
    let mapping = fuzzing::parse("test.toml", text.as_bytes()).unwrap().unwrap();
    let fields = json!({
        "Id": "801S900000RzsIUIAZ",
        "Name": "Acme",
        "Signed_At__c": "2026-01-31T02:30:00.000+0000",
        "Start__c": "2026-02-01",
        "End__c": "2027-02-01",
    });
    let record = Record::new(fields.as_object().cloned().unwrap());
    let time_zone = TimeZone::get("America/New_York").unwrap();
    let (unreadable, scales) = (Unreadable::default(), Scales::default());
    let context = Context { time_zone: &time_zone, unreadable: &unreadable, scales: &scales };
    let reading = mapping.read(&record, context);
    let keys = reading.keys();
    assert_eq!(keys.codes[&CatalogKind::Account], ["Acme 2026-01-30".to_owned()].into());
    assert_eq!(keys.contracts[0].code, "2026-01-30");

    let id = M3terId::parse("5a9d3b1e-0c0a-4f0e-8d1f-2b3c4d5e6f70").unwrap();
    let codes = keys.codes[&CatalogKind::Account].iter();
    let found: HashMap<String, M3terId> = codes.map(|code| (code.clone(), id.clone())).collect();
    let ids = HashMap::from([(CatalogKind::Account, found)]);
    let catalog = Catalog { ids, ..Catalog::default() };
    let contract = &reading.resolve(&catalog).objects[0];
    assert_eq!(contract.value("accountId"), Some(&Value::Id(id)), "{:?}", contract.intent);
    assert_eq!(contract.code.as_deref(), Some("2026-01-30"));
}
