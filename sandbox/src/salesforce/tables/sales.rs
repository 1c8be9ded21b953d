//! Customers and deals. Source: Object Reference for the Salesforce Platform.

use super::column::Column;
use super::column::Data::{
    Checkbox, Currency, Date, Email, Integer, LongText, Lookup, Number, Percent, Picklist, Text,
};
use super::column::Fill::{Copy, Follow};
use super::column::column;
use super::shared::{
    CURRENCIES, CURRENCY_ISO_CODE, ID, IS_DELETED, M3TER_DEAL, M3TER_LINE, M3TER_PRICES,
    M3TER_STATUS, M3TER_TERM, NAME, OWNER,
};
use super::table::Table;

const FORECAST: super::column::Data =
    Picklist(&["Omitted", "Pipeline", "BestCase", "Forecast", "Closed"]);
const FORECAST_NAME: super::column::Data =
    Picklist(&["Omitted", "Pipeline", "Best Case", "Commit", "Closed"]);
const PHONE: Column = column("Phone", Text(40));

pub(super) const ACCOUNT: Table = Table {
    name: "Account",
    key_prefix: "001",
    is_shared: true,
    fields: &[
        &[
            ID,
            NAME,
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            PHONE,
            column("MasterRecordId", Lookup("MasterRecord", "Account")).by_org(),
            column("AccountNumber", Text(40)),
            column("ParentId", Lookup("Parent", "Account")),
            column(
                "Type",
                Picklist(&[
                    "Prospect",
                    "Customer - Direct",
                    "Customer - Channel",
                    "Channel Partner / Reseller",
                    "Other",
                ]),
            ),
            column(
                "Industry",
                Picklist(&[
                    "Banking",
                    "Consulting",
                    "Education",
                    "Energy",
                    "Manufacturing",
                    "Media",
                    "Retail",
                    "Technology",
                ]),
            ),
            column("Website", Text(255)),
            column("Description", LongText(32_000)),
            column(
                "AccountSource",
                Picklist(&["Web", "Phone Inquiry", "Partner Referral", "Other"]),
            ),
            column("AnnualRevenue", Currency).digits(18, 0),
            column("NumberOfEmployees", Integer),
            column("BillingStreet", LongText(255)),
            column("BillingCity", Text(40)),
            column("BillingState", Text(80)),
            column("BillingPostalCode", Text(20)),
            column("BillingCountry", Text(80)),
            column("ShippingStreet", LongText(255)),
            column("ShippingCity", Text(40)),
            column("ShippingState", Text(80)),
            column("ShippingPostalCode", Text(20)),
            column("ShippingCountry", Text(80)),
            column("M3ter_Billing_Email__c", Email),
            column("M3ter_Account_Code__c", Text(80)).external_id(),
            column("M3ter_Payment_Terms_Days__c", Number).digits(3, 0),
            column("M3ter_Skip_Account__c", Checkbox),
            column("M3ter_Account_Id__c", Text(36)),
        ],
        M3TER_STATUS,
    ],
    children: &[
        ("Opportunities", "Opportunity", "AccountId"),
        ("Orders", "Order", "AccountId"),
        ("Contracts", "Contract", "AccountId"),
        ("ChildAccounts", "Account", "ParentId"),
        ("SBQQ__Subscriptions__r", "SBQQ__Subscription__c", "SBQQ__Account__c"),
    ],
};

