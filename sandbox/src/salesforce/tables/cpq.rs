//! The objects of Salesforce CPQ: quotes and subscriptions with their consumption schedules and
//! rates.

use super::column::Column;
use super::column::Data::{Checkbox, Currency, Date, Lookup, Number, Picklist, Text};
use super::column::Fill::Numbered;
use super::column::column;
use super::shared::{
    CURRENCY_ISO_CODE, ID, IS_DELETED, M3TER_DEAL, M3TER_LINE, M3TER_STATUS, OWNER,
};
use super::table::Table;

const CHARGE_TYPE: Column =
    column("SBQQ__ChargeType__c", Picklist(&["One-Time", "Recurring", "Usage"]));
const SCHEDULE_TYPE: Column = column("SBQQ__Type__c", Picklist(&["Slab", "Range"]));
const PRICING_METHOD: Column = column("SBQQ__PricingMethod__c", Picklist(&["PerUnit", "FlatFee"]));
/// The names of the records are numbers that the org gives.
const fn numbered(prefix: &'static str, digits: usize) -> Column {
    column("Name", Text(80)).by_org().filled(Numbered(prefix, digits))
}

const PRODUCT: Column = column("SBQQ__Product__c", Lookup("SBQQ__Product__r", "Product2"));
/// The row's term in terms of its price: half a year of a yearly price is 0.5.
const PRORATE_MULTIPLIER: Column = column("SBQQ__ProrateMultiplier__c", Number).digits(14, 4);
const START: Column = column("SBQQ__StartDate__c", Date);
const END: Column = column("SBQQ__EndDate__c", Date);

pub(super) const QUOTE: Table = Table {
    name: "SBQQ__Quote__c",
    key_prefix: "a0Q",
    is_shared: true,
    fields: &[
        &[
            ID,
            numbered("Q-", 5),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            column("SBQQ__Account__c", Lookup("SBQQ__Account__r", "Account")),
            column("SBQQ__Opportunity2__c", Lookup("SBQQ__Opportunity2__r", "Opportunity")),
            column("SBQQ__Primary__c", Checkbox),
            column("SBQQ__Type__c", Picklist(&["Quote", "Amendment", "Renewal"])),
            column("SBQQ__Status__c", Picklist(&["Draft", "Approved", "Accepted"])),
            START,
            END,
            column("SBQQ__SubscriptionTerm__c", Number),
            column("SBQQ__NetAmount__c", Currency),
            column("M3ter_Contract_Code__c", Text(80)),
        ],
        M3TER_DEAL,
        M3TER_STATUS,
    ],
    children: &[("SBQQ__LineItems__r", "SBQQ__QuoteLine__c", "SBQQ__Quote__c")],
};

pub(super) const QUOTE_LINE: Table = Table {
    name: "SBQQ__QuoteLine__c",
    key_prefix: "a0L",
    is_shared: false,
    fields: &[
        &[
            ID,
            numbered("QL-", 4),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            column("SBQQ__Quote__c", Lookup("SBQQ__Quote__r", "SBQQ__Quote__c")).detail(),
            PRODUCT,
            column("SBQQ__ProductCode__c", Text(255)).shows("SBQQ__Product__c", "ProductCode"),
            column("SBQQ__ProductName__c", Text(255)).shows("SBQQ__Product__c", "Name"),
            column("SBQQ__Number__c", Number),
            column("SBQQ__Quantity__c", Number),
            column("SBQQ__ListPrice__c", Currency),
            column("SBQQ__CustomerPrice__c", Currency),
            column("SBQQ__NetPrice__c", Currency),
            column("SBQQ__NetTotal__c", Currency),
            PRORATE_MULTIPLIER,
            column("SBQQ__Optional__c", Checkbox),
            CHARGE_TYPE,
            START,
            END,
            column("SBQQ__EffectiveStartDate__c", Date),
            column("SBQQ__EffectiveEndDate__c", Date),
        ],
        M3TER_LINE,
    ],
    children: &[(
        "SBQQ__QuoteLineConsumptionSchedules__r",
        "SBQQ__QuoteLineConsumptionSchedule__c",
        "SBQQ__QuoteLine__c",
    )],
};

