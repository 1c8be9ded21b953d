//! The five objects that a deal may be, by the names of their fields.

use serde_json::{Value as Json, json};

/// What tells one root from the others.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) sobject: &'static str,
    pub(crate) line: &'static str,
    pub(super) account: &'static str,
    pub(super) start: &'static str,
    /// The last day; none where the org computes it from a term.
    pub(super) end: Option<&'static str>,
    pub(super) po_number: Option<&'static str>,
    /// Months, and whether a person may name a Contract.
    pub(super) has_term_and_code: bool,
    /// The field of a line that names its deal.
    pub(crate) parent: &'static str,
    pub(super) product: &'static str,
    pub(super) price: &'static str,
    pub(super) line_start: &'static str,
    pub(super) line_end: &'static str,
    /// The relationship to the lines.
    pub(super) lines: &'static str,
    /// Objects of schedules and of rates, where there are any.
    pub(super) schedules: Option<(&'static str, &'static str)>,
}

pub(crate) static OPPORTUNITY: Root = Root {
    sobject: "Opportunity",
    line: "OpportunityLineItem",
    account: "AccountId",
    start: "CloseDate",
    end: Some("End_Date__c"),
    po_number: Some("M3ter_PO_Number__c"),
    has_term_and_code: true,
    parent: "OpportunityId",
    product: "Product2Id",
    price: "UnitPrice",
    line_start: "ServiceDate",
    line_end: "M3ter_End_Date__c",
    lines: "OpportunityLineItems",
    schedules: None,
};

pub(crate) static ORDER: Root = Root {
    sobject: "Order",
    line: "OrderItem",
    account: "AccountId",
    start: "EffectiveDate",
    end: Some("EndDate"),
    po_number: Some("PoNumber"),
    has_term_and_code: true,
    parent: "OrderId",
    product: "Product2Id",
    price: "UnitPrice",
    line_start: "ServiceDate",
    line_end: "EndDate",
    lines: "OrderItems",
    schedules: None,
};

pub(crate) static CONTRACT: Root = Root {
    sobject: "Contract",
    line: "SBQQ__Subscription__c",
    account: "AccountId",
    start: "StartDate",
    end: None,
    po_number: None,
    has_term_and_code: false,
    parent: "SBQQ__Contract__c",
    product: "SBQQ__Product__c",
    price: "SBQQ__NetPrice__c",
    line_start: "SBQQ__StartDate__c",
    line_end: "SBQQ__EndDate__c",
    lines: "SBQQ__Subscriptions__r",
    schedules: Some((
        "SBQQ__SubscriptionConsumptionSchedule__c",
        "SBQQ__SubscriptionConsumptionRate__c",
    )),
};

pub(crate) static QUOTE: Root = Root {
    sobject: "SBQQ__Quote__c",
    line: "SBQQ__QuoteLine__c",
    account: "SBQQ__Account__c",
    start: "SBQQ__StartDate__c",
    end: Some("SBQQ__EndDate__c"),
    po_number: None,
    has_term_and_code: false,
    parent: "SBQQ__Quote__c",
    product: "SBQQ__Product__c",
    price: "SBQQ__NetPrice__c",
    line_start: "SBQQ__StartDate__c",
    line_end: "SBQQ__EndDate__c",
    lines: "SBQQ__LineItems__r",
    schedules: Some(("SBQQ__QuoteLineConsumptionSchedule__c", "SBQQ__QuoteLineConsumptionRate__c")),
};

pub(crate) static ROOTS: [&Root; 4] = [&OPPORTUNITY, &ORDER, &CONTRACT, &QUOTE];

impl Root {
    /// The root whose lines these are.
    pub(crate) fn of_line(sobject: &str) -> Option<&'static Self> {
        ROOTS.into_iter().find(|root| root.line == sobject)
    }

    pub(crate) fn of(sobject: &str) -> Option<&'static Self> {
        ROOTS.into_iter().find(|root| root.sobject == sobject)
    }

    /// What a deal has so that it may be synced.
    pub(super) fn ready(&self) -> Json {
        match self.sobject {
            "Opportunity" => json!({ "StageName": "Closed Won" }),
            "SBQQ__Quote__c" => json!({ "SBQQ__Primary__c": true, "SBQQ__Type__c": "Quote" }),
            _ => json!({ "Status": "Activated" }),
        }
    }

    /// The field of a row that names the one above it: of a schedule, of a rate.
    pub(super) fn schedule_parents(&self) -> (&'static str, &'static str) {
        if self.sobject == "Contract" {
            ("SBQQ__Subscription__c", "SBQQ__SubscriptionConsumptionSchedule__c")
        } else {
            ("SBQQ__QuoteLine__c", "SBQQ__QuoteLineConsumptionSchedule__c")
        }
    }
}
