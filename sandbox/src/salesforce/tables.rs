//! The objects of the org, as one table: a further object is a further entry.

mod column;
mod cpq;
mod custom;
mod described;
mod orders;
mod products;
mod sales;
mod setup;
mod shared;
mod table;

pub(super) use column::{Access, Column, Data, Fill, Tie};
pub(super) use table::Table;

use Data::Lookup;
use serde_json::Value as Json;

/// The objects of the example org.
const TABLES: &[Table] = &[
    sales::ACCOUNT,
    sales::OPPORTUNITY,
    sales::OPPORTUNITY_LINE_ITEM,
    sales::OPPORTUNITY_STAGE,
    sales::LEAD,
    products::PRODUCT,
    products::PRICE_BOOK,
    products::PRICE_BOOK_ENTRY,
    orders::ORDER,
    orders::ORDER_ITEM,
    orders::CONTRACT,
    setup::USER,
    setup::ORGANIZATION,
    setup::SYNC_SETTING,
    cpq::QUOTE,
    cpq::QUOTE_LINE,
    cpq::QUOTE_LINE_SCHEDULE,
    cpq::QUOTE_LINE_RATE,
    cpq::SUBSCRIPTION,
    cpq::SUBSCRIPTION_SCHEDULE,
    cpq::SUBSCRIPTION_RATE,
    custom::USAGE_DEAL,
    custom::USAGE_LINE,
    custom::USAGE_METER,
    custom::USAGE_RATE,
    custom::USAGE_ADD_ON,
    custom::USAGE_YEAR,
    custom::USAGE_FEE,
];

/// The objects of an org.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema {
    tables: &'static [Table],
    /// The describes that the first of the tables were made of, in their order.
    describes: &'static [Json],
}

impl Schema {
    /// That of the example org.
    pub(super) const EXAMPLE: Self = Self { tables: TABLES, describes: &[] };

    /// Every object.
    pub(super) fn tables(self) -> impl Iterator<Item = &'static Table> {
        self.tables.iter()
    }

    /// The object called `name`, without regard to case.
    pub(super) fn table(self, name: &str) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// What is wrong with a name that no object has.
    pub(super) fn unknown_object(self, name: &str) -> String {
        let known: Vec<&str> = self.tables.iter().map(|table| table.name).collect();
        format!("`{name}` is not an emulated object; there are `{}`", known.join("`, `"))
    }

    /// The describe that an object was made of; none of an example's.
    pub(super) fn described(self, table: &Table) -> Option<&'static Json> {
        self.describes.iter().find(|describe| describe["name"] == table.name)
    }

    /// The lookup of an object whose relationship is called `name`, and where it leads.
    pub(super) fn parent(
        self,
        table: &Table,
        name: &str,
    ) -> Option<(&'static Column, &'static str, &'static Table)> {
        table.columns().find_map(|column| match column.data {
            Lookup(relationship, target) if relationship.eq_ignore_ascii_case(name) => {
                Some((column, relationship, self.table(target)?))
            }
            _ => None,
        })
    }

    /// The object that the reference in a field of an object leads to.
    pub(super) fn target(self, table: &Table, field: &str) -> Option<&'static Table> {
        match table.column(field)?.data {
            Lookup(_, target) => self.table(target),
            _ => None,
        }
    }

    /// The child relationship of an object called `name`: its name, the child object and the child's
    /// field.
    pub(super) fn child(
        self,
        table: &Table,
        name: &str,
    ) -> Option<(&'static str, &'static Table, &'static str)> {
        let (relationship, child, field) = table
            .children
            .iter()
            .find(|(relationship, ..)| relationship.eq_ignore_ascii_case(name))?;
        Some((relationship, self.table(child)?, field))
    }
}

impl Table {
    /// The fields that tie a record to the one that they name, with that one's object.
    pub(super) fn ties(&self) -> impl Iterator<Item = (&'static Column, &'static str)> + use<> {
        self.columns().filter(|column| column.tie != Tie::Loose).filter_map(|column| {
            match column.data {
                Lookup(_, target) => Some((column, target)),
                _ => None,
            }
        })
    }
}
