//! The rows of one record: the root, its children and theirs, as far as they take part; what was
//! computed of each, and what could not be read.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::evaluated::{Evaluated, Outcome};
use super::language::{RowSet, Slot};
use crate::domain::catalog::Catalog;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::product_rule::ProductRule;
use crate::domain::record::RecordRow;
use crate::domain::rows::{FieldRef, ROOT, SetId};
use crate::soql::{Query, Scales, Unreadable, not_readable};

/// What a record is read with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// In which a Salesforce date begins.
    pub time_zone: &'a TimeZone,
    /// What the mapping names and cannot be read.
    pub unreadable: &'a Unreadable,
    /// How many decimals the org keeps of what is compared.
    pub scales: &'a Scales,
}

impl<'a> Context<'a> {
    /// What the answers of a query are read with.
    pub fn new(query: &'a Query, time_zone: &'a TimeZone) -> Self {
        Self { time_zone, unreadable: &query.unreadable, scales: &query.scales }
    }
}

/// What the rows of a record are evaluated with, beside themselves.
pub(super) struct Around<'r> {
    pub(super) context: Context<'r>,
    pub(super) sets: &'r [RowSet],
    pub(super) currency: Option<&'r str>,
    /// The rows that say their product; none where no rule asks for it.
    pub(super) product_rows: Option<SetId>,
    pub(super) rules: &'r [ProductRule],
    /// Where what a reference leads to is kept, by its position.
    pub(super) links: &'r [Option<Slot>],
    /// None until m3ter was asked for what the rows name by code.
    pub(super) catalog: Option<&'r Catalog>,
}

/// All rows of a record; the root is the first.
pub(super) struct RowTree<'r> {
    pub(super) around: Around<'r>,
    nodes: Vec<Node<'r>>,
    /// The ids of all rows, also of those that take no part.
    pub(super) ids: Vec<SalesforceId>,
    /// Names that cannot be read and that what is being computed has asked for.
    asked_in_vain: RefCell<BTreeSet<String>>,
}

struct Node<'r> {
    set: SetId,
    record: RecordRow<'r>,
    parent: usize,
    children: Range<usize>,
    /// Names that cannot be read and that decide whether the row takes part.
    unclear: BTreeSet<String>,
    /// The position of the rule for the row's product.
    rule: OnceCell<Box<Cached<usize>>>,
    slots: Vec<OnceCell<Box<Cached<Evaluated>>>>,
}

/// A value that several ask for, with the names that could not be read for it.
struct Cached<T> {
    outcome: Result<Option<T>, Finding>,
    asked_in_vain: BTreeSet<String>,
}

/// One row with everything that its values may come from.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    tree: &'a RowTree<'a>,
    node: usize,
}

impl<'r> RowTree<'r> {
    /// The root, whose rows below are added.
    pub(super) fn new(record: RecordRow<'r>, around: Around<'r>) -> Self {
        let mut tree =
            Self { around, nodes: Vec::new(), ids: Vec::new(), asked_in_vain: RefCell::default() };
        tree.add(ROOT, record, 0, |_| Some(BTreeSet::new()));
        tree
    }

    /// Adds a row below another one, unless it takes no part; names that cannot be read may decide
    /// that.
    pub(super) fn add(
        &mut self,
        set: SetId,
        record: RecordRow<'r>,
        parent: usize,
        takes_part: impl FnOnce(Row<'_>) -> Option<BTreeSet<String>>,
    ) {
        self.ids.extend(record.id());
        let slots = (0..self.around.sets[set].slots).map(|_| OnceCell::new()).collect();
        let (children, unclear, rule) = (0..0, BTreeSet::new(), OnceCell::new());
        self.nodes.push(Node { set, record, parent, children, unclear, rule, slots });
        let node = self.nodes.len() - 1;
        match takes_part(self.at(node)) {
            Some(unclear) => self.nodes[node].unclear = unclear,
            None => drop(self.nodes.pop()),
        }
    }

    /// What was added since is below a row.
    pub(super) fn close(&mut self, parent: usize, first: usize) {
        self.nodes[parent].children = first..self.nodes.len();
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn root(&self) -> Row<'_> {
        self.at(0)
    }

    pub(super) fn at(&self, node: usize) -> Row<'_> {
        Row { tree: self, node }
    }

