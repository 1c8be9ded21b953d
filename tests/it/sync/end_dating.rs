//! Ending what bills, through the front door: what ends, what is spared, and what is said about
//! each.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

const MID_YEAR: &str = "2026-07-01";
const ALL_ENTITIES: [&str; 5] =
    ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"];
/// Globex in Salesforce, in m3ter, and what m3ter has for it that no sync made.
const GLOBEX: &str = "001S900000RzsIVIAZ";
const GLOBEX_IN_M3TER: &str = "d82738f3-d1d7-4a13-94a2-757658d64948";
const LEGACY_ACCOUNT_PLAN: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";

impl World {
    pub(crate) async fn end_date(&self, query: &str, request: &Json) -> Json {
        let (status, mut body) = self
            .post(&format!("/end-date-billing-entities{query}"), &json!([request]).to_string())
            .await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.as_array().map(Vec::len), Some(1), "{body}");
        body[0].take()
    }
}

fn request(id: &str, entities: &[&str]) -> Json {
    json!({"parentRecordId": id, "endDate": MID_YEAR, "billingEntities": entities})
}

/// Object, action and id of every object result.
fn ended(result: &Json) -> Vec<(String, String, String)> {
    let text = |object: &Json, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let results = result["objectResults"].as_array().unwrap();
    results
        .iter()
        .map(|object| (text(object, "objectName"), text(object, "action"), text(object, "m3terId")))
        .collect()
}

fn names(result: &Json) -> Vec<String> {
    ended(result).into_iter().map(|(name, action, _)| format!("{name} {action}")).collect()
}

