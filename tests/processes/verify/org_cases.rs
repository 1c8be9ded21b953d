//! What goes wrong in real orgs and ends in a status of a verification: each case is a deal or two,
//! of a customer of its own.
//!
//! Cases that need a setting of the whole org are in `org_settings.rs` beside this. What ends in no
//! status is a refusal of a vendor that passes, or that stops everything: a page is read again until
//! it is whole, or the verification fails as a whole (`tests/it/operations/verify_refusals.rs`).

use serde_json::{Value as Json, json};

use super::deals::{ROOTS, Record, customer};
use crate::cluster::{Cluster, Replica};

/// An id of another m3ter organization.
const ELSEWHERE: &str = "b7e23ec2-9af1-4c8e-8d0f-6f1c2d3e4f50";

pub(super) const OPPORTUNITY: usize = 0;
pub(super) const ORDER: usize = 1;
pub(super) const CONTRACT: usize = 2;
pub(super) const QUOTE: usize = 3;

/// Makes the deals of all cases.
pub(super) struct Cases<'a> {
    cluster: &'a Cluster,
    replica: &'a Replica,
    products: [String; 2],
    pub(super) records: Vec<Record>,
}

impl<'a> Cases<'a> {
    /// All of them, and what a verification is to find.
    pub(super) async fn make(cluster: &'a Cluster, replica: &'a Replica) -> Vec<Record> {
        let mut cases = Self::none(cluster, replica);
        cases.values().await;
        cases.codes().await;
        cases.short_ids().await;
        cases.amendments().await;
        cases.terminated().await;
        cases.segments().await;
        cases.rows_that_change().await;
        cases.nobodys_deals().await;
        cases.records
    }

    /// None yet.
    pub(super) fn none(cluster: &'a Cluster, replica: &'a Replica) -> Self {
        let products = ["CASE_0", "CASE_1"].map(|code| cluster.add_product(code));
        Self { cluster, replica, products, records: Vec::new() }
    }

    /// A product that m3ter has, one of two.
    pub(super) fn product(&self, which: usize) -> &str {
        &self.products[which]
    }

    pub(super) fn insert(&self, sobject: &str, fields: &Json, more: &Json) -> String {
        let mut fields = fields.as_object().unwrap().clone();
        fields.extend(more.as_object().unwrap().clone());
        self.cluster.org.vendor().insert(sobject, &Json::Object(fields))
    }

    pub(super) fn opportunity(&self, account: &str, more: &Json) -> String {
        let deal = json!({
            "Name": "Case", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-01", "End_Date__c": "2099-12-31",
            "CurrencyIsoCode": "USD",
        });
        self.insert("Opportunity", &deal, more)
    }

    pub(super) fn line(&self, deal: &str, product: &str, more: &Json) -> String {
        let line = json!({ "OpportunityId": deal, "Product2Id": product, "UnitPrice": 0.05, "Quantity": 1, "CurrencyIsoCode": "USD" });
        self.insert("OpportunityLineItem", &line, more)
    }

    pub(super) fn contract(&self, more: &Json) -> String {
        let contract = json!({
            "AccountId": customer(&self.cluster.org), "Status": "Activated", "StartDate": "2026-01-01", "ContractTerm": 600,
            "CurrencyIsoCode": "USD",
        });
        self.insert("Contract", &contract, more)
    }

    pub(super) fn subscription(&self, contract: &str, product: &str, more: &Json) -> String {
        let line = json!({
            "SBQQ__Contract__c": contract, "SBQQ__Product__c": product, "SBQQ__NetPrice__c": 20, "SBQQ__Quantity__c": 1,
            "CurrencyIsoCode": "USD",
        });
        self.insert("SBQQ__Subscription__c", &line, more)
    }

    /// An Order of one line.
    fn order(&self, account: &str, contract: &str, price: &Json) -> String {
        let order = self.order_without_lines(account, &json!({ "ContractId": contract }));
        self.order_line(&order, &json!({ "UnitPrice": price, "Quantity": 5 }));
        order
    }

    pub(super) fn order_without_lines(&self, account: &str, more: &Json) -> String {
        let order = json!({
            "Name": "Case", "AccountId": account, "EffectiveDate": "2026-01-01", "EndDate": "2099-12-31", "Status": "Activated",
            "CurrencyIsoCode": "USD",
        });
        self.insert("Order", &order, more)
    }

    /// A line of the first product.
    pub(super) fn order_line(&self, order: &str, more: &Json) -> String {
        let line = json!({
            "OrderId": order, "Product2Id": self.products[0], "UnitPrice": 0.05, "Quantity": 1, "CurrencyIsoCode": "USD",
        });
        self.insert("OrderItem", &line, more)
    }

    pub(super) fn quote(&self) -> String {
        let quote = json!({
            "SBQQ__Account__c": customer(&self.cluster.org), "SBQQ__StartDate__c": "2026-01-01", "SBQQ__EndDate__c": "2098-12-31",
            "SBQQ__Type__c": "Quote", "SBQQ__Primary__c": true, "CurrencyIsoCode": "USD",
        });
        self.insert("SBQQ__Quote__c", &quote, &json!({}))
    }

