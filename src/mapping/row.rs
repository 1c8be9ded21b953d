//! The rows of one record: the root, its children and theirs, as far as the mapping reads them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};

use serde_json::Value as Json;

use super::Mapping;
use super::language::{FieldRef, Guard, ObjectMapping, ROOT, SetId};
use super::resolve::Context;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::warning::Warning;

/// All rows of a record; the root is the first.
pub(super) struct RowTree<'r> {
    nodes: Vec<Node<'r>>,
    /// The ids of all rows, also of those that take no part.
    pub(super) ids: Vec<SalesforceId>,
    /// What is to be told of rows.
    pub(super) remarks: Vec<Warning>,
    /// Names that cannot be read and that what is being computed has asked for.
    pub(super) asked_in_vain: RefCell<BTreeSet<String>>,
    /// Those that the currencies of the plan templates hang on.
    pub(super) templates_unclear: RefCell<BTreeSet<String>>,
}

struct Node<'r> {
    set: SetId,
    record: Cow<'r, Record>,
    parent: usize,
    /// Names that cannot be read and that decide whether the row takes part.
    unclear: BTreeSet<String>,
}

/// One row with everything that its values may come from.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) tree: &'a RowTree<'a>,
    pub(super) node: usize,
    pub(super) context: &'a Context<'a>,
    /// The currencies of the plan templates of all lines.
    pub(super) template_currencies: &'a [String],
}

impl<'r> RowTree<'r> {
    /// The rows that take part: a row that is left out takes those below it along.
    pub(super) fn new(mapping: &Mapping, record: &'r Record, context: &Context<'_>) -> Self {
        let root =
            Node { set: ROOT, record: Cow::Borrowed(record), parent: 0, unclear: BTreeSet::new() };
        let ids = record.id().into_iter().collect();
        let mut tree = Self {
            nodes: vec![root],
            ids,
            remarks: Vec::new(),
            asked_in_vain: RefCell::default(),
            templates_unclear: RefCell::default(),
        };
        let mut waiting = VecDeque::from([0]);
        while let Some(parent) = waiting.pop_front() {
            let of = tree.nodes[parent].set;
            let sets = mapping
                .mapped
                .sets
                .iter()
                .enumerate()
                .filter(|(id, set)| *id != ROOT && set.of == of);
            for (id, set) in sets {
                for record in tree.nodes[parent].record.children(&set.relationship) {
                    tree.ids.extend(record.id());
                    let node = tree.nodes.len();
                    tree.nodes.push(Node {
                        set: id,
                        record: Cow::Owned(record),
                        parent,
                        unclear: BTreeSet::new(),
                    });
                    let row = Row { mapping, tree: &tree, node, context, template_currencies: &[] };
                    let remarks = row.remarks();
                    let (is_left_out, unclear) = row.observed(|| {
                        set.leave_out.as_ref().is_some_and(|condition| row.holds(condition))
                    });
                    tree.remarks.extend(remarks);
                    if is_left_out && unclear.is_empty() {
                        tree.nodes.pop();
                    } else {
                        tree.nodes[node].unclear = unclear;
                        waiting.push_back(node);
                    }
                }
            }
        }
        tree
    }
}

impl<'a> Row<'a> {
    /// The root's row.
    pub(super) fn root(
        mapping: &'a Mapping,
        tree: &'a RowTree<'a>,
        context: &'a Context<'a>,
        template_currencies: &'a [String],
    ) -> Self {
        Self { mapping, tree, node: 0, context, template_currencies }
    }

    pub(super) fn at(self, node: usize) -> Self {
        Self { node, ..self }
    }

    /// All rows of a set.
    pub(super) fn all_of(self, set: SetId) -> impl Iterator<Item = Row<'a>> {
        let is_of_set = move |(node, of): (usize, &Node<'_>)| (of.set == set).then_some(node);
        self.tree.nodes.iter().enumerate().filter_map(is_of_set).map(move |node| self.at(node))
    }

