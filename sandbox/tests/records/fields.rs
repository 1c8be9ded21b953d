//! Which fields a client may write, which it must, and what the org makes of them.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::org::Org;

pub(super) const ACCOUNT: &str = "001S900000RzsIUIAZ";
pub(super) const DEAL: &str = "006S900000795MMIAY";
pub(super) const LINE: &str = "00kS900000079M1IAI";
const PRODUCT: &str = "01tS90000000001IAA";
const ENTRY: &str = "01uS90000000001IAA";
pub(super) const STANDARD_BOOK: &str = "01sS90000000001IAA";
const USER: &str = "005S90000000001IAA";

/// The shortest spelling of the double that a number is.
pub(super) fn number(value: &Json) -> String {
    let number = value.as_number().unwrap_or_else(|| panic!("{value} is no number"));
    number.to_string().parse::<f64>().unwrap().to_string()
}

/// Asserts that a write is refused with a code that names a field.
pub(super) async fn assert_refused(
    org: &Org,
    method: Method,
    path: &str,
    fields: &Json,
    code: &str,
    field: &str,
) {
    let (status, body) = org.ask(method, path, Some(fields)).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!(code)), "{path} {fields}: {body}");
    if !field.is_empty() {
        assert_eq!(body[0]["fields"], json!([field]), "{path} {fields}");
    }
}

