//! What goes wrong in real orgs and ends in a status of a verification: each case is a deal or two,
//! of a customer of its own.

use serde_json::{Value as Json, json};

use super::deals::{ROOTS, Record, customer};
use crate::cluster::{Cluster, Replica};

/// An id of another m3ter organization.
const ELSEWHERE: &str = "b7e23ec2-9af1-4c8e-8d0f-6f1c2d3e4f50";

const OPPORTUNITY: usize = 0;
const ORDER: usize = 1;
const CONTRACT: usize = 2;
const QUOTE: usize = 3;

/// Makes the deals of all cases.
pub(super) struct Cases<'a> {
    cluster: &'a Cluster,
    replica: &'a Replica,
    products: [String; 2],
    records: Vec<Record>,
}

impl<'a> Cases<'a> {
    /// All of them, and what a verification is to find.
    pub(super) async fn make(cluster: &'a Cluster, replica: &'a Replica) -> Vec<Record> {
        let products = ["CASE_0", "CASE_1"].map(|code| cluster.add_product(code));
        let mut cases = Self { cluster, replica, products, records: Vec::new() };
        cases.values().await;
        cases.codes().await;
        cases.amendments().await;
        cases.rows_that_change().await;
        cases.nobodys_deals().await;
        cases.records
    }

    fn insert(&self, sobject: &str, fields: &Json, more: &Json) -> String {
        let mut fields = fields.as_object().unwrap().clone();
        fields.extend(more.as_object().unwrap().clone());
        self.cluster.org.vendor().insert(sobject, &Json::Object(fields))
    }

    fn opportunity(&self, account: &str, more: &Json) -> String {
        let deal = json!({
            "Name": "Case", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-01", "End_Date__c": "2099-12-31",
            "CurrencyIsoCode": "USD",
        });
        self.insert("Opportunity", &deal, more)
    }

    fn line(&self, deal: &str, product: &str, more: &Json) -> String {
        let line = json!({ "OpportunityId": deal, "Product2Id": product, "UnitPrice": 0.05, "Quantity": 1, "CurrencyIsoCode": "USD" });
        self.insert("OpportunityLineItem", &line, more)
    }

    fn contract(&self, more: &Json) -> String {
        let contract = json!({
            "AccountId": customer(&self.cluster.org), "Status": "Activated", "StartDate": "2026-01-01", "ContractTerm": 600,
            "CurrencyIsoCode": "USD",
        });
        self.insert("Contract", &contract, more)
    }

    fn subscription(&self, contract: &str, product: &str, more: &Json) -> String {
        let line = json!({
            "SBQQ__Contract__c": contract, "SBQQ__Product__c": product, "SBQQ__NetPrice__c": 20, "SBQQ__Quantity__c": 1,
            "CurrencyIsoCode": "USD",
        });
        self.insert("SBQQ__Subscription__c", &line, more)
    }

    fn order(&self, account: &str, contract: &str, price: &Json) -> String {
        let order = json!({
            "Name": "Case", "AccountId": account, "ContractId": contract, "EffectiveDate": "2026-01-01", "EndDate": "2099-12-31",
            "Status": "Activated", "CurrencyIsoCode": "USD",
        });
        let order = self.insert("Order", &order, &json!({}));
        let line = json!({
            "OrderId": order, "Product2Id": self.products[0], "UnitPrice": price, "Quantity": 5, "CurrencyIsoCode": "USD",
        });
        self.insert("OrderItem", &line, &json!({}));
        order
    }

    /// Syncs it, so that all or a part of it is in m3ter.
    async fn sync(&self, id: &str, status: &str) {
        let path = format!("/sync-to-m3ter/{id}");
        let (_, result) = self.cluster.post(self.replica, &path).await.unwrap();
        assert_eq!(result["syncStatus"], status, "{id}: {result:#}");
    }

    fn expect(&mut self, root: usize, id: String, status: &'static str) {
        self.records.push(Record { id, status, root: Some(&ROOTS[root]), is_named_only: false });
    }

