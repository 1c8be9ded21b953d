//! A plan that somebody has seen is what is written, or nothing is.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

const FROM_DATE: (&str, &str) = ("pricing_change = \"in_place\"", "pricing_change = \"from_date\"");
const REPLACE_ANY: (&str, &str) = (
    "[account_plan]\nrows = \"lines\"\noverlap = \"report\"",
    "[account_plan]\nrows = \"lines\"\noverlap = \"replace_any\"",
);
const LEGACY_ACCOUNT_PLAN: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";

impl World {
    async fn carry_out(&self, record: &str, plan: &Json) -> Json {
        let request = json!([{"parentRecordId": record, "expectedPlan": plan}]).to_string();
        let (status, mut body) = self.post("/sync-to-m3ter", &request).await;
        assert_eq!((status, body.as_array().map(Vec::len)), (200, Some(1)), "{body}");
        body[0].take()
    }

    async fn ending(&self, query: &str, request: &Json) -> Json {
        let (status, mut body) = self
            .post(&format!("/end-date-billing-entities{query}"), &json!([request]).to_string())
            .await;
        assert_eq!(status, 200, "{body}");
        body[0].take()
    }

    /// The run once its last try has ended.
    async fn last_try_of(&self, result: &Json) -> Json {
        let path = format!("/sync-runs/{}", result["syncRunId"].as_str().unwrap());
        for _ in 0..1_000 {
            let run: Json = serde_json::from_str(&self.get(&path).await.1).unwrap();
            if run["state"] == "ended" {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the run does not end");
    }

    fn price(&self, price: f64) {
        self.org.vendor().update("OpportunityLineItem", LINE, &json!({"UnitPrice": price}));
    }

    /// A price that changes from today on, a longer term and a larger amount.
    fn change_much(&self) {
        let deal = json!({"M3ter_Commitment_Amount__c": 15000.0, "End_Date__c": "2099-12-31", "M3ter_PO_Number__c": "PO-2"});
        self.org.vendor().update("Opportunity", DEAL, &deal);
        self.price(0.06);
    }
}

fn plan(result: &Json) -> &Json {
    assert!(result["planHash"].as_str().is_some_and(|hash| hash.len() == 66), "{result:#}");
    &result["planHash"]
}

fn is_changed(result: &Json) {
    let shown =
        [&result["success"], &result["syncStatus"], &result["errorCode"], &result["retryable"]];
    assert_eq!(
        shown,
        [&json!(false), &json!("Failed"), &json!("PLAN_CHANGED"), &json!(false)],
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_is_what_is_written() {
    let world = World::with_mapping(Some(&[FROM_DATE])).await;
    let first = world.dry_run(DEAL).await;
    assert_eq!(plan(&first), plan(&world.dry_run(DEAL).await), "nothing has changed");
    let result = world.carry_out(DEAL, plan(&first)).await;
    assert_fields!(result, { "syncStatus": "Completed", "planHash": null }, "{result:#}");
    world.change_much();
    let second = world.dry_run(DEAL).await;
    assert_ne!(plan(&second), plan(&first));
    // The form for one record takes it as well.
    let path = format!("/sync-to-m3ter/{DEAL}?expectedPlan={}", plan(&second).as_str().unwrap());
    let (status, result) = world.post(&path, "").await;
    assert_eq!((status, &result["syncStatus"]), (200, &json!("Completed")), "{result:#}");
    assert_eq!(
        world
            .objects("pricings")
            .iter()
            .filter(|pricing| pricing
                .get("code")
                .and_then(Json::as_str)
                .is_some_and(|code| code.starts_with(LINE)))
            .count(),
        2
    );
    // There is nothing left to write, which is a plan too.
    let third = world.dry_run(DEAL).await;
    assert_eq!(world.carry_out(DEAL, plan(&third)).await["syncStatus"], "Completed");
    is_changed(&world.carry_out(DEAL, plan(&second)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_between_writes_nothing_and_shows_the_new_plan() {
    let world = World::new().await;
    let new = world.dry_run(DEAL).await;
    world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_PO_Number__c": "PO-3"}));
    is_changed(&world.carry_out(DEAL, plan(&new)).await);
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    world.sync(DEAL).await;

    world.change_much();
    let changed = world.dry_run(DEAL).await;
    let contract = world.object("contracts", "code", DEAL);
    let edits: [(&str, &dyn Fn()); 3] = [
        ("a price in Salesforce", &|| world.price(0.07)),
        ("an amount in Salesforce", &|| {
            world.org.vendor().update(
                "Opportunity",
                DEAL,
                &json!({"M3ter_Commitment_Amount__c": 15000.01}),
            );
        }),
        ("what m3ter has", &|| {
            let mut edited = contract.clone();
            edited.insert("endDate".to_owned(), json!("2028-01-01"));
            world.change_in_m3ter("contracts", &edited);
        }),
    ];
    let mut approved = plan(&changed).clone();
    for (what, edit) in edits {
        edit();
        world.organization.clear_requests();
        let result = world.carry_out(DEAL, &approved).await;
        is_changed(&result);
        assert!(world.m3ter_writes().is_empty(), "{what}: {:?}", world.m3ter_writes());
        let contract = object_result(&result, "Contract");
        let shown = [&contract["success"], &contract["action"], &contract["findingCode"]];
        assert_eq!(
            shown,
            [&json!(false), &json!("failed"), &json!("PLAN_CHANGED")],
            "{what}: {contract:#}"
        );
        assert!(
            contract["changes"].as_array().is_some_and(|changes| !changes.is_empty()),
            "{what}: {contract:#}"
        );
        assert!(
            contract["message"].as_str().unwrap().starts_with("Not written. Would be updated: "),
            "{what}: {contract:#}"
        );
        assert_eq!(object_result(&result, "Plan")["action"], "unchanged", "{what}");
        approved = plan(&result).clone();
    }
    // The answer itself shows the plan that can be approved.
    assert_eq!(approved, *plan(&world.dry_run(DEAL).await));
    assert_eq!(world.carry_out(DEAL, &approved).await["syncStatus"], "Completed");
    assert_eq!(
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["amount"]
            .to_string(),
        "15000.01"
    );
}

/// A deal whose approved plan m3ter carries out in part only: the answer of the first try.
async fn interrupted(path: &str, adjust: impl AsyncFnOnce(&World)) -> (World, Json) {
    let mut world = World::with_mapping(Some(&[FROM_DATE])).await;
    world.reconfigure(|config| config.runs.retry_after = vec![Duration::from_millis(1_500)]).await;
    world.sync(DEAL).await;
    world.change_much();
    let foreseen = world.dry_run(DEAL).await;
    for method in ["POST", "PUT"] {
        world
            .organization
            .add_fault(Fault::new(method, path, FaultKind::DropBeforeEffect).times(1_000));
    }
    let result = world.carry_out(DEAL, plan(&foreseen)).await;
    assert_fields!(result, { "syncStatus": "Failed", "retryable": true }, "{result:#}");
    adjust(&world).await;
    world.organization.clear_faults();
    world.organization.clear_requests();
    (world, result)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_continues_with_what_is_left_of_the_plan() {
    for path in ["/contracts/*", "/commitments/*", "/pricings/*", "/pricings", "/accountplans/*"] {
        let (world, result) = interrupted(path, async |_| {}).await;
        let run = world.last_try_of(&result).await;
        assert_eq!(
            (&run["result"]["syncStatus"], run["tries"].as_array().map(Vec::len)),
            (&json!("Completed"), Some(2)),
            "{path}: {run:#}"
        );
        let foreseen = world.dry_run(DEAL).await;
        assert!(
            actions(&foreseen).iter().all(|action| action.ends_with("unchanged")),
            "{path}: {foreseen:#}"
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_writes_nothing_if_something_else_is_left() {
    let edit = async |world: &World| {
        world.org.vendor().update("Opportunity", DEAL, &json!({"M3ter_PO_Number__c": "PO-4"}));
    };
    let (world, result) = interrupted("/commitments/*", edit).await;
    let run = world.last_try_of(&result).await;
    is_changed(&run["result"]);
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    // What was done before stays, and the plan that the answer shows brings the rest.
    let result = world.carry_out(DEAL, plan(&run["result"])).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_field_does_not_change_the_plan() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.change_much();
    let foreseen = world.dry_run(DEAL).await;
    world
        .organization
        .add_fault(Fault::new("GET", "/contracts", FaultKind::DropBeforeEffect).times(1_000));
    let result = world.carry_out(DEAL, plan(&foreseen)).await;
    assert_fields!(result, { "errorCode": "M3TER_UNAVAILABLE", "retryable": true }, "{result:#}");
    assert_eq!(
        world.dry_run(DEAL).await["planHash"],
        Json::Null,
        "nobody knows what would be written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_an_object_for_a_new_one_is_part_of_the_plan() {
    let world = World::with_mapping(Some(&[REPLACE_ANY])).await;
    let foreseen = world.dry_run(SECOND_SAMPLE).await;
    let held = world.object("accountplans", "id", LEGACY_ACCOUNT_PLAN);
    let mut edited = held.clone();
    edited.insert("endDate".to_owned(), json!("2026-11-01T00:00:00.000Z"));
    world.change_in_m3ter("accountplans", &edited);
    is_changed(&world.carry_out(SECOND_SAMPLE, plan(&foreseen)).await);
    let mut back = held.clone();
    back.insert(
        "version".to_owned(),
        world.object("accountplans", "id", LEGACY_ACCOUNT_PLAN)["version"].clone(),
    );
    world.change_in_m3ter("accountplans", &back);
    let result = world.carry_out(SECOND_SAMPLE, plan(&foreseen)).await;
    assert_eq!(object_result(&result, "AccountPlan")["action"], "created", "{result:#}");
    assert!(
        world.object("accountplans", "id", LEGACY_ACCOUNT_PLAN)["endDate"]
            .as_str()
            .unwrap()
            .starts_with("2026-02-01")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_refusal_was_predicted_is_not_tried() {
    let world = World::new().await;
    let foreseen = world.dry_run(SECOND_SAMPLE).await;
    // What stood in its way goes away: creating it now would be more than what was approved.
    let mut gone = world.object("accountplans", "id", LEGACY_ACCOUNT_PLAN);
    let result = world.carry_out(SECOND_SAMPLE, plan(&foreseen)).await;
    let account_plan = object_result(&result, "AccountPlan");
    assert_fields!(account_plan, {
        "success": false,
        "findingCode": "ACCOUNT_PLAN_OVERLAP",
    }, "{result:#}");
    assert!(
        world.m3ter_writes().iter().all(|write| write.path != "/accountplans"),
        "{:?}",
        world.m3ter_writes()
    );
    gone.insert("endDate".to_owned(), json!("2026-01-15T00:00:00.000Z"));
    world.change_in_m3ter("accountplans", &gone);
    is_changed(&world.carry_out(SECOND_SAMPLE, plan(&foreseen)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_dating_ends_what_was_approved_one_by_one() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let all = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"];
    let request = |plan: &Json| json!({"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": all, "expectedPlan": plan});
    let mut dry = request(&Json::Null);
    dry.as_object_mut().unwrap().remove("expectedPlan");
    let foreseen = world.ending("?dryRun=true", &dry).await;
    // Of a sync, of less, of another day: each is another plan.
    let of_sync = world.dry_run(DEAL).await;
    dry["billingEntities"] = json!(["CONTRACT"]);
    let of_less = world.ending("?dryRun=true", &dry).await;
    dry["endDate"] = json!("2026-07-02");
    let of_another_day = world.ending("?dryRun=true", &dry).await;
    world.organization.clear_requests();
    for other in [&of_sync, &of_less, &of_another_day] {
        let result = world.ending("", &request(plan(other))).await;
        is_changed(&result);
        assert_eq!(plan(&result), plan(&foreseen));
        assert_eq!(
            actions(&result).iter().filter(|action| action.ends_with("failed")).count(),
            4,
            "{result:#}"
        );
    }
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    let result = world.ending("", &request(plan(&foreseen))).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(world.object("contracts", "code", DEAL)["endDate"], "2026-07-01");
    let writes = world.m3ter_writes();
    assert!(
        writes.len() == 4
            && writes.iter().all(|write| !write.path.ends_with("enddatebillingentities")),
        "{writes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_plan_makes_no_callout() {
    let world = World::new().await;
    let hash = plan(&world.dry_run(DEAL).await).as_str().unwrap().to_owned();
    world.organization.clear_requests();
    let later = hash.replacen("01", "02", 1);
    let end =
        json!({"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": ["CONTRACT"]});
    for (plan, query, told) in [
        (
            "",
            "",
            "`expectedPlan`: `` is not a plan; pass the `planHash` of a dry run, 66 characters",
        ),
        ("true", "", "`true` is not a plan"),
        (&hash[..64], "", "is not a plan"),
        (later.as_str(), "", "it is the plan of another version of the service"),
        (hash.as_str(), "?dryRun=true", "`expectedPlan` is for a call that writes"),
    ] {
        let of_list = json!([{"parentRecordId": DEAL, "expectedPlan": plan}]).to_string();
        let mut ending = end.clone();
        ending["expectedPlan"] = json!(plan);
        let separator = if query.is_empty() { "?" } else { "&" };
        let answers = [
            world.post(&format!("/sync-to-m3ter{query}"), &of_list).await.1[0].take(),
            world
                .post(&format!("/sync-to-m3ter/{DEAL}{query}{separator}expectedPlan={plan}"), "")
                .await
                .1,
            world.ending(query, &ending).await,
        ];
        for answer in answers {
            assert_fields!(answer, {
                "syncStatus": "Failed",
                "errorCode": "INVALID_EXPECTED_PLAN",
            }, "{plan}: {answer:#}");
            assert!(answer["message"].as_str().unwrap().contains(told), "{plan}: {answer:#}");
        }
    }
    assert!(world.organization.requests().is_empty(), "{:?}", world.organization.requests());
    let (status, fault) = world
        .post("/sync-to-m3ter", &json!([{"parentRecordId": DEAL, "expectedPlan": 1}]).to_string())
        .await;
    assert_eq!((status, &fault["errorCode"]), (400, &json!("INVALID_BODY")), "{fault}");
    // A plan of another record is well formed, and is not this one's.
    is_changed(&world.carry_out(FIVE_LINES, &json!(hash)).await);
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}