#[tokio::test]
async fn a_deal_is_created_as_in_an_org() {
    let org = Org::new().await;
    let account =
        org.create("Account", json!({ "Name": "New", "Industry": "Media", "Website": "https://new.example", "Type": "Other" })).await;
    let product =
        org.create("Product2", json!({ "Name": "Seats plus", "ProductCode": "SEATS_PLUS", "Family": "Software", "IsActive": true })).await;
    let price = json!({ "Pricebook2Id": STANDARD_BOOK, "Product2Id": product, "UnitPrice": 12.5, "IsActive": true });
    let entry = org.create("PricebookEntry", price).await;
    let deal = json!({ "Name": "New deal", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-01-31" });
    let deal = org.create("Opportunity", deal).await;
    let line = json!({ "OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 4, "UnitPrice": 12.5 });
    let line = org.create("OpportunityLineItem", line).await;

    let entry = org.record("PricebookEntry", &entry).await;
    assert_eq!(
        (&entry["Name"], &entry["ProductCode"]),
        (&json!("Seats plus"), &json!("SEATS_PLUS"))
    );
    let made = org.record("OpportunityLineItem", &line).await;
    for (field, value) in [
        ("Name", "New deal Seats plus"),
        ("ProductCode", "SEATS_PLUS"),
        ("Product2Id", &product),
        ("CurrencyIsoCode", "USD"),
    ] {
        assert_eq!(made[field], json!(value), "{field}");
    }
    assert_eq!([number(&made["ListPrice"]), number(&made["TotalPrice"])], ["12.5", "50"]);
    let stored = org.record("Opportunity", &deal).await;
    for (field, value) in [
        ("OwnerId", json!(USER)),
        ("CurrencyIsoCode", json!("USD")),
        ("Pricebook2Id", json!(STANDARD_BOOK)),
        ("IsWon", json!(false)),
        ("IsClosed", json!(false)),
        ("ForecastCategory", json!("Pipeline")),
        ("HasOpportunityLineItem", json!(true)),
    ] {
        assert_eq!(stored[field], value, "{field}");
    }
    assert_eq!([number(&stored["Amount"]), number(&stored["Probability"])], ["50", "10"]);

    // The amount is the lines' and no longer anybody's; the stage decides what is won.
    let won = json!({ "StageName": "Closed Won", "Amount": 7 });
    assert_eq!(
        org.ask(Method::PATCH, &format!("sobjects/Opportunity/{deal}"), Some(&won)).await.0,
        204
    );
    let twice = json!({ "Quantity": 8 });
    assert_eq!(
        org.ask(Method::PATCH, &format!("sobjects/OpportunityLineItem/{line}"), Some(&twice))
            .await
            .0,
        204
    );
    let stored = org.record("Opportunity", &deal).await;
    assert_eq!(
        (&stored["IsWon"], &stored["IsClosed"], number(&stored["Amount"])),
        (&json!(true), &json!(true), "100".to_owned())
    );
    let total = json!({ "TotalPrice": 40 });
    assert_eq!(
        org.ask(Method::PATCH, &format!("sobjects/OpportunityLineItem/{line}"), Some(&total))
            .await
            .0,
        204
    );
    assert_eq!(number(&org.record("OpportunityLineItem", &line).await["UnitPrice"]), "5");

    let code = json!({ "ProductCode": "SEATS_PLUS_2" });
    assert_eq!(
        org.ask(Method::PATCH, &format!("sobjects/Product2/{product}"), Some(&code)).await.0,
        204
    );
    assert_eq!(org.record("OpportunityLineItem", &line).await["ProductCode"], "SEATS_PLUS_2");
}

#[tokio::test]
async fn an_order_and_a_contract_are_created_as_in_an_org() {
    let org = Org::new().await;
    let contract = org
        .create(
            "Contract",
            json!({ "AccountId": ACCOUNT, "StartDate": "2026-01-31", "ContractTerm": 1 }),
        )
        .await;
    let stored = org.record("Contract", &contract).await;
    for (field, value) in [
        ("Status", "Draft"),
        ("StatusCode", "Draft"),
        ("EndDate", "2026-02-27"),
        ("ContractNumber", "00000302"),
    ] {
        assert_eq!(stored[field], json!(value), "{field}");
    }
    let order = json!({ "AccountId": ACCOUNT, "ContractId": contract, "Status": "Draft", "EffectiveDate": "2026-02-01", "Pricebook2Id": STANDARD_BOOK });
    let order = org.create("Order", order).await;
    let path = format!("sobjects/Order/{order}");
    assert_refused(
        &org,
        Method::PATCH,
        &path,
        &json!({ "Status": "Activated" }),
        "FAILED_ACTIVATION",
        "Status",
    )
    .await;
    let item =
        json!({ "OrderId": order, "PricebookEntryId": ENTRY, "Quantity": 3, "UnitPrice": 0.04 });
    let item = org.create("OrderItem", item.clone()).await;
    let made = org.record("OrderItem", &item).await;
    assert_eq!(
        (&made["Product2Id"], &made["ProductCode"], &made["OrderItemNumber"]),
        (&json!(PRODUCT), &json!("API_CALLS"), &json!("0000000203"))
    );
    assert_eq!([number(&made["ListPrice"]), number(&made["TotalPrice"])], ["0.05", "0.12"]);
    assert_eq!(org.ask(Method::PATCH, &path, Some(&json!({ "Status": "Activated" }))).await.0, 204);
    let stored = org.record("Order", &order).await;
    assert_eq!(
        (&stored["StatusCode"], &stored["OrderNumber"], number(&stored["TotalAmount"])),
        (&json!("Activated"), &json!("00000103"), "0.12".to_owned())
    );
    let another =
        json!({ "OrderId": order, "PricebookEntryId": ENTRY, "Quantity": 3, "UnitPrice": 0.04 });
    assert_refused(
        &org,
        Method::POST,
        "sobjects/OrderItem",
        &another,
        "FIELD_INTEGRITY_EXCEPTION",
        "OrderId",
    )
    .await;
}

#[tokio::test]
async fn only_users_with_the_permission_edit_an_activated_order() {
    let org = Org::new().await;
    let (order, line) =
        ("sobjects/Order/801S90000079ORDIA2", "sobjects/OrderItem/802S90000079OI1IAM");
    let written = [
        (order, json!({ "M3ter_Contract_Id__c": "x" })),
        (line, json!({ "M3ter_Plan_Id__c": "x" })),
    ];
    for (path, fields) in &written {
        assert_eq!(
            org.ask(Method::PATCH, path, Some(fields)).await.0,
            204,
            "the example's user has the permission"
        );
    }
    org.rules(json!({ "permissions": [] })).await;
    for (path, fields) in &written {
        assert_refused(&org, Method::PATCH, path, fields, "INSUFFICIENT_ACCESS_OR_READONLY", "")
            .await;
    }
    assert_refused(
        &org,
        Method::PATCH,
        order,
        &json!({ "Status": "Draft" }),
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "",
    )
    .await;
    org.rules(json!({ "permissions": ["ActivateOrder"] })).await;
    assert_eq!(org.ask(Method::PATCH, order, Some(&json!({ "Status": "Draft" }))).await.0, 204);
    for (path, fields) in &written {
        assert_eq!(
            org.ask(Method::PATCH, path, Some(fields)).await.0,
            204,
            "a draft is open to all"
        );
    }
}

#[tokio::test]
async fn a_new_record_needs_its_required_fields() {
    let org = Org::new().await;
    let full = [
        ("Account", json!({ "Name": "A" })),
        (
            "Opportunity",
            json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01" }),
        ),
        (
            "OpportunityLineItem",
            json!({ "OpportunityId": DEAL, "PricebookEntryId": ENTRY, "Quantity": 1, "UnitPrice": 1 }),
        ),
        (
            "Order",
            json!({ "AccountId": ACCOUNT, "Status": "Draft", "EffectiveDate": "2026-01-01" }),
        ),
        ("Contract", json!({ "AccountId": ACCOUNT })),
        ("Product2", json!({ "Name": "P" })),
        ("SBQQ__QuoteLine__c", json!({ "SBQQ__Quote__c": "a0QS90000079QUOMA2" })),
    ];
    for (object, fields) in full {
        for missing in fields.as_object().unwrap().keys() {
            let mut fields = fields.clone();
            fields.as_object_mut().unwrap().remove(missing);
            assert_refused(
                &org,
                Method::POST,
                &format!("sobjects/{object}"),
                &fields,
                "REQUIRED_FIELD_MISSING",
                missing,
            )
            .await;
            fields[missing] = Json::Null;
            assert_refused(
                &org,
                Method::POST,
                &format!("sobjects/{object}"),
                &fields,
                "REQUIRED_FIELD_MISSING",
                missing,
            )
            .await;
        }
        org.create(object, fields).await;
    }
}

#[tokio::test]
async fn what_an_org_would_not_accept_is_refused() {
    let org = Org::new().await;
    let line = |field: &str, value: Json| {
        let mut line = json!({ "OpportunityId": DEAL, "PricebookEntryId": ENTRY, "Quantity": 1, "UnitPrice": 1 });
        line[field] = value;
        ("OpportunityLineItem", line)
    };
    let account = |field: &str, value: Json| ("Account", json!({ "Name": "A", field: value }));
    let deal = |field: &str, value: Json| {
        (
            "Opportunity",
            json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", field: value }),
        )
    };
    for ((object, fields), code, field) in [
        (line("Name", json!("L")), "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        (
            line("CurrencyIsoCode", json!("USD")),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "CurrencyIsoCode",
        ),
        (line("ListPrice", json!(1)), "INVALID_FIELD_FOR_INSERT_UPDATE", "ListPrice"),
        (line("TotalPrice", json!(1)), "FIELD_INTEGRITY_EXCEPTION", "TotalPrice"),
        (
            line("Product2Id", json!("01tS90000000002IAA")),
            "FIELD_INTEGRITY_EXCEPTION",
            "PricebookEntryId",
        ),
        (
            line("OpportunityId", json!("006S90000079EURIA2")),
            "FIELD_INTEGRITY_EXCEPTION",
            "PricebookEntryId",
        ),
        (line("OpportunityId", json!(ACCOUNT)), "MALFORMED_ID", "OpportunityId"),
        (line("OpportunityId", json!("006S90000079DELIA2")), "ENTITY_IS_DELETED", "OpportunityId"),
        (
            line("OpportunityId", json!("006S90000079HIDIA2")),
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "OpportunityId",
        ),
        (line("OpportunityId", json!("006S90000000001AAA")), "MALFORMED_ID", "OpportunityId"),
        (
            line("OpportunityId", json!("006S90000000001")),
            "INVALID_CROSS_REFERENCE_KEY",
            "OpportunityId",
        ),
        (
            line("M3ter_Pricing_Type__c", json!("Other")),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "M3ter_Pricing_Type__c",
        ),
        (line("Quantity", json!("one")), "JSON_PARSER_ERROR", "Quantity"),
        (line("Quantity", json!(1.0e10)), "NUMBER_OUTSIDE_VALID_RANGE", "Quantity"),
        (deal("IsWon", json!(true)), "INVALID_FIELD_FOR_INSERT_UPDATE", "IsWon"),
        (
            deal("CreatedDate", json!("2020-01-01T00:00:00Z")),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "CreatedDate",
        ),
        (
            deal("CurrencyIsoCode", json!("CHF")),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "CurrencyIsoCode",
        ),
        (deal("Name", json!("N".repeat(121))), "STRING_TOO_LONG", "Name"),
        (deal("Nothing__c", json!(1)), "INVALID_FIELD", "Nothing__c"),
        (
            account("M3ter_Billing_Email__c", json!("a@b.example; c@d.example")),
            "INVALID_EMAIL_ADDRESS",
            "M3ter_Billing_Email__c",
        ),
        (
            account("M3ter_Billing_Email__c", json!("a.b.example")),
            "INVALID_EMAIL_ADDRESS",
            "M3ter_Billing_Email__c",
        ),
        (account("ParentId", json!("nobody")), "MALFORMED_ID", "ParentId"),
        (
            (
                "Order",
                json!({ "AccountId": ACCOUNT, "Status": "Activated", "EffectiveDate": "2026-01-01" }),
            ),
            "FAILED_ACTIVATION",
            "Status",
        ),
        (
            ("Contract", json!({ "AccountId": ACCOUNT, "EndDate": "2026-01-01" })),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "EndDate",
        ),
    ] {
        assert_refused(&org, Method::POST, &format!("sobjects/{object}"), &fields, code, field)
            .await;
    }
    for (object, id, fields, code, field) in [
        ("Opportunity", DEAL, json!({ "StageName": null }), "REQUIRED_FIELD_MISSING", "StageName"),
        (
            "Opportunity",
            DEAL,
            json!({ "CurrencyIsoCode": null }),
            "REQUIRED_FIELD_MISSING",
            "CurrencyIsoCode",
        ),
        (
            "OpportunityLineItem",
            LINE,
            json!({ "OpportunityId": DEAL }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "OpportunityId",
        ),
        (
            "OpportunityLineItem",
            LINE,
            json!({ "PricebookEntryId": ENTRY }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "PricebookEntryId",
        ),
        (
            "Account",
            ACCOUNT,
            json!({ "MasterRecordId": ACCOUNT }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "MasterRecordId",
        ),
    ] {
        assert_refused(
            &org,
            Method::PATCH,
            &format!("sobjects/{object}/{id}"),
            &fields,
            code,
            field,
        )
        .await;
    }
    // 15 characters name the same record, and what a picklist does not list is taken where it is
    // not restricted.
    let account = org
        .create(
            "Account",
            json!({ "Name": "A", "ParentId": &ACCOUNT[..15], "Industry": "Something else" }),
        )
        .await;
    assert_eq!(org.record("Account", &account).await["ParentId"], ACCOUNT);
}

#[tokio::test]
async fn an_id_is_given_by_the_org_alone() {
    let org = Org::new().await;
    let (object, code) = ("sobjects/Account", "INVALID_FIELD_FOR_INSERT_UPDATE");
    for id in ["Id", "id"] {
        let fields = json!({ "Name": "A", id: "001S90000099999IAA" });
        assert_refused(&org, Method::POST, object, &fields, code, "Id").await;
    }
    let records = json!({ "records": [{ "attributes": { "type": "Account", "referenceId": "one" }, "Name": "A", "Id": ACCOUNT }] });
    let (_, rows) = org.ask(Method::POST, "composite/sobjects", Some(&records)).await;
    assert_eq!(rows[0]["errors"][0]["statusCode"], code, "{rows}");
    let (_, tree) = org.ask(Method::POST, "composite/tree/Account", Some(&records)).await;
    assert_eq!(tree["results"][0]["errors"][0]["statusCode"], code, "{tree}");
    // A blank one is none.
    org.create("Account", json!({ "Name": "A", "Id": null })).await;

    // The path says which record it is, and only it.
    let fields = json!({ "Id": ACCOUNT, "BillingCity": "Rome" });
    let path = format!("sobjects/Account/{ACCOUNT}");
    assert_refused(&org, Method::PATCH, &path, &fields, "INVALID_FIELD", "").await;
    let path = "sobjects/Account/M3ter_Account_Code__c/NEW";
    assert_refused(&org, Method::PATCH, path, &fields, "INVALID_FIELD", "").await;
    let unknown = "INVALID_CROSS_REFERENCE_KEY";
    let path = "sobjects/Account/Id/001S90000099999";
    assert_refused(&org, Method::PATCH, path, &json!({ "Name": "A" }), unknown, "").await;
    let records = json!({ "records": [{ "attributes": { "type": "Account" }, "Name": "A", "Id": "001S90000099999" }] });
    let (_, rows) = org.ask(Method::PATCH, "composite/sobjects/Account/Id", Some(&records)).await;
    assert_eq!(rows[0]["errors"][0]["statusCode"], unknown, "{rows}");
}

#[tokio::test]
async fn all_fields_that_nobody_may_write_are_named_together() {
    let org = Org::new().await;
    let fields = json!({ "CreatedDate": "2020-01-01T00:00:00Z", "IsDeleted": true, "Amount": "x", "IsWon": true });
    let path = format!("sobjects/Opportunity/{DEAL}");
    let (status, body) = org.ask(Method::PATCH, &path, Some(&fields)).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_FIELD_FOR_INSERT_UPDATE")));
    let mut named: Vec<&str> =
        body[0]["fields"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["CreatedDate", "IsDeleted", "IsWon"], "{body}");
}

#[tokio::test]
async fn what_clients_do_not_make_is_not_createable() {
    let org = Org::new().await;
    for object in ["Organization", "OpportunityStage", "M3ter_Sync_Setting__mdt"] {
        let (path, code) = (format!("sobjects/{object}"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
        assert_refused(&org, Method::POST, &path, &json!({ "Name": "A" }), code, "").await;
        let (_, described) = org.ask(Method::GET, &format!("{path}/describe"), None).await;
        assert_eq!(described["createable"], json!(false), "{object}");
    }
}