pub(super) const OPPORTUNITY: Table = Table {
    name: "Opportunity",
    key_prefix: "006",
    is_shared: true,
    fields: &[
        &[
            ID,
            column("Name", Text(120)).required(),
            IS_DELETED,
            CURRENCY_ISO_CODE,
            OWNER,
            column("AccountId", Lookup("Account", "Account")).deleted_with_it(),
            column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2")),
            column(
                "StageName",
                Picklist(&["Prospecting", "Negotiation/Review", "Closed Won", "Closed Lost"]),
            )
            .required(),
            column("CloseDate", Date).required(),
            // From the stage, as long as nobody sets it.
            column("Probability", Percent).digits(3, 0),
            column("IsClosed", Checkbox).by_org(),
            column("IsWon", Checkbox).by_org(),
            column("ForecastCategory", FORECAST).by_org(),
            column("ForecastCategoryName", FORECAST_NAME),
            // The sum of the lines, where there are any.
            column("Amount", Currency),
            column("ExpectedRevenue", Currency).by_org(),
            column("HasOpportunityLineItem", Checkbox).by_org(),
            column(
                "Type",
                Picklist(&[
                    "New Customer",
                    "Existing Customer - Upgrade",
                    "Existing Customer - Replacement",
                ]),
            ),
            column("LeadSource", Picklist(&["Web", "Phone Inquiry", "Partner Referral", "Other"])),
            column("Description", LongText(32_000)),
            column("NextStep", Text(255)),
            column("End_Date__c", Date),
            column("M3ter_Start_Date__c", Date),
            column("M3ter_PO_Number__c", Text(100)),
            column("M3ter_Sync_Requested__c", Checkbox),
        ],
        M3TER_TERM,
        M3TER_DEAL,
        M3TER_STATUS,
    ],
    children: &[("OpportunityLineItems", "OpportunityLineItem", "OpportunityId")],
};

pub(super) const OPPORTUNITY_LINE_ITEM: Table = Table {
    name: "OpportunityLineItem",
    key_prefix: "00k",
    is_shared: false,
    fields: &[
        &[
            ID,
            // The deal's name and the product's.
            column("Name", Text(376)).by_org(),
            IS_DELETED,
            column("OpportunityId", Lookup("Opportunity", "Opportunity")).detail(),
            column("CurrencyIsoCode", CURRENCIES)
                .restricted()
                .by_org()
                .filled(Copy("OpportunityId", "CurrencyIsoCode")),
            column("PricebookEntryId", Lookup("PricebookEntry", "PricebookEntry"))
                .once()
                .required(),
            column("Product2Id", Lookup("Product2", "Product2"))
                .once()
                .filled(Copy("PricebookEntryId", "Product2Id")),
            column("ProductCode", Text(255)).by_org().filled(Follow("Product2Id", "ProductCode")),
            column("ListPrice", Currency).by_org().filled(Copy("PricebookEntryId", "UnitPrice")),
            column("Quantity", Number).digits(12, 2).required(),
            // One of the two, and the org has the other.
            column("UnitPrice", Currency),
            column("TotalPrice", Currency),
            column("Discount", Percent).digits(5, 2),
            column("Description", Text(255)),
            column("ServiceDate", Date),
            column("SortOrder", Integer),
            column("M3ter_End_Date__c", Date),
            // What CPQ adds to its lines.
            column("SBQQ__QuoteLine__c", Lookup("SBQQ__QuoteLine__r", "SBQQ__QuoteLine__c")),
        ],
        M3TER_PRICES,
        M3TER_LINE,
    ],
    children: &[],
};

pub(super) const OPPORTUNITY_STAGE: Table = Table {
    name: "OpportunityStage",
    key_prefix: "01J",
    is_shared: false,
    fields: &[&[
        ID,
        column("MasterLabel", Text(255)).by_org(),
        column("ApiName", Text(255)).by_org(),
        column("IsActive", Checkbox).by_org(),
        column("SortOrder", Integer).by_org(),
        column("IsClosed", Checkbox).by_org(),
        column("IsWon", Checkbox).by_org(),
        column("ForecastCategory", FORECAST).by_org(),
        column("ForecastCategoryName", FORECAST_NAME).by_org(),
        column("DefaultProbability", Percent).digits(3, 0).by_org(),
    ]],
    children: &[],
};

pub(super) const LEAD: Table = Table {
    name: "Lead",
    key_prefix: "00Q",
    is_shared: true,
    fields: &[&[
        ID,
        column("Name", Text(121)).by_org(),
        column("FirstName", Text(40)),
        column("LastName", Text(80)).required(),
        IS_DELETED,
        OWNER,
        PHONE,
        column("MasterRecordId", Lookup("MasterRecord", "Lead")).by_org(),
        column("Company", Text(255)).required(),
        column("Email", Email),
        column(
            "Status",
            Picklist(&["Open - Not Contacted", "Working - Contacted", "Closed - Converted"]),
        )
        .filled(super::column::Fill::Text("Open - Not Contacted")),
    ]],
    children: &[],
};
