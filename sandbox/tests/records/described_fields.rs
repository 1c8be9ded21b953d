//! Prices, who wrote a record, and what describes say of its fields.

use super::fields::{ACCOUNT, DEAL, LINE, STANDARD_BOOK, assert_refused, number};
use super::org::{Org, described};
use reqwest::Method;
use serde_json::{Value as Json, json};

#[tokio::test]
async fn a_price_book_has_standard_prices_first_and_each_price_once() {
    let org = Org::new().await;
    let book = org.create("Pricebook2", json!({ "Name": "Partners", "IsActive": true })).await;
    let product = org.create("Product2", json!({ "Name": "P", "IsActive": true })).await;
    let entry = |book: &str, currency: &str| json!({ "Pricebook2Id": book, "Product2Id": product, "UnitPrice": 1, "IsActive": true, "CurrencyIsoCode": currency });
    let path = "sobjects/PricebookEntry";
    assert_refused(
        &org,
        Method::POST,
        path,
        &entry(&book, "USD"),
        "STANDARD_PRICE_NOT_DEFINED",
        "",
    )
    .await;
    org.create("PricebookEntry", entry(STANDARD_BOOK, "USD")).await;
    org.create("PricebookEntry", entry(&book, "USD")).await;
    assert_refused(
        &org,
        Method::POST,
        path,
        &entry(&book, "EUR"),
        "STANDARD_PRICE_NOT_DEFINED",
        "",
    )
    .await;
    assert_refused(&org, Method::POST, path, &entry(&book, "USD"), "DUPLICATE_VALUE", "").await;
    let cheap = org
        .column(&format!("SELECT Id FROM PricebookEntry WHERE Pricebook2Id = '{book}'"), "Id")
        .await
        .remove(0);
    let line =
        json!({ "OpportunityId": DEAL, "PricebookEntryId": cheap, "Quantity": 1, "UnitPrice": 1 });
    assert_refused(
        &org,
        Method::POST,
        "sobjects/OpportunityLineItem",
        &line,
        "FIELD_INTEGRITY_EXCEPTION",
        "PricebookEntryId",
    )
    .await;
}

#[tokio::test]
async fn every_record_says_who_wrote_it_and_when() {
    let org = Org::new().await;
    let fields = "Id, CreatedDate, CreatedById, LastModifiedDate, LastModifiedById, SystemModstamp";
    for object in [
        "Account",
        "Opportunity",
        "OpportunityLineItem",
        "Product2",
        "PricebookEntry",
        "Order",
        "OrderItem",
        "Contract",
        "Usage_Fee__c",
    ] {
        let rows = org.query(&format!("SELECT {fields} FROM {object}")).await;
        for row in rows["records"].as_array().unwrap() {
            for field in fields.split(", ") {
                assert!(row[field].is_string(), "{object}.{field}: {row}");
            }
        }
    }
    let before = org.record("Account", ACCOUNT).await;
    assert_eq!(
        org.ask(
            Method::PATCH,
            &format!("sobjects/Account/{ACCOUNT}"),
            Some(&json!({ "BillingCity": "Rome" }))
        )
        .await
        .0,
        204
    );
    let after = org.record("Account", ACCOUNT).await;
    assert_eq!(before["CreatedDate"], after["CreatedDate"]);
    assert!(
        before["LastModifiedDate"].as_str() < after["LastModifiedDate"].as_str(),
        "{before} {after}"
    );
}

#[tokio::test]
async fn describes_say_what_may_be_written() {
    let org = Org::new().await;
    for (field, createable, updateable, nillable, defaulted) in [
        ("Opportunity.Name", true, true, false, false),
        ("Opportunity.AccountId", true, true, true, false),
        ("Opportunity.IsWon", false, false, false, true),
        ("Opportunity.OwnerId", true, true, false, true),
        ("Opportunity.CurrencyIsoCode", true, true, false, true),
        ("Opportunity.LastModifiedDate", false, false, false, true),
        ("OpportunityLineItem.Name", false, false, true, false),
        ("OpportunityLineItem.CurrencyIsoCode", false, false, false, true),
        ("OpportunityLineItem.OpportunityId", true, false, false, false),
        ("OpportunityLineItem.Quantity", true, true, false, false),
        ("OpportunityLineItem.UnitPrice", true, true, true, false),
        ("Product2.ProductCode", true, true, true, false),
        ("Order.OrderNumber", false, false, false, true),
        ("Order.EffectiveDate", true, true, false, false),
        ("Contract.Status", true, true, false, true),
        ("Contract.EndDate", false, false, true, false),
        ("SBQQ__QuoteLine__c.SBQQ__ProductCode__c", false, false, true, false),
    ] {
        let (object, name) = field.split_once('.').unwrap();
        let describe = org.describe(object).await;
        let known = described(&describe, name);
        let said = ["createable", "updateable", "nillable", "defaultedOnCreate"]
            .map(|property| known[property] == json!(true));
        assert_eq!(said, [createable, updateable, nillable, defaulted], "{field}");
    }
    let describe = org.describe("SBQQ__QuoteLine__c").await;
    assert_eq!(described(&describe, "SBQQ__ProductCode__c")["calculated"], true);
    assert_eq!(
        described(&org.describe("Account").await, "M3ter_Account_Code__c")["externalId"],
        true
    );
}

#[tokio::test]
async fn numbers_are_kept_as_doubles_with_all_their_digits() {
    let org = Org::new().await;
    let path = format!("sobjects/OpportunityLineItem/{LINE}");
    // Longer than the field's scale, which is how it is shown and not how it is kept; then longer
    // than a double.
    for (written, kept) in [
        ("1800.77777778", "1800.77777778"),
        ("1300.561728396666626649382716", "1300.5617283966667"),
        ("1E-7", "0.0000001"),
    ] {
        let body = serde_json::from_str::<Json>(&format!("{{\"UnitPrice\":{written}}}")).unwrap();
        assert_eq!(org.ask(Method::PATCH, &path, Some(&body)).await.0, 204, "{written}");
        let stored =
            org.emulator.vendor().record("OpportunityLineItem", LINE).unwrap()["UnitPrice"].clone();
        assert_eq!(number(&stored), kept, "{written}");
        assert!(stored.to_string().len() <= 20, "{stored}");
    }
}
