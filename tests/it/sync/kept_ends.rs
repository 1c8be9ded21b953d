//! An end that end dating made stays an end: what a sync does afterwards, whatever happened in
//! between.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

const END: &str = "2026-07-01";
const EVERYTHING: [&str; 4] = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"];

impl World {
    /// Ends some of what a record has at the middle of its year.
    async fn ended(&self, record: &str, entities: &[&str]) -> Json {
        let order = json!({"parentRecordId": record, "endDate": END, "billingEntities": entities});
        let result = self.end_date("", &order).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        result
    }

    async fn synced_and_ended() -> Self {
        let world = Self::new().await;
        world.sync(DEAL).await;
        world.ended(DEAL, &EVERYTHING).await;
        world
    }

    fn change_deal(&self, fields: &Json) {
        self.org.vendor().update("Opportunity", DEAL, fields);
    }

    /// The ends of the deal's Contract, Commitment, Pricing and AccountPlan, as days.
    fn ends(&self) -> [String; 4] {
        let contract = self.object("contracts", "code", DEAL);
        let id = contract["id"].as_str().unwrap();
        let day = |object: &serde_json::Map<String, Json>| {
            object
                .get("endDate")
                .and_then(Json::as_str)
                .map_or_else(|| "never".to_owned(), |end| end[..10].to_owned())
        };
        [
            day(&contract),
            day(&self.object("commitments", "contractId", id)),
            day(&self.object("pricings", "code", LINE)),
            day(&self.object("accountplans", "code", LINE)),
        ]
    }
}