    /// More digits than a double has, months from the 31st, and ids of another organization: all of
    /// it is in m3ter as it is in Salesforce.
    async fn values(&mut self) {
        let price = json!({ "UnitPrice": 1_800.777_777_78, "Discount": 27.777_777_777_777_78 });
        let digits = self.opportunity(&customer(&self.cluster.org), &json!({}));
        self.line(&digits, &self.products[0], &price);
        let months = self.contract(&json!({ "StartDate": "2026-01-31", "ContractTerm": 601 }));
        self.subscription(&months, &self.products[0], &json!({}));
        let account = customer(&self.cluster.org);
        let stale = json!({ "M3ter_Account_Id__c": ELSEWHERE });
        self.cluster.org.vendor().update("Account", &account, &stale);
        let copied = self.opportunity(&account, &json!({ "M3ter_Contract_Id__c": ELSEWHERE }));
        self.line(&copied, &self.products[0], &json!({}));
        // A character that nobody sees, behind a code that was pasted.
        let pasted = json!({ "Name": "Pasted", "ProductCode": "CASE_0\u{200b}", "IsActive": true });
        let pasted = self.cluster.org.vendor().insert("Product2", &pasted);
        let unseen = self.opportunity(&customer(&self.cluster.org), &json!({}));
        self.line(&unseen, &pasted, &json!({}));
        for (root, id) in [
            (OPPORTUNITY, digits),
            (CONTRACT, months),
            (OPPORTUNITY, copied),
            (OPPORTUNITY, unseen),
        ] {
            self.sync(&id, "Completed").await;
            self.expect(root, id, "in_sync");
        }
    }

    /// A clone has the code of the deal that it was cloned from, and a code that was typed wrongly
    /// is corrected after the sync.
    async fn codes(&mut self) {
        let account = customer(&self.cluster.org);
        let code = json!({ "M3ter_Contract_Code__c": "CASE-CLONE", "End_Date__c": "2098-12-31" });
        let first = self.opportunity(&account, &code);
        self.line(&first, &self.products[0], &json!({}));
        self.sync(&first, "Completed").await;
        let clone = json!({ "M3ter_Contract_Code__c": "CASE-CLONE", "CloseDate": "2099-01-01" });
        let clone = self.opportunity(&account, &clone);
        self.line(&clone, &self.products[0], &json!({}));
        self.sync(&clone, "Partial Success").await;
        self.expect(OPPORTUNITY, first, "in_sync");
        self.expect(OPPORTUNITY, clone, "partial");

        let account = customer(&self.cluster.org);
        let right = self.opportunity(&account, &json!({ "M3ter_Contract_Code__c": "CASE-100" }));
        self.line(&right, &self.products[0], &json!({}));
        self.sync(&right, "Completed").await;
        let typed = self.opportunity(&account, &json!({ "M3ter_Contract_Code__c": "CASE-1OO" }));
        self.line(&typed, &self.products[1], &json!({}));
        self.sync(&typed, "Completed").await;
        let corrected = json!({ "M3ter_Contract_Code__c": "CASE-100" });
        self.cluster.org.vendor().update("Opportunity", &typed, &corrected);
        self.expect(OPPORTUNITY, right, "in_sync");
        self.expect(OPPORTUNITY, typed, "partial");
    }

