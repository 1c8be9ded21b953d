//! One deal from Salesforce to m3ter, as the action page shows it.

use serde_json::{Value as Json, json};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sample_is_a_completed_sync_of_six_objects() {
    let world = World::new().await;
    let result = world.sync(DEAL).await;
    assert_fields!(result, {
        "success": true,
        "syncStatus": "Completed",
        "message": "Sync process completed successfully",
    });
    let rows: Vec<(&str, &str)> = result["objectResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["objectName"].as_str().unwrap(), o["salesforceId"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("Account", ACCOUNT),
            ("Contract", DEAL),
            ("Commitment", DEAL),
            ("Plan", LINE),
            ("Pricing", LINE),
            ("AccountPlan", LINE)
        ]
    );
    let account = world.object("accounts", "code", ACCOUNT);
    let line = format!(
        "Object: Account, Success: true, Message: m3ter Identifier: {}, Salesforce ID: {ACCOUNT}",
        account["id"].as_str().unwrap()
    );
    assert_eq!(result["concatenatedResults"].as_str().unwrap().lines().next(), Some(line.as_str()));
    assert_fields!(result, { "parentRecordId": DEAL, "dryRun": false });
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_m3ter_is_as_the_mapping_says() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let (account, contract) =
        (world.object("accounts", "code", ACCOUNT), world.object("contracts", "code", DEAL));
    let (plan, pricing, account_plan) = (
        world.object("plans", "code", LINE),
        world.object("pricings", "code", LINE),
        world.object("accountplans", "code", LINE),
    );
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    assert_eq!(
        account["address"],
        json!({"addressLine1": "1 Main Street", "addressLine2": "Building 7", "locality": "Springfield", "region": "Oregon", "postCode": "97475", "country": "United States"})
    );
    assert_fields!(account, { "daysBeforeBillDue": 30, "currency": "USD" });
    // The last day of service is part of the term; m3ter's end is not.
    assert_fields!(contract, {
        "startDate": "2026-01-01",
        "endDate": "2027-01-01",
        "purchaseOrderNumber": "PO-2026-001",
    });
    assert_eq!(
        (commitment["amount"].to_string(), commitment["amountPrePaid"].to_string()),
        ("12000".to_owned(), "12000".to_owned())
    );
    assert_fields!(commitment, {
        "accountId": account["id"],
        "currency": "USD",
        "endDate": "2027-01-01",
    });
    assert_fields!(plan, { "bespoke": true, "accountId": account["id"], "name": "API calls" });
    assert_fields!(pricing, { "planId": plan["id"], "cumulative": false, "type": "DEBIT" });
    let band = &pricing["pricingBands"][0];
    assert_eq!(
        (
            band["lowerLimit"].to_string(),
            band["unitPrice"].to_string(),
            band["fixedPrice"].to_string()
        ),
        ("0".to_owned(), "0.05".to_owned(), "0".to_owned())
    );
    assert_fields!(account_plan, { "contractId": contract["id"], "planId": plan["id"] });
    assert_fields!(account_plan, {
        "startDate": "2026-01-01T00:00:00Z",
        "endDate": "2027-01-01T00:00:00Z",
    });
    assert!(
        !pricing.contains_key("planTemplateId")
            && !pricing.contains_key("minimumSpendBillInAdvance")
            && !plan.contains_key("ordinal")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_are_written_back_to_salesforce() {
    let world = World::new().await;
    let result = world.sync(DEAL).await;
    let id = |name: &str| object_result(&result, name)["m3terId"].clone();
    let (account, deal, line) = (
        world.org.vendor().record("Account", ACCOUNT).unwrap(),
        world.org.vendor().record("Opportunity", DEAL).unwrap(),
        world.org.vendor().record("OpportunityLineItem", LINE).unwrap(),
    );
    assert_eq!(account["M3ter_Account_Id__c"], id("Account"));
    assert_eq!(
        (&deal["M3ter_Contract_Id__c"], &deal["M3ter_Commitment_Id__c"]),
        (&id("Contract"), &id("Commitment"))
    );
    assert_eq!(
        (
            &line["M3ter_Plan_Id__c"],
            &line["M3ter_Pricing_Id__c"],
            &line["M3ter_Account_Plan_Id__c"]
        ),
        (&id("Plan"), &id("Pricing"), &id("AccountPlan"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_sync_writes_nothing() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.organization.clear_requests();
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_all(&result, "unchanged");
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    assert!(
        world.org.requests().iter().all(|request| request.method == "GET"),
        "{:?}",
        world.org.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_sync_writes_nothing_when_nothing_is_remembered() {
    let mut world = World::new().await;
    world.sync(FIVE_LINES).await;
    world.lose_the_database().await;
    world.organization.clear_requests();
    assert_all(&world.sync(FIVE_LINES).await, "unchanged");
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_sample_is_a_partial_success_with_the_page_s_messages() {
    let world = World::new().await;
    let result = world.sync(SECOND_SAMPLE).await;
    assert_fields!(result, {
        "success": false,
        "syncStatus": "Partial Success",
        "message": "Sync process completed successfully",
    });
    let expected = "\
Object: Account, Success: true, Message: m3ter Identifier: d82738f3-d1d7-4a13-94a2-757658d64948, Salesforce ID: 001S900000RzsIVIAZ
Object: Contract, Success: true, Message: m3ter Identifier: 83df45e7-78ea-4211-8d12-6220b7c7ca86, Salesforce ID: 006S900000795MNIAY
Object: Commitment, Success: false, Message: Commitment would overlap with existing Commitment 293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e, Salesforce ID: 006S900000795MNIAY
Object: Plan, Success: false, Message: The object plans for the record 00kS9000001Nxy5IAC was flagged to not sync., Salesforce ID: 00kS9000001Nxy5IAC
Object: Pricing, Success: false, Message: The object pricings for the record 00kS9000001Nxy5IAC was flagged to not sync., Salesforce ID: 00kS9000001Nxy5IAC
Object: AccountPlan, Success: false, Message: AccountPlan would overlap with AccountPlan 544ecdae-54a5-4654-b0fb-b503a7ed58b2 for the same product 21e063b6-2350-4add-a028-3e6ad5b233ed, Salesforce ID: 00kS9000001Nxy5IAC";
    assert_eq!(result["concatenatedResults"], expected);
    let remedy = object_result(&result, "Commitment")["remedy"].as_str().unwrap();
    assert!(remedy.contains("293b2bca") && remedy.contains("not made by a sync"), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_lines_arrive_with_their_tiers_to_the_last_digit() {
    let world = World::new().await;
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(result["objectResults"].as_array().unwrap().len(), 3 + 3 * 5);
    let bands = |code: &str| {
        let pricing = world.object("pricings", "code", code);
        let bands = pricing["pricingBands"].as_array().unwrap().iter();
        let texts: Vec<String> = bands
            .map(|band| {
                format!("{} {} {}", band["lowerLimit"], band["unitPrice"], band["fixedPrice"])
            })
            .collect();
        (pricing["cumulative"].as_bool().unwrap(), texts.join(", "))
    };
    assert_eq!(
        bands("00kS900000079F1IAI"),
        (true, "0 0.05 0, 1000000 0.04 0, 10000000 0.03 0".to_owned())
    );
    assert_eq!(bands("00kS900000079F2IAI"), (false, "0 0.1 25, 500 0.08 25".to_owned()));
    assert_eq!(bands("00kS900000079F4IAI"), (false, "0 0.0000012345 0".to_owned()));
    assert_eq!(bands("00kS900000079F5IAI"), (false, "0 135 0".to_owned()));
    let plan = world.object("plans", "code", "00kS900000079F3IAI");
    assert_eq!(
        (plan["standingCharge"].to_string(), plan["minimumSpend"].to_string()),
        ("250".to_owned(), "500".to_owned())
    );
    let commitment = world
        .objects("commitments")
        .into_iter()
        .find(|commitment| commitment.contains_key("overageSurchargePercent"))
        .unwrap();
    assert_eq!(commitment["overageSurchargePercent"], json!(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_every_field_and_writes_nothing() {
    let world = World::new().await;
    let before = world.objects("accounts").len();
    let result = world.dry_run(DEAL).await;
    assert_all(&result, "created");
    assert_eq!(result["dryRun"], true);
    let commitment = object_result(&result, "Commitment");
    assert_eq!(commitment["message"], "Would be created");
    let amount = commitment["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["field"] == "amount")
        .unwrap();
    assert_fields!(amount, {
        "newValue": "12000",
        "source": "Opportunity.M3ter_Commitment_Amount__c",
    });
    assert!(world.m3ter_writes().is_empty());
    assert!(world.org.requests().iter().all(|request| request.method != "PATCH"));
    assert_eq!(world.objects("accounts").len(), before);
    // What is there afterwards was made by the sync, and a further dry run sees it.
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 15000.0}));
    let result = world.dry_run(DEAL).await;
    let message = object_result(&result, "Commitment")["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "Would be updated: amount 12000 → 15000, amountPrePaid 12000 → 15000");
    assert_eq!(object_result(&result, "Account")["message"], "Unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_a_plan_template_fails_its_line_only() {
    let world = World::new().await;
    let result = world.sync(WITHOUT_TEMPLATE).await;
    assert_eq!(result["syncStatus"], "Partial Success");
    assert_eq!(
        actions(&result),
        [
            "Account created",
            "Contract created",
            "Commitment created",
            "Plan failed",
            "Pricing failed",
            "AccountPlan failed"
        ]
    );
    let plan = object_result(&result, "Plan");
    assert_eq!(plan["findingCode"], "CODE_NOT_FOUND");
    assert_eq!(
        plan["message"],
        "m3ter has no plan template with the code `NO_TEMPLATE` from `Product2.ProductCode`"
    );
    assert_eq!(
        object_result(&result, "AccountPlan")["message"],
        "Not attempted because Plan failed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_in_another_currency_than_its_template_is_refused_before_any_write() {
    let world = World::new().await;
    let result = world.sync(IN_EURO).await;
    assert_eq!(result["syncStatus"], "Partial Success");
    for name in ["Commitment", "Plan", "Pricing", "AccountPlan"] {
        assert_eq!(object_result(&result, name)["findingCode"], "CURRENCY_MISMATCH", "{result:#}");
    }
    let written: Vec<String> =
        world.m3ter_writes().into_iter().map(|request| request.path).collect();
    assert_eq!(written, ["/accounts", "/contracts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_in_the_path_gives_one_result() {
    let world = World::new().await;
    for body in ["", "{}", "null", "  "] {
        let request = world
            .client()
            .post(world.url(&format!("/sync-to-m3ter/{DEAL}?dryRun=true")))
            .body(body);
        let (status, text) = world.send(request).await;
        let result: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &result["syncStatus"]), (200, &json!("Completed")), "{body:?}: {text}");
    }
    let short = DEAL.get(..15).unwrap();
    let (status, result) = world.post(&format!("/sync-to-m3ter/{short}"), "{}").await;
    assert_eq!((status, &result["parentRecordId"]), (200, &json!(DEAL)));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_not_metered_are_left_out() {
    let world = World::new().await;
    let product = world.org.vendor().record("OpportunityLineItem", LINE).unwrap()["Product2Id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.org.vendor().update("Product2", &product, &json!({"M3ter_Not_Metered__c": true}));
    let result = world.sync(DEAL).await;
    assert_eq!(actions(&result), ["Account created", "Contract created", "Commitment created"]);
    assert_eq!(
        result["warnings"],
        json!([
            "The Opportunity has no lines to bill: nothing will be billed, and nothing will draw down the commitment"
        ])
    );
}
