//! The objects of the org, as one table: a further object is a further entry.

mod column;
mod cpq;
mod custom;
mod orders;
mod products;
mod sales;
mod setup;

pub(super) use column::{Access, Column, Data, Fill, Tie};

use Data::{Checkbox, Currency, DateTime, Id, LongText, Lookup, Number, Percent, Picklist, Text};
use column::column;

/// One sObject.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key_prefix: &'static str,
    /// Whether `UserRecordAccess` knows it: the objects of the sharing settings.
    pub(super) is_shared: bool,
    /// In the order of a describe, in groups: some are the same in several objects. What every
    /// object has comes on top.
    fields: &'static [&'static [Column]],
    /// Child relationship, child object, the child's field that points here.
    pub(super) children: &'static [(&'static str, &'static str, &'static str)],
}

const ID: Column = column("Id", Id).by_org();
const NAME: Column = column("Name", Text(255)).required();
/// The name of a record of a custom object whose records need none.
const OWN_NAME: Column = column("Name", Text(80));
const IS_DELETED: Column = column("IsDeleted", Checkbox).by_org();
const OWNER: Column = column("OwnerId", Lookup("Owner", "User")).filled(Fill::User);
const CURRENCIES: Data = Picklist(&["USD", "EUR", "GBP"]);
const CURRENCY_ISO_CODE: Column =
    column("CurrencyIsoCode", CURRENCIES).restricted().filled(Fill::UserCurrency);

/// Who wrote a record and when.
const AUDIT: &[Column] = &[
    column("CreatedDate", DateTime).by_org(),
    column("CreatedById", Lookup("CreatedBy", "User")).by_org().filled(Fill::User),
    column("LastModifiedDate", DateTime).by_org(),
    column("LastModifiedById", Lookup("LastModifiedBy", "User")).by_org().filled(Fill::User),
    column("SystemModstamp", DateTime).by_org(),
];

/// What an admin adds to every object that can be a deal.
const M3TER_DEAL: &[Column] = &[
    column("M3ter_Commitment_Amount__c", Currency),
    column("M3ter_Overage_Surcharge__c", Percent).digits(7, 2),
    column("M3ter_Skip_Contract__c", Checkbox),
    column("M3ter_Skip_Commitment__c", Checkbox),
    column("M3ter_Contract_Id__c", Text(36)),
    column("M3ter_Commitment_Id__c", Text(36)),
];

/// What an admin adds to every object that is synced by itself: how that ended.
const M3TER_STATUS: &[Column] = &[
    column("M3ter_Sync_Status__c", Text(20)),
    column("M3ter_Sync_Message__c", LongText(32_768)),
    column("M3ter_Synced_At__c", DateTime),
];

/// What an admin adds to every object that can be a deal's line.
const M3TER_LINE: &[Column] = &[
    column("M3ter_Pricing_Type__c", Picklist(&["Tiered", "Volume"])).restricted(),
    column("M3ter_Standing_Charge__c", Currency),
    column("M3ter_Minimum_Spend__c", Currency),
    column("M3ter_Bills_Commitment__c", Checkbox),
    column("M3ter_Skip_Plan__c", Checkbox),
    column("M3ter_Skip_Pricing__c", Checkbox),
    column("M3ter_Skip_Account_Plan__c", Checkbox),
    column("M3ter_Plan_Id__c", Text(36)),
    column("M3ter_Pricing_Id__c", Text(36)),
    column("M3ter_Account_Plan_Id__c", Text(36)),
];

/// What an admin adds to the lines that can have prices of their own.
const M3TER_PRICES: &[Column] =
    &[column("M3ter_Unit_Price__c", Number), column("M3ter_Price_Bands__c", LongText(4_000))];

/// What an admin adds to the deals whose term is written by hand.
const M3TER_TERM: &[Column] = &[
    column("M3ter_Term_Months__c", Number).digits(3, 0),
    column("M3ter_Contract_Code__c", Text(80)),
];

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
    /// All fields.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.fields.iter().flat_map(|group| group.iter()).chain(AUDIT)
    }

    /// The field called `name`, without regard to case.
    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns().find(|column| column.name.eq_ignore_ascii_case(name))
    }

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