    /// More of the same, at half a price for half a term, is no difference; another price is one
    /// that m3ter cannot take beside the first.
    async fn amendments(&mut self) {
        let upsell = self.contract(&json!({}));
        let first = self.subscription(&upsell, &self.products[0], &json!({}));
        self.sync(&upsell, "Completed").await;
        let more = json!({
            "SBQQ__RevisedSubscription__c": first, "SBQQ__NetPrice__c": 10, "SBQQ__Quantity__c": 5,
            "SBQQ__StartDate__c": "2026-09-01", "SBQQ__EndDate__c": "2075-12-31",
        });
        self.subscription(&upsell, &self.products[0], &more);
        self.expect(CONTRACT, upsell, "in_sync");

        let account = customer(&self.cluster.org);
        let contract = json!({
            "AccountId": account, "Status": "Draft", "StartDate": "2026-01-01", "ContractTerm": 12, "CurrencyIsoCode": "USD",
        });
        let contract = self.insert("Contract", &contract, &json!({}));
        for (price, synced, status) in [
            (0.05, "Completed", "in_sync"),
            (0.05, "Completed", "in_sync"),
            (0.04, "Partial Success", "partial"),
        ] {
            let order = self.order(&account, &contract, &json!(price));
            self.sync(&order, synced).await;
            self.expect(ORDER, order, status);
        }

        // A product in yearly segments, each with its price.
        let quote = json!({
            "SBQQ__Account__c": customer(&self.cluster.org), "SBQQ__StartDate__c": "2026-01-01", "SBQQ__EndDate__c": "2098-12-31",
            "SBQQ__Type__c": "Quote", "SBQQ__Primary__c": true, "CurrencyIsoCode": "USD",
        });
        let quote = self.insert("SBQQ__Quote__c", &quote, &json!({}));
        for (price, start, end) in
            [(10, "2026-01-01", "2098-06-30"), (11, "2098-07-01", "2098-12-31")]
        {
            let segment = json!({
                "SBQQ__Quote__c": quote, "SBQQ__Product__c": self.products[0], "SBQQ__NetPrice__c": price, "SBQQ__Quantity__c": 1,
                "SBQQ__StartDate__c": start, "SBQQ__EndDate__c": end, "CurrencyIsoCode": "USD",
            });
            self.insert("SBQQ__QuoteLine__c", &segment, &json!({}));
        }
        self.sync(&quote, "Completed").await;
        self.expect(QUOTE, quote, "in_sync");
    }

    /// A row that Salesforce does not show any more, an Account that was merged, and a deal in
    /// another currency than its product.
    async fn rows_that_change(&mut self) {
        let contract = self.contract(&json!({}));
        self.subscription(&contract, &self.products[0], &json!({}));
        let hidden = self.subscription(&contract, &self.products[1], &json!({}));
        self.sync(&contract, "Completed").await;
        self.cluster.org.vendor().rules(&json!({ "hiddenRecords": [hidden] })).unwrap();
        self.expect(CONTRACT, contract, "partial");

        let loser = customer(&self.cluster.org);
        let merged = self.opportunity(&loser, &json!({}));
        self.line(&merged, &self.products[0], &json!({}));
        self.sync(&merged, "Completed").await;
        let survivor = customer(&self.cluster.org);
        self.cluster.org.vendor().update("Account", &survivor, &json!({ "Name": "Survivor" }));
        self.cluster.org.vendor().merge(&survivor, &loser).unwrap();
        self.expect(OPPORTUNITY, merged, "differs");

        let euro = self.opportunity(
            &customer(&self.cluster.org),
            &json!({ "CurrencyIsoCode": "EUR", "M3ter_Commitment_Amount__c": 10 }),
        );
        self.line(&euro, &self.products[0], &json!({ "CurrencyIsoCode": "EUR" }));
        self.sync(&euro, "Partial Success").await;
        self.expect(OPPORTUNITY, euro, "partial");
    }

    /// A deal that has no Account any more: all but its price, and all if it has no lines. And one
    /// that was deleted before its first sync, which is told of only where it is named.
    async fn nobodys_deals(&mut self) {
        for (has_line, status) in [(true, "partial"), (false, "failed")] {
            let amount = json!({ "M3ter_Commitment_Amount__c": 1_200 });
            let orphan = self.opportunity(&customer(&self.cluster.org), &amount);
            if has_line {
                self.line(&orphan, &self.products[0], &json!({}));
            }
            self.sync(&orphan, "Completed").await;
            let nobody = json!({ "AccountId": null });
            self.cluster.org.vendor().update("Opportunity", &orphan, &nobody);
            self.expect(OPPORTUNITY, orphan, status);
        }

        for root in [OPPORTUNITY, ORDER] {
            let (sobject, id) = if root == ORDER {
                let account = customer(&self.cluster.org);
                let contract = self.contract(&json!({ "Status": "Draft" }));
                ("Order", self.order(&account, &contract, &json!(0.05)))
            } else {
                let account = customer(&self.cluster.org);
                ("Opportunity", self.opportunity(&account, &json!({})))
            };
            self.cluster.org.vendor().delete(sobject, &id);
            self.expect(root, id, "failed");
            self.records.last_mut().unwrap().is_named_only = true;
        }
    }
}
