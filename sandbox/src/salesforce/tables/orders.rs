//! Orders and contracts. Source: Object Reference for the Salesforce Platform.

use super::column::Data::{
    Checkbox, Currency, Date, Integer, LongText, Lookup, Number, Picklist, Text,
};
use super::column::Fill::{Copy, Follow, Numbered};
use super::column::column;
use super::shared::{
    CURRENCIES, CURRENCY_ISO_CODE, ID, IS_DELETED, M3TER_DEAL, M3TER_LINE, M3TER_PRICES,
    M3TER_STATUS, M3TER_TERM, OWNER,
};
use super::table::Table;

pub(super) const ORDER: Table = Table {
    name: "Order",
    key_prefix: "801",
    is_shared: true,
    fields: &[
        &[
            ID,
            column("Name", Text(80)),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            column("OrderNumber", Text(30)).by_org().filled(Numbered("", 8)),
            column("AccountId", Lookup("Account", "Account")).required(),
            column("ContractId", Lookup("Contract", "Contract")),
            column("OpportunityId", Lookup("Opportunity", "Opportunity")),
            column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2")),
            column("OriginalOrderId", Lookup("OriginalOrder", "Order")),
            column("Status", Picklist(&["Draft", "Activated"])).required(),
            column("StatusCode", Picklist(&["Draft", "Activated"])).by_org(),
            column("EffectiveDate", Date).required(),
            column("EndDate", Date),
            column("ActivatedDate", super::column::Data::DateTime),
            column("Type", Picklist(&["New", "Amendment", "Renewal"])),
            column("Description", LongText(32_000)),
            column("PoNumber", Text(80)),
            column("IsReductionOrder", Checkbox).once(),
            column("TotalAmount", Currency).by_org(),
        ],
        M3TER_TERM,
        M3TER_DEAL,
        M3TER_STATUS,
    ],
    children: &[("OrderItems", "OrderItem", "OrderId")],
};

pub(super) const ORDER_ITEM: Table = Table {
    name: "OrderItem",
    key_prefix: "802",
    is_shared: false,
    fields: &[
        &[
            ID,
            IS_DELETED,
            column("OrderItemNumber", Text(30)).by_org().filled(Numbered("", 10)),
            column("OrderId", Lookup("Order", "Order")).detail(),
            column("CurrencyIsoCode", CURRENCIES)
                .restricted()
                .by_org()
                .filled(Copy("OrderId", "CurrencyIsoCode")),
            column("PricebookEntryId", Lookup("PricebookEntry", "PricebookEntry"))
                .once()
                .required(),
            column("Product2Id", Lookup("Product2", "Product2"))
                .once()
                .filled(Copy("PricebookEntryId", "Product2Id")),
            column("ProductCode", Text(255)).by_org().filled(Follow("Product2Id", "ProductCode")),
            column("OriginalOrderItemId", Lookup("OriginalOrderItem", "OrderItem")).once(),
            column("Quantity", Number).digits(18, 2).required(),
            column("UnitPrice", Currency).required(),
            column("ListPrice", Currency).once().filled(Copy("PricebookEntryId", "UnitPrice")),
            column("TotalPrice", Currency).by_org(),
            column("Description", Text(255)),
            column("ServiceDate", Date),
            column("EndDate", Date),
            // What CPQ adds to its lines.
            column("SBQQ__QuoteLine__c", Lookup("SBQQ__QuoteLine__r", "SBQQ__QuoteLine__c")),
            column(
                "SBQQ__Subscription__c",
                Lookup("SBQQ__Subscription__r", "SBQQ__Subscription__c"),
            ),
            column("SBQQ__BillingFrequency__c", Picklist(&["Monthly", "Quarterly", "Annual"])),
        ],
        M3TER_PRICES,
        M3TER_LINE,
    ],
    children: &[],
};

pub(super) const CONTRACT: Table = Table {
    name: "Contract",
    key_prefix: "800",
    is_shared: true,
    fields: &[
        &[
            ID,
            column("Name", Text(80)),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            column("ContractNumber", Text(30)).by_org().filled(Numbered("", 8)),
            column("AccountId", Lookup("Account", "Account")).required(),
            column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2")),
            column("Status", Picklist(&["Draft", "In Approval Process", "Activated"]))
                .filled(super::column::Fill::Text("Draft")),
            column("StatusCode", Picklist(&["Draft", "InApproval", "Activated"])).by_org(),
            column("StartDate", Date),
            // The day before the term's end: the org computes it.
            column("EndDate", Date).by_org(),
            column("ContractTerm", Integer),
            column("ActivatedDate", super::column::Data::DateTime).by_org(),
            column("Description", LongText(32_000)),
        ],
        M3TER_DEAL,
        M3TER_STATUS,
    ],
    children: &[
        ("Orders", "Order", "ContractId"),
        ("SBQQ__Subscriptions__r", "SBQQ__Subscription__c", "SBQQ__Contract__c"),
    ],
};
