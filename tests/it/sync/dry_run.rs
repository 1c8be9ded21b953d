//! A dry run that one would show a colleague: as JSON, and as the report of the terminal.

use serde_json::{Value as Json, json};
use sync_to_m3ter::command::report::report;
use sync_to_m3ter::domain::answer::SyncResult;

use crate::support::*;

/// The report, without the ids that m3ter made up.
fn shown(result: &Json) -> String {
    let mut result = serde_json::from_value::<SyncResult>(result.clone()).unwrap();
    assert!(
        result
            .plan_hash
            .take()
            .is_some_and(|plan| report(&result).lines().all(|line| !line.contains(&plan)))
    );
    let text = report(&result);
    let mut parts = text.split("(m3ter ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| format!("{text}(m3ter …{}", &part[36..]))
}

/// A world whose first deal ends long after the test runs.
async fn world() -> World {
    let world = World::new().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2099-12-31"}));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_deal_shows_every_value_and_where_it_comes_from() {
    let world = world().await;
    let result = world.dry_run(DEAL).await;
    insta::assert_snapshot!(shown(&result), @r#"
    Account of 001S900000RzsIUIAZ: would be created
        address            1 Main Street, Building 7, Springfield, Oregon, 97475, United States  Account.BillingStreet
        code               001S900000RzsIUIAZ    Account.Id
        currency           USD                   Opportunity.CurrencyIsoCode
        daysBeforeBillDue  30                    Account.M3ter_Payment_Terms_Days__c
        emailAddress       billing@acme.example  Account.M3ter_Billing_Email__c
        name               Acme Corporation      Account.Name

    Contract of 006S900000795MMIAY: would be created
        accountId            the Account of 001S900000RzsIUIAZ  Account of this sync
        code                 006S900000795MMIAY                 Opportunity.Id
        endDate              2100-01-01                         Opportunity.End_Date__c
        name                 Acme - API platform 2026           Opportunity.Name
        purchaseOrderNumber  PO-2026-001                        Opportunity.M3ter_PO_Number__c
        startDate            2026-01-01                         Opportunity.CloseDate

    Commitment of 006S900000795MMIAY: would be created
        accountId      the Account of 001S900000RzsIUIAZ   Account of this sync
        amount         12000                               Opportunity.M3ter_Commitment_Amount__c
        contractId     the Contract of 006S900000795MMIAY  Contract of this sync
        currency       USD                                 Opportunity.CurrencyIsoCode
        endDate        2100-01-01                          Opportunity.End_Date__c
        startDate      2026-01-01                          Opportunity.CloseDate
        amountPrePaid  12000                               Opportunity.M3ter_Commitment_Amount__c

    Plan of 00kS900000079M1IAI: would be created
        accountId       the Account of 001S900000RzsIUIAZ     Account of this sync
        bespoke         true                                  constant
        code            00kS900000079M1IAI                    OpportunityLineItem.Id
        name            API calls                             Product2.Name
        planTemplateId  00000400-0000-4000-8000-000000000000  Product2.ProductCode

    Pricing of 00kS900000079M1IAI: would be created
        aggregationId  00000300-0000-4000-8000-000000000000  Product2.ProductCode
        code           00kS900000079M1IAI                    OpportunityLineItem.Id
        planId         the Plan of 00kS900000079M1IAI        Plan of this sync
        pricingBands   [from 0: 0.05]                        OpportunityLineItem.UnitPrice
        startDate      2026-01-01T00:00:00Z                  Opportunity.CloseDate
        tiersSpanPlan  false                                 constant
        type           DEBIT                                 constant
        cumulative     false                                 one band

    AccountPlan of 00kS900000079M1IAI: would be created
        accountId   the Account of 001S900000RzsIUIAZ   Account of this sync
        code        00kS900000079M1IAI                  OpportunityLineItem.Id
        contractId  the Contract of 006S900000795MMIAY  Contract of this sync
        endDate     2100-01-01T00:00:00Z                Opportunity.End_Date__c
        planId      the Plan of 00kS900000079M1IAI      Plan of this sync
        startDate   2026-01-01T00:00:00Z                Opportunity.CloseDate

    Completed: Sync process completed successfully
    Dry run: 6 to create; nothing was written.
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_an_object_are_there_as_json() {
    let world = world().await;
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 15000.0}));
    let result = world.dry_run(DEAL).await;
    let commitment = object_result(&result, "Commitment");
    insta::assert_snapshot!(format!("{:#}", json!([commitment["message"], commitment["changes"]])), @r#"
    [
      "Would be updated: amount 12000 → 15000, amountPrePaid 12000 → 15000",
      [
        {
          "field": "amount",
          "newValue": "15000",
          "oldValue": "12000",
          "source": "Opportunity.M3ter_Commitment_Amount__c"
        },
        {
          "field": "amountPrePaid",
          "newValue": "15000",
          "oldValue": "12000",
          "source": "Opportunity.M3ter_Commitment_Amount__c"
        }
      ]
    ]
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_deal_shows_old_and_new() {
    let world = world().await;
    world.sync(DEAL).await;
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({"M3ter_Commitment_Amount__c": 15000.0, "End_Date__c": "2026-06-30"}),
    );
    world.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": 0.06}));
    let result = world.dry_run(DEAL).await;
    insta::assert_snapshot!(shown(&result), @r#"
    Account of 001S900000RzsIUIAZ (m3ter …): unchanged

    Contract of 006S900000795MMIAY (m3ter …): would be updated
        endDate  2100-01-01 → 2026-07-01  Opportunity.End_Date__c
        ! The end moved into the past (2026-07-01); usage after it may already have been billed

    Commitment of 006S900000795MMIAY (m3ter …): would be updated
        amount         12000 → 15000            Opportunity.M3ter_Commitment_Amount__c
        endDate        2100-01-01 → 2026-07-01  Opportunity.End_Date__c
        amountPrePaid  12000 → 15000            Opportunity.M3ter_Commitment_Amount__c
        ! The end moved into the past (2026-07-01); usage after it may already have been billed

    Plan of 00kS900000079M1IAI (m3ter …): unchanged

    Pricing of 00kS900000079M1IAI (m3ter …): would be updated
        pricingBands  [from 0: 0.05] → [from 0: 0.06]  OpportunityLineItem.UnitPrice
        ! The price has applied since 2026-01-01T00:00:00Z and was changed for all usage since then: pricingBands [from 0: 0.05] → [from 0: 0.06]

    AccountPlan of 00kS900000079M1IAI (m3ter …): would be updated
        endDate  2100-01-01T00:00:00Z → 2026-07-01T00:00:00Z  Opportunity.End_Date__c
        ! The end moved into the past (2026-07-01T00:00:00Z); usage after it may already have been billed

    Completed: Sync process completed successfully
    Dry run: 4 to update, 2 unchanged; nothing was written.
    To look at: DATE_IN_PAST, PRICE_CHANGED_IN_PLACE.
    "#);
    assert!(
        world.m3ter_writes().iter().all(|write| write.method == "POST"),
        "the sync created, the dry run wrote nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicted_overlap_says_whose_object_it_is() {
    let world = World::new().await;
    let foreseen = world.dry_run(SECOND_SAMPLE).await;
    let account_plan = object_result(&foreseen, "AccountPlan");
    insta::assert_snapshot!(account_plan["message"].as_str().unwrap(), @"Would fail: AccountPlan would overlap with AccountPlan 544ecdae-54a5-4654-b0fb-b503a7ed58b2 for the same product 21e063b6-2350-4add-a028-3e6ad5b233ed");
    assert_fields!(foreseen, { "syncStatus": "Partial Success", "success": false }, "{foreseen:#}");
    // Among which Commitments m3ter refuses it does not say.
    let commitment = object_result(&foreseen, "Commitment");
    assert_fields!(commitment, { "success": true, "action": "created" }, "{commitment:#}");
    assert_eq!(
        commitment["warnings"].as_array().unwrap().last().unwrap(),
        "The Commitment 293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e, not made by a sync of this service, runs until 2027-01-01: m3ter may refuse this one"
    );
    assert_eq!(
        foreseen["attention"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|code| **code == "OVERLAP_FORESEEN")
            .count(),
        1,
        "{foreseen:#}"
    );
    let shown = shown(&foreseen);
    assert!(
        shown.contains("would fail") && shown.contains("1 would fail; nothing was written"),
        "{shown}"
    );
    assert!(shown.contains("Would fail: AccountPlan would overlap"), "{shown}");
    // And so it is.
    let result = world.sync(SECOND_SAMPLE).await;
    let refused = object_result(&result, "AccountPlan");
    assert_fields!(refused, {
        "findingCode": account_plan["findingCode"],
        "remedy": account_plan["remedy"],
    }, "{refused:#}");
    assert_eq!(refused["findingCode"], "ACCOUNT_PLAN_OVERLAP");
    assert_eq!(
        format!("Would fail: {}", refused["message"].as_str().unwrap()),
        account_plan["message"].as_str().unwrap()
    );
    assert_eq!(object_result(&result, "Commitment")["findingCode"], "COMMITMENT_OVERLAP");
    let remedy = object_result(&result, "Commitment")["remedy"].as_str().unwrap();
    assert!(remedy.contains("`Opportunity.CloseDate` (`startDate` 2026-02-01)"), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_of_a_commitment_that_nothing_draws_down_are_predicted_as_well() {
    let world = World::new().await;
    world.org.vendor().update(
        "OpportunityLineItem",
        "00kS9000001Nxy5IAC",
        &json!({"M3ter_Skip_Account_Plan__c": true}),
    );
    let foreseen = world.dry_run(SECOND_SAMPLE).await;
    let told = object_result(&foreseen, "Commitment")["warnings"].to_string();
    assert!(told.contains("Nothing draws the Commitment down"), "{told}");
    assert!(told.contains("m3ter may refuse this one"), "{told}");
    let result = world.sync(SECOND_SAMPLE).await;
    assert_eq!(object_result(&result, "Commitment")["findingCode"], "COMMITMENT_OVERLAP");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_that_the_mapping_resolves_is_predicted_too() {
    let replace = (
        "[account_plan]\nrows = \"lines\"\noverlap = \"report\"",
        "[account_plan]\nrows = \"lines\"\noverlap = \"replace_any\"",
    );
    let world = World::with_mapping(Some(&[replace])).await;
    let result = world.dry_run(SECOND_SAMPLE).await;
    let warnings = object_result(&result, "AccountPlan")["warnings"].to_string();
    assert!(warnings.contains("it would end when this one begins"), "{warnings}");
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_that_nothing_draws_down_and_a_past_end_are_warnings() {
    let world = world().await;
    world.org.vendor().update(
        "OpportunityLineItem",
        LINE,
        &json!({"M3ter_Skip_Account_Plan__c": true}),
    );
    let drawn = object_result(&world.dry_run(DEAL).await, "Commitment")["warnings"].to_string();
    assert!(drawn.contains("Nothing draws the Commitment down"), "{drawn}");
    world.org.vendor().update("Opportunity", DEAL, &json!({"End_Date__c": "2026-01-31"}));
    let ended = object_result(&world.dry_run(DEAL).await, "Contract")["warnings"].to_string();
    assert!(ended.contains("It would end in the past (2026-02-01)"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_salesforce_field_that_m3ter_s_words_are_about() {
    let world = world().await;
    world.fault(
        "POST",
        "/accounts",
        sync_to_m3ter_sandbox::control::FaultKind::Status {
            status: 400,
            retry_after: None,
            message: Some("emailAddress must be a well-formed email address".to_owned()),
        },
    );
    let result = world.sync(DEAL).await;
    let account = object_result(&result, "Account");
    assert_eq!(account["findingCode"], "REFUSED_BY_M3TER");
    assert_eq!(
        account["remedy"],
        "Correct `Account.M3ter_Billing_Email__c` (`emailAddress`), then sync again"
    );
}
