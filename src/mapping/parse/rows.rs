//! Where the rows come from: `[lines]` and `[rows.NAME]`.

use toml::de::DeTable;

use super::{Parser, Value, dotted, find, is_path};
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldRef, ROOT, RowSet, SetId};

const SET_KEYS: [&str; 9] = [
    "of",
    "relationship",
    "sobject",
    "parent",
    "order_by",
    "optional",
    "leave_out",
    "refuse",
    "warn",
];

/// Levels below the root that one query may have (SOQL, since API version 58.0).
const MOST_LEVELS: usize = 4;
/// Child relationships in one query (SOQL).
const MOST_SETS: usize = 20;

impl Parser<'_> {
    /// The row sets of a file, the root first, every other one after the one that it lies under.
    pub(super) fn row_sets(&mut self, table: &DeTable<'_>, root: &str) {
        self.sets = vec![RowSet {
            name: "root".to_owned(),
            of: ROOT,
            relationship: String::new(),
            sobject: root.to_owned(),
            parent: None,
            order_by: String::new(),
            ordered_by: Vec::new(),
            optional: false,
            leave_out: None,
            refuse: Vec::new(),
            warn: Vec::new(),
            line: 1,
        }];
        let mut waiting: Vec<(String, String, &Value<'_>)> = Vec::new();
        waiting.extend(
            find(table, "lines").map(|value| ("lines".to_owned(), "lines".to_owned(), value)),
        );
        if let Some(rows) = find(table, "rows").and_then(|value| self.table(value, "rows")) {
            for (name, value) in rows {
                let name_text = name.get_ref().to_string();
                let key = dotted("rows", &name_text);
                if name_text == "root"
                    || waiting.iter().any(|(other, ..)| *other == name_text)
                    || !is_path(&name_text)
                    || name_text.contains('.')
                {
                    self.fault(
                        &name.span(),
                        &key,
                        "this name cannot be given to rows",
                        "letters, digits and underscores; each name once, not `root`",
                    );
                    continue;
                }
                waiting.push((name_text, key, value));
            }
        }
        if waiting.len() > MOST_SETS {
            let (_, key, value) = &waiting[MOST_SETS];
            self.fault(
                &value.span(),
                key,
                "these are too many rows",
                format!("one query of Salesforce takes {MOST_SETS} child relationships"),
            );
            return;
        }
        while !waiting.is_empty() {
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, _, value)| self.parent_set(value).is_some());
            if ready.is_empty() {
                for (_, key, value) in &later {
                    let named: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
                    let hint = hint_for(named_parent(value).unwrap_or_default(), &named);
                    let place = value
                        .get_ref()
                        .as_table()
                        .and_then(|table| find(table, "of"))
                        .map_or(value.span(), toml::Spanned::span);
                    self.fault(
                        &place,
                        &dotted(key, "of"),
                        "the rows lie under rows that lead back to them, or that are not there",
                        hint,
                    );
                }
                return;
            }
            for (name, key, value) in &ready {
                self.row_set(name, key, value);
            }
            waiting = later;
        }
    }

    fn parent_set(&self, value: &Value<'_>) -> Option<SetId> {
        let named = named_parent(value).unwrap_or("root");
        self.sets.iter().position(|set| set.name == named)
    }

    fn row_set(&mut self, name: &str, key: &str, value: &Value<'_>) {
        let Some(table) = self.table(value, key) else { return };
        self.check_keys(table, key, &SET_KEYS);
        let of = self.parent_set(value).unwrap_or(ROOT);
        let relationship = self.required_name(table, key, "relationship", value.span());
        let sobject = self.required_name(table, key, "sobject", value.span());
        let parent = find(table, "parent")
            .and_then(|_| self.required_name(table, key, "parent", value.span()));
        let order = find(table, "order_by").and_then(|value| {
            Some((self.order_by(value, &dotted(key, "order_by"))?, self.line(&value.span())))
        });
        if self.depth(of) >= MOST_LEVELS {
            self.fault(
                &value.span(),
                key,
                "these rows lie too deep",
                format!("one query of Salesforce takes {MOST_LEVELS} levels of children"),
            );
        }
        let set = self.sets.len();
        let ordered_by = order.iter().flat_map(|(terms, line)| {
            let fields = terms.split(',').filter_map(|term| term.split_whitespace().next());
            fields.map(move |path| FieldRef {
                from: set,
                path: path.to_owned(),
                optional: false,
                line: *line,
            })
        });
        let ordered_by = ordered_by.collect();
        let row_set = RowSet {
            name: name.to_owned(),
            of,
            relationship: relationship.unwrap_or_default(),
            sobject: sobject.unwrap_or_default(),
            parent,
            order_by: order.map_or_else(|| "Id".to_owned(), |(terms, _)| terms),
            ordered_by,
            optional: self.flag(table, key, "optional"),
            leave_out: None,
            refuse: Vec::new(),
            warn: Vec::new(),
            line: self.line(&value.span()),
        };
        self.sets.push(row_set);
        let leave_out = find(table, "leave_out")
            .and_then(|value| self.condition(value, &dotted(key, "leave_out"), set));
        let refuse = find(table, "refuse")
            .map(|value| self.guards(value, &dotted(key, "refuse"), set))
            .unwrap_or_default();
        let warn = find(table, "warn")
            .map(|value| self.row_remarks(value, &dotted(key, "warn"), set))
            .unwrap_or_default();
        self.sets[set].leave_out = leave_out;
        self.sets[set].refuse = refuse;
        self.sets[set].warn = warn;
    }

    fn depth(&self, mut set: SetId) -> usize {
        let mut depth = 0;
        while set != ROOT {
            set = self.sets[set].of;
            depth += 1;
        }
        depth
    }

    /// `SortOrder NULLS LAST, Id`: it goes into the query, so every word of it is checked.
    fn order_by(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let term = |term: &str| {
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
        };
        // Written anew: white space of the file, such as a line's end, is nothing that a query has
        // to hold.
        let terms: Option<Vec<String>> = text.split(',').map(term).collect();
        let Some(terms) = terms else {
            let hint =
                "field names by commas, each with ASC, DESC, NULLS FIRST or NULLS LAST if needed";
            self.fault(&value.span(), key, "this is not an order", hint);
            return None;
        };
        Some(terms.join(", "))
    }

    /// The set that a `rows`, `each` or `only_row_of` names.
    pub(super) fn set_named(&mut self, value: &Value<'_>, key: &str) -> Option<SetId> {
        let name = value.get_ref().as_str().unwrap_or_default();
        let found = self.sets.iter().position(|set| set.name == name);
        if found.is_none() {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            let hint = hint_for(name, &known);
            self.fault(
                &value.span(),
                key,
                format!("there are no rows `{name}` in this file"),
                hint,
            );
        }
        found
    }

    /// A set whose rows lie below those of `above`.
    pub(super) fn set_below(
        &mut self,
        value: &Value<'_>,
        key: &str,
        above: SetId,
    ) -> Option<SetId> {
        let set = self.set_named(value, key)?;
        let mut up = set;
        while up != ROOT {
            up = self.sets[up].of;
            if up == above {
                return Some(set);
            }
        }
        let (below, above) = (self.sets[set].name.clone(), self.sets[above].name.clone());
        self.fault(
            &value.span(),
            key,
            format!("the rows `{below}` do not lie below `{above}`"),
            format!("name rows whose `of` leads to `{above}`"),
        );
        None
    }
}

fn named_parent<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    find(value.get_ref().as_table()?, "of")?.get_ref().as_str()
}