    /// The rows of a set that lie below this one, at any depth.
    pub(super) fn below(self, set: SetId) -> impl Iterator<Item = Row<'a>> {
        self.note_unreadable(
            self.context.unreadable.rows(self.mapping, set).map(ToOwned::to_owned),
        );
        self.all_of(set).filter(move |row| row.lies_below(self.node))
    }

    fn lies_below(self, above: usize) -> bool {
        let mut node = self.node;
        while node != 0 {
            node = self.tree.nodes[node].parent;
            if node == above {
                return true;
            }
        }
        above == 0 && self.node != 0
    }

    pub(super) fn set(self) -> SetId {
        self.tree.nodes[self.node].set
    }

    pub(super) fn own_record(self) -> &'a Record {
        &self.tree.nodes[self.node].record
    }

    /// The row of a set on the way from this one up to the root, this one among them.
    pub(super) fn up_to(self, set: SetId) -> Option<Self> {
        let mut node = self.node;
        loop {
            if self.tree.nodes[node].set == set {
                return Some(self.at(node));
            }
            if node == 0 {
                return None;
            }
            node = self.tree.nodes[node].parent;
        }
    }

    /// The record that a path starts at; none for rows that do not lie above this one.
    pub(super) fn record(self, field: &FieldRef) -> Option<&'a Record> {
        self.up_to(field.from).map(Self::own_record)
    }

    /// The names that cannot be read and that decide whether this row takes part, or one above it.
    pub(super) fn unclear(self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut node = self.node;
        loop {
            names.extend(self.tree.nodes[node].unclear.iter().cloned());
            if node == 0 {
                return names;
            }
            node = self.tree.nodes[node].parent;
        }
    }

    /// The value of a field; `None` where it is blank, the org does not have it, or it cannot be
    /// read, which is noted.
    pub(super) fn field(self, field: &FieldRef) -> Option<&'a Json> {
        if let Some(name) = self.context.unreadable.field(field) {
            self.note_unreadable([name.to_owned()]);
            return None;
        }
        self.record(field)?.value(&field.path)
    }

    /// The guards that refuse this row or one above it.
    pub(super) fn refusals(self) -> Vec<&'a Guard> {
        let mut refusals = Vec::new();
        let mut row = self;
        loop {
            let set = &row.mapping.mapped.sets[row.set()];
            refusals.extend(set.refuse.iter().filter(|guard| row.holds(&guard.condition)));
            if row.node == 0 {
                return refusals;
            }
            row = row.at(row.tree.nodes[row.node].parent);
        }
    }

    /// The Salesforce row that an object comes from; the row itself where the mapping's own is
    /// blank.
    pub(super) fn row_id(self, object: &ObjectMapping) -> Option<SalesforceId> {
        let named = object
            .row
            .as_ref()
            .and_then(|field| self.field(field))
            .and_then(Json::as_str)
            .and_then(|id| SalesforceId::parse(id).ok());
        named.or_else(|| self.own_record().id())
    }

    /// The mapping of a kind that this row refers to, with the row of it.
    pub(super) fn target(self, kind: EntityKind) -> Option<(Self, &'a ObjectMapping)> {
        let object = self.mapping.mapped.reachable(kind, self.set()).into_iter().next()?;
        Some((self.up_to(object.rows)?, object))
    }

    /// The object of a kind that this row refers to.
    pub(super) fn object_key(self, kind: EntityKind) -> Option<ObjectKey> {
        let (row, object) = self.target(kind)?;
        row.key_of(object)
    }

    /// The key of the object that a mapping makes of this row.
    pub(super) fn key_of(self, object: &ObjectMapping) -> Option<ObjectKey> {
        let key = self.own_key(object).unwrap_or_default();
        self.row_id(object).map(|row| ObjectKey { kind: object.kind, row, key })
    }

    /// A field as people know it: `Opportunity.Amount`, `Product2.ProductCode`.
    pub(super) fn shown(self, field: &FieldRef) -> String {
        if field.path.contains('.') {
            field.path.clone()
        } else {
            format!("{}.{}", self.mapping.sobject_of(field), field.path)
        }
    }
}
