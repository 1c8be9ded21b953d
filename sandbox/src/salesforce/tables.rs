//! The objects of the org, as one table: a further object is a further entry.

mod column;
mod cpq;
mod custom;
mod orders;
mod products;
mod sales;
mod setup;
mod shared;
mod table;

pub(super) use column::{Access, Column, Data, Fill, Tie};
pub(super) use table::Table;

use Data::Lookup;

/// Every object.
pub(super) const TABLES: &[Table] = &[
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

/// The object called `name`, without regard to case.
pub(super) fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

impl Table {
    /// The lookup whose relationship is called `name`, and where it leads.
    pub(super) fn parent(
        &self,
        name: &str,
    ) -> Option<(&'static Column, &'static str, &'static Table)> {
        self.columns().find_map(|column| match column.data {
            Lookup(relationship, target) if relationship.eq_ignore_ascii_case(name) => {
                Some((column, relationship, table(target)?))
            }
            _ => None,
        })
    }

    /// The object that the reference in a field leads to.
    pub(super) fn target(&self, field: &str) -> Option<&'static Table> {
        match self.column(field)?.data {
            Lookup(_, target) => table(target),
            _ => None,
        }
    }

    /// The fields that tie a record to the one that they name, with that one's object.
    pub(super) fn ties(&self) -> impl Iterator<Item = (&'static Column, &'static str)> + use<> {
        self.columns().filter(|column| column.tie != Tie::Loose).filter_map(|column| {
            match column.data {
                Lookup(_, target) => Some((column, target)),
                _ => None,
            }
        })
    }

    /// The child relationship called `name`: its name, the child object and the child's field.
    pub(super) fn child(&self, name: &str) -> Option<(&'static str, &'static Table, &'static str)> {
        let (relationship, child, field) = self
            .children
            .iter()
            .find(|(relationship, ..)| relationship.eq_ignore_ascii_case(name))?;
        Some((relationship, table(child)?, field))
    }
}
