//! Objects that an admin made: a deal of the customer's own with lines, rates, yearly commitments
//! and fees.

use super::column::Data::{
    Checkbox, Currency, Date, DateTime, LongText, Lookup, Number, Percent, Picklist, Text,
};
use super::column::column;
use super::shared::{CURRENCY_ISO_CODE, ID, IS_DELETED, OWN_NAME, OWNER};
use super::table::Table;

pub(super) const USAGE_DEAL: Table = Table {
    name: "Usage_Deal__c",
    key_prefix: "a1D",
    is_shared: true,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        CURRENCY_ISO_CODE,
        OWNER,
        column("Account__c", Lookup("Account__r", "Account")),
        column("Start__c", Date),
        column("Signed_At__c", DateTime),
        column("Months__c", Number),
        column("Region__c", Text(40)),
        column("Tier__c", Picklist(&["Gold", "Silver"])),
        column("Priority__c", Number),
        column("Discount__c", Percent),
        column("Annual_Price__c", Currency),
        column("Billing_Group__c", Text(80)),
        column("Notes__c", LongText(4_000)),
    ]],
    children: &[
        ("Usage_Lines__r", "Usage_Line__c", "Usage_Deal__c"),
        ("Add_Ons__r", "Usage_Add_On__c", "Usage_Deal__c"),
        ("Years__r", "Usage_Year__c", "Usage_Deal__c"),
    ],
};

pub(super) const USAGE_LINE: Table = Table {
    name: "Usage_Line__c",
    key_prefix: "a1L",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Deal__c", Lookup("Usage_Deal__r", "Usage_Deal__c")).detail(),
        column("Product__c", Lookup("Product__r", "Product2")),
        column("Billing_Frequency__c", Text(40)),
        column("Region__c", Text(40)),
        column("Base_Price__c", Number),
        column("Tier_2_From__c", Number),
        column("Tier_2_Price__c", Number),
        column("Inactive__c", Checkbox),
    ]],
    children: &[("Meters__r", "Usage_Meter__c", "Usage_Line__c")],
};

pub(super) const USAGE_METER: Table = Table {
    name: "Usage_Meter__c",
    key_prefix: "a1M",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Line__c", Lookup("Usage_Line__r", "Usage_Line__c")).detail(),
        column("Aggregation__c", Text(80)),
        column("Compound_Aggregation__c", Text(80)),
        column("Key__c", Text(40)),
    ]],
    children: &[("Rates__r", "Usage_Rate__c", "Usage_Meter__c")],
};

pub(super) const USAGE_RATE: Table = Table {
    name: "Usage_Rate__c",
    key_prefix: "a1R",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Meter__c", Lookup("Usage_Meter__r", "Usage_Meter__c")).detail(),
        column("From__c", Number),
        column("Price__c", Number),
        column("Overage__c", Checkbox),
    ]],
    children: &[],
};

pub(super) const USAGE_ADD_ON: Table = Table {
    name: "Usage_Add_On__c",
    key_prefix: "a1A",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Deal__c", Lookup("Usage_Deal__r", "Usage_Deal__c")),
        column("Code__c", Text(80)),
        column("Price__c", Number),
    ]],
    children: &[],
};

pub(super) const USAGE_YEAR: Table = Table {
    name: "Usage_Year__c",
    key_prefix: "a1Y",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Deal__c", Lookup("Usage_Deal__r", "Usage_Deal__c")).detail(),
        column("Start__c", Date),
        column("Amount__c", Currency),
    ]],
    children: &[("Fees__r", "Usage_Fee__c", "Usage_Year__c")],
};

pub(super) const USAGE_FEE: Table = Table {
    name: "Usage_Fee__c",
    key_prefix: "a1F",
    is_shared: false,
    fields: &[&[
        ID,
        OWN_NAME,
        IS_DELETED,
        column("Usage_Year__c", Lookup("Usage_Year__r", "Usage_Year__c")).detail(),
        column("Date__c", Date),
        column("Amount__c", Currency),
    ]],
    children: &[],
};
