//! Syncs that a refused login ended: few logins, and each sync once more when logins work.

use std::time::Duration;

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;
use crate::sync::salesforce_refusals::{LOGIN, expire_tokens, failure, logins};

/// Waits until a run that ended repeats this one; its id and its status.
pub(crate) async fn repeated(world: &World, run: &str) -> Json {
    for _ in 0..600 {
        let (_, body) = world.get(&format!("/sync-runs/{run}")).await;
        let body: Json = serde_json::from_str(&body).unwrap();
        if let Some(replay) = body["replays"].as_array().and_then(|replays| replays.first()) {
            let (_, body) = world.get(&format!("/sync-runs/{}", replay.as_str().unwrap())).await;
            let body: Json = serde_json::from_str(&body).unwrap();
            if body["state"] == "ended" {
                return body;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{run} was not run again");
}

async fn runs_of(world: &World, record: &str) -> usize {
    let (_, body) = world.get(&format!("/sync-runs?parentRecordId={record}")).await;
    let body: Json = serde_json::from_str(&body).unwrap();
    body["syncRuns"].as_array().unwrap().len()
}

/// Syncs while a login is refused, and after it works again without anybody's doing.
async fn is_run_again_once_logins_work(vendor: &'static str) {
    let mut world = World::with_config(|config| config.runs.lease = Duration::from_secs(3)).await;
    let (path, status, code, failed) = match vendor {
        "m3ter" => ("/oauth/token", 401, "invalid_client", "M3TER_AUTH_FAILED"),
        _ => (LOGIN, 400, "invalid_client", "SALESFORCE_AUTH_FAILED"),
    };
    let refused = Fault::new("POST", path, FaultKind::error(status, code)).times(1_000);
    expire_tokens(&world).await;
    if vendor == "m3ter" {
        world.organization.add_fault(refused);
        world.organization.clear_requests();
    } else {
        world.org.add_fault(refused);
        world.org.clear_requests();
    }
    let first = world.sync(DEAL).await;
    let last = world.sync(DEAL).await;
    let other = world.sync(FIVE_LINES).await;
    let dry_run = world.dry_run(SECOND_SAMPLE).await;
    for result in [&first, &last, &other, &dry_run] {
        assert_eq!(failure(result), Some((failed, false)), "{result:#}");
    }
    let tried = if vendor == "m3ter" {
        logins(&world.organization.requests())
    } else {
        logins(&world.org.requests())
    };
    assert!(tried <= 2, "{vendor}: {tried} logins for four syncs");
    world.org.clear_faults();
    world.organization.clear_faults();
    for result in [&last, &other] {
        let again = repeated(&world, result["syncRunId"].as_str().unwrap()).await;
        assert_eq!(again["syncStatus"], "Completed", "{again:#}");
    }
    assert_eq!(
        (
            runs_of(&world, DEAL).await,
            runs_of(&world, FIVE_LINES).await,
            runs_of(&world, SECOND_SAMPLE).await
        ),
        (3, 2, 1)
    );
    // What was run again once, and what succeeded, is left alone.
    world.restart(100).await;
    assert_all(&world.sync(DEAL).await, "unchanged");
    assert_eq!(runs_of(&world, DEAL).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_ended_by_a_refused_login_is_run_again_once_a_login_works() {
    tokio::join!(
        Box::pin(is_run_again_once_logins_work("m3ter")),
        Box::pin(is_run_again_once_logins_work("Salesforce"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_new_credentials_runs_again_what_the_old_ones_ended() {
    let mut world = World::new().await;
    world.reconfigure(|config| config.m3ter.api_secret = "wrong".to_owned().into()).await;
    world.organization.clear_requests();
    let failed = world.sync(DEAL).await;
    assert_eq!(failure(&failed), Some(("M3TER_AUTH_FAILED", false)), "{failed:#}");
    assert!(
        logins(&world.organization.requests()) <= 2,
        "the service loads and syncs with one login"
    );
    world.reconfigure(|_| {}).await;
    let again = repeated(&world, failed["syncRunId"].as_str().unwrap()).await;
    assert_eq!(again["syncStatus"], "Completed", "{again:#}");
}
