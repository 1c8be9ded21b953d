//! What a dry run said, against the sync right after it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What m3ter alone decides: a dry run need not know it.
const M3TERS_OWN: [&str; 2] = ["REFUSED_BY_M3TER", "DEPENDENCY_FAILED"];
/// What can be seen before, and m3ter may take all the same: a dry run warns of it at least.
const IN_THE_WAY: [&str; 2] = ["COMMITMENT_OVERLAP", "ACCOUNT_PLAN_OVERLAP"];

type Said<'a> = BTreeMap<(&'a str, &'a str), &'a Json>;

fn results(answer: &Json) -> Said<'_> {
    let results = answer["objectResults"].as_array().into_iter().flatten();
    results
        .filter_map(|result| {
            Some(((result["objectName"].as_str()?, result["salesforceId"].as_str()?), result))
        })
        .collect()
}

fn is_warned_of(said: &Json) -> bool {
    let mut warnings = said["warnings"].as_array().into_iter().flatten().filter_map(Json::as_str);
    warnings.any(|warning| warning.contains("m3ter may refuse this one"))
}

/// Where the sync did something else than its dry run had said.
pub(crate) fn compare(dry: &Json, sync: &Json) -> Vec<String> {
    // A dry run continues with a record that is not ready.
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
                let is_excused = M3TERS_OWN.contains(&code(done).as_str())
                    || IN_THE_WAY.contains(&code(done).as_str()) && is_warned_of(said);
                if !is_same && !is_excused {
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
