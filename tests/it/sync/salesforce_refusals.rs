//! What Salesforce's refusals lead to: again, after a new login, from the start of a query, or not
//! at all, and what the answer says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter::salesforce::codes::TABLE;
use sync_to_m3ter::transport::{Budget, Meaning};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind, LoggedRequest};

use crate::support::*;

pub(crate) const LOGIN: &str = "/services/oauth2/token";
/// The query of the deal itself.
const DEALS: &str = "FROM Opportunity ";
/// An id of an object that the org does not have.
const OF_NO_OBJECT: &str = "zzzS90000000001";

pub(crate) async fn expire_tokens(world: &World) {
    for url in [world.org.base_url(), world.organization.base_url()] {
        assert_eq!(world.send(world.client().delete(format!("{url}/sandbox/tokens"))).await.0, 200);
    }
}

pub(crate) fn logins(requests: &[LoggedRequest]) -> usize {
    requests.iter().filter(|request| request.path.ends_with("/token")).count()
}

fn deal_queries(world: &World) -> usize {
    world
        .org
        .requests()
        .iter()
        .filter(|request| {
            let mut values = url::form_urlencoded::parse(request.query.as_bytes());
            request.path == "/query" && values.any(|(_, soql)| soql.contains("FROM Opportunity "))
        })
        .count()
}

/// The code and whether it may be tried again; nothing for a sync that did not fail.
pub(crate) fn failure(result: &Json) -> Option<(&str, bool)> {
    Some((result["errorCode"].as_str()?, result["retryable"].as_bool().unwrap()))
}