fn attention(result: &Json) -> Vec<&str> {
    result["attention"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
}

/// What happens between the end and the sync that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    SyncedTwice,
    Replayed,
    Amended,
    Renamed,
    Extended,
    ShortenedBeforeTheEnd,
    ShortenedBeyondTheEnd,
    MovedInM3ter,
    Restarted,
    DatabaseLost,
    DatabaseLostAndEndedAgain,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_has_the_right_end_whatever_happened_in_between() {
    const ENDED: [&str; 4] = [END; 4];
    const AS_SOLD: [&str; 4] = ["2027-01-01", "2027-01-01", "never", "2027-01-01"];
    for (then, ends, codes) in [
        (Then::Nothing, ENDED, vec!["ENDED"]),
        (Then::SyncedTwice, ENDED, vec!["ENDED"]),
        (Then::Replayed, ENDED, vec!["ENDED"]),
        (Then::Amended, ENDED, vec!["DATE_IN_PAST", "ENDED"]),
        (Then::Renamed, ENDED, vec!["ENDED"]),
        (Then::Extended, ["2027-07-01", "2027-07-01", "never", "2027-07-01"], vec!["REOPENED"]),
        (
            Then::ShortenedBeforeTheEnd,
            ["2026-04-01", "2026-04-01", END, "2026-04-01"],
            vec!["DATE_IN_PAST"],
        ),
        (Then::ShortenedBeyondTheEnd, ENDED, vec!["ENDED"]),
        // Somebody who moved the end in m3ter has taken it back.
        (Then::MovedInM3ter, ["2027-01-01", END, END, END], vec!["ENDED"]),
        (Then::Restarted, ENDED, vec!["ENDED"]),
        (Then::DatabaseLost, AS_SOLD, vec![]),
        (Then::DatabaseLostAndEndedAgain, ENDED, vec!["ENDED"]),
    ] {
        let mut world = World::new().await;
        let first = world.sync(DEAL).await;
        world.ended(DEAL, &EVERYTHING).await;
        match then {
            Then::Nothing => {}
            Then::SyncedTwice => drop(world.sync(DEAL).await),
            Then::Replayed => {
                let (status, replay) = world
                    .post(
                        &format!("/sync-runs/{}/replay", first["syncRunId"].as_str().unwrap()),
                        "",
                    )
                    .await;
                assert_eq!(status, 202, "{replay:#}");
            }
            Then::Amended => {
                let line = json!({"OpportunityId": DEAL, "PricebookEntryId": "01uS90000000002IAA", "Quantity": 1, "UnitPrice": 0.5});
                world.org.vendor().insert("OpportunityLineItem", &line);
            }
            Then::Renamed => world.change_deal(&json!({"Name": "Renamed"})),
            Then::Extended => world.change_deal(&json!({"End_Date__c": "2027-06-30"})),
            Then::ShortenedBeforeTheEnd => world.change_deal(&json!({"End_Date__c": "2026-03-31"})),
            Then::ShortenedBeyondTheEnd => world.change_deal(&json!({"End_Date__c": "2026-09-30"})),
            Then::MovedInM3ter => {
                let mut contract = world.object("contracts", "code", DEAL);
                contract.insert("endDate".to_owned(), json!("2026-09-01"));
                world.change_in_m3ter("contracts", &contract);
            }
            Then::Restarted => world.restart(100).await,
            Then::DatabaseLost => world.lose_the_database().await,
            Then::DatabaseLostAndEndedAgain => {
                world.lose_the_database().await;
                let again = world.ended(DEAL, &EVERYTHING).await;
                assert_eq!(again["objectResults"], json!([]), "{again:#}");
            }
        }
        let foretold = world.dry_run(DEAL).await;
        let result = world.sync(DEAL).await;
        assert_eq!(world.ends(), ends, "{then:?}: {result:#}");
        assert_fields!(result, {
            "syncStatus": "Completed",
            "success": true,
        }, "{then:?}: {result:#}");
        assert_eq!(attention(&result), codes, "{then:?}: {result:#}");
        assert_eq!(attention(&foretold), codes, "{then:?}: {foretold:#}");
        assert_eq!(actions(&foretold), actions(&result), "{then:?}");
        if then == Then::Renamed {
            let contract = world.object("contracts", "code", DEAL);
            assert!(contract["name"].as_str().unwrap().contains("Renamed"), "{contract:?}");
        }
        // What was said once holds, and nothing is left to be done.
        world.organization.clear_requests();
        let again = world.sync(DEAL).await;
        assert!(world.m3ter_writes().is_empty(), "{then:?}: {:?}", world.m3ter_writes());
        let lasting: Vec<&str> = codes.into_iter().filter(|code| *code == "ENDED").collect();
        assert_eq!(attention(&again), lasting, "{then:?}: {again:#}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_stays_ended_is_reported_with_what_salesforce_says() {
    let world = World::synced_and_ended().await;
    let result = world.sync(DEAL).await;
    let contract = object_result(&result, "Contract");
    assert_fields!(contract, { "success": true, "action": "unchanged" }, "{contract:#}");
    let told = contract["warnings"][0].as_str().unwrap();
    for part in [
        "was ended at 2026-07-01",
        "`Opportunity.End_Date__c` says 2027-01-01",
        "no later than it said then (2027-01-01)",
        DEAL,
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    let result = world.sync(DEAL).await;
    let contract = object_result(&result, "Contract");
    let told = contract["warnings"][0].as_str().unwrap();
    assert!(told.contains("2027-07-01 now, later than it said then (2027-01-01)"), "{told}");
    // It is taken back once and for all.
    world.change_deal(&json!({"End_Date__c": "2026-12-31"}));
    assert_eq!(attention(&world.sync(DEAL).await), Vec::<&str>::new());
    assert_eq!(world.ends()[0], "2027-01-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_salesforce_had_before_end_dating_is_the_baseline() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    world.ended(DEAL, &EVERYTHING).await;
    assert_eq!(attention(&world.sync(DEAL).await), ["ENDED"]);
    assert_eq!(world.ends(), [END; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn billing_can_be_ended_while_salesforce_cannot_be_read() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let away = FaultKind::Status { status: 503, retry_after: None, message: None };
    world.org.add_fault(Fault::new("GET", "/query", away).times(100));
    let result = world.ended(DEAL, &EVERYTHING).await;
    assert!(result["warnings"].to_string().contains("could not be read"), "{result:#}");
    world.org.clear_faults();
    assert_eq!(attention(&world.sync(DEAL).await), ["ENDED"]);
    assert_eq!(world.ends(), [END; 4]);
    // The end that the last sync brought stands for what was said.
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    let result = world.sync(DEAL).await;
    assert_eq!(
        (attention(&result), world.ends()[0].as_str()),
        (vec!["REOPENED"], "2027-07-01"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_s_end_is_remembered_with_each_of_its_deals() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let order = json!({"parentRecordId": ACCOUNT, "endDate": END, "billingEntities": EVERYTHING});
    assert_eq!(world.end_date("", &order).await["syncStatus"], "Completed");
    assert_eq!(attention(&world.sync(DEAL).await), ["ENDED"]);
    assert_eq!(world.ends(), [END; 4]);
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    assert_eq!(attention(&world.sync(DEAL).await), ["REOPENED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_ended_stays_ended() {
    let world = World::new().await;
    world.sync(DEAL).await;
    world.ended(DEAL, &["PRICINGS"]).await;
    assert_eq!(attention(&world.sync(DEAL).await), ["ENDED"]);
    assert_eq!(world.ends(), ["2027-01-01", "2027-01-01", END, "2027-01-01"]);
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    assert_eq!(attention(&world.sync(DEAL).await), ["REOPENED"]);
    assert_eq!(world.ends(), ["2027-07-01", "2027-07-01", "never", "2027-07-01"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_m3ter_refused_is_not_remembered() {
    let world = World::new().await;
    world.sync(DEAL).await;
    let order =
        json!({"parentRecordId": DEAL, "endDate": "2025-06-01", "billingEntities": EVERYTHING});
    assert_eq!(world.end_date("", &order).await["syncStatus"], "Partial Success");
    assert_all(&world.sync(DEAL).await, "unchanged");
    // Somebody ends the Contract in m3ter, before that: it does not count.
    let mut contract = world.object("contracts", "code", DEAL);
    contract.insert("endDate".to_owned(), json!("2026-06-01"));
    world.change_in_m3ter("contracts", &contract);
    let result = world.sync(DEAL).await;
    assert_eq!(attention(&result), Vec::<&str>::new(), "{result:#}");
    assert_eq!(world.ends()[0], "2027-01-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_retried_after_the_end_leaves_it_in_place() {
    let world =
        World::with_config(|config| config.runs.retry_after = vec![Duration::from_millis(1_500)])
            .await;
    world.sync(DEAL).await;
    world.change_deal(&json!({"Name": "Renamed"}));
    let away = FaultKind::Status { status: 503, retry_after: None, message: None };
    world.organization.add_fault(Fault::new("PUT", "/contracts/*", away).times(100));
    let failed = world.sync(DEAL).await;
    assert_fields!(failed, { "syncStatus": "Failed", "retryable": true }, "{failed:#}");
    world.organization.clear_faults();
    world.ended(DEAL, &EVERYTHING).await;
    let path = format!("/sync-runs/{}", failed["syncRunId"].as_str().unwrap());
    let run = loop {
        let run: Json = serde_json::from_str(&world.get(&path).await.1).unwrap();
        if run["state"] == "ended" {
            break run;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_fields!(run, { "syncStatus": "Completed", "attention": ["ENDED"] }, "{run:#}");
    assert_eq!(world.ends(), [END; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_added_to_an_ended_deal_ends_with_it() {
    let world = World::synced_and_ended().await;
    let line = |start: &Json| {
        let line = json!({"OpportunityId": DEAL, "PricebookEntryId": "01uS90000000002IAA", "Quantity": 1, "UnitPrice": 0.5, "ServiceDate": start});
        world.org.vendor().insert("OpportunityLineItem", &line)
    };
    let added = line(&json!(null));
    let result = world.sync(DEAL).await;
    assert_eq!(
        (&result["syncStatus"], attention(&result)),
        (&json!("Completed"), vec!["DATE_IN_PAST", "ENDED"]),
        "{result:#}"
    );
    assert_eq!(world.object("accountplans", "code", &added)["endDate"], "2026-07-01T00:00:00Z");
    // It is no other for the next sync, and continues with the Contract.
    world.organization.clear_requests();
    assert_eq!(attention(&world.sync(DEAL).await), ["ENDED"]);
    assert!(world.m3ter_writes().is_empty(), "{:?}", world.m3ter_writes());
    world.change_deal(&json!({"End_Date__c": "2027-06-30"}));
    assert_eq!(attention(&world.sync(DEAL).await), ["REOPENED"]);
    assert_eq!(world.object("accountplans", "code", &added)["endDate"], "2027-07-01T00:00:00Z");
}