    /// The record of a row, as long as the answer lives.
    pub(super) fn record(&self, node: usize) -> (SetId, RecordRow<'r>) {
        (self.nodes[node].set, self.nodes[node].record)
    }

    pub(super) fn all_of(&self, set: SetId) -> impl Iterator<Item = Row<'_>> {
        let is_of_set = move |node: &usize| self.nodes[*node].set == set;
        (0..self.nodes.len()).filter(is_of_set).map(|node| self.at(node))
    }
}

impl<'a> Row<'a> {
    pub(super) fn around(self) -> &'a Around<'a> {
        &self.tree.around
    }

    pub(super) fn time_zone(self) -> &'a TimeZone {
        self.around().context.time_zone
    }

    pub(super) fn all_ids(self) -> &'a [SalesforceId] {
        &self.tree.ids
    }

    fn node(self) -> &'a Node<'a> {
        &self.tree.nodes[self.node]
    }

    pub(super) fn set(self) -> &'a RowSet {
        &self.around().sets[self.node().set]
    }

    pub(super) fn own_record(self) -> RecordRow<'a> {
        self.node().record
    }

    /// This row, the one above it, and so on to the root.
    pub(super) fn upwards(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |row| {
            (row.node != 0).then(|| row.tree.at(row.node().parent))
        })
    }

    /// All rows of a set, wherever they lie.
    pub(super) fn all_of(self, set: SetId) -> impl Iterator<Item = Self> {
        self.tree.all_of(set)
    }

    /// The rows of a set that lie below this one, at any depth.
    pub(super) fn below(self, set: SetId) -> Vec<Self> {
        let around = self.around();
        self.note_unreadable(around.context.unreadable.rows(set).map(str::to_owned));
        let (mut found, mut waiting) = (Vec::new(), VecDeque::from([self.node]));
        while let Some(node) = waiting.pop_front() {
            for child in self.tree.nodes[node].children.clone() {
                if self.tree.nodes[child].set == set {
                    found.push(self.tree.at(child));
                }
                waiting.push_back(child);
            }
        }
        found
    }

    /// The row of a set on the way from this one up to the root, this one among them.
    pub(super) fn up_to(self, set: SetId) -> Option<Self> {
        self.upwards().find(|row| row.node().set == set)
    }

    /// The record that a path starts at; none for rows that do not lie above this one.
    pub(super) fn record(self, field: &FieldRef) -> Option<RecordRow<'a>> {
        self.up_to(field.from).map(Self::own_record)
    }

    /// The value of a field; `None` where it is blank, the org does not have it, or it cannot be
    /// read, which is noted.
    pub(super) fn field(self, field: &FieldRef) -> Option<&'a Json> {
        if let Some(name) = self.around().context.unreadable.field(field) {
            self.note_unreadable([name.to_owned()]);
            return None;
        }
        self.record(field)?.value(&field.path)
    }

    pub(super) fn number(self, field: &FieldRef) -> Result<Option<Decimal>, Finding> {
        self.field(field).map(|json| Evaluated::of_field(field, json).number()).transpose()
    }

    pub(super) fn id_in(self, field: &FieldRef) -> Option<SalesforceId> {
        self.field(field)?.as_str().and_then(|id| SalesforceId::parse(id).ok())
    }

    /// The names that cannot be read and that decide whether this row takes part, or one above it.
    pub(super) fn unclear(self) -> BTreeSet<String> {
        self.upwards().flat_map(|row| row.node().unclear.iter().cloned()).collect()
    }

    /// What is kept in a slot of this row or of one above it: computed when it is first asked for.
    pub(super) fn cached(self, slot: Slot, compute: impl FnOnce(Self) -> Outcome) -> Outcome {
        let Some(row) = self.up_to(slot.set) else { return Ok(None) };
        row.cache(&row.node().slots[slot.index], || compute(row))
    }

    /// What was computed into a slot before whatever asks for it.
    pub(super) fn finished(self, slot: Slot) -> Outcome {
        self.cached(slot, Self::missing)
    }

    pub(super) fn linked(self, link: usize) -> Outcome {
        self.around().links[link].map_or(Ok(None), |slot| self.finished(slot))
    }

    pub(super) fn linked_row(self, link: usize) -> Option<Self> {
        self.up_to(self.around().links[link]?.set)
    }

    pub(super) fn keep_rule(
        self,
        compute: impl FnOnce() -> Result<Option<usize>, Finding>,
    ) -> Result<Option<usize>, Finding> {
        self.cache(&self.node().rule, compute)
    }

    /// The rule for the product of this row or of the one above that says it.
    pub(super) fn product_rule(self) -> Result<Option<&'a ProductRule>, Finding> {
        let around = self.around();
        let Some(row) = around.product_rows.and_then(|set| self.up_to(set)) else {
            return Ok(None);
        };
        let rule = row.keep_rule(|| row.missing())?;
        Ok(rule.map(|index| &around.rules[index]))
    }

    /// What was not computed: it hangs on m3ter, which may not have been asked yet.
    fn missing<T>(self) -> Result<Option<T>, Finding> {
        if self.around().catalog.is_none() { Err(not_asked_yet()) } else { Ok(None) }
    }

    /// Keeps what was computed, unless m3ter was not asked yet and it failed.
    fn cache<T: Clone>(
        self,
        slot: &OnceCell<Box<Cached<T>>>,
        compute: impl FnOnce() -> Result<Option<T>, Finding>,
    ) -> Result<Option<T>, Finding> {
        if let Some(kept) = slot.get() {
            self.note_unreadable(kept.asked_in_vain.iter().cloned());
            return kept.outcome.clone();
        }
        let (outcome, asked_in_vain) = self.observed(compute);
        self.note_unreadable(asked_in_vain.iter().cloned());
        if outcome.is_ok() || self.around().catalog.is_some() {
            let kept = Cached { outcome: outcome.clone(), asked_in_vain };
            let _ = slot.set(Box::new(kept));
        }
        outcome
    }

    /// Computes something, and says which names that cannot be read it asked for. They are not
    /// noted beyond that.
    pub(super) fn observed<T>(self, compute: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
        let before = self.tree.asked_in_vain.take();
        let value = compute();
        (value, self.tree.asked_in_vain.replace(before))
    }

    pub(super) fn note_unreadable(self, names: impl IntoIterator<Item = String>) {
        self.tree.asked_in_vain.borrow_mut().extend(names);
    }

    /// Computes something, or says what keeps it from being computed.
    pub(super) fn readable<T>(
        self,
        compute: impl FnOnce() -> Result<T, Finding>,
    ) -> Result<T, Finding> {
        let (outcome, names) = self.observed(compute);
        match names.first() {
            Some(name) => Err(not_readable(name)),
            None => outcome,
        }
    }

    /// Whether something holds for certain. What depends on a field that cannot be read does not,
    /// and the field is noted.
    pub(super) fn holds_for_certain(self, compute: impl FnOnce() -> bool) -> bool {
        let (holds, names) = self.observed(compute);
        let is_certain = names.is_empty();
        self.note_unreadable(names);
        holds && is_certain
    }
}

/// Why something cannot be known before m3ter was asked; nobody is told.
pub(super) fn not_asked_yet() -> Finding {
    Finding::new(FindingCode::CodeNotFound, "m3ter was not asked yet", "Ask m3ter")
}
