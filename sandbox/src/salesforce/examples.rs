//! The example records, from one data file, and the records of an earlier state.

use serde_json::{Map, Value as Json};

use super::org::{Fields, Org};
use super::tables::table;

/// The example records that can be synced: ID, object, what it shows.
pub const EXAMPLE_RECORDS: [(&str, &str, &str); 13] = [
    ("006S900000795MMIAY", "Opportunity", "a deal of one line: six objects"),
    (
        "006S900000795MNIAY",
        "Opportunity",
        "a deal that m3ter refuses in part: another AccountPlan already bills its product",
    ),
    ("006S90000079FIVIA2", "Opportunity", "five lines of different products and tiers"),
    ("006S90000079NOTIA2", "Opportunity", "a product without a plan template"),
    ("006S90000079EURIA2", "Opportunity", "a deal in another currency than its prices"),
    ("006S90000079DELIA2", "Opportunity", "a deleted deal"),
    ("006S90000079HIDIA2", "Opportunity", "a deal that the integration user may not see"),
    ("801S90000079ORDIA2", "Order", "an Order of two products"),
    (
        "801S90000079REDIA2",
        "Order",
        "an Order that reverses a sale: refused, with what to do instead",
    ),
    ("800S90000079CONIA2", "Contract", "a Contract with CPQ subscriptions"),
    ("a0QS90000079QUOMA2", "SBQQ__Quote__c", "a CPQ quote with consumption rates"),
    (
        "a0QS90000079AMDMA2",
        "SBQQ__Quote__c",
        "an amendment: refused, because its Contract is synced instead",
    ),
    (
        "a1DS90000079DEAMA2",
        "Usage_Deal__c",
        "a custom object: needs a mapping of your own (MAPPINGS_DIR)",
    ),
];

const EXAMPLES: &str = include_str!("examples.json");

/// A fresh org that holds the example records.
pub(super) fn org() -> Org {
    holding(&examples()).expect("the example records are of emulated objects")
}

/// An org that holds the records of an earlier state; an object that it does not name has the
/// example records.
pub(super) fn restored(state: Json) -> Result<Org, String> {
    let Json::Object(state) = state else {
        return Err("a state is an object of lists, by object name".to_owned());
    };
    let mut records = examples();
    records.extend(state);
    holding(&records)
}

/// The ids of the examples that the integration user may not see.
pub(super) fn hidden() -> Vec<String> {
    examples()["hidden"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str().map(ToOwned::to_owned))
        .collect()
}

fn examples() -> Map<String, Json> {
    serde_json::from_str(EXAMPLES).expect("the example records are JSON")
}

fn holding(objects: &Map<String, Json>) -> Result<Org, String> {
    let mut records: Vec<(&'static str, Fields)> = Vec::new();
    for (name, rows) in objects.iter().filter(|(name, _)| *name != "hidden") {
        let table = table(name).ok_or_else(|| format!("`{name}` is not an emulated object"))?;
        for row in rows.as_array().into_iter().flatten().filter_map(Json::as_object) {
            if let Some(unknown) = row.keys().find(|field| table.column(field).is_none()) {
                return Err(format!("`{name}` has no field `{unknown}`"));
            }
            records.push((table.name, row.clone()));
        }
    }
    Ok(Org::new(records, hidden()))
}
