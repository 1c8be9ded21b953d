//! The objects of the org, as one table: a further object is a further entry.

mod cpq;
mod custom;

/// One sObject.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key_prefix: &'static str,
    /// Whether `UserRecordAccess` knows it: the objects of the sharing settings.
    pub(super) is_shared: bool,
    /// In the order of a describe, in groups: some are the same in several objects.
    fields: &'static [&'static [Column]],
    /// Child relationship, child object, the child's field that points here.
    pub(super) children: &'static [(&'static str, &'static str, &'static str)],
}

/// One field of an sObject.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) data: Data,
    pub(super) tie: Tie,
}

/// What a reference does to its record when the record that it names goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// A look-up: nothing.
    Loose,
    /// Deleted with it, and seen by its own sharing.
    Deleted,
    /// Master-detail: deleted with it, and seen by whoever sees it.
    Detail,
}

/// The type of a field, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Id,
    Text(usize),
    LongText(usize),
    Email,
    Checkbox,
    Date,
    DateTime,
    Currency,
    Number,
    Percent,
    Picklist(&'static [&'static str]),
    /// The relationship's name and the sObject that it points to.
    Lookup(&'static str, &'static str),
}

use Data::{Checkbox, Currency, Date, DateTime, Email, Id, LongText, Lookup, Number, Percent, Picklist, Text};

const fn column(name: &'static str, data: Data) -> Column {
    Column { name, data, tie: Tie::Loose }
}

impl Column {
    /// Its record is a detail of the one that it names.
    const fn detail(self) -> Self {
        Self { tie: Tie::Detail, ..self }
    }

    /// Its record is deleted with the one that it names.
    const fn deleted_with_it(self) -> Self {
        Self { tie: Tie::Deleted, ..self }
    }
}

const ID: Column = column("Id", Id);
const NAME: Column = column("Name", Text(255));
const IS_DELETED: Column = column("IsDeleted", Checkbox);
const CURRENCY_ISO_CODE: Column = column("CurrencyIsoCode", Picklist(&["USD", "EUR", "GBP"]));
const LAST_MODIFIED: Column = column("LastModifiedDate", DateTime);

/// What an admin adds to every object that can be a deal.
const M3TER_DEAL: &[Column] = &[
    column("M3ter_Commitment_Amount__c", Currency),
    column("M3ter_Overage_Surcharge__c", Percent),
    column("M3ter_Skip_Contract__c", Checkbox),
    column("M3ter_Skip_Commitment__c", Checkbox),
    column("M3ter_Contract_Id__c", Text(36)),
    column("M3ter_Commitment_Id__c", Text(36)),
];

