//! One record as a mapping reads it, in two phases: its rows and the codes that m3ter is asked for,
//! then the objects. What is computed in the first one is kept: a code is used as it was looked up.

use std::collections::{BTreeMap, BTreeSet};

use super::convert::folded;
use super::evaluated::Outcome;
use super::mapped::{Mapping, ObjectMapping, ProductKeys, Shared};
use super::object::{natural_key, row_id, shared_key, this};
use super::product::{Product, ProductRule};
use super::row::{Context, Row, RowTree};
use super::term::Expression;
use crate::domain::catalog::CatalogKind;
use crate::domain::desired::{NaturalKey, SharedKey};
use crate::domain::entity::EntityKind;
use crate::domain::finding::Finding;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::warning::Warning;

/// A record whose rows and codes were read.
pub struct Reading<'r> {
    pub(super) mapping: &'r Mapping,
    pub(super) tree: RowTree<'r>,
    /// What is told of rows.
    pub(super) remarks: Vec<Warning>,
}

/// What must be looked up before a record can be resolved and compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NaturalKeys {
    /// By what the deal's Accounts can be found.
    pub accounts: Vec<NaturalKey>,
    /// By what the deal's Contracts can be found.
    pub contracts: Vec<NaturalKey>,
    /// By what they are shared with other records.
    pub shared: Vec<SharedKey>,
    /// The codes that become ids, those that m3ter's rules forbid left out.
    pub codes: BTreeMap<CatalogKind, BTreeSet<String>>,
    /// All Salesforce rows of the record, also those that take no part.
    pub rows: Vec<SalesforceId>,
}

impl Mapping {
    /// Reads a record: the rows that take part, and what they name by code.
    pub fn read<'r>(&'r self, record: &'r Record, context: Context<'r>) -> Reading<'r> {
        let tree = RowTree::new(record.row(), self.around(context));
        let mut reading = Reading { mapping: self, tree, remarks: Vec::new() };
        let mut parent = 0;
        while parent < reading.tree.len() {
            reading.add_rows_below(parent);
            parent += 1;
        }
        reading.compute_shared();
        reading
    }
}

impl Reading<'_> {
    /// The rows below one that take part: a row that is left out takes those below it along.
    fn add_rows_below(&mut self, parent: usize) {
        let (first, (of, record)) = (self.tree.len(), self.tree.record(parent));
        for set in self.mapping.sets_below().filter(|set| self.mapping.sets[*set].of == of) {
            let rows = &self.mapping.sets[set];
            for record in record.children(&rows.relationship) {
                self.tree.push(set, record, parent);
                let row = self.tree.last();
                self.remarks.extend(rows.warn.iter().filter_map(|remark| remark.describe(row)));
                let (is_left_out, unclear) = row.observed(|| {
                    rows.leave_out.as_ref().is_some_and(|condition| condition.holds(row))
                });
                if is_left_out && unclear.is_empty() {
                    self.tree.pop();
                } else {
                    self.tree.note_unclear(unclear);
                }
            }
        }
        self.tree.close(parent, first);
    }

    /// Computes what other values come from, as far as that is possible already.
    pub(super) fn compute_shared(&self) {
        for shared in &self.mapping.shared {
            match *shared {
                Shared::ProductRule => {
                    for keys in self.mapping.product.iter().filter(|_| self.has_rules()) {
                        self.tree.all_of(keys.rows).for_each(|row| drop(self.rule(keys, row)));
                    }
                }
                Shared::Object(object) => self.each_row(object, this),
                Shared::Field(object, field) => {
                    self.each_row(object, |row, object| object.fields[field].cell.of(row));
                }
            }
        }
    }

    fn has_rules(&self) -> bool {
        self.tree.around.product_rows.is_some()
    }

    /// Computes something for each row of an object; what comes of it is kept there.
    fn each_row(&self, object: usize, compute: impl Fn(Row<'_>, &ObjectMapping) -> Outcome) {
        let object = &self.mapping.objects[object];
        self.tree.all_of(object.rows).for_each(|row| drop(row.observed(|| compute(row, object))));
    }

    fn rule(&self, keys: &ProductKeys, row: Row<'_>) -> Result<Option<usize>, Finding> {
        row.observed(|| row.keep_rule(|| chosen(keys, &self.mapping.product_rules, row))).0
    }

    /// What must be looked up for the record.
    pub fn keys(&self) -> NaturalKeys {
        let mut keys = NaturalKeys { rows: self.tree.ids.clone(), ..NaturalKeys::default() };
        for object in &self.mapping.objects {
            for row in self.tree.all_of(object.rows) {
                keys.add(row, object);
            }
        }
        keys
    }
}

impl NaturalKeys {
    fn add(&mut self, row: Row<'_>, object: &ObjectMapping) {
        match object.kind {
            EntityKind::Account => {
                self.accounts.extend(natural_key(row, object));
                self.rows.extend(row_id(row, object));
            }
            EntityKind::Contract => {
                self.contracts.extend(natural_key(row, object));
                self.shared.extend(shared_key(row, object));
            }
            _ => {}
        }
        for field in &object.fields {
            let codes = field.cell.expression.codes(row).into_iter();
            for (catalog_kind, code) in
                codes.filter(|(catalog_kind, code)| catalog_kind.allows(code))
            {
                self.codes.entry(catalog_kind).or_default().insert(code);
            }
        }
    }
}

/// The position of the rule for a row's product.
fn chosen(
    keys: &ProductKeys,
    rules: &[ProductRule],
    row: Row<'_>,
) -> Result<Option<usize>, Finding> {
    let text = |expression: Option<&Expression>| -> Result<Option<String>, Finding> {
        let found = expression.map(|expression| expression.evaluate(row)).transpose()?.flatten();
        Ok(found.map(|found| folded(&found.raw.text())).filter(|text| !text.is_empty()))
    };
    let Some(code) = text(Some(&keys.product))? else { return Ok(None) };
    let billing_frequency = text(keys.billing_frequency.as_ref())?;
    let currency = text(keys.currency.as_ref())?;
    Ok(ProductRule::choose(rules, &Product { code, billing_frequency, currency }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;
    use serde_json::json;

    use crate::domain::catalog::{Catalog, CatalogKind};
    use crate::domain::ids::M3terId;
    use crate::domain::record::Record;
    use crate::domain::value::Value;
    use crate::mapping::{Context, Scales, Unreadable, fuzzing};

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
        let found: HashMap<String, M3terId> =
            codes.map(|code| (code.clone(), id.clone())).collect();
        let ids = HashMap::from([(CatalogKind::Account, found)]);
        let catalog = Catalog { ids, ..Catalog::default() };
        let contract = &reading.resolve(&catalog).objects[0];
        assert_eq!(contract.value("accountId"), Some(&Value::Id(id)), "{:?}", contract.intent);
        assert_eq!(contract.code.as_deref(), Some("2026-01-30"));
    }
}
