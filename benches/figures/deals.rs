//! Deals of any number of lines, each line of a product of its own.

use serde_json::{Value as Json, json};

use crate::world::World;

const PRICE_BOOK: &str = "01sS90000000001IAA";

impl World {
    /// Gives both vendors `count` products, with all that a line of each needs in m3ter; their ids
    /// in Salesforce.
    pub(crate) fn add_products(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| self.add_product(&format!("BENCH_{number}"))).collect()
    }

    fn add_product(&self, code: &str) -> String {
        let create = |path: &str, body: Json| {
            let created = self
                .organization
                .vendor()
                .request("POST", path, &body)
                .expect("m3ter takes what a product needs");
            created["id"].as_str().expect("an id").to_owned()
        };
        let product = create("/products", json!({ "name": code, "code": code }));
        let quantity = json!({ "category": "MEASURE", "code": "quantity", "name": "Quantity", "unit": "units" });
        let meter = create(
            "/meters",
            json!({ "name": code, "code": code, "productId": product, "dataFields": [quantity], "derivedFields": [] }),
        );
        create(
            "/aggregations",
            json!({ "name": code, "code": code, "meterId": meter, "targetField": "quantity", "aggregation": "SUM", "rounding": "NONE", "quantityPerUnit": 1, "unit": "units" }),
        );
        create(
            "/plantemplates",
            json!({ "name": code, "code": code, "productId": product, "currency": "USD", "standingCharge": 0, "billFrequency": "MONTHLY" }),
        );
        let org = self.org.vendor();
        let product =
            org.insert("Product2", &json!({ "Name": code, "ProductCode": code, "IsActive": true }));
        let price = json!({ "Id": entry_of(&product), "Pricebook2Id": PRICE_BOOK, "Product2Id": product, "UnitPrice": 0.05, "IsActive": true });
        org.insert("PricebookEntry", &price);
        product
    }

    /// A deal with an account of its own and a line for each product.
    pub(crate) fn add_deal(&self, products: &[String]) -> String {
        let org = self.org.vendor();
        let account =
            org.insert("Account", &json!({ "Name": "Bench", "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": "billing@bench.example" }));
        let deal = org.insert(
            "Opportunity",
            &json!({ "Name": "Bench", "AccountId": account, "Pricebook2Id": PRICE_BOOK, "StageName": "Closed Won",
                "CloseDate": "2026-01-01", "End_Date__c": "2026-12-31", "CurrencyIsoCode": "USD",
                "M3ter_Commitment_Amount__c": 1000 }),
        );
        for (position, product) in products.iter().enumerate() {
            org.insert(
                "OpportunityLineItem",
                &json!({ "OpportunityId": deal, "PricebookEntryId": entry_of(product), "Quantity": 1, "UnitPrice": 0.05, "SortOrder": position }),
            );
        }
        deal
    }
}

/// The id of a product's entry in the standard price book.
fn entry_of(product: &str) -> String {
    product.replacen("01t", "01u", 1)
}
