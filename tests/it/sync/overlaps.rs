//! What stands in the way of a new AccountPlan or Commitment, and lines that are gone: reported,
//! replaced or ended as the mapping says.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::support::*;

/// What m3ter has for the second sample's account and no sync made.
const LEGACY_ACCOUNT_PLAN: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
const LEGACY_COMMITMENT: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
const SECOND_LINE: &str = "00kS9000001Nxy5IAC";
const ACCOUNT_PLANS: (&str, &str) = (
    "[account_plan]\nrows = \"lines\"\noverlap = \"report\"",
    "[account_plan]\nrows = \"lines\"\noverlap = ",
);
const COMMITMENTS: (&str, &str) = (
    "[commitment]\nrows = \"root\"\noverlap = \"report\"",
    "[commitment]\nrows = \"root\"\noverlap = ",
);

async fn world_with(account_plans: &str, commitments: &str) -> World {
    let account_plans = format!("{}\"{account_plans}\"", ACCOUNT_PLANS.1);
    let commitments = format!("{}\"{commitments}\"", COMMITMENTS.1);
    World::with_mapping(Some(&[
        (ACCOUNT_PLANS.0, account_plans.as_str()),
        (COMMITMENTS.0, commitments.as_str()),
    ]))
    .await
}

/// A deal that renews the first sample's, for the same account and product, from March on.
async fn renewed(world: &World) {
    world.sync(DEAL).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"AccountId": ACCOUNT}));
}

fn text<'a>(object: &'a Json, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

fn end(world: &World, kind: &str, id: &str) -> String {
    world.object(kind, "id", id).get("endDate").and_then(Json::as_str).unwrap_or("never").to_owned()
}

