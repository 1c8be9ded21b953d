//! What is open to whom.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::support::*;

/// One operation and who is let in; the others get 403.
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    pub(super) open_to: &'static [&'static str],
}

fn row(method: &'static str, path: &str, body: &Json, open_to: &'static [&'static str]) -> Row {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Row { method, path: path.to_owned(), body, open_to }
}

/// What is open to whom. Whatever else the document or the router has is open to an operator
/// without scopes and objects only.
pub(super) fn table(run: &str) -> Vec<Row> {
    let list = json!([{ "parentRecordId": DEAL }]);
    let ending = json!([{ "parentRecordId": DEAL, "endDate": "2027-01-01", "billingEntities": ["CONTRACT"] }]);
    let one = format!("/sync-to-m3ter/{DEAL}");
    let (writes, dry_runs): (&[_], &[_]) = (
        &["caller", "operator", "of opportunities"],
        &["caller", "operator", "of opportunities", "dry caller", "dry operator"],
    );
    let everybody: &[_] = &[
        "caller",
        "viewer",
        "operator",
        "dry caller",
        "dry operator",
        "ender",
        "dry ender",
        "of opportunities",
        "of orders",
    ];
    vec![
        row("POST", "/sync-to-m3ter", &list, writes),
        row("POST", "/sync-to-m3ter?dryRun=false", &list, writes),
        row("POST", "/sync-to-m3ter?dryRun=true", &list, dry_runs),
        row("POST", &one, &Json::Null, writes),
        row("POST", &format!("{one}?dryRun=true"), &Json::Null, dry_runs),
        row(
            "POST",
            "/sync-to-m3ter/",
            &Json::Null,
            &["caller", "operator", "of opportunities", "of orders"],
        ),
        row(
            "POST",
            "/end-date-billing-entities?dryRun=true",
            &ending,
            &["operator", "dry operator", "ender", "dry ender", "of opportunities"],
        ),
        row(
            "POST",
            "/end-date-billing-entities",
            &ending,
            &["operator", "ender", "of opportunities"],
        ),
        row("POST", "/sync-runs", &list[0], writes),
        row("POST", "/sync-runs?dryRun=true", &list[0], dry_runs),
        row(
            "POST",
            "/sync-runs/end-date?dryRun=true",
            &ending[0],
            &["operator", "dry operator", "ender", "dry ender", "of opportunities"],
        ),
        row("POST", "/sync-runs/end-date", &ending[0], &["operator", "ender", "of opportunities"]),
        row("GET", "/sync-runs", &Json::Null, &["viewer", "operator", "dry operator"]),
        row("GET", "/changes", &Json::Null, &["viewer", "operator", "dry operator"]),
        row("GET", "/links", &Json::Null, &["viewer", "operator", "dry operator"]),
        row(
            "GET",
            &format!("/links?parentRecordId={DEAL}"),
            &Json::Null,
            &["viewer", "operator", "dry operator", "of opportunities"],
        ),
        row("POST", "/links/forget", &json!({ "salesforceId": DEAL }), &["operator"]),
        row(
            "POST",
            "/links/move?dryRun=true",
            &json!({ "fromSalesforceId": ACCOUNT, "toSalesforceId": ACCOUNT }),
            &["operator"],
        ),
        row(
            "GET",
            &format!("/sync-runs?parentRecordId={DEAL}"),
            &Json::Null,
            &["viewer", "operator", "dry operator", "of opportunities"],
        ),
        row("GET", &format!("/sync-runs/{run}"), &Json::Null, everybody),
        row("POST", &format!("/sync-runs/{run}/replay"), &Json::Null, &["operator"]),
        row("POST", "/sync-runs/replay", &json!({ "parentRecordId": DEAL }), &["operator"]),
        row("POST", &format!("/reopen-billing-entities/{DEAL}"), &Json::Null, &["operator"]),
        row("GET", "/verifications", &Json::Null, &["viewer", "operator", "dry operator"]),
        row("GET", "/verifications/x", &Json::Null, &["viewer", "operator", "dry operator"]),
        row(
            "GET",
            "/verifications/x/records",
            &Json::Null,
            &["viewer", "operator", "dry operator"],
        ),
        row(
            "GET",
            "/verifications/x/backfill",
            &Json::Null,
            &["viewer", "operator", "dry operator"],
        ),
        row("POST", "/verifications", &json!({ "recordIds": [DEAL] }), &["operator"]),
        row("POST", "/verifications/x/cancel", &Json::Null, &["operator"]),
        row("POST", "/verifications/x/resume", &Json::Null, &["operator"]),
        row("GET", "/nothing", &Json::Null, everybody),
        row("GET", "/livez", &Json::Null, everybody),
        row("GET", "/readyz", &Json::Null, everybody),
        row("GET", "/openapi.yaml", &Json::Null, everybody),
    ]
}

/// Paths of the document, without a parameter's name.
pub(super) fn documented() -> BTreeSet<String> {
    let document: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(include_str!("../../../../openapi.yaml")).unwrap();
    document["paths"]
        .as_mapping()
        .unwrap()
        .keys()
        .map(|path| path.as_str().unwrap().to_owned())
        .collect()
}
