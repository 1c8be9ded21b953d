//! The Salesforce user as whom it is asked: kept with the run and shown, and deciding nothing.

use serde_json::{Value as Json, json};
use sync_to_m3ter::callers::Role;
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::http::access::Guarded;
use crate::support::*;

const DEAL: &str = "006S900000795MMIAY";
const ACCOUNT: &str = "001S900000RzsIUIAZ";
const ONE: &str = "005S90000000001AAA";
const OTHER: &str = "005S90000000002AAA";

fn id(short: &str) -> String {
    sync_to_m3ter::domain::ids::SalesforceId::parse(&short[..15]).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_salesforce_user_is_recorded_with_the_run_in_every_form_of_request() {
    let world = World::new().await;
    let shown = async |run: &Json| {
        let run: Json = serde_json::from_str(
            &world.get(&format!("/sync-runs/{}", run.as_str().unwrap())).await.1,
        )
        .unwrap();
        run["salesforceUserIds"].clone()
    };
    let sync = json!([{ "parentRecordId": DEAL, "salesforceUserId": &ONE[..15] }]).to_string();
    let (_, listed) = world.post("/sync-to-m3ter?dryRun=true", &sync).await;
    let (_, one) = world
        .post(&format!("/sync-to-m3ter/{DEAL}?dryRun=true&salesforceUserId={}", id(OTHER)), "")
        .await;
    let end = json!([{ "parentRecordId": ACCOUNT, "endDate": "2026-12-31", "billingEntities": ["CONTRACT"], "salesforceUserId": id(ONE) }]);
    let (_, ended) = world.post("/end-date-billing-entities?dryRun=true", &end.to_string()).await;
    let unsaid = world.dry_run(DEAL).await;
    for (run, user) in [
        (&listed[0], json!([id(ONE)])),
        (&one, json!([id(OTHER)])),
        (&ended[0], json!([id(ONE)])),
        (&unsaid, Json::Null),
    ] {
        assert_eq!(shown(&run["syncRunId"]).await, user, "{run:#}");
    }
    let page: Json = serde_json::from_str(&world.get("/sync-runs").await.1).unwrap();
    let listed: Vec<&Json> =
        page["syncRuns"].as_array().unwrap().iter().map(|run| &run["salesforceUserIds"]).collect();
    assert_eq!(listed, [&Json::Null, &json!([id(ONE)]), &json!([id(OTHER)]), &json!([id(ONE)])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_user_is_refused_before_any_callout() {
    let world = World::new().await;
    for user in ["abc", DEAL, "005S9000000000", "005S90000000001AAB", "005S90000000001;DROP"] {
        let body = json!([{ "parentRecordId": DEAL, "salesforceUserId": user }]).to_string();
        let (status, answer) = world.post("/sync-to-m3ter", &body).await;
        let message = answer[0]["message"].as_str().unwrap().to_owned();
        assert_eq!(
            (status, answer[0]["errorCode"].as_str()),
            (200, Some("INVALID_USER_ID")),
            "{message}"
        );
        assert!(
            message.contains("`salesforceUserId`") && answer[0]["syncRunId"].is_null(),
            "{message}"
        );
    }
    // An older Flow leaves its variable blank.
    let (_, answer) = world
        .post(
            "/sync-to-m3ter",
            &json!([{ "parentRecordId": DEAL, "salesforceUserId": " " }]).to_string(),
        )
        .await;
    assert_eq!(answer[0]["syncStatus"], "Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_share_a_run_are_all_recorded() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let flow = guarded.add("flow", Role::Caller).await;
    let world = &guarded.world;
    let begin = async |user: &str| {
        let path = format!("/sync-to-m3ter/{DEAL}?waitSeconds=0&salesforceUserId={}", id(user));
        let (_, text) = world.send(world.client().post(world.url(&path)).bearer_auth(&flow)).await;
        serde_json::from_str::<Json>(&text).unwrap()["syncRunId"].as_str().unwrap().to_owned()
    };
    world.fault("POST", "/accounts", FaultKind::Delay { ms: 500 });
    let (running, waiting) = (begin(ONE).await, begin(ONE).await);
    for user in [OTHER, ONE, OTHER] {
        assert_eq!(begin(user).await, waiting, "the user does not decide which run is shared");
    }
    guarded.until_ended(&waiting, &operator).await;
    for (run, users) in [(&running, json!([id(ONE)])), (&waiting, json!([id(ONE), id(OTHER)]))] {
        let (_, text) = world
            .send(
                world.client().get(world.url(&format!("/sync-runs/{run}"))).bearer_auth(&operator),
            )
            .await;
        let shown: Json = serde_json::from_str(&text).unwrap();
        assert_fields!(shown, { "salesforceUserIds": users, "requestedBy": ["flow"] }, "{text}");
    }
}
