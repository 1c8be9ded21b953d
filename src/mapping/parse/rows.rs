//! Where the rows come from: `[lines]` and `[rows.NAME]`.

use super::key::{Form, Key, key, names};
use super::parser::{Node, Parser, dotted};
use crate::domain::rows::{FieldRef, ROOT, Rows, SetId};
use crate::domain::text::hint_for;
use crate::mapping::language::RowSet;
use crate::mapping::term::SetName;
use crate::soql::{MAX_CHILDREN, MAX_LEVELS, is_name, order_by};

pub(super) const SET_KEYS: [Key; 9] = [
    key("of", Form::Text, "The rows that these lie below; without it, the record itself."),
    key(
        "relationship",
        Form::Text,
        "The child relationship's name, such as `OpportunityLineItems`.",
    ),
    key("sobject", Form::Text, "The object's API name."),
    key(
        "parent",
        Form::Text,
        "The relationship back to the row above: a path that starts with it reads that row.",
    ),
    key("order_by", Form::Text, "The order of the rows, as in SOQL."),
    key("optional", Form::Flag, "The org need not have it."),
    key("leave_out", Form::Condition, "Rows for which this holds make no object and no result."),
    key(
        "refuse",
        Form::OneOrMore(&Form::Guard),
        "Rows for which this holds are a finding on all their objects.",
    ),
    key("warn", Form::OneOrMore(&Form::RowRemark), "A sentence that the result gets."),
];

/// A table of rows: its name, its key, and what it holds.
type RowTable<'v> = (String, String, Node<'v>);

impl Parser {
    /// The row sets of a file, the root first, every other one after the one that it lies under.
    pub(super) fn row_sets(&mut self, file: Node<'_>, root: &str) {
        let (name, sobject) = ("root".to_owned(), root.to_owned());
        // One slot, for what the plan templates of all lines share.
        let rows = Rows { name, sobject, line: 1, ..Rows::default() };
        self.sets = vec![RowSet { rows, slots: 1, ..RowSet::default() }];
        let mut waiting = self.row_tables(file);
        if let Some((_, key, value)) = waiting.get(MAX_CHILDREN) {
            let hint = format!("one query of Salesforce takes {MAX_CHILDREN} child relationships");
            return self.note(Node { key, ..*value }, "these are too many rows", hint);
        }
        while !waiting.is_empty() {
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(.., value)| self.parent_set(*value).is_some());
            if ready.is_empty() {
                for (_, key, value) in &later {
                    self.lies_nowhere(Node { key, ..*value });
                }
                return;
            }
            for (name, key, value) in &ready {
                self.row_set(name, Node { key, ..*value });
            }
            waiting = later;
        }
    }

    fn row_tables<'v>(&mut self, file: Node<'v>) -> Vec<RowTable<'v>> {
        let mut found: Vec<RowTable<'v>> = Vec::new();
        let lines = file.get("lines");
        found.extend(lines.map(|value| ("lines".to_owned(), "lines".to_owned(), value)));
        let rows = file.setting("rows").and_then(|rows| self.table(rows));
        for (name, value) in rows.into_iter().flatten() {
            let text = name.get_ref().to_string();
            let key = dotted("rows", &text);
            if text == "root" || found.iter().any(|(other, ..)| *other == text) || !is_name(&text) {
                let message = "this name cannot be given to rows";
                let hint = "letters, digits and underscores; each name once, not `root`";
                self.fault_at(self.line(name), &key, message, hint);
            } else {
                found.push((text, key, Node { value, ..file }));
            }
        }
        found
    }

    fn lies_nowhere(&mut self, rows: Node<'_>) {
        let key = dotted(rows.key, "of");
        let of = Node { key: &key, ..rows.get("of").unwrap_or(rows) };
        let named: Vec<&str> = self.sets.iter().map(|set| set.rows.name.as_str()).collect();
        let hint = hint_for(rows.text_of("of").unwrap_or_default(), &named);
        let message = "the rows are under rows that lead back to them, or that do not exist";
        self.note(of, message, hint);
    }

    fn parent_set(&self, rows: Node<'_>) -> Option<SetId> {
        self.set_called(rows.text_of("of").unwrap_or("root"))
    }

    fn row_set(&mut self, name: &str, table: Node<'_>) {
        if self.table_of(table, &names(&SET_KEYS)).is_none() {
            return;
        }
        let (set, of) = (self.sets.len(), self.parent_set(table).unwrap_or(ROOT));
        let relationship = self.required_name(table, "relationship");
        let sobject = self.required_name(table, "sobject").unwrap_or_default();
        let parent = self.name(table, "parent");
        let order_by = self.at(table, "order_by", Self::order_by);
        let line = table.get("order_by").map_or(0, |order| self.line(order.value));
        if self.levels_above(of) >= MAX_LEVELS {
            let hint = format!("one query of Salesforce takes {MAX_LEVELS} levels of children");
            self.note(table, "these rows are too deep", hint);
        }
        let terms = order_by.iter().flat_map(|terms| terms.split(','));
        let ordered_by = terms
            .filter_map(|term| term.split_whitespace().next())
            .map(|path| FieldRef::new(set, &sobject, path.to_owned(), line))
            .collect();
        let rows = Rows {
            name: name.to_owned(),
            of,
            relationship: relationship.unwrap_or_default(),
            sobject,
            parent,
            order_by: order_by.unwrap_or_else(|| "Id".to_owned()),
            optional: self.flag(table, "optional"),
            line: self.line(table.value),
        };
        self.sets.push(RowSet { rows, ordered_by, ..RowSet::default() });
        // What is asked of each row, whose paths may lead through its parent.
        let table = Node { set, ..table };
        self.sets[set].leave_out = self.at(table, "leave_out", Self::condition);
        self.sets[set].refuse = self.all_at(table, "refuse", Self::guard);
        self.sets[set].warn = self.all_at(table, "warn", Self::row_remark);
    }

    fn levels_above(&self, mut set: SetId) -> usize {
        let mut levels = 0;
        while set != ROOT {
            set = self.sets[set].rows.of;
            levels += 1;
        }
        levels
    }

    fn order_by(&mut self, value: Node<'_>) -> Option<String> {
        order_by(value.text().unwrap_or_default()).or_else(|| {
            let hint =
                "field names by commas, each with ASC, DESC, NULLS FIRST or NULLS LAST if needed";
            self.fault(value, "this is not an order", hint)
        })
    }

    pub(super) fn set_called(&self, name: &str) -> Option<SetId> {
        self.sets.iter().position(|set| set.rows.name == name)
    }

    /// The set that a `rows`, `each` or `only_row_of` names.
    pub(super) fn set_named(&mut self, value: Node<'_>) -> Option<SetId> {
        let name = value.text().unwrap_or_default();
        self.set_called(name).or_else(|| {
            let known: Vec<&str> = self.sets.iter().map(|set| set.rows.name.as_str()).collect();
            let hint = hint_for(name, &known);
            self.fault(value, format!("there are no rows `{name}` in this file"), hint)
        })
    }

    pub(super) fn set_below(&mut self, value: Node<'_>) -> Option<SetName> {
        let set = self.set_named(value)?;
        let name = self.sets[set].rows.name.clone();
        let mut up = set;
        while up != ROOT {
            up = self.sets[up].rows.of;
            if up == value.set {
                return Some(SetName { set, name });
            }
        }
        let above = self.sets[value.set].rows.name.clone();
        let message = format!("the rows `{name}` are not below `{above}`");
        self.fault(value, message, format!("name rows whose `of` leads to `{above}`"))
    }
}
