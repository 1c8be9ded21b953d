//! How Commitments are billed is money, and nobody's guess.

use serde_json::json;
use sync_to_m3ter::domain::settings::CommitmentBilling;

use crate::support::*;

async fn unstated() -> World {
    World::with_config(|config| config.commitment_billing = None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_waits_until_somebody_says_how_it_is_billed_and_the_rest_of_the_deal_goes_on()
{
    let mut world = unstated().await;
    for result in [world.dry_run(DEAL).await, world.sync(DEAL).await] {
        assert_eq!(
            (&result["syncStatus"], &result["counts"]["failed"]),
            (&json!("Partial Success"), &json!(1)),
            "{result:#}"
        );
        let commitment = object_result(&result, "Commitment");
        assert_eq!(commitment["findingCode"], "COMMITMENT_BILLING_NOT_STATED");
        let (message, remedy) =
            (commitment["message"].as_str().unwrap(), commitment["remedy"].as_str().unwrap());
        for word in ["paid_outside", "billed_by_plan", "12000 USD"] {
            assert!(message.contains(word), "{message}");
        }
        assert!(
            remedy.contains("COMMITMENT_BILLING")
                && remedy.contains("begins with `extends = \"Opportunity\"`"),
            "{remedy}"
        );
    }
    assert_eq!(world.objects("accountplans").iter().filter(|plan| plan["code"] == LINE).count(), 1);
    world
        .reconfigure(|config| config.commitment_billing = Some(CommitmentBilling::PaidOutside))
        .await;
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&object_result(&result, "Commitment")["action"], &result["warnings"]),
        (&json!("created"), &json!([])),
        "{result:#}"
    );

    // What was made continues as it did, also when nobody says it any more, and so do new ones of
    // this kind of record, and of no other.
    world.reconfigure(|config| config.commitment_billing = None).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 13000}));
    for (deal, action) in [(DEAL, "updated"), (FIVE_LINES, "created")] {
        let result = world.sync(deal).await;
        assert_eq!(object_result(&result, "Commitment")["action"], action, "{result:#}");
        assert!(
            result["attention"].to_string().contains("COMMITMENT_BILLING_NOT_STATED"),
            "{result:#}"
        );
    }
    let order = world.sync("801S90000079ORDIA2").await;
    assert_eq!(
        object_result(&order, "Commitment")["findingCode"],
        "COMMITMENT_BILLING_NOT_STATED",
        "{order:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_wins_over_the_configuration_and_its_payment_fields_are_a_statement() {
    let billed =
        ("# commitment_billing = \"paid_outside\"", "commitment_billing = \"billed_by_plan\"");
    let world = World::with_mapping(Some(&[billed])).await;
    world.sync(DEAL).await;
    assert!(
        world
            .objects("commitments")
            .iter()
            .any(|commitment| commitment.contains_key("billingPlanId"))
    );
    world.end().await;

    let field = (
        "overageSurchargePercent = { field",
        "amountPrePaid = { value = 0 }\noverageSurchargePercent = { field",
    );
    let mut world = World::with_mapping(Some(&[field])).await;
    world.reconfigure(|config| config.commitment_billing = None).await;
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&object_result(&result, "Commitment")["action"], &result["attention"]),
        (&json!("created"), &json!([])),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_that_the_database_has_forgotten_is_not_changed_by_a_guess() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    let before = world.objects("commitments");
    world.lose_the_database().await;
    world.reconfigure(|config| config.commitment_billing = None).await;
    world.lose_the_database().await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 13000}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        object_result(&result, "Commitment")["findingCode"],
        "COMMITMENT_BILLING_NOT_STATED",
        "{result:#}"
    );
    assert_eq!(world.objects("commitments"), before);
}
