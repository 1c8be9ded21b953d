//! One record as a mapping reads it, in two phases: its rows and the codes that m3ter is asked for,
//! then the objects. What is computed in the first one is kept: a code is used as it was looked up.

use super::evaluated::Outcome;
use super::mapped::{Mapping, ObjectMapping, ProductKeys, Shared};
use super::object::{natural_key, row_id, shared_key, this};
use super::row::{Context, Row, RowTree};
use super::term::Expression;
use crate::domain::conversion::folded;
use crate::domain::desired::NaturalKeys;
use crate::domain::entity::EntityKind;
use crate::domain::finding::Finding;
use crate::domain::product_rule::{Product, ProductRule};
use crate::domain::record::Record;
use crate::domain::warning::Warning;

/// A record whose rows and codes were read.
pub struct Reading<'r> {
    pub(super) mapping: &'r Mapping,
    pub(super) tree: RowTree<'r>,
    pub(super) remarks: Vec<Warning>,
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
        for set in self.mapping.sets_below().filter(|set| self.mapping.sets[*set].rows.of == of) {
            let set_of = &self.mapping.sets[set];
            for record in record.children(&set_of.rows.relationship) {
                let remarks = &mut self.remarks;
                self.tree.add(set, record, parent, |row| {
                    remarks.extend(set_of.warn.iter().filter_map(|remark| remark.describe(row)));
                    let (is_left_out, unclear) = row.observed(|| {
                        set_of.leave_out.as_ref().is_some_and(|condition| condition.holds(row))
                    });
                    (!is_left_out || !unclear.is_empty()).then_some(unclear)
                });
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
                add_keys(&mut keys, row, object);
            }
        }
        keys
    }
}

/// Adds what an object of a row is found by, and what it names by code.
fn add_keys(keys: &mut NaturalKeys, row: Row<'_>, object: &ObjectMapping) {
    match object.kind {
        EntityKind::Account => {
            keys.accounts.extend(natural_key(row, object));
            keys.rows.extend(row_id(row, object));
        }
        EntityKind::Contract => {
            keys.contracts.extend(natural_key(row, object));
            keys.shared.extend(shared_key(row, object));
        }
        _ => {}
    }
    for (kind, code) in object.fields.iter().flat_map(|field| field.cell.expression.codes(row)) {
        if kind.allows(&code) {
            keys.codes.entry(kind).or_default().insert(code);
        }
    }
}

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
