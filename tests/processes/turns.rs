//! The order in which m3ter's limit lets callouts through: first things first within a deal, and
//! whoever somebody waits for.

use serde_json::json;
use sync_to_m3ter_sandbox::control::LoggedRequest;

use crate::cluster::Cluster;

/// Few enough that a deal of many lines has callouts waiting all the time.
const LIMIT: [(&str, &str); 1] = [("M3TER_REQUESTS_PER_SECOND", "10")];
const LINES: usize = 20;

fn creates(request: &LoggedRequest, kinds: &[&str]) -> bool {
    request.method == "POST" && kinds.iter().any(|kind| request.path.ends_with(kind))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_makes_its_plans_before_what_refers_to_them() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&LIMIT).await;
    let deal = cluster.add_deal_of(LINES);
    let (_, result) = cluster.post(&replica, &format!("/sync-to-m3ter/{deal}")).await.unwrap();
    assert_eq!(result["syncStatus"], json!("Completed"), "{result:#}");
    let requests = cluster.organization.requests();
    let last =
        requests.iter().rposition(|request| creates(request, &["/contracts", "/plans"])).unwrap();
    // Only what was let through in the same moment may arrive in another order.
    let early = requests[..last]
        .iter()
        .filter(|request| creates(request, &["/pricings", "/accountplans"]))
        .count();
    assert!(early < 10, "{early} places went to what refers to Plans while Plans waited for some");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_left_by_other_users_is_found() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[("M3TER_REQUESTS_PER_SECOND", "50")]).await;
    let deal = cluster.add_deal_of(LINES);
    // Others have taken four fifths of it.
    cluster.organization.set_requests_per_second(Some(10));
    let (_, result) = cluster.post(&replica, &format!("/sync-to-m3ter/{deal}")).await.unwrap();
    assert_eq!(result["syncStatus"], json!("Completed"), "{result:#}");
    assert_eq!(result["counts"]["created"], json!(3 + 3 * LINES));
    let refused = cluster
        .organization
        .requests()
        .iter()
        .filter(|request| request.status == Some(429))
        .count();
    assert!((1..=150).contains(&refused), "{refused} requests were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_awaited_deal_gets_through_beside_a_large_one() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&LIMIT).await;
    let (large, small) = (cluster.add_deal_of(LINES), cluster.add_deal());
    let run = cluster.begin(&replica, &large).await;
    let made = |kind| {
        cluster.organization.requests().iter().filter(|request| creates(request, &[kind])).count()
    };
    cluster.until("the large deal makes its plans", async || made("/plans") > 0).await;
    let before = cluster.organization.requests().len();
    let (_, result) = cluster.post(&replica, &format!("/sync-to-m3ter/{small}")).await.unwrap();
    assert_eq!(result["syncStatus"], json!("Completed"), "{result:#}");
    // It has some ten callouts; in a queue by arrival all of the large one's, some 60, would have
    // come before the last of them.
    let between = cluster.organization.requests().len() - before;
    assert!(between <= 30, "{between} requests from the first to the last of the small deal's");
    assert!(made("/accountplans") <= LINES, "the large one is not over");
    let shown = cluster.ended(&replica, &run).await;
    assert_eq!(shown["result"]["syncStatus"], json!("Completed"), "{:#}", shown["result"]);
}
