//! An approved plan whose process is killed at every callout: it ends as it was approved, and after
//! an edit nothing more is written.

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, DEAL, Replica};
use crate::postgres;

/// The callouts of a changed deal's sync with a plan, as `a_planned_sync_makes_these_callouts`
/// finds them; ids are `*`.
const CALLOUTS: [(&str, &str); 9] = [
    ("GET", "/query"),
    ("GET", "/accounts"),
    ("GET", "/contracts"),
    ("GET", "/accountplans"),
    ("PUT", "/contracts/*"),
    ("PUT", "/commitments/*"),
    ("PUT", "/pricings/*"),
    ("PUT", "/accountplans/*"),
    ("PATCH", "/composite/sobjects"),
];
/// Worlds side by side: most of the time they wait for a lease.
const AT_ONCE: usize = 6;

async fn clusters(is_postgres: bool) -> Cluster {
    if is_postgres {
        Cluster::on(postgres::database().await.1).await
    } else {
        Cluster::on_sqlite().await
    }
}

/// A synced deal that was changed, and the plan of the change.
async fn approved(cluster: &Cluster, replica: &Replica) -> String {
    let run = cluster.begin(replica, DEAL).await;
    cluster.ended(replica, &run).await;
    edit(cluster, &json!({"M3ter_Commitment_Amount__c": 15_000, "End_Date__c": "2099-12-31"}));
    let lines = cluster.org.vendor().ids("OpportunityLineItem", "OpportunityId", DEAL);
    cluster.org.vendor().update("OpportunityLineItem", &lines[0], &json!({"UnitPrice": 0.06}));
    let (_, foreseen) =
        cluster.post(replica, &format!("/sync-to-m3ter/{DEAL}?dryRun=true")).await.unwrap();
    cluster.organization.clear_requests();
    cluster.org.clear_requests();
    foreseen["planHash"].as_str().unwrap_or_else(|| panic!("{foreseen:#}")).to_owned()
}

fn edit(cluster: &Cluster, fields: &Json) {
    cluster.org.vendor().update("Opportunity", DEAL, fields);
}

async fn begin(cluster: &Cluster, replica: &Replica, plan: &str) -> String {
    let (status, accepted) = cluster
        .post(replica, &format!("/sync-to-m3ter/{DEAL}?waitSeconds=0&expectedPlan={plan}"))
        .await
        .unwrap();
    assert_eq!(status, 202, "{accepted}");
    accepted["syncRunId"].as_str().unwrap().to_owned()
}

fn writes(cluster: &Cluster) -> usize {
    let is_write =
        |method: &str, path: &str| matches!(method, "POST" | "PUT") && path != "/oauth/token";
    cluster
        .organization
        .requests()
        .iter()
        .filter(|request| is_write(&request.method, &request.path))
        .count()
}

/// Kills the process at one callout; with an edit, before another one goes on.
async fn ends_as_approved(
    is_postgres: bool,
    (method, path, fault): (&'static str, &'static str, FaultKind),
    is_edited: bool,
) {
    let case =
        format!("postgres {is_postgres} {method} {path} {} edited {is_edited}", fault.name());
    let cluster = clusters(is_postgres).await;
    let replica = cluster.replica(&[("RUN_LEASE", "2")]).await;
    let plan = approved(&cluster, &replica).await;
    cluster.fault(method, path, 1, fault);
    let run = begin(&cluster, &replica, &plan).await;
    cluster.until_faulted(1).await;
    replica.kill();
    cluster.clear_faults();
    if is_edited {
        edit(&cluster, &json!({"M3ter_PO_Number__c": "PO-9"}));
    }
    let replica = cluster.replica(&[("RUN_LEASE", "2")]).await;
    // The lease of the one that died has not run out yet: nobody writes.
    let before = writes(&cluster);
    let ended = cluster.ended(&replica, &run).await;
    let result = &ended["result"];
    assert_eq!(ended["takeovers"], 1, "{case}: {ended:#}");
    if is_edited {
        assert_eq!(
            (&result["syncStatus"], &result["errorCode"]),
            (&json!("Failed"), &json!("PLAN_CHANGED")),
            "{case}: {ended:#}"
        );
        assert_eq!(writes(&cluster), before, "{case}: nothing is written after the edit");
    } else {
        assert_eq!(result["syncStatus"], "Completed", "{case}: {ended:#}");
        let (_, foreseen) =
            cluster.post(&replica, &format!("/sync-to-m3ter/{DEAL}?dryRun=true")).await.unwrap();
        let counts = [
            &foreseen["counts"]["unchanged"],
            &foreseen["counts"]["updated"],
            &foreseen["counts"]["created"],
        ];
        assert_eq!(counts, [&json!(6), &json!(0), &json!(0)], "{case}: {foreseen:#}");
    }
    cluster.assert_each_object_once(DEAL, &case);
}

async fn everywhere(is_postgres: bool) {
    let cases = CALLOUTS.iter().flat_map(|(method, path)| {
        // A read has no effect before which the process could die.
        let faults = if *method == "GET" {
            vec![FaultKind::Hang]
        } else {
            vec![FaultKind::Hang, FaultKind::HangAfterEffect]
        };
        faults.into_iter().map(move |fault| ((*method, *path, fault), false))
    });
    let edited = ["/contracts", "/contracts/*", "/commitments/*"].map(|path| {
        let method = if path == "/contracts" { "GET" } else { "PUT" };
        ((method, path, FaultKind::Hang), true)
    });
    let outcomes = stream::iter(cases.chain(edited))
        .map(|(case, is_edited)| ends_as_approved(is_postgres, case, is_edited));
    outcomes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_that_is_killed_anywhere_ends_as_approved_on_sqlite() {
    everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_that_is_killed_anywhere_ends_as_approved_on_postgres() {
    everywhere(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_sync_makes_these_callouts() {
    let cluster = Cluster::on_sqlite().await;
    let replica = cluster.replica(&[]).await;
    let plan = approved(&cluster, &replica).await;
    let run = begin(&cluster, &replica, &plan).await;
    cluster.ended(&replica, &run).await;
    let general = |path: &str| match path.trim_start_matches('/').split_once('/') {
        Some((kind, id)) if id.len() == 36 => format!("/{kind}/*"),
        _ => path.to_owned(),
    };
    let mut made: Vec<(String, String)> = cluster
        .requests()
        .into_iter()
        .map(|request| (request.method, general(&request.path)))
        .collect();
    made.sort();
    made.dedup();
    for (method, path) in CALLOUTS {
        assert!(
            made.contains(&(method.to_owned(), path.to_owned())),
            "{method} {path} is not made: {made:?}"
        );
    }
    for (method, path) in &made {
        let is_there = CALLOUTS.iter().any(|(known, other)| known == method && other == path);
        assert!(is_there || method == "GET", "{method} {path} is not killed: {made:?}");
    }
}
