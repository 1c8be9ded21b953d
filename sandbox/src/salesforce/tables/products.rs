//! Products and what they cost. Source: Object Reference for the Salesforce Platform.

use super::column::Data::{Checkbox, Currency, LongText, Lookup, Picklist, Text};
use super::column::Fill::Follow;
use super::column::column;
use super::shared::{CURRENCIES, CURRENCY_ISO_CODE, ID, IS_DELETED, NAME};
use super::table::Table;

pub(super) const PRODUCT: Table = Table {
    name: "Product2",
    key_prefix: "01t",
    is_shared: true,
    fields: &[&[
        ID,
        NAME,
        IS_DELETED,
        CURRENCY_ISO_CODE,
        column("ProductCode", Text(255)),
        column("Description", LongText(4_000)),
        column("Family", Picklist(&["None", "Software", "Services", "Hardware"])),
        column("StockKeepingUnit", Text(180)),
        column("QuantityUnitOfMeasure", Picklist(&["Each"])),
        column("ExternalId", Text(255)),
        column("IsActive", Checkbox),
        column("M3ter_Plan_Template_Code__c", Text(80)),
        column("M3ter_Aggregation_Code__c", Text(80)),
        column("M3ter_Not_Metered__c", Checkbox),
    ]],
    children: &[("PricebookEntries", "PricebookEntry", "Product2Id")],
};

pub(super) const PRICE_BOOK: Table = Table {
    name: "Pricebook2",
    key_prefix: "01s",
    is_shared: true,
    fields: &[&[
        ID,
        NAME,
        IS_DELETED,
        column("Description", Text(255)),
        column("IsActive", Checkbox),
        column("IsStandard", Checkbox).by_org(),
    ]],
    children: &[("PricebookEntries", "PricebookEntry", "Pricebook2Id")],
};

pub(super) const PRICE_BOOK_ENTRY: Table = Table {
    name: "PricebookEntry",
    key_prefix: "01u",
    is_shared: false,
    fields: &[&[
        ID,
        IS_DELETED,
        column("CurrencyIsoCode", CURRENCIES)
            .restricted()
            .once()
            .filled(super::column::Fill::UserCurrency),
        column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2"))
            .deleted_with_it()
            .once()
            .required(),
        column("Product2Id", Lookup("Product2", "Product2")).deleted_with_it().once().required(),
        column("Name", Text(255)).by_org().filled(Follow("Product2Id", "Name")),
        column("ProductCode", Text(255)).by_org().filled(Follow("Product2Id", "ProductCode")),
        column("UnitPrice", Currency).required(),
        column("UseStandardPrice", Checkbox),
        column("IsActive", Checkbox),
    ]],
    children: &[],
};