    pub(super) fn quote_line(&self, quote: &str, more: &Json) -> String {
        let line = json!({
            "SBQQ__Quote__c": quote, "SBQQ__Product__c": self.products[0], "SBQQ__NetPrice__c": 10, "SBQQ__Quantity__c": 1,
            "CurrencyIsoCode": "USD",
        });
        self.insert("SBQQ__QuoteLine__c", &line, more)
    }

    /// Syncs it, so that all or a part of it is in m3ter.
    pub(super) async fn sync(&self, id: &str, status: &str) {
        let path = format!("/sync-to-m3ter/{id}");
        let (_, result) = self.cluster.post(self.replica, &path).await.unwrap();
        assert_eq!(result["syncStatus"], status, "{id}: {result:#}");
    }

    pub(super) fn expect(&mut self, root: usize, id: String, status: &'static str) {
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

    /// A customer and a Contract that are named by ids of 15 characters, where m3ter has those of
    /// 18; and ids that no sync could write back.
    async fn short_ids(&mut self) {
        let account = customer(&self.cluster.org);
        let first = self.opportunity(&account, &json!({}));
        self.line(&first, &self.products[0], &json!({}));
        self.sync(&first, "Completed").await;
        let org = self.cluster.org.vendor();
        org.update("Account", &account, &json!({ "M3ter_Account_Code__c": &account[..15] }));
        let add_on =
            json!({ "M3ter_Contract_Code__c": &first[..15], "M3ter_Commitment_Amount__c": 0 });
        let add_on = self.opportunity(&account, &add_on);
        self.line(&add_on, &self.products[1], &json!({}));
        self.sync(&add_on, "Completed").await;
        let has = |resource: &str, code: &str| {
            let objects = self.cluster.organization.vendor().objects(resource);
            objects.iter().filter(|object| object.get("code") == Some(&json!(code))).count()
        };
        assert_eq!((has("accounts", &account), has("accounts", &account[..15])), (1, 0));
        assert_eq!((has("contracts", &first), has("contracts", &add_on)), (1, 0));
        let blank = json!({ "M3ter_Contract_Id__c": null, "M3ter_Commitment_Id__c": null });
        org.update("Opportunity", &first, &blank);
        self.expect(OPPORTUNITY, first, "in_sync");
        self.expect(OPPORTUNITY, add_on, "in_sync");
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
    }

    /// A subscription that was terminated on the day on which a row of another price begins: a
    /// negative row and a new one, synced or not yet.
    async fn terminated(&mut self) {
        for status in ["in_sync", "differs"] {
            let contract = self.contract(&json!({}));
            let old = self.subscription(&contract, &self.products[0], &json!({}));
            self.sync(&contract, "Completed").await;
            let terminated = json!({ "SBQQ__TerminatedDate__c": "2026-09-01" });
            self.cluster.org.vendor().update("SBQQ__Subscription__c", &old, &terminated);
            for (quantity, price) in [(-1, 20), (1, 24)] {
                let row = json!({
                    "SBQQ__RevisedSubscription__c": old, "SBQQ__NetPrice__c": price, "SBQQ__Quantity__c": quantity,
                    "SBQQ__StartDate__c": "2026-09-01",
                });
                self.subscription(&contract, &self.products[0], &row);
            }
            if status == "in_sync" {
                self.sync(&contract, "Completed").await;
                let periods = self.account_plans_of(&contract);
                let day = json!("2026-09-01T00:00:00Z");
                assert_eq!((periods.len(), &periods[0].1, &periods[1].0), (2, &day, &day));
            }
            self.expect(CONTRACT, contract, status);
        }
    }

    /// Start and end of the AccountPlans of a deal, in the order of their starts.
    fn account_plans_of(&self, deal: &str) -> Vec<(Json, Json)> {
        let vendor = self.cluster.organization.vendor();
        let contracts = vendor.objects("contracts");
        let contract = contracts.iter().find(|contract| contract["code"] == deal).unwrap();
        let plans = vendor.objects("accountplans");
        let of_deal = plans.into_iter().filter(|plan| plan.get("contractId") == contract.get("id"));
        let mut periods: Vec<(Json, Json)> =
            of_deal.map(|plan| (plan["startDate"].clone(), plan["endDate"].clone())).collect();
        periods.sort_by_key(|(start, _)| start.to_string());
        periods
    }

    /// A product in yearly segments, each with its price.
    async fn segments(&mut self) {
        let quote = self.quote();
        for (price, start, end) in
            [(10, "2026-01-01", "2098-06-30"), (11, "2098-07-01", "2098-12-31")]
        {
            let segment = json!({
                "SBQQ__NetPrice__c": price, "SBQQ__StartDate__c": start, "SBQQ__EndDate__c": end,
            });
            self.quote_line(&quote, &segment);
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
