//! Fields that several objects have.

use super::column::Data::{
    self, Checkbox, Currency, DateTime, Id, LongText, Lookup, Number, Percent, Picklist, Text,
};
use super::column::{Column, Fill, column};

pub(super) const ID: Column = column("Id", Id).by_org();
pub(super) const NAME: Column = column("Name", Text(255)).required();
/// The name of a record of a custom object whose records need none.
pub(super) const OWN_NAME: Column = column("Name", Text(80));
pub(super) const IS_DELETED: Column = column("IsDeleted", Checkbox).by_org();
pub(super) const OWNER: Column = column("OwnerId", Lookup("Owner", "User")).filled(Fill::User);
pub(super) const CURRENCIES: Data = Picklist(&["USD", "EUR", "GBP"]);
pub(super) const CURRENCY_ISO_CODE: Column =
    column("CurrencyIsoCode", CURRENCIES).restricted().filled(Fill::UserCurrency);

/// What an admin adds to every object that can be a deal.
pub(super) const M3TER_DEAL: &[Column] = &[
    column("M3ter_Commitment_Amount__c", Currency),
    column("M3ter_Overage_Surcharge__c", Percent).digits(7, 2),
    column("M3ter_Skip_Contract__c", Checkbox),
    column("M3ter_Skip_Commitment__c", Checkbox),
    column("M3ter_Contract_Id__c", Text(36)),
    column("M3ter_Commitment_Id__c", Text(36)),
];

/// What an admin adds to every object that is synced by itself: how that ended.
pub(super) const M3TER_STATUS: &[Column] = &[
    column("M3ter_Sync_Status__c", Text(20)),
    column("M3ter_Sync_Message__c", LongText(32_768)),
    column("M3ter_Synced_At__c", DateTime),
];

/// What an admin adds to every object that can be a deal's line.
pub(super) const M3TER_LINE: &[Column] = &[
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
pub(super) const M3TER_PRICES: &[Column] =
    &[column("M3ter_Unit_Price__c", Number), column("M3ter_Price_Bands__c", LongText(4_000))];

/// What an admin adds to the deals whose term is written by hand.
pub(super) const M3TER_TERM: &[Column] = &[
    column("M3ter_Term_Months__c", Number).digits(3, 0),
    column("M3ter_Contract_Code__c", Text(80)),
];
