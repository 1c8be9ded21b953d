//! What a vendor refuses for a moment is no status of a record: it is read again, and the
//! verification finds what it finds without it. What a vendor refuses for good ends the
//! verification, and nothing is told of a record.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind, LoggedRequest};

use crate::operations::verify::{Made, found, verify};
use crate::support::*;
use crate::sync::salesforce_refusals::{LOGIN, expire_tokens};

/// Queries for the deals of a page, with their rows.
const DEALS: &str = "FROM OpportunityLineItems";

fn request() -> Json {
    json!({ "roots": ["Opportunity"] })
}

/// Whether a request met the planned fault.
fn was_met(requests: &[LoggedRequest]) -> bool {
    requests.iter().any(|request| request.fault.is_some())
}

/// What a verification finds that meets a fault.
async fn found_with(world: &World, fault: Fault, is_of_m3ter: bool) -> BTreeMap<String, Json> {
    let words = format!("{fault:?}");
    world.org.clear_requests();
    world.organization.clear_requests();
    if is_of_m3ter {
        world.organization.add_fault(fault);
    } else {
        world.org.add_fault(fault);
    }
    let verification = verify(world, &request()).await;
    assert_eq!(verification["state"], "completed", "{words}: {verification:#}");
    assert!(
        was_met(&world.org.requests()) || was_met(&world.organization.requests()),
        "{words} was not met"
    );
    world.org.clear_faults();
    world.organization.clear_faults();
    found(world, &verification).await
}

fn query(fault: FaultKind) -> Fault {
    Fault::new("GET", "/query", fault).containing(DEALS)
}

/// A page that says that there is more, and not where.
fn cut(relationship: Option<&str>) -> FaultKind {
    FaultKind::CutPage {
        relationship: relationship.map(ToOwned::to_owned),
        rows: 0,
        done: false,
        next_records_url: None,
    }
}

/// A list of all objects of a kind as m3ter may end it: with an empty token.
fn with_an_empty_token(world: &World, kind: &str) -> FaultKind {
    let body = json!({ "data": world.objects(kind), "nextToken": "" });
    FaultKind::Answer { status: 200, headers: BTreeMap::default(), body }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_refusal_changes_no_status() {
    let world = World::new().await;
    Made::new(&world).await;
    world.org.vendor().rules(&json!({ "childPageRows": 1 })).unwrap();
    let expected = found(&world, &verify(&world, &request()).await).await;
    assert!(expected.len() > 9, "{expected:#?}");
    for fault in [
        query(FaultKind::error(400, "URL_NOT_RESET")),
        query(FaultKind::error(400, "QUERY_TIMEOUT")),
        query(FaultKind::error(403, "REQUEST_LIMIT_EXCEEDED")),
        query(cut(None)),
        query(cut(Some("OpportunityLineItems"))),
        Fault::new("GET", "/query/*", FaultKind::error(400, "INVALID_QUERY_LOCATOR")),
        Fault::new("GET", "/query/*", FaultKind::error(401, "INVALID_SESSION_ID")),
    ] {
        let told = format!("{fault:?}");
        assert_eq!(found_with(&world, fault, false).await, expected, "{told}");
    }
    expire_tokens(&world).await;
    let login = Fault::new("POST", LOGIN, FaultKind::error(400, "unknown_error"));
    assert_eq!(found_with(&world, login, false).await, expected);
    for kind in ["contracts", "commitments"] {
        let last = Fault::new("GET", &format!("/{kind}"), with_an_empty_token(&world, kind));
        assert_eq!(found_with(&world, last, true).await, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_refusal_ends_the_verification_and_it_can_be_resumed() {
    let world = World::new().await;
    Made::new(&world).await;
    let expected = found(&world, &verify(&world, &request()).await).await;
    for (status, code, words) in [
        (403, "API_DISABLED_FOR_ORG", "API Enabled"),
        (410, "UNSUPPORTED_API_VERSION", "SALESFORCE_API_VERSION"),
    ] {
        world.org.add_fault(query(FaultKind::error(status, code)).times(100));
        let (_, begun) = world.post("/verifications", &request().to_string()).await;
        let path = format!("/verifications/{}", begun["verificationId"].as_str().unwrap());
        let failed = world.until(&path, "failed").await;
        assert!(failed["message"].as_str().unwrap().contains(words), "{failed:#}");
        assert_eq!(failed["verified"], 0, "nothing is told of a record: {failed:#}");
        world.org.clear_faults();
        let (status, resumed) = world.post(&format!("{path}/resume"), "").await;
        assert_eq!(status, 200, "{resumed}");
        let resumed = world.until(&path, "completed").await;
        assert_eq!(found(&world, &resumed).await, expected, "{code}");
    }
}
