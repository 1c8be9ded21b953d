//! Where a query finds its rows, their parents and their children without a look at every record.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use crate::salesforce::org::{Fields, Org, is_id, short};
use crate::salesforce::soql::{Filter, Literal, Operator, Path};
use crate::salesforce::tables::Table;

/// Records by an id that one of their fields holds.
type ById<'a> = HashMap<&'a str, Vec<&'a Fields>>;

/// Records by object and field, each made when it is first asked for.
#[derive(Default)]
pub(in crate::salesforce) struct Index<'a>(RefCell<HashMap<(&'static str, String), ById<'a>>>);

impl<'a> Index<'a> {
    /// Those of an object whose field may hold an id of 15 or 18 characters, hidden and deleted
    /// ones among them, in the order of the org.
    pub(super) fn holders(
        &self,
        org: &'a Org,
        table: &'static Table,
        field: &str,
        id: &str,
    ) -> Vec<&'a Fields> {
        let mut index = self.0.borrow_mut();
        let by_id = index.entry((table.name, field.to_owned())).or_insert_with(|| {
            let mut by_id = ById::new();
            for record in org.all(table) {
                if let Some(id) = record.get(field).and_then(Json::as_str) {
                    by_id.entry(short(id)).or_default().push(record);
                }
            }
            by_id
        });
        by_id.get(short(id)).cloned().unwrap_or_default()
    }
}

/// The only ids that the rows of a condition can have, if it names some; what it admits of them,
/// the condition itself says.
pub(super) fn ids_in(filter: &Filter) -> Option<HashSet<&str>> {
    let is_of_id = |path: &Path| matches!(path.names.as_slice(), [name] if name == "Id");
    match filter {
        Filter::And(parts) => parts.iter().find_map(ids_in),
        Filter::In(path, literals) if is_of_id(path) => literals.iter().map(id_of).collect(),
        Filter::Compare(path, Operator::Equal, literal) if is_of_id(path) => {
            id_of(literal).map(|id| HashSet::from([id]))
        }
        _ => None,
    }
}

fn id_of(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::Text(text) if is_id(text) => Some(short(text)),
        _ => None,
    }
}