fn end_of(object: &Map<String, Json>) -> &str {
    object.get("endDate").and_then(Json::as_str).unwrap_or("never")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_synced_deal_ends() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.organization.clear_requests();
    let result = world.end_date("", &request(DEAL, &ALL_ENTITIES)).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(
        names(&result),
        ["Contract updated", "Commitment updated", "Pricing updated", "AccountPlan updated"]
    );
    let contract = world.object("contracts", "code", DEAL);
    let account_plan = world.object("accountplans", "code", LINE);
    assert_eq!((end_of(&contract), contract["version"].to_string().as_str()), (MID_YEAR, "2"));
    assert_eq!(end_of(&account_plan), "2026-07-01T00:00:00Z");
    assert_eq!(
        end_of(&world.object("commitments", "contractId", contract["id"].as_str().unwrap())),
        MID_YEAR
    );
    assert_eq!(end_of(&world.object("pricings", "code", LINE)), "2026-07-01T00:00:00Z");
    // The rows that the objects came from, m3ter's ids, and one write for all of it.
    let first = object_result(&result, "Contract");
    assert_fields!(first, { "salesforceId": DEAL, "m3terId": contract["id"] });
    assert_eq!(object_result(&result, "AccountPlan")["salesforceId"], LINE);
    let writes: Vec<String> = world.m3ter_writes().into_iter().map(|write| write.path).collect();
    assert_eq!(
        writes,
        [format!("/contracts/{}/enddatebillingentities", contract["id"].as_str().unwrap())]
    );
    // Asked for again, there is nothing left to do, and nothing is written.
    world.organization.clear_requests();
    let again = world.end_date("", &request(DEAL, &ALL_ENTITIES)).await;
    assert_eq!(
        (again["syncStatus"].as_str(), names(&again).len()),
        (Some("Completed"), 0),
        "{again:#}"
    );
    assert!(again["warnings"][1].as_str().unwrap().contains(" runs beyond "), "{again:#}");
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_named_ends() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let result = world.end_date("", &request(DEAL, &["accountplan"])).await;
    assert_eq!(names(&result), ["AccountPlan updated"]);
    assert_eq!(end_of(&world.object("contracts", "code", DEAL)), "2027-01-01");
    assert_eq!(end_of(&world.object("pricings", "code", LINE)), "never");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_end_and_writes_nothing() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.organization.clear_requests();
    let result = world.end_date("?dryRun=true", &request(DEAL, &ALL_ENTITIES)).await;
    assert_fields!(result, { "dryRun": true, "syncStatus": "Completed" });
    assert_eq!(
        names(&result),
        ["Contract updated", "Commitment updated", "Pricing updated", "AccountPlan updated"]
    );
    let contract = object_result(&result, "Contract");
    assert_eq!(contract["message"], "Would be ended: endDate 2027-01-01 → 2026-07-01");
    let change = json!({"field": "endDate", "oldValue": "2027-01-01", "newValue": "2026-07-01", "source": "`endDate` of the request"});
    assert_eq!(contract["changes"], json!([change]));
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_m3ter_cannot_end_is_a_failed_object() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let contract = world.object("contracts", "code", DEAL);
    let path = format!("/contracts/{}/enddatebillingentities", contract["id"].as_str().unwrap());
    let body = json!({
        "statusMessage": "Some billing entities could not be end-dated",
        "updatedEntities": {},
        "failedEntities": {"CONTRACT": [contract["id"]]},
    });
    world.fault("PUT", &path, FaultKind::Answer { status: 200, headers: BTreeMap::new(), body });
    let result = world.end_date("", &request(DEAL, &["CONTRACT", "ACCOUNTPLAN"])).await;
    assert_eq!(result["syncStatus"], "Partial Success", "{result:#}");
    assert_eq!(names(&result), ["Contract failed", "AccountPlan failed"]);
    let contract = object_result(&result, "Contract");
    assert_eq!(contract["findingCode"], "END_DATE_FAILED");
    assert!(
        contract["message"].as_str().unwrap().contains("could not be end-dated"),
        "{contract:#}"
    );
    let remedy = contract["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("It still ends 2027-01-01"), "{contract:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_before_the_start_is_not_sent() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.organization.clear_requests();
    let mut request = request(DEAL, &["CONTRACT", "ACCOUNTPLAN"]);
    for end in ["2025-12-31T00:00:00.000+0000", "2026-01-01"] {
        request["endDate"] = json!(end);
        for (query, message) in [
            ("?dryRun=true", "Would fail: it begins 2026-01-01, not before the end".to_owned()),
            ("", "was not ended: it begins 2026-01-01, not before the end".to_owned()),
        ] {
            let result = world.end_date(query, &request).await;
            assert_fields!(result, {
                "syncStatus": "Partial Success",
                "success": false,
            }, "{result:#}");
            assert_eq!(names(&result), ["Contract failed", "AccountPlan failed"]);
            let contract = object_result(&result, "Contract");
            assert_eq!(contract["findingCode"], "END_DATE_FAILED");
            assert!(contract["message"].as_str().unwrap().ends_with(&message), "{contract:#}");
            assert_eq!(
                contract["remedy"],
                "Give an end after its start, or delete it in m3ter if it was never billed"
            );
            assert!(result["warnings"][0].as_str().unwrap().contains("is in the past"));
        }
    }
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

/// m3ter's call for a Contract goes by kinds: it could reach what begins later.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_start_later_are_left_alone_while_the_rest_ends() {
    for with_plan in [false, true] {
        let world = World::new().await;
        world.sync(DEAL).await;
        let (contract, plan) =
            (world.object("contracts", "code", DEAL), world.object("plans", "code", LINE));
        let of_contract = |more: Json| {
            let mut body =
                json!({"accountId": contract["accountId"], "contractId": contract["id"]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let m3ter = world.organization.vendor();
        let commitment = of_contract(
            json!({"startDate": "2027-01-01", "endDate": "2028-01-01", "currency": "USD", "amount": 1}),
        );
        let commitment = m3ter.request("POST", "/commitments", &commitment).unwrap();
        let account_plan = of_contract(
            json!({"planId": plan["id"], "code": "NEXT", "startDate": "2027-01-01T00:00:00Z"}),
        );
        let account_plan = m3ter.request("POST", "/accountplans", &account_plan).unwrap();
        let later = [&commitment["id"], &account_plan["id"]].map(|id| id.as_str().unwrap());
        let mut order = request(DEAL, &ALL_ENTITIES);
        let foretold = world.end_date("?dryRun=true", &order).await;
        if with_plan {
            order["expectedPlan"] = foretold["planHash"].clone();
        }
        world.organization.clear_requests();
        let result = world.end_date("", &order).await;
        assert_eq!(names(&foretold), names(&result));
        assert_eq!(
            names(&result),
            [
                "Contract updated",
                "Commitment updated",
                "Pricing updated",
                "AccountPlan updated",
                "Commitment failed",
                "AccountPlan failed"
            ]
        );
        assert_eq!(result["syncStatus"], "Partial Success", "{result:#}");
        let results = result["objectResults"].as_array().unwrap();
        for (object, id) in results[4..].iter().zip(later) {
            assert_fields!(object, { "m3terId": id, "findingCode": "END_DATE_FAILED" });
            assert!(
                object["message"].as_str().unwrap().contains("it begins 2027-01-01"),
                "{object:#}"
            );
        }
        for (kind, id, end) in
            [("commitments", later[0], "2028-01-01"), ("accountplans", later[1], "never")]
        {
            let object = world.object(kind, "id", id);
            assert_eq!((end_of(&object), &object["version"]), (end, &json!(1)), "{kind}");
        }
        assert_eq!(end_of(&world.object("accountplans", "code", LINE)), "2026-07-01T00:00:00Z");
        // None of the calls could have reached them.
        for write in world.m3ter_writes() {
            let kinds = write.body["billingEntities"].to_string();
            assert!(!later.iter().any(|id| write.path.contains(id)), "{write:?}");
            assert!(!kinds.contains("PREPAYMENT") && !kinds.contains("ACCOUNTPLAN"), "{write:?}");
        }
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_ends_with_everything_under_it_even_what_no_sync_created() {
    let world = World::new().await;
    world.sync(SECOND_SAMPLE).await;
    let result = world.end_date("", &request(GLOBEX, &ALL_ENTITIES)).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let ids: Vec<String> = ended(&result).into_iter().map(|(_, _, id)| id).collect();
    assert!(ids.contains(&LEGACY_ACCOUNT_PLAN.to_owned()), "{result:#}");
    assert!(names(&result).contains(&"CounterPricing updated".to_owned()), "{result:#}");
    for kind in ["contracts", "commitments", "accountplans"] {
        for object in
            world.objects(kind).iter().filter(|object| object["accountId"] == GLOBEX_IN_M3TER)
        {
            assert!(end_of(object).starts_with(MID_YEAR), "{kind}: {object:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nothing_links_is_found_by_its_code_and_a_deal_by_its_contract_s() {
    let mut world = World::new().await;
    world.sync(DEAL).await;
    world.lose_the_database().await;
    let result = world.end_date("?dryRun=true", &request(GLOBEX, &["CONTRACT"])).await;
    assert_eq!(names(&result), ["Contract updated"], "{result:#}");
    let result = world.end_date("", &request(DEAL, &["CONTRACT"])).await;
    assert_eq!(names(&result), ["Contract updated"], "{result:#}");
    assert_eq!(end_of(&world.object("contracts", "code", DEAL)), MID_YEAR);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_end_with_their_parent_only_if_asked_for() {
    let world = World::new().await;
    let m3ter = world.organization.vendor();
    let child = json!({"name": "Child", "code": "CHILD", "emailAddress": "a@b.example", "parentAccountId": GLOBEX_IN_M3TER});
    let child = m3ter.request("POST", "/accounts", &child).unwrap();
    let grandchild = json!({"name": "Grandchild", "code": "GRANDCHILD", "emailAddress": "a@b.example", "parentAccountId": child["id"]});
    let grandchild = m3ter.request("POST", "/accounts", &grandchild).unwrap();
    let contract = json!({"accountId": grandchild["id"], "name": "C", "code": "C", "startDate": "2026-01-01", "endDate": "2027-01-01"});
    m3ter.request("POST", "/contracts", &contract).unwrap();
    let result = world.end_date("", &request(GLOBEX, &["CONTRACT"])).await;
    assert_eq!(names(&result), ["Contract updated"]);
    assert_eq!(end_of(&world.object("contracts", "code", "C")), "2027-01-01");
    let mut with_children = request(GLOBEX, &["CONTRACT"]);
    with_children["applyToChildren"] = json!(true);
    let foreseen = world.end_date("?dryRun=true", &with_children).await;
    assert_eq!(names(&foreseen), ["Contract updated"]);
    let result = world.end_date("", &with_children).await;
    assert_eq!(names(&result), ["Contract updated"]);
    assert_eq!(end_of(&world.object("contracts", "code", "C")), MID_YEAR);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_contracts_of_the_account_are_spared_whatever_m3ters_call_reaches() {
    for scope in ["contract", "account"] {
        let world = World::new().await;
        world.sync(SECOND_SAMPLE).await;
        world.organization.vendor().change_rules(&json!({"contractEndDate": scope})).unwrap();
        let other = json!({"accountId": GLOBEX_IN_M3TER, "name": "Other", "code": "OTHER", "startDate": "2028-01-01", "endDate": "2029-01-01"});
        let other = world.organization.vendor().request("POST", "/contracts", &other).unwrap();
        let commitment = json!({"accountId": GLOBEX_IN_M3TER, "contractId": other["id"], "startDate": "2026-01-01", "endDate": "2029-01-01", "currency": "USD", "amount": 1});
        let commitment =
            world.organization.vendor().request("POST", "/commitments", &commitment).unwrap();
        let result = world.end_date("", &request(SECOND_SAMPLE, &ALL_ENTITIES)).await;
        assert_eq!(result["syncStatus"], "Completed", "{scope}: {result:#}");
        let ids: Vec<String> = ended(&result).into_iter().map(|(_, _, id)| id).collect();
        assert!(
            !ids.iter().any(|id| commitment["id"] == id.as_str() || id == LEGACY_ACCOUNT_PLAN),
            "{scope}: {result:#}"
        );
        assert_eq!(
            end_of(&world.object("commitments", "id", commitment["id"].as_str().unwrap())),
            "2029-01-01",
            "{scope}"
        );
        assert_eq!(
            end_of(&world.object("accountplans", "id", LEGACY_ACCOUNT_PLAN)),
            "2027-01-01T00:00:00.000Z",
            "{scope}"
        );
        assert_eq!(end_of(&world.object("contracts", "code", SECOND_SAMPLE)), MID_YEAR, "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_a_look_up() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let path = format!(
        "/contracts/{}/enddatebillingentities",
        world.object("contracts", "code", DEAL)["id"].as_str().unwrap()
    );
    world.fault("PUT", &path, FaultKind::DropBeforeEffect);
    let result = world.end_date("", &request(DEAL, &["CONTRACT", "ACCOUNTPLAN"])).await;
    assert_fields!(result, {
        "syncStatus": "Failed",
        "errorCode": "M3TER_UNAVAILABLE",
    }, "{result:#}");
    assert_eq!(result["retryable"], true);
    assert_eq!(names(&result), ["Contract failed", "AccountPlan failed"]);
    world.fault("PUT", &path, FaultKind::DropAfterEffect);
    let result = world.end_date("", &request(DEAL, &["CONTRACT", "ACCOUNTPLAN"])).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    assert_eq!(names(&result), ["Contract updated", "AccountPlan updated"]);
    assert_eq!(end_of(&world.object("contracts", "code", DEAL)), MID_YEAR);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_joins_a_contract_does_not_end_it() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.org.vendor().update(
        "Opportunity",
        FIVE_LINES,
        &json!({"M3ter_Contract_Code__c": DEAL, "AccountId": ACCOUNT}),
    );
    world.sync(FIVE_LINES).await;
    let result = world.end_date("", &request(FIVE_LINES, &["CONTRACT"])).await;
    assert_fields!(result, {
        "syncStatus": "Failed",
        "errorCode": "OWNED_BY_ANOTHER_RECORD",
    }, "{result:#}");
    assert!(result["message"].as_str().unwrap().contains(DEAL), "{result:#}");
    assert_eq!(end_of(&world.object("contracts", "code", DEAL)), "2027-01-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_input_has_its_own_code_and_makes_no_callout() {
    let world = World::new().await;
    world.organization.clear_requests();
    let good = || request(DEAL, &["CONTRACT"]);
    let with = |field: &str, value: Json| {
        let mut request = good();
        request[field] = value;
        request
    };
    for (request, code) in [
        (with("parentRecordId", json!(null)), "MISSING_RECORD_ID"),
        (with("parentRecordId", json!("abc")), "INVALID_RECORD_ID"),
        (with("endDate", json!(null)), "MISSING_END_DATE"),
        (with("endDate", json!("  ")), "MISSING_END_DATE"),
        (with("endDate", json!("next month")), "INVALID_END_DATE"),
        (with("endDate", json!("2026-12-31T00:00:00")), "INVALID_END_DATE"),
        (with("billingEntities", json!(null)), "MISSING_BILLING_ENTITIES"),
        (with("billingEntities", json!([])), "MISSING_BILLING_ENTITIES"),
        (with("billingEntities", json!(["CONTRACT", "BALANCE"])), "UNKNOWN_BILLING_ENTITY"),
        (with("billingEntities", json!([null])), "UNKNOWN_BILLING_ENTITY"),
        (with("applyToChildren", json!(true)), "APPLY_TO_CHILDREN_WITHOUT_ACCOUNT"),
    ] {
        let result = world.end_date("", &request).await;
        assert_fields!(result, {
            "syncStatus": "Failed",
            "errorCode": code,
        }, "{request}: {result:#}");
    }
    assert!(world.organization.requests().is_empty(), "{:?}", world.organization.requests());
    let (status, results) = world.post("/end-date-billing-entities", "[]").await;
    assert_eq!((status, &results[0]["errorCode"]), (200, &json!("EMPTY_REQUEST")));
    let (status, results) =
        world.post("/end-date-billing-entities", &json!([good(), good()]).to_string()).await;
    assert_eq!(
        (status, results.as_array().map(Vec::len), &results[1]["errorCode"]),
        (200, Some(2), &json!("MULTIPLE_REQUESTS"))
    );
    let (status, fault) = world
        .post("/end-date-billing-entities", &json!([with("endDatum", json!("x"))]).to_string())
        .await;
    assert_eq!((status, &fault["errorCode"]), (400, &json!("INVALID_BODY")));
    let (status, _) =
        world.post("/end-date-billing-entities?dryrun=true", &json!([good()]).to_string()).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_never_synced_is_reported_as_such() {
    let world = World::new().await;
    for (id, code) in [
        (DEAL, "RECORD_NOT_SYNCED"),
        (ACCOUNT, "RECORD_NOT_SYNCED"),
        (DELETED, "RECORD_DELETED"),
        ("00QS90000000001MAA", "UNSUPPORTED_OBJECT"),
    ] {
        let result = world.end_date("", &request(id, &["CONTRACT"])).await;
        assert_fields!(result, { "syncStatus": "Failed", "errorCode": code }, "{id}: {result:#}");
    }
    assert!(world.m3ter_writes().is_empty());
}