pub(super) const QUOTE_LINE_SCHEDULE: Table = Table {
    name: "SBQQ__QuoteLineConsumptionSchedule__c",
    key_prefix: "a0M",
    is_shared: false,
    fields: &[&[
        ID,
        numbered("QLCS-", 4),
        IS_DELETED,
        column("SBQQ__QuoteLine__c", Lookup("SBQQ__QuoteLine__r", "SBQQ__QuoteLine__c")).detail(),
        SCHEDULE_TYPE,
    ]],
    children: &[(
        "SBQQ__QuoteLineConsumptionRates__r",
        "SBQQ__QuoteLineConsumptionRate__c",
        "SBQQ__QuoteLineConsumptionSchedule__c",
    )],
};

pub(super) const QUOTE_LINE_RATE: Table = Table {
    name: "SBQQ__QuoteLineConsumptionRate__c",
    key_prefix: "a0N",
    is_shared: false,
    fields: &[&[
        ID,
        numbered("R-", 4),
        IS_DELETED,
        column(
            "SBQQ__QuoteLineConsumptionSchedule__c",
            Lookup(
                "SBQQ__QuoteLineConsumptionSchedule__r",
                "SBQQ__QuoteLineConsumptionSchedule__c",
            ),
        )
        .detail(),
        column("SBQQ__LowerBound__c", Number),
        column("SBQQ__UpperBound__c", Number),
        column("SBQQ__Price__c", Currency),
        PRICING_METHOD,
    ]],
    children: &[],
};

pub(super) const SUBSCRIPTION: Table = Table {
    name: "SBQQ__Subscription__c",
    key_prefix: "a0S",
    is_shared: false,
    fields: &[
        &[
            ID,
            numbered("SUB-", 4),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            column("SBQQ__Account__c", Lookup("SBQQ__Account__r", "Account")),
            column("SBQQ__Contract__c", Lookup("SBQQ__Contract__r", "Contract")),
            PRODUCT,
            column("SBQQ__ProductName__c", Text(255)).shows("SBQQ__Product__c", "Name"),
            column("SBQQ__Quantity__c", Number),
            column("SBQQ__ListPrice__c", Currency),
            column("SBQQ__NetPrice__c", Currency),
            PRORATE_MULTIPLIER,
            CHARGE_TYPE,
            START,
            END,
            column("SBQQ__TerminatedDate__c", Date),
            column(
                "SBQQ__RevisedSubscription__c",
                Lookup("SBQQ__RevisedSubscription__r", "SBQQ__Subscription__c"),
            ),
        ],
        M3TER_LINE,
    ],
    children: &[(
        "SBQQ__SubscriptionConsumptionSchedules__r",
        "SBQQ__SubscriptionConsumptionSchedule__c",
        "SBQQ__Subscription__c",
    )],
};

pub(super) const SUBSCRIPTION_SCHEDULE: Table = Table {
    name: "SBQQ__SubscriptionConsumptionSchedule__c",
    key_prefix: "a0T",
    is_shared: false,
    fields: &[&[
        ID,
        numbered("SCS-", 4),
        IS_DELETED,
        column("SBQQ__Subscription__c", Lookup("SBQQ__Subscription__r", "SBQQ__Subscription__c"))
            .detail(),
        SCHEDULE_TYPE,
    ]],
    children: &[(
        "SBQQ__SubscriptionConsumptionRates__r",
        "SBQQ__SubscriptionConsumptionRate__c",
        "SBQQ__SubscriptionConsumptionSchedule__c",
    )],
};

pub(super) const SUBSCRIPTION_RATE: Table = Table {
    name: "SBQQ__SubscriptionConsumptionRate__c",
    key_prefix: "a0U",
    is_shared: false,
    fields: &[&[
        ID,
        numbered("R-", 4),
        IS_DELETED,
        column(
            "SBQQ__SubscriptionConsumptionSchedule__c",
            Lookup(
                "SBQQ__SubscriptionConsumptionSchedule__r",
                "SBQQ__SubscriptionConsumptionSchedule__c",
            ),
        )
        .detail(),
        column("SBQQ__LowerBound__c", Number),
        column("SBQQ__UpperBound__c", Number),
        column("SBQQ__Price__c", Currency),
        PRICING_METHOD,
    ]],
    children: &[],
};