fn message(result: &Json) -> &str {
    result["message"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporarily_refused_login_is_retried_and_not_taken_for_a_wrong_secret() {
    for code in ["unknown_error", "temporarily_unavailable", "server_error"] {
        let world = World::new().await;
        expire_tokens(&world).await;
        world.org.add_fault(Fault::new("POST", LOGIN, FaultKind::error(400, code)));
        assert_all(&world.sync(DEAL).await, "created");
        expire_tokens(&world).await;
        world.org.add_fault(Fault::new("POST", LOGIN, FaultKind::error(400, code)).times(100));
        let result = world.sync(DEAL).await;
        assert_eq!(failure(&result), Some(("SALESFORCE_UNAVAILABLE", true)), "{code}: {result:#}");
        assert!(
            message(&result).contains("tried 4 times") && !message(&result).contains("credentials"),
            "{result:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_has_moved_is_looked_for_with_one_new_login() {
    let moved = FaultKind::error(400, "URL_NOT_RESET");
    let location = [("location".to_owned(), "https://elsewhere.example/".to_owned())].into();
    let redirect = FaultKind::Answer { status: 302, headers: location, body: Json::Null };
    for fault in [moved, redirect] {
        let world = World::new().await;
        world.org.clear_requests();
        world.org.add_fault(Fault::new("GET", "/query", fault.clone()).containing(DEALS));
        assert_all(&world.sync(DEAL).await, "created");
        assert_eq!(logins(&world.org.requests()), 1, "{fault:?}");
        world.org.clear_requests();
        world
            .org
            .add_fault(Fault::new("GET", "/query", fault.clone()).containing(DEALS).times(100));
        for _ in 0..3 {
            let result = world.sync(DEAL).await;
            assert_eq!(
                failure(&result),
                Some(("SALESFORCE_UNAVAILABLE", true)),
                "{fault:?}: {result:#}"
            );
            assert!(
                message(&result).contains("SALESFORCE_LOGIN_URL")
                    && message(&result).contains("My Domain"),
                "{result:#}"
            );
        }
        assert_eq!(
            logins(&world.org.requests()),
            1,
            "{fault:?}: one login for all who find it there"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_instance_is_replaced_by_the_one_of_a_new_login() {
    let mut world = World::new().await;
    let gone = json!({ "access_token": "00DS90000000001!gone", "instance_url": "http://127.0.0.1:1", "token_type": "Bearer",
        "id": "http://127.0.0.1:1/id/00DS90000000001MAA/005S90000000001IAA" });
    world.org.clear_requests();
    world.org.add_fault(Fault::new(
        "POST",
        LOGIN,
        FaultKind::Answer { status: 200, headers: BTreeMap::default(), body: gone.clone() },
    ));
    world.restart(100).await;
    assert_eq!(logins(&world.org.requests()), 2);
    assert_all(&world.sync(DEAL).await, "created");
    // Where every login names it, the answer says what to look at.
    expire_tokens(&world).await;
    world.org.add_fault(
        Fault::new(
            "POST",
            LOGIN,
            FaultKind::Answer { status: 200, headers: BTreeMap::default(), body: gone },
        )
        .times(100),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(failure(&result), Some(("SALESFORCE_UNAVAILABLE", true)), "{result:#}");
    assert!(
        message(&result).contains("could not be reached") && message(&result).contains("My Domain"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporarily_locked_row_is_written_back_within_the_sync() {
    for code in ["UNABLE_TO_LOCK_ROW", "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"] {
        let world = World::new().await;
        let locked = |rows: &[usize]| FaultKind::RefuseRows {
            rows: rows.to_vec(),
            status_code: code.to_owned(),
            message: None,
        };
        world.org.add_fault(Fault::new("PATCH", "/composite/sobjects", locked(&[0])));
        let result = world.sync(DEAL).await;
        assert_all(&result, "created");
        let warnings = |result: &Json| -> Vec<String> {
            let objects = result["objectResults"].as_array().unwrap().iter();
            let warnings = objects
                .flat_map(|object| object["warnings"].as_array().unwrap())
                .map(Json::to_string);
            warnings.filter(|warning| warning.contains("could not be written")).collect()
        };
        assert_eq!(warnings(&result), Vec::<String>::new(), "{result:#}");
        let account = world.org.vendor().record("Account", ACCOUNT).unwrap();
        assert_eq!(account["M3ter_Account_Id__c"], world.object("accounts", "code", ACCOUNT)["id"]);
        let written: Vec<usize> = world
            .org
            .requests()
            .iter()
            .filter(|request| request.path == "/composite/sobjects")
            .map(|request| request.body["records"].as_array().unwrap().len())
            .collect();
        assert_eq!(
            (written.len(), written[1]),
            (2, 1),
            "only the locked row is sent again: {written:?}"
        );

        world.org.vendor().update("Account", ACCOUNT, &json!({ "M3ter_Account_Id__c": null }));
        world.org.add_fault(Fault::new("PATCH", "/composite/sobjects", locked(&[])).times(100));
        let result = world.sync(DEAL).await;
        assert_eq!(result["syncStatus"], "Completed");
        let warning = warnings(&result).concat();
        assert!(
            warning.contains(code) && warning.contains("the next sync of this record writes it"),
            "{result:#}"
        );
        world.org.clear_faults();
        world.sync(DEAL).await;
        assert_eq!(
            world.org.vendor().record("Account", ACCOUNT).unwrap()["M3ter_Account_Id__c"],
            account["M3ter_Account_Id__c"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_cursor_expires_is_sent_again_from_its_start() {
    let dead = [
        FaultKind::error(400, "INVALID_QUERY_LOCATOR"),
        FaultKind::error(401, "INVALID_SESSION_ID"),
    ];
    for (fault, code) in
        dead.into_iter().zip([("SALESFORCE_UNAVAILABLE", true), ("SALESFORCE_AUTH_FAILED", false)])
    {
        let world = World::new().await;
        world.org.vendor().rules(&json!({ "childPageRows": 2 })).unwrap();
        world.org.clear_requests();
        // The last of three pages of lines: what the first run has read is not mixed with the
        // second.
        world.org.add_fault(Fault::new("GET", "/query/*", fault.clone()).occurrence(2));
        let result = world.sync(FIVE_LINES).await;
        assert_eq!(result["syncStatus"], "Completed", "{fault:?}: {result:#}");
        let lines =
            actions(&result).into_iter().filter(|action| action == "AccountPlan created").count();
        assert_eq!((deal_queries(&world), lines), (2, 5), "{fault:?}: {result:#}");
        world.org.clear_requests();
        world.organization.clear_requests();
        world.org.add_fault(Fault::new("GET", "/query/*", fault.clone()).times(1_000));
        let result = world.sync(FIVE_LINES).await;
        assert_eq!(failure(&result), Some(code), "{fault:?}: {result:#}");
        assert_eq!(deal_queries(&world), 3, "{fault:?}: the query is not sent for ever");
        assert!(world.m3ter_writes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_took_too_long_is_sent_again() {
    let world = World::new().await;
    world.org.add_fault(
        Fault::new("GET", "/query", FaultKind::error(400, "QUERY_TIMEOUT")).containing(DEALS),
    );
    assert_all(&world.sync(DEAL).await, "created");
    world.org.add_fault(
        Fault::new("GET", "/query", FaultKind::error(400, "QUERY_TIMEOUT"))
            .containing(DEALS)
            .times(100),
    );
    let result = world.sync(DEAL).await;
    assert_eq!(failure(&result), Some(("SALESFORCE_UNAVAILABLE", true)), "{result:#}");
    assert!(message(&result).contains("tried 4 times"), "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_inside_a_composite_answer_is_retried_like_any_other() {
    let org = sync_to_m3ter_sandbox::salesforce::start(0).await.unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let config = sync_to_m3ter::command::sandbox::config(
        &org.base_url(),
        &org.base_url(),
        "unused.db",
        address,
    )
    .unwrap();
    let client = sync_to_m3ter::salesforce::Client::new(config.salesforce).unwrap();
    // Longer than a URI may be: it goes as the body of a composite request.
    let soql = format!("SELECT Id FROM Opportunity WHERE Name <> '{}' LIMIT 1", "x".repeat(12_000));
    let refused = json!([{ "errorCode": "QUERY_TIMEOUT", "message": "no" }]);
    let body = json!({ "compositeResponse": [{ "body": refused, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "query" }] });
    let fault = FaultKind::Answer { status: 200, headers: BTreeMap::default(), body };
    org.add_fault(Fault::new("POST", "/composite", fault.clone()));
    let budget = || Budget::new(Duration::from_secs(30), 100);
    assert_eq!(client.query(&soql, &budget()).await.unwrap().len(), 1);
    org.add_fault(Fault::new("POST", "/composite", fault).times(100));
    let error = client.query(&soql, &budget()).await.unwrap_err();
    assert!(error.refusal().is_none() && error.attempts == 4, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_refusal_is_not_retried_and_says_what_to_do() {
    for (status, code, words) in [
        (403, "API_DISABLED_FOR_ORG", "API Enabled"),
        (410, "UNSUPPORTED_API_VERSION", "SALESFORCE_API_VERSION"),
        (400, "INVALID_VERSION", "SALESFORCE_API_VERSION"),
        (403, "ORG_LOCKED", "Salesforce"),
        (400, "MALFORMED_QUERY", "report it"),
    ] {
        let world = World::new().await;
        world.org.add_fault(Fault::new("GET", "/query", FaultKind::error(status, code)).times(100));
        let before = world.org.requests().len();
        let result = world.sync(DEAL).await;
        assert_eq!(failure(&result), Some(("SALESFORCE_REFUSED", false)), "{code}: {result:#}");
        assert!(
            message(&result).contains(words) && result["nextTryAt"].is_null(),
            "{code}: {result:#}"
        );
        assert_eq!(world.org.requests().len(), before + 1, "{code}: sent once");
    }
}

/// The callouts at which a code is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Query,
    NextPage,
    Describe,
    Object,
    Deleted,
    WriteBack,
    Row,
    Login,
}

const EVERYWHERE: [At; 8] = [
    At::Query,
    At::NextPage,
    At::Describe,
    At::Object,
    At::Deleted,
    At::WriteBack,
    At::Row,
    At::Login,
];

/// What a sync comes to when this code is answered at this callout so many times.
async fn comes_to(world: &World, at: At, meaning: Meaning, code: &str, times: u32) -> Json {
    let (method, path, contains) = match at {
        At::Query => ("GET", "/query", Some(DEALS)),
        At::NextPage => ("GET", "/query/*", None),
        At::Describe => ("GET", "/sobjects/Opportunity/describe", None),
        At::Object => ("GET", "/query", Some("EntityDefinition")),
        At::Deleted => ("GET", "/queryAll", None),
        At::WriteBack | At::Row => ("PATCH", "/composite/sobjects", None),
        At::Login => ("POST", LOGIN, None),
    };
    let status = if meaning == Meaning::StaleLogin { 401 } else { 400 };
    let body = match at {
        At::Login => json!({ "error": code, "error_description": "no" }),
        _ => json!([{ "errorCode": code, "message": "no" }]),
    };
    // Nothing is waited for that the test need not wait for.
    let headers = [("retry-after".to_owned(), "0".to_owned())].into();
    let fault = match at {
        At::Row => {
            FaultKind::RefuseRows { rows: Vec::new(), status_code: code.to_owned(), message: None }
        }
        _ => FaultKind::Answer { status, headers, body },
    };
    let fault = Fault {
        contains: contains.map(ToOwned::to_owned),
        ..Fault::new(method, path, fault).times(times)
    };
    world.org.add_fault(fault);
    match at {
        At::Describe => {
            // The org has lost a field since its describe: it is described again.
            let lost = Fault::new("GET", "/query", FaultKind::error(400, "INVALID_FIELD"))
                .containing(DEALS);
            world.org.add_fault(lost);
        }
        At::WriteBack | At::Row => {
            world.org.vendor().update(
                "Opportunity",
                DEAL,
                &json!({ "M3ter_Contract_Id__c": null }),
            );
        }
        At::Login => expire_tokens(world).await,
        _ => {}
    }
    let result = match at {
        At::NextPage => world.dry_run(FIVE_LINES).await,
        At::Object => world.sync(OF_NO_OBJECT).await,
        At::Deleted => world.sync(DELETED).await,
        _ => world.sync(DEAL).await,
    };
    world.org.clear_faults();
    result
}

/// What the table says that it comes to: the code of the failure, and whether it may be tried
/// again.
fn expected(at: At, meaning: Meaning, code: &str, lasts: bool) -> Option<(&'static str, bool)> {
    let in_order = match at {
        At::Object => Some(("UNSUPPORTED_OBJECT", false)),
        At::Deleted => Some(("RECORD_DELETED", false)),
        _ => None,
    };
    let is_mapped =
        matches!(at, At::Query | At::NextPage) && matches!(code, "INVALID_FIELD" | "INVALID_TYPE");
    match (at, meaning) {
        // What cannot be written back is a warning.
        (At::WriteBack | At::Row, _) => None,
        (_, Meaning::Passing | Meaning::Limit) if !lasts => in_order,
        (At::Login, Meaning::StaleAddress) | (_, Meaning::Passing) => {
            Some(("SALESFORCE_UNAVAILABLE", true))
        }
        (_, Meaning::Limit) => Some(("SALESFORCE_LIMIT_EXCEEDED", true)),
        (At::Login, _) => Some(("SALESFORCE_AUTH_FAILED", false)),
        (_, Meaning::StaleLogin | Meaning::StaleAddress) if !lasts => in_order,
        (_, Meaning::StaleLogin) => Some(("SALESFORCE_AUTH_FAILED", false)),
        (_, Meaning::StaleAddress) => Some(("SALESFORCE_UNAVAILABLE", true)),
        _ if is_mapped => lasts.then_some(("MAPPING_INVALID", false)),
        _ => Some(("SALESFORCE_REFUSED", false)),
    }
}

async fn comes_to_what_the_table_says(meaning: Meaning, code: &'static str) {
    let world = World::new().await;
    world.org.vendor().rules(&json!({ "childPageRows": 2 })).unwrap();
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
    // A login that is refused is remembered, so it comes last.
    for lasts in [false, true] {
        for at in EVERYWHERE.into_iter().filter(|at| {
            *at != At::Login || lasts || matches!(meaning, Meaning::Passing | Meaning::Limit)
        }) {
            let case = format!(
                "{code} ({meaning:?}) at {at:?}, {}",
                if lasts { "always" } else { "once" }
            );
            let result = comes_to(&world, at, meaning, code, if lasts { 1_000 } else { 1 }).await;
            assert_eq!(failure(&result), expected(at, meaning, code, lasts), "{case}: {result:#}");
            if matches!(at, At::WriteBack | At::Row) {
                let warnings = object_result(&result, "Contract")["warnings"].to_string();
                let passes = matches!(
                    meaning,
                    Meaning::Passing | Meaning::Limit | Meaning::StaleLogin | Meaning::StaleAddress
                );
                let is_written = match at {
                    At::Row => meaning == Meaning::Passing && !lasts,
                    _ => passes && !lasts,
                };
                assert_eq!(warnings == "[]", is_written, "{case}: {warnings}");
                if meaning == Meaning::Passing && lasts {
                    assert!(warnings.contains("the next sync"), "{case}: {warnings}");
                }
            }
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_at_every_callout_is_handled_as_the_table_says() {
    let mut running = tokio::task::JoinSet::new();
    for (meaning, code) in TABLE
        .into_iter()
        .flat_map(|(meaning, codes)| codes.iter().map(move |code| (meaning, *code)))
    {
        running.spawn(comes_to_what_the_table_says(meaning, code));
        if running.len() >= 12 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(outcome) = running.join_next().await {
        outcome.unwrap();
    }
}

#[test]
fn the_page_of_errors_shows_the_table() {
    let page = include_str!("../../../docs/errors.md");
    let (_, section) = page.split_once("\n## Salesforce's own codes\n").unwrap();
    let rows = section
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    let shown: Vec<Vec<&str>> = rows
        .map(|row| {
            let codes = row.trim_matches('|').split(" | ").nth(2).unwrap();
            codes.split('`').skip(1).step_by(2).collect()
        })
        .collect();
    assert_eq!(shown, TABLE.map(|(_, codes)| codes.to_vec()));
}