/// What an admin adds to every object that can be a deal's line.
const M3TER_LINE: &[Column] = &[
    column("M3ter_Pricing_Type__c", Picklist(&["Tiered", "Volume"])),
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

/// Every object.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "Account",
        key_prefix: "001",
        is_shared: true,
        fields: &[&[
            ID,
            NAME,
            IS_DELETED,
            CURRENCY_ISO_CODE,
            LAST_MODIFIED,
            column("MasterRecordId", Lookup("MasterRecord", "Account")),
            column("AccountNumber", Text(40)),
            column("ParentId", Lookup("Parent", "Account")),
            column("OwnerId", Lookup("Owner", "User")),
            column("BillingStreet", LongText(255)),
            column("BillingCity", Text(40)),
            column("BillingState", Text(80)),
            column("BillingPostalCode", Text(20)),
            column("BillingCountry", Text(80)),
            column("M3ter_Billing_Email__c", Email),
            column("M3ter_Account_Code__c", Text(80)),
            column("M3ter_Payment_Terms_Days__c", Number),
            column("M3ter_Skip_Account__c", Checkbox),
            column("M3ter_Account_Id__c", Text(36)),
        ]],
        children: &[
            ("Opportunities", "Opportunity", "AccountId"),
            ("Orders", "Order", "AccountId"),
            ("Contracts", "Contract", "AccountId"),
            ("SBQQ__Subscriptions__r", "SBQQ__Subscription__c", "SBQQ__Account__c"),
        ],
    },
    Table {
        name: "Opportunity",
        key_prefix: "006",
        is_shared: true,
        fields: &[
            &[
                ID,
                column("Name", Text(120)),
                IS_DELETED,
                CURRENCY_ISO_CODE,
                LAST_MODIFIED,
                column("AccountId", Lookup("Account", "Account")).deleted_with_it(),
                column("OwnerId", Lookup("Owner", "User")),
                column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2")),
                column("StageName", Picklist(&["Prospecting", "Negotiation/Review", "Closed Won", "Closed Lost"])),
                column("IsWon", Checkbox),
                column("Amount", Currency),
                column("Probability", Percent),
                column("CloseDate", Date),
                column("Description", LongText(32_000)),
                column("NextStep", Text(255)),
                column("End_Date__c", Date),
                column("M3ter_Term_Months__c", Number),
                column("M3ter_Start_Date__c", Date),
                column("M3ter_Contract_Code__c", Text(80)),
                column("M3ter_PO_Number__c", Text(100)),
            ],
            M3TER_DEAL,
            &[
                column("M3ter_Sync_Status__c", Text(20)),
                column("M3ter_Sync_Message__c", LongText(32_768)),
                column("M3ter_Synced_At__c", DateTime),
            ],
        ],
        children: &[("OpportunityLineItems", "OpportunityLineItem", "OpportunityId")],
    },
    Table {
        name: "OpportunityLineItem",
        key_prefix: "00k",
        is_shared: false,
        fields: &[
            &[
                ID,
                column("Name", Text(376)),
                IS_DELETED,
                CURRENCY_ISO_CODE,
                LAST_MODIFIED,
                column("OpportunityId", Lookup("Opportunity", "Opportunity")).detail(),
                column("Product2Id", Lookup("Product2", "Product2")),
                column("PricebookEntryId", Lookup("PricebookEntry", "PricebookEntry")),
                column("ProductCode", Text(255)),
                column("Description", Text(255)),
                column("Quantity", Number),
                column("UnitPrice", Currency),
                column("ListPrice", Currency),
                column("TotalPrice", Currency),
                column("Discount", Percent),
                column("ServiceDate", Date),
                column("SortOrder", Number),
                column("M3ter_End_Date__c", Date),
                column("M3ter_Unit_Price__c", Number),
                column("M3ter_Price_Bands__c", LongText(4_000)),
            ],
            M3TER_LINE,
        ],
        children: &[],
    },
    Table {
        name: "Product2",
        key_prefix: "01t",
        is_shared: true,
        fields: &[&[
            ID,
            NAME,
            IS_DELETED,
            LAST_MODIFIED,
            column("ProductCode", Text(255)),
            column("Description", LongText(4_000)),
            column("IsActive", Checkbox),
            column("M3ter_Plan_Template_Code__c", Text(80)),
            column("M3ter_Aggregation_Code__c", Text(80)),
            column("M3ter_Not_Metered__c", Checkbox),
        ]],
        children: &[("PricebookEntries", "PricebookEntry", "Product2Id")],
    },
    Table {
        name: "Pricebook2",
        key_prefix: "01s",
        is_shared: true,
        fields: &[&[ID, NAME, IS_DELETED, column("IsActive", Checkbox), column("IsStandard", Checkbox)]],
        children: &[("PricebookEntries", "PricebookEntry", "Pricebook2Id")],
    },
    Table {
        name: "PricebookEntry",
        key_prefix: "01u",
        is_shared: false,
        fields: &[&[
            ID,
            NAME,
            IS_DELETED,
            CURRENCY_ISO_CODE,
            column("Pricebook2Id", Lookup("Pricebook2", "Pricebook2")).deleted_with_it(),
            column("Product2Id", Lookup("Product2", "Product2")).deleted_with_it(),
            column("UnitPrice", Currency),
            column("IsActive", Checkbox),
        ]],
        children: &[],
    },
    Table {
        name: "Order",
        key_prefix: "801",
        is_shared: true,
        fields: &[
            &[
                ID,
                column("Name", Text(80)),
                IS_DELETED,
                CURRENCY_ISO_CODE,
                LAST_MODIFIED,
                column("OrderNumber", Text(30)),
                column("AccountId", Lookup("Account", "Account")),
                column("ContractId", Lookup("Contract", "Contract")),
                column("OpportunityId", Lookup("Opportunity", "Opportunity")),
                column("Status", Picklist(&["Draft", "Activated"])),
                column("EffectiveDate", Date),
                column("EndDate", Date),
                column("PoNumber", Text(80)),
                column("IsReductionOrder", Checkbox),
                column("TotalAmount", Currency),
                column("M3ter_Term_Months__c", Number),
                column("M3ter_Contract_Code__c", Text(80)),
            ],
            M3TER_DEAL,
        ],
        children: &[("OrderItems", "OrderItem", "OrderId")],
    },
    Table {
        name: "OrderItem",
        key_prefix: "802",
        is_shared: false,
        fields: &[
            &[
                ID,
                IS_DELETED,
                CURRENCY_ISO_CODE,
                LAST_MODIFIED,
                column("OrderItemNumber", Text(30)),
                column("OrderId", Lookup("Order", "Order")).detail(),
                column("Product2Id", Lookup("Product2", "Product2")),
                column("PricebookEntryId", Lookup("PricebookEntry", "PricebookEntry")),
                column("Quantity", Number),
                column("UnitPrice", Currency),
                column("ListPrice", Currency),
                column("TotalPrice", Currency),
                column("ServiceDate", Date),
                column("EndDate", Date),
                column("M3ter_Unit_Price__c", Number),
                column("M3ter_Price_Bands__c", LongText(4_000)),
            ],
            M3TER_LINE,
        ],
        children: &[],
    },
    Table {
        name: "Contract",
        key_prefix: "800",
        is_shared: true,
        fields: &[
            &[
                ID,
                IS_DELETED,
                CURRENCY_ISO_CODE,
                LAST_MODIFIED,
                column("ContractNumber", Text(30)),
                column("AccountId", Lookup("Account", "Account")),
                column("Status", Picklist(&["Draft", "In Approval Process", "Activated"])),
                column("StartDate", Date),
                column("EndDate", Date),
                column("ContractTerm", Number),
            ],
            M3TER_DEAL,
        ],
        children: &[("Orders", "Order", "ContractId"), ("SBQQ__Subscriptions__r", "SBQQ__Subscription__c", "SBQQ__Contract__c")],
    },
    Table {
        name: "User",
        key_prefix: "005",
        is_shared: false,
        fields: &[&[
            ID,
            NAME,
            column("Username", Text(80)),
            column("Email", Email),
            column("IsActive", Checkbox),
            column("ProfileId", Text(18)),
        ]],
        children: &[],
    },
    Table {
        name: "Organization",
        key_prefix: "00D",
        is_shared: false,
        fields: &[&[ID, NAME, column("OrganizationType", Text(40)), column("IsSandbox", Checkbox), column("InstanceName", Text(5))]],
        children: &[],
    },
    Table {
        name: "Lead",
        key_prefix: "00Q",
        is_shared: true,
        fields: &[&[
            ID,
            NAME,
            IS_DELETED,
            column("MasterRecordId", Lookup("MasterRecord", "Lead")),
            column("Company", Text(255)),
            column("Email", Email),
            column("Status", Text(255)),
        ]],
        children: &[],
    },
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
        self.fields.iter().flat_map(|group| group.iter())
    }

    /// The field called `name`, without regard to case.
    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The lookup whose relationship is called `name`, and where it leads.
    pub(super) fn parent(&self, name: &str) -> Option<(&'static Column, &'static str, &'static Table)> {
        self.columns().find_map(|column| match column.data {
            Lookup(relationship, target) if relationship.eq_ignore_ascii_case(name) => Some((column, relationship, table(target)?)),
            _ => None,
        })
    }

    /// The fields that tie a record to the one that they name, with that one's object.
    pub(super) fn ties(&self) -> impl Iterator<Item = (&'static Column, &'static str)> + use<> {
        self.columns().filter(|column| column.tie != Tie::Loose).filter_map(|column| match column.data {
            Lookup(_, target) => Some((column, target)),
            _ => None,
        })
    }

    /// The child relationship called `name`: its name, the child object and the child's field.
    pub(super) fn child(&self, name: &str) -> Option<(&'static str, &'static Table, &'static str)> {
        let (relationship, child, field) = self.children.iter().find(|(relationship, ..)| relationship.eq_ignore_ascii_case(name))?;
        Some((relationship, table(child)?, field))
    }
}

impl Column {
    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether a client may write it.
    pub(super) fn is_writable(&self) -> bool {
        !matches!(self.data, Id)
            && !matches!(self.name, "IsDeleted" | "MasterRecordId" | "LastModifiedDate" | "ProductCode" | "IsWon" | "OrderNumber")
    }
}
