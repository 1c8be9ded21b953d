//! What an org holds when it starts: the example records, from one data file, or what was taken from
//! another org; and the records of an earlier state.

use serde_json::{Map, Value as Json};

use super::org::{Fields, Org};
use super::tables::Schema;

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

/// Objects that each org has, and what is in them where nobody says otherwise: who works in it, and
/// its settings.
const OF_EACH_ORG: [&str; 3] = ["User", "Organization", "OpportunityStage"];

/// The objects and the records of an org when it starts.
#[derive(Debug, Clone)]
pub struct Contents {
    schema: Schema,
    records: Map<String, Json>,
    hidden: Vec<String>,
}

impl Default for Contents {
    fn default() -> Self {
        Self::examples()
    }
}

impl Contents {
    /// The example records.
    pub(super) fn examples() -> Self {
        let mut records: Map<String, Json> =
            serde_json::from_str(EXAMPLES).expect("the example records are JSON");
        let hidden = records.remove("hidden").unwrap_or_default();
        let ids = hidden.as_array().into_iter().flatten().filter_map(Json::as_str);
        Self { schema: Schema::EXAMPLE, hidden: ids.map(ToOwned::to_owned).collect(), records }
    }

    /// What was taken from another org: its describes, records by object, and the ids of those that
    /// the integration user may not see. What is wrong with it is a sentence.
    pub fn taken(
        describes: Vec<Json>,
        records: Map<String, Json>,
        hidden: Vec<String>,
    ) -> Result<Self, String> {
        let schema = Schema::of_describes(describes, &OF_EACH_ORG)?;
        let mut all = Self::examples().records;
        let is_own = |name: &str| {
            let table = schema.table(name);
            table.is_some_and(|table| schema.described(table).is_none())
        };
        all.retain(|name, _| is_own(name));
        all.extend(records);
        let contents = Self { schema, records: all, hidden };
        contents.holding(&contents.records)?;
        Ok(contents)
    }

    /// An org that holds it.
    pub(super) fn org(&self) -> Org {
        self.holding(&self.records).expect("it was looked through before")
    }

    /// An org that holds the records of an earlier state; an object that it does not name has what
    /// it had at first.
    pub(super) fn restored(&self, state: Json) -> Result<Org, String> {
        let Json::Object(state) = state else {
            return Err("a state is an object of lists, by object name".to_owned());
        };
        let mut records = self.records.clone();
        records.extend(state);
        self.holding(&records)
    }

    /// The ids of what the integration user may not see.
    pub(super) fn hidden(&self) -> Vec<String> {
        self.hidden.clone()
    }

    fn holding(&self, objects: &Map<String, Json>) -> Result<Org, String> {
        let mut records: Vec<(&'static str, Fields)> = Vec::new();
        for (name, rows) in objects.iter().filter(|(name, _)| *name != "hidden") {
            let table = self.schema.table(name).ok_or_else(|| self.schema.unknown_object(name))?;
            for row in rows.as_array().into_iter().flatten().filter_map(Json::as_object) {
                if let Some(unknown) = row.keys().find(|field| table.column(field).is_none()) {
                    return Err(format!("`{name}` has no field `{unknown}`"));
                }
                records.push((table.name, row.clone()));
            }
        }
        Ok(Org::new(self.schema, records, self.hidden()))
    }
}