fn warns_of(object: &Json, words: &str) -> bool {
    object["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|warning| warning.as_str().unwrap().contains(words))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_no_sync_created_is_reported_unless_the_mapping_says_any() {
    let world = world_with("replace", "replace").await;
    let result = world.sync(SECOND_SAMPLE).await;
    for (name, code) in
        [("AccountPlan", "ACCOUNT_PLAN_OVERLAP"), ("Commitment", "COMMITMENT_OVERLAP")]
    {
        let object = object_result(&result, name);
        assert_eq!(text(object, "findingCode"), code, "{object:#}");
        assert!(text(object, "remedy").contains("was not made by a sync"), "{object:#}");
    }
    assert_eq!(end(&world, "accountplans", LEGACY_ACCOUNT_PLAN), "2027-01-01T00:00:00.000Z");
    assert_eq!(end(&world, "commitments", LEGACY_COMMITMENT), "2027-01-01");

    let world = world_with("replace_any", "replace_any").await;
    let result = world.sync(SECOND_SAMPLE).await;
    for (name, id) in [("AccountPlan", LEGACY_ACCOUNT_PLAN), ("Commitment", LEGACY_COMMITMENT)] {
        let object = object_result(&result, name);
        assert_eq!(text(object, "action"), "created", "{object:#}");
        assert!(
            warns_of(
                object,
                &format!(
                    "The {name} {id} that no sync of this service made, which ran until 2027-01-01"
                )
            ),
            "{object:#}"
        );
    }
    assert_eq!(end(&world, "accountplans", LEGACY_ACCOUNT_PLAN), "2026-02-01T00:00:00Z");
    assert_eq!(end(&world, "commitments", LEGACY_COMMITMENT), "2026-02-01");
    let plan = world.object("accountplans", "code", SECOND_LINE);
    assert_fields!(plan, {
        "startDate": "2026-02-01T00:00:00Z",
        "endDate": "2027-02-01T00:00:00Z",
    });
    // What replaced it is this deal's own: a repeated sync writes nothing.
    world.organization.clear_requests();
    world.sync(SECOND_SAMPLE).await;
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_replaces_what_an_earlier_deal_started() {
    let world = world_with("replace", "replace").await;
    world.organization.vendor().change_rules(&json!({"commitmentOverlap": "account"})).unwrap();
    renewed(&world).await;
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let account_plan = object_result(&result, "AccountPlan");
    assert!(
        warns_of(
            account_plan,
            &format!("of the Salesforce record {LINE}, which ran until 2027-01-01")
        ),
        "{account_plan:#}"
    );
    assert_eq!(world.object("accountplans", "code", LINE)["endDate"], "2026-03-01T00:00:00Z");
    assert!(
        warns_of(object_result(&result, "Commitment"), "was ended at 2026-03-01"),
        "{result:#}"
    );
    let contract = world.object("contracts", "code", DEAL);
    assert_eq!(
        world.object("commitments", "contractId", contract["id"].as_str().unwrap())["endDate"],
        "2026-03-01"
    );
    // The earlier deal does not take the time back: it meets what followed it and says so.
    let earlier = world.sync(DEAL).await;
    assert_eq!(
        object_result(&earlier, "AccountPlan")["findingCode"],
        "ACCOUNT_PLAN_OVERLAP",
        "{earlier:#}"
    );
    assert_eq!(world.object("accountplans", "code", LINE)["endDate"], "2026-03-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_starts_with_the_new_one_or_later_is_not_replaced() {
    let world = world_with("replace_any", "replace_any").await;
    renewed(&world).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"CloseDate": "2026-01-01"}));
    let result = world.sync(FIVE_LINES).await;
    let account_plan = object_result(&result, "AccountPlan");
    assert_eq!(account_plan["findingCode"], "ACCOUNT_PLAN_OVERLAP", "{account_plan:#}");
    assert!(
        text(account_plan, "remedy")
            .contains("it begins 2026-01-01T00:00:00Z, which is not before the new one starts"),
        "{account_plan:#}"
    );
    assert_eq!(world.object("accountplans", "code", LINE)["endDate"], "2027-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_during_a_replacement_neither_doubles_nor_loses() {
    for (fault, status) in
        [(FaultKind::DropAfterEffect, "Completed"), (FaultKind::DropBeforeEffect, "Failed")]
    {
        let world = world_with("replace", "report").await;
        renewed(&world).await;
        let id = world.object("accountplans", "code", LINE)["id"].as_str().unwrap().to_owned();
        world.fault("POST", &format!("/accountplans/{id}/replace"), fault);
        let result = world.sync(FIVE_LINES).await;
        assert_eq!(result["syncStatus"], status, "{result:#}");
        let again = world.sync(FIVE_LINES).await;
        assert_eq!(again["syncStatus"], "Completed", "{again:#}");
        assert_eq!(end(&world, "accountplans", &id), "2026-03-01T00:00:00Z");
        assert_eq!(
            world
                .objects("accountplans")
                .iter()
                .filter(|plan| plan["startDate"] == "2026-03-01T00:00:00Z")
                .count(),
            5
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_sync_recovers_a_lost_answer_after_a_commitment_ended() {
    let world = world_with("report", "replace_any").await;
    world.fault("PUT", &format!("/commitments/{LEGACY_COMMITMENT}"), FaultKind::DropAfterEffect);
    let result = world.sync(SECOND_SAMPLE).await;
    assert_eq!(object_result(&result, "Commitment")["action"], "created", "{result:#}");
    assert_eq!(end(&world, "commitments", LEGACY_COMMITMENT), "2026-02-01");
    assert_eq!(world.objects("commitments").len(), 2);
}

/// An AccountPlan and a Commitment of 2026 that a sync made, cut to its first nine months, and what
/// nobody's syncs made after them.
async fn two_in_the_way(world: &World, contract_of_the_second: Option<&str>) -> [String; 2] {
    world.sync(DEAL).await;
    let id = |object: &serde_json::Map<String, Json>| object["id"].as_str().unwrap().to_owned();
    let mut plan = world.object("accountplans", "code", LINE);
    let contract = world.object("contracts", "code", DEAL);
    let mut commitment = world.object("commitments", "contractId", &id(&contract));
    plan.insert("endDate".to_owned(), json!("2026-10-01T00:00:00Z"));
    commitment.insert("endDate".to_owned(), json!("2026-10-01"));
    world.change_in_m3ter("accountplans", &plan);
    world.change_in_m3ter("commitments", &commitment);
    let create = |kind: &str, body: &Json| {
        world.organization.vendor().request("POST", &format!("/{kind}"), body).unwrap()
    };
    create(
        "accountplans",
        &json!({"accountId": plan["accountId"], "planId": plan["planId"], "startDate": "2026-10-01T00:00:00Z", "endDate": "2028-01-01T00:00:00Z"}),
    );
    let mut later = json!({"accountId": plan["accountId"], "currency": "USD", "amount": 500, "startDate": "2026-10-01", "endDate": "2027-01-01"});
    if let Some(contract) = contract_of_the_second {
        later["contractId"] = json!(id(&world.object("contracts", "code", contract)));
    }
    create("commitments", &later);
    let joins = json!({"AccountId": ACCOUNT, "M3ter_Contract_Code__c": DEAL, "CloseDate": "2026-07-01", "End_Date__c": "2026-12-31"});
    world.org.vendor().update("Opportunity", FIVE_LINES, &joins);
    [id(&plan), id(&commitment)]
}

fn starting(world: &World, kind: &str, date: &str) -> String {
    let found = world
        .objects(kind)
        .into_iter()
        .find(|object| object["startDate"].as_str().unwrap().starts_with(date));
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_unless_every_overlapping_object_can_be_replaced() {
    let world = world_with("replace", "replace").await;
    let [plan, commitment] = two_in_the_way(&world, Some(DEAL)).await;
    world.organization.clear_requests();
    let foreseen = world.dry_run(FIVE_LINES).await;
    assert_eq!(foreseen["syncStatus"], "Partial Success", "{foreseen:#}");
    let account_plan = object_result(&foreseen, "AccountPlan");
    let in_the_way = starting(&world, "accountplans", "2026-10-01");
    assert_eq!(
        (text(account_plan, "action"), text(account_plan, "findingCode")),
        ("failed", "ACCOUNT_PLAN_OVERLAP"),
        "{account_plan:#}"
    );
    let remedy = format!(
        "The AccountPlan {in_the_way} was not replaced: it was not made by a sync of this service. End it in m3ter"
    );
    assert!(text(account_plan, "remedy").starts_with(&remedy), "{account_plan:#}");
    let of_commitment = object_result(&foreseen, "Commitment");
    let later = starting(&world, "commitments", "2026-10-01");
    for id in [&commitment, &later] {
        let warnings = of_commitment["warnings"].as_array().unwrap();
        let told = warnings
            .iter()
            .find(|warning| warning.as_str().unwrap().contains(id.as_str()))
            .unwrap()
            .as_str()
            .unwrap();
        assert!(told.ends_with("m3ter may refuse this one"), "{told}");
    }
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());

    let result = world.sync(FIVE_LINES).await;
    assert_eq!(
        text(object_result(&result, "AccountPlan"), "remedy"),
        text(account_plan, "remedy"),
        "{result:#}"
    );
    let refused = object_result(&result, "Commitment");
    assert_eq!(text(refused, "findingCode"), "COMMITMENT_OVERLAP", "{refused:#}");
    assert!(
        text(refused, "remedy").starts_with(&format!("The Commitment {later} was not replaced")),
        "{refused:#}"
    );
    assert_eq!(end(&world, "accountplans", &plan), "2026-10-01T00:00:00Z");
    assert_eq!(end(&world, "commitments", &commitment), "2026-10-01");
    let ends = |write: &&sync_to_m3ter_sandbox::control::LoggedRequest| {
        write.path.ends_with("/replace") || write.path.contains(&commitment)
    };
    assert_eq!(world.m3ter_writes().iter().filter(ends).count(), 0, "{:?}", world.m3ter_writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_ended_for_one_that_m3ter_still_refuses_is_restored() {
    let world = world_with("report", "replace").await;
    // m3ter looks further than the Contract, which only its second refusal tells.
    let [_, commitment] = two_in_the_way(&world, None).await;
    world.organization.vendor().change_rules(&json!({"commitmentOverlap": "account"})).unwrap();
    let result = world.sync(FIVE_LINES).await;
    let refused = object_result(&result, "Commitment");
    let later = starting(&world, "commitments", "2026-10-01");
    assert_eq!(text(refused, "findingCode"), "COMMITMENT_OVERLAP", "{refused:#}");
    assert!(text(refused, "message").ends_with(&later), "{refused:#}");
    assert!(
        text(refused, "remedy").contains(&format!(
            "The Commitment {commitment} was ended for it, and its end was set back to 2026-10-01"
        )),
        "{refused:#}"
    );
    assert_eq!(end(&world, "commitments", &commitment), "2026-10-01");
    assert!(
        world.m3ter_writes().iter().any(|write| write.path.contains(&commitment)),
        "it was ended before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_predicts_the_overlap_of_moved_dates() {
    let world = World::new().await;
    world.organization.vendor().change_rules(&json!({"commitmentOverlap": "account"})).unwrap();
    world.sync(DEAL).await;
    let next_year =
        json!({"AccountId": ACCOUNT, "CloseDate": "2027-01-01", "End_Date__c": "2027-12-31"});
    world.org.vendor().update("Opportunity", FIVE_LINES, &next_year);
    assert_eq!(world.sync(FIVE_LINES).await["syncStatus"], "Completed");
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"CloseDate": "2026-07-01"}));
    let foreseen = world.dry_run(FIVE_LINES).await;
    let of_line = object_result(&foreseen, "AccountPlan");
    let blocker = world.object("accountplans", "code", LINE);
    let words = format!(
        "AccountPlan would overlap with AccountPlan {} for the same product {}",
        blocker["id"].as_str().unwrap(),
        blocker["productId"].as_str().unwrap()
    );
    assert_eq!(text(of_line, "message"), format!("Would fail: {words}"), "{of_line:#}");
    assert_eq!(
        (&foreseen["syncStatus"], &foreseen["success"], &of_line["success"]),
        (&json!("Partial Success"), &json!(false), &json!(false))
    );
    assert_eq!(of_line["changes"][0]["field"], "startDate", "{of_line:#}");
    assert_eq!(foreseen["counts"]["failed"], 1, "{foreseen:#}");
    let result = world.sync(FIVE_LINES).await;
    let refused = object_result(&result, "AccountPlan");
    assert_eq!(text(refused, "message"), words, "{refused:#}");
    for field in ["findingCode", "remedy", "action"] {
        assert_eq!(refused[field], of_line[field], "{field}");
    }
    let is_failed =
        |object: &&Json| object["action"] == "failed" && object["objectName"] == "AccountPlan";
    assert_eq!(
        result["objectResults"].as_array().unwrap().iter().filter(is_failed).count(),
        1,
        "{result:#}"
    );
}

const REMOVED_LINES_END: (&str, &str) = ("removed_lines = \"warn\"", "removed_lines = \"end\"");
const GONE: &str = "00kS900000079F2IAI";

#[tokio::test(flavor = "multi_thread")]
async fn the_account_plan_of_a_line_that_is_gone_ends_once() {
    let world = World::with_mapping(Some(&[REMOVED_LINES_END])).await;
    world.org.vendor().update(
        "Opportunity",
        FIVE_LINES,
        &json!({"CloseDate": "2026-03-01", "End_Date__c": "2099-02-28"}),
    );
    world.sync(FIVE_LINES).await;
    world.org.vendor().delete("OpportunityLineItem", GONE);
    world.organization.clear_requests();
    let foreseen = world.dry_run(FIVE_LINES).await;
    let of_gone = |result: &Json| {
        let results = result["objectResults"].as_array().unwrap().clone();
        results.into_iter().filter(|object| object["salesforceId"] == GONE).collect::<Vec<_>>()
    };
    let would_end = of_gone(&foreseen);
    assert_eq!((would_end.len(), text(&would_end[0], "action")), (1, "updated"), "{foreseen:#}");
    assert_eq!(would_end[0]["changes"][0]["source"], "setting `removed_lines`");
    assert!(world.m3ter_writes().is_empty());

    let result = world.sync(FIVE_LINES).await;
    assert_eq!(result["syncStatus"], "Completed", "{result:#}");
    let ended = of_gone(&result);
    assert_eq!(
        (ended.len(), text(&ended[0], "objectName"), text(&ended[0], "action")),
        (1, "AccountPlan", "updated"),
        "{result:#}"
    );
    assert!(warns_of(&ended[0], "Its line is gone from Salesforce"), "{result:#}");
    let plan = world.object("accountplans", "code", GONE);
    assert!(plan["endDate"].as_str().unwrap() < "2099", "{plan:?}");
    assert_eq!(world.m3ter_writes().len(), 1, "{:?}", world.m3ter_writes());
    // Somebody who opens it again in m3ter has a reason: it is not ended a second time.
    let mut reopened = plan.clone();
    reopened.insert("endDate".to_owned(), json!("2098-01-01T00:00:00Z"));
    world.change_in_m3ter("accountplans", &reopened);
    let again = world.sync(FIVE_LINES).await;
    assert!(of_gone(&again).is_empty(), "{again:#}");
    assert_eq!(world.object("accountplans", "code", GONE)["endDate"], "2098-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_ends_nothing() {
    let world = World::with_mapping(Some(&[REMOVED_LINES_END])).await;
    world.org.vendor().update("Opportunity", FIVE_LINES, &json!({"End_Date__c": "2099-02-28"}));
    world.sync(FIVE_LINES).await;
    world.org.vendor().delete("OpportunityLineItem", GONE);
    world.organization.clear_requests();
    world.org.add_fault(
        sync_to_m3ter_sandbox::control::Fault::new("GET", "/query", FaultKind::Truncated).times(10),
    );
    let result = world.sync(FIVE_LINES).await;
    assert_eq!(result["syncStatus"], "Failed", "{result:#}");
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
}
