//! What a dry run said, against the sync right after it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What m3ter alone decides: a dry run may only warn of it.
const M3TERS_OWN: [&str; 4] =
    ["COMMITMENT_OVERLAP", "ACCOUNT_PLAN_OVERLAP", "REFUSED_BY_M3TER", "DEPENDENCY_FAILED"];

type Said<'a> = BTreeMap<(&'a str, &'a str), &'a Json>;

fn results(answer: &Json) -> Said<'_> {
    let results = answer["objectResults"].as_array().into_iter().flatten();
    results
        .filter_map(|result| {
            Some(((result["objectName"].as_str()?, result["salesforceId"].as_str()?), result))
        })
        .collect()
}

/// Where the sync did something else than its dry run had said.
pub(crate) fn compare(dry: &Json, sync: &Json) -> Vec<String> {
    // A dry run goes on with a record that is not ready.
    if sync["errorCode"] == "RECORD_NOT_READY" {
        return Vec::new();
    }
    let (said, done) = (results(dry), results(sync));
    let mut wrong = Vec::new();
    for key in said.keys().chain(done.keys()).collect::<std::collections::BTreeSet<_>>() {
        match (said.get(key), done.get(key)) {
            (Some(said), Some(done)) => {
                let code =
                    |result: &Json| result["findingCode"].as_str().unwrap_or_default().to_owned();
                let is_same = said["action"] == done["action"] && code(said) == code(done);
                let is_warned = M3TERS_OWN.contains(&code(done).as_str());
                if !is_same && !is_warned {
                    wrong.push(format!("{key:?}: it said {said:#}, and did {done:#}"));
                }
            }
            (said, done) => wrong.push(format!("{key:?}: it said {said:?}, and did {done:?}")),
        }
    }
    if said.is_empty() && dry["errorCode"] != sync["errorCode"] {
        wrong.push(format!("it said {dry:#}, and did {sync:#}"));
    }
    wrong
}
