//! An approved plan whose process is killed at every callout: it ends as it was approved, and after
//! an edit nothing more is written.

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, DEAL, Replica};
use crate::postgres;

type Callout = (&'static str, &'static str);

/// What a plan is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Planned {
    /// A deal that was synced, and changed.
    Changes,
    /// A deal that was never synced.
    Creates,
    /// The end of a deal that was synced.
    Ends,
}

/// The callouts of a changed deal's sync with a plan, as `planned_runs_make_these_callouts` finds
/// them; ids are `*`.
const OF_CHANGES: [Callout; 9] = [
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
/// Those of a new deal's sync that write.
const OF_CREATES: [Callout; 7] = [
    ("POST", "/accounts"),
    ("POST", "/contracts"),
    ("POST", "/commitments"),
    ("POST", "/plans"),
    ("POST", "/pricings"),
    ("POST", "/accountplans"),
    ("PATCH", "/composite/sobjects"),
];
/// Those of an end dating that write.
const OF_ENDS: [Callout; 4] = [
    ("PUT", "/contracts/*"),
    ("PUT", "/commitments/*"),
    ("PUT", "/pricings/*"),
    ("PUT", "/accountplans/*"),
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

/// Prepares what is to be approved; its plan.
async fn approved(cluster: &Cluster, replica: &Replica, planned: Planned) -> String {
    if planned != Planned::Creates {
        let run = cluster.begin(replica, DEAL).await;
        cluster.ended(replica, &run).await;
    }
    if planned == Planned::Changes {
        edit(cluster, &json!({"M3ter_Commitment_Amount__c": 15_000, "End_Date__c": "2099-12-31"}));
        let lines = cluster.org.vendor().ids("OpportunityLineItem", "OpportunityId", DEAL);
        cluster.org.vendor().update("OpportunityLineItem", &lines[0], &json!({"UnitPrice": 0.06}));
    }
    let (_, foreseen) = ask(cluster, replica, planned, "dryRun=true", None).await;
    cluster.organization.clear_requests();
    cluster.org.clear_requests();
    foreseen["planHash"].as_str().unwrap_or_else(|| panic!("{foreseen:#}")).to_owned()
}

/// Asks for a sync or an end dating; what is answered about the one record.
async fn ask(
    cluster: &Cluster,
    replica: &Replica,
    planned: Planned,
    query: &str,
    plan: Option<&str>,
) -> (u16, Json) {
    let (path, mut request) = if planned == Planned::Ends {
        let all = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"];
        let request =
            json!({"parentRecordId": DEAL, "endDate": "2026-07-01", "billingEntities": all});
        ("/end-date-billing-entities", request)
    } else {
        ("/sync-to-m3ter", json!({"parentRecordId": DEAL}))
    };
    if let Some(plan) = plan {
        request["expectedPlan"] = json!(plan);
    }
    let path = format!("{path}?{query}");
    let (status, mut body) = cluster.ask(&replica.url, &path, &json!([request])).await.unwrap();
    (status, body[0].take())
}

fn edit(cluster: &Cluster, fields: &Json) {
    cluster.org.vendor().update("Opportunity", DEAL, fields);
}

async fn begin(cluster: &Cluster, replica: &Replica, planned: Planned, plan: &str) -> String {
    let (status, accepted) = ask(cluster, replica, planned, "waitSeconds=0", Some(plan)).await;
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

/// Kills the process at one callout; with an edit, before another one continues.
async fn ends_as_approved(
    is_postgres: bool,
    planned: Planned,
    (method, path, fault): (&'static str, &'static str, FaultKind),
    is_edited: bool,
) {
    let case = format!(
        "postgres {is_postgres} {planned:?} {method} {path} {} edited {is_edited}",
        fault.name()
    );
    let cluster = clusters(is_postgres).await;
    let replica = cluster.replica(&[("RUN_LEASE", "2")]).await;
    let plan = approved(&cluster, &replica, planned).await;
    cluster.fault(method, path, 1, fault);
    let run = begin(&cluster, &replica, planned, &plan).await;
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
        assert_nothing_is_left(&cluster, &replica, planned, &case).await;
    }
    cluster.assert_each_object_once(DEAL, &case);
}

/// Asked again, nothing would be written, and everything is as it was approved.
async fn assert_nothing_is_left(
    cluster: &Cluster,
    replica: &Replica,
    planned: Planned,
    case: &str,
) {
    let (_, foreseen) = ask(cluster, replica, planned, "dryRun=true", None).await;
    let counts = ["unchanged", "updated", "created"].map(|name| foreseen["counts"][name].as_u64());
    let unchanged = if planned == Planned::Ends { 0 } else { 6 };
    assert_eq!(counts, [Some(unchanged), Some(0), Some(0)], "{case}: {foreseen:#}");
    if planned == Planned::Ends {
        let objects = |kind: &str| cluster.organization.vendor().objects(kind);
        let contract =
            objects("contracts").into_iter().find(|contract| contract["code"] == DEAL).unwrap();
        assert_eq!(contract["endDate"], "2026-07-01", "{case}");
        for kind in ["commitments", "accountplans"] {
            let of_contract = objects(kind).into_iter();
            for object in
                of_contract.filter(|object| object.get("contractId") == Some(&contract["id"]))
            {
                assert!(
                    object["endDate"].as_str().unwrap().starts_with("2026-07-01"),
                    "{case}: {object:?}"
                );
            }
        }
    }
}

async fn everywhere(is_postgres: bool) {
    let changes = OF_CHANGES.into_iter().flat_map(|(method, path)| {
        // A read has no effect before which the process could die.
        let faults = if method == "GET" {
            vec![FaultKind::Hang]
        } else {
            vec![FaultKind::Hang, FaultKind::HangAfterEffect]
        };
        faults.into_iter().map(move |fault| (Planned::Changes, (method, path, fault), false))
    });
    let edited = ["/contracts", "/contracts/*", "/commitments/*"].map(|path| {
        let method = if path == "/contracts" { "GET" } else { "PUT" };
        (Planned::Changes, (method, path, FaultKind::Hang), true)
    });
    // Each before its effect on one of the stores, and after it on the other one.
    let others = OF_CREATES
        .into_iter()
        .map(|callout| (Planned::Creates, callout))
        .chain(OF_ENDS.into_iter().map(|callout| (Planned::Ends, callout)))
        .enumerate()
        .map(|(position, (planned, (method, path)))| {
            let is_before = (position % 2 == 0) == is_postgres;
            let fault = if is_before { FaultKind::Hang } else { FaultKind::HangAfterEffect };
            (planned, (method, path, fault), false)
        });
    let outcomes = stream::iter(changes.chain(edited).chain(others))
        .map(|(planned, case, is_edited)| ends_as_approved(is_postgres, planned, case, is_edited));
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
async fn planned_runs_make_these_callouts() {
    for (planned, callouts) in [
        (Planned::Changes, &OF_CHANGES[..]),
        (Planned::Creates, &OF_CREATES),
        (Planned::Ends, &OF_ENDS),
    ] {
        let cluster = Cluster::on_sqlite().await;
        let replica = cluster.replica(&[]).await;
        let plan = approved(&cluster, &replica, planned).await;
        let run = begin(&cluster, &replica, planned, &plan).await;
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
        for (method, path) in callouts {
            assert!(
                made.contains(&((*method).to_owned(), (*path).to_owned())),
                "{planned:?}: {method} {path} is not made: {made:?}"
            );
        }
        for (method, path) in &made {
            let is_there = callouts.iter().any(|(known, other)| known == method && other == path);
            assert!(
                is_there || method == "GET",
                "{planned:?}: {method} {path} is not killed: {made:?}"
            );
        }
    }
}
