//! Where the rows come from: `[lines]` and `[rows.NAME]`.

use super::key::{Form, Key, key, names};
use super::parser::{Node, Parser, dotted, is_path};
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldRef, ROOT, RowSet, SetId};
use crate::mapping::term::SetName;

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

/// Levels below the root that one query may have (SOQL, since API version 58.0).
const MAX_LEVELS: usize = 4;
/// Child relationships in one query (SOQL).
const MAX_SETS: usize = 20;

/// A table of rows: its name, its key, and what it holds.
type Rows<'v> = (String, String, Node<'v>);

impl Parser {
    /// The row sets of a file, the root first, every other one after the one that it lies under.
    pub(super) fn row_sets(&mut self, file: Node<'_>, root: &str) {
        let (name, sobject) = ("root".to_owned(), root.to_owned());
        // One slot, for what the plan templates of all lines share.
        self.sets = vec![RowSet { name, sobject, slots: 1, line: 1, ..RowSet::default() }];
        let mut waiting = self.row_tables(file);
        if let Some((_, key, value)) = waiting.get(MAX_SETS) {
            let hint = format!("one query of Salesforce takes {MAX_SETS} child relationships");
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

    fn row_tables<'v>(&mut self, file: Node<'v>) -> Vec<Rows<'v>> {
        let mut found: Vec<Rows<'v>> = Vec::new();
        let lines = file.get("lines");
        found.extend(lines.map(|value| ("lines".to_owned(), "lines".to_owned(), value)));
        let rows = file.setting("rows").and_then(|rows| self.table(rows));
        for (name, value) in rows.into_iter().flatten() {
            let text = name.get_ref().to_string();
            let key = dotted("rows", &text);
            if text == "root"
                || found.iter().any(|(other, ..)| *other == text)
                || !is_path(&text)
                || text.contains('.')
            {
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
        let named: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
        let hint = hint_for(rows.text_of("of").unwrap_or_default(), &named);
        let message = "the rows are under rows that lead back to them, or that do not exist";
        self.note(of, message, hint);
    }

    fn parent_set(&self, rows: Node<'_>) -> Option<SetId> {
        let named = rows.text_of("of").unwrap_or("root");
        self.sets.iter().position(|set| set.name == named)
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
        let rows = RowSet {
            name: name.to_owned(),
            of,
            relationship: relationship.unwrap_or_default(),
            sobject,
            parent,
            order_by: order_by.unwrap_or_else(|| "Id".to_owned()),
            ordered_by,
            optional: self.flag(table, "optional"),
            line: self.line(table.value),
            ..RowSet::default()
        };
        self.sets.push(rows);
        // What is asked of each row, whose paths may lead through its parent.
        let table = Node { set, ..table };
        self.sets[set].leave_out = self.at(table, "leave_out", Self::condition);
        self.sets[set].refuse = self.all_at(table, "refuse", Self::guard);
        self.sets[set].warn = self.all_at(table, "warn", Self::row_remark);
    }

    fn levels_above(&self, mut set: SetId) -> usize {
        let mut levels = 0;
        while set != ROOT {
            set = self.sets[set].of;
            levels += 1;
        }
        levels
    }

    /// `SortOrder NULLS LAST, Id`: it goes into the query, so every word of it is checked.
    fn order_by(&mut self, value: Node<'_>) -> Option<String> {
        // Written anew: white space of the file, such as a line's end, is nothing that a query has
        // to hold.
        let text = value.text().unwrap_or_default();
        let terms: Option<Vec<String>> = text.split(',').map(order_term).collect();
        terms.map(|terms| terms.join(", ")).or_else(|| {
            let hint =
                "field names by commas, each with ASC, DESC, NULLS FIRST or NULLS LAST if needed";
            self.fault(value, "this is not an order", hint)
        })
    }

    /// The set that a `rows`, `each` or `only_row_of` names.
    pub(super) fn set_named(&mut self, value: Node<'_>) -> Option<SetId> {
        let name = value.text().unwrap_or_default();
        self.sets.iter().position(|set| set.name == name).or_else(|| {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            let hint = hint_for(name, &known);
            self.fault(value, format!("there are no rows `{name}` in this file"), hint)
        })
    }

    pub(super) fn set_below(&mut self, value: Node<'_>) -> Option<SetName> {
        let set = self.set_named(value)?;
        let name = self.sets[set].name.clone();
        let mut up = set;
        while up != ROOT {
            up = self.sets[up].of;
            if up == value.set {
                return Some(SetName { set, name });
            }
        }
        let above = self.sets[value.set].name.clone();
        let message = format!("the rows `{name}` are not below `{above}`");
        self.fault(value, message, format!("name rows whose `of` leads to `{above}`"))
    }
}

fn order_term(term: &str) -> Option<String> {
    let mut words = term.split_whitespace();
    let first = words.next().filter(|first| is_path(first))?;
    let rest: Vec<String> = words.map(str::to_ascii_uppercase).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let is_order = matches!(
        rest.as_slice(),
        [] | ["ASC" | "DESC"]
            | ["NULLS", "FIRST" | "LAST"]
            | ["ASC" | "DESC", "NULLS", "FIRST" | "LAST"]
    );
    is_order.then(|| std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" "))
}
