//! What callers were told, while they go on beside the walk.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};

use crate::judge::Broken;
use crate::tally::Tally;

/// What all callers of a walk were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The runs that were accepted.
    pub(crate) runs: Vec<String>,
    /// Those of which an answer said that they found everything in place.
    unwritten: BTreeSet<String>,
    /// Whether the database has crashed since all was quiet last.
    pub(crate) has_crashed: bool,
    /// Those of which an answer said that they are tried again.
    promised: BTreeSet<String>,
    /// The last sync of each record that an answer called `Completed`.
    pub(crate) completed: BTreeMap<String, Completed>,
    /// Records, each with a row of which the answer to its sync said that something was written.
    pub(crate) written: BTreeSet<(String, String)>,
    /// m3ter's id of a kind and a row, as the last answer said.
    pub(crate) objects: HashMap<(String, String), String>,
    /// Records of which some run said that they have a Contract of their own.
    pub(crate) not_joined: BTreeSet<String>,
    /// What no caller may be told.
    pub(crate) wrong: Vec<String>,
}

/// A sync after which m3ter was as the record asked.
#[derive(Debug)]
pub(crate) struct Completed {
    /// The operation of the round that asked for it.
    pub(crate) asked: u64,
    /// Kind and row of what it spoke of.
    pub(crate) objects: Vec<(Json, Json)>,
}

impl Told {
    /// What a caller keeps in mind of an answer.
    pub(crate) fn note(&mut self, tally: &Tally, path: &str, status: u16, answer: &Json) {
        let answer = if answer.is_array() { &answer[0] } else { answer };
        if is_lost(answer) {
            tally.count("checked", "runs that a crash of the database lost");
            if answer["objectResults"] != json!([]) {
                self.wrong.push(format!("{path} was lost after it wrote something: {answer}"));
            }
        } else {
            if let (Some(run), true) = (answer["syncRunId"].as_str(), is_unwritten(answer)) {
                self.unwritten.insert(run.to_owned());
            }
            let runs = answer["syncRunIds"]
                .as_array()
                .into_iter()
                .flatten()
                .chain(answer.get("syncRunId"));
            self.runs.extend(runs.filter_map(|run| run.as_str().map(ToOwned::to_owned)));
        }
        if let (Some(run), true) = (answer["syncRunId"].as_str(), answer["nextTryAt"].is_string()) {
            self.promised.insert(run.to_owned());
        }
        let said = answer["errorCode"]
            .as_str()
            .or_else(|| answer["syncStatus"].as_str())
            .unwrap_or(if status == 202 { "accepted" } else { "other" });
        tally.count("answer", said);
        if said == "INTERNAL_ERROR"
            || (status >= 500 && !matches!(said, "DATABASE_UNAVAILABLE" | "SHUTTING_DOWN"))
        {
            self.wrong.push(format!("{path} was answered with {status}: {answer}"));
        }
        for result in answer["objectResults"].as_array().into_iter().flatten() {
            let text = |name: &str| result[name].as_str().map(ToOwned::to_owned);
            if let Some(code) = text("findingCode") {
                tally.count("finding", &code);
            }
            if let (Some(kind), Some(row), Some(id)) =
                (text("objectName"), text("salesforceId"), text("m3terId"))
                && answer["dryRun"] == false
            {
                self.objects.insert((kind, row), id);
            }
        }
    }

    /// The same of the answer to a sync that the walk asked for by its operation of this number.
    pub(crate) fn note_sync(&mut self, asked: u64, answer: &Json) {
        let Some(record) = answer["parentRecordId"].as_str().filter(|_| answer["dryRun"] == false)
        else {
            return;
        };
        let results = || answer["objectResults"].as_array().into_iter().flatten();
        let is_written =
            |result: &&Json| matches!(result["action"].as_str(), Some("created" | "updated"));
        let rows =
            results().filter(is_written).filter_map(|result| result["salesforceId"].as_str());
        self.written.extend(rows.map(|row| (record.to_owned(), row.to_owned())));
        let is_later = self.completed.get(record).is_none_or(|earlier| earlier.asked <= asked);
        if answer["syncStatus"] == "Completed" && is_later {
            let object =
                |result: &Json| (result["objectName"].clone(), result["salesforceId"].clone());
            let completed = Completed { asked, objects: results().map(object).collect() };
            self.completed.insert(record.to_owned(), completed);
        }
    }

    /// The runs that the history must know.
    pub(crate) fn kept_runs(&self) -> Vec<String> {
        let may_be_lost = |run: &&String| self.has_crashed && self.unwritten.contains(*run);
        self.runs.iter().filter(|run| !may_be_lost(run)).cloned().collect()
    }

    /// Runs that have ended are known to have ended; the last one may still be replayed.
    pub(crate) fn forget_runs(&mut self, ended: &[Json]) {
        if std::mem::take(&mut self.has_crashed) {
            let listed: BTreeSet<&str> =
                ended.iter().filter_map(|run| run["syncRunId"].as_str()).collect();
            self.runs.retain(|run| listed.contains(run.as_str()));
        }
        let says = |run: &&Json| {
            run["attention"]
                .as_array()
                .is_some_and(|codes| codes.iter().any(|code| code == "CONTRACT_NOT_JOINED"))
        };
        self.not_joined.extend(
            ended
                .iter()
                .filter(says)
                .filter_map(|run| run["parentRecordId"].as_str().map(ToOwned::to_owned)),
        );
        let last = self.runs.last().cloned();
        self.runs.retain(|run| {
            Some(run) == last.as_ref()
                || !ended.iter().any(|ended| ended["syncRunId"] == run.as_str())
        });
    }

    /// The promises that were not kept, now that every run has ended.
    pub(crate) fn broken_promises(&mut self, tally: &Tally, ended: &[Json]) -> Vec<Broken> {
        let promised = std::mem::take(&mut self.promised);
        let is_promised =
            |run: &&Json| run["syncRunId"].as_str().is_some_and(|run| promised.contains(run));
        let mut broken = Vec::new();
        for run in ended.iter().filter(is_promised) {
            tally.count("checked", "promised tries");
            let tries = run["tries"].as_array().map_or(0, Vec::len);
            if tries < 2 && run.get("supersededBy").is_none() {
                let record = run["parentRecordId"].as_str().unwrap_or_default();
                broken.push(Broken::new(
                    "a try that was promised is made, or its run says why not",
                    run.to_string(),
                    &[record],
                ));
            }
        }
        broken
    }
}

/// Whether a caller who waited was told that the crash of the database lost the run: the history
/// does not know it.
fn is_lost(answer: &Json) -> bool {
    answer["errorCode"] == "INTERRUPTED"
        && answer["message"]
            .as_str()
            .is_some_and(|text| text.contains("lost this sync before it wrote anything"))
}

/// Whether a sync has found everything in place and nothing that somebody must look at, or was to
/// write nothing.
fn is_unwritten(answer: &Json) -> bool {
    let is_as_it_was =
        |result: &Json| matches!(result["action"].as_str(), Some("unchanged" | "skipped"));
    let results = answer["objectResults"].as_array();
    answer["syncStatus"] == "Completed"
        && answer["attention"].as_array().is_none_or(Vec::is_empty)
        && (answer["dryRun"] == true || results.is_some_and(|all| all.iter().all(is_as_it_was)))
}
