//! The names of relationships and paths, as the records and Salesforce have them.

/// Rows whose relationship from the root has a name of its own.
pub(super) const RELATIONSHIPS: [(&str, &str); 8] = [
    ("OpportunityLineItem", "OpportunityLineItems"),
    ("OrderItem", "OrderItems"),
    ("SBQQ__Subscription__c", "SBQQ__Subscriptions__r"),
    ("SBQQ__SubscriptionConsumptionSchedule__c", "SBQQ__SubscriptionConsumptionSchedules__r"),
    ("SBQQ__SubscriptionConsumptionRate__c", "SBQQ__SubscriptionConsumptionRates__r"),
    ("SBQQ__QuoteLine__c", "SBQQ__LineItems__r"),
    ("SBQQ__QuoteLineConsumptionSchedule__c", "SBQQ__QuoteLineConsumptionSchedules__r"),
    ("SBQQ__QuoteLineConsumptionRate__c", "SBQQ__QuoteLineConsumptionRates__r"),
];

/// The usual name of the relationship to child rows.
pub(super) fn guessed_relationship(sobject: &str) -> String {
    sobject.strip_suffix("__c").map_or_else(|| format!("{sobject}s"), |name| format!("{name}s__r"))
}

/// The samples write `id` and `__C`, which Salesforce takes without regard to case.
pub(super) fn spelled(path: &str) -> String {
    let part = |part: &str| match part {
        "id" => "Id".to_owned(),
        part => {
            part.strip_suffix("__C").map_or_else(|| part.to_owned(), |name| format!("{name}__c"))
        }
    };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}
