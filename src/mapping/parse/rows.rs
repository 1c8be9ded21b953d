//! Where the rows come from: `[lines]` and `[rows.NAME]`.

use toml::de::DeTable;

use super::key::{Form, Key, key, names};
use super::parser::{Parser, Place, Value, dotted, find, is_path};
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
type Rows<'v> = (String, String, &'v Value<'v>);

impl Parser<'_> {
    /// The row sets of a file, the root first, every other one after the one that it lies under.
    pub(super) fn row_sets(&mut self, table: &DeTable<'_>, root: &str) {
        let (name, sobject) = ("root".to_owned(), root.to_owned());
        // One slot, for what the plan templates of all lines share.
        self.sets = vec![RowSet { name, sobject, slots: 1, line: 1, ..RowSet::default() }];
        let mut waiting = self.row_tables(table);
        if let Some((_, key, value)) = waiting.get(MAX_SETS) {
            let hint = format!("one query of Salesforce takes {MAX_SETS} child relationships");
            return self.note(value, key, "these are too many rows", hint);
        }
        while !waiting.is_empty() {
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, _, value)| self.parent_set(value).is_some());
            if ready.is_empty() {
                for (_, key, value) in &later {
                    self.lies_nowhere(key, value);
                }
                return;
            }
            for (name, key, value) in &ready {
                self.row_set(name, key, value);
            }
            waiting = later;
        }
    }

    fn row_tables<'v>(&mut self, table: &'v DeTable<'v>) -> Vec<Rows<'v>> {
        let mut found: Vec<Rows<'v>> = Vec::new();
        let lines = find(table, "lines");
        found.extend(lines.map(|value| ("lines".to_owned(), "lines".to_owned(), value)));
        let rows = find(table, "rows").and_then(|value| self.table(value, "rows"));
        for (name, value) in rows.into_iter().flatten() {
            let text = name.get_ref().to_string();
            let key = dotted("rows", &text);
            if text == "root"
                || found.iter().any(|(other, ..)| *other == text)
                || !is_path(&text)
                || text.contains('.')
            {
                let hint = "letters, digits and underscores; each name once, not `root`";
                self.note(name, &key, "this name cannot be given to rows", hint);
            } else {
                found.push((text, key, value));
            }
        }
        found
    }

    fn lies_nowhere(&mut self, key: &str, value: &Value<'_>) {
        let of = value.get_ref().as_table().and_then(|table| find(table, "of")).unwrap_or(value);
        let named: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
        let hint = hint_for(named_parent(value).unwrap_or_default(), &named);
        let message = "the rows are under rows that lead back to them, or that do not exist";
        self.note(of, &dotted(key, "of"), message, hint);
    }

    fn parent_set(&self, value: &Value<'_>) -> Option<SetId> {
        let named = named_parent(value).unwrap_or("root");
        self.sets.iter().position(|set| set.name == named)
    }

    fn row_set(&mut self, name: &str, key: &str, value: &Value<'_>) {
        let Some(table) = self.table(value, key) else { return };
        self.check_keys(table, key, &names(&SET_KEYS));
        let (set, of) = (self.sets.len(), self.parent_set(value).unwrap_or(ROOT));
        let relationship = self.required_name(table, key, "relationship", value);
        let sobject = self.required_name(table, key, "sobject", value).unwrap_or_default();
        let parent =
            find(table, "parent").and_then(|_| self.required_name(table, key, "parent", value));
        let order = find(table, "order_by");
        let order_by = order.and_then(|value| self.order_by(value, &dotted(key, "order_by")));
        let line = order.map_or(0, |value| self.line(value));
        if self.levels_above(of) >= MAX_LEVELS {
            let hint = format!("one query of Salesforce takes {MAX_LEVELS} levels of children");
            self.note(value, key, "these rows are too deep", hint);
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
            optional: self.flag(table, key, "optional"),
            line: self.line(value),
            ..RowSet::default()
        };
        self.sets.push(rows);
        self.asked_of_rows(table, key, set);
    }

    /// What is asked of each row, whose paths may lead through its parent.
    fn asked_of_rows(&mut self, table: &DeTable<'_>, key: &str, set: SetId) {
        let place = Place::new(key, set);
        self.sets[set].leave_out = self.at(table, "leave_out", place, Self::condition);
        self.sets[set].refuse = self.all_at(table, "refuse", place, Self::guard);
        self.sets[set].warn = self.all_at(table, "warn", place, Self::row_remark);
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
    fn order_by(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        // Written anew: white space of the file, such as a line's end, is nothing that a query has
        // to hold.
        let text = value.get_ref().as_str().unwrap_or_default();
        let terms: Option<Vec<String>> = text.split(',').map(order_term).collect();
        terms.map(|terms| terms.join(", ")).or_else(|| {
            let hint =
                "field names by commas, each with ASC, DESC, NULLS FIRST or NULLS LAST if needed";
            self.fault(value, key, "this is not an order", hint)
        })
    }

    /// The set that a `rows`, `each` or `only_row_of` names.
    pub(super) fn set_named(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<SetId> {
        let name = value.get_ref().as_str().unwrap_or_default();
        self.sets.iter().position(|set| set.name == name).or_else(|| {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            let hint = hint_for(name, &known);
            self.fault(value, place.key, format!("there are no rows `{name}` in this file"), hint)
        })
    }

    pub(super) fn set_below(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<SetName> {
        let set = self.set_named(value, place)?;
        let name = self.sets[set].name.clone();
        let mut up = set;
        while up != ROOT {
            up = self.sets[up].of;
            if up == place.set {
                return Some(SetName { set, name });
            }
        }
        let above = self.sets[place.set].name.clone();
        let message = format!("the rows `{name}` are not below `{above}`");
        self.fault(value, place.key, message, format!("name rows whose `of` leads to `{above}`"))
    }
}

fn named_parent<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    find(value.get_ref().as_table()?, "of")?.get_ref().as_str()
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
