//! What goes wrong in real orgs where something is set for the whole org, the whole organization or
//! a whole mapping: fields that a permission set has lost, rows that come one a page, plans that may
//! overlap, days that begin elsewhere, numbers for ids.

use serde_json::{Value as Json, json};

use super::deals::{Made, Record, customer};
use super::org_cases::{CONTRACT, Cases, OPPORTUNITY, ORDER, QUOTE};
use crate::cluster::{Cluster, Replica};

/// A number for an id: Salesforce answers `1.6147805824397E13`.
const OPPORTUNITIES: &str = r#"extends = "Opportunity"
[contract]
purchaseOrderNumber = { field = "M3ter_Commitment_Amount__c", optional = true }
[pricing]
cumulative = { field = "Quantity", map = { 7 = true, 1 = false } }
"#;
/// On the first Sunday of September no clock there shows midnight.
const ORDERS: &str = "extends = \"Order\"\ntime_zone = \"America/Santiago\"\n";
/// What the integration user sees at first, and then no more.
const HIDDEN: [&str; 2] =
    ["OpportunityLineItem.M3ter_Unit_Price__c", "SBQQ__QuoteLine__c.M3ter_Skip_Pricing__c"];

/// An org, an organization and mappings that are set otherwise.
pub(super) struct Settings<'a>(&'a Cluster);

