//! What the connector's samples would do wrong, one test for each: the built-in mappings bill
//! right.

use serde_json::{Map, Value as Json, json};

use crate::mapping::built_in::bands;
use crate::support::*;

const ORDER: &str = "801S90000079ORDIA2";
const CONTRACT: &str = "800S90000079CONIA2";
const QUOTE: &str = "a0QS90000079QUOMA2";
/// A record of each root that has lines.
const ROOTS: [&str; 4] = [FIVE_LINES, ORDER, CONTRACT, QUOTE];
/// A field that no sync of the built-in mappings sends, with the objects that it belongs to.
type Unsent = (&'static str, &'static [&'static str]);

/// A world in which the records of all roots were synced.
async fn world() -> World {
    let world = World::new().await;
    // What a sales person writes for colleagues.
    let notes = json!({"Description": "Ask for Jane, she is leaving", "NextStep": "squeeze them", "Probability": 100});
    world.org.vendor().update("Opportunity", FIVE_LINES, &notes);
    for record in ROOTS {
        let result = world.sync(record).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    }
    world
}

/// What the syncs created or changed, by kind.
fn written(world: &World, kind: &str) -> Vec<Map<String, Json>> {
    let path = format!("/{kind}");
    let writes = world
        .m3ter_writes()
        .into_iter()
        .filter(|write| write.path == path && write.method == "POST");
    let bodies: Vec<_> = writes.map(|write| write.body.as_object().cloned().unwrap()).collect();
    assert!(!bodies.is_empty(), "no {kind} were written");
    bodies
}

fn assert_unsent(world: &World, unsent: &[Unsent]) {
    for (field, kinds) in unsent {
        for body in kinds.iter().flat_map(|kind| written(world, kind)) {
            assert!(!body.contains_key(*field), "{field} was sent: {body:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_billed_per_unit_and_not_as_a_fee_beside_it() {
    let world = world().await;
    for pricing in written(&world, "pricings") {
        for band in pricing["pricingBands"].as_array().unwrap() {
            let is_both = band["fixedPrice"] == band["unitPrice"] && band["fixedPrice"] != json!(0);
            assert!(!is_both, "{pricing:?}");
        }
    }
    assert_eq!(
        bands(&world.object("pricings", "code", "00kS900000079F3IAI"), "pricingBands"),
        ["0 20 0"]
    );
    assert_eq!(
        bands(&world.object("pricings", "code", "802S90000079OI1IAM"), "pricingBands"),
        ["0 0.04 0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_the_line_s_own_and_never_that_of_the_shared_template() {
    let world = world().await;
    assert_unsent(&world, &[("planTemplateId", &["pricings"])]);
    for pricing in written(&world, "pricings") {
        let plan = world.object("plans", "code", pricing["code"].as_str().unwrap());
        assert_eq!(pricing["planId"], plan["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organization_decides_whether_a_minimum_is_billed_in_advance() {
    assert_unsent(
        &world().await,
        &[
            ("minimumSpendBillInAdvance", &["pricings", "plans"]),
            ("standingChargeBillInAdvance", &["plans"]),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn account_plans_and_the_commitment_are_of_the_deal_s_contract() {
    let world = world().await;
    for (root, lines) in [(FIVE_LINES, 5), (ORDER, 2), (CONTRACT, 3), (QUOTE, 2)] {
        let contract = world.object("contracts", "code", root);
        let of_contract = |kind: &str| {
            written(&world, kind)
                .into_iter()
                .filter(|body| body["contractId"] == contract["id"])
                .count()
        };
        assert_eq!(of_contract("accountplans"), lines, "{root}");
        assert_eq!(of_contract("commitments"), usize::from(root != QUOTE), "{root}");
    }
    assert_eq!(written(&world, "accountplans").len(), 5 + 2 + 3 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_plan_attaches_the_line_s_own_plan() {
    let world = world().await;
    for account_plan in written(&world, "accountplans") {
        let plan = world.object("plans", "code", account_plan["code"].as_str().unwrap());
        assert_eq!(
            (&account_plan["planId"], &plan["bespoke"], &plan["accountId"]),
            (&plan["id"], &json!(true), &account_plan["accountId"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_ends_with_its_contract_and_leaves_room_for_the_renewal() {
    let world = world().await;
    for commitment in written(&world, "commitments") {
        let contract = world.object("contracts", "id", commitment["contractId"].as_str().unwrap());
        assert_fields!(commitment, {
            "startDate": contract["startDate"],
            "endDate": contract["endDate"],
        });
    }
    // The renewal of the same customer begins when the first deal ends, under a contract of its
    // own, and nothing overlaps.
    let mut renewal = world.org.vendor().record("Opportunity", FIVE_LINES).unwrap();
    renewal.retain(|field, _| field != "Id" && !field.ends_with("_Id__c"));
    renewal.extend(
        json!({"Name": "Initech - 2027", "CloseDate": "2027-03-01", "End_Date__c": "2028-02-29"})
            .as_object()
            .cloned()
            .unwrap(),
    );
    let renewal = world.org.vendor().insert("Opportunity", &Json::Object(renewal));
    let mut line = world.org.vendor().record("OpportunityLineItem", "00kS900000079F1IAI").unwrap();
    line.retain(|field, _| field != "Id" && !field.ends_with("_Id__c"));
    line.insert("OpportunityId".to_owned(), json!(renewal));
    world.org.vendor().insert("OpportunityLineItem", &Json::Object(line));
    let result = world.sync(&renewal).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_day_of_service_is_billed() {
    let world = world().await;
    for (root, last_day_and_one) in [
        (FIVE_LINES, "2027-03-01"),
        (ORDER, "2027-02-01"),
        (CONTRACT, "2027-03-01"),
        (QUOTE, "2027-04-01"),
    ] {
        assert_eq!(world.object("contracts", "code", root)["endDate"], last_day_and_one);
    }
    for (line, end) in [
        ("00kS900000079F1IAI", "2027-03-01T00:00:00Z"),
        ("802S90000079OI1IAM", "2027-02-01T00:00:00Z"),
        ("a0SS90000079SU1MAM", "2027-03-01T00:00:00Z"),
        ("a0LS90000079QL1MAM", "2027-04-01T00:00:00Z"),
    ] {
        assert_eq!(world.object("accountplans", "code", line)["endDate"], end);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_is_in_the_currency_of_the_deal() {
    let mut world = World::new().await;
    world.organization.vendor().request(
        "POST",
        "/plantemplates",
        &json!({"productId": "21e063b6-2350-4add-a028-3e6ad5b233ed", "name": "Euro", "code": "API_EUR", "currency": "EUR", "standingCharge": 0, "billFrequency": "MONTHLY"}),
    )
    .unwrap();
    world.org.vendor().update(
        "Product2",
        "01tS90000000001IAA",
        &json!({"M3ter_Plan_Template_Code__c": "API_EUR"}),
    );
    let result = world.sync(IN_EURO).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let currency = |deal: &str| {
        let contract = world.object("contracts", "code", deal);
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["currency"]
            .clone()
    };
    assert_eq!(currency(IN_EURO), "EUR");
    // In an org with one currency, which cannot be queried, that of the plan templates.
    world.org.vendor().rules(&json!({"multiCurrency": false})).unwrap();
    world.lose_the_database().await;
    let result = world.dry_run(ORDER).await;
    assert_eq!(
        result["syncStatus"], "Partial Success",
        "one product is priced in euro, the other in dollars: {result:#}"
    );
    assert_eq!(object_result(&result, "Commitment")["findingCode"], "CURRENCY_MISSING");
    world.org.vendor().update(
        "Product2",
        "01tS90000000001IAA",
        &json!({"M3ter_Plan_Template_Code__c": null}),
    );
    let result = world.sync(ORDER).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let contract = world.object("contracts", "code", ORDER);
    assert_eq!(
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["currency"],
        "USD"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_won_deal_has_no_surcharge_but_the_one_that_was_agreed() {
    let world = World::new().await;
    assert_eq!(world.org.vendor().record("Opportunity", DEAL).unwrap()["Probability"], 100);
    for record in [DEAL, ORDER, CONTRACT] {
        world.sync(record).await;
    }
    assert_unsent(&world, &[("overageSurchargePercent", &["commitments"])]);
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Overage_Surcharge__c": 7.5}));
    world.sync(DEAL).await;
    let contract = world.object("contracts", "code", DEAL);
    let commitment = world.object("commitments", "contractId", contract["id"].as_str().unwrap());
    assert_eq!(commitment["overageSurchargePercent"], json!(7.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_note_of_a_salesperson_gets_onto_a_bill() {
    let world = world().await;
    assert_unsent(
        &world,
        &[
            ("commitmentFeeDescription", &["commitments"]),
            ("commitmentUsageDescription", &["commitments"]),
            ("overageDescription", &["commitments"]),
            ("minimumSpendDescription", &["plans", "pricings"]),
            ("standingChargeDescription", &["plans"]),
            ("description", &["contracts", "pricings"]),
        ],
    );
    for write in world.m3ter_writes() {
        let body = write.body.to_string();
        assert!(!body.contains("Jane") && !body.contains("squeeze"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_billed_at_the_price_after_discount_with_one_commitment() {
    let world = World::new().await;
    let item = world.org.vendor().record("OrderItem", "802S90000079OI1IAM").unwrap();
    assert_fields!(item, { "ListPrice": 0.05, "UnitPrice": 0.04 });
    world.sync(ORDER).await;
    assert_eq!(
        bands(&world.object("pricings", "code", "802S90000079OI1IAM"), "pricingBands"),
        ["0 0.04 0"]
    );
    let commitments = written(&world, "commitments");
    assert_eq!((commitments.len(), commitments[0]["amount"].to_string()), (1, "6000".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_come_from_product_codes_and_not_from_ids_or_names() {
    let world = World::new().await;
    let product = "01tS90000000001IAA";
    world.org.vendor().update("Product2", product, &json!({"Name": "Anything at all"}));
    world.sync(ORDER).await;
    let plan = world.object("plans", "code", "802S90000079OI1IAM");
    assert_fields!(plan, {
        "planTemplateId": "00000400-0000-4000-8000-000000000000",
        "name": "Anything at all",
    });
    assert_eq!(
        world.object("pricings", "code", "802S90000079OI1IAM")["aggregationId"],
        "00000300-0000-4000-8000-000000000000"
    );
    // A code that an aggregation cannot have is a finding that names the way out: a field of its
    // own.
    world.org.vendor().update(
        "Product2",
        product,
        &json!({"ProductCode": "SKU-100", "M3ter_Plan_Template_Code__c": "API_CALLS"}),
    );
    let pricing = object_result(&world.dry_run(DEAL).await, "Pricing").clone();
    assert_eq!(pricing["findingCode"], "CODE_INVALID");
    assert!(pricing["remedy"].as_str().unwrap().contains("in a separate field"), "{pricing}");
    world.org.vendor().update(
        "Product2",
        product,
        &json!({"M3ter_Aggregation_Code__c": "API_CALLS"}),
    );
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_line_keeps_the_billing_of_the_old_one_and_says_so() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let mut line = world.org.vendor().record("OpportunityLineItem", LINE).unwrap();
    line.retain(|field, _| field != "Id" && !field.ends_with("_Id__c"));
    world.org.vendor().delete("OpportunityLineItem", LINE);
    let anew = world.org.vendor().insert("OpportunityLineItem", &Json::Object(line));
    let result = world.sync(DEAL).await;
    let account_plan = object_result(&result, "AccountPlan");
    assert_fields!(account_plan, { "salesforceId": anew, "findingCode": "ACCOUNT_PLAN_OVERLAP" });
    assert!(account_plan["remedy"].as_str().unwrap().contains(LINE), "{account_plan}");
    let warning = result["warnings"].to_string();
    assert!(warning.contains("LINE_REMOVED") && warning.contains(LINE), "{warning}");
    assert_eq!(world.objects("accountplans").iter().filter(|plan| plan["code"] == LINE).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ordinal_is_sent() {
    assert_unsent(&world().await, &[("ordinal", &["plans"])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deal_amount_becomes_a_commitment_with_a_warning_unless_its_own_field_is_filled() {
    let world = World::new().await;
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({"M3ter_Commitment_Amount__c": null, "Amount": 777.0}),
    );
    let commitment = object_result(&world.dry_run(DEAL).await, "Commitment").clone();
    let amount = commitment["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["field"] == "amount")
        .unwrap()
        .clone();
    assert_fields!(amount, { "newValue": "777", "source": "Opportunity.Amount" });
    assert!(
        commitment["warnings"].to_string().contains("sums all lines, services and estimates"),
        "{commitment}"
    );
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_Commitment_Amount__c": 500.0}));
    let commitment = object_result(&world.dry_run(DEAL).await, "Commitment").clone();
    let amount = commitment["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["field"] == "amount")
        .unwrap()
        .clone();
    assert_eq!(amount["newValue"], "500");
    assert!(!commitment["warnings"].to_string().contains("estimates"), "{commitment}");
    // Elsewhere a total is never taken for one.
    for (record, sobject) in [(ORDER, "Order"), (CONTRACT, "Contract")] {
        world.org.vendor().update(sobject, record, &json!({"M3ter_Commitment_Amount__c": null}));
        let result = world.dry_run(record).await;
        assert!(
            !actions(&result).iter().any(|action| action.starts_with("Commitment")),
            "{result:#}"
        );
    }
}