impl<'a> Settings<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        cluster.org.vendor().rules(&json!({ "childPageRows": 1 })).unwrap();
        let organization = cluster.organization.vendor();
        let mut config = organization.request("GET", "/organizationconfig", &Json::Null).unwrap();
        config["allowOverlappingPlans"] = json!(true);
        organization.request("PUT", "/organizationconfig", &config).unwrap();
        let mappings = cluster.path("mappings");
        std::fs::create_dir(&mappings).unwrap();
        for (name, overlay) in [("opportunity.toml", OPPORTUNITIES), ("order.toml", ORDERS)] {
            std::fs::write(mappings.join(name), overlay).unwrap();
        }
        Self(cluster)
    }

    /// For `MAPPINGS_DIR`.
    pub(super) fn mappings(&self) -> String {
        self.0.path("mappings").display().to_string()
    }

    /// The deals, and what a verification is to find.
    pub(super) async fn make(&self, replica: &Replica) -> Vec<Record> {
        let mut cases = Cases::none(self.0, replica);
        cases.records = Made::leave_examples(self.0);
        // An AccountPlan that nobody else's is in the way of any more.
        cases.records.iter_mut().for_each(|example| example.status = "differs");
        self.hidden_fields(&mut cases).await;
        self.numbers(&mut cases).await;
        self.rows_on_pages(&mut cases).await;
        self.overlapping_plans(&mut cases).await;
        self.days(&mut cases).await;
        let hidden = json!({ "childPageRows": 1, "hiddenFields": HIDDEN });
        self.0.org.vendor().rules(&hidden).unwrap();
        cases.records
    }

    /// The one object of a kind with this code.
    fn object(&self, kind: &str, code: &str) -> Json {
        let objects = self.0.organization.vendor().objects(kind);
        let found = objects.into_iter().find(|object| object.get("code") == Some(&json!(code)));
        Json::Object(found.unwrap())
    }

    /// A price that is read no more leaves one that nobody knows; a flag that is read no more may
    /// have been set. Where another field comes first, nothing is missing.
    async fn hidden_fields(&self, cases: &mut Cases<'_>) {
        for (price, status) in [
            (json!({ "UnitPrice": 0.01, "M3ter_Unit_Price__c": 0.000_001_234_5 }), "partial"),
            (json!({ "M3ter_Price_Bands__c": "0 ; 0.05\n100 ; 0.04" }), "in_sync"),
        ] {
            let deal = cases.opportunity(&customer(&self.0.org), &json!({}));
            cases.line(&deal, cases.product(0), &price);
            cases.sync(&deal, "Completed").await;
            cases.expect(OPPORTUNITY, deal, status);
        }
        let quote = cases.quote();
        cases.quote_line(&quote, &json!({ "M3ter_Skip_Pricing__c": true }));
        cases.sync(&quote, "Partial Success").await;
        cases.expect(QUOTE, quote, "partial");
        let new = cases.quote();
        cases.quote_line(&new, &json!({}));
        cases.expect(QUOTE, new, "missing");
    }

    /// A number of 14 digits is an id, and 7.0 is 7.
    async fn numbers(&self, cases: &mut Cases<'_>) {
        let number = json!({ "M3ter_Commitment_Amount__c": 16_147_805_824_397_u64, "M3ter_Skip_Commitment__c": true });
        let deal = cases.opportunity(&customer(&self.0.org), &number);
        let seven = json!({ "Quantity": 7, "M3ter_Price_Bands__c": "0 ; 0.05\n100 ; 0.04" });
        let line = cases.line(&deal, cases.product(0), &seven);
        cases.sync(&deal, "Partial Success").await;
        assert_eq!(self.object("contracts", &deal)["purchaseOrderNumber"], "16147805824397");
        assert_eq!(self.object("pricings", &line)["cumulative"], true);
        cases.expect(OPPORTUNITY, deal, "in_sync");
    }

    /// Rows below rows below rows, each on a page of its own: all of them are read, and what differs
    /// in the last one is found.
    async fn rows_on_pages(&self, cases: &mut Cases<'_>) {
        for status in ["in_sync", "differs"] {
            let contract = cases.contract(&json!({}));
            let mut last = String::new();
            for product in [0, 1] {
                let line = cases.subscription(&contract, cases.product(product), &json!({}));
                let schedule = json!({ "SBQQ__Subscription__c": line, "SBQQ__Type__c": "Slab" });
                let schedule =
                    cases.insert("SBQQ__SubscriptionConsumptionSchedule__c", &schedule, &json!({}));
                for (from, to, price) in
                    [(1, Some(250), 0.05), (251, Some(500), 0.04), (501, None, 0.03)]
                {
                    let rate = json!({
                        "SBQQ__SubscriptionConsumptionSchedule__c": schedule, "SBQQ__LowerBound__c": from,
                        "SBQQ__UpperBound__c": to, "SBQQ__Price__c": price, "SBQQ__PricingMethod__c": "PerUnit",
                    });
                    last = cases.insert("SBQQ__SubscriptionConsumptionRate__c", &rate, &json!({}));
                }
            }
            cases.sync(&contract, "Completed").await;
            if status == "differs" {
                let price = json!({ "SBQQ__Price__c": 0.02 });
                self.0.org.vendor().update("SBQQ__SubscriptionConsumptionRate__c", &last, &price);
            }
            cases.expect(CONTRACT, contract, status);
        }
    }

    /// Two lines of one product at the same time, both billed.
    async fn overlapping_plans(&self, cases: &mut Cases<'_>) {
        let order = cases.order_without_lines(&customer(&self.0.org), &json!({}));
        let lines =
            [0.05, 0.04].map(|price| cases.order_line(&order, &json!({ "UnitPrice": price })));
        cases.sync(&order, "Completed").await;
        for line in lines {
            assert_eq!(self.object("accountplans", &line)["startDate"], "2026-01-01T03:00:00Z");
        }
        cases.expect(ORDER, order, "in_sync");
    }

    /// A deal that begins on a day without a midnight, and one that began there and does so no more.
    async fn days(&self, cases: &mut Cases<'_>) {
        for status in ["in_sync", "differs"] {
            let day = json!({ "EffectiveDate": "2026-09-06" });
            let order = cases.order_without_lines(&customer(&self.0.org), &day);
            let line = cases.order_line(&order, &json!({}));
            cases.sync(&order, "Completed").await;
            assert_eq!(self.object("accountplans", &line)["startDate"], "2026-09-06T04:00:00Z");
            if status == "differs" {
                let day = json!({ "EffectiveDate": "2026-09-07" });
                self.0.org.vendor().update("Order", &order, &day);
            }
            cases.expect(ORDER, order, status);
        }
    }
}
